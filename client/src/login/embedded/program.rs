//! One session channel: gathers what the client wants, runs it, carries its bytes.

use std::net::SocketAddr;
use std::os::unix::process::ExitStatusExt as _;
use std::process::ExitStatus;
use std::str::FromStr as _;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use nix::sys::signal::Signal;
use nix::unistd::User;
use pty_process::Size;
use russh::server::Msg;
use russh::{Channel, ChannelMsg, ChannelReadHalf, ChannelWriteHalf, Sig};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWriteExt as _};
use tokio::sync::{mpsc, watch};
use tokio::time::timeout;

use super::child::{Child, Input, Process, Setup};

/// Serves the channel to its end.
pub(super) async fn serve(channel: Channel<Msg>, user: Arc<User>, address: Option<SocketAddr>) {
    let (mut requests, client) = channel.split();
    let Some((command, setup)) = gather(&mut requests).await else {
        return;
    };
    match Child::spawn(command.as_deref(), &setup, &user, address) {
        Ok(child) => run(child, requests, &client).await,
        Err(error) => {
            let text = format!("cannot start {}: {error}\n", user.shell.display());
            // A client that is gone needs neither the reason nor the status.
            let _ = client.extended_data_bytes(STDERR, text).await;
            let _ = client.exit_status(NOT_STARTED).await;
        }
    }
    let _ = client.eof().await;
    let _ = client.close().await;
}

/// Waits for the request that names the program; `None` if there will be none.
async fn gather(requests: &mut ChannelReadHalf) -> Option<(Option<Vec<u8>>, Setup)> {
    let mut setup = Setup::default();
    loop {
        #[expect(clippy::wildcard_enum_match_arm, reason = "the rest needs no program")]
        match requests.wait().await? {
            ChannelMsg::SetEnv {
                variable_name,
                variable_value,
                ..
            } => {
                let usable = !variable_name.is_empty()
                    && !variable_name.contains(['=', '\0'])
                    && !variable_value.contains('\0');
                if usable && setup.env.len() < MAX_ENV {
                    setup.env.push((variable_name, variable_value));
                }
            }
            ChannelMsg::RequestPty {
                term,
                col_width,
                row_height,
                ..
            } => {
                setup.terminal = Some((term.replace('\0', ""), size(col_width, row_height)));
            }
            ChannelMsg::Exec { command, .. } => return Some((Some(command), setup)),
            ChannelMsg::RequestShell { .. } => return Some((None, setup)),
            ChannelMsg::Close => return None,
            _ => {}
        }
    }
}

async fn run(child: Child, requests: ChannelReadHalf, client: &ChannelWriteHalf<Msg>) {
    let Child {
        stdin,
        stdout,
        stderr,
        mut process,
    } = child;
    let (input, waiting) = mpsc::channel(MAX_INPUT);
    let (signals, mut signalled) = watch::channel(None);
    let (exited, has_exited) = watch::channel(false);
    let output = async {
        let err = async {
            if let Some(stderr) = stderr {
                copy(stderr, client, Some(STDERR), has_exited.clone()).await;
            }
        };
        let end = async {
            let status = wait(&mut process, &mut signalled).await;
            exited.send_replace(true);
            status
        };
        let out = copy(stdout, client, None, has_exited.clone());
        let ((), (), status) = tokio::join!(out, err, end);
        // A client that is gone needs no status.
        let _ = report(client, status).await;
    };
    tokio::select! {
        biased; // What the program said is sent before its client is heard.
        () = output => {}
        () = control(requests, input, &signals) => {}
        // Does not end the program: it may well close its stdin and go on.
        () = async { feed(stdin, waiting).await; std::future::pending().await } => {}
    }
}

/// Waits for the program to end, passing on signals meanwhile.
async fn wait(
    process: &mut Process,
    signals: &mut watch::Receiver<Option<Signal>>,
) -> Option<ExitStatus> {
    loop {
        tokio::select! {
            biased; // One that has ended is nobody's to signal: its number may be another's.
            status = process.wait() => return status.ok(),
            Ok(()) = signals.changed() => {
                let signal = *signals.borrow_and_update();
                if let Some(signal) = signal {
                    process.signal(signal);
                }
            }
        }
    }
}

/// What goes to the program.
enum ToProgram {
    Bytes(Bytes),
    Resize(Size),
}

