//! Authentication packets: nothing opens that was not sealed, and no claim counts twice.

use std::collections::BTreeSet;

use crate::auth::{AUTH_LEN, Challenger, Claim, ProxyKey, Verdict, Verifier};

/// Any bytes as a packet, a sealed packet that was bent, then a row of claims and acknowledgements.
pub fn auth(data: &[u8]) {
    let key = ProxyKey::new(&KEY);
    assert_eq!(key.open(data), None, "a packet opened that nobody sealed");
    assert_eq!(key.open_ack(data), None);
    for part in data.chunks_exact(AUTH_LEN) {
        assert_eq!(key.open(part), None, "a packet opened that nobody sealed");
    }
    let Some((head, rest)) = data.split_at_checked(HEAD) else {
        return;
    };
    let mut nonce = [0; 12];
    nonce.copy_from_slice(&head[..12]);
    let claim = Claim {
        id: number(&head[12..20]),
        serial: number(&head[20..28]),
    };
    bend(&key, key.seal_with(nonce, claim), claim, &head[28..]);
    judge(rest);
    challenge(rest);
}

/// A sealed packet opens as what it says, and no other packet that resembles it does.
fn bend(key: &ProxyKey, sealed: [u8; AUTH_LEN], claim: Claim, how: &[u8]) {
    assert_eq!(key.open(&sealed), Some(claim));
    let (at, mask) = (usize::from(how[0]) % AUTH_LEN, how[1]);
    let mut bent = sealed;
    bent[at] ^= mask;
    let opened = key.open(&bent);
    assert_eq!(opened.is_some(), mask == 0, "byte {at} bent by {mask}");
    assert_eq!(key.open(&sealed[..at]), None, "cut to {at} bytes");
    assert_eq!(key.open(&[&sealed[..], &[mask]].concat()), None);
    let other = ProxyKey::new(&[mask ^ !KEY[0]; 32]);
    let same = mask == 0xff;
    assert_eq!(other.open(&sealed).is_some(), same, "under another key");
}

/// A server believes one client and each serial once; what came before a choice counts no more.
fn judge(data: &[u8]) {
    let mut verifier = Verifier::new(CLIENT);
    let (mut highest, mut floor, mut seen) = (0, 0, BTreeSet::new());
    for step in data.chunks_exact(STEP) {
        let claim = Claim {
            id: CLIENT ^ u64::from(step[0] >> 6),
            serial: serial(highest, step),
        };
        if step[0] & 0x20 != 0 {
            verifier.handle_choice();
            floor = highest;
        }
        // A source cannot stand by a claim that never counted.
        let stands = step[1] & 1 != 0 && seen.contains(&claim.serial);
        let fresh = match verifier.handle_claim(claim, stands) {
            Verdict::Refused => false,
            Verdict::Repeated => {
                assert!(
                    claim.id == CLIENT && stands,
                    "{claim:?} was not said before"
                );
                continue;
            }
            Verdict::Fresh => true,
        };
        assert!(claim.id == CLIENT || !fresh, "{claim:?} is a stranger's");
        if claim.id != CLIENT {
            continue;
        }
        assert!(!stands, "{claim:?} was forgotten");
        if fresh {
            assert!(claim.serial > floor, "{claim:?} lies before {floor}");
            assert!(seen.insert(claim.serial), "{claim:?} counts twice");
        } else {
            assert!(claim.serial <= highest, "{claim:?} is new after {highest}");
        }
        let overtaken = claim.serial < highest;
        assert!(
            !(fresh && overtaken) || claim.races(),
            "{claim:?} came late"
        );
        highest = highest.max(claim.serial * u64::from(fresh));
    }
}

/// A client's serials rise whatever is acknowledged, and a lie cannot use them up.
fn challenge(data: &[u8]) {
    let mut challenger = Challenger::new(CLIENT, SERVER);
    for step in data.chunks_exact(STEP) {
        let before = challenger.last();
        let mine = challenger.next_claim();
        assert_eq!(mine.serial, before + 1);
        let ack = Claim {
            id: SERVER ^ u64::from(step[0] >> 6),
            serial: serial(mine.serial, step),
        };
        let accepted = challenger.handle_ack(ack, mine.serial);
        assert_eq!(accepted, ack.id == SERVER && ack.serial == mine.serial);
        let after = challenger.last();
        assert!(after >= mine.serial && after <= mine.serial + (1 << 32));
        if ack.id != SERVER {
            assert_eq!(after, mine.serial, "a stranger's word was adopted");
        }
    }
}

/// A number near `last`, or any.
fn serial(last: u64, step: &[u8]) -> u64 {
    match step[0] % 3 {
        0 => last.wrapping_add(u64::from(step[2])),
        1 => last.wrapping_sub(u64::from(step[2] % 4)),
        _ => number(&step[2..10]),
    }
}

fn number(bytes: &[u8]) -> u64 {
    bytes
        .iter()
        .fold(0, |number, byte| number << 8 | u64::from(*byte))
}

/// A nonce, an identity, a serial, and how the packet is bent.
const HEAD: usize = 12 + 8 + 8 + 2;

const STEP: usize = 10;
const KEY: [u8; 32] = [7; 32];
const CLIENT: u64 = 0x0102_0304_0506_0708;
const SERVER: u64 = 0x1112_1314_1516_1718;
