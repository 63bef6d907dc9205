//! A stream in memory as a link: what goes out, what comes in, and what ends it.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::future::poll_fn;
use std::io::{self, IoSliceMut};
use std::net::SocketAddr;
use std::task::{Context, Poll, Waker};

use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, ReadHalf, WriteHalf, duplex, split};
use tssh_core::transport::{Link, RecvMeta, Transmit};
use tssh_transport_tcp::{LARGEST_QUIC, Plain, StreamLink};

type Near = StreamLink<ReadHalf<DuplexStream>, Plain<WriteHalf<DuplexStream>>>;

#[tokio::test]
async fn a_batch_leaves_as_one_frame_for_each_packet() {
    let (link, mut far) = rig(1000);
    send(&link, b"abcdefgh", Some(3)).unwrap();
    let mut wire = [0; 14];
    far.read_exact(&mut wire).await.unwrap();
    assert_eq!(&wire, b"\0\x03abc\0\x03def\0\x02gh");
}

#[tokio::test]
async fn frames_arrive_as_packets_of_the_peer_several_at_once() {
    let (link, mut far) = rig(1000);
    far.write_all(b"\0\x03abc\0\0\0\x02de\0\x05tru")
        .await
        .unwrap();
    assert_eq!(
        receive(&link).await.unwrap(),
        [b"abc".to_vec(), b"de".to_vec()]
    );
    far.write_all(b"nc").await.unwrap();
    assert_eq!(receive(&link).await.unwrap(), [b"trunc".to_vec()]);
}

#[tokio::test]
async fn a_full_stream_says_so_tears_no_frame_and_wakes_when_there_is_room() {
    let (link, mut far) = rig(100);
    let mut taken = 0_usize;
    while send(&link, &[7; 60], None).is_ok() {
        taken += 1;
        assert!(
            taken < 10,
            "a stream of 100 bytes holds a batch more, and no more"
        );
    }
    assert_eq!(
        send(&link, &[7; 60], None).unwrap_err().kind(),
        io::ErrorKind::WouldBlock
    );
    assert!(
        link.poll_writable(&mut Context::from_waker(Waker::noop()))
            .is_pending()
    );
    let writable = poll_fn(|cx| link.poll_writable(cx));
    let draining = async {
        let mut wire = vec![0; taken * 62];
        far.read_exact(&mut wire).await.unwrap();
        wire
    };
    // Whoever waits to send writes what was left.
    let (room, wire) = tokio::join!(writable, draining);
    room.unwrap();
    for frame in wire.chunks(62) {
        assert_eq!(frame[..2], [0, 60]);
        assert_eq!(frame[2..], [7; 60]);
    }
    send(&link, &[7; 60], None).unwrap();
}

#[tokio::test]
async fn what_was_left_goes_out_while_nobody_but_the_reader_is_there() {
    let (link, mut far) = rig(10);
    send(&link, &[1; 50], None).unwrap();
    let mut wire = [0; 52];
    let draining = async {
        far.read_exact(&mut wire).await.unwrap();
        far.write_all(b"\0\x01!").await.unwrap();
    };
    let (received, ()) = tokio::join!(receive(&link), draining);
    assert_eq!(received.unwrap(), [b"!".to_vec()]);
    assert_eq!((wire[1], wire[51]), (50, 1));
}

#[tokio::test]
async fn a_packet_over_what_a_peer_takes_is_lost_and_the_link_goes_on() {
    let (link, mut far) = rig(4000);
    send(&link, &[1; 1453], None).unwrap();
    send(&link, &[2; 1452], None).unwrap();
    let mut wire = [0; 1454];
    far.read_exact(&mut wire).await.unwrap();
    assert_eq!((wire[..2].to_vec(), wire[2]), (vec![5, 172], 2));
}

#[tokio::test]
async fn a_frame_that_no_peer_sends_ends_the_link_behind_the_packets_before_it() {
    let (link, mut far) = rig(1000);
    far.write_all(b"\0\x01a\xff\xff").await.unwrap();
    assert_eq!(receive(&link).await.unwrap(), [b"a".to_vec()]);
    for _ in 0..3 {
        let error = receive(&link).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::InvalidData);
        assert_eq!(
            error.to_string(),
            "a frame of 65535 bytes came where at most 9000 are wanted: something else speaks here"
        );
    }
    assert!(send(&link, b"x", None).is_err());
}

#[tokio::test]
async fn a_peer_that_leaves_ends_the_link_behind_its_last_packet() {
    let (link, mut far) = rig(1000);
    far.write_all(b"\0\x03end\0\x09half").await.unwrap();
    drop(far);
    assert_eq!(receive(&link).await.unwrap(), [b"end".to_vec()]);
    let error = receive(&link).await.unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof);
}

fn rig(room: usize) -> (Near, DuplexStream) {
    let (near, far) = duplex(room);
    let (reader, writer) = split(near);
    let link = StreamLink::new(reader, Plain(writer), PEER, None, LARGEST_QUIC);
    (link, far)
}

fn send(link: &Near, contents: &[u8], segment_size: Option<usize>) -> io::Result<()> {
    link.try_send(&Transmit {
        destination: PEER,
        ecn: None,
        contents,
        segment_size,
        src_ip: None,
    })
}

/// The packets that arrive next.
async fn receive(link: &Near) -> io::Result<Vec<Vec<u8>>> {
    let mut buffers = [[0; 2000]; 4];
    let mut meta = [RecvMeta::default(); 4];
    let filled = poll_fn(|cx: &mut Context<'_>| -> Poll<io::Result<usize>> {
        let mut bufs = buffers.each_mut().map(|buffer| IoSliceMut::new(buffer));
        link.poll_recv(cx, &mut bufs, &mut meta)
    })
    .await?;
    let packets = buffers.iter().zip(&meta).take(filled);
    Ok(packets
        .map(|(buffer, meta)| {
            assert_eq!(meta.addr, PEER);
            buffer[..meta.len].to_vec()
        })
        .collect())
}

const PEER: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 7);
