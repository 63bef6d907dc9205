//! The server's line in a login's noise.

use super::is_a_sentence;
use crate::wire::{InfoError, MAX_OUTPUT, Scanner, ServerInfo};

/// Any output of a login, whole and in pieces, and any object.
pub fn server_info(data: &[u8]) {
    let Some((&cut, output)) = data.split_first() else {
        return;
    };
    if output.len() > MAX_OUTPUT {
        return;
    }
    if let Some(info) = checked(ServerInfo::from_json(output)) {
        use_up(&info);
        let line = info.to_line();
        assert_eq!(line.first(), Some(&7));
        // What one program prints the other finds, whatever was printed before it.
        assert_eq!(ServerInfo::find(&line), Ok(info.clone()));
        let noisy = [b"Welcome\r\n\x1b[1;32m$ ", &line[..]].concat();
        assert_eq!(ServerInfo::find(&noisy), Ok(info));
    }
    let found = ServerInfo::find(output);
    let mut scanner = Scanner::new();
    for piece in output.chunks(usize::from(cut).max(1)) {
        match scanner.push(piece) {
            Ok(None) => {}
            Ok(Some(info)) => return use_up(&info),
            Err(why) => {
                assert!(matches!(why, InfoError::Version(_)), "{why}");
                return is_a_sentence(&why.to_string());
            }
        }
    }
    let finished = scanner.finish();
    assert_eq!(finished, found, "pieces of {cut} bytes");
    if let Some(info) = checked(finished) {
        use_up(&info);
    }
}

/// Keys are read, or refused in one sentence that does not show them.
fn use_up(info: &ServerInfo) {
    checked(info.proxy_key());
    checked(info.pass());
    checked(info.salt());
    checked(info.server_cert());
    checked(info.client_cert());
    checked(info.client_key());
    checked(info.is_tcp());
    checked(info.mode_of(&["KCP", "QUIC"]));
    let shown = format!("{info:?}");
    for secret in [&info.pass, &info.client_key, &info.proxy_key] {
        let secret = secret.expose();
        let shows = secret.len() > 16 && shown.contains(secret);
        assert!(!shows || is_public(info, secret), "a log would show a key");
    }
}

/// A peer may put the same text where everybody may see it.
fn is_public(info: &ServerInfo, text: &str) -> bool {
    let told = [
        &info.server_version,
        &info.mode,
        &info.server_cert,
        &info.client_cert,
        &info.proxy_mode,
    ];
    told.iter().any(|told| told.contains(text))
        || format!("{:?}{:?}", info.extension, info.extra).contains(text)
}

fn checked<T>(result: Result<T, InfoError>) -> Option<T> {
    result
        .inspect_err(|why| is_a_sentence(&why.to_string()))
        .ok()
}
