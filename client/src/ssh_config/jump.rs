//! Destinations and the jump hosts on the way: `[user@]host[:port]` and `ssh://`.

use std::fmt;

use super::tokens::{TokenError, Tokens, expand_tokens};
use super::value::port;

/// What the user names on the command line: `[user@]host` or `ssh://[user@]host[:port]`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Destination {
    /// The user, when one was given.
    pub user: Option<String>,
    /// The host name, address or alias, without brackets.
    pub host: String,
    /// The port, which only the `ssh://` form can give.
    pub port: Option<u16>,
}

impl Destination {
    /// Parses a destination; `None` when it is none, or could pass for an option or shell code.
    pub fn parse(text: &str) -> Option<Self> {
        let destination = if text.starts_with(SCHEME) {
            parse_uri(text)?
        } else {
            let (user, host) = split_user(text)?;
            Self {
                user,
                host: host.to_owned(),
                port: None,
            }
        };
        let user_is_sane = destination.user.as_deref().is_none_or(is_sane_user);
        (user_is_sane && is_sane_host(&destination.host)).then_some(destination)
    }
}

/// One host on the way to the destination.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JumpHop {
    /// The user, when one was given.
    pub user: Option<String>,
    /// The host name, address or alias, without brackets.
    pub host: String,
    /// The port, when one was given.
    pub port: Option<u16>,
}

/// The argument of `ProxyJump`: at least one hop, the nearest first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProxyJump {
    /// The hops, the nearest first; never empty.
    hops: Vec<JumpHop>,
    /// All but the last hop, as they were written.
    extra: Option<String>,
}

impl ProxyJump {
    /// Parses a comma-separated list of hops, a comment and blanks behind it left out.
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.split('#').next()?.trim_end();
        let hops = text
            .split(',')
            .map(JumpHop::parse)
            .collect::<Option<Vec<_>>>()?;
        let extra = text.rsplit_once(',').map(|(extra, _)| extra.to_owned());
        Some(Self { hops, extra })
    }

    /// The hops, the nearest first.
    pub fn hops(&self) -> &[JumpHop] {
        &self.hops
    }

    /// The hop next to the destination.
    pub fn last(&self) -> &JumpHop {
        self.hops.last().expect("parsing yields at least one hop")
    }
}

impl JumpHop {
    /// Parses `[user@]host[:port]` or the `ssh://` form; `None` also for what could pass for an
    /// option, a path or shell code.
    pub fn parse(text: &str) -> Option<Self> {
        let hop = if text.starts_with(SCHEME) {
            let Destination { user, host, port } = parse_uri(text)?;
            Self { user, host, port }
        } else {
            let (user, rest) = split_user(text)?;
            let (host, port) = split_port(rest)?;
            Self { user, host, port }
        };
        let is_sane = is_sane_host(&hop.host)
            && !hop.host.contains('/')
            && hop.user.as_deref().is_none_or(is_sane_user);
        is_sane.then_some(hop)
    }

    /// The hop with the tokens of its user and host replaced by their values in `tokens`.
    ///
    /// # Errors
    ///
    /// A token that is not in `tokens`.
    pub fn expanded(&self, tokens: &Tokens<'_>) -> Result<Self, TokenError> {
        let user = self.user.as_deref();
        Ok(Self {
            user: user.map(|user| expand_tokens(user, tokens)).transpose()?,
            host: expand_tokens(&self.host, tokens)?,
            port: self.port,
        })
    }
}

impl fmt::Display for ProxyJump {
    /// As `ssh -G` writes it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(extra) = &self.extra {
            write!(f, "{extra},")?;
        }
        write!(f, "{}", self.last())
    }
}

impl fmt::Display for JumpHop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(user) = &self.user {
            write!(f, "{user}@")?;
        }
        let is_numeric =
            self.host.contains(':') || self.host.chars().all(|c| c.is_ascii_digit() || c == '.');
        if is_numeric {
            write!(f, "[{}]", self.host)?;
        } else {
            f.write_str(&self.host)?;
        }
        match self.port {
            Some(port) => write!(f, ":{port}"),
            None => Ok(()),
        }
    }
}

const SCHEME: &str = "ssh://";

fn parse_uri(uri: &str) -> Option<Destination> {
    let rest = uri.strip_prefix(SCHEME)?;
    let (user, rest) = match rest.split_once('@') {
        Some((user, rest)) => {
            let user = user.split(';').next().filter(|user| !user.is_empty())?;
            (Some(percent_decode(user)?), rest)
        }
        None => (None, rest),
    };
    let rest = rest.strip_suffix('/').unwrap_or(rest);
    let (host, port) = split_port(rest)?;
    (!host.contains('/')).then_some(Destination { user, host, port })
}

fn split_user(text: &str) -> Option<(Option<String>, &str)> {
    match text.rsplit_once('@') {
        Some(("", _)) => None,
        Some((user, rest)) => Some((Some(user.to_owned()), rest)),
        None => Some((None, text)),
    }
}

/// Cuts `host:port` or `[host]:port`; the host may not be empty, the port may.
fn split_port(text: &str) -> Option<(String, Option<u16>)> {
    let (host, port_text) = if let Some(literal) = text.strip_prefix('[') {
        let (host, after) = literal.split_once(']')?;
        match after.strip_prefix(':') {
            Some(port) => (host, Some(port)),
            None if after.is_empty() => (host, None),
            None => return None,
        }
    } else {
        match text.split_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (text, None),
        }
    };
    let port = match port_text {
        Some(text) if !text.is_empty() => Some(port(text)?),
        _ => None,
    };
    (!host.is_empty()).then(|| (host.to_owned(), port))
}

fn percent_decode(text: &str) -> Option<String> {
    let mut bytes = Vec::new();
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'%' => {
                let hex = |digit: u8| char::from(digit).to_digit(16);
                let value = hex(rest.next()?)? * 16 + hex(rest.next()?)?;
                u8::try_from(value).ok().filter(|&byte| byte != 0)?
            }
            b'+' => b' ',
            _ => byte,
        });
    }
    String::from_utf8(bytes).ok()
}

// A name that the shell of a ProxyCommand or Match exec would read as code, or a program as an
// option, can come from a repository's submodule (CVE-2023-51385).
fn is_sane_host(host: &str) -> bool {
    let is_risky = |c: char| "'`\"$\\;&<>|(){}".contains(c) || c.is_whitespace() || c.is_control();
    !host.is_empty() && !host.starts_with('-') && !host.contains(is_risky)
}

pub(crate) fn is_sane_user(user: &str) -> bool {
    // A backslash inside is how Windows domains are written, and quotes one harmless character.
    let is_risky = |c: char| "'`\"$;&<>|(){}".contains(c) || c.is_control();
    let hides_an_option = user
        .split_inclusive(char::is_whitespace)
        .skip(1)
        .any(|word| word.starts_with('-'));
    !user.starts_with('-') && !user.contains(is_risky) && !hides_an_option && !user.ends_with('\\')
}
