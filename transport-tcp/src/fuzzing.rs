//! What holds for any bytes in a stream: the body of the fuzz target `tcp_frame` in `fuzz/`. Compiled for
//! fuzzing and for tests alone.

use tssh_core::proxy::MTU_RANGE;

use crate::frame::{FrameError, HEADER, Inbox};
use crate::outbox::{MAX_PACKETS, Outbox};

/// Any bytes as frames, cut anywhere; and any bytes as packets that become frames.
pub fn tcp_frame(data: &[u8]) {
    let Some(([cut, segment, batch], bytes)) = data.split_first_chunk() else {
        return;
    };
    let cut = usize::from(*cut).max(1);
    let (expected, error) = frames(bytes);
    let (taken, refused) = through_an_inbox(bytes, cut);
    assert_eq!((taken, refused), (expected, error));
    there_and_back(
        bytes,
        cut,
        usize::from(*segment).max(1),
        usize::from(*batch),
    );
}

/// All packets of `bytes`, by another reading of the same rule, and what ends the stream.
fn frames(mut bytes: &[u8]) -> (Vec<Vec<u8>>, Option<FrameError>) {
    let mut packets = Vec::new();
    while let Some((length, rest)) = bytes.split_first_chunk() {
        let found = u16::from_be_bytes(*length);
        if found > *MTU_RANGE.end() {
            return (packets, Some(FrameError::TooLong { found }));
        }
        let Some((packet, rest)) = rest.split_at_checked(found.into()) else {
            break;
        };
        packets.extend((!packet.is_empty()).then(|| packet.to_vec()));
        bytes = rest;
    }
    (packets, None)
}

/// What an inbox makes of `bytes` in pieces of `cut`. Its memory is what it was in the beginning.
fn through_an_inbox(bytes: &[u8], cut: usize) -> (Vec<Vec<u8>>, Option<FrameError>) {
    let mut inbox = Inbox::new();
    let all = inbox.space().len();
    let mut taken = Vec::new();
    for piece in bytes.chunks(cut) {
        let mut piece = piece;
        while !piece.is_empty() {
            let space = inbox.space();
            assert!(!space.is_empty() && space.len() <= all);
            let (now, later) = piece.split_at(piece.len().min(space.len()));
            space[..now.len()].copy_from_slice(now);
            inbox.handle_read(now.len());
            piece = later;
            loop {
                match inbox.next() {
                    Ok(Some(packet)) => taken.push(packet.to_vec()),
                    Ok(None) => break,
                    Err(error) => {
                        // Its peer is sent away; whoever asks again hears the same.
                        assert_eq!(inbox.next(), Err(error));
                        return (taken, Some(error));
                    }
                }
            }
        }
    }
    (taken, None)
}

/// What an outbox frames an inbox takes out again, but for what is too large or too much.
fn there_and_back(bytes: &[u8], cut: usize, segment: usize, batch: usize) {
    const LARGEST: u16 = 200;
    let mut outbox = Outbox::new(LARGEST);
    let (mut sent, mut wire) = (Vec::new(), Vec::new());
    for batch in bytes.chunks(batch.max(1) * segment) {
        let lost = outbox.push(batch, segment);
        let fits = |packet: &&[u8]| packet.len() <= usize::from(LARGEST);
        let framed: Vec<_> = batch.chunks(segment).filter(fits).collect();
        let kept: usize = framed.iter().map(|packet| packet.len()).sum();
        let room = MAX_PACKETS * (HEADER + usize::from(LARGEST));
        assert!(outbox.pending().len() <= room, "the outbox has grown");
        if framed.len() <= MAX_PACKETS {
            assert_eq!(lost, batch.len() - kept);
            sent.extend(framed.into_iter().map(<[u8]>::to_vec));
        } else {
            let (whole, _) = frames(outbox.pending());
            assert_eq!(lost, batch.len() - whole.concat().len());
            sent.extend(whole);
        }
        while !outbox.is_empty() {
            let some = outbox.pending().len().min(cut);
            wire.extend_from_slice(&outbox.pending()[..some]);
            outbox.handle_written(some);
        }
    }
    assert_eq!(through_an_inbox(&wire, cut), (sent, None));
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::{Just, any, prop_oneof, proptest};

    use super::tcp_frame;

    proptest! {
        #[test]
        fn the_body_holds_for_any_bytes(
            parts in vec(
                prop_oneof![
                    vec(any::<u8>(), 0..40),
                    Just(vec![0, 0]),
                    Just(vec![0, 3, 1, 2, 3]),
                    Just(vec![0xff, 0xff]),
                    Just([vec![0x23, 0x28], vec![7; 9000]].concat()),
                ],
                0..30,
            ),
        ) {
            tcp_frame(&parts.concat());
        }
    }
}
