//! A server that gives no terminal: the session goes on without, as under ssh, whatever carries it.

use crate::rig::{EVERY, Rig, Told};
use crate::seat::Seat;

#[test]
fn a_command_whose_terminal_is_refused_runs_without_one_and_its_user_is_told() {
    let (rig, path) = strict();
    for mode in EVERY {
        let line = "test -t 0 || echo no terminal; echo apart >&2; exit 3";
        let told = rig.run(mode, &[&path, "-tt", "server", line]);
        let expected = Told {
            status: Some(3),
            stdout: "no terminal\n".to_owned(),
            stderr: format!("{REFUSED}\r\napart\nConnection to 127.0.0.1 closed.\r\n"),
        };
        assert_eq!(told, expected, "{mode:?}");
    }
}

#[test]
fn a_shell_whose_terminal_is_refused_reads_whole_lines_of_a_keyboard_that_is_not_raw() {
    let (rig, path) = strict();
    for mode in EVERY {
        let mut seat = Seat::start(&rig, mode, &[&path, "server"]);
        seat.read_until(REFUSED);
        seat.keys(b"test -t 0 || echo no  terminal\r");
        seat.read_until("\r\nno terminal\r\n");
        seat.keys(b"exit 4\r");
        let (status, _) = seat.leave();
        assert_eq!(status, Some(4), "{mode:?}");
    }
}

/// A host whose sshd gives no terminals, and the option that names its `tsshd`.
fn strict() -> (Rig, String) {
    let rig = Rig::start_with("PermitTTY no");
    let tsshd = rig.tsshd_with("PermitTTY no\n");
    (rig, format!("--tsshd-path={}", tsshd.display()))
}

/// By the words of ssh.
const REFUSED: &str = "tssh: PTY allocation request failed on channel 0";
