//! Plain SSH on a terminal, against the embedded server: an sshd that runs as an ordinary user
//! cannot give terminals everywhere.
//!
//! The program at the terminal is this very test binary, started again with [`ROLE`] set.

use std::env;
use std::io;
use std::process;
use std::sync::Arc;
use std::time::Duration;

use nix::sys::signal::Signal;
use nix::sys::termios::tcgetattr;
use pty_process::blocking::Command;
use tssh_client::login::{Login, Program, Pty, Request, Silent, embedded};
use tssh_client::session::{
    Control, Far, Local, Offline, Outcome, RemoteInput, RemoteOutput, current_size, modes_of, run,
};
use tssh_client::terminal::escape::Demonstration;
use tssh_client::terminal::notice;
use tssh_client::terminal::{Attributes, EscapeChar, Guard, Input, Output, Signals};

use crate::rig::noise;
use crate::seat::{Seat, find};

const ROLE: &str = "TSSH_TEST_PLAIN_COMMAND";

#[test]
fn a_terminal_has_its_kind_its_sizes_and_its_status() {
    let mut seat = seat(
        "echo \"<$TERM> <$(stty size)>\"; until [ \"$(stty size)\" = '30 100' ]; do :; done; exit 6",
    );
    seat.read_until("<xterm> <24 80>");
    seat.resize(30, 100);
    assert_eq!(seat.leave().0, Some(6));
}

#[test]
fn escapes_leave_and_everything_else_passes() {
    let mut seat = seat("stty raw -echo; echo ready; cat -v");
    seat.read_until("ready");
    seat.keys(b"a~.\x03\x1a\r~~\r");
    seat.read_until("a~.^C^Z^M~^M");
    seat.keys(b"~.");
    assert_eq!(seat.leave().0, Some(255));
}

#[test]
fn a_signal_gives_the_terminal_back() {
    let mut seat = seat("printf '\\033[?1049h\\033[?1003;2004h\\033[?25lrea'; printf 'dy'; cat");
    seat.read_until("ready");
    seat.signal(Signal::SIGTERM);
    assert_eq!(seat.leave().0, Some(255));
}

#[test]
fn output_passes_byte_for_byte() {
    let stream = noise(31, 2 << 20);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("stream");
    std::fs::write(&file, &stream).unwrap();
    let mut seat = seat(&format!("stty raw -echo; cat '{}'", file.display()));
    seat.read_bytes(stream.len());
    let at = find(&seat.seen, &stream[..64]).unwrap();
    seat.read_bytes(at + stream.len());
    assert!(seat.seen[at..at + stream.len()] == stream);
    seat.wait_for_end();
}

#[test]
fn role() {
    let Ok(command) = env::var(ROLE) else { return };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let status = runtime.block_on(session(command));
    process::exit(status);
}

/// What the process under test does, and its exit status.
async fn session(command: String) -> i32 {
    let server = embedded::start().await.unwrap();
    let login = Login::connect(&server.options, Arc::new(Silent))
        .await
        .unwrap();
    let request = Request {
        program: Program::Command(command.into_bytes()),
        pty: Some(Pty {
            term: "xterm".to_owned(),
            size: current_size(),
            modes: modes_of(&tcgetattr(io::stdin()).unwrap()),
        }),
        env: Vec::new(),
    };
    let channel = login.start(&request).await.unwrap();
    assert!(channel.has_pty);
    let (reader, writer) = channel.split();
    let writer = Arc::new(writer);
    let far = Far {
        input: RemoteInput::Plain(writer.clone()),
        output: RemoteOutput::Plain(reader),
        control: Control::Plain(writer),
        offline: Offline::never(),
        events: None,
    };
    let guard = Guard::take(Attributes::Raw).unwrap();
    let mut local = Local {
        input: Some(Input::stdin().unwrap()),
        stdout: Output::stdout(guard.screen()).unwrap(),
        stderr: Output::stderr().unwrap(),
        signals: Signals::start().unwrap(),
        size: None,
        interactive: true,
        escape_char: EscapeChar::default(),
        demonstration: Demonstration::Off,
        notice: notice::Settings {
            place: notice::Place::Top,
            detail: notice::Detail::Full,
            after: Duration::from_secs(14),
            escape: EscapeChar::default(),
        },
        guard,
    };
    let outcome = run(&mut local, far, || {}).await.unwrap();
    drop(local);
    match &outcome {
        Outcome::Exited(status) => i32::try_from(*status).unwrap(),
        Outcome::Left | Outcome::Signalled(_) => 255,
        Outcome::Killed(_) | Outcome::Quit(_) => panic!("{outcome:?}"),
    }
}

fn seat(command: &str) -> Seat {
    let role = Command::new(env::current_exe().unwrap())
        .args(["plain::role", "--exact", "--nocapture", "--test-threads=1"])
        .env(ROLE, command)
        .env("TERM", "xterm");
    Seat::spawn(role, |_| {})
}
