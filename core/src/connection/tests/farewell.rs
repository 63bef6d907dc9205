//! The end of a connection, as the client that leaves sees it.

use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, timeout};

use super::{MS, S, Server, welcome};
use crate::connection::Client;
use crate::transport::Stream;
use crate::wire::{BusDecoder, BusEvent, feature};

#[tokio::test(start_paused = true)]
async fn a_client_that_leaves_stays_until_the_server_has_heard_of_it() {
    let mut server = Server::offering(&[feature::PIPELINE]).await;
    let (client, mut bus) = connected(&mut server).await;
    let leaving = leave(client);
    heard(&mut bus).await;
    // A busy server: the words are there, and nobody has acted on them yet.
    sleep(900 * MS).await;
    assert!(!leaving.is_finished());
    let closed = server.far().closed();
    assert!(
        timeout(MS, closed).await.is_err(),
        "goodbye was said before"
    );
    drop(bus);
    let waited = leaving.await.unwrap();
    assert!(waited < 902 * MS, "{waited:?} after the end of the server");
}

#[tokio::test(start_paused = true)]
async fn a_server_that_ends_at_once_is_not_waited_for() {
    let mut server = Server::offering(&[feature::PIPELINE]).await;
    let (client, mut bus) = connected(&mut server).await;
    let leaving = leave(client);
    heard(&mut bus).await;
    drop(bus);
    assert!(leaving.await.unwrap() < 2 * MS);
}

#[tokio::test(start_paused = true)]
async fn a_server_of_ours_that_says_nothing_is_left_after_a_second() {
    let mut server = Server::offering(&[feature::PIPELINE]).await;
    let (client, _bus) = connected(&mut server).await;
    assert_eq!(leave(client).await.unwrap(), S);
    server.far().closed().await;
}

#[tokio::test(start_paused = true)]
async fn a_go_server_that_says_nothing_is_left_after_280_ms() {
    let mut server = Server::offering_nothing().await;
    let connecting = server.connecting();
    let mut bus = server.accept_bus().await;
    welcome(&mut bus, 1).await;
    let (client, _events, tasks) = connecting.await.unwrap().unwrap();
    let running = tokio::spawn(tasks.run());
    assert_eq!(leave(client).await.unwrap(), 280 * MS);
    server.far().closed().await;
    running.await.unwrap();
}

async fn connected(server: &mut Server) -> (Client, Stream) {
    let (client, _events, _running) = server.client().await.unwrap();
    let mut bus = server.accept_bus().await;
    welcome(&mut bus, 1).await;
    (client, bus)
}

/// How long it took to leave.
fn leave(client: Client) -> JoinHandle<std::time::Duration> {
    tokio::spawn(async move {
        let since = Instant::now();
        client.close().await;
        since.elapsed()
    })
}

/// Reads up to `close`.
async fn heard(bus: &mut Stream) {
    let mut decoder = BusDecoder::new();
    while decoder.read_event(&mut bus.reader).await.unwrap() != Some(BusEvent::Close) {}
}
