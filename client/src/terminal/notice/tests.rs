use std::time::{Duration, Instant};

use alacritty_terminal::grid::Dimensions;
use alacritty_terminal::term::test::TermSize;
use proptest::prelude::*;

use super::bench::Bench;
use super::{ARMED, BACK_SHOWN, Decision, Detail, Dropped, Notice, Place, Settings, Waiting};
use crate::terminal::escape::EscapeChar;
use crate::terminal::restore::Surface;
use crate::terminal::signals::Size;

const S: Duration = Duration::from_secs(1);
const SETTINGS: Settings = Settings {
    place: Place::Top,
    detail: Detail::Full,
    after: Duration::from_secs(14),
    escape: EscapeChar::On(b'~'),
};
const FULL_SCREEN: Surface = Surface {
    alternate: true,
    autowrap: true,
    insert: false,
    control: false,
};

#[test]
fn the_notice_shows_after_the_silence_refreshes_each_second_and_goes_with_the_outage() {
    let t0 = Instant::now();
    let mut bench = Bench::new(SETTINGS, 80);
    assert_eq!(bench.notice.poll_timeout(), None);

    bench.notice.handle_path_lost(t0, Surface::default());
    assert_eq!(bench.at(t0 + 13 * S), "");
    assert_eq!(bench.notice.poll_timeout(), Some(t0 + 14 * S));
    assert_eq!(
        bench.at(t0 + 14 * S),
        "tssh: lost 14 s ago, reconnecting; ~. leaves"
    );
    assert_eq!(bench.notice.poll_timeout(), Some(t0 + 15 * S));
    bench.notice.handle_waiting(Waiting {
        keys: 5,
        full: false,
    });
    assert_eq!(
        bench.at(t0 + 75 * S),
        "tssh: lost 1 min 15 s ago, reconnecting; 5 keys wait (Ctrl-C drops); ~. leaves"
    );
    bench.notice.handle_path_back();
    assert_eq!(bench.at(t0 + 76 * S), "");
    assert_eq!(bench.redraws, 1);
    assert_eq!(bench.notice.poll_timeout(), None);
}

#[test]
fn a_short_outage_draws_nothing_and_asks_for_nothing() {
    let t0 = Instant::now();
    let mut notice = Notice::new(SETTINGS, Size::default());
    notice.handle_path_lost(t0, Surface::default());
    assert_eq!(notice.poll_output(t0 + 5 * S), None);
    notice.handle_path_back();
    assert_eq!(notice.poll_output(t0 + 20 * S), None);
    assert_eq!(notice.poll_timeout(), None);
}

#[test]
fn a_server_that_is_gone_is_told_at_once_and_needs_no_timer() {
    let t0 = Instant::now();
    let mut bench = Bench::new(SETTINGS, 80);
    bench.notice.handle_server_gone(t0, Surface::default());
    assert_eq!(
        bench.at(t0),
        "tssh: tsshd is gone from the server; ~. leaves"
    );
    assert_eq!(bench.notice.poll_timeout(), None);
}

#[test]
fn a_long_outage_wakes_nobody_each_second() {
    let t0 = Instant::now();
    let mut bench = Bench::new(SETTINGS, 80);
    bench.notice.handle_path_lost(t0, Surface::default());
    assert_eq!(
        bench.at(t0 + 7265 * S),
        "tssh: lost 2 h 1 min ago, reconnecting; ~. leaves"
    );
    assert_eq!(bench.notice.poll_timeout(), Some(t0 + 7320 * S));
    assert_eq!(
        bench.at(t0 + 90_000 * S),
        "tssh: lost 1 d 1 h ago, reconnecting; ~. leaves"
    );
    assert_eq!(bench.notice.poll_timeout(), Some(t0 + 93_600 * S));
}

#[test]
fn the_wording_fits_the_columns() {
    let waiting = |keys, full| Waiting { keys, full };
    let table = [
        (
            80,
            Detail::Full,
            waiting(1, false),
            "tssh: lost 20 s ago, reconnecting; 1 key waits (Ctrl-C drops); ~. leaves",
        ),
        (
            80,
            Detail::Full,
            waiting(9, true),
            "tssh: lost 20 s ago, reconnecting; no room for more keys; ~. leaves",
        ),
        (
            60,
            Detail::Full,
            waiting(1, false),
            "tssh: lost 20 s, 1 key waits, ~. leaves",
        ),
        (
            80,
            Detail::Brief,
            waiting(0, false),
            "tssh: lost 20 s, ~. leaves",
        ),
        (
            80,
            Detail::Brief,
            waiting(9, true),
            "tssh: lost 20 s, keys full, ~. leaves",
        ),
        (10, Detail::Full, waiting(1, false), "tssh: lost"),
        (1, Detail::Full, waiting(1, false), "t"),
    ];
    for (columns, detail, waiting, wanted) in table {
        let t0 = Instant::now();
        let mut bench = Bench::new(Settings { detail, ..SETTINGS }, columns);
        bench.notice.handle_waiting(waiting);
        bench.notice.handle_path_lost(t0, Surface::default());
        assert_eq!(bench.at(t0 + 20 * S), wanted, "{columns} columns");
    }
}

