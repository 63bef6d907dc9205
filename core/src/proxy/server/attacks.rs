//! Attacks on the gate: packets as the network can send them, to the server's path as it runs.

use tokio::sync::watch;

use super::tests::{CLIENT, claim};
use super::victim::{MS, Rig, S};
use crate::auth::{AUTH_LEN, Ack, ProxyKey};
use crate::heartbeat::Verdict;
use crate::proxy::rig::{is_writable, port, receive_all};

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
    let mut got = rig.take_bytes();
    for _ in 0..50 {
        // Replays of that claim prove nothing.
        rig.paper.put(port(66), &rig.seal(CLIENT, 2));
        receive_all(&rig.pipe);
        let _ = rig.pipe.try_send(&[1; 300], None, None);
        got += rig.take_bytes();
    }
    let sent = AUTH_LEN + 100 + 50 * AUTH_LEN;
    assert!(got <= 3 * sent, "{got} bytes for {sent}");
    assert!(got >= 2 * sent, "{got} bytes for {sent}");
    assert!(rig.pipe.try_send(&[1; 1400], None, None).is_err());
}

#[tokio::test(start_paused = true)]
async fn what_waits_for_an_answer_is_no_more_than_three_times_what_an_unproved_address_sent() {
    let mut rig = Rig::connected();
    rig.prove().await;
    for _ in 0..10 {
        rig.pipe.try_send(&[1; 300], None, None).unwrap();
    }
    rig.paper.take_sent();
    // A claim that was captured and held back, and junk behind it.
    rig.put_claim(66, 2);
    rig.paper.put(port(66), &[6; 100]);
    receive_all(&rig.pipe);
    let got = rig.take_bytes();
    assert!(got <= 3 * (AUTH_LEN + 100), "{got} bytes");
    assert!(got >= AUTH_LEN + 300, "as much as may be: {got} bytes");
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
async fn what_waits_for_an_answer_follows_a_move_as_far_as_the_new_address_has_sent() {
    let mut rig = Rig::connected();
    rig.prove().await;
    tokio::time::sleep(MS).await;
    let lines: Vec<_> = (1..=5).map(|line| vec![line; 100]).collect();
    for line in &lines {
        rig.pipe.try_send(line, None, None).unwrap();
    }
    rig.put_claim(2, 2);
    rig.paper.take_sent();
    // Three times: with the claim and its answer room for two, for one more, and for the others.
    for (bytes, expected) in [(50, &lines[..2]), (50, &lines[2..3]), (90, &lines[3..])] {
        rig.paper.put(port(2), &vec![6; bytes]);
        receive_all(&rig.pipe);
        let sent = rig.paper.take_sent().into_iter();
        assert_eq!(sent.map(|(_, line)| line).collect::<Vec<_>>(), expected);
    }
}

#[tokio::test(start_paused = true)]
async fn what_stood_in_the_acknowledgement_lifts_the_limit() {
    let rig = Rig::connected();
    assert!(rig.is_limited());
    rig.put_confirmation(1, rig.stamp);
    assert!(!rig.is_limited());
}

#[tokio::test(start_paused = true)]
async fn a_confirmation_that_overtakes_the_first_packet_counts_from_that_packet_on() {
    let mut rig = Rig::new();
    rig.put_claim(1, 1);
    let stamp = rig.take_stamp();
    rig.put_confirmation(1, stamp);
    assert_eq!(rig.moves(), 0, "a confirmation is no packet");
    rig.paper.put(port(1), &[8; 50]);
    receive_all(&rig.pipe);
    assert!(!rig.is_limited());
}

#[tokio::test(start_paused = true)]
async fn a_repeated_claim_is_answered_by_the_same_bytes_so_that_either_copy_proves_it() {
    let mut rig = Rig::new();
    rig.put_claim(1, 1);
    let first = rig.paper.take_sent();
    rig.put_claim(1, 1);
    assert_eq!(rig.paper.take_sent(), first);
    rig.put_claim(1, 2);
    assert_ne!(rig.paper.take_sent(), first);
}

#[tokio::test(start_paused = true)]
async fn two_claims_that_were_recorded_and_never_arrived_do_not_lift_the_limit() {
    let mut rig = Rig::connected();
    rig.prove().await;
    let mut sent = 0;
    let mut got = 0;
    for serial in 2..40 {
        // All that was ever recorded, from a forged address, with junk between.
        let claim = rig.seal(CLIENT, serial);
        rig.paper.put(port(66), &claim);
        rig.paper.put(port(66), &[6; 100]);
        rig.paper.put(port(66), &claim);
        sent += 2 * AUTH_LEN + 100;
        receive_all(&rig.pipe);
        while rig.pipe.try_send(&[1; 50], None, None).is_ok() && got < 100 * sent {
            got += rig.take_bytes();
        }
        got += rig.take_bytes();
    }
    assert!(rig.is_limited());
    assert!(got <= 3 * sent, "{got} bytes for {sent}");
}

#[tokio::test(start_paused = true)]
async fn a_confirmation_of_another_acknowledgement_or_from_another_address_proves_nothing() {
    let mut rig = Rig::connected();
    let old = rig.stamp;
    rig.put_claim(66, 2);
    let recorded_ack = rig.paper.take_sent().remove(0).1;
    rig.paper.put(port(66), &[6; 20]);
    receive_all(&rig.pipe);
    let new = Ack::stamp_of(recorded_ack[..].try_into().unwrap());
    // The confirmation of the former path, seen on its way; a guess; a claim's serial; and the
    // client's own address, which is not the one in question.
    rig.put_confirmation(66, old);
    rig.put_confirmation(66, !new);
    rig.put_confirmation(66, 2);
    rig.put_confirmation(1, new);
    // The server's own words, reflected.
    rig.paper.put(port(66), &recorded_ack);
    assert!(receive_all(&rig.pipe).is_empty());
    assert!(rig.is_limited());
    rig.put_confirmation(66, new);
    assert!(!rig.is_limited());
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
async fn an_address_that_was_silent_for_too_long_gets_nothing_without_a_newer_claim() {
    let mut rig = Rig::connected();
    rig.prove().await;
    let (told, verdict) = watch::channel(Verdict::Heard);
    rig.handle.follow(4 * S, verdict);
    tokio::time::sleep(4 * S).await;
    told.send_replace(Verdict::Silent);
    tokio::time::sleep(3 * S).await;
    // Whoever has the address by then: what does not open does not keep it.
    rig.paper.put(port(1), &[6; 1200]);
    assert_eq!(receive_all(&rig.pipe).len(), 1);
    tokio::time::sleep(S + MS).await;

    let before = format!("{:?}", rig.pipe.table());
    assert!(rig.pipe.table().believed.is_empty());
    let recorded = rig.seal(CLIENT, 1);
    for packet in [
        &recorded[..],
        &[6; 1200],
        &[7; AUTH_LEN],
        &[8; 16],
        &recorded,
    ] {
        rig.paper.put(port(1), packet);
    }
    rig.put_confirmation(1, rig.stamp);
    // One that the transport had in hand all the time.
    rig.pipe.opened();
    assert!(receive_all(&rig.pipe).is_empty());
    assert!(rig.paper.take_sent().is_empty());
    assert!(rig.pipe.table().dark && !rig.pipe.clock().is_running());
    assert_eq!(
        (format!("{:?}", rig.pipe.table()), rig.moves()),
        (before, 1)
    );

    rig.put_claim(1, 2);
    assert_eq!(rig.acks(), [(1, 2)]);
    rig.paper.put(port(1), &[8; 50]);
    assert_eq!(receive_all(&rig.pipe), [vec![8; 50]]);
    assert_eq!(rig.moves(), 2);
    assert!(rig.is_limited(), "it has to prove itself anew");
}

#[tokio::test(start_paused = true)]
async fn a_datagram_of_the_address_in_use_that_does_not_open_is_no_sign_of_life() {
    let rig = Rig::connected();
    rig.paper.put(port(1), &[0; 1000]);
    receive_all(&rig.pipe);
    assert_eq!(rig.pipe.activity().heard_at(), None);
}
