//! What a server hands over at login: where it listens, and the one-time keys.
//!
//! PROTOCOL.md, "Server info".

use std::collections::BTreeMap;
use std::fmt;
use std::ops::{Deref, DerefMut};

use serde_json::Value;
use serde_json::error::Category;
use zeroize::{Zeroize, Zeroizing};

use super::error::Printable;
use super::extension::Extension;
use super::json;
use super::message::message;
use super::secret::Secret;
use super::version::VersionError;
use crate::proxy::MTU_RANGE;

message! {
    /// The one JSON object that a server prints at login. Each transport owns its fields in it.
    pub struct ServerInfo {
        /// The version of the protocol's original program that the server equals, such as `0.1.8`.
        "ServerVer" server_version: String,
        /// The protocol that the server speaks; 0 for a server older than 0.1.7.
        "ProtoVer" protocol: u32,
        /// The UDP or TCP port.
        "Port" port: u16,
        /// The transport: `QUIC`, `KCP`, or a third party's.
        "Mode" mode: String,
        /// KCP: the first secret, 48 bytes in hexadecimal.
        "Pass" pass: Secret,
        /// KCP: the salt of all keys, 48 bytes in hexadecimal.
        "Salt" salt: Secret,
        /// QUIC: the server's certificate, PEM in hexadecimal.
        "ServerCert" server_cert: String,
        /// QUIC: the client's certificate, PEM in hexadecimal.
        "ClientCert" client_cert: String,
        /// QUIC: the client's private key, PEM in hexadecimal.
        "ClientKey" client_key: Secret,
        /// The key of authentication packets, 32 bytes in hexadecimal.
        "ProxyKey" proxy_key: Secret,
        /// Who the client is to the proxy; 0 when the client is to draw it.
        "ClientID" client_id: u64,
        /// Who the server is to the proxy.
        "ServerID" server_id: u64,
        /// `TCP`, or empty for UDP.
        "ProxyMode" proxy_mode: String,
        /// The MTU that the server was started with; 0 for the default.
        "MTU" mtu: u16,
        /// Present when the server is one of ours.
        "Tssh" extension: Option<Extension>,
        ..
        /// What third-party transports added.
        extra: Extra,
    }
}

impl ServerInfo {
    /// Reads the object itself, without any noise. For a login's output see `Scanner`.
    ///
    /// # Errors
    ///
    /// [`InfoError::Truncated`], [`InfoError::NotJson`], [`InfoError::WrongType`], or
    /// [`InfoError::Version`] for a server that is too old.
    pub fn from_json(text: &[u8]) -> Result<Self, InfoError> {
        let info: Self = json::read(text).map_err(|why| match why.classify() {
            // The parser's own words would quote values, which may be keys.
            Category::Data => InfoError::WrongType(why.column()),
            Category::Eof => InfoError::Truncated(text.len()),
            Category::Io | Category::Syntax => InfoError::NotJson(why.column()),
        })?;
        info.common_protocol().map_err(InfoError::Version)?;
        if info.port == 0 {
            return Err(InfoError::Port);
        }
        if info.mtu != 0 && !MTU_RANGE.contains(&info.mtu) {
            return Err(InfoError::Mtu { found: info.mtu });
        }
        Ok(info)
    }

    /// The line that a server prints: BEL, the object, newline. Wiped when dropped.
    pub fn to_line(&self) -> Zeroizing<Vec<u8>> {
        // Room for two certificates and a key, so that no reallocation leaves a copy of a secret.
        let mut line = Zeroizing::new(Vec::with_capacity(MAX_OWN_LINE));
        line.push(b'\x07');
        json::write(&mut *line, self).expect("strings and numbers can always be written to memory");
        line.push(b'\n');
        line
    }

    /// Whether the server listens on TCP alone.
    ///
    /// # Errors
    ///
    /// [`InfoError::UnknownProxyMode`].
    pub fn is_tcp(&self) -> Result<bool, InfoError> {
        match self.proxy_mode.as_str() {
            "" => Ok(false),
            "TCP" => Ok(true),
            other => Err(InfoError::UnknownProxyMode(Printable::new(other))),
        }
    }

    /// The one of `known` that the server chose.
    ///
    /// # Errors
    ///
    /// [`InfoError::UnknownMode`].
    pub fn mode_of<'a>(&self, known: &[&'a str]) -> Result<&'a str, InfoError> {
        let found = known.iter().copied().find(|mode| *mode == self.mode);
        found.ok_or_else(|| self.unknown_mode(known))
    }

    /// What to say when none of `known` is what the server chose.
    pub(crate) fn unknown_mode(&self, known: &[&str]) -> InfoError {
        InfoError::UnknownMode {
            found: Printable::new(&self.mode),
            known: known.join(" or "),
        }
    }

    /// The key of authentication packets.
    ///
    /// # Errors
    ///
    /// [`InfoError::Missing`], [`InfoError::NotHex`], [`InfoError::Length`].
    pub fn proxy_key(&self) -> Result<Zeroizing<[u8; 32]>, InfoError> {
        fixed("ProxyKey", self.proxy_key.expose())
    }

    /// The first secret of KCP mode.
    ///
    /// # Errors
    ///
    /// As [`Self::proxy_key`].
    pub fn pass(&self) -> Result<Zeroizing<[u8; 48]>, InfoError> {
        fixed("Pass", self.pass.expose())
    }

    /// The salt of KCP mode.
    ///
    /// # Errors
    ///
    /// As [`Self::proxy_key`].
    pub fn salt(&self) -> Result<Zeroizing<[u8; 48]>, InfoError> {
        fixed("Salt", self.salt.expose())
    }

    /// The server's certificate of QUIC mode, as PEM.
    ///
    /// # Errors
    ///
    /// [`InfoError::Missing`], [`InfoError::NotHex`], [`InfoError::NotPem`].
    pub fn server_cert(&self) -> Result<Vec<u8>, InfoError> {
        pem("ServerCert", &self.server_cert).map(|mut text| std::mem::take(&mut *text))
    }

    /// The client's certificate of QUIC mode, as PEM.
    ///
    /// # Errors
    ///
    /// As [`Self::server_cert`].
    pub fn client_cert(&self) -> Result<Vec<u8>, InfoError> {
        pem("ClientCert", &self.client_cert).map(|mut text| std::mem::take(&mut *text))
    }

    /// The client's private key of QUIC mode, as PEM.
    ///
    /// # Errors
    ///
    /// As [`Self::server_cert`].
    pub fn client_key(&self) -> Result<Zeroizing<Vec<u8>>, InfoError> {
        pem("ClientKey", self.client_key.expose())
    }
}

