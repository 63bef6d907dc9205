//! Attacks on a server whose client tries several ways at once, and how such a race goes without any.

use tokio::sync::watch;

use super::standing::MAX_CANDIDATES;
use super::victim::{Rig, S};
use crate::auth::AUTH_LEN;
use crate::heartbeat::Verdict;
use crate::proxy::rig::{port, receive_all};

/// Serials of a race are above this one.
const RACE: u64 = 1 << 63;

#[tokio::test(start_paused = true)]
async fn the_first_packet_makes_a_path_where_there_is_none_and_a_claim_beside_it_changes_nothing() {
    let mut rig = racing();
    rig.put_claim(2, RACE + 2);
    rig.put_claim(3, RACE + 3);
    assert_eq!(rig.acks(), [(2, RACE + 2), (3, RACE + 3)]);
    assert_eq!((path(&rig), rig.moves()), (Some(1), 1));
    rig.paper.put(port(1), &[8; 50]);
    assert_eq!(receive_all(&rig.pipe), [vec![8; 50]], "it serves as before");
}

#[tokio::test(start_paused = true)]
async fn the_candidate_whose_packet_opens_is_the_path_and_the_former_one_may_come_back() {
    let mut rig = racing();
    rig.put_claim(2, RACE + 2);
    rig.put_claim(3, RACE + 3);
    rig.advance(5).await;
    put_real(&rig, 3);
    assert_eq!((path(&rig), rig.moves()), (Some(3), 2));
    rig.advance(5).await;
    // It was overtaken on its way, or the client has thought better of it.
    put_real(&rig, 1);
    assert_eq!((path(&rig), rig.moves()), (Some(1), 3));
}

#[tokio::test(start_paused = true)]
async fn claims_that_overtake_each_other_all_stand_and_each_counts_once() {
    let mut rig = racing();
    for (from, serial) in [(4, 4), (2, 2), (3, 3)] {
        rig.put_claim(from, RACE + serial);
    }
    assert_eq!(rig.acks().len(), 3);
    for serial in 1..=4 {
        rig.put_claim(66, RACE + serial);
    }
    assert!(
        rig.acks().is_empty(),
        "whoever recorded them gets no answer"
    );
}

#[tokio::test(start_paused = true)]
async fn a_captured_claim_with_junk_behind_it_neither_takes_the_path_nor_any_byte() {
    let mut rig = racing();
    rig.prove().await;
    rig.put_claim(66, RACE + 9);
    assert_eq!(rig.acks(), [(66, RACE + 9)], "44 bytes for 44");
    for _ in 0..50 {
        rig.paper.put(port(66), &[6; 1200]);
        rig.paper.put(port(66), &[6; 10]);
        assert_eq!(receive_all(&rig.pipe).len(), 1);
        // The client is there, and so is its server.
        rig.advance(5).await;
        put_real(&rig, 1);
        rig.pipe.try_send(&[1; 300], None, None).unwrap();
    }
    assert_eq!((path(&rig), rig.moves()), (Some(1), 1));
    let sent = rig.paper.take_sent();
    assert!(sent.iter().all(|(to, _)| to.port() == 1));
}

#[tokio::test(start_paused = true)]
async fn junk_that_comes_in_the_same_moment_as_the_client_s_packet_is_not_taken_for_it() {
    let mut rig = racing();
    rig.put_claim(66, RACE + 9);
    rig.advance(5).await;
    rig.paper.put(port(66), &[6; 100]);
    rig.paper.put(port(1), &[8; 50]);
    rig.paper.put(port(66), &[6; 100]);
    assert_eq!(receive_all(&rig.pipe).len(), 3);
    rig.pipe.opened();
    assert_eq!(path(&rig), Some(1));
}

#[tokio::test(start_paused = true)]
async fn a_recorded_packet_behind_a_captured_claim_gets_three_times_its_bytes_and_no_more() {
    let mut rig = racing();
    rig.prove().await;
    rig.put_claim(66, RACE + 2);
    let mut got = rig.take_bytes();
    // One that never arrived opens once.
    put_real(&rig, 66);
    assert_eq!(path(&rig), Some(66));
    for _ in 0..50 {
        rig.put_claim(66, RACE + 2);
        let _ = rig.pipe.try_send(&[1; 60], None, None);
        got += rig.take_bytes();
    }
    let sent = AUTH_LEN + 50 + 50 * AUTH_LEN;
    assert!(got <= 3 * sent, "{got} bytes for {sent}");
    assert!(rig.handle.shared.budget.is_limited());
    // The client goes on where it was.
    rig.advance(5).await;
    put_real(&rig, 1);
    assert_eq!(path(&rig), Some(1));
}

