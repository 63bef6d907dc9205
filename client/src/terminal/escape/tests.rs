use bytes::Bytes;
use proptest::prelude::*;

use super::{Action, Demonstration, Escape, EscapeChar, EscapeCharError, help};

const TILDE: EscapeChar = EscapeChar::On(b'~');

#[test]
fn escapes_are_found_at_line_starts_and_nowhere_else() {
    let table: &[(&str, &[Action])] = &[
        ("~.", &[Action::Disconnect]),
        ("ls\r~.", &[keys("ls\r"), Action::Disconnect]),
        ("ls\n~\x1a", &[keys("ls\n"), Action::Suspend]),
        ("cd ~.", &[keys("cd ~.")]),
        ("x~.\r~.", &[keys("x~.\r"), Action::Disconnect]),
        ("~~.", &[keys("~"), keys(".")]),
        ("~~~.", &[keys("~"), keys("~.")]),
        ("~?~.", &[Action::Help, Action::Disconnect]),
        (
            "~B~#~R~C",
            &[
                Action::Unsupported(b'B'),
                unsupported('#'),
                unsupported('R'),
                unsupported('C'),
            ],
        ),
        ("~/x", &[keys("~"), keys("/x")]),
        ("~\r~.", &[keys("~"), keys("\r"), Action::Disconnect]),
        ("~d", &[keys("~"), keys("d")]),
        (
            "\x1b[200~\r~.\x1b[201~",
            &[keys("\x1b[200~\r"), Action::Disconnect, keys("\x1b[201~")],
        ),
    ];
    for (typed, wanted) in table {
        assert_eq!(
            actions(Escape::new(TILDE, Demonstration::Off), &[typed.as_bytes()]),
            *wanted
        );
    }
}

#[test]
fn the_escape_key_can_be_another_or_none() {
    let other = Escape::new(EscapeChar::On(0x1d), Demonstration::Off);
    assert_eq!(
        actions(other, &[b"~.\r\x1d."]),
        [keys("~.\r"), Action::Disconnect]
    );

    let none = Escape::new(EscapeChar::Off, Demonstration::On);
    assert_eq!(actions(none, &[b"~."]), [keys("~.")]);
}

#[test]
fn darkening_the_path_needs_a_demonstration() {
    let demonstration = Escape::new(TILDE, Demonstration::On);
    assert_eq!(actions(demonstration, &[b"~d"]), [Action::DarkenPath]);
    assert!(help(TILDE, Demonstration::On).contains("~d "));
    assert!(!help(TILDE, Demonstration::Off).contains("~d "));
}

#[test]
fn keys_that_were_dropped_leave_a_line_start() {
    let mut escape = Escape::new(TILDE, Demonstration::Off);
    let mut found = Vec::new();
    escape.handle_keys(Bytes::from_static(b"half a lin"), &mut found);
    escape.handle_dropped();
    escape.handle_keys(Bytes::from_static(b"~."), &mut found);
    assert_eq!(found, [keys("half a lin"), Action::Disconnect]);
}

#[test]
fn an_escape_key_at_the_end_of_input_is_not_lost() {
    let mut escape = Escape::new(TILDE, Demonstration::Off);
    let mut found = Vec::new();
    escape.handle_keys(Bytes::from_static(b"\n~"), &mut found);
    assert_eq!(found, [keys("\n")]);
    assert_eq!(escape.handle_end(), Some(Bytes::from_static(b"~")));
    assert_eq!(escape.handle_end(), None);
}

#[test]
fn escape_characters_are_read_as_ssh_reads_them() {
    let refused = |text: &str| Err(EscapeCharError(text.to_owned()));
    let table = [
        ("~", Ok(EscapeChar::On(b'~'))),
        ("none", Ok(EscapeChar::Off)),
        ("^]", Ok(EscapeChar::On(0x1d))),
        ("^a", Ok(EscapeChar::On(1))),
        ("^?", Ok(EscapeChar::On(0x7f))),
        ("^", Ok(EscapeChar::On(b'^'))),
        ("", refused("")),
        ("ab", refused("ab")),
        ("é", refused("é")),
    ];
    for (text, wanted) in table {
        assert_eq!(text.parse::<EscapeChar>(), wanted, "{text:?}");
    }
    assert_eq!(EscapeChar::On(0x1d).to_string(), "^]");
    assert_eq!(EscapeChar::On(0x7f).to_string(), "^?");
}

#[test]
fn typed_keys_are_not_shown_by_debug() {
    assert_eq!(format!("{:?}", keys("secret")), "Forward(6 bytes)");
}

proptest! {
    #[test]
    fn cuts_change_nothing(typed in "[~.?xd\r\n\u{1a}]{0,40}", cuts in prop::collection::vec(0..40_usize, 0..6)) {
        let whole = actions(Escape::new(TILDE, Demonstration::On), &[typed.as_bytes()]);
        let mut cuts: Vec<_> = cuts.into_iter().map(|cut| cut.min(typed.len())).collect();
        cuts.extend([0, typed.len()]);
        cuts.sort_unstable();
        let pieces: Vec<_> = cuts.windows(2).map(|ends| &typed.as_bytes()[ends[0]..ends[1]]).collect();
        let cut = actions(Escape::new(TILDE, Demonstration::On), &pieces);
        prop_assert_eq!(joined(cut), joined(whole));
    }

    #[test]
    fn without_an_escape_character_every_byte_passes(typed in prop::collection::vec(any::<u8>(), 0..200)) {
        let found = joined(actions(Escape::new(EscapeChar::Off, Demonstration::On), &[&typed]));
        let wanted = if typed.is_empty() { vec![] } else { vec![Action::Forward(typed.into())] };
        prop_assert_eq!(found, wanted);
    }
}

fn actions(mut escape: Escape, pieces: &[&[u8]]) -> Vec<Action> {
    let mut found = Vec::new();
    for piece in pieces {
        escape.handle_keys(Bytes::copy_from_slice(piece), &mut found);
    }
    found
}

/// Neighbouring forwards made one.
fn joined(actions: Vec<Action>) -> Vec<Action> {
    let mut out: Vec<Action> = Vec::new();
    for action in actions {
        match (out.last_mut(), action) {
            (Some(Action::Forward(before)), Action::Forward(after)) => {
                *before = [&before[..], &after[..]].concat().into();
            }
            (_, action) => out.push(action),
        }
    }
    out
}

fn keys(text: &str) -> Action {
    Action::Forward(Bytes::copy_from_slice(text.as_bytes()))
}

fn unsupported(key: char) -> Action {
    Action::Unsupported(key as u8)
}
