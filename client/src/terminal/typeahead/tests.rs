use bytes::Bytes;
use proptest::prelude::*;

use super::{Pushed, TYPEAHEAD_LIMIT, Typeahead};

#[test]
fn keys_are_counted_as_a_user_counts_them() {
    let table: &[(&str, usize)] = &[
        ("", 0),
        ("ls -l\r", 6),
        ("häß", 3),
        ("日本語", 3),
        ("\x1b[A", 1),
        ("\x1bOA", 1),
        ("\x1b[1;5C", 1),
        ("\x1bx", 1),
        ("\x1b", 1),
        ("\x1b\x1b", 2),
        ("a\x1b[3~b", 3),
    ];
    for (typed, wanted) in table {
        let mut typeahead = Typeahead::default();
        typeahead.push(&mut Bytes::copy_from_slice(typed.as_bytes()));
        assert_eq!(typeahead.waiting(), *wanted, "{typed:?}");
    }
}

#[test]
fn keys_come_out_once_and_in_order() {
    let mut typeahead = Typeahead::default();
    push(&mut typeahead, b"one ");
    push(&mut typeahead, b"two");
    assert_eq!(typeahead.take(), Bytes::from_static(b"one two"));
    assert!(typeahead.is_empty());
    assert_eq!(typeahead.take(), Bytes::new());
    assert_eq!(typeahead.waiting(), 0);
}

#[test]
fn an_interrupt_drops_what_waits_and_is_delivered_alone() {
    for interrupt in [&b"\x03"[..], b"\x1b[99;5u", b"\x1b[27;5;99~"] {
        let mut typeahead = Typeahead::default();
        push(&mut typeahead, b"rm -r");
        assert_eq!(
            push(&mut typeahead, interrupt),
            Pushed {
                interrupts: 1,
                dropped: 5
            }
        );
        assert_eq!(typeahead.waiting(), 0);
        assert_eq!(push(&mut typeahead, b"ls\r"), Pushed::default());
        assert_eq!(typeahead.waiting(), 3);
        assert_eq!(typeahead.take(), [interrupt, b"ls\r"].concat());
    }
}

#[test]
fn a_second_interrupt_drops_nothing_and_stays_the_only_one() {
    let mut typeahead = Typeahead::default();
    push(&mut typeahead, b"x\x03");
    assert_eq!(
        push(&mut typeahead, b"\x03"),
        Pushed {
            interrupts: 1,
            dropped: 0
        }
    );
    assert_eq!(typeahead.take(), Bytes::from_static(b"\x03"));
}

#[test]
fn keys_beyond_the_limit_stay_with_the_caller() {
    let mut typeahead = Typeahead::default();
    let pasted = vec![b'p'; TYPEAHEAD_LIMIT + 5];
    let mut rest = Bytes::copy_from_slice(&pasted);
    typeahead.push(&mut rest);
    assert!(typeahead.is_full());
    assert_eq!(rest, &pasted[TYPEAHEAD_LIMIT..]);

    assert_eq!(typeahead.take(), &pasted[..TYPEAHEAD_LIMIT]);
    typeahead.push(&mut rest);
    assert_eq!((rest.len(), typeahead.waiting()), (0, 5));
}

#[test]
fn an_interrupt_reaches_a_full_queue() {
    let mut typeahead = Typeahead::default();
    let mut pasted = Bytes::from([&vec![b'p'; TYPEAHEAD_LIMIT + 5][..], b"\x03ok"].concat());
    let pushed = typeahead.push(&mut pasted);
    assert_eq!(
        pushed,
        Pushed {
            interrupts: 1,
            dropped: TYPEAHEAD_LIMIT + 5
        }
    );
    assert_eq!(typeahead.take(), Bytes::from_static(b"\x03ok"));
}

#[test]
fn typed_keys_are_not_shown_by_debug() {
    let mut typeahead = Typeahead::default();
    push(&mut typeahead, b"secret");
    assert_eq!(
        format!("{typeahead:?}"),
        "Typeahead { waiting: 6, interrupted: false, .. }"
    );
}

proptest! {
    #[test]
    fn cuts_change_nothing(typed in "[ab\u{3}\u{1b}\\[;0-9u~ä]{0,40}", cut in 0..60_usize) {
        let typed = typed.as_bytes();
        let cut = cut.min(typed.len());
        let mut whole = Typeahead::default();
        let wanted = push(&mut whole, typed);
        let mut pieces = Typeahead::default();
        let first = push(&mut pieces, &typed[..cut]);
        let second = push(&mut pieces, &typed[cut..]);
        prop_assert_eq!(first.interrupts + second.interrupts, wanted.interrupts);
        prop_assert_eq!(first.dropped + second.dropped, wanted.dropped);
        prop_assert_eq!(pieces.waiting(), whole.waiting());
        prop_assert_eq!(pieces.take(), whole.take());
    }
}

fn push(typeahead: &mut Typeahead, keys: &[u8]) -> Pushed {
    let mut keys = Bytes::copy_from_slice(keys);
    let pushed = typeahead.push(&mut keys);
    assert!(keys.is_empty());
    pushed
}
