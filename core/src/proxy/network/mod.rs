//! Notices another network or a wake from sleep, so that a new path is tried at once.
//!
//! | want to change…                       | look in      |
//! |---------------------------------------|--------------|
//! | which kernel messages count           | `netlink.rs` |
//! | how sleep is noticed                  | `wake.rs`    |
//!
//! Where the system offers neither, nothing is noticed here, and missing answers tell.

#[cfg(target_os = "linux")]
mod netlink;
#[cfg(target_os = "linux")]
mod wake;

use tokio::sync::mpsc;

/// What the system told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// Addresses or routes changed.
    Changed,
    /// Boot time ran ahead of monotonic time: the machine slept.
    Woke,
}

/// The stream of what the system tells.
#[derive(Debug)]
pub struct NetworkEvents {
    #[cfg(target_os = "linux")]
    netlink: Option<netlink::Netlink>,
    #[cfg(target_os = "linux")]
    wake: Option<wake::Wake>,
    script: Option<mpsc::Receiver<Event>>,
}

impl NetworkEvents {
    /// What this machine tells. A source that cannot be had is logged and left out.
    pub fn of_this_machine() -> Self {
        Self {
            #[cfg(target_os = "linux")]
            netlink: logged("route messages", netlink::Netlink::open()),
            #[cfg(target_os = "linux")]
            wake: logged("a boot-time timer", wake::Wake::open()),
            script: None,
        }
    }

    /// What `script` tells, for a simulated machine.
    pub fn scripted(script: mpsc::Receiver<Event>) -> Self {
        Self {
            #[cfg(target_os = "linux")]
            netlink: None,
            #[cfg(target_os = "linux")]
            wake: None,
            script: Some(script),
        }
    }

    /// Waits for the next event. Cancel safe.
    pub async fn next(&mut self) -> Event {
        let script = async {
            match &mut self.script {
                Some(script) => match script.recv().await {
                    Some(event) => event,
                    None => std::future::pending().await,
                },
                None => std::future::pending().await,
            }
        };
        #[cfg(target_os = "linux")]
        tokio::select! {
            biased; // A route that changed says more than a sleep.
            event = script => event,
            () = netlink::changed(&mut self.netlink) => Event::Changed,
            () = wake::woke(&mut self.wake) => Event::Woke,
        }
        #[cfg(not(target_os = "linux"))]
        script.await
    }
}

#[cfg(target_os = "linux")]
fn logged<T>(what: &str, source: std::io::Result<T>) -> Option<T> {
    source
        .inspect_err(|error| tracing::debug!(%error, "the system gives no {what}"))
        .ok()
}
