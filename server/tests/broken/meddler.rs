//! A host that breaks one promise: it stands between a client and the real server, and reads along.

use std::collections::BTreeMap;
use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
use tssh_conformance::session::Arrival;
use tssh_core::transport::{Connection, Datagrams, ReadHalf, Rekey, Stream, TransportError};
use tssh_core::wire::{
    BusDecoder, BusEvent, BusHello, Command, DialReply, SessionStart, WireError, codec,
};

use crate::halves::In;
use crate::host::{host, serve};
use crate::sunk::Sunk;

/// Which promise.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// Connects to a port at which nobody listens.
    ConnectsToNobody,
    /// The end of what a client sends to a forwarded connection ends what it hears.
    EndsDialsAtHalfClose,
    /// Keys are asked for, and not answered.
    IgnoresKeys,
    /// Windows keep their size.
    IgnoresResize,
    /// Every program ended with 0.
    LosesExitStatus,
    /// No program was ended by a signal.
    LosesSignals,
    /// What a program says behind two megabytes is dropped.
    LosesTheRest,
    /// Standard error is output.
    MixesErrors,
    /// A session that begins beside another runs what that one runs.
    MixesSessions,
    /// A client that is gone is waited for.
    NeverGivesUp,
    /// None.
    Nothing,
    /// What ran for a client runs on.
    OutlivesItsClient,
    /// What is typed into a terminal is dropped.
    SwallowsKeys,
    /// A terminal is a pipe.
    TakesTerminalsForPipes,
}

/// Serves with a fault.
pub(crate) async fn serve_badly(arrival: Arrival, fault: Fault) {
    let between = Arc::new(Between {
        fault,
        running: Mutex::default(),
        closed: AtomicBool::new(false),
    });
    let meddled = Arrival {
        connection: Arc::new(Meddler {
            inner: arrival.connection,
            between: between.clone(),
        }),
        ..arrival
    };
    if fault == Fault::OutlivesItsClient {
        // Kept until the runtime ends.
        std::mem::forget(serve(meddled).await);
        return;
    }
    host(meddled).await;
    if fault == Fault::NeverGivesUp && !between.closed.load(Ordering::Relaxed) {
        std::future::pending::<()>().await;
    }
}

struct Meddler {
    inner: Arc<dyn Connection>,
    between: Arc<Between>,
}

struct Between {
    fault: Fault,
    /// The lines of sessions that have not ended.
    running: Mutex<BTreeMap<u64, Vec<u8>>>,
    /// The client said goodbye.
    closed: AtomicBool,
}

#[async_trait]
impl Connection for Meddler {
    async fn open(&self) -> Result<Stream, TransportError> {
        self.inner.open().await
    }

    async fn accept(&self) -> Result<Stream, TransportError> {
        let client = self.inner.accept().await?;
        let (to_server, from_client) = duplex(ROOM);
        let (to_client, from_server) = duplex(ROOM);
        let between = self.between.clone();
        // It ends with the streams between which it stands.
        tokio::spawn(async move {
            // A stream that breaks off breaks off on the other side too.
            let _ = between.meddle(client, from_server, to_server).await;
        });
        Ok(Stream {
            reader: Box::new(In(from_client)),
            writer: Box::new(Sunk(to_client)),
        })
    }

    fn datagrams(&self) -> Option<Arc<dyn Datagrams>> {
        self.inner.datagrams()
    }

    fn rtt(&self) -> Option<Duration> {
        self.inner.rtt()
    }

    fn sent(&self) -> Option<u64> {
        self.inner.sent()
    }

    fn rekey(&self) -> Option<Arc<dyn Rekey>> {
        self.inner.rekey()
    }

    async fn close(&self) {
        self.inner.close().await;
    }

    async fn closed(&self) -> TransportError {
        self.inner.closed().await
    }
}

