//! Sequences of a terminal: what is a question, and where output may be cut.

use crate::session::escape::{Parser, Step};

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

fn last_step(sequence: &str) -> Step {
    let mut parser = Parser::default();
    sequence
        .bytes()
        .map(|byte| parser.push(byte))
        .last()
        .unwrap()
}
