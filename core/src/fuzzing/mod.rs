//! What holds for any bytes at all: bodies of the fuzz targets in `fuzz/`, each a function that panics when
//! it does not hold. Compiled for fuzzing and for tests alone; the tests here run each over a few thousand inputs.
//!
//! | want to change…                                  | look in       |
//! |--------------------------------------------------|---------------|
//! | authentication packets, and who is believed      | `auth.rs`     |
//! | the server's line, and the noise around it       | `info.rs`     |
//! | the bus                                          | `bus.rs`      |
//! | commands and messages                            | `messages.rs` |

mod auth;
mod bus;
mod info;
mod messages;
#[cfg(test)]
mod tests;

use std::future::Future;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

pub use auth::auth;
pub use bus::bus;
pub use info::server_info;
pub use messages::messages;

use crate::wire::WireError;

/// What a future gives that waits for nothing.
fn at_once<F: Future>(future: F) -> F::Output {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => output,
        Poll::Pending => panic!("reading from memory waits for nothing"),
    }
}

/// An error is one sentence that fits on a screen and cannot drive a terminal.
fn is_a_sentence(error: &str) {
    assert!(!error.is_empty() && error.len() < 1500, "{error:?}");
    assert!(!error.contains(char::is_control), "{error:?}");
}

/// The one reason for which a message that was read may not be written: it grows where Go escapes.
fn is_too_long(error: &WireError) {
    assert!(matches!(error, WireError::TooLong(_)), "{error}");
}