impl Between {
    async fn meddle(
        &self,
        mut client: Stream,
        mut from_server: DuplexStream,
        mut to_server: DuplexStream,
    ) -> Result<(), WireError> {
        let name = codec::read_command(&mut client).await?;
        codec::write_command(&mut to_server, &name).await?;
        match name.parse() {
            Ok(Command::Bus) => {
                let hello: BusHello = codec::read_message(&mut client).await?;
                codec::write_message(&mut to_server, &hello).await?;
                let up = self.pass_events(client.reader, &mut to_server);
                let down = async {
                    pass_answers(&mut from_server, &mut client.writer, 2).await?;
                    self.pass_events(Box::new(In(from_server)), &mut client.writer)
                        .await
                };
                let (up, down) = tokio::join!(up, down);
                up.and(down)
            }
            Ok(Command::Session) => {
                let mut start: SessionStart = codec::read_message(&mut client).await?;
                let terminal = start.pty;
                self.change(&mut start);
                codec::write_message(&mut to_server, &start).await?;
                pass_answers(&mut from_server, &mut client.writer, 2).await?;
                let up = async {
                    if terminal && self.fault == Fault::SwallowsKeys {
                        to_server = duplex(1).0;
                        tokio::io::copy(&mut client.reader, &mut tokio::io::sink()).await?;
                    }
                    pass(&mut client.reader, &mut to_server, usize::MAX).await
                };
                let most = match self.fault {
                    Fault::LosesTheRest => 2_000_000,
                    _ => usize::MAX,
                };
                let down = pass(&mut from_server, &mut client.writer, most);
                let (up, down) = tokio::join!(up, down);
                Ok(up.and(down)?)
            }
            Ok(Command::Dial) => {
                let answered = async {
                    pass_answers(&mut from_server, &mut client.writer, 1).await?;
                    match codec::read_reply::<DialReply, _>(&mut from_server).await {
                        Ok(reply) => codec::write_reply(&mut client.writer, &reply).await,
                        Err(_) if self.fault == Fault::ConnectsToNobody => {
                            codec::write_reply(&mut client.writer, &DialReply::default()).await
                        }
                        Err(WireError::Refused { code, reason }) => {
                            let reason = reason.to_string();
                            codec::write_refusal(&mut client.writer, code, &reason).await
                        }
                        Err(error) => Err(error),
                    }?;
                    pass(&mut from_server, &mut client.writer, usize::MAX).await?;
                    Ok::<_, WireError>(())
                };
                let asked = pass(&mut client.reader, &mut to_server, usize::MAX);
                if self.fault == Fault::EndsDialsAtHalfClose {
                    return tokio::select! {
                        answered = answered => answered,
                        asked = asked => Ok(asked?),
                    };
                }
                let (asked, answered) = tokio::join!(asked, answered);
                asked?;
                answered
            }
            _ => {
                let up = pass(&mut client.reader, &mut to_server, usize::MAX);
                let down = pass(&mut from_server, &mut client.writer, usize::MAX);
                let (up, down) = tokio::join!(up, down);
                Ok(up.and(down)?)
            }
        }
    }

    /// Events, in either direction, until the end or a failure.
    async fn pass_events(
        &self,
        mut from: Box<dyn ReadHalf>,
        to: &mut (impl tokio::io::AsyncWrite + Unpin),
    ) -> Result<(), WireError> {
        let mut decoder = BusDecoder::new();
        let mut out = bytes::BytesMut::new();
        while let Some(event) = decoder.read_event(&mut from).await? {
            let Some(event) = self.changed(event) else {
                continue;
            };
            out.clear();
            event.encode(&mut out)?;
            to.write_all(&out).await?;
        }
        Ok(to.shutdown().await?)
    }

    fn changed(&self, mut event: BusEvent) -> Option<BusEvent> {
        match &mut event {
            BusEvent::Close => self.closed.store(true, Ordering::Relaxed),
            BusEvent::Exit(exit) => {
                self.running.lock().unwrap().remove(&exit.id);
                match self.fault {
                    Fault::LosesExitStatus => exit.code = 0,
                    Fault::LosesSignals => exit.signal.clear(),
                    _ => {}
                }
            }
            BusEvent::Rekey(_) if self.fault == Fault::IgnoresKeys => return None,
            BusEvent::Resize(_) if self.fault == Fault::IgnoresResize => return None,
            _ => {}
        }
        Some(event)
    }

    fn change(&self, start: &mut SessionStart) {
        let mut running = self.running.lock().unwrap();
        let beside = running.values().next().cloned();
        running.insert(start.id, start.shell_command.clone());
        match self.fault {
            Fault::MixesErrors => {
                start.shell_command = [b"exec 2>&1; ", &*start.shell_command].concat();
            }
            Fault::MixesSessions => {
                if let Some(beside) = beside {
                    start.shell_command = beside;
                }
            }
            Fault::TakesTerminalsForPipes => start.pty = false,
            _ => {}
        }
    }
}

/// Passes so many answers of a length and a text.
async fn pass_answers(
    from: &mut (impl tokio::io::AsyncRead + Unpin),
    to: &mut (impl tokio::io::AsyncWrite + Unpin),
    count: usize,
) -> io::Result<()> {
    for _ in 0..count {
        let length = from.read_u32().await?;
        let mut answer = length.to_be_bytes().to_vec();
        from.take(length.into()).read_to_end(&mut answer).await?;
        to.write_all(&answer).await?;
    }
    Ok(())
}

/// Passes bytes until their end, and drops those behind `most`.
async fn pass(
    from: &mut (impl tokio::io::AsyncRead + Unpin),
    to: &mut (impl tokio::io::AsyncWrite + Unpin),
    most: usize,
) -> io::Result<()> {
    tokio::io::copy(&mut from.take(most as u64), to).await?;
    tokio::io::copy(from, &mut tokio::io::sink()).await?;
    to.shutdown().await
}

/// What a stream holds between the two.
const ROOM: usize = 64 * 1024;
