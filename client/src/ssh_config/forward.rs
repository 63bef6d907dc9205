//! What is forwarded where: the argument of `LocalForward`, `RemoteForward`, `DynamicForward`,
//! `-L`, `-R`, `-D` and `-W`.

use std::fmt;

use super::value::port_or_any;

/// Where a forward listens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Listener {
    /// A TCP port.
    Tcp {
        /// The address to bind; `None` was not given, empty and `*` are every address.
        host: Option<String>,
        /// The port; 0 in a remote forward lets the server choose.
        port: u16,
    },
    /// A Unix domain socket.
    Unix(String),
}

/// Where a forward leads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// Wherever the SOCKS client on the listening side asks for.
    Socks,
    /// A TCP port.
    Tcp {
        /// The host name or address, without brackets.
        host: String,
        /// The port, never 0.
        port: u16,
    },
    /// A Unix domain socket.
    Unix(String),
}

/// A forward: what is accepted at `listener` is connected to `target`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Forward {
    /// Where connections are accepted.
    pub listener: Listener,
    /// Where they lead.
    pub target: Target,
}

impl Forward {
    /// Parses `[host:]port:host:port` and its forms with sockets, as `-L` takes it.
    pub fn parse_local(spec: &str) -> Option<Self> {
        Self::parse(spec).filter(|forward| !forward.has_port_zero())
    }

    /// As [`Self::parse_local`]; the port to listen on may be 0. As `RemoteForward` takes it.
    pub fn parse_remote(spec: &str) -> Option<Self> {
        Self::parse(spec)
    }

    /// Parses `[host:]port` for SOCKS on the server's side; the port may be 0.
    pub fn parse_remote_socks(spec: &str) -> Option<Self> {
        Some(Self {
            listener: listener(spec)?,
            target: Target::Socks,
        })
    }

    /// Parses `[host:]port`, as `-D` takes it.
    pub fn parse_dynamic(spec: &str) -> Option<Self> {
        let forward = Self {
            listener: listener(spec)?,
            target: Target::Socks,
        };
        (!forward.has_port_zero()).then_some(forward)
    }

    fn parse(spec: &str) -> Option<Self> {
        let fields = fields(spec)?;
        let tcp = |host: Option<&Field>, port: &Field| {
            let host = host.map(|host| host.text.clone());
            Some(Listener::Tcp {
                host,
                port: port_or_any(&port.text)?,
            })
        };
        let to = |host: &Field, port: &Field| {
            let port = port_or_any(&port.text).filter(|&port| port != 0)?;
            Some(Target::Tcp {
                host: host.text.clone(),
                port,
            })
        };
        let (listener, target) = match fields.as_slice() {
            [listen, path] if path.is_path && listen.is_path => (
                Listener::Unix(listen.text.clone()),
                Target::Unix(path.text.clone()),
            ),
            [port, path] if path.is_path => (tcp(None, port)?, Target::Unix(path.text.clone())),
            [listen, host, port] if listen.is_path => {
                (Listener::Unix(listen.text.clone()), to(host, port)?)
            }
            [host, port, path] if path.is_path => {
                (tcp(Some(host), port)?, Target::Unix(path.text.clone()))
            }
            [listen, host, port] => (tcp(None, listen)?, to(host, port)?),
            [bind, listen, host, port] => (tcp(Some(bind), listen)?, to(host, port)?),
            _ => return None,
        };
        Some(Self { listener, target })
    }

    fn has_port_zero(&self) -> bool {
        matches!(self.listener, Listener::Tcp { port: 0, .. })
    }
}

impl fmt::Display for Listener {
    /// As `ssh -G` writes it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp { host: None, port } => write!(f, "{port}"),
            Self::Tcp {
                host: Some(host),
                port,
            } => write!(f, "[{host}]:{port}"),
            Self::Unix(path) => f.write_str(path),
        }
    }
}

impl fmt::Display for Target {
    /// As `ssh -G` writes it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Socks => f.write_str("[socks]:0"),
            Self::Tcp { host, port } => write!(f, "[{host}]:{port}"),
            Self::Unix(path) => f.write_str(path),
        }
    }
}

fn listener(spec: &str) -> Option<Listener> {
    match fields(spec)?.as_slice() {
        [path] if path.is_path => Some(Listener::Unix(path.text.clone())),
        [port] => Some(Listener::Tcp {
            host: None,
            port: port_or_any(&port.text)?,
        }),
        [host, port] if !port.is_path => {
            let port = port_or_any(&port.text)?;
            Some(Listener::Tcp {
                host: Some(host.text.clone()),
                port,
            })
        }
        _ => None,
    }
}

struct Field {
    text: String,
    is_path: bool,
}

/// Cuts at colons; `[…]` holds colons, a backslash escapes the next character.
fn fields(spec: &str) -> Option<Vec<Field>> {
    let mut fields = Vec::new();
    let mut rest = Some(spec.trim_start());
    while let Some(text) = rest.filter(|text| !text.is_empty()) {
        if fields.len() == MAX_FIELDS {
            return None;
        }
        let (field, after) = if let Some(literal) = text.strip_prefix('[') {
            let (inside, after) = literal.split_once(']')?;
            if !after.is_empty() && !after.starts_with(':') {
                return None;
            }
            (inside.to_owned(), after.strip_prefix(':'))
        } else {
            let mut field = String::new();
            let mut chars = text.chars();
            let mut after = None;
            while let Some(c) = chars.next() {
                match c {
                    ':' => {
                        after = Some(chars.as_str());
                        break;
                    }
                    '\\' => field.push(chars.next()?),
                    _ => field.push(c),
                }
            }
            (field, after)
        };
        fields.push(Field {
            is_path: field.contains('/'),
            text: field,
        });
        rest = after;
    }
    Some(fields)
}

/// `bind_address:port:host:hostport`.
const MAX_FIELDS: usize = 4;
