//! What a login shell with a terminal is told before its first prompt.

use std::fs::File;
use std::io::{Read, Write};
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

/// Writes to a terminal that nobody reads yet, as much as it takes without waiting.
pub(super) fn say(mut terminal: &File, text: &[u8]) {
    if let Err(error) = terminal.write_all(text) {
        tracing::debug!(%error, "greeting cut short");
    }
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

/// A terminal holds some 64 KiB before somebody reads it, and each line grows by a carriage return.
const GREETING_MAX: usize = 32 * 1024;
