//! Sessions on a terminal.

use std::io::Write;

use nix::sys::signal::Signal;
use nix::sys::termios::{InputFlags, SpecialCharacterIndices};

use crate::relay::Relay;
use crate::rig::{Mode, Rig, noise};
use crate::seat::{Seat, find};

const SOON: [&str; 6] = [
    "-o",
    "UdpHeartbeatTimeout=1",
    "-o",
    "UdpReconnectTimeout=1",
    "-o",
    "UdpAliveTimeout=60",
];

#[test]
fn a_login_shell_has_a_terminal_of_the_right_kind_and_size() {
    let rig = Rig::start();
    let mut seat = Seat::start(&rig, Mode::Udp, &["server"]);
    seat.keys(b"PS1='$ '; echo \"<$0> <$TERM> <$(stty size)>\"; tty\n");
    seat.read_until("<-");
    seat.read_until("> <xterm-256color> <24 80>\r\n/dev/");
    seat.resize(30, 100);
    seat.keys(b"until [ \"$(stty size)\" = '30 100' ]; do :; done; echo resi''zed\n");
    seat.read_until("resized");
    seat.keys(b"exit 6\n");
    let (status, screen) = seat.leave();
    assert_eq!(status, Some(6));
    assert!(
        screen.ends_with("Connection to 127.0.0.1 closed."),
        "{screen}"
    );
}

#[test]
fn a_command_gets_a_terminal_by_t_and_none_by_itself() {
    let rig = Rig::start();
    for (options, answer) in [
        (&["-t"][..], "a terminal"),
        (&[], "no terminal"),
        (&["-T"], "no terminal"),
    ] {
        let command = ["server", "test -t 0 && echo a terminal || echo no terminal"];
        let (status, screen) = Seat::start(&rig, Mode::Udp, &[options, &command].concat()).leave();
        assert_eq!(status, Some(0), "{options:?}");
        assert_eq!(screen.lines().next(), Some(answer), "{options:?}");
    }
}

#[test]
fn tt_asks_for_a_terminal_without_having_one() {
    let rig = Rig::start();
    let told = rig.run(Mode::Udp, &["-tt", "server", "test -t 0 && stty size"]);
    assert_eq!(
        (told.status, told.stdout.as_str()),
        (Some(0), "24 80\r\n"),
        "{told:?}"
    );
}

#[test]
fn a_window_that_is_resized_during_the_login_is_asked_for_as_it_is_then() {
    let rig = Rig::start();
    for mode in [Mode::Plain, Mode::Udp] {
        let resize = "LocalCommand=stty rows 30 columns 100 < /dev/tty";
        let options = ["-o", "PermitLocalCommand=yes", "-o", resize];
        let command = ["-t", "server", "stty size"];
        let mut seat = Seat::start(&rig, mode, &[&options[..], &command].concat());
        seat.read_until("30 100\r\n");
        assert_eq!(seat.leave().0, Some(0), "{mode:?}");
    }
}

#[test]
fn a_kind_of_terminal_that_is_set_wins_over_the_one_here() {
    let rig = Rig::start();
    for mode in [Mode::Plain, Mode::Udp] {
        let set = ["-o", "SetEnv=TERM=vt52", "-tt", "server", "echo $TERM"];
        let told = rig.run(mode, &set);
        assert_eq!((told.status, told.stdout.as_str()), (Some(0), "vt52\r\n"));
    }
}

#[test]
fn the_modes_of_the_terminal_here_are_those_of_the_terminal_there() {
    let rig = Rig::start();
    let mut seat = Seat::start_at(
        &rig,
        Mode::Udp,
        &["-t", "server", "stty -a"],
        |attributes| {
            attributes.control_chars[SpecialCharacterIndices::VERASE as usize] = 0x05;
            attributes.control_chars[SpecialCharacterIndices::VQUIT as usize] = 0;
            attributes.input_flags.toggle(InputFlags::IXANY);
            attributes.input_flags.remove(InputFlags::IMAXBEL);
        },
    );
    seat.read_until("quit = <undef>; erase = ^E;");
    seat.read_until("-imaxbel");
    let text = String::from_utf8_lossy(&seat.seen).into_owned();
    let ixany = seat.found().input_flags.contains(InputFlags::IXANY);
    assert_eq!(text.contains(" ixany"), ixany, "{text}");
    assert_eq!(seat.leave().0, Some(0));
}

