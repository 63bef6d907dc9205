use std::future::poll_fn;
use std::io::{self, IoSliceMut};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::time::{Instant, timeout};

use super::gate::Gate;
use super::pipe::PacketPipe;
use super::rig::{Paper, is_writable, port, receive_all};
use super::table::{LinkId, Route, Source, Table};
use crate::transport::RecvMeta;

#[test]
fn a_joined_batch_reaches_the_transport_without_what_was_not_for_it() {
    let (pipe, paper) = pipe_over_paper(false);
    let (good, bad) = ([1; 44], [0; 44]);
    for batch in [[good, bad, good], [bad, good, good], [good, good, bad]] {
        paper.put_batch(port(1), &batch.concat(), 44);
        assert_eq!(receive_all(&pipe), [good, good]);
    }
    paper.put_batch(port(1), &[bad, bad].concat(), 44);
    assert!(receive_all(&pipe).is_empty());
}

#[test]
fn the_short_end_of_a_joined_batch_keeps_its_length() {
    let (pipe, paper) = pipe_over_paper(false);
    let (good, bad, end) = (vec![1; 44], vec![0; 44], vec![2; 16]);
    let batch = [good.as_slice(), &bad, &good, &end].concat();
    paper.put_batch(port(1), &batch, 44);
    assert_eq!(receive_all(&pipe), [good.clone(), good, end.clone()]);
    let batch = [bad.as_slice(), &end].concat();
    paper.put_batch(port(1), &batch, 44);
    assert_eq!(receive_all(&pipe), [end]);
}

#[test]
fn an_icmp_error_does_not_make_a_link_deaf() {
    let (pipe, paper) = pipe_over_paper(false);
    paper.put_error(io::ErrorKind::ConnectionRefused);
    paper.put_error(io::ErrorKind::ConnectionRefused);
    paper.put(port(1), &[1; 20]);
    assert_eq!(receive_all(&pipe), [vec![1; 20]]);
}

#[test]
fn a_stranger_reaches_nobody() {
    let (pipe, paper) = pipe_over_paper(false);
    paper.put(port(2), &[1; 1000]);
    assert!(receive_all(&pipe).is_empty());
}

#[test]
fn what_is_sent_in_the_dark_goes_out_once_when_it_ends_and_never_again() {
    let (pipe, paper) = pipe_over_paper(true);
    assert!(pipe.try_send(&[1; 100], None, None).is_ok());
    assert!(pipe.try_send(&[2; 40], Some(20), None).is_ok());
    assert!(paper.take_sent().is_empty());
    pipe.publish(table(&paper, false));
    let sent = [vec![1; 100], vec![2; 20], vec![2; 20]];
    assert_eq!(paper.take_sent(), sent.map(|packet| (port(1), packet)));
    pipe.publish(table(&paper, true));
    pipe.publish(table(&paper, false));
    assert!(paper.take_sent().is_empty());
}

#[test]
fn the_dark_holds_a_bounded_row_and_then_asks_to_wait() {
    let (pipe, paper) = pipe_over_paper(true);
    // A batch above the room is taken, and its end is lost.
    assert!(pipe.try_send(&[3; 300], Some(10), None).is_ok());
    assert!(!is_writable(&pipe));
    let refused = pipe.try_send(&[4; 10], None, None).unwrap_err();
    assert_eq!(refused.kind(), io::ErrorKind::WouldBlock);
    pipe.publish(table(&paper, false));
    assert!(is_writable(&pipe));
    assert_eq!(paper.take_sent().len(), 24);
}

#[test]
fn small_packets_without_an_answer_follow_a_claim_until_the_peer_is_heard() {
    let (pipe, paper) = pipe_over_paper(false);
    let now = crate::clock::now();
    pipe.activity().handle_heard(now);
    pipe.try_send(&[5; 40], None, None).unwrap();
    pipe.try_send(&[6; 1000], None, None).unwrap();
    paper.take_sent();
    let route = route(&paper);
    assert_eq!(pipe.send_held(&route), 1);
    assert_eq!(paper.take_sent(), [(port(1), vec![5; 40])]);
    pipe.activity().handle_heard(now + Duration::from_millis(1));
    pipe.try_send(&[7; 40], None, None).unwrap();
    paper.take_sent();
    assert_eq!(pipe.send_held(&route), 1);
    assert_eq!(paper.take_sent(), [(port(1), vec![7; 40])]);
}

#[test]
fn what_must_not_come_twice_follows_no_claim_and_takes_one_route() {
    let (pipe, paper) = pipe_over_paper(false);
    pipe.try_send_once(&[1; 40], None, None).unwrap();
    assert_eq!(paper.take_sent(), [(port(1), vec![1; 40])]);
    assert_eq!(pipe.send_held(&route(&paper)), 0);

    let other = Paper::new();
    pipe.publish(Table {
        send: vec![route(&paper), route(&other)],
        ..Table::default()
    });
    pipe.try_send_once(&[2; 40], None, None).unwrap();
    assert_eq!(paper.take_sent(), [(port(1), vec![2; 40])]);
    assert_eq!(other.take_sent(), []);

    // In the dark it goes where a path is being tried, or nowhere.
    for tried in [0, 1] {
        pipe.publish(Table {
            send: vec![route(&paper); tried],
            dark: true,
            ..Table::default()
        });
        pipe.try_send_once(&[3; 40], None, None).unwrap();
        paper.set_full(true);
        pipe.try_send_once(&[4; 40], None, None).unwrap();
        paper.set_full(false);
        assert_eq!(paper.take_sent(), vec![(port(1), vec![3; 40]); tried]);
        pipe.publish(table(&paper, false));
        assert_eq!(paper.take_sent(), []);
    }
}

