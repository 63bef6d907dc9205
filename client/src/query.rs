//! What `-Q` prints: the algorithms of a kind, a line each.

use crate::ssh_config::algorithms::{Algorithms, CIPHERS, KEX, KEYS, MACS, SIGNATURES};

/// The lines for `kind`, which may be an option's name as well; `None` for an unknown kind.
pub fn lines(kind: &str) -> Option<String> {
    let known = |of: &Algorithms| of.known.iter().map(|&name| name.to_owned()).collect();
    let names: Vec<String> = match kind.to_ascii_lowercase().as_str() {
        "cipher" | "ciphers" => known(&CIPHERS),
        "cipher-auth" => {
            let own_check = |name: &&&str| name.contains("-gcm@") || name.contains("poly1305");
            let names = CIPHERS.known.iter().filter(own_check);
            names.map(|&name| name.to_owned()).collect()
        }
        "compression" => vec!["none".to_owned(), "zlib@openssh.com".to_owned()],
        "help" => KINDS.iter().map(|&kind| kind.to_owned()).collect(),
        "kex" | "kexalgorithms" => known(&KEX),
        "key-sig"
        | "hostkeyalgorithms"
        | "pubkeyacceptedalgorithms"
        | "pubkeyacceptedkeytypes"
        | "hostbasedacceptedalgorithms"
        | "hostbasedkeytypes" => known(&KEYS),
        "key" => keys(|_| true),
        "key-cert" => keys(|name| name.contains("-cert-")),
        "key-plain" => keys(|name| !name.contains("-cert-")),
        "mac" | "macs" => known(&MACS),
        "protocol-version" => vec!["2".to_owned()],
        "sig" | "casignaturealgorithms" => known(&SIGNATURES),
        _ => return None,
    };
    Some(names.into_iter().map(|name| name + "\n").collect())
}

/// Types of keys: signature algorithms that are no type of their own are left out.
fn keys(wanted: impl Fn(&str) -> bool) -> Vec<String> {
    let names = KEYS.known.iter().copied();
    let is_type = |name: &&str| !name.starts_with("rsa-") && !name.starts_with("webauthn-");
    let names = names.filter(is_type).filter(|name| wanted(name));
    names.map(str::to_owned).collect()
}

const KINDS: [&str; 11] = [
    "cipher",
    "cipher-auth",
    "compression",
    "kex",
    "key",
    "key-cert",
    "key-plain",
    "key-sig",
    "mac",
    "protocol-version",
    "sig",
];
