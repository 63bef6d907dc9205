use std::future::Future;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use proptest::prelude::*;
use tssh_core::transport::Priority;

use super::frame::{Fin, HEADER, Head};
use super::reader::{Piece, Reader};
use super::state::MAX_STREAMS;
use super::stream::{FIRST_WINDOW, STREAM_WINDOW};
use super::{Ended, Mux, Side};
use crate::arq::{Sink, Source};

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
fn bytes_and_their_end_come_as_they_were_written() {
    let mut ends = Ends::new();
    let id = ends.client.open().unwrap();
    write(&mut ends.client, id, b"question");
    ends.client.end_writing(id);
    ends.carry();
    assert_eq!(ends.server.accept(), Some(id));
    assert_eq!(read(&mut ends.server, id), Some(b"question".to_vec()));
    assert_eq!(read(&mut ends.server, id), Some(Vec::new()));
    write(&mut ends.server, id, b"answer");
    ends.server.end_writing(id);
    ends.carry();
    assert_eq!(read(&mut ends.client, id), Some(b"answer".to_vec()));
    assert_eq!(read(&mut ends.client, id), Some(Vec::new()));
}

#[test]
fn the_first_read_tells_the_window_and_then_each_half_of_it() {
    let mut ends = Ends::new();
    let id = ends.client.open().unwrap();
    write(&mut ends.client, id, &[1; 10]);
    ends.carry();
    read(&mut ends.server, id);
    let mut told = Vec::new();
    ends.server.fill(1000, &mut told);
    assert_eq!(pieces(&told), [Said::Update(id, 10, STREAM_WINDOW)]);
    ends.client.take(&told);
    write(&mut ends.client, id, &[1; 10]);
    ends.carry();
    read(&mut ends.server, id);
    assert_eq!(said(&mut ends.server), []);
    let mut passed: u32 = 0;
    let updated = loop {
        let Some(count) = try_write(&mut ends.client, id, &[1; 100_000]) else {
            panic!("the window is shut");
        };
        ends.carry();
        read(&mut ends.server, id);
        passed += count as u32;
        if let [Said::Update(_, consumed, _)] = said(&mut ends.server)[..] {
            break consumed;
        }
    };
    assert_eq!(updated, 20 + passed);
    let half = STREAM_WINDOW / 2;
    assert!((half..half + 100_000).contains(&passed), "{passed}");
}

#[test]
fn a_sender_runs_262144_bytes_ahead_and_no_further_until_it_hears_of_a_window() {
    let mut ends = Ends::new();
    let id = ends.client.open().unwrap();
    let mut written = 0;
    while let Some(count) = try_write(&mut ends.client, id, &[1; 65536]) {
        written += count;
        ends.carry();
    }
    let unread = ends.server.streams[&id].receiving.bytes.len();
    assert_eq!(unread, 262_144);
    assert_eq!(written, 262_144 + (256 << 10));
}

#[test]
fn the_three_ends_do_what_each_says() {
    let mut ends = Ends::new();
    let id = ends.client.open().unwrap();
    write(&mut ends.client, id, b"x");
    ends.carry();

    ends.server.drop_reader(id);
    assert_eq!(said(&mut ends.server), [Said::Fin(id, Fin::Read)]);
    ends.client.take(&bytes_of(Head::Fin(id, Some(Fin::Read))));
    let refused = poll_write(&mut ends.client, id, b"y");
    assert!(
        matches!(refused, Poll::Ready(Err(error)) if error.kind() == std::io::ErrorKind::BrokenPipe)
    );
    // The other direction is as it was.
    ends.client.take(&bytes_of(Head::Push(id, 2)));
    ends.client.take(b"ok");
    assert_eq!(read(&mut ends.client, id), Some(b"ok".to_vec()));
    said(&mut ends.client);

    ends.client.take(&bytes_of(Head::Fin(id, Some(Fin::Both))));
    assert_eq!(read(&mut ends.client, id), Some(Vec::new()));
    ends.client.drop_reader(id);
    ends.client.drop_writer(id);
    assert_eq!(said(&mut ends.client), [Said::Fin(id, Fin::Both)]);
    assert!(ends.client.streams.is_empty());
}

