use std::future::poll_fn;
use std::io::{self, IoSliceMut};
use std::net::{SocketAddr, UdpSocket};
use std::task::{Context, Poll, Waker};

use super::{Link, UdpLink};
use crate::transport::{EcnCodepoint, RecvMeta, Transmit};

#[tokio::test]
async fn a_batch_that_the_kernel_refuses_goes_out_packet_by_packet() {
    let (near, far) = (UdpLink::bind(V4).unwrap(), UdpLink::bind(V4).unwrap());
    // More segments than any kernel takes in one call.
    let contents = numbered(2000);
    near.try_send(&transmit(&far, &contents, Some(4))).unwrap();
    let mut received = Vec::new();
    while received.len() < contents.len() {
        received.extend(receive(&far).await.concat());
    }
    assert_eq!(received, contents);
    assert_eq!(near.max_send_segments(), 1);
}

#[tokio::test]
async fn a_packet_too_large_for_any_interface_is_lost_and_the_link_goes_on() {
    let (near, far) = (UdpLink::bind(V4).unwrap(), UdpLink::bind(V4).unwrap());
    let segments = near.max_send_segments();
    let huge = vec![1; 70_000];
    near.try_send(&transmit(&far, &huge, None)).unwrap();
    near.try_send(&transmit(&far, &[7; 20], None)).unwrap();
    assert_eq!(receive(&far).await, [[7; 20]]);
    assert_eq!(near.max_send_segments(), segments);
}

#[tokio::test]
async fn a_batch_arrives_whole_and_in_order_and_is_no_reason_to_stop_batching() {
    for any in [V4, V6] {
        let (near, far) = (UdpLink::bind(any).unwrap(), UdpLink::bind(any).unwrap());
        let segments = near.max_send_segments();
        let contents = numbered(1400 * (segments - 1).min(20) + 300);
        near.try_send(&transmit(&far, &contents, Some(1400)))
            .unwrap();
        let mut packets = Vec::<Vec<u8>>::new();
        while packets.concat().len() < contents.len() {
            packets.extend(receive(&far).await);
        }
        assert_eq!(packets, contents.chunks(1400).collect::<Vec<_>>());
        assert_eq!(near.max_send_segments(), segments);
    }
}

#[tokio::test]
async fn a_batch_that_no_single_packet_survives_is_no_reason_to_stop_batching() {
    let (near, far) = (UdpLink::bind(V4).unwrap(), UdpLink::bind(V4).unwrap());
    let segments = near.max_send_segments();
    let mut batch = transmit(&far, &[1; 200], Some(100));
    // Not an address of this machine: TEST-NET-1.
    batch.src_ip = Some([192, 0, 2, 1].into());
    near.try_send(&batch).unwrap_err();
    near.try_send(&transmit(&far, &[7; 20], None)).unwrap();
    assert_eq!(receive(&far).await, [[7; 20]]);
    assert_eq!(near.max_send_segments(), segments);
}

#[cfg(unix)]
#[tokio::test]
async fn a_full_socket_says_so_and_wakes_when_there_is_room_again() {
    let (near, far) = full_pair();
    let mut cx = Context::from_waker(Waker::noop());
    for _ in 0..2 {
        assert!(near.poll_writable(&mut cx).is_ready());
        while send_one(&near).is_ok() {}
        assert_eq!(
            send_one(&near).unwrap_err().kind(),
            io::ErrorKind::WouldBlock
        );
        assert!(near.poll_writable(&mut cx).is_pending());
        let (woken, ()) = tokio::join!(poll_fn(|cx| near.poll_writable(cx)), async {
            drain(&far);
        });
        woken.unwrap();
        send_one(&near).unwrap();
    }
}

#[cfg(unix)]
#[tokio::test]
async fn room_that_was_made_before_anybody_waited_is_seen() {
    let (near, far) = full_pair();
    while send_one(&near).is_ok() {}
    drain(&far);
    poll_fn(|cx| near.poll_writable(cx)).await.unwrap();
    send_one(&near).unwrap();
}

#[tokio::test]
async fn a_new_link_sends_before_its_reactor_has_run_once() {
    let far = UdpLink::bind(V4).unwrap();
    let near = UdpLink::connect(V4, far.local_addr().unwrap()).unwrap();
    let mut cx = Context::from_waker(Waker::noop());
    assert!(matches!(near.poll_writable(&mut cx), Poll::Ready(Ok(()))));
    near.try_send(&transmit(&far, b"claim", None)).unwrap();
    assert_eq!(receive(&far).await, [b"claim"]);
}

