use proptest::prelude::*;

use super::{PARTIAL_LIMIT, Tracker};

#[test]
fn every_mode_left_on_is_switched_off_and_nothing_else() {
    let table: &[(&str, &str)] = &[
        ("plain text\r\n", ""),
        ("\x1b[?1049h", "\x1b[?1049l"),
        ("\x1b[?47h", "\x1b[?47l"),
        ("\x1b[?1049h\x1b[?1049l", ""),
        ("\x1b[?1000h\x1b[?1006h", "\x1b[?1006l\x1b[?1000l"),
        (
            "\x1b[?1002;1003;1005;1015h",
            "\x1b[?1015l\x1b[?1005l\x1b[?1003l\x1b[?1002l",
        ),
        ("\x1b[?2004h", "\x1b[?2004l"),
        ("\x1b[?1004h", "\x1b[?1004l"),
        ("\x1b[?25l", "\x1b[?25h"),
        ("\x1b[?25l\x1b[?25h", ""),
        ("\x1b[4 q", "\x1b[0 q"),
        ("\x1b[4 q\x1b[ q", ""),
        ("\x1b[?1h\x1b=", "\x1b[?1l\x1b>"),
        ("\x1b[?7l", "\x1b[?7h"),
        ("\x1b[4h\x1b[20h", "\x1b[4l\x1b[20l"),
        ("\x1b[>1u", "\x1b[<1u"),
        ("\x1b[>1u\x1b[>5u\x1b[<u", "\x1b[<1u"),
        ("\x1b[=1u", "\x1b[=0;1u"),
        ("\x1b[=3u\x1b[=3;3u", ""),
        ("\x1b[?1049h\x1b[>1u", "\x1b[<1u\x1b[?1049l"),
        ("\x1b[>1u\x1b[?1049h", "\x1b[?1049l\x1b[<1u"),
        ("\x1b[>4;2m", "\x1b[>4m"),
        ("\x1b[>4;2m\x1b[>4;0m", ""),
        ("\x1b[>4;2m\x1b[>4n", ""),
        ("\x1b[?2026h", "\x1b[?2026l"),
        ("\x1b[2;10r", "\x1b7\x1b[r\x1b8"),
        ("\x1b[2;10r\x1b[r", ""),
        ("\x1b[?6h", "\x1b[r\x1b[?6l\x1b[999;1H"),
        ("\x1b(0", "\x1b(B"),
        ("\x1b(0\x1b(B", ""),
        ("\x1b)0\x0e", "\x1b)B\x0f"),
        ("a\x0eb\x0fc", ""),
        ("\x1b%@", "\x1b%G"),
        ("\x1b[1;31m", "\x1b[m"),
        ("\x1b[1;31mx\x1b[0m", ""),
        ("\x1b[1;31mx\x1b[m", ""),
        ("\x1b[0;1m", "\x1b[m"),
        ("\x1b[38;5;0m", "\x1b[m"),
        ("\x1b[48;2;0;0;0m", "\x1b[m"),
        ("\x1b[48;2;0;0;0;0m", ""),
        ("\x1b[4:0m", "\x1b[m"),
        ("\x1b]8;;http://example.org\x1b\\link", "\x1b]8;;\x1b\\"),
        ("\x1b]8;;http://example.org\x07link\x1b]8;;\x07", ""),
        ("\x1b]12;red\x07", "\x1b]112\x1b\\"),
        ("\x1b]12;red\x07\x1b]112\x07", ""),
        ("\x1b]11;?\x07", ""),
        ("\x1b[?1049h\x1b[?1000h\x1b[31m\x1bc", ""),
        ("\x1b[?25l\x1b[4h\x1b[31m\x1b[!p", ""),
        // What only looks like a mode.
        ("\x1b]0;\x1b", "\x18"),
        ("\x1bP?1049h\x1b\\", ""),
        ("\x1b]52;c;?1049h\x07", ""),
        ("\x1b[?1049$p", ""),
        ("\x1b[?1049s\x1b[?1049r", ""),
        ("\x1b[?10\x18", ""),
        ("\x1b[?1049\x1b[?1000h", "\x1b[?1000l"),
        ("\x1b[\n?25\rl", "\x1b[?25h"),
        ("\x1b[?999999999999h", ""),
    ];
    for (output, wanted) in table {
        assert_eq!(left_on(output.as_bytes()), *wanted, "{output:?}");
    }
}

#[test]
fn modes_are_switched_on_again_after_a_suspension() {
    let output =
        "\x1b[>1u\x1b[?1049;1000;2026h\x1b[>5u\x1b[?25l\x1b=\x1b[>4;2m\x1b[6 q\x1b[2;9r\x1b[31m";
    let mut tracker = observed(output.as_bytes());
    let again = tracker.switch_on_again();
    assert_eq!(
        String::from_utf8(again).unwrap(),
        "\x1b[>1u\x1b[?1049h\x1b[?25l\x1b[?1000h\x1b[>5u\x1b=\x1b[>4;2m\x1b[6 q\x1b7\x1b[2;9r\x1b8"
    );
}

#[test]
fn a_sequence_cut_by_our_drawing_is_cancelled_and_repeated() {
    let table: &[(&[u8], &[u8], &[u8])] = &[
        (b"text", b"", b""),
        (b"text\x1b[3", b"\x18", b"\x1b[3"),
        (b"text\x1b", b"\x18", b"\x1b"),
        (b"\x1b]0;tit", b"\x18", b"\x1b]0;tit"),
        (b"\xe6\x97", b"", b"\xe6\x97"),
        ("日".as_bytes(), b"", b""),
    ];
    for (output, before, repeated) in table {
        let mut tracker = observed(output);
        assert_eq!(tracker.own(b""), *before, "{output:?}");
        assert_eq!(tracker.own(b"x"), b"x", "a second drawing cancels nothing");
        assert_eq!(tracker.rejoin(b"1m"), (repeated.to_vec(), 0), "{output:?}");
        assert_eq!(tracker.rejoin(b"1m"), (vec![], 0), "only once");
    }
}

