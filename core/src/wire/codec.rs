//! Commands and messages as bytes: the one place where the wire becomes types.
//!
//! A command is a `u8` length and ASCII; a message is a big-endian `u32` length and JSON
//! (PROTOCOL.md, "Commands and messages"). The readers here take exactly the bytes of what they read, so
//! that raw data may follow on the same stream. They are not cancel safe: bytes already taken are lost
//! when a future is dropped. Inside `select!` use `BusDecoder`.

use bytes::{BufMut, BytesMut};
use serde::Serialize;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use super::error::{Printable, WireError};
use super::json;
use super::message::{Decode, Message, message};

/// The longest message in bytes, without its length: no deployed peer sends more.
pub const MAX_MESSAGE: usize = 1024 * 1024;

/// The longest command in bytes: its length is one byte.
pub const MAX_COMMAND: usize = 255;

/// What `Msg` says when all is well.
pub const NO_ERROR: &str = "_TSSHD_NO_ERROR_";

/// Reads one command.
///
/// # Errors
///
/// [`WireError::BadCommand`] when it is empty or not printable ASCII; [`WireError::Io`] with
/// `UnexpectedEof` when the stream ends before its last byte.
pub async fn read_command<R: AsyncRead + Unpin>(from: &mut R) -> Result<String, WireError> {
    let length = from.read_u8().await?;
    let mut name = vec![0; length.into()];
    from.read_exact(&mut name).await?;
    decode_command(&name)
}

/// Reads one message, or the items of a list of them.
///
/// Memory grows with the bytes that have come, never by the announced length.
///
/// # Errors
///
/// [`WireError::TooLong`] over [`MAX_MESSAGE`], before anything is read; [`WireError::Json`] when the
/// text is not of the shape of `T`, with the stream at the next message; [`WireError::Io`].
pub async fn read_message<T, R>(from: &mut R) -> Result<T, WireError>
where
    T: Decode,
    R: AsyncRead + Unpin,
{
    decode_json(&read_body(from).await?)
}

/// Reads the server's answer to a command or a first message.
///
/// # Errors
///
/// [`WireError::Refused`] when it says no; otherwise as [`read_message`].
pub async fn read_ack<R: AsyncRead + Unpin>(from: &mut R) -> Result<(), WireError> {
    decode_json::<Answer>(&read_body(from).await?)?.into_result()
}

/// Reads an answer that carries more than yes, such as `BusWelcome`.
///
/// # Errors
///
/// As [`read_ack`].
pub async fn read_reply<T, R>(from: &mut R) -> Result<T, WireError>
where
    T: Message,
    R: AsyncRead + Unpin,
{
    let body = read_body(from).await?;
    decode_json::<Answer>(&body)?.into_result()?;
    decode_json(&body)
}

/// Writes one command, in one write.
///
/// # Errors
///
/// [`WireError::BadCommand`], [`WireError::Io`].
pub async fn write_command<W: AsyncWrite + Unpin>(to: &mut W, name: &str) -> Result<(), WireError> {
    let mut out = BytesMut::new();
    encode_command(name, &mut out)?;
    write_once(to, &out).await
}

/// Writes a command and its message, in one write.
///
/// # Errors
///
/// [`WireError::BadCommand`], [`WireError::TooLong`], [`WireError::Io`].
pub async fn write_command_and_message<W, T>(
    to: &mut W,
    name: &str,
    message: &T,
) -> Result<(), WireError>
where
    W: AsyncWrite + Unpin,
    T: Message,
{
    let mut out = BytesMut::new();
    encode_command_and_message(name, message, &mut out)?;
    write_once(to, &out).await
}

/// Writes one message, in one write.
///
/// # Errors
///
/// [`WireError::TooLong`], [`WireError::Io`].
pub async fn write_message<W, T>(to: &mut W, message: &T) -> Result<(), WireError>
where
    W: AsyncWrite + Unpin,
    T: Message,
{
    let mut out = BytesMut::new();
    encode_message(message, &mut out)?;
    write_once(to, &out).await
}

/// Says yes.
///
/// # Errors
///
/// [`WireError::Io`].
pub async fn write_ack<W: AsyncWrite + Unpin>(to: &mut W) -> Result<(), WireError> {
    let mut out = BytesMut::new();
    encode_ack(&mut out);
    write_once(to, &out).await
}

/// Says yes, and `reply` with it.
///
/// # Errors
///
/// [`WireError::TooLong`], [`WireError::Io`].
pub async fn write_reply<W, T>(to: &mut W, reply: &T) -> Result<(), WireError>
where
    W: AsyncWrite + Unpin,
    T: Message,
{
    let mut out = BytesMut::new();
    encode_reply(reply, &mut out)?;
    write_once(to, &out).await
}

/// Says no: one of [`WireError::PROHIBITED`], [`WireError::NOT_A_PTY`] or 0, and one sentence.
///
/// # Errors
///
/// [`WireError::TooLong`], [`WireError::Io`].
pub async fn write_refusal<W>(to: &mut W, code: i64, reason: &str) -> Result<(), WireError>
where
    W: AsyncWrite + Unpin,
{
    let mut out = BytesMut::new();
    encode_refusal(code, reason, &mut out)?;
    write_once(to, &out).await
}