/// Hears the client. Never waits for the program: the library reads all channels of a connection
/// in one loop, and a program that waits for its output to be taken would wait for ever.
async fn control(
    mut requests: ChannelReadHalf,
    input: mpsc::Sender<ToProgram>,
    signals: &watch::Sender<Option<Signal>>,
) {
    let mut input = Some(input);
    while let Some(message) = requests.wait().await {
        #[expect(
            clippy::wildcard_enum_match_arm,
            reason = "the rest is nothing to a program"
        )]
        let next = match message {
            ChannelMsg::Data { data } => ToProgram::Bytes(data),
            ChannelMsg::WindowChange {
                col_width,
                row_height,
                ..
            } => ToProgram::Resize(size(col_width, row_height)),
            ChannelMsg::Eof => {
                input = None;
                continue;
            }
            ChannelMsg::Signal { signal } => {
                signals.send_replace(parse_signal(&signal));
                continue;
            }
            ChannelMsg::Close => return,
            _ => continue,
        };
        if let Some(queue) = &input
            && let Err(mpsc::error::TrySendError::Full(_)) = queue.try_send(next)
        {
            tracing::warn!("a program took too little of its input");
            return;
        }
    }
}

/// Writes the program's input, until it ends or the program takes no more.
async fn feed(mut stdin: Input, mut waiting: mpsc::Receiver<ToProgram>) {
    while let Some(next) = waiting.recv().await {
        let written = match (&mut stdin, next) {
            (stdin, ToProgram::Resize(size)) => {
                stdin.resize(size);
                Ok(())
            }
            (Input::Pipe(pipe), ToProgram::Bytes(bytes)) => pipe.write_all(&bytes).await,
            (Input::Terminal(pty), ToProgram::Bytes(bytes)) => pty.write_all(&bytes).await,
        };
        if written.is_err() {
            return;
        }
    }
    if let Input::Terminal(pty) = stdin {
        // Closing it would hang up on the program; an end of input does not.
        let _kept = pty;
        std::future::pending::<()>().await;
    }
}

/// Carries output to the client, until it ends. A process that the program left behind and that
/// still holds the stream is not waited for.
async fn copy(
    mut from: impl AsyncRead + Unpin,
    client: &ChannelWriteHalf<Msg>,
    ext: Option<u32>,
    mut exited: watch::Receiver<bool>,
) {
    let mut buffer = BytesMut::new();
    let mut over = false;
    loop {
        buffer.reserve(CHUNK);
        let read = if over {
            timeout(LINGER, from.read_buf(&mut buffer))
                .await
                .unwrap_or(Ok(0))
        } else {
            tokio::select! {
                biased; // Who goes on printing behind the program does not hide its end.
                _ = exited.wait_for(|exited| *exited) => {
                    over = true;
                    continue;
                }
                read = from.read_buf(&mut buffer) => read,
            }
        };
        // A terminal whose program is gone reports an error where a pipe ends.
        if read.is_err() || buffer.is_empty() {
            return;
        }
        let bytes = buffer.split().freeze();
        let sent = match ext {
            None => client.data_bytes(bytes).await,
            Some(ext) => client.extended_data_bytes(ext, bytes).await,
        };
        if sent.is_err() {
            return;
        }
    }
}

async fn report(
    client: &ChannelWriteHalf<Msg>,
    status: Option<ExitStatus>,
) -> Result<(), russh::Error> {
    let Some(status) = status else {
        return client.exit_status(NOT_STARTED).await;
    };
    match (status.code(), status.signal()) {
        (Some(code), _) => {
            client
                .exit_status(u32::try_from(code).unwrap_or(NOT_STARTED))
                .await
        }
        // The library's server cannot say which signal from here; shells say it so.
        (None, signal) => {
            let number = signal
                .and_then(|signal| u32::try_from(signal).ok())
                .unwrap_or(0);
            client.exit_status(KILLED + number).await
        }
    }
}

fn parse_signal(signal: &Sig) -> Option<Signal> {
    let name = if let Sig::Custom(name) = signal {
        name.clone()
    } else {
        format!("{signal:?}")
    };
    Signal::from_str(&format!("SIG{name}")).ok()
}

fn size(columns: u32, rows: u32) -> Size {
    let cells = |count: u32| u16::try_from(count).unwrap_or(u16::MAX);
    Size::new(cells(rows), cells(columns))
}

/// SSH_EXTENDED_DATA_STDERR.
const STDERR: u32 = 1;

/// What shells report for a command that does not start.
const NOT_STARTED: u32 = 127;

/// What shells add a signal's number to.
const KILLED: u32 = 128;

/// A packet of the library.
const CHUNK: usize = 32 << 10;

/// Messages for one program, of a packet each at most: the one client is this very program.
const MAX_INPUT: usize = 4096;

const MAX_ENV: usize = 256;

/// The last words of a program are in the pipe when it ends; this is for the system to say so.
const LINGER: Duration = Duration::from_millis(100);
