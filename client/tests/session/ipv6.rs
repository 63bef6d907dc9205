//! A host that is reached by IPv6: the login and what carries the session after it.

use std::io::{self, Write as _};
use std::net::{Ipv6Addr, UdpSocket};
use std::sync::atomic::Ordering;

use crate::relay::Relay;
use crate::rig::{EVERY, Mode, Rig};

#[test]
fn login_and_session_go_over_ipv6() {
    if let Err(error) = UdpSocket::bind((Ipv6Addr::LOCALHOST, 0)) {
        let why = format!("left out, for this machine has no IPv6: {error}\n");
        io::stderr().write_all(why.as_bytes()).unwrap();
        return;
    }
    let rig = Rig::start_with("ListenAddress ::1");
    for mode in EVERY {
        let relay = Relay::start_at(&rig, Ipv6Addr::LOCALHOST.into());
        let path = relay.option();
        let tcp = relay.open_tcp();
        let options = [
            &path,
            "-oHostName=::1",
            "-oUserKnownHostsFile=/dev/null",
            "-oStrictHostKeyChecking=no",
        ];
        let command = ["server", "echo $SSH_CONNECTION; exit 3"];
        let told = rig.run(mode, &[&options[..], &command].concat());
        assert_eq!(told.status, Some(3), "{mode:?}: {}", told.stderr);
        let words: Vec<_> = told.stdout.split_whitespace().collect();
        assert_eq!((words[0], words[2]), ("::1", "::1"), "{mode:?}");
        let carried = (relay.paths() > 0, tcp.load(Ordering::SeqCst) > 0);
        let wanted = match mode {
            Mode::Plain => (false, false),
            Mode::Tcp => (false, true),
            Mode::Kcp | Mode::Udp => (true, false),
        };
        assert_eq!(carried, wanted, "{mode:?}");
    }
}
