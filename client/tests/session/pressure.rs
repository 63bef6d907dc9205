//! Forwarded connections whose reader rests: their writer is held back, and nobody else.

use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::mpsc;
use std::time::Duration;

use crate::forward::{Far, Running, connect, forward, free_port, say_and_hear};
use crate::rig::{EVERY, Mode, PATIENCE, Rig, noise};

#[test]
fn a_reader_over_there_that_rests_holds_its_writer_back_and_nobody_else_and_gets_every_byte() {
    let rig = Rig::start();
    let all = noise(41, TOO_MUCH);
    for mode in EVERY {
        let (go, rested) = mpsc::channel();
        let (heard, hears) = mpsc::channel();
        let sleepy = Far::answering(move |mut socket| {
            let Ok(()) = rested.recv_timeout(PATIENCE) else {
                return;
            };
            let mut bytes = Vec::new();
            socket.read_to_end(&mut bytes).unwrap();
            heard.send(bytes).unwrap();
        });
        let (echo, ports) = (echo(), [free_port(), free_port()]);
        let [to, beside] = [forward(ports[0], &sleepy), forward(ports[1], &echo)];
        let tssh = Running::start(&rig, mode, &["-L", &to, "-L", &beside]);

        let mut socket = connect(ports[0]);
        let held = write_until_held(&mut socket, &all);
        assert!(held < TOO_MUCH, "{mode:?}: nobody holds the writer back");
        say_and_hear(&mut connect(ports[1]), b"meanwhile");

        go.send(()).unwrap();
        let sent = &all[..held + MORE];
        socket.write_all(&sent[held..]).unwrap();
        socket.shutdown(Shutdown::Write).unwrap();
        let came = hears.recv_timeout(PATIENCE).unwrap();
        assert!(came == sent, "{mode:?}: {} of {}", came.len(), sent.len());
        tssh.end();
    }
}

#[test]
fn a_reader_over_here_that_rests_holds_its_writer_back_and_nobody_else_and_gets_every_byte() {
    let rig = Rig::start();
    let all = noise(42, TOO_MUCH);
    for mode in EVERY {
        let (told, tells) = mpsc::channel();
        let source = all.clone();
        let eager = Far::answering(move |mut socket| {
            let held = write_until_held(&mut socket, &source);
            told.send(held).unwrap();
            let end = source.len().min(held + MORE);
            socket.write_all(&source[held..end]).unwrap();
            socket.shutdown(Shutdown::Write).unwrap();
        });
        let (echo, ports) = (echo(), [free_port(), free_port()]);
        let [to, beside] = [forward(ports[0], &eager), forward(ports[1], &echo)];
        let tssh = Running::start(&rig, mode, &["-L", &to, "-L", &beside]);

        let mut socket = connect(ports[0]);
        let held = tells.recv_timeout(PATIENCE).unwrap();
        assert!(held < TOO_MUCH, "{mode:?}: nobody holds the writer back");
        // The SSH library hands everything over in one loop, and waits there.
        if mode != Mode::Plain {
            say_and_hear(&mut connect(ports[1]), b"meanwhile");
        }

        let mut came = Vec::new();
        socket.read_to_end(&mut came).unwrap();
        let sent = &all[..held + MORE];
        assert!(came == sent, "{mode:?}: {} of {}", came.len(), sent.len());
        drop(socket);
        tssh.end();
    }
}

#[test]
fn whoever_ends_its_direction_first_still_hears_the_other_to_the_end() {
    let rig = Rig::start();
    let upload = noise(43, MORE);
    for mode in EVERY {
        let (heard, hears) = mpsc::channel();
        let far = Far::answering(move |mut socket| {
            socket.write_all(b"said").unwrap();
            socket.shutdown(Shutdown::Write).unwrap();
            let mut bytes = Vec::new();
            socket.read_to_end(&mut bytes).unwrap();
            heard.send(bytes).unwrap();
        });
        let port = free_port();
        let tssh = Running::start(&rig, mode, &["-L", &forward(port, &far)]);
        let mut socket = connect(port);
        let mut said = Vec::new();
        socket.read_to_end(&mut said).unwrap();
        assert_eq!(said, b"said", "{mode:?}");
        // Only after the end of what was heard.
        socket.write_all(&upload).unwrap();
        socket.shutdown(Shutdown::Write).unwrap();
        let came = hears.recv_timeout(PATIENCE).unwrap();
        assert!(came == upload, "{mode:?}: {} bytes came", came.len());
        tssh.end();
    }
}

/// Writes until nothing more is taken for a while, or all is. Returns how much was.
fn write_until_held(socket: &mut TcpStream, bytes: &[u8]) -> usize {
    socket.set_write_timeout(Some(HELD)).unwrap();
    let mut written = 0;
    while written < bytes.len() {
        match socket.write(&bytes[written..]) {
            Ok(length) => written += length,
            Err(error) if is_held(&error) => break,
            Err(error) => panic!("after {written} bytes: {error}"),
        }
    }
    socket.set_write_timeout(None).unwrap();
    written
}

fn is_held(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut
    )
}

fn echo() -> Far {
    Far::answering(|mut socket| {
        io::copy(&mut socket.try_clone().unwrap(), &mut socket).unwrap();
    })
}

/// A writer of whom nothing is taken for so long is held back. That a machine under load stands still for
/// as long can only hide a writer that nobody holds.
const HELD: Duration = Duration::from_secs(2);

/// Far more than the windows of a connection and the buffers of four sockets hold.
const TOO_MUCH: usize = 64 << 20;

/// What follows when the reader goes on.
const MORE: usize = 1 << 20;