#[test]
fn the_terminal_is_given_back_on_every_way_out() {
    let rig = Rig::start();
    // Alternate screen, mouse, bracketed paste, no cursor: what a full-screen program leaves on
    // when it cannot clean up.
    let program =
        "printf '\\033[?1049h\\033[?1003;1006;2004h\\033[?25l\\033[31mrea'; printf 'dy'; cat";
    let table = [
        ("disconnect", 255),
        ("terminate", 255),
        ("hangup", 255),
        ("command killed", 255),
        ("server ended", 255),
    ];
    for (way, status) in table {
        let pid = rig.path("pid");
        let program = format!("echo $$ $PPID > '{}'; {program}", pid.display());
        let mut seat = Seat::start(&rig, Mode::Udp, &["-t", "server", &program]);
        seat.read_until("ready");
        let pids = std::fs::read_to_string(&pid).unwrap();
        let mut pids = pids
            .split_whitespace()
            .map(|pid| nix::unistd::Pid::from_raw(pid.parse().unwrap()));
        let (command, server) = (pids.next().unwrap(), pids.next().unwrap());
        match way {
            "disconnect" => seat.keys(b"\r~."),
            "terminate" => seat.signal(Signal::SIGTERM),
            "hangup" => seat.signal(Signal::SIGHUP),
            "command killed" => nix::sys::signal::kill(command, Signal::SIGKILL).unwrap(),
            _ => nix::sys::signal::kill(server, Signal::SIGTERM).unwrap(),
        }
        let (ended, screen) = seat.leave();
        assert_eq!(ended, Some(status), "{way}: {screen}");
    }
}

#[test]
fn escapes_are_for_this_program_and_only_at_the_start_of_a_line() {
    let rig = Rig::start();
    let mut seat = Seat::start(
        &rig,
        Mode::Udp,
        &["-t", "server", "stty raw -echo; echo ready; cat -v"],
    );
    seat.read_until("ready");
    seat.keys(b"a~.b\r~~.\r~?");
    // What is said here does not wait for the echo from there.
    seat.wait_for_screen("a~.b^M~.^M");
    seat.wait_for_screen("leave: end the session");
    seat.keys(b"\r~.");
    let (status, screen) = seat.leave();
    assert_eq!(status, Some(255));
    assert!(
        screen.ends_with("Connection to 127.0.0.1 closed."),
        "{screen}"
    );

    let mut seat = Seat::start(
        &rig,
        Mode::Udp,
        &[
            "-e",
            "none",
            "-t",
            "server",
            "stty raw -echo; echo ready; head -c 3 | cat -v",
        ],
    );
    seat.read_until("ready");
    seat.keys(b"\r~.");
    seat.read_until("^M~.");
    assert_eq!(seat.leave().0, Some(0));
}

#[test]
fn a_stream_of_terminal_sequences_passes_byte_for_byte() {
    let rig = Rig::start();
    let stream = sequences(8 << 20);
    std::fs::write(rig.path("stream"), &stream).unwrap();
    let command = format!(
        "stty raw -echo; printf BEGIN; cat '{}'; printf THE-END",
        rig.path("stream").display()
    );
    let mut seat = Seat::start(&rig, Mode::Udp, &["-t", "server", &command]);
    let wanted = [b"BEGIN", &stream[..], b"THE-END"].concat();
    seat.read_bytes(wanted.len());
    let at = find(&seat.seen, &wanted[..64]).unwrap();
    seat.read_bytes(at + wanted.len());
    let got = &seat.seen[at..at + wanted.len()];
    let differs = got
        .iter()
        .zip(&wanted)
        .position(|(got, wanted)| got != wanted);
    assert_eq!(differs, None);
    seat.wait_for_end();
}

#[test]
fn keys_typed_while_the_path_is_down_are_counted_and_arrive_in_order() {
    let rig = Rig::start();
    let relay = Relay::start(&rig);
    let mut seat = in_the_dark(&rig, &relay);
    seat.keys(b"abc");
    seat.wait_for_screen("3 keys wait");
    seat.keys(b"def");
    seat.wait_for_screen("6 keys wait");
    relay.rebind();
    relay.lighten();
    seat.wait_for_no("reconnecting");
    seat.wait_for_screen("abcdef");
    seat.keys(b"\r~.");
    assert_eq!(seat.leave().0, Some(255));
}

#[test]
fn ctrl_c_offline_drops_what_waits_and_is_sent_itself() {
    let rig = Rig::start();
    let relay = Relay::start(&rig);
    let mut seat = in_the_dark(&rig, &relay);
    seat.keys(b"rm -rf");
    seat.wait_for_screen("6 keys wait");
    seat.keys(b"\x03");
    seat.wait_for_no("keys wait");
    seat.keys(b"x");
    relay.lighten();
    seat.wait_for_no("reconnecting");
    seat.wait_for_screen("^Cx");
    assert!(!seat.screen().contains("rm"), "{}", seat.screen());
    seat.keys(b"\r~.");
    assert_eq!(seat.leave().0, Some(255));
}

#[test]
fn leaving_works_while_the_path_is_down_and_no_more_keys_can_wait() {
    let rig = Rig::start();
    rig.servers_stay();
    let relay = Relay::start(&rig);
    let mut seat = in_the_dark(&rig, &relay);
    let mut keyboard = seat.keyboard();
    let typing = std::thread::spawn(move || {
        keyboard.write_all(&[b'x'; 100_000]).unwrap();
        keyboard
    });
    seat.wait_for_screen("no room for more keys");
    typing.join().unwrap().write_all(b"\r~.").unwrap();
    assert_eq!(seat.leave().0, Some(255));
}

