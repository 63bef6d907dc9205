//! What can go wrong before there is a session: one sentence each, soon, with 255.

use std::fs;

use crate::forward::free_port;
use crate::relay::Relay;
use crate::rig::{Mode, Rig, Told, success, tsshd};

#[test]
fn a_server_program_that_is_not_there_is_named_with_the_remedy() {
    let rig = Rig::start();
    let plain_file = rig.path("known_hosts").display().to_string();
    for path in ["/no/such/tsshd", "no-such-tsshd", "/", &plain_file] {
        let told = rig.run(Mode::Udp, &["--tsshd-path", path, "server", "true"]);
        failed(&told, &[path, "127.0.0.1", "--tsshd-path"]);
    }
}

#[test]
fn a_network_without_udp_is_named_with_the_port() {
    let rig = Rig::start();
    let relay = Relay::start(&rig);
    relay.darken();
    let told = rig.run(
        Mode::Udp,
        &[&relay.option(), "-o", "ConnectTimeout=2", "server", "true"],
    );
    failed(
        &told,
        &[
            &format!("127.0.0.1:{}", relay.port()),
            "UDP",
            "2 s",
            "TsshdPort",
        ],
    );
}

#[test]
fn a_port_where_nobody_listens_is_named() {
    let rig = Rig::start();
    let closed = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    let port = closed.local_addr().unwrap().port();
    drop(closed);
    let path = changed(&rig, &format!("s/\"Port\":[0-9]*/\"Port\":{port}/"));
    let told = rig.run(
        Mode::Udp,
        &[
            "--tsshd-path",
            &path,
            "-o",
            "ConnectTimeout=2",
            "server",
            "true",
        ],
    );
    failed(&told, &[&format!("127.0.0.1:{port}"), "refuses UDP"]);
}

#[test]
fn a_server_info_that_is_none_is_told_in_words() {
    let rig = Rig::start();
    let table = [
        // A version before the protocol was what it is.
        ("s/.*/\\x07{\"ServerVer\":\"0.1.2\",\"Port\":1}/", "0.1.2"),
        (
            "s/\"Mode\":\"QUIC\"/\"Mode\":\"WARP\"/",
            "the server speaks WARP, this program speaks QUIC or KCP",
        ),
        (
            "s/\"ServerCert\":\"\\(.\\{200\\}\\)[^\"]*\"/\"ServerCert\":\"\\1\"/",
            "ServerCert",
        ),
        (
            "s/\"ClientKey\":\"[^\"]*\"/\"ClientKey\":\"\"/",
            "ClientKey",
        ),
        ("s/\"ProxyKey\":\"..../\"ProxyKey\":\"/", "ProxyKey"),
        ("s/\"Port\":[0-9]*/\"Port\":-1/", "unusable value"),
        ("s/\"Port\":[0-9]*/\"Port\":0/", "port"),
        ("s/.*/what is this/", "what is this"),
        ("s/^\\(.\\{300\\}\\).*/\\1/", "truncated"),
        ("s/.*//", "printed nothing"),
    ];
    for (change, part) in table {
        let path = changed(&rig, change);
        let told = rig.run(Mode::Udp, &["--tsshd-path", &path, "server", "true"]);
        failed(&told, &[part]);
        assert!(
            !told.stderr.contains("2d2d2d2d"),
            "a key is shown: {}",
            told.stderr
        );
    }
}

#[test]
fn what_the_server_program_complains_about_is_passed_on() {
    let rig = Rig::start();
    let taken =
        std::net::UdpSocket::bind("[::]:0").or_else(|_| std::net::UdpSocket::bind("0.0.0.0:0"));
    let port = taken
        .as_ref()
        .unwrap()
        .local_addr()
        .unwrap()
        .port()
        .to_string();
    let told = rig.run(Mode::Udp, &["--tsshd-port", &port, "server", "true"]);
    failed(&told, &[&port]);
}

