//! What carries a session: UDP, TCP where UDP is blocked, and the pipes of a `ProxyCommand`.

use std::io::{Read, Write};
use std::process::Stdio;
use std::sync::atomic::Ordering;

use crate::relay::Relay;
use crate::rig::{Mode, Rig, Told, collect, success, wait};
use crate::sshd::user;

#[test]
fn where_udp_is_silent_from_the_start_tcp_carries_the_session() {
    let rig = Rig::start();
    let relay = Relay::start(&rig);
    let connections = relay.open_tcp();
    relay.darken();
    let told = rig.run(
        Mode::Udp,
        &[&relay.option(), "server", "echo over TCP; exit 7"],
    );
    assert_eq!(
        (told.status, &told.stdout[..]),
        (Some(7), "over TCP\n"),
        "{}",
        told.stderr
    );
    assert!(connections.load(Ordering::SeqCst) > 0);
}

#[test]
fn when_udp_is_blocked_in_mid_session_tcp_takes_over_and_udp_takes_back() {
    let rig = Rig::start();
    let relay = Relay::start(&rig);
    let connections = relay.open_tcp();
    let mut child = rig
        .tssh(Mode::Udp, &[&relay.option(), "server", "cat"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let mut stdout = child.stdout.take().unwrap();
    let mut echo = |word: &[u8]| {
        stdin.write_all(word).unwrap();
        let mut heard = vec![0; word.len()];
        stdout.read_exact(&mut heard).unwrap();
        assert_eq!(heard, word);
    };
    echo(b"over UDP\n");
    assert_eq!(connections.load(Ordering::SeqCst), 0);
    relay.darken();
    echo(b"over TCP\n");
    assert!(connections.load(Ordering::SeqCst) > 0);
    relay.lighten();
    // UDP is looked for without a reason.
    relay.wait_for_traffic(4);
    echo(b"and back\n");
    drop(stdin);
    let stderr = collect(child.stderr.take().unwrap());
    assert_eq!(wait(child).code(), Some(0));
    assert_eq!(String::from_utf8(stderr.recv().unwrap()).unwrap(), "");
}

#[test]
fn a_proxy_command_carries_login_and_session() {
    let rig = Rig::start();
    let direct = through_ssh(&rig, "%h:%p");
    carries(&rig, &[&format!("-oProxyCommand={direct}")]);
}

#[test]
fn a_proxy_command_carries_login_and_session_to_a_name_that_only_it_knows() {
    let rig = Rig::start();
    let proxy = through_ssh(&rig, "127.0.0.1:%p");
    let options = [
        &format!("-oProxyCommand={proxy}")[..],
        "-oHostName=nowhere.invalid",
        "-oHostKeyAlias=127.0.0.1",
        "-oStrictHostKeyChecking=no",
    ];
    carries(&rig, &options);
}

fn carries(rig: &Rig, options: &[&str]) {
    for mode in [Mode::Tcp, Mode::Udp] {
        let command = ["server", "echo in; echo err >&2; exit 3"];
        let told = rig.run(mode, &[options, &command].concat());
        let found = (told.status, &told.stdout[..]);
        assert_eq!(found, (Some(3), "in\n"), "{mode:?}: {}", told.stderr);
        assert!(told.stderr.contains("err\n"), "{}", told.stderr);
    }
}

#[test]
fn a_proxy_command_that_leads_to_one_port_alone_is_refused_with_udp_proxy_mode_tcp() {
    let rig = Rig::start();
    let target = format!("127.0.0.1:{}", rig.sshd.port());
    let proxy = format!("ProxyCommand={}", through_ssh(&rig, &target));
    let told = rig.run(Mode::Tcp, &["-o", &proxy, "server", "true"]);
    let said = "tssh: UdpProxyMode TCP goes through the ProxyCommand, which does not say to which port: \
                write %p in it, which stands for the port of tsshd then\r\n";
    assert_eq!(told, failure(said));
    assert_eq!(
        rig.run(Mode::Udp, &["-o", &proxy, "server", "echo UDP"]),
        success("UDP\n")
    );
}

#[test]
fn a_proxy_command_that_prints_a_banner_is_named_as_the_cause() {
    let rig = Rig::start();
    let script = rig.script(
        "proxy",
        &format!(
            "test $1 = {} && exec {}\necho 'complaint' >&2\necho 'Welcome to the gate'\ncat >/dev/null",
            rig.sshd.port(),
            through_ssh(&rig, "127.0.0.1:$1"),
        ),
    );
    let proxy = format!("ProxyCommand={} %p", script.display());
    let told = rig.run(
        Mode::Tcp,
        &["-o", &proxy, "-o", "ConnectTimeout=2", "server", "true"],
    );
    assert_eq!(told.status, Some(255));
    let said =
        "the ProxyCommand prints `Welcome to the gate` where only what the server sends is wanted";
    assert!(told.stderr.contains(said), "{}", told.stderr);
    assert!(
        told.stderr.contains("ProxyCommand: complaint"),
        "{}",
        told.stderr
    );
    assert!(told.stderr.contains("no answer from"), "{}", told.stderr);
}

/// A command that connects to `target` through the rig's sshd.
fn through_ssh(rig: &Rig, target: &str) -> String {
    format!(
        "ssh -F none -i {} -o IdentitiesOnly=yes -o UserKnownHostsFile={} -p {} -l {} -W {target} 127.0.0.1",
        rig.path("id").display(),
        rig.path("known_hosts").display(),
        rig.sshd.port(),
        user(),
    )
}

fn failure(stderr: &str) -> Told {
    Told {
        status: Some(255),
        stdout: String::new(),
        stderr: stderr.to_owned(),
    }
}
