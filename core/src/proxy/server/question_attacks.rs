//! Questions, and who asks them: answered on the path in use at their own length, and nothing else comes
//! of them.

use super::tests::CLIENT;
use super::victim::Rig;
use crate::auth::AUTH_LEN;
use crate::proxy::question::{WIDE_LEN, widened};
use crate::proxy::rig::{port, receive_all};

#[tokio::test(start_paused = true)]
async fn a_question_on_the_path_in_use_is_answered_at_its_own_length() {
    let rig = Rig::connected();
    let question = rig.seal(CLIENT, 0);
    rig.paper.put(port(1), &question);
    rig.paper.put(port(1), &widened(&question));
    assert!(receive_all(&rig.pipe).is_empty());
    let sent = rig.paper.take_sent();
    let lengths: Vec<_> = sent
        .iter()
        .map(|(to, packet)| (*to, packet.len()))
        .collect();
    assert_eq!(lengths, [(port(1), AUTH_LEN), (port(1), WIDE_LEN)]);
    for (_, packet) in sent {
        let claim = rig.key.open(&packet[..AUTH_LEN]).unwrap();
        assert_eq!((claim.id, claim.serial), (9, 0));
    }
}

#[tokio::test(start_paused = true)]
async fn a_question_from_anywhere_else_is_not_answered_and_moves_nothing() {
    let mut rig = Rig::connected();
    let moves = rig.moves();
    let question = rig.seal(CLIENT, 0);
    for _ in 0..3 {
        rig.paper.put(port(66), &question);
        rig.paper.put(port(66), &widened(&question));
        rig.paper.put(port(66), &[7; 100]);
    }
    assert!(receive_all(&rig.pipe).is_empty());
    assert_eq!((rig.take_bytes(), rig.moves()), (0, moves));
    assert_eq!(rig.acks(), []);
}

/// The answer could be cut down to an acknowledgement that the server never gave.
#[tokio::test(start_paused = true)]
async fn a_padded_claim_is_neither_a_claim_nor_a_question() {
    let mut rig = Rig::connected();
    for from in [1, 66] {
        rig.paper.put(port(from), &widened(&rig.seal(CLIENT, 2)));
        assert!(receive_all(&rig.pipe).is_empty());
        assert_eq!(rig.take_bytes(), 0, "from {from}");
    }
    // Its serial is as good as before.
    rig.put_claim(5, 2);
    assert_eq!(rig.acks(), [(5, 2)]);
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_is_sent_back_to_the_server_is_no_question() {
    let rig = Rig::connected();
    let answer = rig.seal(9, 0);
    rig.paper.put(port(1), &answer);
    rig.paper.put(port(1), &widened(&answer));
    assert!(receive_all(&rig.pipe).is_empty());
    assert_eq!(rig.take_bytes(), 0);
}

#[tokio::test(start_paused = true)]
async fn questions_do_not_lift_the_limit_of_an_address_that_may_be_spoofed() {
    let mut rig = Rig::connected();
    rig.prove().await;
    // A claim that was captured and held back, from another address, and questions behind it.
    rig.put_claim(66, 2);
    rig.paper.put(port(66), &[6; 100]);
    receive_all(&rig.pipe);
    let mut got = rig.take_bytes();
    let question = rig.seal(CLIENT, 0);
    let mut sent = AUTH_LEN + 100;
    for _ in 0..20 {
        rig.paper.put(port(66), &question);
        rig.paper.put(port(66), &widened(&question));
        receive_all(&rig.pipe);
        sent += AUTH_LEN + WIDE_LEN;
        while rig.pipe.try_send(&[1; 1400], None, None).is_ok() {}
        got += rig.take_bytes();
    }
    assert!(got <= 3 * sent, "{got} bytes for {sent}");
    assert!(rig.is_limited());
}
