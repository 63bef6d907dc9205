use std::sync::Arc;
use std::time::{Duration, Instant};

use super::beside;
use super::state::{BUDGET_BURST, BUDGET_RATE, HINTED, MAX_COPIES, SMALL, State};
use super::waiting::{AFTER, Due, PLACES, Waiting};
use crate::proxy::pipe::PacketPipe;
use crate::proxy::rig::{Paper, port};
use crate::proxy::table::{LinkId, Route, Table};

const MS: Duration = Duration::from_millis(1);
const S: Duration = Duration::from_secs(1);

#[test]
fn nothing_is_copied_before_loss_was_seen() {
    let t0 = Instant::now();
    let mut state = State::new();
    state.handle_delivery(1_000_000, 0, t0);
    assert_eq!(state.handle_sent(40, 1, 1, t0), 0);
    state.handle_delivery(0, 1, t0);
    assert_eq!(state.handle_sent(40, 1, 1, t0), 1);
}

#[test]
fn the_more_is_lost_the_more_copies_there_are() {
    let t0 = Instant::now();
    for (arrived, lost, copies) in [
        (1999, 1, 1),
        (99, 1, 2),
        (39, 1, 3),
        (95, 5, 3),
        (90, 10, 4),
        (80, 20, 5),
        (0, 1, 5),
        (0, 50, MAX_COPIES),
    ] {
        let mut state = State::new();
        state.handle_delivery(arrived, lost, t0);
        assert_eq!(state.copies(), copies, "{lost} lost, {arrived} not");
    }
}

#[test]
fn a_packet_that_is_lost_in_spite_of_its_copies_tells_of_a_bad_path() {
    let t0 = Instant::now();
    let mut state = State::new();
    state.handle_delivery(999, 1, t0);
    for key in 0..30 {
        assert_eq!(state.handle_sent(40, 1, 1, t0 + key * 200 * MS), 1);
    }
    state.handle_delivery(29, 1, t0 + 6 * S);
    assert_eq!(state.copies(), MAX_COPIES);
}

#[test]
fn loss_that_bulk_makes_does_not_count_as_loss_in_spite_of_copies() {
    let t0 = Instant::now();
    let mut state = State::new();
    state.handle_delivery(999, 1, t0);
    for batch in 0..1000 {
        state.handle_sent(14_000, 10, 1, t0 + batch * MS);
        state.handle_delivery(10, 0, t0 + batch * MS);
    }
    state.handle_delivery(0, 2, t0 + S);
    assert_eq!(state.copies(), 1);
}

#[test]
fn only_what_is_small_alone_and_can_be_lost_is_copied() {
    let t0 = Instant::now();
    let mut state = State::new();
    state.handle_delivery(0, 1, t0);
    for (bytes, packets, routes, copies) in [
        (SMALL, 1, 1, 3),
        (SMALL + 1, 1, 1, 0),
        (80, 2, 1, 0),
        (40, 1, 0, 0),
        (40, 1, 2, 4),
    ] {
        let found = state.handle_sent(bytes, packets, routes, t0);
        assert_eq!(found, copies, "{bytes} bytes, {packets}, {routes} routes");
    }
}

#[test]
fn beside_bulk_nothing_is_copied_and_soon_after_it_keys_are() {
    let t0 = Instant::now();
    let mut state = State::new();
    state.handle_delivery(0, 1, t0);
    for ms in 0..1000 {
        state.handle_sent(1400, 1, 1, t0 + ms * MS);
        let copies = state.handle_sent(40, 1, 1, t0 + ms * MS);
        assert!(
            copies == 0 || ms < 5,
            "a key was copied after {ms} ms of bulk"
        );
    }
    assert_eq!(state.handle_sent(40, 1, 1, t0 + S + 150 * MS), 5);
}

#[test]
fn the_acknowledgements_of_a_download_are_bulk_too() {
    let t0 = Instant::now();
    let mut state = State::new();
    state.handle_delivery(0, 1, t0);
    let copied = (0..1000).map(|ms| state.handle_sent(40, 1, 1, t0 + ms * MS));
    assert_eq!(copied.skip(40).map(u32::from).sum::<u32>(), 0);
}

#[test]
fn a_screenful_now_and_then_is_no_bulk() {
    let t0 = Instant::now();
    let mut state = State::new();
    state.handle_delivery(0, 1, t0);
    for key in 0..50 {
        let at = t0 + key * 100 * MS;
        state.handle_sent(4200, 3, 1, at);
        assert_eq!(state.handle_sent(40, 1, 1, at), 5);
    }
}

