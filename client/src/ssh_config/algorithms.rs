//! The algorithm names of OpenSSH, its default lists, and the `+`, `-` and `^` in front of a list.

use super::pattern::{Verdict, matches_list};

/// One kind of algorithm: what exists, and what is used when nothing is said.
#[derive(Debug)]
pub struct Algorithms {
    /// Every name, in the order in which a pattern lists them.
    pub known: &'static [&'static str],
    /// The default list, best first.
    pub defaults: &'static [&'static str],
    /// Whether the list may hold patterns such as `ssh-*`.
    pub takes_patterns: bool,
}

impl Algorithms {
    /// Whether `list`, with or without its first sign, names only what exists.
    pub fn accepts(&self, list: &str) -> bool {
        if list.starts_with('-') {
            return true;
        }
        let names = list.strip_prefix(['+', '^']).unwrap_or(list);
        !names.is_empty() && names.split(',').all(|name| self.knows(name))
    }

    /// The names that `list` stands for, best first; the defaults for an empty list.
    ///
    /// `+` appends to the defaults, `-` removes from them, `^` puts names in front of them.
    pub fn assemble(&self, list: &str) -> Vec<String> {
        let defaults = || self.defaults.iter().map(|&name| name.to_owned());
        if let Some(unwanted) = list.strip_prefix('-') {
            return defaults()
                .filter(|name| matches_list(name, unwanted) != Verdict::Matched)
                .collect();
        }
        let wanted: Vec<String> = if list.is_empty() {
            defaults().collect()
        } else if let Some(more) = list.strip_prefix('+') {
            defaults().chain(self.matching(more)).collect()
        } else if let Some(first) = list.strip_prefix('^') {
            self.matching(first).into_iter().chain(defaults()).collect()
        } else {
            self.matching(list)
        };
        let mut names = Vec::with_capacity(wanted.len());
        for name in wanted {
            if !names.contains(&name) {
                names.push(name);
            }
        }
        names
    }

    fn knows(&self, name: &str) -> bool {
        if self.takes_patterns {
            self.known
                .iter()
                .any(|known| matches_list(known, name) == Verdict::Matched)
        } else {
            self.known.contains(&name)
        }
    }

    fn matching(&self, list: &str) -> Vec<String> {
        let of = |pattern| {
            self.known
                .iter()
                .filter(move |name| matches_list(name, pattern) == Verdict::Matched)
        };
        list.split(',')
            .flat_map(of)
            .map(|&name| name.to_owned())
            .collect()
    }
}

/// `Ciphers`.
pub const CIPHERS: Algorithms = Algorithms {
    known: &[
        "3des-cbc",
        "aes128-cbc",
        "aes192-cbc",
        "aes256-cbc",
        "aes128-ctr",
        "aes192-ctr",
        "aes256-ctr",
        "aes128-gcm@openssh.com",
        "aes256-gcm@openssh.com",
        "chacha20-poly1305@openssh.com",
    ],
    defaults: &[
        "chacha20-poly1305@openssh.com",
        "aes128-ctr",
        "aes192-ctr",
        "aes256-ctr",
        "aes128-gcm@openssh.com",
        "aes256-gcm@openssh.com",
    ],
    takes_patterns: false,
};

/// `MACs`.
pub const MACS: Algorithms = Algorithms {
    known: &[
        "hmac-sha1",
        "hmac-sha1-96",
        "hmac-sha2-256",
        "hmac-sha2-512",
        "hmac-md5",
        "hmac-md5-96",
        "umac-64@openssh.com",
        "umac-128@openssh.com",
        "hmac-sha1-etm@openssh.com",
        "hmac-sha1-96-etm@openssh.com",
        "hmac-sha2-256-etm@openssh.com",
        "hmac-sha2-512-etm@openssh.com",
        "hmac-md5-etm@openssh.com",
        "hmac-md5-96-etm@openssh.com",
        "umac-64-etm@openssh.com",
        "umac-128-etm@openssh.com",
    ],
    defaults: &[
        "umac-64-etm@openssh.com",
        "umac-128-etm@openssh.com",
        "hmac-sha2-256-etm@openssh.com",
        "hmac-sha2-512-etm@openssh.com",
        "hmac-sha1-etm@openssh.com",
        "umac-64@openssh.com",
        "umac-128@openssh.com",
        "hmac-sha2-256",
        "hmac-sha2-512",
        "hmac-sha1",
    ],
    takes_patterns: false,
};