/// Why a login's output gives no usable server info.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InfoError {
    /// No output at all.
    #[error("tsshd printed nothing where its server info was wanted: is it installed and in PATH?")]
    Empty,
    /// Text that is no object: most often a start-up error in plain words.
    #[error("tsshd printed `{0}` where its server info was wanted")]
    Garbage(Printable),
    /// A key of another length.
    #[error("{field} in the server info has {found} bytes, {wanted} are wanted")]
    Length {
        /// The field's name on the wire.
        field: &'static str,
        /// Bytes found.
        found: usize,
        /// Bytes wanted.
        wanted: usize,
    },
    /// A key that is not there.
    #[error("the server info has no {field}, which its mode needs")]
    Missing {
        /// The field's name on the wire.
        field: &'static str,
    },
    /// Packets that no path carries, or too small for any transport.
    #[error(
        "the server info has an MTU of {found}, {} to {} are wanted",
        MTU_RANGE.start(),
        MTU_RANGE.end()
    )]
    Mtu {
        /// In bytes.
        found: u16,
    },
    /// The object has a form that is no JSON.
    #[error("the server info of tsshd is not JSON at byte {0}: did something else print into it?")]
    NotJson(usize),
    /// A key that is not hexadecimal.
    #[error("{field} in the server info is not hexadecimal")]
    NotHex {
        /// The field's name on the wire.
        field: &'static str,
    },
    /// A certificate or key without its first or last line.
    #[error("{field} in the server info is not a whole PEM text: was it truncated?")]
    NotPem {
        /// The field's name on the wire.
        field: &'static str,
    },
    /// No port to send to.
    #[error("the server info names port 0, where nobody listens: is it another version?")]
    Port,
    /// More output than any login prints.
    #[error(
        "the login printed over {0} bytes without a server info: is a start-up file in a loop?"
    )]
    TooMuch(usize),
    /// The object starts and does not end.
    #[error("the server info of tsshd is truncated after {0} bytes: was the login cut off?")]
    Truncated(usize),
    /// A transport that this program does not have.
    #[error("the server speaks {found}, this program speaks {known}")]
    UnknownMode {
        /// What the server named.
        found: Printable,
        /// What was wanted.
        known: String,
    },
    /// A way to carry packets that this program does not have.
    #[error("the server listens in proxy mode {0}, this program knows TCP and UDP")]
    UnknownProxyMode(Printable),
    /// A field holds another kind of value than it should.
    #[error(
        "a field in the server info of tsshd has an unusable value at byte {0}: is it another version?"
    )]
    WrongType(usize),
    /// The server's version.
    #[error(transparent)]
    Version(VersionError),
}

/// Fields of others, passed through and wiped when dropped; their values stay out of `Debug`.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Extra(pub BTreeMap<String, Value>);

impl Deref for Extra {
    type Target = BTreeMap<String, Value>;

    fn deref(&self) -> &Self::Target {
        &self.0
    }
}

impl DerefMut for Extra {
    fn deref_mut(&mut self) -> &mut Self::Target {
        &mut self.0
    }
}

impl fmt::Debug for Extra {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

impl Drop for Extra {
    fn drop(&mut self) {
        self.0.values_mut().for_each(wipe);
    }
}

fn wipe(value: &mut Value) {
    match value {
        Value::String(text) => text.zeroize(),
        Value::Array(items) => items.iter_mut().for_each(wipe),
        Value::Object(fields) => fields.values_mut().for_each(wipe),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

fn unhex(field: &'static str, text: &str) -> Result<Zeroizing<Vec<u8>>, InfoError> {
    if text.is_empty() {
        return Err(InfoError::Missing { field });
    }
    hex::decode(text)
        .map(Zeroizing::new)
        .map_err(|_| InfoError::NotHex { field })
}

fn fixed<const N: usize>(field: &'static str, text: &str) -> Result<Zeroizing<[u8; N]>, InfoError> {
    let bytes = unhex(field, text)?;
    let wrong = InfoError::Length {
        field,
        found: bytes.len(),
        wanted: N,
    };
    bytes
        .as_slice()
        .try_into()
        .map(Zeroizing::new)
        .map_err(|_| wrong)
}

fn pem(field: &'static str, text: &str) -> Result<Zeroizing<Vec<u8>>, InfoError> {
    let bytes = unhex(field, text)?;
    let body = bytes.trim_ascii();
    let whole = body.starts_with(b"-----BEGIN ")
        && body.ends_with(b"-----")
        && body.windows(PEM_END.len()).any(|part| part == PEM_END);
    if whole {
        Ok(bytes)
    } else {
        Err(InfoError::NotPem { field })
    }
}

const PEM_END: &[u8] = b"\n-----END ";

/// A QUIC line of the original programs has 2.5 kB.
const MAX_OWN_LINE: usize = 16 * 1024;
