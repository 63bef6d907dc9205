//! The pipes of a process as a link: what it says that is no frame.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::future::poll_fn;
use std::io::{self, IoSliceMut};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use tokio::time::timeout;
use tssh_conformance::Log;
use tssh_core::transport::{Link, RecvMeta, Transmit};
use tssh_transport_tcp::{LARGEST_QUIC, ProcessLink, spawn};

#[tokio::test]
async fn a_banner_ends_the_link_in_one_line_that_names_the_cause_and_takes_no_more_of_it() {
    let log = Log::listen();
    let link = run("while echo 'Welcome to the gate'; do :; done");
    for _ in 0..100 {
        let error = receive(&link).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::InvalidData);
        assert!(error.to_string().contains(PRINTS), "{error}");
    }
    assert!(link.try_send(&transmit()).is_err());
    let lines = log.lines_with(PRINTS);
    assert_eq!(lines.len(), 1, "{lines:?}");
    assert!(lines[0].starts_with("WARN"), "{lines:?}");
}

#[tokio::test]
async fn a_frame_that_no_packet_has_ends_the_link_behind_the_packets_before_it() {
    let link = run("printf '\\0\\1a\\377\\377'; cat");
    assert_eq!(receive(&link).await.unwrap(), 1);
    for _ in 0..3 {
        let error = receive(&link).await.unwrap_err();
        assert!(error.to_string().contains("65535 bytes"), "{error}");
    }
}

fn run(script: &str) -> ProcessLink {
    let words = ["sh", "-c", script].map(str::to_owned);
    spawn(&words, PEER, LARGEST_QUIC).unwrap()
}

async fn receive(link: &ProcessLink) -> io::Result<usize> {
    let mut buffer = [0; 2000];
    let mut meta = [RecvMeta::default()];
    let received = poll_fn(|cx| link.poll_recv(cx, &mut [IoSliceMut::new(&mut buffer)], &mut meta));
    timeout(PATIENCE, received).await.unwrap()
}

fn transmit() -> Transmit<'static> {
    Transmit {
        destination: PEER,
        ecn: None,
        contents: b"x",
        segment_size: None,
        src_ip: None,
    }
}

const PRINTS: &str =
    "the ProxyCommand prints `Welcome to the gate` where only what the server sends is wanted";
const PEER: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 7);
const PATIENCE: Duration = Duration::from_secs(10);