#[tokio::test(start_paused = true)]
async fn packets_of_the_client_do_not_lift_the_limit_of_whoever_took_its_path() {
    let mut rig = racing();
    rig.prove().await;
    rig.put_claim(66, RACE + 2);
    put_real(&rig, 66);
    for _ in 0..50 {
        // Junk hides which packet it is that opens.
        rig.advance(1).await;
        rig.paper.put(port(66), &[6; 17]);
        receive_all(&rig.pipe);
        put_real(&rig, 1);
    }
    assert_eq!(path(&rig), Some(66));
    assert!(rig.handle.shared.budget.is_limited());
    // The client misses its answers, and proves itself.
    rig.take_bytes();
    rig.put_claim(3, RACE + 3);
    let stamp = rig.take_stamp();
    rig.put_confirmation(3, stamp);
    assert_eq!(path(&rig), Some(3));
    put_junk_in_vain(&rig, 66);
}

#[tokio::test(start_paused = true)]
async fn a_flood_of_claims_leaves_eight_beside_the_path_the_oldest_unused_goes() {
    let mut rig = racing();
    for nth in 2..40 {
        rig.put_claim(nth, RACE + u64::from(nth));
    }
    let acks = rig.acks();
    assert_eq!(acks.len(), 38);
    let standing = rig.handle.shared.authenticated.load_full();
    let ports: Vec<_> = standing.iter().map(|one| one.addr.port()).collect();
    assert_eq!(ports, [1, 32, 33, 34, 35, 36, 37, 38, 39]);
    assert_eq!(standing.len(), 1 + MAX_CANDIDATES);
    // Who was driven out is a stranger.
    rig.paper.put(port(31), &[8; 50]);
    assert!(receive_all(&rig.pipe).is_empty());
    assert_eq!(path(&rig), Some(1));
}

#[tokio::test(start_paused = true)]
async fn a_flood_of_claims_drives_out_no_candidate_whose_packet_opened() {
    let mut rig = racing();
    rig.put_claim(2, RACE + 2);
    rig.advance(5).await;
    put_real(&rig, 2);
    for nth in 3..40 {
        rig.put_claim(nth, RACE + u64::from(nth));
    }
    let standing = rig.handle.shared.authenticated.load_full();
    let ports: Vec<_> = standing.iter().map(|one| one.addr.port()).collect();
    assert_eq!(
        ports,
        [1, 2, 33, 34, 35, 36, 37, 38, 39],
        "the former path and the path"
    );
}

#[tokio::test(start_paused = true)]
async fn what_stood_in_the_acknowledgement_chooses_and_the_others_are_forgotten() {
    let mut rig = racing();
    rig.put_claim(2, RACE + 2);
    rig.put_claim(4, RACE + 4);
    rig.paper.take_sent();
    rig.put_claim(4, RACE + 4);
    let stamp = rig.take_stamp();
    // Only from there.
    for from in [1, 2, 66] {
        rig.put_confirmation(from, stamp);
    }
    assert_eq!(path(&rig), Some(1));
    rig.put_confirmation(4, stamp);
    assert_eq!((path(&rig), rig.moves()), (Some(4), 2));
    assert!(!rig.is_limited(), "it hears us");
    rig.paper.take_sent();
    // Neither a packet nor a claim of the others counts, nor one that was overtaken.
    for from in [1, 2] {
        rig.paper.put(port(from), &[8; 50]);
    }
    assert!(receive_all(&rig.pipe).is_empty());
    for (from, serial) in [(1, 1), (2, 2), (3, 3)] {
        rig.put_claim(from, RACE + serial);
    }
    assert!(rig.acks().is_empty());
    // Said again, it changes nothing.
    rig.put_confirmation(4, stamp);
    assert_eq!((path(&rig), rig.moves()), (Some(4), 2));
}

