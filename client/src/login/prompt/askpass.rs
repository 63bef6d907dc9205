//! Asks by a program of the user's choice.

use std::ffi::OsStr;
use std::process::Stdio;

use tokio::io::AsyncReadExt as _;
use tokio::process::Command;
use zeroize::Zeroizing;

use super::{Answer, PromptError, Question};

/// Runs `program` with the question as its argument; its first line is the answer, and an exit
/// status other than 0 means that the user refused. Cancel safe: the program is killed.
pub(super) async fn ask(
    program: &OsStr,
    question: &Question<'_>,
) -> Result<Zeroizing<String>, PromptError> {
    let mut command = Command::new(program);
    command
        .arg(question.text)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .kill_on_drop(true);
    if question.kind == Answer::Confirmation {
        command.env("SSH_ASKPASS_PROMPT", "confirm");
    }
    let mut child = command.spawn().map_err(|error| {
        tracing::warn!(program = %program.display(), %error, "SSH_ASKPASS program not started");
        PromptError::NobodyToAsk
    })?;
    let mut answer = Zeroizing::new(Vec::with_capacity(MAX_ANSWER));
    if let Some(stdout) = child.stdout.take() {
        let limit = MAX_ANSWER.try_into().unwrap_or(u64::MAX);
        // Half an answer counts as none: the exit status of a program that died tells.
        let _ = stdout.take(limit).read_to_end(&mut answer).await;
    }
    match child.wait().await {
        Ok(status) if status.success() => {}
        _ => return Err(PromptError::Interrupted),
    }
    let line = answer
        .split(|byte| matches!(byte, b'\n' | b'\r'))
        .next()
        .unwrap_or_default();
    let text = String::from_utf8_lossy(line).into_owned();
    // A dialog with only two buttons answers by its exit status alone.
    if question.kind == Answer::Confirmation && text.is_empty() {
        return Ok(Zeroizing::new("yes".to_owned()));
    }
    Ok(Zeroizing::new(text))
}

/// As long as OpenSSH lets an answer be.
const MAX_ANSWER: usize = 1024;
