use std::io::{self, PipeReader, Read};
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::thread::{self, JoinHandle};

use nix::fcntl::{FcntlArg, OFlag, fcntl};
use tokio::time::{Duration, timeout};

use super::{OUTPUT_LIMIT, Output};
use crate::terminal::reopen::raw_terminal;
use crate::terminal::screen::{Screen, Source};

const PATIENCE: Duration = Duration::from_secs(60);

#[tokio::test]
async fn sequences_pass_byte_for_byte_however_they_are_cut() {
    let sent = noise(8 * 1024 * 1024);
    let (reader, writer) = io::pipe().unwrap();
    let received = drain(reader);
    let screen = Arc::new(Screen::default());
    let output = Output::new(OwnedFd::from(writer), Some(Arc::clone(&screen))).unwrap();
    let mut rest = &sent[..];
    for length in [1, 7, 4096, 65_536, 1_000_000].into_iter().cycle() {
        let (piece, after) = rest.split_at(rest.len().min(length));
        output.write(piece).await.unwrap();
        rest = after;
        if rest.is_empty() {
            break;
        }
    }
    output.flush().await.unwrap();
    drop(output);
    assert!(received.join().unwrap() == sent, "the bytes differ");

    let whole = Screen::default();
    whole.write(Source::Remote, &sent, |_| Ok(())).unwrap();
    assert_eq!(switch_off(&screen), switch_off(&whole));
}

#[tokio::test]
async fn a_drawing_never_cuts_a_sequence() {
    let (reader, writer) = io::pipe().unwrap();
    let received = drain(reader);
    let output = Output::new(OwnedFd::from(writer), Some(Arc::default())).unwrap();
    output.write(b"a\x1b[3").await.unwrap();
    output.draw(b"<1>");
    output.draw(b"<2>");
    output.write(b"1mb\xe6").await.unwrap();
    output.draw(b"<3>");
    output.write(b"\x97\xa5").await.unwrap();
    output.flush().await.unwrap();
    drop(output);
    let wanted = b"a\x1b[3\x18<1><2>\x1b[31mb\xe6<3>\xe6\x97\xa5";
    assert_eq!(received.join().unwrap(), wanted);
}

#[tokio::test]
async fn a_slow_terminal_holds_the_writer_back_and_gets_no_half_drawing() {
    let (reader, writer) = io::pipe().unwrap();
    let output = Output::new(OwnedFd::from(writer), Some(Arc::default())).unwrap();
    let flood = vec![b'.'; 4 * OUTPUT_LIMIT];
    let mut writing = Box::pin(output.write(&flood));
    // Nobody reads: what the pipe, the thread and the queue hold is less than the flood.
    tokio::select! {
        biased;
        _ = &mut writing => panic!("more was queued than the limit"),
        () = std::future::ready(()) => {}
    }
    output.draw(b"<notice>");
    let received = drain(reader);
    timeout(PATIENCE, writing).await.unwrap().unwrap();
    timeout(PATIENCE, output.flush()).await.unwrap().unwrap();
    drop(output);
    let received = received.join().unwrap();
    let drawn = received
        .windows(8)
        .filter(|text| text == b"<notice>")
        .count();
    assert_eq!(received.len(), flood.len() + 8 * drawn);
}

#[tokio::test]
async fn a_reader_that_went_away_is_a_broken_pipe_once_and_for_all() {
    let (reader, writer) = io::pipe().unwrap();
    drop(reader);
    let output = Output::new(OwnedFd::from(writer), None).unwrap();
    output.write(b"x").await.unwrap();
    let kinds = [
        timeout(PATIENCE, output.flush())
            .await
            .unwrap()
            .unwrap_err()
            .kind(),
        timeout(PATIENCE, output.write(b"y"))
            .await
            .unwrap()
            .unwrap_err()
            .kind(),
    ];
    assert_eq!(kinds, [io::ErrorKind::BrokenPipe; 2]);
}

#[tokio::test]
async fn a_descriptor_that_somebody_made_non_blocking_takes_everything() {
    let (reader, writer) = io::pipe().unwrap();
    fcntl(&writer, FcntlArg::F_SETFL(OFlag::O_NONBLOCK)).unwrap();
    let output = Output::new(OwnedFd::from(writer), None).unwrap();
    let sent = noise(1024 * 1024);
    let received = drain(reader);
    output.write(&sent).await.unwrap();
    output.flush().await.unwrap();
    drop(output);
    assert!(received.join().unwrap() == sent, "the bytes differ");
}