#[test]
fn when_the_budget_runs_short_first_copies_go_before_third_ones() {
    let t0 = Instant::now();
    let mut state = State::new();
    state.handle_delivery(50, 50, t0);
    let counts = (0..10).map(|_| state.handle_sent(SMALL, 1, 1, t0));
    assert_eq!(counts.collect::<Vec<_>>(), [3, 2, 1, 1, 0, 0, 0, 0, 0, 0]);
    let later = t0 + S * 2;
    assert_eq!(state.handle_sent(SMALL, 1, 1, later), 3);
    assert_eq!(state.handle_sent(40, 1, 1, later + S), MAX_COPIES);
}

#[test]
fn when_loss_ends_the_copies_do_one_by_one() {
    let t0 = Instant::now();
    let mut state = State::new();
    state.handle_delivery(50, 50, t0);
    let counts = [0, 179, 180, 359, 360, 540, 720, 900, 1080].map(|second| {
        state.handle_delivery(10, 0, t0 + second * S);
        state.handle_sent(40, 1, 1, t0 + second * S)
    });
    assert_eq!(counts, [6, 6, 5, 5, 4, 3, 2, 1, 0]);
}

#[test]
fn a_trial_with_fewer_copies_that_fails_is_repeated_later_each_time() {
    let t0 = Instant::now();
    let mut state = State::new();
    state.handle_delivery(50, 50, t0);
    let mut at = t0;
    for minutes in [3, 6, 12, 24, 24] {
        at += minutes * 60 * S;
        assert_eq!(state.handle_sent(40, 1, 1, at - MS), 6);
        assert_eq!(state.handle_sent(40, 1, 1, at), 5);
        state.handle_delivery(9, 1, at + S);
        assert_eq!(state.copies(), 6);
        at += S;
    }
    // A trial that went well makes the next one come as soon as the first did.
    at += 1440 * S;
    assert_eq!(state.handle_sent(40, 1, 1, at), 5);
    at += 1441 * S;
    state.handle_delivery(9, 1, at);
    assert_eq!(state.handle_sent(40, 1, 1, at + 180 * S), 5);
}

#[test]
fn two_peers_that_see_each_other_s_copies_come_to_rest() {
    let t0 = Instant::now();
    let (mut near, mut far) = (State::new(), State::new());
    near.handle_delivery(9, 1, t0);
    let mut copies = Vec::new();
    for second in 0..3600 {
        let at = t0 + second * S;
        if near.handle_sent(40, 1, 1, at) > 0 {
            far.handle_hint(at);
        }
        if far.handle_sent(40, 1, 1, at) > 0 {
            near.handle_hint(at);
        }
        copies.push((near.copies(), far.copies()));
    }
    assert_eq!(copies[0], (5, HINTED));
    copies.dedup();
    assert_eq!(copies.last(), Some(&(0, 0)));
}

#[test]
fn a_hint_is_taken_again_after_a_loss_of_our_own() {
    let t0 = Instant::now();
    let mut state = State::new();
    for start in [t0, t0 + 3600 * S] {
        state.handle_hint(start);
        assert_eq!(state.copies(), HINTED);
        state.handle_delivery(0, 1, start);
        for minutes in 0..30 {
            state.handle_sent(40, 1, 1, start + minutes * 60 * S);
        }
        assert_eq!(state.copies(), 0);
    }
}

#[test]
fn copies_wait_apart_and_go_in_the_order_in_which_they_are_due() {
    let t0 = Instant::now();
    let mut waiting = Waiting::new(t0);
    assert_eq!(waiting.poll_timeout(), None);
    waiting.handle_sent(&[1; 40], None, 3, t0);
    waiting.handle_sent(&[2; SMALL], None, 1, t0 + 4 * MS);
    let mut seen = Vec::new();
    while let Some(at) = waiting.poll_timeout() {
        assert_eq!(waiting.poll_output(at - MS), None);
        let due = waiting.poll_output(at).unwrap();
        seen.push((at - t0, due.packet[0], due.packet.len()));
    }
    assert_eq!(
        seen,
        [
            (3 * MS, 1, 40),
            (7 * MS, 2, SMALL),
            (8 * MS, 1, 40),
            (15 * MS, 1, 40)
        ]
    );
}

#[test]
fn when_there_is_no_place_the_oldest_copy_goes() {
    let t0 = Instant::now();
    let mut waiting = Waiting::new(t0);
    for packet in 0..=PLACES as u8 {
        waiting.handle_sent(&[packet], None, 1, t0 + u32::from(packet) * MS / 100);
    }
    let mut left = Vec::new();
    while let Some(Due { packet, .. }) = waiting.poll_output(t0 + 10 * MS) {
        left.push(packet[0]);
    }
    assert_eq!(left, (1..=PLACES as u8).collect::<Vec<_>>());
}