/// `KexAlgorithms`.
pub const KEX: Algorithms = Algorithms {
    known: &[
        "diffie-hellman-group1-sha1",
        "diffie-hellman-group14-sha1",
        "diffie-hellman-group14-sha256",
        "diffie-hellman-group16-sha512",
        "diffie-hellman-group18-sha512",
        "diffie-hellman-group-exchange-sha1",
        "diffie-hellman-group-exchange-sha256",
        "ecdh-sha2-nistp256",
        "ecdh-sha2-nistp384",
        "ecdh-sha2-nistp521",
        "curve25519-sha256",
        "curve25519-sha256@libssh.org",
        "sntrup761x25519-sha512",
        "sntrup761x25519-sha512@openssh.com",
        "mlkem768x25519-sha256",
    ],
    defaults: &[
        "mlkem768x25519-sha256",
        "sntrup761x25519-sha512",
        "sntrup761x25519-sha512@openssh.com",
        "curve25519-sha256",
        "curve25519-sha256@libssh.org",
        "ecdh-sha2-nistp256",
        "ecdh-sha2-nistp384",
        "ecdh-sha2-nistp521",
        "diffie-hellman-group-exchange-sha256",
        "diffie-hellman-group16-sha512",
        "diffie-hellman-group18-sha512",
        "diffie-hellman-group14-sha256",
    ],
    takes_patterns: false,
};

/// `HostKeyAlgorithms`, `PubkeyAcceptedAlgorithms` and `HostbasedAcceptedAlgorithms`.
pub const KEYS: Algorithms = Algorithms {
    known: &[
        "ssh-ed25519",
        "ssh-ed25519-cert-v01@openssh.com",
        "sk-ssh-ed25519@openssh.com",
        "sk-ssh-ed25519-cert-v01@openssh.com",
        "ecdsa-sha2-nistp256",
        "ecdsa-sha2-nistp256-cert-v01@openssh.com",
        "ecdsa-sha2-nistp384",
        "ecdsa-sha2-nistp384-cert-v01@openssh.com",
        "ecdsa-sha2-nistp521",
        "ecdsa-sha2-nistp521-cert-v01@openssh.com",
        "sk-ecdsa-sha2-nistp256@openssh.com",
        "sk-ecdsa-sha2-nistp256-cert-v01@openssh.com",
        "webauthn-sk-ecdsa-sha2-nistp256@openssh.com",
        "ssh-dss",
        "ssh-dss-cert-v01@openssh.com",
        "ssh-rsa",
        "ssh-rsa-cert-v01@openssh.com",
        "rsa-sha2-256",
        "rsa-sha2-256-cert-v01@openssh.com",
        "rsa-sha2-512",
        "rsa-sha2-512-cert-v01@openssh.com",
    ],
    defaults: &[
        "ssh-ed25519-cert-v01@openssh.com",
        "ecdsa-sha2-nistp256-cert-v01@openssh.com",
        "ecdsa-sha2-nistp384-cert-v01@openssh.com",
        "ecdsa-sha2-nistp521-cert-v01@openssh.com",
        "sk-ssh-ed25519-cert-v01@openssh.com",
        "sk-ecdsa-sha2-nistp256-cert-v01@openssh.com",
        "rsa-sha2-512-cert-v01@openssh.com",
        "rsa-sha2-256-cert-v01@openssh.com",
        "ssh-ed25519",
        "ecdsa-sha2-nistp256",
        "ecdsa-sha2-nistp384",
        "ecdsa-sha2-nistp521",
        "sk-ssh-ed25519@openssh.com",
        "sk-ecdsa-sha2-nistp256@openssh.com",
        "rsa-sha2-512",
        "rsa-sha2-256",
    ],
    takes_patterns: true,
};

/// `CASignatureAlgorithms`.
pub const SIGNATURES: Algorithms = Algorithms {
    known: &[
        "ssh-ed25519",
        "sk-ssh-ed25519@openssh.com",
        "ecdsa-sha2-nistp256",
        "ecdsa-sha2-nistp384",
        "ecdsa-sha2-nistp521",
        "sk-ecdsa-sha2-nistp256@openssh.com",
        "webauthn-sk-ecdsa-sha2-nistp256@openssh.com",
        "ssh-dss",
        "ssh-rsa",
        "rsa-sha2-256",
        "rsa-sha2-512",
    ],
    defaults: &[
        "ssh-ed25519",
        "ecdsa-sha2-nistp256",
        "ecdsa-sha2-nistp384",
        "ecdsa-sha2-nistp521",
        "sk-ssh-ed25519@openssh.com",
        "sk-ecdsa-sha2-nistp256@openssh.com",
        "rsa-sha2-512",
        "rsa-sha2-256",
    ],
    takes_patterns: true,
};
