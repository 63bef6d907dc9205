//! What a login shell with a terminal is told before its first prompt.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use super::spec::Login;

/// The message of the day: every readable file in order. Empty when the user wants quiet (`~/.hushlogin`) or the
/// administrator prints none.
pub(super) fn compose(login: &Login) -> Vec<u8> {
    let mut text = Vec::new();
    if !login.settings.greets() || login.account.home.join(".hushlogin").exists() {
        return text;
    }
    for path in &login.motd {
        append(&mut text, path);
    }
    text
}

/// `text` as a terminal in its usual modes shows it: a carriage return before each line feed.
pub(super) fn for_terminal(text: &[u8]) -> Vec<u8> {
    let mut shown = Vec::with_capacity(text.len());
    for &byte in text {
        if byte == b'\n' {
            shown.push(b'\r');
        }
        shown.push(byte);
    }
    shown
}

fn append(text: &mut Vec<u8>, path: &Path) {
    let room = GREETING_MAX.saturating_sub(text.len()) as u64;
    let read = File::open(path).and_then(|file| file.take(room).read_to_end(text));
    if let Err(error) = read
        && error.kind() != std::io::ErrorKind::NotFound
    {
        tracing::debug!(%error, path = %path.display(), "message of the day not readable");
    }
}

/// Pages and pages; it is kept in memory until the client reads it.
const GREETING_MAX: usize = 64 * 1024;