/// PROTOCOL.md, "The path": DSCP 46; RFC 3168 section 5: ECN in the lower two bits.
#[cfg(target_os = "linux")]
#[tokio::test]
async fn each_packet_carries_expedited_forwarding_beside_its_ecn_bits() {
    for any in [V4, V6] {
        let far = hearing_classes(any);
        let near = UdpLink::bind(any).unwrap();
        let destination = far.local_addr().unwrap();
        for (ecn, class) in [
            (None, 0b1011_1000),
            (Some(EcnCodepoint::Ect1), 0b1011_1001),
            (Some(EcnCodepoint::Ect0), 0b1011_1010),
            (Some(EcnCodepoint::Ce), 0b1011_1011),
        ] {
            // A batch of two, and one by itself.
            for segment_size in [Some(10), None] {
                near.try_send(&Transmit {
                    destination,
                    ecn,
                    contents: &[1; 20],
                    segment_size,
                    src_ip: Some(near.local_addr().unwrap().ip()),
                })
                .unwrap();
                for _ in 0..if segment_size.is_some() { 2 } else { 1 } {
                    assert_eq!(class_of_next(&far), class, "{any} {ecn:?} {segment_size:?}");
                }
            }
        }
    }
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_packet_leaves_from_the_address_that_its_peer_knows() {
    let near = UdpLink::bind("0.0.0.0:0".parse().unwrap()).unwrap();
    let far = UdpSocket::bind(V4).unwrap();
    for source in [[127, 0, 0, 2], [127, 0, 0, 3]] {
        near.try_send(&Transmit {
            destination: far.local_addr().unwrap(),
            ecn: Some(EcnCodepoint::Ect0),
            contents: b"answer",
            segment_size: None,
            src_ip: Some(source.into()),
        })
        .unwrap();
        let from = far.recv_from(&mut [0; 10]).unwrap();
        let port = near.local_addr().unwrap().port();
        assert_eq!(from, (6, (source, port).into()));
    }
}

const V4: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 0);
const V6: SocketAddr = SocketAddr::new(std::net::IpAddr::V6(std::net::Ipv6Addr::LOCALHOST), 0);

/// Bytes whose order shows.
fn numbered(length: usize) -> Vec<u8> {
    (0..length).map(|at| (at / 4 % 251) as u8).collect()
}

fn transmit<'a>(to: &UdpLink, contents: &'a [u8], segment: Option<usize>) -> Transmit<'a> {
    Transmit {
        destination: to.local_addr().unwrap(),
        ecn: None,
        contents,
        segment_size: segment,
        src_ip: None,
    }
}

/// The packets that arrive next.
async fn receive(link: &UdpLink) -> Vec<Vec<u8>> {
    let mut buffer = vec![0; 1 << 16];
    let mut meta = [RecvMeta::default()];
    let mut bufs = [IoSliceMut::new(&mut buffer)];
    poll_fn(|cx| link.poll_recv(cx, &mut bufs, &mut meta))
        .await
        .unwrap();
    buffer[..meta[0].len]
        .chunks(meta[0].stride)
        .map(<[u8]>::to_vec)
        .collect()
}

/// A watched socket that can fill, and the one that it fills: loopback UDP never does, since it
/// counts a packet as sent when it is queued at the receiver.
#[cfg(unix)]
fn full_pair() -> (super::Watched, std::os::unix::net::UnixDatagram) {
    let (near, far) = std::os::unix::net::UnixDatagram::pair().unwrap();
    near.set_nonblocking(true).unwrap();
    far.set_nonblocking(true).unwrap();
    let near = UdpSocket::from(std::os::fd::OwnedFd::from(near));
    (super::Watched::new(near).unwrap(), far)
}

#[cfg(unix)]
fn send_one(near: &super::Watched) -> io::Result<()> {
    near.try_send(|socket| socket.send(&[1; 1000]).map(|_| ()))
}

#[cfg(unix)]
fn drain(far: &std::os::unix::net::UnixDatagram) {
    while far.recv(&mut [0; 1000]).is_ok() {}
}

#[cfg(target_os = "linux")]
fn hearing_classes(any: SocketAddr) -> UdpSocket {
    let socket = UdpSocket::bind(any).unwrap();
    let options = socket2::SockRef::from(&socket);
    match any {
        SocketAddr::V4(_) => options.set_recv_tos_v4(true).unwrap(),
        SocketAddr::V6(_) => options.set_recv_tclass_v6(true).unwrap(),
    }
    socket
}

#[cfg(target_os = "linux")]
fn class_of_next(socket: &UdpSocket) -> u8 {
    use std::os::fd::AsRawFd;

    use nix::sys::socket::{ControlMessageOwned, MsgFlags, recvmsg};

    let mut buffer = [0; 100];
    let mut bufs = [IoSliceMut::new(&mut buffer)];
    let mut control = nix::cmsg_space!(i32);
    let message = recvmsg::<()>(
        socket.as_raw_fd(),
        &mut bufs,
        Some(&mut control),
        MsgFlags::empty(),
    )
    .unwrap();
    let mut messages = message.cmsgs().unwrap();
    match messages.next() {
        Some(ControlMessageOwned::Ipv4Tos(class)) => class,
        Some(ControlMessageOwned::Ipv6TClass(class)) => class.try_into().unwrap(),
        other => panic!("no traffic class but {other:?}"),
    }
}
