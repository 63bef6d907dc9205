use std::time::{Duration, Instant};

use proptest::prelude::*;

use super::escape::{Parser, Step};
use super::marker::{InputMarkers, MarkerScanner};
use super::{Back, Dropped, MAX_KEPT_BYTES, Replay, Window};

const NOTHING: Dropped = Dropped { lines: 0, bytes: 0 };

// --- markers ---

#[test]
fn a_marker_is_a_prefix_that_no_text_has_and_a_counter() {
    let mut markers = InputMarkers::default();
    assert_eq!(markers.draw().bytes(), [0xff, 0xc0, 0xc1, 0xff, 0, 0, 0, 1]);
    assert_eq!(markers.draw().bytes(), [0xff, 0xc0, 0xc1, 0xff, 0, 0, 0, 2]);
}

#[test]
fn no_marker_has_a_byte_that_tmux_takes_for_the_end_of_a_command() {
    let mut markers = InputMarkers::default();
    let mut last = 0;
    for _ in 0..200_000 {
        let marker = markers.draw();
        assert!(
            !marker.bytes().iter().any(|byte| b";\r".contains(byte)),
            "{marker:?}"
        );
        assert!(marker.number() > last, "{marker:?}");
        last = marker.number();
    }
}

#[test]
fn a_marker_is_found_wherever_the_chunks_are_cut() {
    let marker = InputMarkers::default().draw();
    let stream = [b"old \xff\xc0\xc1".as_slice(), marker.bytes(), b"new"].concat();
    for first in 0..stream.len() {
        for second in first..stream.len() {
            let chunks = [&stream[..first], &stream[first..second], &stream[second..]];
            let found = search(marker.bytes(), &chunks);
            assert_eq!(
                found,
                (b"old \xff\xc0\xc1".to_vec(), Some(b"new".to_vec())),
                "cut at {first} and {second}"
            );
        }
    }
}

#[test]
fn the_start_of_a_marker_within_a_marker_is_not_lost() {
    assert_eq!(
        search(b"aab", &[b"aaab!"]),
        (b"a".to_vec(), Some(b"!".to_vec()))
    );
    assert_eq!(
        search(b"abab!", &[b"aba", b"bab!", b"?"]),
        (b"ab".to_vec(), Some(b"?".to_vec()))
    );
}

#[test]
fn a_search_that_is_given_up_hands_back_what_it_held() {
    let mut scanner = MarkerScanner::new(b"marker");
    let mut before = Vec::new();
    assert_eq!(
        scanner.push(b"data mar", &mut |bytes| before.extend_from_slice(bytes)),
        None
    );
    assert_eq!(before, b"data ");
    scanner.finish(&mut |bytes| before.extend_from_slice(bytes));
    assert_eq!(before, b"data mar");
}

#[test]
fn an_empty_marker_is_found_at_once() {
    assert_eq!(search(b"", &[b"all"]), (Vec::new(), Some(b"all".to_vec())));
}

proptest! {
    #[test]
    fn a_search_finds_what_a_plain_search_finds(
        marker in proptest::collection::vec(0_u8..3, 1..5),
        chunks in proptest::collection::vec(proptest::collection::vec(0_u8..3, 0..6), 0..6),
    ) {
        let stream = chunks.concat();
        let at = stream.windows(marker.len()).position(|window| window == marker);
        let chunks: Vec<&[u8]> = chunks.iter().map(Vec::as_slice).collect();
        let (before, behind) = search(&marker, &chunks);
        match at {
            Some(at) => {
                prop_assert_eq!(before, &stream[..at]);
                prop_assert_eq!(behind.as_deref(), Some(&stream[at + marker.len()..]));
            }
            None => prop_assert!(stream.starts_with(&before) && behind.is_none()),
        }
    }
}

// --- sequences ---

#[test]
fn questions_that_a_terminal_would_answer_are_recognised() {
    for question in [
        "\x1b[6n",
        "\x1b[?6n",
        "\x1b[5n",
        "\x1b[c",
        "\x1b[0c",
        "\x1b[>c",
        "\x1b[=0c",
        "\x1bZ",
        "\x05",
        "\x1b[>0q",
        "\x1b[?u",
        "\x1b[?2026$p",
        "\x1b[4$p",
        "\x1b[14t",
        "\x1b[18t",
        "\x1b[21t",
        "\x1b[x",
        "\x1b]10;?\x07",
        "\x1b]11;?\x1b\\",
        "\x1b]4;7;?\x07",
        "\x1b]52;c;?\x07",
        "\x1bP+q544e\x1b\\",
        "\x1bP$qm\x1b\\",
        "\x1b[?996n",
        "\x1b]21;foreground=?\x1b\\",
    ] {
        assert_eq!(last_step(question), Step::Query, "{question:?}");
    }
}

#[test]
fn what_looks_like_a_question_and_is_none_stays() {
    for other in [
        "\x1b[6m",
        "\x1b[>4n",
        "\x1b[?0c",
        "\x1b[8;24;80t",
        "\x1b[22;0t",
        "\x1b[ q",
        "\x1b[2 q",
        "\x1b[!p",
        "\x1b]0;why;?\x07",
        "\x1b]11;#000000\x07",
        "\x1bPq#0;2;0;0;0\x1b\\",
        "\x1b[>1u",
        "\x1b_Gf=100;\x1b\\",
        "\x1b(B",
        "\x1b7",
    ] {
        assert_eq!(last_step(other), Step::Other, "{other:?}");
    }
}

