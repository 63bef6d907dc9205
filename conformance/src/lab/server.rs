//! The server's side: its path, its bus, and the program that echoes.

use std::sync::Mutex;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tssh_core::auth::ProxyKey;
use tssh_core::connection::new_bus;
use tssh_core::heartbeat::{self, Timing};
use tssh_core::proxy::{PacketPipe, server};
use tssh_core::transport::{Connection, Priority};
use tssh_core::wire::BusEvent;

use super::foreign::{self, Foreign};
use super::{CLIENT_ID, HEARTBEAT_TIMEOUT, MTU, PATIENCE, Peer, SERVER_ID};
use crate::medium::Network;

pub(super) fn serve(
    peer: Peer,
    network: &Network,
    key: &ProxyKey,
    stop: &CancellationToken,
    tasks: &mut JoinSet<()>,
) -> (PacketPipe, Option<server::Handle>) {
    if peer == Peer::Ours {
        let config = server::Config {
            links: vec![network.server()],
            client_id: CLIENT_ID,
            server_id: SERVER_ID,
            key: key.clone(),
            mtu: MTU,
        };
        let (pipe, path, proxy) = server::new(config, stop.clone());
        tasks.spawn(proxy);
        return (pipe, Some(path));
    }
    let link = network.server();
    let gate = Foreign {
        key: key.clone(),
        client_id: CLIENT_ID,
        server_id: SERVER_ID,
        link: link.clone(),
        state: Mutex::new(foreign::State {
            serial: 0,
            authenticated: None,
            current: None,
            heard_at: tssh_core::clock::now(),
            loses_acks: peer == Peer::ForeignThatLosesAcks,
        }),
    };
    let pipe = PacketPipe::new(MTU, Box::new(gate));
    pipe.publish(tssh_core::proxy::Table {
        links: vec![(tssh_core::proxy::LinkId(1), link)],
        ..Default::default()
    });
    (pipe, None)
}

/// Echoes what the client says on its bus, and watches for its silence.
pub(super) async fn serve_bus(
    far: &dyn Connection,
    path: Option<server::Handle>,
    pipe: &PacketPipe,
    stop: &CancellationToken,
    tasks: &mut JoinSet<()>,
) {
    let stream = timeout(PATIENCE, far.accept()).await.unwrap().unwrap();
    let (mut bus, reader, writer) = new_bus(stream.reader, stream.writer, stop.clone());
    tasks.spawn(reader);
    tasks.spawn(writer);
    let timing = Timing {
        every: None,
        silent_after: HEARTBEAT_TIMEOUT,
        gone_after: None,
    };
    let (beat, beating) = heartbeat::new(timing, pipe.clone(), bus.outgoing.clone(), stop.clone());
    tasks.spawn(beating);
    if let Some(path) = &path {
        path.follow(HEARTBEAT_TIMEOUT, beat.verdict());
    }
    tasks.spawn(async move {
        let _path = path;
        while let Some(Ok(BusEvent::Alive(alive))) = bus.incoming.recv().await {
            bus.outgoing.send(BusEvent::Alive(alive)).await.unwrap();
        }
    });
}

/// Sends back every byte of the next stream, and what is printed besides.
pub(super) async fn echo(far: &dyn Connection, tasks: &mut JoinSet<()>) -> mpsc::Sender<u8> {
    let stream = timeout(PATIENCE, far.accept()).await.unwrap().unwrap();
    let (mut reader, mut writer) = (stream.reader, stream.writer);
    writer.set_priority(Priority::Interactive);
    let (prints, mut printed) = mpsc::channel(64);
    tasks.spawn(async move {
        let mut bytes = [0; 64];
        loop {
            let count = tokio::select! {
                biased;
                read = reader.read(&mut bytes) => read.unwrap_or(0),
                byte = printed.recv() => {
                    bytes[0] = byte.unwrap_or_default();
                    usize::from(byte.is_some())
                }
            };
            if count == 0 || writer.write_all(&bytes[..count]).await.is_err() {
                return;
            }
        }
    });
    prints
}
