//! Connections that the server makes for its client.

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tssh_core::wire::{DialRequest, WireError};

use super::world::SessionWorld;
use crate::pattern::{expect, pattern, send};

/// `-L`: a service that answers when its input has ended, as many do.
pub async fn a_dialled_connection_keeps_its_bytes_and_its_ends(world: SessionWorld) {
    let service = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let request = to(service.local_addr().unwrap().port());
    let serve = async {
        let (mut socket, _) = service.accept().await.unwrap();
        let mut question = Vec::new();
        socket.read_to_end(&mut question).await.unwrap();
        socket.write_all(&question).await.unwrap();
        socket.shutdown().await.unwrap();
    };
    let ask = async {
        let (mut stream, _) = world.client.dial(&request).await.unwrap();
        let question = pattern(3, 300_000);
        send(&mut stream.writer, &question).await;
        expect(&mut stream.reader, &question).await;
    };
    tokio::join!(serve, ask);
    world.close().await;
}

/// A port at which nobody listens: an answer, and not a wait.
pub async fn a_dialled_port_that_is_closed_is_refused(world: SessionWorld) {
    let service = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let request = to(service.local_addr().unwrap().port());
    drop(service);
    let refused = world.client.dial(&request).await;
    assert!(
        matches!(refused, Err(WireError::Refused { .. })),
        "{refused:?}"
    );
    world.close().await;
}

fn to(port: u16) -> DialRequest {
    DialRequest {
        net: "tcp".to_owned(),
        addr: format!("127.0.0.1:{port}"),
        timeout: Duration::from_secs(10),
    }
}
