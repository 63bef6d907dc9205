//! Commands, terminals, and what they say.

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::task::JoinSet;
use tokio::time::timeout;
use tssh_core::connection::RemoteSession;
use tssh_core::wire::{Resize, SessionStart};

use super::world::{SOON, SessionWorld};
use crate::pattern::{expect, pattern, send};

/// A shell: what is typed comes back.
pub async fn a_terminal_echoes_what_is_typed(world: SessionWorld) {
    let line = "test -t 0 -a -t 1 -a -t 2 || exit 9; stty raw; printf ready; exec cat";
    let mut session = terminal(&world, line).await;
    until(&mut session, "ready").await;
    for word in ["one", "two", "three"] {
        world.client.handle_typed();
        session.stdin.write_all(word.as_bytes()).await.unwrap();
        until(&mut session, word).await;
    }
    world.client.end(session.id).await;
    assert_eq!(session.exit.await.unwrap().signal, "HUP");
    world.close().await;
}

/// A script's caller decides by it.
pub async fn the_exit_status_is_the_programs(world: SessionWorld) {
    for code in [0, 7, 255] {
        let mut session = command(&world, &format!("exit {code}")).await;
        assert_eq!(rest(&mut session).await, "");
        assert_eq!(session.exit.await.unwrap().code, code);
    }
    world.close().await;
}

/// Errors are not output.
pub async fn stderr_comes_apart_and_whole(world: SessionWorld) {
    let line = b"printf out; seq 1 5000 >&2; printf put; exit 3";
    let start = SessionStart::command(0, line);
    let mut session = world.client.start(start, true).await.unwrap();
    let mut errors = session.stderr.take().unwrap();
    let mut said = String::new();
    let (output, read) = tokio::join!(rest(&mut session), errors.read_to_string(&mut said));
    read.unwrap();
    let wanted: String = (1..=5000).map(|number| format!("{number}\n")).collect();
    assert_eq!(output, "output");
    assert!(
        said == wanted,
        "{} bytes of errors, of {}",
        said.len(),
        wanted.len()
    );
    assert_eq!(session.exit.await.unwrap().code, 3);
    world.close().await;
}

/// A window that is drawn larger.
pub async fn a_terminal_hears_of_its_new_size(world: SessionWorld) {
    let line = "stty -echo; printf ready; while read line; do stty size; done";
    let mut session = terminal(&world, line).await;
    until(&mut session, "ready").await;
    let resize = Resize {
        id: session.id,
        cols: 132,
        rows: 43,
        ..Resize::default()
    };
    world.client.resize(resize).await;
    // The size and the key travel on two streams: the key may come first.
    let heard = async {
        loop {
            session.stdin.write_all(b"\n").await.unwrap();
            let size = until(&mut session, "\n").await;
            if size.trim() == "43 132" {
                break;
            }
            assert_eq!(size.trim(), "24 80");
        }
    };
    let heard = timeout(SOON, heard).await;
    assert!(heard.is_ok(), "its size is what it was");
    world.client.end(session.id).await;
    world.close().await;
}

/// `tar c | ssh host cat`: a megabyte each way, and the end of the input arrives.
pub async fn a_pipe_gives_back_every_byte(world: SessionWorld) {
    let mut session = command(&world, "exec cat").await;
    let bytes = pattern(1, 1 << 20);
    tokio::join!(
        send(&mut session.stdin, &bytes),
        expect(&mut session.stdout, &bytes)
    );
    assert_eq!(session.exit.await.unwrap().code, 0);
    world.close().await;
}

/// `cat` of a large file: all of it, in order, and then the status.
pub async fn a_flood_of_output_comes_whole(world: SessionWorld) {
    let mut session = command(&world, "seq 1 400000; exit 5").await;
    let output = rest(&mut session).await;
    let numbers = output.lines().enumerate();
    let wrong = numbers
        .into_iter()
        .find(|(at, line)| line.parse() != Ok(at + 1));
    assert_eq!(wrong, None);
    assert_eq!(output.lines().count(), 400_000);
    assert_eq!(session.exit.await.unwrap().code, 5);
    world.close().await;
}

/// Several commands at once keep to themselves.
pub async fn sessions_beside_one_another_keep_their_output_apart(world: SessionWorld) {
    let mut sessions = JoinSet::new();
    for number in 0..6u32 {
        let line = format!("head -c 60000 /dev/zero | tr '\\0' {number}; exit {number}");
        let mut session = command(&world, &line).await;
        sessions.spawn(async move {
            assert_eq!(rest(&mut session).await, number.to_string().repeat(60_000));
            assert_eq!(session.exit.await.unwrap().code, i64::from(number));
        });
    }
    while let Some(ended) = sessions.join_next().await {
        ended.unwrap();
    }
    world.close().await;
}

/// A session of `line`, without a terminal.
pub(super) async fn command(world: &SessionWorld, line: &str) -> RemoteSession {
    let start = SessionStart::command(0, line.as_bytes());
    world.client.start(start, false).await.unwrap()
}

/// The same in a terminal of 80 columns and 24 lines.
pub(super) async fn terminal(world: &SessionWorld, line: &str) -> RemoteSession {
    let start = SessionStart {
        pty: true,
        cols: 80,
        rows: 24,
        ..SessionStart::command(0, line.as_bytes())
    };
    world.client.start(start, false).await.unwrap()
}

/// Everything until the end of the output.
pub(super) async fn rest(session: &mut RemoteSession) -> String {
    let mut text = String::new();
    session.stdout.read_to_string(&mut text).await.unwrap();
    text
}

/// Reads until `wanted` has been seen, and returns everything up to its end.
pub(super) async fn until(session: &mut RemoteSession, wanted: &str) -> String {
    let mut heard = Vec::new();
    let seen = async {
        while !heard.ends_with(wanted.as_bytes()) {
            heard.push(session.stdout.read_u8().await.unwrap());
        }
    };
    let seen = timeout(SOON, seen).await.is_ok();
    let heard = String::from_utf8(heard).unwrap();
    assert!(seen, "{heard:?} came, and no {wanted:?}");
    heard
}
