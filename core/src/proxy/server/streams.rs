//! Streams that bring a claim of their own: how they become a path, and how they end.

use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, PoisonError};

use super::gate::Shared;
use super::state::State;
use crate::auth::{Claim, Verdict};
use crate::clock::now;
use crate::proxy::pipe::PacketPipe;
use crate::proxy::table::{LinkId, Source};
use crate::transport::{Link, Transmit};

/// Takes streams that may be the client's. Clones share it.
#[derive(Clone, Debug)]
pub struct Streams {
    shared: Arc<Shared>,
    pipe: PacketPipe,
}

impl Streams {
    pub(super) fn new(shared: Arc<Shared>, pipe: PacketPipe) -> Self {
        Self { shared, pipe }
    }

    /// A stream came from `peer` with this packet in its first frame. It is closed unless that is a
    /// fresh claim of the client.
    pub fn handle_stream(&self, link: Arc<dyn Link>, peer: SocketAddr, first: &[u8]) {
        match self.shared.key.open(first) {
            Some(claim) => self.shared.handle_stream(&self.pipe, link, peer, claim),
            None => tracing::debug!(%peer, "a stream that begins with no claim"),
        }
    }
}

impl Shared {
    fn handle_stream(
        &self,
        pipe: &PacketPipe,
        link: Arc<dyn Link>,
        peer: SocketAddr,
        claim: Claim,
    ) {
        let mut inner = self.lock();
        let source = Source {
            link: inner.streams.next(self.links.len()),
            addr: peer,
        };
        if inner.state.handle_stream_claim(source, claim, now()) != Verdict::Fresh {
            tracing::debug!(%peer, "a stream whose claim is no fresh one of the client");
            return;
        }
        // A Go peer takes the first frame for the answer, whatever it is.
        if let Err(error) = self.answer(&*link, peer, claim) {
            tracing::debug!(%peer, %error, "a stream that cannot be answered");
            inner.state.handle_stream_ended(source.link);
            return;
        }
        inner.streams.insert(source.link, link);
        let promoted =
            self.change_locked(pipe, &mut inner, |state| state.handle_stream(source, now()));
        drop(inner);
        if promoted {
            tracing::debug!("the client comes by a stream");
            if self.budget.lift() {
                pipe.wake();
            }
            self.moves.send_modify(|moves| *moves += 1);
        }
    }

    fn answer(&self, link: &dyn Link, peer: SocketAddr, claim: Claim) -> io::Result<()> {
        let claim = Claim {
            id: self.server_id,
            serial: claim.serial,
        };
        let packet = self
            .key
            .seal(claim)
            .map_err(|error| io::Error::other(error.to_string()))?;
        link.try_send(&Transmit {
            destination: peer,
            ecn: None,
            contents: &packet,
            segment_size: None,
            src_ip: None,
        })
    }

    /// Notes that a stream has ended. Called under any lock but that of `ended`.
    pub(super) fn handle_ended(&self, link: LinkId, error: &io::Error) {
        let mut ended = self.ended.lock().unwrap_or_else(PoisonError::into_inner);
        if ended.len() < MAX_STREAMS && !ended.contains(&link) {
            tracing::debug!(?link, %error, "the stream of the client has ended");
            ended.push(link);
            self.changed.notify_one();
        }
    }

    /// Forgets the streams that have ended.
    pub(super) fn forget_ended(&self, pipe: &PacketPipe) {
        let ended = std::mem::take(&mut *self.ended.lock().unwrap_or_else(PoisonError::into_inner));
        for link in ended {
            self.change(pipe, |state: &mut State| state.handle_stream_ended(link));
        }
    }
}

/// The stream in use and the one that may replace it.
#[derive(Debug)]
pub(super) struct StreamSet {
    links: BTreeMap<LinkId, Arc<dyn Link>>,
    made: u64,
    changed: bool,
}

impl StreamSet {
    pub(super) fn new() -> Self {
        Self {
            links: BTreeMap::new(),
            made: 0,
            changed: false,
        }
    }

    /// A name that no link had, behind those of `listening` links.
    fn next(&mut self, listening: usize) -> LinkId {
        self.made += 1;
        LinkId(self.made + listening as u64)
    }

    fn insert(&mut self, id: LinkId, link: Arc<dyn Link>) {
        self.links.insert(id, link);
        self.changed = true;
    }

