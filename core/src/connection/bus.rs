//! The bus: one stream for the events of a connection, read and written by two tasks.

use bytes::BytesMut;
use tokio::io::{AsyncRead, AsyncWriteExt};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::transport::{ReadHalf, WriteHalf};
use crate::wire::{BusDecoder, BusEvent, BusWelcome, WireError, codec};

/// Events that wait to be written, or to be acted upon. A peer that is stuck lets these fill.
pub const BUS_ROOM: usize = 64;

/// Whether the server's answer to the greeting was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Greeting {
    /// Events follow.
    Answered,
    /// The answer comes first: the client did not wait for it.
    Open,
}

/// Reads the server's answer to the greeting.
///
/// # Errors
///
/// [`WireError::Refused`], or the stream's own.
pub(super) async fn read_welcome(
    from: &mut (impl AsyncRead + Unpin),
) -> Result<BusWelcome, WireError> {
    codec::read_ack(from).await?;
    codec::read_reply(from).await
}

/// Both ends of a bus for whoever acts on its events.
#[derive(Debug)]
pub struct Bus {
    /// Events to the peer.
    pub outgoing: mpsc::Sender<BusEvent>,
    /// Events from the peer; ends with the peer's end of the stream, or with an error.
    pub incoming: mpsc::Receiver<Result<BusEvent, WireError>>,
}

/// A bus over the two halves of a stream, and the tasks that read and write it.
///
/// The writer ends its direction behind [`BusEvent::Close`], and then waits for `stop`, as the peer's
/// end is still to come; or when the last clone of `outgoing` is dropped. Everything sent before is
/// written first.
pub fn new(
    reader: Box<dyn ReadHalf>,
    writer: Box<dyn WriteHalf>,
    stop: CancellationToken,
) -> (
    Bus,
    impl Future<Output = ()> + Send + 'static,
    impl Future<Output = ()> + Send + 'static,
) {
    after(Greeting::Answered, reader, writer, stop)
}

/// The same for a client that may not have waited for the answer to its greeting.
pub(super) fn after(
    greeting: Greeting,
    reader: Box<dyn ReadHalf>,
    writer: Box<dyn WriteHalf>,
    stop: CancellationToken,
) -> (
    Bus,
    impl Future<Output = ()> + Send + 'static,
    impl Future<Output = ()> + Send + 'static,
) {
    let (outgoing, to_write) = mpsc::channel(BUS_ROOM);
    let (read, incoming) = mpsc::channel(BUS_ROOM);
    let bus = Bus { outgoing, incoming };
    (
        bus,
        read_events(reader, read, greeting, stop.clone()),
        write_events(writer, to_write, stop),
    )
}

async fn read_events(
    mut reader: Box<dyn ReadHalf>,
    to: mpsc::Sender<Result<BusEvent, WireError>>,
    greeting: Greeting,
    stop: CancellationToken,
) {
    let mut decoder = BusDecoder::new();
    let events = async {
        if greeting == Greeting::Open
            && let Err(error) = read_welcome(&mut reader).await
        {
            // Whoever acts on events has left, or hears of the refusal.
            let _ = to.send(Err(error)).await;
            return;
        }
        loop {
            let event = match decoder.read_event(&mut reader).await {
                Ok(Some(event)) => Ok(event),
                Ok(None) => return,
                Err(error) if error.is_recoverable() => {
                    tracing::warn!(%error, "an event of the peer is ignored");
                    continue;
                }
                Err(error) => Err(error),
            };
            let last = event.is_err();
            if to.send(event).await.is_err() || last {
                return;
            }
        }
    };
    tokio::select! {
        biased; // Nothing more is read or written once it stops.
        () = stop.cancelled() => {}
        () = events => {}
    }
}

async fn write_events(
    mut writer: Box<dyn WriteHalf>,
    mut from: mpsc::Receiver<BusEvent>,
    stop: CancellationToken,
) {
    let mut buffer = BytesMut::new();
    let mut closed = false;
    let events = async {
        while let Some(event) = from.recv().await {
            buffer.clear();
            if let Err(error) = event.encode(&mut buffer) {
                tracing::warn!(%error, "an event of ours is not sent");
                continue;
            }
            if let Err(error) = writer.write_all(&buffer).await {
                tracing::debug!(%error, "the bus is closed for writing");
                return;
            }
            if event == BusEvent::Close {
                closed = true;
                break;
            }
        }
        // A peer that is gone needs no end of stream.
        let _ = writer.shutdown().await;
        if closed {
            // The end of this task would end the connection before the peer has heard.
            std::future::pending::<()>().await;
        }
    };
    tokio::select! {
        biased; // Nothing more is read or written once it stops.
        () = stop.cancelled() => {}
        () = events => {}
    }
}
