//! One running shell or command, and the streams of the client that it belongs to.
//!
//! | want to change…                                | look in       |
//! |------------------------------------------------|---------------|
//! | which child a start message means              | `request.rs`  |
//! | how a session starts and ends                  | `mod.rs`      |
//! | bytes of a session without a terminal          | `pipes.rs`    |
//! | bytes of a session with one                    | `terminal.rs` |
//! | stdin, and what is cut out of it               | `input.rs`    |
//! | what the client wants of the terminal          | `wishes.rs`   |
//! | when the next session may start                | `place.rs`    |
//!
//! Not here: which sessions there are (`keeper`), how a process is started (`child`), what is kept for a client that is
//! away (`tssh_core::session`).

mod input;
mod pipes;
mod place;
mod request;
mod terminal;
mod wishes;

use std::sync::Arc;

use tokio::sync::{mpsc, watch};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tssh_core::transport::Stream;
use tssh_core::wire::{BusEvent, ErrorLine, Exit, SessionStart, codec};

use crate::child::{Child, Control, ExitStatus, Login, Spec};
use crate::keeper::Start;
use crate::limits::LAST_WORDS;
pub use place::Place;
use request::RequestError;
pub use wishes::Wishes;

/// Runs a session from its start message to its end, or until `end` hangs it up.
pub async fn run(
    start: Start,
    login: Arc<Login>,
    place: Place,
    wishes: watch::Receiver<Wishes>,
    end: CancellationToken,
) {
    let Start {
        message,
        mut stream,
        stderr,
        client,
    } = start;
    let stderr = stderr.map(|errors| errors.0);
    let spawned = match request::spec(&message, &login, stderr.is_some()) {
        Ok(spec) => tokio::select! {
            biased; // What has started is hung up below.
            spawned = spawn(spec, login, end.clone()) => spawned,
            () = end.cancelled() => return,
        },
        Err(error) => Err(error),
    };
    let child = match spawned {
        Ok(child) => child,
        Err(error) => {
            drop(place);
            return refuse(stream, &error).await;
        }
    };
    refuse_forwards(&message, &client.bus);
    let acknowledged = tokio::select! {
        biased; // Nobody is told of a session that is to end.
        () = end.cancelled() => false,
        acknowledged = codec::write_ack(&mut stream) => acknowledged.is_ok(),
    };
    if !acknowledged {
        child.control.hang_up();
        return;
    }
    let Child {
        input,
        output,
        errors,
        control,
    } = child;
    let Stream { reader, mut writer } = stream;
    let bus = client.bus.clone();
    let reported = report(control.clone(), message.id, bus, place.clone());
    let stdin = input::pump(reader, input, input::Kind::of(&message), client.clone());
    let bytes = async {
        if message.pty {
            if let Some(mut stderr) = stderr {
                // A terminal has one output; a client that opened a second learns so at once.
                let _ = tokio::io::AsyncWriteExt::shutdown(&mut stderr).await;
            }
            let shown = terminal::pump(
                output,
                &mut *writer,
                control.clone(),
                wishes,
                client.clone(),
            );
            shown.await;
            drop(place);
            // A client that is gone needs no end of stream.
            let _ = tokio::io::AsyncWriteExt::shutdown(&mut writer).await;
        } else {
            let beside = place.clone();
            tokio::join!(pipes::pump(output, writer, place), async move {
                match (errors, stderr) {
                    (Some(errors), Some(stderr)) => pipes::pump(errors, stderr, beside).await,
                    (None, Some(mut stderr)) => {
                        drop(beside);
                        // As above.
                        let _ = tokio::io::AsyncWriteExt::shutdown(&mut stderr).await;
                    }
                    (_, None) => {}
                }
            });
        }
    };
    // PROTOCOL.md, "Sessions": over when the exit and the ends of both outputs have come, in whatever order. What the
    // client may still have to say to a program that has ended is of no interest.
    let mut over = std::pin::pin!(async {
        tokio::select! {
            biased; // The other never ends; both are polled in each turn.
            _ = async { tokio::join!(reported, bytes) } => {}
            () = async { stdin.await; std::future::pending().await } => {}
        }
    });
    tokio::select! {
        biased; // What is over needs no hangup.
        () = &mut over => return,
        () = end.cancelled() => control.hang_up(),
    }
    if timeout(LAST_WORDS, over).await.is_err() {
        tracing::debug!(id = message.id, "a session ignores its hangup");
        let exit = exit_of(message.id, None);
        // A bus that is full has a client that is not there.
        let _ = client.bus.try_send(BusEvent::Exit(exit));
    }
}

/// Starts the child on a thread of its own: a home on a file server that does not answer holds back no
/// other session. There are as many of these threads as sessions that wait for such a server.
async fn spawn(
    spec: Spec,
    login: Arc<Login>,
    end: CancellationToken,
) -> Result<Child, RequestError> {
    let starting = tokio::task::spawn_blocking(move || {
        let child = spec.spawn(&login)?;
        if end.is_cancelled() {
            // Nobody waits for it any more.
            child.control.hang_up();
        }
        Ok(child)
    });
    match starting.await {
        Ok(started) => started,
        Err(error) => Err(RequestError::Broke(error)),
    }
}

/// Tells the client how the child ended.
async fn report(control: Control, id: u64, bus: mpsc::Sender<BusEvent>, place: Place) {
    let status = control.wait().await;
    drop(place);
    tracing::debug!(id, ?status, "a child has ended");
    // A client that is gone needs no telling.
    let _ = bus.send(BusEvent::Exit(exit_of(id, Some(status)))).await;
}

fn exit_of(id: u64, status: Option<ExitStatus>) -> Exit {
    let code = status.map_or(Exit::BY_SIGNAL, |status| status.wire_code().into());
    let signal = status.and_then(ExitStatus::signal_name).unwrap_or("");
    Exit {
        id,
        code,
        signal: signal.to_owned(),
    }
}

/// PROTOCOL.md, "Sessions": a refused X11 or agent is an `error` event, and the session starts without.
fn refuse_forwards(message: &SessionStart, bus: &mpsc::Sender<BusEvent>) {
    let asked = [
        ("X11 forwarding", message.x11.is_some()),
        ("agent forwarding", message.agent.is_some()),
    ];
    for (what, _) in asked.into_iter().filter(|(_, asked)| *asked) {
        let text = format!("{what} is not supported by this version of tsshd");
        // A warning is not worth waiting for.
        let _ = bus.try_send(BusEvent::Error(ErrorLine { code: 0, text }));
    }
}

async fn refuse(mut stream: Stream, error: &RequestError) {
    tracing::debug!(%error, "a session did not start");
    let text = sentence(error);
    let said = async {
        codec::write_refusal(&mut stream, error.code(), &text).await?;
        tokio::io::AsyncWriteExt::shutdown(&mut stream.writer).await?;
        Ok::<_, tssh_core::wire::WireError>(())
    };
    match timeout(LAST_WORDS, said).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => tracing::debug!(%error, "a refusal was not delivered"),
        Err(_) => tracing::debug!("a refusal was not delivered in time"),
    }
}

/// The error and its causes in one sentence, for a client that sees nothing else.
fn sentence(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(error.source(), |cause| cause.source());
    causes.fold(error.to_string(), |text, cause| format!("{text}: {cause}"))
}
