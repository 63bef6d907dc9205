//! Ways to the server: addresses, proxy commands, jump hosts.

use std::net::TcpListener;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tssh_client::login::{
    AddressFamily, Login, LoginError, Options, Silent, StrictHostKeyChecking,
};

use crate::auth::{logged_in, refusal};
use crate::programs::{ended, login, output};
use crate::script::Script;
use crate::sshd::{Setup, Sshd};

#[tokio::test]
async fn a_proxy_command_carries_the_login_and_ends_with_it() {
    let sshd = Sshd::start();
    let mut options = sshd.options();
    let pid_file = sshd.path("pid");
    // sshd can serve its stdin and stdout, as a super-server starts it.
    options.proxy_command = Some(format!(
        "sh -c 'echo $$ > {}; exec {} -i -f {}'",
        pid_file.display(),
        crate::sshd::program().display(),
        sshd.path("sshd_config").display()
    ));
    let login = login(&options).await;
    assert_eq!(output(&login, "echo through").await, "through\n");
    assert_eq!(login.addresses(), None);
    let pid = std::fs::read_to_string(pid_file)
        .unwrap()
        .trim()
        .parse()
        .unwrap();

    drop(login);

    ended(pid).await;
}

#[tokio::test]
async fn a_proxy_command_that_says_nothing_is_a_closed_connection() {
    let mut options = Options::new("host.invalid", 22, "nobody");
    options.proxy_command = Some("true".into());

    let error = refusal(&options).await;

    assert!(matches!(&error, LoginError::Handshake { .. }), "{error:?}");
}

#[tokio::test]
async fn a_login_goes_through_two_jump_hosts() {
    let (near, middle, far) = (Sshd::start(), Sshd::start(), Sshd::start());
    let mut options = far.options();
    options.strict_host_key_checking = StrictHostKeyChecking::Yes;
    options.jump = vec![near.options(), middle.options()];

    let login = login(&options).await;

    let address = output(&login, "echo $SSH_CONNECTION").await;
    assert!(
        address
            .trim()
            .ends_with(&format!("127.0.0.1 {}", far.port())),
        "{address}"
    );
    assert_eq!(login.addresses(), None);
    assert!(
        near.log().contains("Accepted publickey") && middle.log().contains("Accepted publickey")
    );
    login.close().await;
}

#[tokio::test]
async fn a_jump_host_that_is_not_the_right_one_sees_no_login() {
    let (near, far) = (Sshd::start(), Sshd::start());
    let mut options = far.options();
    let mut jump = near.options();
    jump.strict_host_key_checking = StrictHostKeyChecking::Yes;
    jump.user_known_hosts = vec![far.path("known_hosts")];
    options.jump = vec![jump];

    let error = refusal(&options).await;

    assert!(matches!(error, LoginError::HostKey { .. }), "{error}");
}

#[tokio::test]
async fn a_jump_host_that_cannot_reach_the_target_says_so() {
    let near = Sshd::start();
    let port = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port();
    let mut options = Options::new("127.0.0.1", port, "nobody");
    options.jump = vec![near.options()];

    let error = refusal(&options).await;

    let expected = format!(
        "127.0.0.1 refused a connection to 127.0.0.1 port {port}: it could not be reached from there"
    );
    assert_eq!(error.to_string(), expected);
}

#[tokio::test]
async fn a_closed_port_is_one_sentence() {
    let port = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port();

    let error = refusal(&Options::new("127.0.0.1", port, "nobody")).await;

    let expected = format!("connect to host 127.0.0.1 port {port}: Connection refused");
    assert_eq!(error.to_string(), expected);
    assert!(error.is_transient());
}

#[tokio::test]
async fn a_server_that_says_nothing_is_given_up_after_the_timeout() {
    let mute = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = mute.local_addr().unwrap().port();
    let mut options = Options::new("127.0.0.1", port, "nobody");
    options.connect_timeout = Some(Duration::from_secs(1));
    let before = Instant::now();

    let error = refusal(&options).await;

    assert!(
        matches!(error, LoginError::TimedOut { seconds: 1, .. }),
        "{error}"
    );
    assert!(before.elapsed() < Duration::from_secs(20));
}

