//! The server of the demonstration, with the login as its client.

use bytes::Bytes;
use tssh_client::login::{Channel, Event, LoginError, MemoryKey, Program, Request, Size, embedded};

use crate::programs::{command, drain, login, output, pty};

#[tokio::test]
async fn it_lets_in_its_own_key_and_runs_commands() {
    let server = embedded::start().await.unwrap();
    let login = login(&server.options).await;

    let told = drain(
        login
            .start(&command("echo out; echo err >&2; exit 7"))
            .await
            .unwrap(),
    )
    .await;

    assert_eq!(
        (told.stdout.as_slice(), told.stderr.as_slice(), told.end),
        (&b"out\n"[..], &b"err\n"[..], Some(Event::ExitStatus(7)))
    );
}

#[tokio::test]
async fn it_refuses_another_key_and_a_client_refuses_another_host() {
    let server = embedded::start().await.unwrap();
    let mut stranger = server.options.clone();
    stranger.memory_key = Some(MemoryKey::generate().unwrap());
    let mut elsewhere = server.options.clone();
    elsewhere.pinned_host_key = Some(MemoryKey::generate().unwrap().public_key());

    let denied = crate::auth::refusal(&stranger).await;
    let refused = crate::auth::refusal(&elsewhere).await;

    assert!(
        matches!(&denied, LoginError::Denied { methods, .. } if methods == "publickey"),
        "{denied}"
    );
    assert!(matches!(refused, LoginError::HostKey { .. }), "{refused}");
}

#[tokio::test]
async fn a_terminal_has_the_size_it_was_asked_for_and_the_next_one() {
    let server = embedded::start().await.unwrap();
    let login = login(&server.options).await;
    let mut request = command("stty size; read x; stty size; echo $TERM; tty >&2");
    request.pty = Some(pty(Size {
        columns: 800,
        rows: 200,
        ..Size::default()
    }));
    let channel = login.start(&request).await.unwrap();
    channel
        .writer
        .resize(Size {
            columns: 90,
            rows: 30,
            ..Size::default()
        })
        .await
        .unwrap();
    channel
        .writer
        .write(Bytes::from_static(b"\n"))
        .await
        .unwrap();

    let told = drain(channel).await;

    let text = String::from_utf8(told.stdout).unwrap();
    assert!(text.contains("30 90\r\nxterm\r\n/dev/"), "{text:?}");
    assert_eq!(told.end, Some(Event::ExitStatus(0)));
}

#[tokio::test]
async fn twenty_megabytes_come_back_as_they_went() {
    let server = embedded::start().await.unwrap();
    let login = login(&server.options).await;
    let Channel {
        mut reader, writer, ..
    } = login.start(&command("cat")).await.unwrap();
    let block = Bytes::from((0..1u32 << 20).map(|i| (i % 251) as u8).collect::<Vec<_>>());

    let write = async {
        for _ in 0..20 {
            writer.write(block.clone()).await.unwrap();
        }
        writer.finish().await.unwrap();
    };
    let read = async {
        let mut got = Vec::new();
        while let Some(event) = reader.next().await.unwrap() {
            if let Event::Stdout(bytes) = event {
                got.extend_from_slice(&bytes);
            }
        }
        got
    };
    let ((), got) = tokio::join!(write, read);

    assert!(got == block.repeat(20), "{} bytes came back", got.len());
}

#[tokio::test]
async fn a_login_shell_and_variables_work() {
    let server = embedded::start().await.unwrap();
    let login = login(&server.options).await;
    let request = Request {
        env: vec![("TSSH_TEST".into(), "a b".into())],
        ..Request::default()
    };
    let channel = login.start(&request).await.unwrap();
    channel
        .writer
        .write(Bytes::from_static(b"echo \"$TSSH_TEST\" $0; exit 3\n"))
        .await
        .unwrap();

    let told = drain(channel).await;

    let text = String::from_utf8(told.stdout).unwrap();
    assert!(
        text.lines().any(|line| line.starts_with("a b -")),
        "{text:?}"
    );
    assert_eq!(told.end, Some(Event::ExitStatus(3)));
}

#[tokio::test]
async fn a_daemon_that_keeps_the_streams_does_not_hold_up_the_end() {
    let server = embedded::start().await.unwrap();
    let login = login(&server.options).await;

    let text = output(&login, "sleep 600 & echo started").await;

    assert_eq!(text, "started\n");
}

#[tokio::test]
async fn a_signal_reaches_the_program() {
    let server = embedded::start().await.unwrap();
    let login = login(&server.options).await;
    let mut channel = login
        .start(&command(
            "trap 'echo caught; exit 5' TERM; echo ready; while :; do read x; done",
        ))
        .await
        .unwrap();
    assert_eq!(
        channel.reader.next().await.unwrap(),
        Some(Event::Stdout(Bytes::from_static(b"ready\n")))
    );
    channel.writer.signal("TERM").await.unwrap();
    channel.writer.finish().await.unwrap();

    let told = drain(channel).await;

    assert_eq!(
        (told.stdout.as_slice(), told.end),
        (&b"caught\n"[..], Some(Event::ExitStatus(5)))
    );
}

#[tokio::test]
async fn dropping_it_ends_its_connections_and_programs() {
    ends_with_its_server("echo $$; exec sleep 600").await;
}

/// As every child is whose program was started by nohup.
#[tokio::test]
async fn dropping_it_ends_programs_that_are_deaf_for_a_hangup() {
    ends_with_its_server("trap '' HUP; echo $$; exec sleep 600").await;
}

async fn ends_with_its_server(line: &str) {
    let server = embedded::start().await.unwrap();
    let login = login(&server.options).await;
    let mut channel = login.start(&command(line)).await.unwrap();
    let Some(Event::Stdout(pid)) = channel.reader.next().await.unwrap() else {
        panic!("no pid")
    };
    let pid: i32 = String::from_utf8_lossy(&pid).trim().parse().unwrap();
    let options = server.options.clone();
    drop(server);

    while let Ok(Some(_)) = channel.reader.next().await {}
    let again = crate::auth::refusal(&options).await;

    assert!(matches!(again, LoginError::Connect { .. }), "{again}");
    crate::programs::ended(pid).await;
}

#[tokio::test]
async fn subsystems_are_refused() {
    let server = embedded::start().await.unwrap();
    let login = login(&server.options).await;
    let request = Request {
        program: Program::Subsystem("sftp".into()),
        ..Request::default()
    };

    let error = login.start(&request).await.unwrap_err();

    assert!(
        matches!(error, LoginError::ChannelRefused { .. }),
        "{error}"
    );
}