    /// Closes all but the streams of `sources`, at most [`MAX_STREAMS`] of them. Returns whether any
    /// came or went since the last call.
    pub(super) fn keep(&mut self, sources: &[Option<Source>; MAX_STREAMS]) -> bool {
        let before = self.links.len();
        let wanted = |id: &LinkId| sources.iter().flatten().any(|source| source.link == *id);
        self.links.retain(|id, _| wanted(id));
        std::mem::take(&mut self.changed) || self.links.len() != before
    }

    pub(super) fn get(&self, id: LinkId) -> Option<&Arc<dyn Link>> {
        self.links.get(&id)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&LinkId, &Arc<dyn Link>)> {
        self.links.iter()
    }
}

/// The stream in use, and the latest one that made a claim.
const MAX_STREAMS: usize = 2;

#[cfg(test)]
mod tests {
    use std::io;
    use std::sync::Arc;
    use std::time::{Duration, Instant};

    use tokio_util::sync::CancellationToken;

    use super::super::{Admission, Config, Handle, State};
    use crate::auth::{Claim, ProxyKey, Verdict};
    use crate::proxy::rig::{Paper, port, receive_all};
    use crate::proxy::{LinkId, PacketPipe, Source};

    const CLIENT: u64 = 7;
    const S: Duration = Duration::from_secs(1);

    #[test]
    fn a_stream_replaces_a_stream_by_its_claim_alone() {
        let t0 = Instant::now();
        let mut state = State::new(CLIENT, t0);
        for serial in 1..4 {
            assert_eq!(
                state.handle_stream_claim(stream(serial), claim(serial), t0),
                Verdict::Fresh
            );
            assert!(state.handle_stream(stream(serial), t0));
            assert_eq!(state.plan().current, Some(stream(serial)));
        }
        assert_eq!((state.moves(), state.plan().link), (3, None));
    }

    #[test]
    fn a_stream_takes_the_place_of_a_working_path_of_packets_only_by_its_first_packet() {
        let t0 = Instant::now();
        let mut state = over_packets(t0);
        assert_eq!(
            state.handle_stream_claim(stream(2), claim(2), t0),
            Verdict::Fresh
        );
        assert!(!state.handle_stream(stream(2), t0));
        assert_eq!(state.plan().current, Some(packets()));
        // The client repeats its claim as the answer to ours.
        assert_eq!(state.handle_claim(stream(2), claim(3), t0), Verdict::Fresh);
        assert_eq!(state.handle_packet(packets(), t0), Admission::Pass);
        assert_eq!(state.handle_packet(stream(2), t0), Admission::Promote);
        // All sockets that listened before still do.
        assert_eq!(state.plan().link, Some(LinkId(1)));
        assert_eq!(state.plan().current, Some(stream(2)));
    }

    #[test]
    fn a_stream_takes_the_place_of_a_silent_path_of_packets_at_once() {
        let t0 = Instant::now();
        let mut state = over_packets(t0);
        state.handle_silent();
        state.handle_stream_claim(stream(2), claim(2), t0);
        assert!(state.handle_stream(stream(2), t0 + S));
        assert!(!state.plan().dark);
    }

    #[test]
    fn when_the_stream_in_use_ends_the_path_is_dead_until_a_fresh_claim() {
        let t0 = Instant::now();
        let mut state = State::new(CLIENT, t0);
        state.handle_stream_claim(stream(1), claim(1), t0);
        state.handle_stream(stream(1), t0);
        state.handle_stream_ended(LinkId(100));
        assert_eq!(state.plan().current, Some(stream(1)));
        state.handle_stream_ended(stream(1).link);
        assert_eq!((state.plan().current, state.plan().dark), (None, true));
        assert_eq!(state.handle_packet(stream(1), t0), Admission::Drop);
        assert_eq!(state.handle_claim(packets(), claim(2), t0), Verdict::Fresh);
        assert_eq!(state.handle_packet(packets(), t0), Admission::Promote);
        assert!(!state.plan().dark);
    }