#[test]
fn a_string_too_long_to_be_repeated_is_left_out_to_its_end() {
    let mut long = b"\x1b]52;c;".to_vec();
    long.resize(PARTIAL_LIMIT + 100, b'A');
    let mut tracker = observed(&long);
    assert_eq!(tracker.own(b"x"), b"\x18x");
    for (bytes, left_out) in [
        (&b"AAAA"[..], 4),
        (b"AA\x1b", 2),
        (b"\\text", 0),
        (b"text", 0),
    ] {
        assert_eq!(tracker.rejoin(bytes), (vec![], left_out));
        tracker.observe(bytes);
    }
}

#[test]
fn a_program_that_pushes_for_ever_costs_bounded_memory() {
    let output = [&b"\x1b[>1u".repeat(100_000)[..], b"\x1b[", &[b'1'; 100_000]].concat();
    let tracker = observed(&output);
    assert!(tracker.partial.capacity() <= 2 * PARTIAL_LIMIT);
    assert_eq!(tracker.switch_off(), b"\x18\x1b[<32u");
}

proptest! {
    #[test]
    fn cuts_change_nothing(pieces in prop::collection::vec(piece(), 0..12), cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..8)) {
        let output = pieces.concat();
        let mut ends: Vec<_> = cuts.iter().map(|cut| cut.index(output.len() + 1)).collect();
        ends.extend([0, output.len()]);
        ends.sort_unstable();
        let mut cut = Tracker::default();
        for range in ends.windows(2) {
            cut.observe(&output[range[0]..range[1]]);
        }
        prop_assert_eq!(cut, observed(&output));
    }

    #[test]
    fn switching_off_leaves_nothing_on(pieces in prop::collection::vec(piece(), 0..12)) {
        let mut tracker = observed(&pieces.concat());
        let off = tracker.switch_off();
        tracker.observe(&off);
        prop_assert_eq!(String::from_utf8(tracker.switch_off()).unwrap(), "");
    }
}

/// Sequences, parts of sequences, and noise.
fn piece() -> impl Strategy<Value = Vec<u8>> {
    let known = prop::sample::select(vec![
        &b"\x1b["[..],
        b"?1049",
        b"h",
        b"l",
        b";",
        b"\x1b",
        b"m",
        b"38;5;0",
        b"\x1b[?1002;1006h",
        b"\x1b]8;;x\x07",
        b"\x1b]12;red\x1b\\",
        b"\x1bP",
        b"\x1b\\",
        b"\x07",
        b"\x18",
        b"\x1a",
        b"\x1b(0",
        b"\x0e",
        b"\x0f",
        b"\x1b[2;9r",
        b"\x1b[>3u",
        b"\x1b[<u",
        b"\x1b[=5;2u",
        b"\x1bc",
        b"\x1b[!p",
        b"\x1b[>4;2m",
        b"\x1b[5 q",
        b"\x1b%@",
        b"\xe6\x97\xa5",
        b"\xe6",
        b"\x1b[?6h",
    ]);
    prop_oneof![
        known.prop_map(<[u8]>::to_vec),
        prop::collection::vec(any::<u8>(), 0..6)
    ]
}

fn left_on(output: &[u8]) -> String {
    String::from_utf8(observed(output).switch_off()).unwrap()
}

fn observed(output: &[u8]) -> Tracker {
    let mut tracker = Tracker::default();
    tracker.observe(output);
    tracker
}

#[test]
fn in_tmux_control_mode_a_drawing_is_a_line_for_the_pane_last_written_to_or_nothing() {
    // What the terminal was sent, and whether a drawing has a place behind it.
    let table: &[(&[u8], Option<&str>)] = &[
        (b"\x1bP10", Some("\x18x\n")),
        (b"00p", None),
        (b"%begin 17 3 0\r\n%end 17 3 0\r\n", None),
        (b"%output %4 ls\\015\\012", None),
        (b"\r\n", Some("%output %4 x\\012\r\n")),
        (
            b"%extended-output %5 0 : pwd\r\n",
            Some("%output %5 x\\012\r\n"),
        ),
        (
            b"%begin 17 4 1\r\n%output %9 what a file holds\r\n%end 1 1 1\r\n",
            None,
        ),
        (b"%error 17 4 1\r\n", Some("%output %5 x\\012\r\n")),
        (b"%exit\r\n\x1b\\", Some("x\n")),
    ];
    let mut tracker = Tracker::default();
    for (output, expected) in table {
        tracker.observe(output);
        let mut shown = tracker.clone();
        let drawn = String::from_utf8(shown.own(b"x\n")).unwrap();
        assert_eq!(
            drawn,
            expected.unwrap_or_default(),
            "{}",
            output.escape_ascii()
        );
    }
}

#[test]
fn tmux_control_mode_is_left_as_tmux_leaves_it() {
    let mut tracker = Tracker::default();
    tracker.observe(b"\x1bP1000p%output %0 a");
    assert_eq!(tracker.switch_off(), b"\r\n%exit\r\n\x1b\\");
    tracker.observe(b"b\r\n");
    assert_eq!(tracker.switch_off(), b"%exit\r\n\x1b\\");
}
