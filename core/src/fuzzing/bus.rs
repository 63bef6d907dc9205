//! The bus, read piece by piece.

use bytes::BytesMut;

use super::{is_a_sentence, is_too_long};
use crate::wire::{BusDecoder, BusEvent};

/// Any bytes, whole and in pieces: the same events come out, and each of them can be written and read again.
pub fn bus(data: &[u8]) {
    let Some((&cut, bytes)) = data.split_first() else {
        return;
    };
    let (events, errors) = outcome(bytes, bytes.len());
    let piecewise = outcome(bytes, usize::from(cut));
    assert_eq!((&events, &errors), (&piecewise.0, &piecewise.1));
    // An event takes at least a length and a letter.
    assert!(2 * (events.len() + errors.len()) <= bytes.len() + 2);
    for event in events {
        let mut written = BytesMut::new();
        match event.encode(&mut written) {
            Ok(()) => {
                let mut decoder = BusDecoder::new();
                decoder.push(&written);
                assert_eq!(decoder.poll_event().expect("it was written"), Some(event));
                assert_eq!(decoder.poll_event().expect("nothing is left"), None);
            }
            Err(why) => is_too_long(&why),
        }
    }
}

/// The events of `bytes` in pieces of `size`, and the errors among them.
fn outcome(bytes: &[u8], size: usize) -> (Vec<BusEvent>, Vec<String>) {
    let (mut events, mut errors) = (Vec::new(), Vec::new());
    let mut decoder = BusDecoder::new();
    for piece in bytes.chunks(size.max(1)) {
        decoder.push(piece);
        loop {
            match decoder.poll_event() {
                Ok(Some(event)) => events.push(event),
                Ok(None) => break,
                Err(why) => {
                    let said = why.to_string();
                    is_a_sentence(&said);
                    errors.push(said);
                    if !why.is_recoverable() {
                        // It stays lost, and keeps nothing.
                        decoder.push(bytes);
                        assert!(decoder.poll_event().is_err_and(|why| !why.is_recoverable()));
                        return (events, errors);
                    }
                }
            }
        }
    }
    (events, errors)
}