/// The client repeats what it chose until it hears us, and may have begun to look for another path meanwhile.
#[tokio::test(start_paused = true)]
async fn a_choice_that_is_repeated_does_not_forget_who_made_a_claim_since() {
    let mut rig = racing();
    rig.put_claim(2, RACE + 2);
    let chosen = rig.take_stamp();
    rig.put_confirmation(2, chosen);
    rig.paper.take_sent();
    rig.put_claim(3, RACE + 3);
    let later = rig.take_stamp();
    rig.put_confirmation(2, chosen);
    assert_eq!(path(&rig), Some(2));
    rig.put_claim(3, RACE + 3);
    assert_eq!(rig.acks(), [(3, RACE + 3)]);
    rig.put_confirmation(3, later);
    assert_eq!((path(&rig), rig.moves()), (Some(3), 3));
}

#[tokio::test(start_paused = true)]
async fn a_candidate_that_nobody_chose_is_forgotten_whatever_is_repeated_from_there() {
    let mut rig = racing();
    rig.put_claim(2, RACE + 2);
    assert_eq!(rig.acks(), [(2, RACE + 2)]);
    rig.advance(6000).await;
    rig.put_claim(2, RACE + 2);
    rig.paper.put(port(2), &[6; 100]);
    receive_all(&rig.pipe);
    rig.acks();
    rig.advance(4001).await;
    rig.put_claim(2, RACE + 2);
    rig.paper.put(port(2), &[6; 100]);
    assert!(receive_all(&rig.pipe).is_empty());
    assert!(rig.acks().is_empty());
    assert!(!rig.handle.shared.lock().state.is_racing());
}

#[tokio::test(start_paused = true)]
async fn an_address_that_was_silent_for_too_long_stands_no_more() {
    let mut rig = racing();
    let (told, verdict) = watch::channel(Verdict::Heard);
    rig.handle.follow(4 * S, verdict);
    rig.prove().await;
    tokio::time::sleep(4 * S).await;
    told.send_replace(Verdict::Silent);
    tokio::time::sleep(5 * S).await;
    assert_eq!(path(&rig), None);
    rig.put_claim(1, RACE + 1);
    rig.paper.put(port(1), &[8; 50]);
    assert!(receive_all(&rig.pipe).is_empty());
    assert!(rig.acks().is_empty());
    rig.put_claim(1, RACE + 2);
    rig.paper.put(port(1), &[8; 50]);
    assert_eq!(receive_all(&rig.pipe).len(), 1);
    assert_eq!(path(&rig), Some(1));
}

#[tokio::test(start_paused = true)]
async fn a_client_that_does_not_race_is_believed_on_its_latest_claim_as_ever() {
    let mut rig = Rig::connected();
    rig.put_claim(2, 2);
    rig.put_claim(3, 3);
    let stamp = rig.take_stamp();
    rig.put_confirmation(2, stamp);
    rig.paper.put(port(2), &[8; 50]);
    assert!(receive_all(&rig.pipe).is_empty());
    rig.paper.put(port(3), &[8; 50]);
    assert_eq!(receive_all(&rig.pipe).len(), 1);
    assert_eq!(path(&rig), Some(3));
}

/// A client that races, and comes from port 1.
fn racing() -> Rig {
    let mut rig = Rig::new();
    rig.put_claim(1, RACE + 1);
    rig.stamp = rig.take_stamp();
    rig.paper.put(port(1), &[8; 50]);
    receive_all(&rig.pipe);
    rig.paper.take_sent();
    assert_eq!(rig.moves(), 1);
    rig
}

/// A packet that opens.
fn put_real(rig: &Rig, from: u16) {
    rig.paper.put(port(from), &[8; 50]);
    assert_eq!(receive_all(&rig.pipe).len(), 1);
    rig.pipe.opened();
}

fn put_junk_in_vain(rig: &Rig, from: u16) {
    rig.paper.put(port(from), &[6; 100]);
    assert!(receive_all(&rig.pipe).is_empty());
}

/// From which port the client comes.
fn path(rig: &Rig) -> Option<u16> {
    let table = rig.pipe.table();
    table.believed.first().map(|source| source.addr.port())
}
