//! Windows: what a sender may send, and what a receiver holds.

use super::{Ends, Said, bytes_of, fill, pieces, read, said, try_write, write};
use crate::arq::{Sink, Source};
use crate::smux::frame::Head;
use crate::smux::stream::{FIRST_WINDOW, STREAM_WINDOW};
use crate::smux::{Ended, Mux, Side};

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
