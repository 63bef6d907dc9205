//! What a server process does once its client has connected.

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use tempfile::TempDir;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use tokio::time::Instant;
use tssh_conformance::session::Arrival;
use tssh_core::transport::Connection;
use tssh_server::child::{Account, Login};
use tssh_server::connection::{self, Config, Path};
use tssh_server::keeper;
use tssh_server::settings::Settings;

/// Serves one client with the shells and commands of this machine, and ends them with it.
pub(crate) fn host(arrival: Arrival) -> Pin<Box<dyn Future<Output = ()> + Send>> {
    Box::pin(async move { serve(arrival).await.end().await })
}

/// What is left when a client has gone.
pub(crate) struct Left {
    connection: Arc<dyn Connection>,
    keeper: keeper::Handle,
    keeping: JoinHandle<()>,
    _home: TempDir,
}

/// Serves one client, until it goes.
pub(crate) async fn serve(arrival: Arrival) -> Left {
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
    Left {
        connection,
        keeper,
        keeping,
        _home: home,
    }
}

impl Left {
    async fn end(self) {
        self.keeper.end_all().await;
        self.connection.close().await;
        self.keeping.abort();
    }
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
