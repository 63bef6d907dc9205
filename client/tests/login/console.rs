//! Asking on a real terminal, and by a program. The asking is done by this test program, started
//! again with `console::asks_in_a_process_of_its_own` as its only test.

use std::os::fd::AsFd as _;
use std::process::{Command, Stdio};
use std::time::Duration;

use nix::sys::termios::{LocalFlags, tcgetattr};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::time::timeout;
use tssh_client::login::{Answer, Console, PromptError, Prompter as _, Question, Words};

#[tokio::test]
async fn a_secret_is_not_shown_and_the_terminal_is_given_back() {
    let (screen, restored) = type_at_prompt("secret", b"sesamX\x7fe\r").await;
    assert_eq!(screen, "Question: \r\nanswer: sesame\r\n");
    assert!(restored);
}

#[tokio::test]
async fn a_visible_answer_is_shown_as_it_is_typed() {
    let (screen, restored) = type_at_prompt("visible", b"yes\r").await;
    assert_eq!(screen, "Question: yes\r\nanswer: yes\r\n");
    assert!(restored);
}

#[tokio::test]
async fn the_interrupt_key_ends_the_prompt_and_gives_the_terminal_back() {
    let (screen, restored) = type_at_prompt("secret", b"ses\x03").await;
    assert_eq!(
        screen,
        "Question: \r\nno answer: interrupted at a prompt\r\n"
    );
    assert!(restored);
}

#[tokio::test]
async fn a_dropped_prompt_gives_the_terminal_back() {
    let (screen, restored) = type_at_prompt("dropped", b"").await;
    assert_eq!(screen, "Question: no answer: dropped\r\n");
    assert!(restored);
}

#[test]
fn a_program_is_asked_where_it_is_forced() {
    // The program gets the question as its argument: this one says it back.
    assert_eq!(by_program("/bin/echo", "force"), "answer: Question: \n");
    assert_eq!(
        by_program("/bin/false", "force"),
        "no answer: interrupted at a prompt\n"
    );
}

#[test]
fn without_a_terminal_the_program_is_asked_where_there_is_a_display() {
    assert_eq!(by_program("/bin/echo", ""), "answer: Question: \n");
    assert_eq!(by_program("/bin/echo", "prefer"), "answer: Question: \n");
    let nobody = "no answer: there is nobody to ask: no terminal, and no SSH_ASKPASS program\n";
    assert_eq!(by_program("/bin/echo", "never"), nobody);
    assert_eq!(by_program("/no/such/program", ""), nobody);
    assert_eq!(by_program("", ""), nobody);
}

#[tokio::test]
async fn asks_in_a_process_of_its_own() {
    let Ok(kind) = std::env::var(KIND) else {
        return;
    };
    let kind = if kind == "visible" {
        Answer::Visible
    } else {
        Answer::Secret
    };
    let console = Console::from_env(Words::All, None);
    let question = Question {
        text: "Question: ",
        kind,
    };
    let asked = console.ask(&question);
    let answer = match std::env::var(KIND).unwrap().as_str() {
        // Long enough for the prompt to be there, and nobody types.
        "dropped" => match timeout(Duration::from_millis(500), asked).await {
            Ok(answer) => answer,
            Err(_) => return say("no answer: dropped"),
        },
        _ => asked.await,
    };
    match answer {
        Ok(answer) => say(&format!("answer: {}", answer.as_str())),
        Err(error @ (PromptError::Interrupted | PromptError::NobodyToAsk)) => {
            say(&format!("no answer: {error}"));
        }
        Err(error) => panic!("{error}"),
    }
}

const KIND: &str = "TSSH_TEST_CONSOLE";

#[expect(
    clippy::print_stderr,
    reason = "a terminal shows it, and the other process reads it"
)]
fn say(text: &str) {
    eprintln!("{text}");
}

const ONLY: [&str; 3] = [
    "--exact",
    "console::asks_in_a_process_of_its_own",
    "--nocapture",
];

/// Types at a prompt on a terminal of its own; returns what the terminal showed, and whether it
/// ended as it began.
async fn type_at_prompt(kind: &str, keys: &[u8]) -> (String, bool) {
    let (mut pty, pts) = pty_process::open().unwrap();
    let before = tcgetattr(pty.as_fd()).unwrap();
    let mut child = pty_process::Command::new(std::env::current_exe().unwrap())
        .args(ONLY)
        .env(KIND, kind)
        .env_remove("SSH_ASKPASS")
        .stdout(Stdio::null())
        .kill_on_drop(true)
        .spawn(pts)
        .unwrap();
    let mut screen = Vec::new();
    let mut typed = false;
    let reading = async {
        let mut buffer = [0; 1024];
        // The end of a terminal is an error on Linux.
        while let Ok(count @ 1..) = pty.read(&mut buffer).await {
            screen.extend_from_slice(&buffer[..count]);
            if !typed && screen.ends_with(b"Question: ") {
                typed = true;
                let echo = tcgetattr(pty.as_fd())
                    .unwrap()
                    .local_flags
                    .contains(LocalFlags::ECHO);
                assert!(!echo, "the terminal itself shows what is typed");
                pty.write_all(keys).await.unwrap();
            }
        }
    };
    timeout(Duration::from_secs(30), reading)
        .await
        .expect("the prompt does not end");
    assert!(child.wait().await.unwrap().success());
    let after = tcgetattr(pty.as_fd()).unwrap();
    (
        String::from_utf8(screen).unwrap(),
        after.local_flags == before.local_flags,
    )
}

/// Asks without a terminal, with a display.
fn by_program(program: &str, require: &str) -> String {
    let output = Command::new("setsid")
        .arg("-w")
        .arg(std::env::current_exe().unwrap())
        .args(ONLY)
        .env(KIND, "secret")
        .env("SSH_ASKPASS", program)
        .env("SSH_ASKPASS_REQUIRE", require)
        .env("DISPLAY", ":0")
        .stdin(Stdio::null())
        .output()
        .unwrap();
    String::from_utf8(output.stderr).unwrap()
}
