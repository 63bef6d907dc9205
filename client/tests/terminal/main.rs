//! The terminal is given back as it was found, on every way out of a real process on a real
//! pseudo-terminal.
//!
//! The process is this very test binary, started again with `TSSH_TEST_ROLE` set.
#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "tests own the clock, and a test that cannot go on has failed"
)]

mod roles;
mod seat;

use std::env;
use std::process;

use alacritty_terminal::term::{Config, TermMode};
use alacritty_terminal::vte::ansi::{Color, NamedColor};
use nix::sys::signal::Signal;
use nix::sys::termios::LocalFlags;
use roles::{program, shell};
use seat::Seat;

const ROLE: &str = "TSSH_TEST_ROLE";

/// A full-screen program's start, with every kind of mode, and a colour at the end.
const MODES: &[u8] = b"\x1b[>1u\x1b[?1049h\x1b[?1h\x1b=\x1b[?1002;1003;1006;1004;2004h\x1b[?25l\
    \x1b[4 q\x1b[2;9r\x1b[4h\x1b(0\x1b[>5u\x1b[31mqqq";

#[test]
fn every_way_out_gives_the_terminal_back() {
    use Signal::{SIGHUP, SIGINT, SIGQUIT, SIGTERM};
    let table = [
        ("return", None, 0),
        ("error", None, 1),
        ("exit", None, 7),
        ("panic", None, 101),
        ("thread panic", None, 102),
        ("signal", Some(SIGTERM), 255),
        ("signal", Some(SIGHUP), 255),
        ("signal", Some(SIGINT), 255),
        ("signal", Some(SIGQUIT), 255),
        ("deaf", Some(SIGTERM), 255),
    ];
    for (role, signal, status) in table {
        let mut seat = Seat::start(role);
        let found = seat.found.clone();
        seat.read_until("ready");
        assert_ne!(seat.attributes(), found, "{role}: not raw");
        assert!(
            !seat.attributes().local_flags.contains(LocalFlags::ISIG),
            "{role}"
        );
        assert!(
            seat.term
                .mode()
                .contains(TermMode::ALT_SCREEN | TermMode::MOUSE_MOTION),
            "{role}"
        );
        match signal {
            Some(signal) => seat.signal(signal),
            None => seat.keys(b"x"),
        }
        assert_eq!(seat.wait().code(), Some(status), "{role}");

        assert_eq!(seat.attributes(), found, "{role} {signal:?}: attributes");
        assert_eq!(
            *seat.term.mode(),
            seat.mode_found,
            "{role} {signal:?}: modes"
        );
        assert_eq!(
            seat.term.cursor_style(),
            Config::default().default_cursor_style,
            "{role}"
        );
        let colour = seat.term.grid().cursor.template.fg;
        assert_eq!(
            colour,
            Color::Named(NamedColor::Foreground),
            "{role} {signal:?}: colour"
        );
        assert_eq!(
            seat.row(0),
            "before",
            "{role} {signal:?}: the screen was touched"
        );
        // Neither the line drawing set nor the scroll region is left.
        seat.feed(b"\x1b[9;1H\nqqq");
        assert_eq!(
            (seat.row(0), seat.row(9)),
            ("before".to_owned(), "qqq".to_owned()),
            "{role}"
        );
    }
}

#[test]
fn a_suspended_program_gives_the_terminal_to_the_shell_and_takes_it_again() {
    let mut seat = Seat::start("shell");
    let found = seat.found.clone();
    seat.read_until("stopped");
    assert_eq!(seat.attributes(), found, "stopped: attributes");
    assert_eq!(*seat.term.mode(), seat.mode_found, "stopped: modes");
    seat.keys(b"\n");
    seat.read_until("resumed");
    assert_ne!(seat.attributes(), found, "resumed: not raw");
    assert!(
        seat.term
            .mode()
            .contains(TermMode::ALT_SCREEN | TermMode::MOUSE_MOTION),
        "resumed"
    );
    seat.keys(b"x");
    assert_eq!(seat.wait().code(), Some(0));
    assert_eq!(seat.attributes(), found, "ended: attributes");
    assert_eq!(*seat.term.mode(), seat.mode_found, "ended: modes");
}

#[test]
fn a_paused_terminal_does_not_keep_the_program() {
    let mut seat = Seat::start("flood");
    seat.read_until("ready");
    assert_ne!(seat.attributes(), seat.found, "not raw");
    // Nothing is read from here on.
    seat.signal(Signal::SIGTERM);
    assert_eq!(seat.wait_for_end().code(), Some(255));
    assert_eq!(seat.attributes(), seat.found);
}

#[test]
fn a_new_size_is_seen() {
    let mut seat = Seat::start("size");
    seat.read_until("80x24");
    seat.pty.resize(pty_process::Size::new(30, 100)).unwrap();
    seat.read_until("100x30");
    seat.keys(b"x");
    assert_eq!(seat.wait().code(), Some(0));
}

#[test]
fn what_is_typed_arrives_byte_for_byte_with_no_byte_taken_after_the_end() {
    let mut seat = Seat::start("keys");
    seat.read_until("ready");
    seat.keys(b"\x03\x1a\r\x11\x13\xff\x00q");
    seat.read_until("[3, 26, 13, 17, 19, 255, 0, 113]");
    assert_eq!(seat.wait().code(), Some(0));
}

#[test]
fn role() {
    let Ok(role) = env::var(ROLE) else { return };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    process::exit(match role.as_str() {
        "shell" => shell(),
        role => runtime.block_on(program(role)).unwrap_or(1),
    });
}
