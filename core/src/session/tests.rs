//! What a client that was away is shown.

mod markers;
mod sequences;
mod window;

use proptest::prelude::*;

use super::{Back, Dropped, MAX_KEPT_BYTES, Replay};

const NOTHING: Dropped = Dropped { lines: 0, bytes: 0 };

#[test]
fn output_passes_untouched_while_the_client_is_there() {
    let mut replay = Replay::new(24);
    replay.push(b"\x1b[6n text \x1b[");
    replay.push(b"31m");
    assert_eq!(sent(&mut replay), "\x1b[6n text \x1b[31m");
}

#[test]
fn a_program_that_is_ahead_of_the_client_is_held_back() {
    let mut replay = Replay::new(24);
    replay.push(&[b'x'; 64 * 1024]);
    assert!(!replay.wants_more());
    replay.handle_written(64 * 1024);
    assert!(replay.wants_more());
}

#[test]
fn the_line_under_way_is_let_through_and_the_rest_is_kept() {
    let mut replay = away(24);
    replay.push(b"end of line\r\nkept ");
    assert_eq!(sent(&mut replay), "end of line\r\n");
    replay.push(b"line\r\n$ ");
    assert_eq!(sent(&mut replay), "");
    assert_eq!(replay.handle_back(), (Back::Complete, NOTHING));
    assert_eq!(sent(&mut replay), "kept line\r\n$ ");
}

#[test]
fn a_line_without_an_end_is_not_let_through_for_ever() {
    let mut replay = away(24);
    for _ in 0..100 {
        replay.push(&[b'.'; 1000]);
    }
    assert_eq!(sent(&mut replay).len(), 4 * 1024);
}

#[test]
fn with_keep_pending_output_the_program_is_held_back_instead() {
    let mut replay = Replay::new(24);
    replay.handle_away(true);
    replay.push("line\r\n".repeat(10_000).as_bytes());
    assert!(!replay.wants_more());
    assert_eq!(replay.handle_back(), (Back::Complete, NOTHING));
    assert_eq!(sent(&mut replay), "line\r\n".repeat(10_000));
}

#[test]
fn questions_in_kept_lines_are_not_asked_wherever_the_chunks_are_cut() {
    let output = "a\x1b[6nb\x1b[31mc\x1b]11;?\x07d\x1b[?1;2c\x05e\r\n";
    for cut in 0..output.len() {
        let mut replay = away(24);
        replay.push(b"\r\n");
        replay.push(&output.as_bytes()[..cut]);
        replay.push(&output.as_bytes()[cut..]);
        assert_eq!(replay.handle_back(), (Back::Complete, NOTHING));
        assert_eq!(
            sent(&mut replay),
            "\r\nab\x1b[31mcd\x1b[?1;2ce\r\n",
            "cut at {cut}"
        );
    }
}

#[test]
fn at_least_a_thousand_lines_are_kept_or_twice_the_screen() {
    for (rows, kept) in [(24, 1000), (499, 1000), (700, 1400)] {
        let mut replay = away(rows);
        replay.push(b"\r\n");
        (0..2000).for_each(|line| replay.push(format!("{line}\r\n").as_bytes()));
        let expected: u64 = (0..2000 - kept)
            .map(|line| format!("{line}\r\n").len() as u64)
            .sum();
        let dropped = Dropped {
            lines: 2000 - kept,
            bytes: expected,
        };
        assert_eq!(
            replay.handle_back(),
            (Back::Complete, dropped),
            "{rows} rows"
        );
        let lines: String = (2000 - kept..2000)
            .map(|line| format!("{line}\r\n"))
            .collect();
        assert_eq!(
            sent(&mut replay),
            format!("\r\n{}{lines}", notice(dropped)),
            "{rows} rows"
        );
    }
}

#[test]
fn a_flood_while_the_client_is_away_costs_bounded_memory() {
    let mut replay = away(24);
    for _ in 0..64 {
        replay.push(&vec![b'x'; 1 << 20]);
        assert!(replay.wants_more());
    }
    let (_, dropped) = replay.handle_back();
    let held = replay.ready().len() as u64;
    assert!(
        held < (MAX_KEPT_BYTES + (1 << 20)) as u64,
        "{held} bytes are held"
    );
    assert_eq!(
        held + dropped.bytes - notice(dropped).len() as u64,
        64 << 20
    );
}