/// Appends a command.
///
/// # Errors
///
/// [`WireError::BadCommand`] when `name` is empty, longer than [`MAX_COMMAND`] or not printable ASCII.
pub fn encode_command(name: &str, out: &mut BytesMut) -> Result<(), WireError> {
    let bad = || WireError::BadCommand(Printable::new(name));
    let length = u8::try_from(name.len()).map_err(|_| bad())?;
    if !is_command(name.as_bytes()) {
        return Err(bad());
    }
    out.put_u8(length);
    out.put_slice(name.as_bytes());
    Ok(())
}

/// Appends a command and its message. On an error `out` is as it was.
///
/// # Errors
///
/// [`WireError::BadCommand`], [`WireError::TooLong`].
pub fn encode_command_and_message<T: Message>(
    name: &str,
    message: &T,
    out: &mut BytesMut,
) -> Result<(), WireError> {
    let start = out.len();
    encode_command(name, out)?;
    encode_message(message, out).inspect_err(|_| out.truncate(start))
}

/// Appends a message. On an error `out` is as it was.
///
/// # Errors
///
/// [`WireError::TooLong`] when its JSON is over [`MAX_MESSAGE`].
pub fn encode_message<T: Message>(message: &T, out: &mut BytesMut) -> Result<(), WireError> {
    encode_json(message, out)
}

/// Appends the answer that says yes.
pub fn encode_ack(out: &mut BytesMut) {
    out.put_u32(ACK.len() as u32);
    out.put_slice(ACK);
}

/// Appends the answer that says yes, and `reply` with it. On an error `out` is as it was.
///
/// # Errors
///
/// [`WireError::TooLong`].
pub fn encode_reply<T: Message>(reply: &T, out: &mut BytesMut) -> Result<(), WireError> {
    encode_json(
        &Granted {
            msg: NO_ERROR,
            reply,
        },
        out,
    )
}

/// Appends the answer that says no. On an error `out` is as it was.
///
/// # Errors
///
/// [`WireError::TooLong`].
pub fn encode_refusal(code: i64, reason: &str, out: &mut BytesMut) -> Result<(), WireError> {
    let msg = reason.to_owned();
    encode_json(&Answer { code, msg }, out)
}

/// Reads a command's name from exactly its bytes.
pub(super) fn decode_command(name: &[u8]) -> Result<String, WireError> {
    if !is_command(name) {
        return Err(WireError::BadCommand(Printable::new(
            &String::from_utf8_lossy(name),
        )));
    }
    Ok(name.iter().copied().map(char::from).collect())
}

/// Reads a message from exactly its JSON.
pub(super) fn decode_json<T: Decode>(text: &[u8]) -> Result<T, WireError> {
    json::read(text).map_err(|why| WireError::Json(Printable::new(&why.to_string())))
}

/// The length that a message's first four bytes announce.
pub(super) fn decode_length(prefix: [u8; 4]) -> Result<usize, WireError> {
    let length = u32::from_be_bytes(prefix);
    match usize::try_from(length) {
        Ok(length) if length <= MAX_MESSAGE => Ok(length),
        _ => Err(WireError::TooLong(length.into())),
    }
}

fn is_command(name: &[u8]) -> bool {
    !name.is_empty() && name.iter().all(u8::is_ascii_graphic)
}

fn encode_json<T: Serialize>(value: &T, out: &mut BytesMut) -> Result<(), WireError> {
    let start = out.len();
    out.put_u32(0);
    let written = json::write((&mut *out).writer(), value);
    let length = out.len() - start - 4;
    if written.is_err() || length > MAX_MESSAGE {
        out.truncate(start);
    }
    written.map_err(|why| WireError::Json(Printable::new(&why.to_string())))?;
    if length > MAX_MESSAGE {
        return Err(WireError::TooLong(length as u64));
    }
    out[start..start + 4].copy_from_slice(&(length as u32).to_be_bytes());
    Ok(())
}

async fn read_body<R: AsyncRead + Unpin>(from: &mut R) -> Result<Vec<u8>, WireError> {
    let mut prefix = [0; 4];
    from.read_exact(&mut prefix).await?;
    let length = decode_length(prefix)?;
    let mut body = Vec::new();
    from.take(length as u64).read_to_end(&mut body).await?;
    if body.len() < length {
        return Err(WireError::Io(std::io::ErrorKind::UnexpectedEof.into()));
    }
    Ok(body)
}

async fn write_once<W: AsyncWrite + Unpin>(to: &mut W, bytes: &[u8]) -> Result<(), WireError> {
    to.write_all(bytes).await?;
    to.flush().await?;
    Ok(())
}

message! {
    /// The two fields that every answer has.
    pub struct Answer {
        /// Why not, for programs; 0 when nothing fits.
        "Code" code: i64,
        /// [`NO_ERROR`], or why not.
        "Msg" msg: String,
    }
}

impl Answer {
    fn into_result(self) -> Result<(), WireError> {
        if self.msg == NO_ERROR {
            return Ok(());
        }
        let Self { code, msg } = self;
        Err(WireError::Refused {
            code,
            reason: Printable::new(&msg),
        })
    }
}

/// A reply and the word that says yes, in one object.
#[derive(Serialize)]
struct Granted<'a, T> {
    #[serde(rename = "Msg")]
    msg: &'static str,
    #[serde(flatten)]
    reply: &'a T,
}

const ACK: &[u8] = br#"{"Msg":"_TSSHD_NO_ERROR_"}"#;