#[tokio::test]
async fn a_dropped_login_attempt_closes_its_connection() {
    let mute = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let options = Options::new("127.0.0.1", mute.local_addr().unwrap().port(), "nobody");
    let attempt = Login::connect(&options, Arc::new(Silent));
    let (mut stream, _) = tokio::select! {
        accepted = mute.accept() => accepted.unwrap(),
        _ = attempt => panic!("nobody answered, and yet it ended"),
    };
    // A server that answers only half of what it should, as far as the key exchange.
    let mut heard = Vec::new();
    tokio::io::AsyncWriteExt::write_all(&mut stream, b"SSH-2.0-half\r\n")
        .await
        .ok();
    let end = tokio::io::AsyncReadExt::read_to_end(&mut stream, &mut heard);

    let ended = tokio::time::timeout(Duration::from_secs(20), end).await;

    assert!(ended.is_ok(), "the connection is still open");
}

#[tokio::test]
async fn a_login_dropped_within_the_key_exchange_closes_its_connection() {
    let half = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let options = Options::new("127.0.0.1", half.local_addr().unwrap().port(), "nobody");
    let mut attempt = Box::pin(Login::connect(&options, Arc::new(Silent)));
    let server = async {
        let (mut stream, _) = half.accept().await.unwrap();
        tokio::io::AsyncWriteExt::write_all(&mut stream, b"SSH-2.0-half\r\n")
            .await
            .unwrap();
        // The client's name and the head of its key exchange.
        let mut heard = vec![0; 200];
        tokio::io::AsyncReadExt::read_exact(&mut stream, &mut heard)
            .await
            .unwrap();
        stream
    };
    let mut stream = tokio::select! {
        stream = server => stream,
        _ = &mut attempt => panic!("nobody answered, and yet it ended"),
    };
    drop(attempt);
    let mut rest = Vec::new();

    let end = tokio::io::AsyncReadExt::read_to_end(&mut stream, &mut rest);
    let ended = tokio::time::timeout(Duration::from_secs(20), end).await;

    assert!(ended.is_ok(), "the connection is still open");
}

#[tokio::test]
async fn the_bind_address_and_the_address_family_are_obeyed() {
    let sshd = Sshd::start();
    let mut options = sshd.options();
    options.bind_address = Some("127.0.0.1".into());
    assert_eq!(
        login(&options)
            .await
            .addresses()
            .unwrap()
            .local
            .ip()
            .to_string(),
        "127.0.0.1"
    );

    options.bind_address = None;
    options.bind_interface = Some("lo".into());
    logged_in(&options, &Script::new(&[])).await;

    options.bind_interface = Some("no-such-interface".into());
    let error = refusal(&options).await;
    assert!(matches!(error, LoginError::Bind { .. }), "{error}");

    options.bind_interface = None;
    options.address_family = AddressFamily::Inet6;
    let error = refusal(&options).await;
    let words = "cannot resolve hostname 127.0.0.1: it has no address of the wanted family";
    assert_eq!(error.to_string(), words);
}

#[tokio::test]
async fn a_name_that_does_not_exist_is_one_sentence() {
    let error = refusal(&Options::new("no-such-host.invalid", 22, "nobody")).await;
    let words = error.to_string();
    assert!(
        words.starts_with("cannot resolve hostname no-such-host.invalid: "),
        "{words}"
    );
}

#[tokio::test]
async fn algorithms_can_be_chosen_and_must_exist() {
    let sshd = Sshd::start_with(Setup {
        config: "Ciphers aes128-ctr",
        ..Setup::default()
    });
    let mut options = sshd.options();
    logged_in(&options, &Script::new(&[])).await;

    options.algorithms.ciphers = Some("-aes128-*".into());
    let error = refusal(&options).await;
    assert!(
        error
            .to_string()
            .contains("no common Cipher algorithm; the server offers aes128-ctr"),
        "{error}"
    );

    options.algorithms.ciphers = Some("rot13,none".into());
    let error = refusal(&options).await;
    assert_eq!(
        error.to_string(),
        "Ciphers names no algorithm this client has: rot13,none"
    );
}

#[tokio::test]
async fn compression_and_frequent_new_keys_lose_nothing() {
    let sshd = Sshd::start();
    let mut options = sshd.options();
    options.compression = true;
    options.rekey_limit.bytes = 1 << 20;
    let login = login(&options).await;

    let text = output(&login, "seq 1 2000000").await;

    assert_eq!(text.lines().count(), 2_000_000);
    assert!(text.ends_with("\n2000000\n"));
}