#[test]
fn nothing_of_ours_goes_into_an_output_that_is_a_file() {
    let rig = Rig::start();
    let relay = Relay::start(&rig);
    let out = rig.path("out");
    let tssh = rig.tssh(
        Mode::Udp,
        &[
            &SOON[..],
            &[
                "-v",
                &relay.option(),
                "-t",
                "server",
                "stty -echo; echo ready; cat",
            ],
        ]
        .concat(),
    );
    let shell = pty_process::blocking::Command::new("/bin/sh")
        .args(["-c", "out=$1; shift; exec \"$@\" > \"$out\"", "sh"])
        .arg(&out)
        .arg(tssh.get_program())
        .args(tssh.get_args())
        .env_remove("SSH_AUTH_SOCK");
    let mut seat = Seat::spawn(shell, |_| {});
    seat.wait_for_screen("connected to");
    relay.darken();
    seat.wait_for_screen("the connection is lost");
    seat.keys(b"~?");
    seat.wait_for_screen("leave: end the session");
    relay.lighten();
    seat.wait_for_screen("the connection is back");
    seat.keys(b"hello\r\x04");
    assert_eq!(seat.leave().0, Some(0));
    let out = std::fs::read_to_string(&out).unwrap();
    assert_eq!(out, "ready\r\nhello\r\n");
}

#[test]
fn leaving_works_while_the_path_is_down() {
    let rig = Rig::start();
    rig.servers_stay();
    let relay = Relay::start(&rig);
    let path = relay.option();
    let mut seat = Seat::start(
        &rig,
        Mode::Udp,
        &[&SOON[..], &[&path, "-t", "server", "echo ready; cat"]].concat(),
    );
    seat.read_until("ready");
    relay.darken();
    seat.wait_for_screen("reconnecting");
    seat.keys(b"\r~.");
    let (status, screen) = seat.leave();
    assert_eq!(status, Some(255));
    assert!(!screen.contains("reconnecting"), "{screen}");
}

#[test]
fn a_server_that_was_killed_is_told_with_the_way_to_leave() {
    let rig = Rig::start();
    let pid = rig.path("pid");
    let command = format!("echo $PPID > '{}'; echo ready; cat", pid.display());
    let mut seat = Seat::start(
        &rig,
        Mode::Udp,
        &[&SOON[..], &["-t", "server", &command]].concat(),
    );
    seat.read_until("ready");
    let server = std::fs::read_to_string(&pid)
        .unwrap()
        .trim()
        .parse()
        .unwrap();
    nix::sys::signal::kill(nix::unistd::Pid::from_raw(server), Signal::SIGKILL).unwrap();
    seat.wait_for_screen("tsshd is gone from the server");
    assert!(seat.screen().contains("~. leaves"), "{}", seat.screen());
    seat.keys(b"\r~.");
    assert_eq!(seat.leave().0, Some(255));
}

/// At a terminal whose keys are shown by their names, once the connection is known to be lost.
fn in_the_dark(rig: &Rig, relay: &Relay) -> Seat {
    let path = relay.option();
    let command = [&path, "-t", "server", "stty raw -echo; echo ready; cat -v"];
    let mut seat = Seat::start(rig, Mode::Udp, &[&SOON[..], &command].concat());
    seat.read_until("ready");
    relay.darken();
    seat.wait_for_screen("reconnecting");
    seat
}

/// Terminal sequences of every kind, some broken off, wide characters, and 5 MB of clipboard.
fn sequences(length: usize) -> Vec<u8> {
    let random = noise(21, length);
    let mut stream = Vec::with_capacity(length + 8);
    stream.extend_from_slice(b"\x1b[?1049h\x1b]52;c;");
    let alphabet = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    stream.extend(
        random[..5_000_000]
            .iter()
            .map(|byte| alphabet[usize::from(byte % 64)]),
    );
    stream.extend_from_slice(b"\x07\x1b[?1049l");
    let mut rest = random[5_000_000..].iter();
    while stream.len() < length {
        let mut next = || usize::from(*rest.next().unwrap_or(&0));
        match next() % 8 {
            0 => stream.extend_from_slice(format!("\x1b[{};{}H", next(), next()).as_bytes()),
            1 => stream.extend_from_slice(format!("\x1b[38;5;{}m", next()).as_bytes()),
            2 => stream.extend_from_slice(format!("\x1b[?{}h", next() * 8).as_bytes()),
            3 => stream.extend_from_slice("界面 é 🦀 \u{301}".as_bytes()),
            4 => stream.extend_from_slice(b"\x1bP+q544e\x1b\\"),
            5 => stream.extend([next(), next(), next()].map(|byte| byte as u8)),
            6 => stream.extend_from_slice(b"\x1b]0;title"),
            _ => stream.push(b"\x1b\x9b\x18\x1a\r\n\x07\x00"[next() % 8]),
        }
    }
    stream.truncate(length);
    stream
}