#[test]
fn a_sequence_without_an_end_costs_bounded_memory() {
    let mut replay = away(24);
    replay.push(b"\r\n\x1b]0;");
    for _ in 0..32 {
        replay.push(&vec![b'x'; 1 << 20]);
    }
    replay.handle_back();
    assert!(replay.ready().len() < MAX_KEPT_BYTES);
    replay.push(b"the rest of it\x07text");
    let shown = sent(&mut replay);
    assert!(
        shown.ends_with("\r\ntext"),
        "the rest of a dropped sequence is shown as text: {shown:?}"
    );
}

#[test]
fn after_a_drop_a_full_screen_program_paints_alone() {
    let mut replay = Replay::new(24);
    replay.push(b"\x1b[?1049h\x1b[2J");
    sent(&mut replay);
    replay.handle_away(false);
    replay.push(b"\r\n");
    sent(&mut replay);
    flood(&mut replay);
    replay.push(b"\x1b[?25l\x1b[3");
    let (back, dropped) = replay.handle_back();
    assert_eq!(back, Back::RepaintAlone);
    assert!(dropped.lines > 2000, "{dropped:?}");
    assert_eq!(sent(&mut replay), "\x1b[?25l");

    replay.push(b"1mpainted too wide\r\n\x1b[");
    assert_eq!(sent(&mut replay), "");
    assert_eq!(
        replay.end_discard(),
        Dropped {
            lines: 1,
            bytes: 22
        }
    );
    replay.push(b"2Jpainted right");
    assert_eq!(sent(&mut replay), "painted right");
}

#[test]
fn a_switch_to_the_alternate_screen_that_was_dropped_is_made_up_for() {
    let mut replay = away(24);
    replay.push(b"\r\n");
    sent(&mut replay);
    replay.push(b"\x1b[?1049h\x1b[?1000h");
    flood(&mut replay);
    assert_eq!(replay.handle_back().0, Back::RepaintAlone);
    assert_eq!(sent(&mut replay), "\x1b[?1049h\x1b[?1000h");
}

#[test]
fn an_editor_that_ended_while_the_client_was_away_leaves_the_main_screen() {
    let mut replay = Replay::new(24);
    replay.push(b"\x1b[?1049h");
    sent(&mut replay);
    replay.handle_away(false);
    replay.push(b"\r\n\x1b[?1049l");
    sent(&mut replay);
    flood(&mut replay);
    let (back, dropped) = replay.handle_back();
    assert_eq!(back, Back::Complete);
    assert!(sent(&mut replay).starts_with(&format!("\x1b[?1049l{}", notice(dropped))));
}

#[test]
fn a_program_that_paints_on_the_main_screen_is_asked_to_paint_again() {
    let mut replay = away(24);
    replay.push(b"\r\n\x1b[1;1H");
    flood(&mut replay);
    assert_eq!(replay.handle_back().0, Back::Repaint);
}

#[test]
fn in_tmux_control_mode_the_notice_is_output_of_the_pane_last_seen() {
    let mut replay = Replay::new(24);
    replay.push(b"\x1bP1000p%begin 1 1 0\r\n");
    sent(&mut replay);
    replay.handle_away(false);
    replay.push(b"%end 1 1 0\r\n");
    sent(&mut replay);
    (0..2000).for_each(|line| replay.push(format!("%output %12 {line}\\015\\012\r\n").as_bytes()));
    let (back, dropped) = replay.handle_back();
    assert_eq!((back, dropped.lines), (Back::Complete, 1000));
    let shown = sent(&mut replay);
    let (first, rest) = shown.split_once("\r\n").unwrap();
    assert_eq!(
        first,
        format!(
            "%output %12 \\015\\033[0;33m[tsshd dropped 1000 lines ({} bytes) of output here while the client was away]\\033[0m\\033[K\\015\\012",
            dropped.bytes
        )
    );
    assert!(
        rest.starts_with("%output %12 1000\\015\\012\r\n"),
        "{rest:.60}"
    );
}