    #[tokio::test(start_paused = true)]
    async fn the_answer_is_the_first_frame_whatever_waits_to_be_sent() {
        let mut rig = Rig::new();
        let first = rig.stream(1);
        rig.pipe.try_send(&[5; 100], None, None).unwrap();
        let next = rig.stream(2);
        let sent: Vec<_> = next
            .take_sent()
            .into_iter()
            .map(|(_, packet)| packet)
            .collect();
        assert_eq!(sent.len(), 2, "the answer, and what had none yet");
        assert_eq!(rig.key.open(&sent[0]).map(|answer| answer.serial), Some(2));
        assert_eq!(sent[1], [5; 100]);
        assert_eq!(first.take_sent().len(), 2);
    }

    #[tokio::test(start_paused = true)]
    async fn at_most_two_streams_are_read_and_the_others_are_closed() {
        let mut rig = Rig::new();
        rig.udp.put(port(1), &rig.sealed(1));
        rig.udp.put(port(1), &[1; 100]);
        receive_all(&rig.pipe);
        let streams: Vec<_> = (2..10).map(|serial| rig.stream(serial)).collect();
        assert_eq!(
            rig.pipe.table().links.len(),
            2,
            "the socket and the latest stream"
        );
        let held = streams.iter().map(Arc::strong_count);
        assert!(held.take(7).all(|count| count == 1));
        // Data on the latest one makes it the path, without the limit for unproved addresses.
        streams[7].put(port(9), &[1; 30]);
        assert_eq!(receive_all(&rig.pipe).len(), 1);
        streams[7].take_sent();
        for _ in 0..10 {
            rig.pipe.try_send(&[2; 1000], None, None).unwrap();
        }
        assert_eq!(streams[7].take_sent().len(), 10);
    }

    #[tokio::test(start_paused = true)]
    async fn a_stream_that_ends_is_forgotten_by_the_task_and_the_path_is_dark() {
        let mut rig = Rig::new();
        let stream = rig.stream(1);
        assert!(!rig.pipe.table().dark);
        stream.put_error(io::ErrorKind::UnexpectedEof);
        receive_all(&rig.pipe);
        rig.run_for(S).await;
        assert!(rig.pipe.table().dark);
        assert_eq!(Arc::strong_count(&stream), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn a_replayed_claim_brings_no_stream_and_changes_nothing() {
        let mut rig = Rig::new();
        let stream = rig.stream(4);
        for serial in [4, 3] {
            assert_eq!(rig.stream(serial).take_sent(), []);
        }
        assert_eq!(rig.pipe.table().send[0].peer, port(9));
        assert_eq!(Arc::strong_count(&stream), 4, "read, sent to, and kept");
    }

    struct Rig {
        udp: Arc<Paper>,
        pipe: PacketPipe,
        path: Handle,
        key: ProxyKey,
        task: std::pin::Pin<Box<dyn Future<Output = ()> + Send>>,
    }

    impl Rig {
        fn new() -> Self {
            let (key, _) = ProxyKey::generate().unwrap();
            let udp = Paper::new();
            let config = Config {
                links: vec![udp.clone()],
                client_id: CLIENT,
                server_id: 9,
                key: key.clone(),
                mtu: 1400,
            };
            let (pipe, path, task) = super::super::new(config, CancellationToken::new());
            Self {
                udp,
                pipe,
                path,
                key,
                task: Box::pin(task),
            }
        }

        /// A stream whose first frame is the claim `serial`.
        fn stream(&mut self, serial: u64) -> Arc<Paper> {
            let link = Paper::new();
            let streams = self.path.streams();
            streams.handle_stream(link.clone(), port(9), &self.sealed(serial));
            link
        }

        fn sealed(&self, serial: u64) -> Vec<u8> {
            self.key.seal(claim(serial)).unwrap().to_vec()
        }

        async fn run_for(&mut self, time: Duration) {
            let _ = tokio::time::timeout(time, &mut self.task).await;
        }
    }

    fn over_packets(now: Instant) -> State {
        let mut state = State::new(CLIENT, now);
        state.handle_claim(packets(), claim(1), now);
        state.handle_packet(packets(), now);
        state
    }

    fn packets() -> Source {
        Source {
            link: LinkId(1),
            addr: port(1),
        }
    }

    fn stream(link: u64) -> Source {
        Source {
            link: LinkId(10 + link),
            addr: port(2),
        }
    }

    fn claim(serial: u64) -> Claim {
        let id = CLIENT;
        Claim { id, serial }
    }
}