#[test]
fn an_interrupt_without_waiting_keys_asks_how_to_leave_and_never_leaves_by_itself() {
    let t0 = Instant::now();
    let mut bench = Bench::new(SETTINGS, 80);
    bench.notice.handle_path_lost(t0, Surface::default());
    bench.at(t0 + 20 * S);
    for _ in 0..5 {
        assert_eq!(bench.interrupt(0, t0 + 20 * S), Decision::Stay);
    }
    assert_eq!(
        bench.at(t0 + 20 * S),
        "tssh: lost 20 s ago, reconnecting; no keys wait; type ~. to leave"
    );
    assert_eq!(
        bench.at(t0 + 20 * S + ARMED),
        "tssh: lost 24 s ago, reconnecting; ~. leaves"
    );
}

#[test]
fn without_an_escape_key_two_interrupts_leave_but_never_one_that_dropped_keys() {
    let t0 = Instant::now();
    let mut bench = Bench::new(
        Settings {
            escape: EscapeChar::Off,
            ..SETTINGS
        },
        80,
    );
    assert_eq!(bench.interrupt(0, t0), Decision::Stay, "the path is fine");
    bench.notice.handle_path_lost(t0, Surface::default());
    assert_eq!(
        bench.interrupt(0, t0 + S),
        Decision::Stay,
        "nothing shows yet"
    );
    assert_eq!(
        bench.interrupt(0, t0 + S),
        Decision::Stay,
        "nothing shows yet"
    );

    assert_eq!(bench.interrupt(3, t0 + 20 * S), Decision::Stay);
    assert_eq!(bench.interrupt(0, t0 + 20 * S), Decision::Stay);
    assert_eq!(
        bench.at(t0 + 20 * S),
        "tssh: lost 20 s ago, reconnecting; no keys wait; Ctrl-C again leaves"
    );
    assert_eq!(
        bench.interrupt(0, t0 + 20 * S + ARMED),
        Decision::Stay,
        "too late"
    );
    assert_eq!(bench.interrupt(0, t0 + 21 * S + ARMED), Decision::Leave);
}

#[test]
fn what_was_dropped_is_a_line_at_a_prompt() {
    let t0 = Instant::now();
    let mut bench = Bench::new(SETTINGS, 80);
    bench.feed(b"$ ");
    bench.notice.handle_path_lost(t0, Surface::default());
    bench.at(t0 + 20 * S);
    bench.notice.handle_dropped(
        Dropped {
            output_lines: 2,
            ..Dropped::default()
        },
        Surface::default(),
    );
    bench.notice.handle_dropped(
        Dropped {
            input_bytes: 1,
            output_lines: 1,
            output_bytes: 9,
        },
        Surface::default(),
    );
    assert_eq!(
        bench.at(t0 + 21 * S),
        "tssh: lost 21 s ago, reconnecting; ~. leaves"
    );

    bench.notice.handle_path_back();
    assert_eq!(
        bench.at(t0 + 22 * S),
        "tssh: connected again; dropped meanwhile: 3 lines of output, 1 byte of typing"
    );
    assert_eq!((bench.redraws, bench.notice.poll_timeout()), (1, None));
    assert_eq!(bench.cursor(), (1, 0));
}

#[test]
fn what_was_dropped_covers_a_full_screen_program_only_for_a_while() {
    let t0 = Instant::now();
    let mut bench = Bench::new(SETTINGS, 80);
    bench.notice.handle_dropped(
        Dropped {
            output_bytes: 10,
            ..Dropped::default()
        },
        FULL_SCREEN,
    );
    assert_eq!(
        bench.at(t0),
        "tssh: connected again; dropped meanwhile: 10 bytes of output"
    );
    assert_eq!(bench.notice.poll_timeout(), Some(t0 + BACK_SHOWN));
    assert_eq!(bench.at(t0 + BACK_SHOWN), "");
    assert_eq!((bench.redraws, bench.notice.poll_timeout()), (1, None));
}

#[test]
fn drawing_moves_neither_the_cursor_nor_its_colours_and_scrolls_nothing() {
    for place in [Place::Top, Place::CursorLine] {
        let t0 = Instant::now();
        let mut bench = Bench::new(Settings { place, ..SETTINGS }, 40);
        bench.feed(b"\x1b[24;1Hlast line\x1b[31m");
        let before = (bench.cursor(), bench.term.grid().cursor.template.fg);

        bench.notice.handle_path_lost(t0, Surface::default());
        bench.at(t0 + 20 * S);
        assert_eq!(
            (bench.cursor(), bench.term.grid().cursor.template.fg),
            before
        );
        assert_eq!(bench.term.history_size(), 0);
        assert!(bench.row(23).starts_with("last line"), "{}", bench.row(23));
        bench.notice.handle_path_back();
        bench.at(t0 + 21 * S);
        assert_eq!(
            (bench.cursor(), bench.term.grid().cursor.template.fg),
            before
        );
        assert_eq!(
            *bench.term.mode(),
            alacritty_terminal::term::TermMode::default()
        );
    }
}