#[test]
fn a_marker_drops_what_is_held_and_stands_before_the_rest() {
    let mut replay = away(24);
    replay.push(b"sent\r\nkept \x1b[3");
    assert_eq!(
        replay.handle_marker(b"[MARK]"),
        Dropped {
            lines: 1,
            bytes: 14
        }
    );
    replay.push(b"1mfresh");
    assert_eq!(sent(&mut replay), "[MARK]fresh");
}

#[test]
fn a_client_that_is_away_twice_gets_everything_once() {
    let mut replay = away(24);
    replay.push(b"1\r\n2\r\n");
    replay.handle_back();
    replay.handle_away(false);
    replay.push(b"3\r\n4\r\n");
    replay.handle_back();
    assert_eq!(sent(&mut replay), "1\r\n2\r\n3\r\n4\r\n");
    assert!(replay.is_empty());
}

#[test]
fn a_sequence_that_never_ends_is_let_through_within_bounds_too() {
    for start in [&b"\x1b]0;"[..], b"\x1bP", b"\x1b_", b"\x1bX"] {
        for split in [0, start.len()] {
            let mut replay = Replay::new(24);
            replay.push(&start[..split]);
            replay.handle_away(false);
            replay.push(&start[split..]);
            (0..3000).for_each(|_| replay.push(&b"y\n".repeat(500)));
            replay.handle_back();
            let held = replay.ready().len();
            assert!(held <= 2 * MAX_KEPT_BYTES, "{held} bytes behind {start:?}");
        }
    }
}

#[test]
fn a_question_on_the_line_under_way_is_not_asked_of_a_client_that_is_away() {
    let mut replay = away(24);
    replay.push(b"vim\x1b[c starts\x1b[6n");
    replay.push(b"\x1b]11;?");
    replay.push(b"\x07!\r\n");
    assert_eq!(sent(&mut replay), "vim starts!\r\n");
}

#[test]
fn a_question_that_is_half_sent_is_sent_whole() {
    let mut replay = Replay::new(24);
    replay.push(b"\x1b[");
    assert_eq!(sent(&mut replay), "\x1b[");
    replay.handle_away(false);
    replay.push(b"6n");
    assert_eq!(sent(&mut replay), "6n");
    replay.push(b"\x1b[");
    assert_eq!(sent(&mut replay), "\x1b[");
    replay.push(b"6n and more");
    assert_eq!(sent(&mut replay), "6n and more");
}

proptest! {
    #[test]
    fn nothing_is_lost_or_reordered_below_the_bounds(
        chunks in proptest::collection::vec("[a-z\r\n\u{e9}\u{20ac}]{0,20}|\u{1b}\\[[0-9;]{0,4}[mH]", 0..30),
        goes in proptest::collection::vec(any::<bool>(), 30),
    ) {
        let mut replay = Replay::new(24);
        let mut shown = String::new();
        for (chunk, goes) in chunks.iter().zip(goes) {
            replay.push(chunk.as_bytes());
            if goes { replay.handle_away(false) } else { replay.handle_back(); }
            shown += &sent(&mut replay);
        }
        replay.handle_back();
        shown += &sent(&mut replay);
        prop_assert_eq!(shown, chunks.concat());
    }

    #[test]
    fn no_output_makes_it_panic(
        chunks in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..40), 0..40),
        deeds in proptest::collection::vec(0_u8..6, 40),
    ) {
        let mut replay = Replay::new(1);
        for (chunk, deed) in chunks.iter().zip(deeds) {
            replay.push(chunk);
            match deed {
                0 => replay.handle_away(false),
                1 => { replay.handle_back(); }
                2 => { replay.end_discard(); }
                3 => { replay.handle_marker(b"m"); }
                _ => replay.handle_written(7),
            }
        }
    }
}

fn away(rows: u16) -> Replay {
    let mut replay = Replay::new(rows);
    replay.handle_away(false);
    replay
}

fn flood(replay: &mut Replay) {
    (0..3000).for_each(|line| replay.push(format!("line {line}\r\n").as_bytes()));
}

fn sent(replay: &mut Replay) -> String {
    let sent = String::from_utf8(replay.ready().to_vec()).unwrap();
    replay.handle_written(sent.len());
    sent
}

fn notice(dropped: Dropped) -> String {
    format!(
        "\r\x1b[0;33m[tsshd dropped {} lines ({} bytes) of output here while the client was away]\x1b[0m\x1b[K\r\n",
        dropped.lines, dropped.bytes
    )
}
