//! The demonstration: nothing installed, nothing configured, and a network that goes away on demand.

use crate::rig::{TSSH, tsshd};
use crate::seat::Seat;

#[test]
fn the_demonstration_goes_dark_and_comes_back_with_what_was_typed() {
    let beside_the_client = tsshd();
    assert!(beside_the_client.exists());
    let command = pty_process::blocking::Command::new(TSSH)
        .arg("--demo")
        .env("TERM", "xterm");
    let mut seat = Seat::spawn(command, |_| {});
    seat.keys(b"PS1='$ '; echo rea''dy\r");
    seat.read_until("ready");
    seat.keys(b"\r~d");
    seat.wait_for_screen("reconnecting");
    seat.keys(b"echo typed in the da''rk\r");
    seat.wait_for_screen("keys wait");
    seat.wait_for_no("reconnecting");
    seat.wait_for_screen("typed in the dark");
    seat.keys(b"exit 3\r");
    assert_eq!(seat.leave().0, Some(3));
}