#[tokio::test]
async fn nothing_follows_the_bytes_that_give_a_screen_back() {
    let (reader, writer) = io::pipe().unwrap();
    let screen = Arc::new(Screen::default());
    let output = Output::new(OwnedFd::from(writer), Some(Arc::clone(&screen))).unwrap();
    output.write(b"before").await.unwrap();
    output.flush().await.unwrap();
    screen.close();
    output.write(b"\x1b[?1049hafter").await.unwrap();
    output.draw(b"notice");
    output.flush().await.unwrap();
    drop(output);
    assert_eq!(drain(reader).join().unwrap(), b"before");
    assert_eq!(switch_off(&screen), b"");
}

#[tokio::test]
async fn short_writes_reach_a_terminal_in_order_around_floods_and_while_it_stands_still() {
    let sent = noise(400_000);
    let (mut reader, terminal) = raw_terminal();
    let screen = Arc::new(Screen::default());
    let output = Output::new(terminal, Some(Arc::clone(&screen))).unwrap();
    assert!(output.owner.shared.shortcut.is_some());
    // Nobody reads yet: the terminal fills up in the middle of a short write.
    let (first, mut rest) = sent.split_at(100_000);
    for piece in first.chunks(700) {
        output.write(piece).await.unwrap();
    }
    let length = sent.len();
    let received = thread::spawn(move || {
        let mut received = vec![0; length];
        reader.read_exact(&mut received).unwrap();
        received
    });
    for length in [1, 1024, 5, 90_000].into_iter().cycle() {
        let (piece, after) = rest.split_at(rest.len().min(length));
        output.write(piece).await.unwrap();
        rest = after;
        if rest.is_empty() {
            break;
        }
    }
    output.flush().await.unwrap();
    assert!(received.join().unwrap() == sent, "the bytes differ");

    let whole = Screen::default();
    whole.write(Source::Remote, &sent, |_| Ok(())).unwrap();
    assert_eq!(switch_off(&screen), switch_off(&whole));
}

#[tokio::test]
async fn a_drawing_never_cuts_a_sequence_that_a_terminal_took_at_once() {
    let (mut reader, terminal) = raw_terminal();
    let output = Output::new(terminal, Some(Arc::default())).unwrap();
    let wanted = b"a\x1b[3\x18<1><2>\x1b[31mb\xe6<3>\xe6\x97\xa5";
    output.write(b"a\x1b[3").await.unwrap();
    output.draw(b"<1>");
    output.flush().await.unwrap();
    output.draw(b"<2>");
    output.flush().await.unwrap();
    output.write(b"1mb\xe6").await.unwrap();
    output.draw(b"<3>");
    output.write(b"\x97\xa5").await.unwrap();
    output.flush().await.unwrap();
    let mut received = vec![0; wanted.len()];
    reader.read_exact(&mut received).unwrap();
    assert_eq!(received, wanted);
}

#[test]
fn a_terminal_that_takes_nothing_does_not_keep_us() {
    let screen = Screen::default();
    let held = screen.turn_within(Duration::ZERO).unwrap();
    assert!(screen.turn_within(Duration::from_millis(2)).is_none());
    drop(held);
    assert!(screen.turn_within(Duration::ZERO).is_some());
}

fn switch_off(screen: &Screen) -> Vec<u8> {
    screen.turn_within(PATIENCE).unwrap().switch_off()
}

fn drain(mut reader: PipeReader) -> JoinHandle<Vec<u8>> {
    thread::spawn(move || {
        let mut received = Vec::new();
        reader.read_to_end(&mut received).unwrap();
        received
    })
}

/// The same bytes every time: text, and anything that may stand in a sequence.
fn noise(length: usize) -> Vec<u8> {
    let alphabet = b"\x1b\x1b\x1b[[]P?;0123456789hlmru\\\x07\x18\x0e\x0f text \xe6\x97\xa5\xff";
    let mut state = 1_u32;
    let mut next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        alphabet[(state >> 16) as usize % alphabet.len()]
    };
    (0..length).map(|_| next()).collect()
}