#[test]
fn output_may_be_cut_between_sequences_and_characters_alone() {
    let text = "a\x1b[31mé\x1b]0;title\x07€\x1bP+q\x1b\\\x1b(B😀z";
    let mut parser = Parser::default();
    let places: Vec<bool> = text
        .bytes()
        .map(|byte| {
            parser.push(byte);
            parser.is_between()
        })
        .collect();
    let cuts: Vec<usize> = (1..=text.len()).filter(|at| places[at - 1]).collect();
    let pieces = [
        "a",
        "\x1b[31m",
        "é",
        "\x1b]0;title\x07",
        "€",
        "\x1bP+q\x1b\\",
        "\x1b(B",
        "😀",
        "z",
    ];
    let expected: Vec<usize> = pieces
        .iter()
        .scan(0, |at, piece| {
            *at += piece.len();
            Some(*at)
        })
        .collect();
    assert_eq!(cuts, expected);
}

#[test]
fn a_character_that_breaks_off_does_not_hide_what_follows() {
    let mut parser = Parser::default();
    for byte in b"\xe2\x82\x1b[6" {
        parser.push(*byte);
    }
    assert_eq!(parser.push(b'n'), Step::Query);
}

// --- replay ---

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

// --- window ---

#[test]
fn output_runs_no_further_ahead_of_a_slow_path_than_a_moment() {
    // 1 Mbit/s and 200 ms, for ten minutes. What was sent is counted right, short, and over.
    for (counted, most) in [(1.0, 8 * 1024), (0.998, 8 * 1024), (1.005, 30 * 1024)] {
        let mut path = Path::new(125_000.0, Duration::from_millis(200), counted);
        let furthest = path.flood(Duration::from_secs(600));
        assert!(furthest <= most, "{counted}: {furthest} bytes wait");
        assert!(
            path.carried() > 0.95,
            "{counted}: {} of the path is used",
            path.carried()
        );
    }
}

#[test]
fn a_fast_path_is_not_held_back() {
    // 100 MB/s and 1 ms.
    let mut path = Path::new(100e6, Duration::from_millis(1), 1.002);
    path.flood(Duration::from_secs(5));
    assert!(
        path.carried() > 0.9,
        "{} of the path is used",
        path.carried()
    );
}

#[test]
fn nothing_waits_for_a_look_while_there_is_room() {
    let now = Instant::now();
    let mut window = Window::new(0, now);
    window.handle_written(100);
    assert_eq!(window.poll_timeout(), None);
    window.handle_written(window.room());
    assert_eq!(window.poll_timeout(), Some(now + Duration::from_millis(1)));
}

/// A path of so many bytes per second, and a transport that takes everything at once.
struct Path {
    rate: f64,
    rtt: Duration,
    counted: f64,
    waiting: f64,
    sent: f64,
    spent: f64,
}

impl Path {
    fn new(rate: f64, rtt: Duration, counted: f64) -> Self {
        Self {
            rate,
            rtt,
            counted,
            waiting: 0.0,
            sent: 0.0,
            spent: 0.0,
        }
    }

    /// Writes as much as the window allows, and returns how much waited at most.
    fn flood(&mut self, time: Duration) -> u64 {
        let start = Instant::now();
        let step = Duration::from_micros(500);
        let (mut now, mut furthest) = (start, 0.0_f64);
        let mut window = Window::new(0, now);
        while now - start < time {
            if window.poll_timeout().is_some_and(|at| at <= now) {
                window.handle_sent((self.sent * self.counted) as u64, self.rtt, now);
            }
            let count = window.room();
            window.handle_written(count);
            self.waiting += count as f64;
            furthest = furthest.max(self.waiting);
            let carried = (self.rate * step.as_secs_f64()).min(self.waiting);
            self.waiting -= carried;
            self.sent += carried;
            now += step;
        }
        self.spent += time.as_secs_f64();
        furthest as u64
    }

    fn carried(&self) -> f64 {
        self.sent / (self.rate * self.spent)
    }
}

#[test]
fn a_trickle_that_never_ends_does_not_hold_a_terminal_back_for_ever() {
    let t0 = Instant::now();
    let (rtt, pause) = (Duration::from_millis(50), Duration::from_millis(10));
    let mut window = Window::new(0, t0);
    // For half a minute nobody could be sure, and a key is acknowledged every ten milliseconds.
    let mut now = t0 + Duration::from_secs(31);
    let mut sent = 20;
    let asked = now;
    window.handle_written(4000);
    window.handle_sent(sent, rtt, now);
    assert_eq!(window.room(), 0);
    while window.room() == 0 {
        now += pause;
        sent += 20;
        window.handle_sent(sent, rtt, now);
        assert!(
            now - asked <= rtt * 3,
            "still held back after {:?}",
            now - asked
        );
    }
}

// --- helpers ---

fn search(marker: &[u8], chunks: &[&[u8]]) -> (Vec<u8>, Option<Vec<u8>>) {
    let mut scanner = MarkerScanner::new(marker);
    let (mut before, mut behind) = (Vec::new(), None::<Vec<u8>>);
    for chunk in chunks {
        match &mut behind {
            Some(behind) => behind.extend_from_slice(chunk),
            None => {
                let found = scanner.push(chunk, &mut |bytes| before.extend_from_slice(bytes));
                behind = found.map(|at| chunk[at..].to_vec());
            }
        }
    }
    (before, behind)
}

fn last_step(sequence: &str) -> Step {
    let mut parser = Parser::default();
    sequence
        .bytes()
        .map(|byte| parser.push(byte))
        .last()
        .unwrap()
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
