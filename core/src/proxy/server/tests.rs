use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio_util::sync::CancellationToken;

use super::{Admission, Config, Handle, Plan, State};
use crate::auth::{AUTH_LEN, Claim, ProxyKey, Verdict};
use crate::proxy::rig::{Paper, is_writable, port, receive_all};
use crate::proxy::{LinkId, PacketPipe, Source};

const CLIENT: u64 = 7;
const SERVER: u64 = 9;
const S: Duration = Duration::from_secs(1);
const MS: Duration = Duration::from_millis(1);

// --- the state machine ---

#[test]
fn the_first_packet_behind_a_claim_makes_its_source_the_client_s() {
    let t0 = Instant::now();
    let mut state = State::new(CLIENT, t0);
    assert_eq!(state.handle_packet(source(1), t0), Admission::Drop);
    assert_eq!(state.handle_claim(source(1), claim(1)), Verdict::Fresh);
    assert_eq!(state.plan().current, None);
    assert_eq!(state.handle_packet(source(2), t0), Admission::Drop);
    assert_eq!(state.handle_packet(source(1), t0), Admission::Promote);
    assert_eq!(state.handle_packet(source(1), t0), Admission::Pass);
    let plan = Plan {
        link: Some(LinkId(1)),
        current: Some(source(1)),
        dark: false,
    };
    assert_eq!((state.plan(), state.moves()), (plan, 1));
}

#[test]
fn the_former_address_serves_until_the_new_one_sends_and_is_forgotten_then() {
    let t0 = Instant::now();
    let mut state = connected(t0);
    assert_eq!(state.handle_claim(source(2), claim(2)), Verdict::Fresh);
    assert_eq!(state.handle_packet(source(1), t0), Admission::Pass);
    assert_eq!(state.handle_packet(source(2), t0), Admission::Promote);
    assert_eq!(state.handle_packet(source(1), t0), Admission::Drop);
}

#[test]
fn after_twice_the_timeout_of_silence_even_the_address_in_use_needs_a_claim() {
    let t0 = Instant::now();
    let mut state = connected(t0);
    state.handle_timeout_known(4 * S, t0);
    state.handle_heard(t0 + S);
    assert_eq!(state.poll_timeout(), None);
    state.handle_silent();
    assert!(state.plan().dark);
    assert_eq!(state.poll_timeout(), Some(t0 + 9 * S));
    state.handle_time(t0 + 9 * S - MS);
    assert_eq!(state.plan().current, Some(source(1)));
    state.handle_time(t0 + 9 * S);
    assert_eq!((state.plan().current, state.plan().dark), (None, true));
    assert_eq!(state.poll_timeout(), None);
    // A packet that waited in the transport brings no path back.
    state.handle_heard(t0 + 10 * S);
    assert!(state.plan().dark);
    // Nor does one from the address itself, which anybody may have now.
    assert_eq!(state.handle_packet(source(1), t0 + 10 * S), Admission::Drop);
    assert!(state.plan().dark);
    // The claim that was made before is a replay.
    assert_eq!(state.handle_claim(source(1), claim(1)), Verdict::Refused);
    assert_eq!(state.handle_claim(source(1), claim(2)), Verdict::Fresh);
    assert_eq!(
        state.handle_packet(source(1), t0 + 11 * S),
        Admission::Promote
    );
}

#[test]
fn an_address_that_was_promoted_and_never_opened_a_packet_is_forgotten_too() {
    let t0 = Instant::now();
    let mut state = connected(t0);
    state.handle_timeout_known(4 * S, t0);
    state.handle_heard(t0);
    state.handle_claim(source(2), claim(2));
    state.handle_packet(source(2), t0 + S);
    assert_eq!(state.poll_timeout(), Some(t0 + 9 * S));
    state.handle_heard(t0 + 2 * S);
    assert_eq!(state.poll_timeout(), None);
}

#[test]
fn a_sign_of_life_ends_the_dark_without_a_claim() {
    let t0 = Instant::now();
    let mut state = connected(t0);
    state.handle_silent();
    state.handle_heard(t0 + 5 * S);
    assert!(!state.plan().dark);
    let mut nobody = State::new(CLIENT, t0);
    nobody.handle_silent();
    assert!(!nobody.plan().dark);
}

// --- attacks on the gate ---

