//! Streams: what they carry, their ends, their turns, and how many there are.

use std::task::Poll;

use tssh_core::transport::Priority;

use super::{Ends, Said, bytes_of, pieces, poll_write, read, said, write};
use crate::arq::{Sink, Source};
use crate::smux::frame::{Fin, Head};
use crate::smux::state::MAX_STREAMS;
use crate::smux::{Mux, Side};

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