#[test]
fn a_packet_that_was_refused_again_and_again_follows_a_claim_once() {
    let (pipe, paper) = pipe_over_paper(false);
    pipe.try_send(&[1; 40], None, None).unwrap();
    paper.set_full(true);
    for _ in 0..20 {
        assert!(pipe.try_send(&[2; 40], None, None).is_err());
    }
    paper.set_full(false);
    pipe.try_send(&[2; 40], None, None).unwrap();
    paper.take_sent();
    assert_eq!(pipe.send_held(&route(&paper)), 2);
    let sent = [vec![1; 40], vec![2; 40]];
    assert_eq!(paper.take_sent(), sent.map(|packet| (port(1), packet)));
}

#[test]
fn a_full_link_asks_to_wait() {
    let (pipe, paper) = pipe_over_paper(false);
    paper.set_full(true);
    assert!(!is_writable(&pipe));
    let refused = pipe.try_send(&[1; 10], None, None).unwrap_err();
    assert_eq!(refused.kind(), io::ErrorKind::WouldBlock);
}

#[test]
fn without_any_path_a_packet_is_lost_and_nothing_waits() {
    let (pipe, _) = pipe_over_paper(false);
    pipe.publish(Table::default());
    assert!(is_writable(&pipe));
    assert!(pipe.try_send(&[1; 10], None, None).is_ok());
}

#[test]
fn a_batch_that_one_of_two_routes_took_is_on_its_way() {
    let (pipe, full) = pipe_over_paper(false);
    let free = Paper::new();
    full.set_full(true);
    pipe.publish(Table {
        send: vec![route(&full), route(&free)],
        ..Table::default()
    });
    assert!(pipe.try_send(&[1; 10], None, None).is_ok());
    assert_eq!(free.take_sent(), [(port(1), vec![1; 10])]);
}

#[tokio::test(start_paused = true)]
async fn a_link_that_fails_again_and_again_is_looked_at_again_and_not_always() {
    let (pipe, paper) = pipe_over_paper(false);
    for _ in 0..800 {
        paper.put_error(io::ErrorKind::ConnectionReset);
    }
    paper.put(port(1), &[1; 20]);
    let began = Instant::now();
    let mut buffer = [0; 100];
    let received = poll_fn(|cx| {
        let mut bufs = [IoSliceMut::new(&mut buffer)];
        pipe.poll_recv(cx, &mut bufs, &mut [RecvMeta::default()])
    });
    assert_eq!(timeout(MINUTE, received).await, Ok(1));
    assert!(began.elapsed() >= MINUTE / 100, "{:?}", began.elapsed());
}

#[tokio::test]
async fn errors_of_the_link_are_told_to_the_gate() {
    let (pipe, paper) = pipe_over_paper(false);
    let errors = Arc::new(Mutex::new(0));
    let told = PacketPipe::new(1400, Box::new(Picky(errors.clone())));
    drop(pipe);
    told.publish(table(&paper, false));
    for _ in 0..20 {
        paper.put_error(io::ErrorKind::ConnectionReset);
    }
    receive_all(&told);
    assert_eq!(*errors.lock().unwrap(), 8);
}

/// Withholds packets that begin with 0, and admits no stranger.
#[derive(Debug)]
struct Picky(Arc<Mutex<u32>>);

impl Gate for Picky {
    fn admit(&self, _: &PacketPipe, _: Source, _: &[u8]) -> bool {
        false
    }

    fn intercept(&self, _: &PacketPipe, _: Source, packet: &[u8]) -> bool {
        packet[0] == 0
    }

    fn may_send(&self, _: &Route, _: usize) -> bool {
        true
    }

    fn handle_opened(&self, _: &PacketPipe) {}

    fn handle_link_error(&self, _: LinkId, _: &io::Error) {
        *self.0.lock().unwrap() += 1;
    }
}

const MINUTE: Duration = Duration::from_secs(60);

fn pipe_over_paper(dark: bool) -> (PacketPipe, Arc<Paper>) {
    let paper = Paper::new();
    let pipe = PacketPipe::new(1400, Box::new(Picky(Arc::default())));
    pipe.publish(table(&paper, dark));
    (pipe, paper)
}

fn table(paper: &Arc<Paper>, dark: bool) -> Table {
    let route = route(paper);
    Table {
        links: vec![(LinkId(1), paper.clone())],
        believed: vec![route.source()],
        send: Some(route).filter(|_| !dark).into_iter().collect(),
        dark,
    }
}

fn route(paper: &Arc<Paper>) -> Route {
    Route {
        id: LinkId(1),
        link: paper.clone(),
        peer: port(1),
    }
}
