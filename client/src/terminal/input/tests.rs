use std::fs::File;
use std::io::{self, Read, Seek, Write};
use std::os::fd::OwnedFd;
use std::thread;

use nix::fcntl::{FcntlArg, OFlag, fcntl};

use super::{CHUNK_SIZE, CHUNKS, Input, Source};
use crate::terminal::reopen::raw_terminal;

#[tokio::test]
async fn a_file_arrives_whole_and_in_large_pieces() {
    let content: Vec<u8> = (0..1_000_000_u32)
        .map(|number| (number % 251) as u8)
        .collect();
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(&content).unwrap();
    file.rewind().unwrap();

    let mut input = Input::new(OwnedFd::from(file)).unwrap();
    let mut read = Vec::new();
    let mut pieces = 0;
    while let Some(piece) = input.recv().await.unwrap() {
        read.extend_from_slice(&piece);
        pieces += 1;
    }
    assert!(read == content, "the bytes differ");
    assert_eq!(pieces, content.len().div_ceil(CHUNK_SIZE));
}

#[tokio::test]
async fn a_reader_that_waits_holds_the_writer_back() {
    let (source, mut writer) = io::pipe().unwrap();
    let mut input = Input::new(OwnedFd::from(source)).unwrap();
    let total = 64 * CHUNK_SIZE;
    let written = thread::spawn(move || writer.write_all(&vec![7; total]));

    let first = input.recv().await.unwrap().unwrap();
    let mut length = first.len();
    let Source::Thread { chunks, .. } = &input.source else {
        panic!("a pipe is read by a thread");
    };
    assert!(chunks.len() <= CHUNKS);
    while let Some(piece) = input.recv().await.unwrap() {
        assert!(piece.len() <= CHUNK_SIZE);
        length += piece.len();
    }
    assert_eq!(length, total);
    written.join().unwrap().unwrap();
}

#[tokio::test]
async fn no_byte_is_taken_once_input_is_dropped() {
    let (source, mut writer) = io::pipe().unwrap();
    let mut mine = source.try_clone().unwrap();
    let input = Input::new(OwnedFd::from(source)).unwrap();
    drop(input);
    writer.write_all(b"for somebody else").unwrap();
    drop(writer);
    let mut read = Vec::new();
    mine.read_to_end(&mut read).unwrap();
    assert_eq!(read, b"for somebody else");
}

#[tokio::test]
async fn a_descriptor_that_somebody_made_non_blocking_is_read_to_its_end() {
    let (source, mut writer) = io::pipe().unwrap();
    fcntl(&source, FcntlArg::F_SETFL(OFlag::O_NONBLOCK)).unwrap();
    let mut input = Input::new(OwnedFd::from(source)).unwrap();
    writer.write_all(b"one").unwrap();
    assert_eq!(input.recv().await.unwrap().unwrap(), "one");
    writer.write_all(b"two").unwrap();
    assert_eq!(input.recv().await.unwrap().unwrap(), "two");
    drop(writer);
    assert_eq!(input.recv().await.unwrap(), None);
}

#[tokio::test]
async fn what_cannot_be_read_is_told_once() {
    let directory = File::open(".").unwrap();
    let mut input = Input::new(OwnedFd::from(directory)).unwrap();
    assert_eq!(
        input.recv().await.unwrap_err().kind(),
        io::ErrorKind::IsADirectory
    );
    assert_eq!(input.recv().await.unwrap(), None);
}

#[tokio::test]
async fn a_terminal_is_read_in_place_and_stays_blocking_for_others() {
    let (mut keyboard, terminal) = raw_terminal();
    let mut input = Input::new(terminal.try_clone().unwrap()).unwrap();
    assert!(matches!(input.source, Source::Terminal(..)));
    for keys in ["a", "\x1b[A", "\x03"] {
        keyboard.write_all(keys.as_bytes()).unwrap();
        assert_eq!(input.recv().await.unwrap().unwrap(), keys);
    }
    let flags = OFlag::from_bits_retain(fcntl(&terminal, FcntlArg::F_GETFL).unwrap());
    assert!(!flags.contains(OFlag::O_NONBLOCK));
    drop(keyboard);
    assert_eq!(input.recv().await.unwrap(), None);
    assert_eq!(input.recv().await.unwrap(), None);
}

#[tokio::test]
async fn keys_typed_after_input_is_dropped_are_for_somebody_else() {
    let (mut keyboard, terminal) = raw_terminal();
    let mut input = Input::new(terminal.try_clone().unwrap()).unwrap();
    keyboard.write_all(b"mine").unwrap();
    assert_eq!(input.recv().await.unwrap().unwrap(), "mine");
    drop(input);
    keyboard.write_all(b"theirs").unwrap();
    let mut read = [0; 6];
    File::from(terminal).read_exact(&mut read).unwrap();
    assert_eq!(&read, b"theirs");
}
