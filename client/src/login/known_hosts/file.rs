//! Reading the files, and adding a line to one.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::line::{hashed_field, key_type};
use super::lookup::{HostNames, KnownHosts};

/// Reads what all `files` say about `names`. A file that cannot be read says nothing.
pub(in crate::login) fn load<'a>(
    files: impl IntoIterator<Item = &'a PathBuf>,
    names: &HostNames,
) -> KnownHosts {
    let mut known = KnownHosts::default();
    for path in files {
        match read_bounded(path) {
            Ok(text) => known.add(&Arc::new(path.clone()), &text, names),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => {
                tracing::warn!(file = %path.display(), %error, "known_hosts file not read");
            }
        }
    }
    known
}

/// Adds a line for `key` to `path`: as its last line whatever the file ended with, in one write,
/// so that two programs at once do not mix their lines. Makes the file (0600) and its folder
/// (0700) where they are missing.
///
/// # Errors
///
/// What the system says about the file.
pub(in crate::login) fn append(
    path: &Path,
    names: &HostNames,
    key: &[u8],
    hash: bool,
) -> io::Result<()> {
    if let Some(folder) = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty())
        && !folder.exists()
    {
        DirBuilder::new()
            .mode(0o700)
            .recursive(true)
            .create(folder)?;
    }
    let mut file = OpenOptions::new()
        .read(true)
        .append(true)
        .create(true)
        .mode(0o600)
        .open(path)?;
    let mut salt = [0; SALT_LEN];
    getrandom::fill(&mut salt).map_err(|error| io::Error::other(error.to_string()))?;
    let host = if hash {
        hashed_field(&names.exact, &salt)
    } else {
        names.exact.clone()
    };
    let key_type = key_type(key).ok_or(io::ErrorKind::InvalidData)?;
    let break_line = if ends_in_line(&mut file)? { "\n" } else { "" };
    let line = format!("{break_line}{host} {key_type} {}\n", STANDARD.encode(key));
    file.write_all(line.as_bytes())
}

/// Whether `path`, a list of public keys one a line, holds `key`.
///
/// # Errors
///
/// What the system says, or `Unsupported` for a binary revocation list (KRL).
pub(in crate::login) fn revoked_in(path: &Path, key: &[u8]) -> io::Result<bool> {
    let text = read_bounded(path)?;
    if text.starts_with(KRL_MAGIC) {
        return Err(io::Error::new(
            io::ErrorKind::Unsupported,
            "a binary revocation list, and only lists of public keys can be read",
        ));
    }
    let wanted = STANDARD.encode(key);
    let text = String::from_utf8_lossy(&text);
    let mut lines = text
        .lines()
        .map(str::trim)
        .filter(|line| !line.starts_with('#'));
    Ok(lines.any(|line| line.split_ascii_whitespace().any(|word| word == wanted)))
}

fn read_bounded(path: &Path) -> io::Result<Vec<u8>> {
    let mut text = Vec::new();
    let file = File::open(path)?;
    if fs::metadata(path)?.is_dir() {
        return Err(io::ErrorKind::IsADirectory.into());
    }
    file.take(MAX_FILE).read_to_end(&mut text)?;
    Ok(text)
}

/// Whether the file's last line lacks its end.
fn ends_in_line(file: &mut File) -> io::Result<bool> {
    if file.metadata()?.len() == 0 {
        return Ok(false);
    }
    let mut last = [0];
    file.seek(SeekFrom::End(-1))?;
    file.read_exact(&mut last)?;
    Ok(last != *b"\n")
}

/// Larger than any file that people keep; a device that never ends must not fill our memory.
const MAX_FILE: u64 = 64 << 20;

/// As long as the hash, which is what OpenSSH writes.
const SALT_LEN: usize = 20;

/// The first bytes of OpenSSH's binary revocation lists (PROTOCOL.krl).
const KRL_MAGIC: &[u8] = b"SSHKRL\n\0";
