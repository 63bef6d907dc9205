//! What a transport owes, one behaviour each.
//!
//! | want to change what is tried about…               | look in         |
//! |---------------------------------------------------|-----------------|
//! | bytes and streams                                 | `streams.rs`    |
//! | the end of one direction                          | `half_close.rs` |
//! | readers that are slow                             | `pressure.rs`   |
//! | streams beside one another                        | `neighbours.rs` |
//! | datagrams                                         | `datagrams.rs`  |
//! | the beginning and the end, errors                 | `ending.rs`     |
//! | futures that are dropped                          | `cancel.rs`     |
//! | tasks that are left                               | `tasks.rs`      |
//! | outages                                           | `dark.rs`       |
//! | loss, order, doubles, size, delay                 | `weather.rs`    |
//! | a client that moves                               | `roam.rs`       |
//! | everything that happens to a path                 | `events.rs`     |
//! | keys beside bulk, and where packets are lost      | `brisk.rs`      |
//! | packets that are forged                           | `lies.rs`       |
//! | which there are, and where they apply             | `table.rs`      |
//!
//! Time is virtual: it passes only when every task waits, and as far as the next timer. A `sleep` here is a part of the
//! story (a pause between keys, a night, a quiet moment in which nothing may happen); whatever is to happen is waited for.
//!
//! A scenario gets a [`World`](crate::World) and panics when the transport fails. It is fair to every
//! transport that keeps the contract on `tssh_core::transport::Transport`: the client opens streams,
//! the server accepts them, and a stream may show itself with its first byte.

#![allow(
    clippy::unwrap_used,
    reason = "a scenario fails by panicking, like the test that it is"
)]

pub mod brisk;
pub mod cancel;
pub mod dark;
pub mod datagrams;
pub mod ending;
pub mod events;
pub mod half_close;
pub mod lies;
pub mod neighbours;
pub mod pressure;
pub mod roam;
pub mod streams;
mod table;
pub mod tasks;
pub mod weather;

use std::time::Duration;

use tokio::runtime::Handle;

pub use table::{Needs, SCENARIOS, Scenario};

/// Waits for the tasks that were told to end, and asserts that no more than `before` are alive.
async fn no_task_left(before: usize) {
    // Ending takes turns of the runtime, and no time: this millisecond of virtual time passes when all have had theirs.
    tokio::time::sleep(MS).await;
    let left = Handle::current().metrics().num_alive_tasks();
    assert!(left <= before, "{} tasks are left", left - before);
}

const S: Duration = Duration::from_secs(1);
const MS: Duration = Duration::from_millis(1);
