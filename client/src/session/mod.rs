//! A shell or command between this side's terminal and the far side's program.
//!
//! | want to change…                               | look in       |
//! |-----------------------------------------------|---------------|
//! | what is started: shell, command, terminal     | `request.rs`  |
//! | which terminal modes the server is told       | `modes.rs`    |
//! | what `-N` waits for                           | `idle.rs`     |
//! | how keys travel, and wait while offline       | `upstream.rs` |
//! | when the notice of a lost path is drawn        | `board.rs`    |
//! | what is told where no screen is                | `watch.rs`    |
//! | how both directions and signals run together  | `pump.rs`     |
//! | the far side, plain or roaming                | `remote.rs`   |

mod board;
mod idle;
mod modes;
mod pump;
mod remote;
mod request;
mod upstream;
mod watch;

pub use idle::{Idle, idle};
pub use modes::modes_of;
pub use pump::{Far, Local, Outcome, current_size, run};
pub use remote::{Broken, Control, RemoteInput, RemoteOutput, Roaming};
pub use request::{Start, start_of};
pub use upstream::Offline;
pub use watch::watch;
