//! Waits until a copy is due. While none is, nothing wakes it.

use crate::clock::until;
use crate::proxy::pipe::PacketPipe;

/// Runs `task` to its end, and sends the pipe's copies meanwhile.
pub(in crate::proxy) async fn beside(pipe: PacketPipe, task: impl Future<Output = ()>) {
    tokio::select! {
        biased; // No chance in a simulation; neither can starve the other.
        () = task => {}
        () = send_copies(&pipe) => {}
    }
}

/// Sends the copies of `pipe` when they are due, for ever. The proxies do so by themselves; a pipe
/// without one needs it. Cancel safe. One at a time.
pub async fn send_copies(pipe: &PacketPipe) {
    let copies = pipe.copies();
    loop {
        tokio::select! {
            biased;
            () = until(copies.poll_timeout()) => copies.send_due(pipe),
            () = copies.sooner.notified() => {}
        }
    }
}