#[test]
fn the_cursor_line_is_as_it_was_after_erasing() {
    let t0 = Instant::now();
    let mut bench = Bench::new(
        Settings {
            place: Place::CursorLine,
            ..SETTINGS
        },
        40,
    );
    bench.feed(b"above\r\n$ make");
    bench.notice.handle_path_lost(t0, Surface::default());
    bench.at(t0 + 20 * S);
    assert_eq!(bench.row(1), "$ make tssh: lost 20 s, ~. leaves");
    bench.notice.handle_waiting(Waiting {
        keys: 123_456,
        full: false,
    });
    bench.at(t0 + 20 * S);
    assert_eq!(
        bench.row(1),
        "$ make tssh: lost 20 s, 123456 keys wai",
        "cut at the margin"
    );
    assert_eq!(bench.row(2), "");
    bench.notice.handle_path_back();
    bench.at(t0 + 21 * S);
    assert_eq!(
        (bench.row(0), bench.row(1)),
        ("above".to_owned(), "$ make".to_owned())
    );
}

#[test]
fn a_new_width_draws_the_notice_anew() {
    let t0 = Instant::now();
    let mut bench = Bench::new(SETTINGS, 80);
    bench.notice.handle_path_lost(t0, Surface::default());
    bench.at(t0 + 20 * S);
    bench.notice.handle_size(Size {
        columns: 30,
        ..Size::default()
    });
    bench.term.resize(TermSize::new(30, 24));
    assert_eq!(bench.at(t0 + 20 * S), "tssh: lost 20 s, ~. leaves");
    assert_eq!(
        bench.redraws, 0,
        "nobody can be asked while the path is down"
    );
    bench.notice.handle_path_back();
    bench.at(t0 + 21 * S);
    assert_eq!(bench.redraws, 1);
}

#[test]
fn output_that_comes_before_the_path_counts_as_back_finds_the_notice_gone() {
    let t0 = Instant::now();
    let mut bench = Bench::new(SETTINGS, 80);
    bench.feed(&lines(0..30));
    bench.notice.handle_path_lost(t0, Surface::default());
    assert!(bench.at(t0 + 20 * S).starts_with("tssh: lost"));

    bench.output(&lines(30..60), t0 + 20 * S);
    bench.output(&lines(60..90), t0 + 20 * S);
    let shown = |bench: &Bench| (-60..23).map(|row| bench.row(row)).collect::<Vec<_>>();
    let before = shown(&bench);
    assert!(
        before.iter().all(|row| !row.starts_with("tssh")),
        "{before:?}"
    );

    bench.at(t0 + 20 * S + S / 2);
    assert_eq!(
        shown(&bench),
        before,
        "nothing is drawn in the middle of it"
    );
    bench.notice.handle_path_back();
    bench.at(t0 + 21 * S);
    assert_eq!(shown(&bench), before, "no line of the program is erased");
    assert_eq!(bench.redraws, 1);
}

#[test]
fn output_of_a_path_that_stays_lost_takes_the_notice_away_for_a_second() {
    let t0 = Instant::now();
    let mut bench = Bench::new(SETTINGS, 80);
    bench.notice.handle_path_lost(t0, Surface::default());
    bench.at(t0 + 20 * S);
    bench.output(b"x", t0 + 20 * S);
    assert_eq!(bench.at(t0 + 20 * S + S / 2), "x");
    assert_eq!(bench.notice.poll_timeout(), Some(t0 + 21 * S));
    assert!(bench.at(t0 + 21 * S).starts_with("tssh: lost 21 s"));
}

proptest! {
    #[test]
    fn no_width_makes_the_notice_leave_its_line(columns in 2..200_u16, keys in 0..100_000_usize, seconds in 14..1_000_000_u32) {
        let t0 = Instant::now();
        let mut bench = Bench::new(SETTINGS, columns);
        bench.notice.handle_waiting(Waiting { keys, full: false });
        bench.notice.handle_path_lost(t0, Surface::default());
        bench.at(t0 + seconds * S);
        prop_assert_eq!(bench.row(1), "");
        prop_assert!(bench.notice.poll_timeout().unwrap() > t0 + seconds * S);
    }
}

fn lines(numbers: std::ops::Range<usize>) -> Vec<u8> {
    let lines = numbers.map(|number| format!("line {number}\r\n"));
    lines.collect::<String>().into_bytes()
}
