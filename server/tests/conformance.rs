//! Sessions of the real server over every transport and link.
#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a test fails where it stands, and owns its tasks"
)]

use std::panic::catch_unwind;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, watch};
use tokio::time::Instant;
use tssh_conformance::session::{Arrival, play_session};
use tssh_conformance::{Over, Rig};
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

    tssh_conformance::session_conformance!(kcp, host, rekey, over: udp, tcp, process);
}

/// Keys that change every few packets, and are exchanged over the bus meanwhile.
mod kcp_with_many_keys {
    use super::{host, kcp_with_many_keys};

    tssh_conformance::session_conformance!(kcp_with_many_keys, host, rekey, over: udp);
}

/// The scenario about keys is tried too: with keys that do not change as often as was declared, and with none.
#[test]
fn a_transport_that_changes_no_keys_is_caught() {
    fn seldom(_: u64) -> Rig {
        framed(Rig::new(Kcp::default())).with_keys_for(MANY_KEYS)
    }
    fn never(_: u64) -> Rig {
        quic(1).with_keys_for(MANY_KEYS)
    }
    for (rig, wanted) in [
        (seldom as fn(u64) -> Rig, "the key was not replaced"),
        (never, "keys were declared, and none are offered"),
    ] {
        let stage = tssh_conformance::session_stage!(rig, host);
        let name = "keys_change_on_both_sides_in_the_middle_of_a_pipe";
        let played = catch_unwind(|| play_session(name, Over::Udp, stage));
        let panic = played.expect_err("the suite let it pass");
        let said = panic.downcast_ref::<String>().expect("it says why");
        assert!(said.contains(wanted), "{said}");
    }
}

fn quic(_: u64) -> Rig {
    framed(Rig::new(Quic::default()))
}

fn kcp(_: u64) -> Rig {
    framed(Rig::new(Kcp::default())).with_keys_for(Thresholds::default().bytes)
}

fn kcp_with_many_keys(_: u64) -> Rig {
    let mut thresholds = Thresholds::default();
    thresholds.bytes = MANY_KEYS;
    let config = tssh_transport_kcp::Config::default().with_rekey(thresholds);
    framed(Rig::new(Kcp::new(config))).with_keys_for(MANY_KEYS)
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

/// Bytes that a key lasts for, where they are to change often.
const MANY_KEYS: u64 = 100_000;

const PATIENCE: Duration = Duration::from_secs(20);

/// Bytes of a packet that a peer takes in a frame, whatever the transport (PROTOCOL.md).
const LARGEST: u16 = 1500;
