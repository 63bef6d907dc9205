//! A peer that holds the key and says what means nothing: it is ignored, told in one line however often it is said,
//! and nothing grows.

use std::task::{Context, Poll, Waker};
use std::time::Instant;

use tssh_conformance::Log;

use crate::session::Session;

#[test]
fn a_stream_id_that_comes_again_while_it_is_open_is_the_same_stream_and_told_once() {
    let mut server = Server::new();
    server.hear_frames(&[&OPEN[..], &push(b"a")].concat());
    assert_eq!(server.session.mux.accept(), Some(ID));
    for _ in 0..5000 {
        server.hear_frames(&OPEN);
    }
    server.hear_frames(&push(b"b"));
    assert_eq!(server.session.mux.accept(), None);
    assert_eq!(server.read(), b"ab");
    server.told_once("a stream opened again while it is open");
    server.goes_on();
}

#[test]
fn a_window_update_that_overflows_gives_no_credit_and_is_told_once() {
    let mut server = Server::new();
    server.hear_frames(&OPEN);
    server.session.mux.accept();
    for consumed in [1, 1000, 1 << 30, u32::MAX / 2] {
        for window in [0, 1 << 30, u32::MAX - 1, u32::MAX] {
            server.hear_frames(&update(consumed, window));
        }
    }
    assert!(server.write(b"secret"));
    assert!(!server.says(b"secret"), "a lie has opened the window");
    server.told_once("more bytes read than were sent");
    server.told_once("a window larger than two counters can tell");
    // The largest honest window, and then the truth.
    server.hear_frames(&update(0, 1 << 18));
    assert!(server.says(b"secret"));
    server.goes_on();
}

#[test]
fn an_end_of_kind_7_ends_nothing_and_is_told_once() {
    let mut server = Server::new();
    server.hear_frames(&[&OPEN[..], &push(b"a")].concat());
    server.session.mux.accept();
    for kind in [7, 3, u16::MAX] {
        for _ in 0..1000 {
            let [low, high] = kind.to_le_bytes();
            server.hear_frames(&[2, 1, low, high, 3, 0, 0, 0]);
        }
    }
    server.hear_frames(&push(b"b"));
    assert_eq!(server.read(), b"ab");
    assert!(server.write(b"answer") && server.says(b"answer"));
    server.told_once("an end of an unknown kind");
    server.goes_on();
}

#[test]
fn a_segment_beyond_the_window_leaves_nothing_behind_and_is_told_once() {
    let mut server = Server::new();
    server.hear_frames(&OPEN);
    server.session.mux.accept();
    server.silence();
    for sn in [8193, 9000, 1 << 20, (1 << 31) - 1] {
        for _ in 0..1000 {
            server.hear(&segment(sn, b"far ahead"));
        }
    }
    assert!(!server.says_anything(), "it was acknowledged");
    server.told_once("a segment beyond the window");
    // The last one within it waits for its turn, and is acknowledged.
    server.hear(&segment(8192, b"near"));
    assert!(server.says_anything());
    server.goes_on();
}

#[test]
fn an_acknowledgement_of_what_was_never_sent_is_ignored_with_all_behind_it_and_told_once() {
    let mut server = Server::new();
    server.hear_frames(&OPEN);
    server.session.mux.accept();
    for una in [100, 1 << 20, (1 << 31) - 1] {
        let mut lie = segment(server.next, &push(b"never"));
        lie[16..20].copy_from_slice(&u32::to_le_bytes(una));
        server.hear(&lie);
    }
    assert_eq!(server.read(), b"");
    server.told_once("an acknowledgement of what was never sent");
    server.goes_on();
}

#[test]
fn a_copy_that_does_not_match_its_original_changes_nothing_whichever_comes_first() {
    let mut server = Server::new();
    server.hear_frames(&OPEN);
    server.session.mux.accept();
    let (right, wrong) = (push(b"right"), push(b"wrong"));
    let (pair, sn) = (server.pair, server.next);
    assert!(server.body(pair * 2, 0xf1, &segment(sn, &right)));
    assert!(!server.body(pair * 2 + 1, 0xf2, &segment(sn, &wrong)));
    assert!(!server.body(pair * 2 + 1, 0xf2, &segment(sn + 1, &wrong)));
    assert_eq!(server.read(), b"right");
    // The copy came first, so it is what counts: it is sealed like the original.
    assert!(server.body(pair * 2 + 3, 0xf2, &segment(sn + 1, &right)));
    assert!(!server.body(pair * 2 + 2, 0xf1, &segment(sn + 2, &wrong)));
    assert_eq!(server.read(), b"right");
    (server.pair, server.next) = (pair + 2, sn + 2);
    server.goes_on();
}

