//! Sealed packets and the exchange of keys.

use std::time::{Duration, Instant};

use super::Script;
use crate::crypto::OVERHEAD;
use crate::rekey::{Keys, MAX_KEYS, Thresholds};

/// Any bytes as a packet and as a peer's public point, in the midst of an honest connection that changes its keys.
pub fn keys(data: &[u8]) {
    let now = start();
    let make = || Keys::new(&[1; 48], &[2; 48], Thresholds::default(), now);
    let (Ok(mut client), Ok(mut server)) = (make(), make()) else {
        panic!("no keys");
    };
    nothing_opens(&mut client, data);
    let mut script = Script::new(data);
    let mut answer = None;
    // An exchange costs more than all else.
    for _ in 0..MOST_STEPS {
        if script.is_over() {
            break;
        }
        match script.byte() % 8 {
            0 => match answer.take() {
                // Each half travels on the bus, in a packet: the peer has heard it when it takes the half.
                None if !client.is_asking() => {
                    let half = client.ask().expect("the system gives randomness");
                    passes(&mut client, &mut server, &half, 0);
                    answer = Some(server.handle_ask(&half, now).expect("an honest half"));
                }
                None => {}
                Some(half) => {
                    passes(&mut server, &mut client, &half, 0);
                    client.handle_answer(&half, now).expect("it was asked");
                }
            },
            1 => {
                let before = server.alive();
                // No fuzzer finds a point of the curve.
                assert!(server.handle_ask(script.bytes(65), now).is_err());
                assert_eq!(server.alive(), before, "a wrong point left a key");
            }
            2 => {
                let before = client.alive();
                let answered = client.handle_answer(script.bytes(65), now);
                assert!(answered.is_err() && client.alive() == before);
                assert!(!client.is_asking());
                answer = None;
            }
            3 => nothing_opens(&mut server, script.bytes(200)),
            side => {
                let len = script.byte().into();
                let body = script.bytes(len);
                let (from, to) = match side & 1 {
                    0 => (&mut client, &mut server),
                    _ => (&mut server, &mut client),
                };
                passes(from, to, body, script.short());
            }
        }
        assert!(client.alive() <= MAX_KEYS && server.alive() <= MAX_KEYS);
    }
}

/// What one side seals the other opens, whatever became of earlier exchanges; its own and a bent one never open.
fn passes(from: &mut Keys, to: &mut Keys, body: &[u8], how: u16) {
    let mut packet = vec![0; 12];
    packet.extend_from_slice(body);
    from.seal(&mut packet, 0).expect("a key seals");
    assert_eq!(packet.len(), body.len() + OVERHEAD);
    nothing_opens(from, &packet);
    let [at, mask] = how.to_le_bytes();
    if mask != 0 {
        let mut bent = packet.clone();
        let at = usize::from(at) % bent.len();
        bent[at] ^= mask;
        nothing_opens(to, &bent);
        nothing_opens(to, &packet[..at]);
    }
    assert_eq!(to.open(&mut packet).as_deref(), Ok(body));
}

fn nothing_opens(keys: &mut Keys, packet: &[u8]) {
    assert!(
        keys.open(&mut packet.to_vec()).is_err(),
        "a forged packet opens"
    );
}

/// Any moment: keys look at no clock.
pub(crate) fn start() -> Instant {
    tssh_core::clock::now() + Duration::from_secs(1)
}

const MOST_STEPS: usize = 40;
