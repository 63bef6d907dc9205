//! The output of a session without a terminal: every byte, held back by whoever does not read.

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tssh_core::transport::WriteHalf;

use super::Place;
use crate::child::Output;
use crate::limits::PIPE_CHUNK;

/// Copies to the end. When the client reads no more the pipe is closed, and its writer gets SIGPIPE as it would in a
/// shell. `place` is given up before the client is told of the end.
pub(super) async fn pump(mut from: Output, mut to: Box<dyn WriteHalf>, place: Place) {
    let mut buffer = bytes::BytesMut::with_capacity(FIRST_CHUNK);
    loop {
        buffer.clear();
        match from.read_buf(&mut buffer).await {
            Ok(0) => break,
            Ok(_) => {}
            Err(error) => {
                tracing::debug!(%error, "a pipe of a child broke");
                break;
            }
        }
        if let Err(error) = to.write_all(&buffer).await {
            tracing::debug!(%error, "the client reads no more");
            return;
        }
        // A child that fills the buffer has more to say.
        if buffer.len() == buffer.capacity() && buffer.capacity() < PIPE_CHUNK {
            buffer = bytes::BytesMut::with_capacity(PIPE_CHUNK);
        }
    }
    drop(place);
    // A client that is gone needs no end of stream.
    let _ = to.shutdown().await;
}

/// Most commands say little: their buffer stays small.
const FIRST_CHUNK: usize = 4 * 1024;
