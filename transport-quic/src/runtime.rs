//! What quinn runs on: the path clock, and tasks that end with the connection.

use std::fmt;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Instant;

use quinn::{AsyncTimer, AsyncUdpSocket, Runtime};
use tokio::task::JoinSet;
use tssh_core::clock::{PathClock, PathTimer};

/// The runtime of one endpoint.
#[derive(Debug)]
pub(crate) struct PathRuntime {
    clock: PathClock,
    tasks: Mutex<JoinSet<()>>,
}

impl PathRuntime {
    pub(crate) fn new(clock: PathClock) -> Self {
        Self {
            clock,
            tasks: Mutex::new(JoinSet::new()),
        }
    }

    /// Ends every task at its next await. Nothing that quinn still wanted to send is sent.
    pub(crate) fn abort(&self) {
        self.tasks
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .abort_all();
    }
}

impl Runtime for PathRuntime {
    fn new_timer(&self, at: Instant) -> Pin<Box<dyn AsyncTimer>> {
        Box::pin(Timer(self.clock.timer(at)))
    }

    fn spawn(&self, future: Pin<Box<dyn Future<Output = ()> + Send>>) {
        let mut tasks = self.tasks.lock().unwrap_or_else(PoisonError::into_inner);
        // An endpoint has one task and each attempt to connect another: those that ended go here.
        while tasks.try_join_next().is_some() {}
        tasks.spawn(future);
    }

    fn wrap_udp_socket(&self, _: std::net::UdpSocket) -> io::Result<Arc<dyn AsyncUdpSocket>> {
        Err(io::ErrorKind::Unsupported.into())
    }

    fn now(&self) -> Instant {
        self.clock.now()
    }
}

struct Timer(PathTimer);

impl AsyncTimer for Timer {
    fn reset(mut self: Pin<&mut Self>, at: Instant) {
        self.0.reset(at);
    }

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        self.0.poll_elapsed(cx)
    }
}

impl fmt::Debug for Timer {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(out)
    }
}
