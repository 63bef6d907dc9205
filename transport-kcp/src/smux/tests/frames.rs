//! Frames: their form, those that mean nothing, and the last one.

use proptest::prelude::*;

use super::{Ends, bytes_of, poll_write, read, write};
use crate::arq::{Sink, Source};
use crate::smux::frame::{Fin, Head};
use crate::smux::state::MAX_STREAMS;
use crate::smux::{Ended, Mux, Side};

#[test]
fn frames_have_this_exact_form_on_the_wire() {
    for (head, bytes) in [
        (Head::Open(3), [2, 0, 0, 0, 3, 0, 0, 0]),
        (Head::Fin(5, Some(Fin::Both)), [2, 1, 0, 0, 5, 0, 0, 0]),
        (Head::Fin(5, Some(Fin::Read)), [2, 1, 1, 0, 5, 0, 0, 0]),
        (Head::Fin(5, Some(Fin::Write)), [2, 1, 2, 0, 5, 0, 0, 0]),
        (Head::Push(0x0102_0304, 0x1000), [2, 2, 0, 0x10, 4, 3, 2, 1]),
        (Head::Nothing, [2, 3, 0, 0, 0, 0, 0, 0]),
        (Head::Update(7), [2, 4, 8, 0, 7, 0, 0, 0]),
    ] {
        let mut out = Vec::new();
        head.write(&mut out);
        assert_eq!(out, bytes);
        assert_eq!(Head::parse(bytes), Some(head));
    }
    assert_eq!(Head::parse([1, 0, 0, 0, 3, 0, 0, 0]), None);
    assert_eq!(Head::parse([2, 5, 0, 0, 3, 0, 0, 0]), None);
    assert_eq!(
        Head::parse([2, 1, 7, 0, 3, 0, 0, 0]),
        Some(Head::Fin(3, None))
    );
}

#[test]
fn another_version_ends_the_connection_and_so_does_the_last_word() {
    let mut mux = Mux::new(Side::Server);
    mux.take(&[1, 0, 0, 0, 3, 0, 0, 0]);
    let what = "it sent a frame of an unknown version or command";
    assert_eq!(mux.ended(), Some(Ended::Misbehaved(what)));

    let mut ends = Ends::new();
    ends.client.say_farewell();
    ends.carry();
    assert_eq!(ends.server.ended(), Some(Ended::Farewell));
}

#[test]
fn what_belongs_to_no_stream_is_read_and_dropped() {
    for side in [Side::Client, Side::Server] {
        let mut mux = Mux::new(side);
        mux.take(&bytes_of(Head::Push(9, 4)));
        mux.take(b"data");
        mux.take(&bytes_of(Head::Fin(9, Some(Fin::Write))));
        mux.take(&bytes_of(Head::Fin(9, None)));
        mux.take(&bytes_of(Head::Update(9)));
        mux.take(&[0xff; 8]);
        mux.take(&bytes_of(Head::Open(0)));
        assert_eq!((mux.ended(), mux.streams.len()), (None, 0));
    }
}

#[test]
fn the_client_says_something_even_if_it_has_nothing_to_say() {
    let mut client = Mux::new(Side::Client);
    let mut out = Vec::new();
    client.fill(1000, &mut out);
    assert_eq!(out, bytes_of(Head::Nothing));
    assert!(!client.has_any() && !Mux::new(Side::Server).has_any());
}

#[test]
fn nothing_is_said_behind_the_last_word() {
    for has_said in [false, true] {
        let mut ends = Ends::new();
        let id = ends.client.open().unwrap();
        write(&mut ends.client, id, b"x");
        ends.carry();
        ends.server.say_farewell();
        let mut told = Vec::new();
        if has_said {
            ends.server.fill(1000, &mut told);
        }
        // Streams are let go of at last, and the peer goes on as long as it has not heard.
        ends.server.take(&bytes_of(Head::Open(5)));
        write(&mut ends.server, id, b"y");
        ends.server.end_writing(id);
        ends.server.drop_reader(id);
        ends.server.drop_writer(id);
        while ends.server.has_any() {
            ends.server.fill(1000, &mut told);
        }
        assert_eq!(told, bytes_of(Head::Fin(0, Some(Fin::Both))));
    }
}

proptest! {
    #[test]
    fn no_bytes_make_a_mux_panic_or_grow(pieces in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..300), 0..40)) {
        let mut mux = Mux::new(Side::Server);
        for piece in &pieces {
            mux.take(piece);
            let mut out = Vec::new();
            mux.fill(1000, &mut out);
            prop_assert!(out.len() <= 1000);
        }
        prop_assert!(mux.streams.len() <= MAX_STREAMS);
    }

    #[test]
    fn frames_with_random_fields_make_no_mux_panic(frames in proptest::collection::vec((0u8..6, any::<u16>(), 0u32..12), 0..200), cuts in 1usize..50) {
        let mut bytes = Vec::new();
        for (command, len, stream) in frames {
            bytes.extend_from_slice(&[2, command]);
            bytes.extend_from_slice(&(len % 40).to_le_bytes());
            bytes.extend_from_slice(&stream.to_le_bytes());
        }
        let mut mux = Mux::new(Side::Server);
        for part in bytes.chunks(cuts) {
            mux.take(part);
            if let Some(id) = mux.accept() {
                let _refused_or_not = poll_write(&mut mux, id, b"hello");
                read(&mut mux, id);
                mux.drop_reader(id);
                mux.drop_writer(id);
            }
            mux.fill(200, &mut Vec::new());
        }
    }

    #[test]
    fn pieces_of_any_size_give_the_same_frames(cuts in proptest::collection::vec(1usize..40, 1..60)) {
        let mut mux = Mux::new(Side::Client);
        for len in [0, 1, 100, 700] {
            let id = mux.open().unwrap();
            write(&mut mux, id, &vec![len as u8; len]);
            mux.end_writing(id);
        }
        let mut bytes = Vec::new();
        mux.fill(4000, &mut bytes);
        let whole = Mux::new(Side::Server);
        let mut one = whole;
        one.take(&bytes);
        let mut many = Mux::new(Side::Server);
        let mut rest = &bytes[..];
        for cut in cuts.iter().cycle() {
            if rest.is_empty() { break; }
            let (part, left) = rest.split_at((*cut).min(rest.len()));
            many.take(part);
            rest = left;
        }
        for (a, b) in one.streams.values().zip(many.streams.values()) {
            prop_assert_eq!(&a.receiving.bytes, &b.receiving.bytes);
            prop_assert!(a.receiving.ended && b.receiving.ended);
        }
        prop_assert_eq!(one.streams.len(), many.streams.len());
    }
}
