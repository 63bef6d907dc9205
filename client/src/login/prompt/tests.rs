use super::printable;
use super::tty::{LineEditor, Outcome};

#[test]
fn a_typed_line_can_be_corrected_by_whole_characters() {
    let mut line = LineEditor::default();
    for byte in "aé".bytes() {
        line.press(byte);
    }
    assert_eq!(line.press(0x7f), (&b"\x08 \x08"[..], None));
    line.press(b'b');
    assert_eq!(line.press(b'\r'), (&b""[..], Some(Outcome::Entered)));
    assert_eq!(line.into_text().as_str(), "ab");
}

#[test]
fn the_whole_line_can_be_taken_back() {
    let mut line = LineEditor::default();
    for byte in "äb".bytes() {
        line.press(byte);
    }
    assert_eq!(line.press(0x15), (&b"\x08 \x08\x08 \x08"[..], None));
    assert_eq!(line.into_text().as_str(), "");
}

#[test]
fn interrupt_and_end_of_input_end_the_prompt() {
    let mut line = LineEditor::default();
    assert_eq!(line.press(0x03).1, Some(Outcome::Interrupted));
    assert_eq!(line.press(0x04).1, Some(Outcome::Interrupted));
    line.press(b'x');
    assert_eq!(line.press(0x04).1, Some(Outcome::Entered));
}

#[test]
fn a_line_has_a_bound() {
    let mut line = LineEditor::default();
    for _ in 0..5000 {
        line.press(b'x');
    }
    assert_eq!(line.into_text().len(), 1024);
}

#[test]
fn a_banner_cannot_drive_the_terminal() {
    assert_eq!(
        printable("hi\x1b]52;c;AAAA\x07\r\n\tyou\u{9b}2J\n"),
        "hi?]52;c;AAAA?\n\tyou?2J"
    );
    assert_eq!(printable(&"x".repeat(1 << 20)).len(), 16 << 10);
}