#[test]
fn what_should_have_gone_before_a_sleep_does_not_go_after_it() {
    let t0 = Instant::now();
    let mut waiting = Waiting::new(t0);
    waiting.handle_sent(&[1; 40], None, 3, t0);
    assert_eq!(waiting.poll_output(t0 + S), None);
    assert_eq!(waiting.poll_timeout(), None);
}

#[tokio::test(start_paused = true)]
async fn a_small_packet_goes_out_again_and_again_and_then_nothing_waits() {
    let (pipe, paper) = rig(Paper::new());
    let begun = tokio::time::Instant::now();
    pipe.copies().handle_lost(20);
    pipe.try_send(&[7; 40], None, None).unwrap();
    let mut times = Vec::new();
    let watch = async {
        for _ in 0..100 {
            let sent = paper.take_sent();
            times.extend(sent.iter().map(|_| begun.elapsed()));
            assert!(sent.iter().all(|sent| *sent == (port(1), vec![7; 40])));
            tokio::time::sleep(MS).await;
        }
    };
    beside(pipe.clone(), watch).await;
    let expected = [&[Duration::ZERO], &AFTER[..]].concat();
    assert_eq!(times.len(), expected.len());
    for (time, expected) in times.into_iter().zip(expected) {
        assert!(time == expected || time == expected + MS, "{time:?}");
    }
    assert_eq!(pipe.copies().made(), AFTER.len() as u64);
    assert_eq!(pipe.copies().poll_timeout(), None);
}

#[tokio::test(start_paused = true)]
async fn nothing_is_repeated_on_a_byte_stream() {
    let (pipe, paper) = rig(Paper::stream());
    pipe.copies().handle_lost(20);
    pipe.try_send(&[7; 40], None, None).unwrap();
    beside(pipe.clone(), tokio::time::sleep(S)).await;
    assert_eq!(paper.take_sent().len(), 1);
    assert_eq!(pipe.copies().made(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_copy_follows_the_path_and_goes_nowhere_in_the_dark() {
    let (pipe, home) = rig(Paper::new());
    let away = Paper::new();
    pipe.copies().handle_lost(20);
    pipe.try_send(&[7; 40], None, None).unwrap();
    pipe.publish(table(&away, false));
    beside(pipe.clone(), tokio::time::sleep(5 * MS)).await;
    assert_eq!(home.take_sent().len(), 1);
    assert_eq!(away.take_sent(), [(port(1), vec![7; 40])]);
    pipe.publish(table(&away, true));
    beside(pipe.clone(), tokio::time::sleep(S)).await;
    assert_eq!(away.take_sent(), []);
}

#[test]
fn what_the_transport_sends_twice_leaves_where_packets_get_lost_and_nowhere_else() {
    let (pipe, paper) = rig(Paper::new());
    pipe.repeat(&[7; 30], 20, None);
    let packets = [vec![7; 20], vec![7; 10]].map(|packet| (port(1), packet));
    assert_eq!(paper.take_sent(), packets);
    pipe.publish(table(&paper, true));
    pipe.repeat(&[7; 30], 20, None);
    assert_eq!(paper.take_sent(), []);

    let (pipe, paper) = rig(Paper::stream());
    pipe.repeat(&[7; 30], 20, None);
    assert_eq!(paper.take_sent(), []);
}

#[tokio::test(start_paused = true)]
async fn an_authentication_packet_is_never_repeated() {
    let (pipe, paper) = rig(Paper::new());
    pipe.copies().handle_lost(20);
    let route = pipe.table().send[0].clone();
    pipe.send_along(&route, &[7; 44], None, None);
    beside(pipe.clone(), tokio::time::sleep(S)).await;
    assert_eq!(paper.take_sent().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn whatever_is_sent_the_copies_keep_to_their_budget() {
    let (pipe, paper) = rig(Paper::new());
    pipe.copies().handle_lost(20);
    let flood = async {
        for _ in 0..1000 {
            pipe.try_send(&[7; 400], None, None).unwrap();
            tokio::time::sleep(13 * MS).await;
        }
    };
    beside(pipe.clone(), flood).await;
    let copied = (paper.take_sent().len() - 1000) * 400;
    let budget = (BUDGET_BURST + 13 * BUDGET_RATE) as usize;
    assert!(copied <= budget, "{copied} of {budget}");
    assert!(copied > budget / 2, "{copied} of {budget}");
}

fn rig(paper: Arc<Paper>) -> (PacketPipe, Arc<Paper>) {
    let pipe = PacketPipe::fixed(paper.clone(), port(1), 1400);
    (pipe, paper)
}

fn table(paper: &Arc<Paper>, dark: bool) -> Table {
    let route = Route {
        id: LinkId(9),
        link: paper.clone(),
        peer: port(1),
    };
    Table {
        links: vec![(LinkId(9), paper.clone())],
        believed: vec![route.source()],
        send: vec![route],
        dark,
    }
}
