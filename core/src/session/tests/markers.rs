//! Markers: where what was sent before an outage ends.

use proptest::prelude::*;

use crate::session::marker::{InputMarkers, MarkerScanner};

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
