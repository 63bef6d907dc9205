//! What the system says of sockets of ours: of those that connect, and of those that are accepted.

use std::io::{self, Write as _};
use std::net::{Ipv4Addr, Ipv6Addr};

use super::*;
use crate::accept::listen;

#[tokio::test]
async fn both_ends_send_at_once_and_look_after_a_peer_that_vanished() {
    for (near, far) in pairs().await {
        for link in [&near, &far] {
            let found = look(link, |socket| {
                (
                    socket.tcp_nodelay().unwrap(),
                    socket.keepalive().unwrap(),
                    socket.tcp_keepalive_time().unwrap(),
                    socket.tcp_keepalive_interval().unwrap(),
                    socket.tcp_keepalive_retries().unwrap(),
                )
            });
            assert_eq!(found, (true, true, IDLE, PROBE, PROBES));
        }
    }
}

#[tokio::test]
async fn both_ends_keep_little_unsent_and_ask_for_expedited_forwarding() {
    for (near, far) in pairs().await {
        for link in [&near, &far] {
            let v6 = link.with_outlet(|outlet| outlet.writer.peer_addr().unwrap().is_ipv6());
            let (unsent, class) = look(link, |socket| {
                let class = match v6 {
                    true => socket.tclass_v6(),
                    false => socket.tos_v4(),
                };
                (socket.tcp_notsent_lowat().unwrap(), class.unwrap())
            });
            assert_eq!((unsent, class), (UNSENT, DSCP_EF));
        }
    }
}

#[tokio::test]
async fn segments_of_both_directions_pass_where_a_vpn_in_a_vpn_takes_1168_bytes() {
    for (near, far) in pairs().await {
        for link in [&near, &far] {
            // What the kernel tells is without the timestamps.
            let mss = look(link, |socket| socket.tcp_mss().unwrap());
            assert!(mss + TIMESTAMPS + IPV6 + TCP <= 1168, "{mss}");
            assert!(mss >= 1000, "{mss}");
        }
    }
}

/// The two ends of a connection, made as the programs make them: over IPv4 with and without an address to
/// come from, and over IPv6 where this machine has it.
async fn pairs() -> Vec<(TcpLink, TcpLink)> {
    let v4 = Ipv4Addr::LOCALHOST.into();
    let mut pairs = vec![pair(v4, None).await, pair(v4, Some(v4)).await];
    let v6 = Ipv6Addr::LOCALHOST.into();
    match std::net::TcpListener::bind((v6, 0)) {
        Ok(_) => pairs.push(pair(v6, None).await),
        Err(error) => {
            let why = format!("left out, for this machine has no IPv6: {error}\n");
            io::stderr().write_all(why.as_bytes()).unwrap();
        }
    }
    pairs
}

async fn pair(address: IpAddr, from: Option<IpAddr>) -> (TcpLink, TcpLink) {
    let listener = listen(SocketAddr::new(address, 0)).unwrap();
    let server = listener.local_addr().unwrap();
    let near = match from {
        Some(local) => connect_from(local, server, LARGEST),
        None => connect(server, LARGEST),
    };
    let (far, peer) = listener.accept().await.unwrap();
    (near.unwrap(), accepted(far, peer, LARGEST))
}

fn look<T>(link: &TcpLink, look: impl FnOnce(&SockRef<'_>) -> T) -> T {
    link.with_outlet(|outlet| look(&SockRef::from(outlet.writer.as_ref())))
}

const LARGEST: u16 = 1452;
const TIMESTAMPS: u32 = 12;
const TCP: u32 = 20;
const IPV6: u32 = 40;