#[test]
fn a_stream_is_gone_with_its_last_word_behind_all_that_was_written() {
    let mut ends = Ends::new();
    let id = ends.client.open().unwrap();
    write(&mut ends.client, id, &[7; 5000]);
    ends.client.end_writing(id);
    ends.client.drop_writer(id);
    ends.client.drop_reader(id);
    let said = said(&mut ends.client);
    assert_eq!(said.first(), Some(&Said::Open(id)));
    assert_eq!(said.last(), Some(&Said::Fin(id, Fin::Both)));
    let data: usize = said
        .iter()
        .filter_map(|said| match said {
            Said::Push(_, len) => Some(*len),
            Said::Fin(..) | Said::Nothing | Said::Open(_) | Said::Update(..) => None,
        })
        .sum();
    assert_eq!(data, 5000);
    assert!(ends.client.streams.is_empty() && ends.client.take_freed());
}

#[test]
fn urgent_streams_go_first_and_streams_of_one_kind_take_turns() {
    let mut mux = Mux::new(Side::Client);
    let ids: Vec<_> = (0..4).map(|_| mux.open().unwrap()).collect();
    said(&mut mux);
    for id in &ids {
        write(&mut mux, *id, &[0; 3000]);
    }
    mux.set_priority(ids[3], Priority::Control);
    mux.set_priority(ids[2], Priority::Interactive);
    write(&mut mux, ids[2], b"k");
    let mut order = Vec::new();
    while mux.has_any() {
        let mut out = Vec::new();
        mux.fill(1008, &mut out);
        order.extend(pieces(&out).iter().map(|said| match said {
            Said::Push(id, _) => *id,
            Said::Fin(..) | Said::Nothing | Said::Open(_) | Said::Update(..) => {
                panic!("{said:?}")
            }
        }));
    }
    let [a, b, c, d] = ids[..] else { panic!() };
    // The first turn is of the priority that a stream had when it queued.
    let bulk: Vec<_> = order.iter().filter(|id| [a, b].contains(id)).collect();
    assert_eq!(bulk[..4], [&a, &b, &a, &b]);
    let last = |of: u32| order.iter().rposition(|id| *id == of).unwrap();
    assert!(last(c).max(last(d)) < last(a), "{order:?}");
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
fn a_stream_opened_twice_is_one_and_a_server_opens_none() {
    let mut server = Mux::new(Side::Server);
    server.take(&bytes_of(Head::Open(3)));
    server.take(&bytes_of(Head::Open(3)));
    assert_eq!((server.accept(), server.accept()), (Some(3), None));
    let mut client = Mux::new(Side::Client);
    client.take(&bytes_of(Head::Open(4)));
    assert_eq!((client.accept(), client.streams.len()), (None, 0));
}

#[test]
fn one_stream_too_many_is_refused_and_room_comes_back() {
    let mut server = Mux::new(Side::Server);
    for id in 0..2 * MAX_STREAMS as u32 + 50 {
        server.take(&bytes_of(Head::Open(2 * id + 3)));
    }
    assert_eq!(server.streams.len(), MAX_STREAMS);
    let refused = said(&mut server);
    assert_eq!(refused.len(), 1000);
    assert!(
        refused
            .iter()
            .all(|said| matches!(said, Said::Fin(_, Fin::Both)))
    );

    let mut client = Mux::new(Side::Client);
    let first = client.open().unwrap();
    while client.open().is_some() {}
    assert_eq!(client.streams.len(), MAX_STREAMS);
    client.drop_reader(first);
    client.drop_writer(first);
    said(&mut client);
    assert!(client.take_freed() && client.open().is_some());
}

#[test]
fn a_peer_that_sends_beyond_the_window_ends_the_connection() {
    let mut server = Mux::new(Side::Server);
    server.take(&bytes_of(Head::Open(3)));
    for _ in 0..100 {
        server.take(&bytes_of(Head::Push(3, u16::MAX)));
        server.take(&[0; u16::MAX as usize]);
    }
    let what = "it sent more than a stream's window";
    assert_eq!(server.ended(), Some(Ended::Misbehaved(what)));
    assert!(server.streams[&3].receiving.bytes.len() <= STREAM_WINDOW as usize);
}

#[test]
fn a_peer_that_claims_to_have_read_more_than_it_was_sent_gets_nothing() {
    let mut client = Mux::new(Side::Client);
    let id = client.open().unwrap();
    write(&mut client, id, &[0; 1000]);
    let mut update = bytes_of(Head::Update(id));
    update.extend_from_slice(&500u32.to_le_bytes());
    update.extend_from_slice(&u32::MAX.to_le_bytes());
    client.take(&update);
    assert_eq!(said(&mut client), [Said::Open(id)]);
    assert_eq!(client.ended(), None);
}

#[test]
fn a_peer_that_ignores_windows_fills_the_budget_and_not_the_memory() {
    let mut server = Mux::new(Side::Server);
    let mut taken = 0;
    let mut id = 3;
    while server.has_room() && taken < 500 << 20 {
        server.take(&bytes_of(Head::Open(id)));
        for _ in 0..16 {
            server.take(&bytes_of(Head::Push(id, u16::MAX)));
            server.take(&[0; u16::MAX as usize]);
            taken += usize::from(u16::MAX);
        }
        id += 2;
    }
    assert!((196 << 20..198 << 20).contains(&taken), "{taken}");
    server.drop_reader(3);
    assert!(server.has_room());
}

#[test]
fn as_many_forwards_as_there_can_be_stop_no_session_when_nobody_reads_them() {
    let mut ends = Ends::new();
    let stuck: Vec<_> = (0..256)
        .map(|_| {
            let id = ends.client.open().unwrap();
            // The first byte is read, so that the largest window is told; the others are not.
            write(&mut ends.client, id, b"x");
            ends.carry();
            read(&mut ends.server, id);
            fill(&mut ends, id);
            id
        })
        .collect();
    assert!(ends.server.has_room());
    let held = |id| ends.server.streams[id].receiving.bytes.len();
    let least = stuck.iter().map(held).min().unwrap();
    assert!(least >= 262_144, "{least} bytes for the last one");
    assert_eq!(held(&stuck[0]), STREAM_WINDOW as usize);
    let shell = ends.client.open().unwrap();
    for _ in 0..100 {
        write(&mut ends.client, shell, &[b'k'; 10_000]);
        ends.carry();
        assert!(ends.server.has_room());
        assert_eq!(
            read(&mut ends.server, shell).map(|heard| heard.len()),
            Some(10_000)
        );
    }
}

#[test]
fn windows_that_were_given_back_are_given_out_again() {
    let mut ends = Ends::new();
    for _ in 0..1000 {
        let id = ends.client.open().unwrap();
        write(&mut ends.client, id, b"x");
        ends.carry();
        read(&mut ends.server, id);
        assert_eq!(said(&mut ends.server), [Said::Update(id, 1, STREAM_WINDOW)]);
        for side in [&mut ends.client, &mut ends.server] {
            side.drop_reader(id);
            side.drop_writer(id);
        }
        ends.carry();
    }
}

#[test]
fn a_window_that_shrinks_takes_back_nothing_that_may_be_on_its_way() {
    let mut ends = Ends::new();
    let first = ends.client.open().unwrap();
    write(&mut ends.client, first, b"x");
    ends.carry();
    read(&mut ends.server, first);
    ends.carry();
    let mut edge = 1 + STREAM_WINDOW;
    for _ in 0..400 {
        let id = ends.client.open().unwrap();
        write(&mut ends.client, id, b"x");
        ends.carry();
        read(&mut ends.server, id);
        ends.carry();
    }
    let mut windows = vec![STREAM_WINDOW];
    while windows.len() < 12 {
        write(&mut ends.client, first, &[1; 30_000]);
        let mut out = Vec::new();
        while ends.client.has_any() {
            out.clear();
            ends.client.fill(1000, &mut out);
            ends.server.take(&out);
        }
        read(&mut ends.server, first);
        for update in said(&mut ends.server) {
            let Said::Update(id, consumed, window) = update else {
                panic!("{update:?}");
            };
            assert!(consumed + window >= edge, "{consumed} + {window} < {edge}");
            edge = consumed + window;
            windows.push(window);
            let mut told = bytes_of(Head::Update(id));
            told.extend_from_slice(&consumed.to_le_bytes());
            told.extend_from_slice(&window.to_le_bytes());
            ends.client.take(&told);
        }
    }
    assert!(
        windows.is_sorted_by(|before, after| before >= after),
        "{windows:?}"
    );
    assert!((FIRST_WINDOW..STREAM_WINDOW / 4).contains(&windows[11]));
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
fn data_waits_until_its_stream_is_opened_however_little_room_there_is() {
    for room in 64..200 {
        let mut ends = Ends::new();
        let ids: Vec<_> = (0..30).map(|_| ends.client.open().unwrap()).collect();
        // The last one is the most urgent.
        ends.client.set_priority(ids[29], Priority::Control);
        for id in &ids {
            write(&mut ends.client, *id, b"first words");
        }
        while ends.client.has_any() {
            let mut out = Vec::new();
            ends.client.fill(room, &mut out);
            assert!(!out.is_empty());
            ends.server.take(&out);
        }
        for id in ids {
            assert_eq!(ends.server.accept(), Some(id), "in a room of {room}");
            assert_eq!(read(&mut ends.server, id), Some(b"first words".to_vec()));
        }
    }
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

#[test]
fn the_client_says_something_even_if_it_has_nothing_to_say() {
    let mut client = Mux::new(Side::Client);
    let mut out = Vec::new();
    client.fill(1000, &mut out);
    assert_eq!(out, bytes_of(Head::Nothing));
    assert!(!client.has_any() && !Mux::new(Side::Server).has_any());
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

struct Ends {
    client: Mux,
    server: Mux,
}

impl Ends {
    fn new() -> Self {
        Self {
            client: Mux::new(Side::Client),
            server: Mux::new(Side::Server),
        }
    }

    /// Delivers all that either has to say.
    fn carry(&mut self) {
        while self.client.has_any() || self.server.has_any() {
            let mut out = Vec::new();
            self.client.fill(1000, &mut out);
            self.server.take(&out);
            out.clear();
            self.server.fill(1000, &mut out);
            self.client.take(&out);
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Said {
    Fin(u32, Fin),
    Nothing,
    Open(u32),
    Push(u32, usize),
    Update(u32, u32, u32),
}

/// All that a side has to say, frame by frame.
fn said(mux: &mut Mux) -> Vec<Said> {
    let mut all = Vec::new();
    while mux.has_any() {
        let mut out = Vec::new();
        mux.fill(1000, &mut out);
        all.extend(pieces(&out));
    }
    all
}

fn pieces(mut bytes: &[u8]) -> Vec<Said> {
    let mut reader = Reader::default();
    let mut all = Vec::new();
    while let Some(piece) = reader.next(&mut bytes).unwrap() {
        all.push(match piece {
            Piece::Data(id, data) => Said::Push(id, data.len()),
            Piece::Frame(Head::Fin(id, fin)) => Said::Fin(id, fin.unwrap()),
            Piece::Frame(Head::Open(id)) => Said::Open(id),
            Piece::Frame(_) => Said::Nothing,
            Piece::Update(id, consumed, window) => Said::Update(id, consumed, window),
        });
    }
    all
}

fn bytes_of(head: Head) -> Vec<u8> {
    let mut out = Vec::with_capacity(HEADER);
    head.write(&mut out);
    out
}

fn poll_write(mux: &mut Mux, id: u32, bytes: &[u8]) -> Poll<std::io::Result<usize>> {
    mux.poll_write(id, bytes, &Context::from_waker(Waker::noop()))
}

fn try_write(mux: &mut Mux, id: u32, bytes: &[u8]) -> Option<usize> {
    match poll_write(mux, id, bytes) {
        Poll::Ready(count) => Some(count.unwrap()),
        Poll::Pending => None,
    }
}

fn write(mux: &mut Mux, id: u32, bytes: &[u8]) {
    assert_eq!(try_write(mux, id, bytes), Some(bytes.len()));
}

/// Writes as much as is taken, and delivers it.
fn fill(ends: &mut Ends, id: u32) {
    while try_write(&mut ends.client, id, &[0; 65536]).is_some() {
        ends.carry();
    }
}

/// What is there to be read; `None` when one has to wait.
fn read(mux: &mut Mux, id: u32) -> Option<Vec<u8>> {
    let mut heard = vec![0; 4 << 20];
    let read = std::future::poll_fn(|cx| mux.poll_read(id, &mut heard, cx));
    let read = pin!(read).poll(&mut Context::from_waker(Waker::noop()));
    let Poll::Ready(count) = read else {
        return None;
    };
    heard.truncate(count);
    Some(heard)
}