#[tokio::test(start_paused = true)]
async fn a_claim_is_acknowledged_and_the_first_packet_passes() {
    let mut rig = Rig::new();
    rig.put_claim(1, 1);
    assert_eq!(rig.acks(), [(1, 1)]);
    rig.put_claim(1, 1);
    assert_eq!(rig.acks(), [(1, 1)]);
    rig.paper.put(port(1), &[8; 50]);
    assert_eq!(receive_all(&rig.pipe), [vec![8; 50]]);
    assert_eq!(rig.moves(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_replayed_forged_foreign_or_truncated_claim_changes_nothing() {
    let rig = Rig::connected();
    let old = rig.seal(CLIENT, 1);
    let foreign = rig.seal(CLIENT + 1, 99);
    let (stranger, _) = ProxyKey::generate().unwrap();
    let forged = stranger.seal(claim(99)).unwrap();
    let fresh = rig.seal(CLIENT, 99);
    let before = format!("{:?}", rig.pipe.table());
    for packet in [&old[..], &foreign, &forged, &fresh[..43], &fresh[..16], &[]] {
        rig.paper.put(port(66), packet);
        rig.paper.put(port(66), &[1; 1200]);
    }
    let mut longer = fresh.to_vec();
    longer.push(0);
    rig.paper.put(port(66), &longer);
    assert!(receive_all(&rig.pipe).is_empty());
    assert!(rig.paper.take_sent().is_empty());
    assert_eq!(format!("{:?}", rig.pipe.table()), before);
    assert_eq!(rig.moves(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_flood_of_junk_takes_no_lock() {
    let rig = Rig::connected();
    let locked = rig.handle.shared.lock();
    for size in [1, 16, 17, AUTH_LEN, 45, 1400] {
        for _ in 0..100 {
            rig.paper.put(port(66), &vec![0x40; size]);
        }
    }
    assert!(receive_all(&rig.pipe).is_empty());
    drop(locked);
    assert_eq!(rig.pipe.activity().opened(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_transport_s_packet_of_44_bytes_passes_and_one_of_16_does_not() {
    let rig = Rig::connected();
    rig.paper.put(port(1), &[3; AUTH_LEN]);
    rig.paper.put(port(1), &[3; 16]);
    rig.paper.put(port(1), &[3; 17]);
    assert_eq!(receive_all(&rig.pipe), [vec![3; AUTH_LEN], vec![3; 17]]);
}

#[tokio::test(start_paused = true)]
async fn a_claim_and_the_packets_behind_it_may_come_in_one_batch() {
    let mut rig = Rig::new();
    let batch = [&rig.seal(CLIENT, 1)[..], &[5; AUTH_LEN], &[5; 20]].concat();
    rig.paper.put_batch(port(1), &batch, AUTH_LEN);
    assert_eq!(receive_all(&rig.pipe), [vec![5; AUTH_LEN], vec![5; 20]]);
    assert_eq!((rig.acks(), rig.moves()), (vec![(1, 1)], 1));
}

#[tokio::test(start_paused = true)]
async fn an_address_that_may_be_spoofed_gets_three_times_what_it_sent() {
    let mut rig = Rig::connected();
    rig.prove().await;
    // A claim that was captured and held back, from another address, and junk behind it.
    rig.put_claim(66, 2);
    rig.paper.put(port(66), &[6; 100]);
    assert_eq!(receive_all(&rig.pipe), [vec![6; 100]]);
    let mut got = rig
        .paper
        .take_sent()
        .iter()
        .map(|(_, packet)| packet.len())
        .sum::<usize>();
    for _ in 0..50 {
        // Replays of that claim prove nothing.
        rig.paper.put(port(66), &rig.seal(CLIENT, 2));
        receive_all(&rig.pipe);
        let _ = rig.pipe.try_send(&[1; 300], None, None);
        got += rig
            .paper
            .take_sent()
            .iter()
            .map(|(_, packet)| packet.len())
            .sum::<usize>();
    }
    let sent = AUTH_LEN + 100 + 50 * AUTH_LEN;
    assert!(got <= 3 * sent, "{got} bytes for {sent}");
    assert!(got >= 2 * sent, "{got} bytes for {sent}");
    assert!(rig.pipe.try_send(&[1; 1400], None, None).is_err());
}

#[tokio::test(start_paused = true)]
async fn a_limited_address_that_spent_its_bytes_waits_and_is_woken_by_the_next_packet() {
    let rig = Rig::connected();
    while rig.pipe.try_send(&[1; 1], None, None).is_ok() {}
    assert!(!is_writable(&rig.pipe));
    rig.paper.put(port(1), &[8; 20]);
    receive_all(&rig.pipe);
    assert!(is_writable(&rig.pipe));
    assert!(rig.pipe.try_send(&[1; 60], None, None).is_ok());
}

#[tokio::test(start_paused = true)]
async fn a_second_claim_that_answers_the_acknowledgement_lifts_the_limit() {
    let mut rig = Rig::connected();
    assert!(rig.pipe.try_send(&[1; 1400], None, None).is_err());
    rig.put_claim(1, 2);
    assert!(rig.pipe.try_send(&[1; 1400], None, None).is_ok());
}

#[tokio::test(start_paused = true)]
async fn a_packet_that_opens_lifts_the_limit_unless_it_waited_since_the_former_address() {
    let mut rig = Rig::connected();
    rig.prove().await;
    rig.put_claim(66, 2);
    rig.paper.put(port(66), &[6; 100]);
    receive_all(&rig.pipe);
    rig.pipe.opened();
    assert!(rig.pipe.try_send(&[1; 1400], None, None).is_err());
    rig.prove().await;
    assert!(rig.pipe.try_send(&[1; 1400], None, None).is_ok());
}

#[tokio::test(start_paused = true)]
async fn a_new_address_is_acknowledged_though_the_one_in_use_has_spent_its_bytes() {
    let mut rig = Rig::connected();
    while rig.pipe.try_send(&[1; 1], None, None).is_ok() {}
    rig.paper.take_sent();
    rig.put_claim(2, 2);
    assert_eq!(rig.acks(), [(2, 2)]);
}

#[tokio::test(start_paused = true)]
async fn the_address_in_use_is_acknowledged_again_when_the_acknowledgement_was_lost() {
    let mut rig = Rig::connected();
    rig.put_claim(1, 1);
    assert_eq!(rig.acks(), [(1, 1)]);
}

#[tokio::test(start_paused = true)]
async fn a_datagram_of_the_address_in_use_that_does_not_open_is_no_sign_of_life() {
    let rig = Rig::connected();
    rig.paper.put(port(1), &[0; 1000]);
    receive_all(&rig.pipe);
    assert_eq!(rig.pipe.activity().heard_at(), None);
}

struct Rig {
    paper: Arc<Paper>,
    pipe: PacketPipe,
    handle: Handle,
    key: ProxyKey,
}

impl Rig {
    fn new() -> Self {
        let paper = Paper::new();
        let (key, _) = ProxyKey::generate().unwrap();
        let config = Config {
            links: vec![paper.clone()],
            client_id: CLIENT,
            server_id: SERVER,
            key: key.clone(),
            mtu: 1400,
        };
        let (pipe, handle, _) = super::new(config, CancellationToken::new());
        Self {
            paper,
            pipe,
            handle,
            key,
        }
    }

    fn connected() -> Self {
        let mut rig = Self::new();
        rig.put_claim(1, 1);
        rig.paper.put(port(1), &[8; 50]);
        receive_all(&rig.pipe);
        rig.paper.take_sent();
        rig
    }

    fn seal(&self, id: u64, serial: u64) -> [u8; AUTH_LEN] {
        self.key.seal(Claim { id, serial }).unwrap()
    }

    fn put_claim(&mut self, from: u16, serial: u64) {
        self.paper.put(port(from), &self.seal(CLIENT, serial));
        assert!(receive_all(&self.pipe).is_empty());
    }

    /// A packet of the address in use opens.
    async fn prove(&mut self) {
        tokio::time::advance(5 * MS).await;
        self.pipe.opened();
    }

    /// The acknowledgements sent: to which port, of which serial.
    fn acks(&mut self) -> Vec<(u16, u64)> {
        let sent = self.paper.take_sent();
        sent.iter()
            .map(|(to, packet)| {
                let ack = self.key.open(packet).unwrap();
                assert_eq!(ack.id, SERVER);
                (to.port(), ack.serial)
            })
            .collect()
    }

    fn moves(&self) -> u64 {
        *self.handle.moves().borrow()
    }
}

fn connected(now: Instant) -> State {
    let mut state = State::new(CLIENT, now);
    state.handle_claim(source(1), claim(1));
    state.handle_packet(source(1), now);
    state
}

fn claim(serial: u64) -> Claim {
    Claim { id: CLIENT, serial }
}

fn source(from: u16) -> Source {
    Source {
        link: LinkId(1),
        addr: port(from),
    }
}