#[test]
fn a_noisy_login_does_not_matter() {
    let rig = Rig::start_with(
        "ForceCommand echo 'Welcome {you}'; printf '\\033]0;title\\007'; echo '{\"Port\":1}' >&2; \
         eval \"$SSH_ORIGINAL_COMMAND\"",
    );
    let told = rig.run(Mode::Udp, &["server", "echo quiet"]);
    assert_eq!(
        (told.status, told.stdout.lines().last()),
        (Some(0), Some("quiet")),
        "{told:?}"
    );
}

#[test]
fn a_port_range_upside_down_and_a_nonsense_line_are_refused_where_they_stand() {
    let rig = Rig::start();
    let told = rig.run(Mode::Udp, &["--tsshd-port", "7000-6000", "server", "true"]);
    failed(&told, &["tsshdport", "7000-6000", "run upward"]);

    let config = rig.path("ssh_config");
    let text = fs::read_to_string(&config).unwrap();
    fs::write(&config, format!("Host x\nUser y\nWibble wobble\n{text}")).unwrap();
    let told = rig.run(Mode::Udp, &["server", "true"]);
    failed(&told, &["line 3", "ibble"]);

    fs::write(&config, format!("TsshdPort 9-1\n{text}")).unwrap();
    let told = rig.run(Mode::Udp, &["server", "true"]);
    failed(&told, &["line 1", "9-1", "run upward"]);
}

#[test]
fn a_dead_agent_is_passed_over() {
    let rig = Rig::start();
    let socket = rig.path("agent");
    drop(std::os::unix::net::UnixListener::bind(&socket).unwrap());
    let agent = format!("IdentityAgent={}", socket.display());
    let told = rig.run(Mode::Udp, &["-o", &agent, "server", "echo in"]);
    assert_eq!(told, success("in\n"));
}

#[test]
fn tcp_means_plain_ssh() {
    let rig = Rig::start();
    let missing = [
        "--tsshd-path",
        "/no/such/tsshd",
        "--tcp",
        "server",
        "echo plain",
    ];
    assert_eq!(rig.run(Mode::Udp, &missing), success("plain\n"));
}

#[test]
fn through_a_host_whose_key_has_changed_nothing_is_forwarded() {
    let rig = Rig::start();
    let other = rig.sshd.keygen("other", "ed25519", "");
    let other = fs::read_to_string(other.with_extension("pub")).unwrap();
    let line = format!("[127.0.0.1]:{} {other}", rig.sshd.port());
    fs::write(rig.path("changed"), line).unwrap();
    let known = format!("UserKnownHostsFile={}", rig.path("changed").display());
    let port = free_port();
    let spec = format!("{port}:127.0.0.1:1");
    let options = ["-o", &known, "-o", "StrictHostKeyChecking=no", "-L", &spec];
    for mode in [Mode::Plain, Mode::Udp] {
        let probe = format!("bash -c ': < /dev/tcp/127.0.0.1/{port}' 2> /dev/null || echo closed");
        let told = rig.run(mode, &[&options[..], &["server", &probe]].concat());
        assert_eq!((told.status, told.stdout.as_str()), (Some(0), "closed\n"));
        assert!(told.stderr.contains("ports are not forwarded"), "{told:?}");

        let must = ["-o", "ExitOnForwardFailure=yes", "server", "echo ran"];
        let told = rig.run(mode, &[&options[..], &must].concat());
        assert_eq!((told.status, told.stdout.as_str()), (Some(255), ""));
        assert!(told.stderr.contains("ports are not forwarded"), "{told:?}");
    }
}

/// One line with all of `parts`, and 255.
#[track_caller]
fn failed(told: &Told, parts: &[&str]) {
    assert_eq!(
        (told.status, told.stdout.as_str()),
        (Some(255), ""),
        "{told:?}"
    );
    assert_eq!(told.stderr.lines().count(), 1, "{}", told.stderr);
    for part in parts {
        assert!(told.stderr.contains(part), "no {part:?} in {}", told.stderr);
    }
}

/// A `tsshd` whose line is changed by `sed`.
fn changed(rig: &Rig, change: &str) -> String {
    let text = format!("{} \"$@\" | sed '{change}'", tsshd().display());
    rig.script("tsshd-changed", &text).display().to_string()
}