#[test]
fn a_copy_with_the_number_of_an_original_is_no_packet_no_sign_of_life_and_told_once() {
    let mut server = Server::new();
    server.hear_frames(&OPEN);
    for _ in 0..1000 {
        let (pair, sn) = (server.pair, server.next);
        assert!(!server.body(pair * 2, 0xf2, &segment(sn, &push(b"x"))));
        assert!(!server.body(pair * 2 + 1, 0xf1, &segment(sn, &push(b"x"))));
    }
    server.told_once("a packet that is none, or a copy with the number of an original");
    server.session.mux.accept();
    server.goes_on();
}

#[test]
fn streams_beyond_the_limit_are_refused_and_told_once() {
    let mut server = Server::new();
    for id in 0..1500 {
        let [a, b, c, d] = u32::to_le_bytes(2 * id + 3);
        server.hear_frames(&[2, 0, 0, 0, a, b, c, d]);
    }
    let mut accepted = 0;
    while server.session.mux.accept().is_some() {
        accepted += 1;
    }
    assert_eq!(accepted, 1000);
    server.told_once("more streams than there is room for");
    server.goes_on();
}

/// A server that hears bodies of packets that have opened.
struct Server {
    session: Session,
    log: Log,
    now: Instant,
    /// Numbers of the next honest packet and segment of the peer.
    pair: u32,
    next: u32,
}

impl Server {
    fn new() -> Self {
        Self {
            session: Session::listening(1400),
            log: Log::listen(),
            now: Instant::now(),
            pair: 0,
            next: 0,
        }
    }

    /// The next bytes of the row of frames.
    fn hear_frames(&mut self, frames: &[u8]) {
        let segment = segment(self.next, frames);
        self.next += 1;
        self.hear(&segment);
    }

    fn hear(&mut self, segments: &[u8]) {
        let pair = self.pair;
        self.pair += 1;
        assert!(self.body(pair * 2, 0xf1, segments));
    }

    /// Whether it is a sign of life.
    fn body(&mut self, seqid: u32, kind: u16, segments: &[u8]) -> bool {
        let mut body = seqid.to_le_bytes().to_vec();
        body.extend_from_slice(&kind.to_le_bytes());
        body.extend_from_slice(&(segments.len() as u16 + 2).to_le_bytes());
        body.extend_from_slice(segments);
        self.session.handle_body([0; 12], &body, self.now)
    }

    fn read(&mut self) -> Vec<u8> {
        let mut heard = vec![0; 100];
        match self.session.mux.poll_read(ID, &mut heard, &context()) {
            Poll::Ready(count) => heard.truncate(count),
            Poll::Pending => heard.clear(),
        }
        heard
    }

    fn write(&mut self, bytes: &[u8]) -> bool {
        let written = self.session.mux.poll_write(ID, bytes, &context());
        matches!(written, Poll::Ready(Ok(count)) if count == bytes.len())
    }

    /// Whether `words` are in what it has to say now.
    fn says(&mut self, words: &[u8]) -> bool {
        let mut all = Vec::new();
        while self.session.poll_packet(&mut all, self.now).is_some() {}
        all.windows(words.len()).any(|part| part == words)
    }

    fn says_anything(&mut self) -> bool {
        self.now += ACK_DELAY;
        self.session
            .poll_packet(&mut Vec::new(), self.now)
            .is_some()
    }

    /// Has it say all that it has to say.
    fn silence(&mut self) {
        while self.says_anything() {}
    }

    fn told_once(&self, what: &str) {
        let lines = self.log.lines_with(what);
        assert_eq!(lines.len(), 1, "{lines:?}");
    }

    /// The connection stands, and its first stream carries on.
    fn goes_on(&mut self) {
        assert_eq!(self.session.end(), None);
        self.hear_frames(&push(b"and on"));
        assert_eq!(self.read(), b"and on");
    }
}

fn segment(sn: u32, data: &[u8]) -> Vec<u8> {
    let mut segment = vec![7, 0, 0, 0, 81, 0, 0, 4, 0, 0, 0, 0];
    segment.extend_from_slice(&sn.to_le_bytes());
    segment.extend_from_slice(&[0; 4]);
    segment.extend_from_slice(&(data.len() as u32).to_le_bytes());
    segment.extend_from_slice(data);
    segment
}

fn push(data: &[u8]) -> Vec<u8> {
    let mut frame = vec![2, 2, data.len() as u8, 0, 3, 0, 0, 0];
    frame.extend_from_slice(data);
    frame
}

fn update(consumed: u32, window: u32) -> Vec<u8> {
    let mut frame = vec![2, 4, 8, 0, 3, 0, 0, 0];
    frame.extend_from_slice(&consumed.to_le_bytes());
    frame.extend_from_slice(&window.to_le_bytes());
    frame
}

fn context() -> Context<'static> {
    Context::from_waker(Waker::noop())
}

const ID: u32 = 3;
const OPEN: [u8; 8] = [2, 0, 0, 0, 3, 0, 0, 0];

/// Longer than any acknowledgement waits.
const ACK_DELAY: std::time::Duration = std::time::Duration::from_millis(10);
