//! Sessions of the real server over every transport and link.
#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a test fails where it stands, and owns its tasks"
)]

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, watch};
use tokio::time::Instant;
use tssh_conformance::Rig;
use tssh_conformance::session::Arrival;
use tssh_server::child::{Account, Login};
use tssh_server::connection::{self, Config, Path};
use tssh_server::keeper;
use tssh_server::settings::Settings;
use tssh_transport_kcp::{Kcp, Thresholds};
use tssh_transport_quic::Quic;
use tssh_transport_tcp::{Plain, StreamLink};

mod quic {
    use super::{host, quic};

    tssh_conformance::session_conformance!(quic, host, over: udp, tcp, process);
}

mod kcp {
    use super::{host, kcp};

    tssh_conformance::session_conformance!(kcp, host, over: udp, tcp, process);
}

/// Keys that change every few packets, and are exchanged over the bus meanwhile.
mod kcp_with_many_keys {
    use super::{host, kcp_with_many_keys};

    tssh_conformance::session_conformance!(kcp_with_many_keys, host, over: udp);
}

fn quic(_: u64) -> Rig {
    framed(Rig::new(Quic::default()))
}

fn kcp(_: u64) -> Rig {
    framed(Rig::new(Kcp::default()))
}

fn kcp_with_many_keys(_: u64) -> Rig {
    let mut thresholds = Thresholds::default();
    thresholds.bytes = 100_000;
    framed(Rig::new(Kcp::new(
        tssh_transport_kcp::Config::default().with_rekey(thresholds),
    )))
}

/// Over the framing of real TCP links.
fn framed(rig: Rig) -> Rig {
    rig.with_framing(|tube, local, peer| {
        let (reader, writer) = tokio::io::split(tube);
        Arc::new(StreamLink::new(reader, Plain(writer), peer, local, LARGEST))
    })
}

/// What a server process does once its client has connected.
fn host(arrival: Arrival) -> Pin<Box<dyn Future<Output = ()> + Send>> {
    Box::pin(async move {
        let Arrival {
            connection,
            pipe,
            path,
            stop,
        } = arrival;
        let home = tempfile::tempdir().unwrap();
        let (keeper, keeping) = keeper::new(login(home.path()), stop.clone());
        let keeping = tokio::spawn(keeping);
        let (_asked, quit) = watch::channel(None);
        let (_log, logged) = mpsc::channel(1);
        let config = Config {
            keeper: keeper.clone(),
            greet_by: Instant::now() + PATIENCE,
            opening_timeout: PATIENCE,
            quit,
            log: logged,
        };
        let path = Path {
            moves: path.moves(),
            proxy: Some(path),
        };
        connection::run(connection.clone(), pipe, path, config, &stop).await;
        keeper.end_all().await;
        connection.close().await;
        keeping.abort();
    })
}

fn login(home: &std::path::Path) -> Login {
    let account = Account {
        home: home.to_owned(),
        shell: "/bin/sh".into(),
        ..Account::current().unwrap()
    };
    let path = std::env::var_os("PATH").unwrap_or_default();
    Login {
        account,
        settings: Arc::new(Settings::default()),
        inherited: [("PATH".into(), path)].into(),
        motd: Vec::new(),
        sshrc: "/nonexistent".into(),
    }
}

const PATIENCE: Duration = Duration::from_secs(20);

/// Bytes of a packet that a peer takes in a frame, whatever the transport (PROTOCOL.md).
const LARGEST: u16 = 1500;
