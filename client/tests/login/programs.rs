//! Programs on the server: their streams, their end, their terminal.

use bytes::Bytes;
use tssh_client::login::{
    Channel, Event, Login, LoginError, Options, Program, Pty, Request, Silent, Size,
};

use crate::sshd::Sshd;

#[tokio::test]
async fn a_command_gives_its_streams_apart_and_its_status() {
    let sshd = Sshd::start();
    let login = login(&sshd.options()).await;
    let channel = login
        .start(&command("echo out; echo err >&2; exit 7"))
        .await
        .unwrap();

    let told = drain(channel).await;

    assert_eq!(
        (told.stdout.as_slice(), told.stderr.as_slice(), told.end),
        (&b"out\n"[..], &b"err\n"[..], Some(Event::ExitStatus(7)))
    );
}

#[tokio::test]
async fn a_program_killed_by_a_signal_says_which() {
    let sshd = Sshd::start();
    let login = login(&sshd.options()).await;
    let channel = login.start(&command("kill -TERM $$")).await.unwrap();

    let told = drain(channel).await;

    assert!(
        matches!(&told.end, Some(Event::ExitSignal { signal, .. }) if signal == "TERM"),
        "{:?}",
        told.end
    );
}

#[tokio::test]
async fn twenty_megabytes_come_back_as_they_went() {
    let sshd = Sshd::start();
    let login = login(&sshd.options()).await;
    let (mut reader, writer) = login.start(&command("cat")).await.unwrap().split();
    let sent: Vec<u8> = (0..20u32 << 20)
        .map(|i| (i.wrapping_mul(2_654_435_761) >> 24) as u8)
        .collect();
    let input = Bytes::from(sent.clone());

    let write = async {
        for start in (0..input.len()).step_by(60_000) {
            let end = input.len().min(start + 60_000);
            writer.write(input.slice(start..end)).await.unwrap();
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

    assert!(
        got == sent,
        "{} bytes came back of {}",
        got.len(),
        sent.len()
    );
}

#[tokio::test]
async fn variables_are_set_before_the_program_starts() {
    let sshd = Sshd::start();
    let login = login(&sshd.options()).await;
    let mut request = command("echo $TSSH_TEST");
    request.env = vec![
        ("TSSH_TEST".into(), "a b".into()),
        ("REFUSED".into(), "x".into()),
    ];

    let told = drain(login.start(&request).await.unwrap()).await;

    assert_eq!(told.stdout, b"a b\n");
}

#[tokio::test]
async fn a_terminal_has_the_size_it_was_asked_for_and_the_next_one() {
    let sshd = Sshd::start();
    let login = login(&sshd.options()).await;
    let mut request =
        command("stty size; read x; stty size; stty -a | tr ' ' '\\n' | grep '^-echo$'");
    request.pty = Some(pty(Size {
        columns: 800,
        rows: 200,
        ..Size::default()
    }));
    let Channel {
        mut reader,
        writer,
        has_pty,
    } = login.start(&request).await.unwrap();
    assert!(has_pty);

    let first = reader.next().await.unwrap();
    writer
        .resize(Size {
            columns: 90,
            rows: 30,
            ..Size::default()
        })
        .await
        .unwrap();
    writer.write(Bytes::from_static(b"\n")).await.unwrap();
    let rest = drain(Channel {
        reader,
        writer,
        has_pty,
    })
    .await;

    assert_eq!(
        first,
        Some(Event::Stdout(Bytes::from_static(b"200 800\r\n")))
    );
    assert_eq!(
        String::from_utf8(rest.stdout).unwrap(),
        "30 90\r\n-echo\r\n"
    );
}

#[tokio::test]
async fn a_shell_reads_commands_from_stdin() {
    let sshd = Sshd::start();
    let login = login(&sshd.options()).await;
    let channel = login.start(&Request::default()).await.unwrap();
    channel
        .writer
        .write(Bytes::from_static(b"exit 3\n"))
        .await
        .unwrap();

    let told = drain(channel).await;

    assert_eq!(told.end, Some(Event::ExitStatus(3)));
}

#[tokio::test]
async fn a_subsystem_that_is_missing_is_refused_in_one_sentence() {
    let sshd = Sshd::start();
    let login = login(&sshd.options()).await;
    let request = Request {
        program: Program::Subsystem("nope".into()),
        ..Request::default()
    };

    let error = login.start(&request).await.unwrap_err();

    assert_eq!(error.to_string(), "127.0.0.1 refused the subsystem nope");
}

#[tokio::test]
async fn several_programs_run_on_one_login() {
    let sshd = Sshd::start();
    let login = login(&sshd.options()).await;
    let (one, two) = (command("read x; echo $x"), command("echo two"));
    let first = login.start(&one).await.unwrap();
    let second = drain(login.start(&two).await.unwrap()).await;
    first
        .writer
        .write(Bytes::from_static(b"one\n"))
        .await
        .unwrap();

    assert_eq!(
        (drain(first).await.stdout, second.stdout),
        (b"one\n".to_vec(), b"two\n".to_vec())
    );
}

#[tokio::test]
async fn the_end_of_the_login_is_an_error_to_an_open_channel() {
    let sshd = Sshd::start();
    let login = login(&sshd.options()).await;
    let mut channel = login.start(&command("cat")).await.unwrap();
    drop(login);

    let error = loop {
        match channel.reader.next().await {
            Ok(Some(_)) => {}
            Ok(None) => panic!("the channel ended as if all was well"),
            Err(error) => break error,
        }
    };

    assert!(matches!(error, LoginError::Disconnected { .. }), "{error}");
}

#[tokio::test]
async fn the_addresses_are_those_of_the_tcp_connection() {
    let sshd = Sshd::start();
    let login = login(&sshd.options()).await;
    let addresses = login.addresses().unwrap();
    assert_eq!(
        addresses.remote.to_string(),
        format!("127.0.0.1:{}", sshd.port())
    );
    let told = drain(login.start(&command("echo $SSH_CONNECTION")).await.unwrap()).await;
    let expected = format!(
        "127.0.0.1 {} 127.0.0.1 {}\n",
        addresses.local.port(),
        addresses.remote.port()
    );
    assert_eq!(String::from_utf8(told.stdout).unwrap(), expected);
    login.close().await;
}

pub(crate) async fn login(options: &Options) -> Login {
    Login::connect(options, std::sync::Arc::new(Silent))
        .await
        .unwrap()
}

pub(crate) fn command(line: &str) -> Request {
    Request {
        program: Program::Command(line.into()),
        ..Request::default()
    }
}

pub(crate) fn pty(size: Size) -> Pty {
    const ECHO: u8 = 53;
    Pty {
        term: "xterm".into(),
        size,
        modes: vec![(ECHO, 0), (250, 1)],
    }
}

/// All that a program said.
#[derive(Debug, Default)]
pub(crate) struct Told {
    pub(crate) stdout: Vec<u8>,
    pub(crate) stderr: Vec<u8>,
    pub(crate) end: Option<Event>,
}

/// Runs a command to its end and returns its stdout.
pub(crate) async fn output(login: &Login, line: &str) -> String {
    let told = drain(login.start(&command(line)).await.unwrap()).await;
    String::from_utf8(told.stdout).unwrap()
}

pub(crate) async fn drain(mut channel: Channel) -> Told {
    let mut told = Told::default();
    while let Some(event) = channel.reader.next().await.unwrap() {
        match event {
            Event::Stdout(bytes) => told.stdout.extend_from_slice(&bytes),
            Event::Stderr(bytes) => told.stderr.extend_from_slice(&bytes),
            Event::ExitStatus(_) | Event::ExitSignal { .. } => told.end = Some(event),
            Event::Finished => {}
        }
    }
    told
}

/// Waits until a process is gone, or a zombie that nobody has collected yet.
pub(crate) async fn ended(pid: i32) {
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(20);
    loop {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        if stat.is_empty() || stat.contains(") Z ") {
            return;
        }
        assert!(
            std::time::Instant::now() < deadline,
            "process {pid} is still there: {stat}"
        );
        tokio::task::yield_now().await;
    }
}
