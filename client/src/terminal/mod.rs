//! The user's terminal: read, written, watched, and given back as it was found.
//!
//! | want to change…                                       | look in         |
//! |-------------------------------------------------------|-----------------|
//! | raw mode, and every way back out of it                 | `raw.rs`        |
//! | which modes of a remote program are undone, and how    | `restore/`      |
//! | whose turn it is to write to the screen                | `screen.rs`     |
//! | what `~.` and its relatives do                         | `escape/`       |
//! | the lost-connection notice                             | `notice/`       |
//! | keys typed while the path is down                      | `typeahead/`    |
//! | reading the keyboard or a pipe                         | `input/`        |
//! | writing the screen or a pipe                           | `output/`       |
//! | a terminal that is non-blocking for us alone           | `reopen.rs`     |
//! | terminal size, SIGWINCH, and the signals that end us   | `signals.rs`    |
//!
//! Not here: what a session does with the bytes, and which options the user set.
//! `restore`, `escape`, `notice` and `typeahead` are pure: nothing in them reads a clock or a
//! descriptor. `input`, `output` and `signals` each own one thread, since no descriptor that is
//! shared with the user's shell may be made non-blocking; keys and their echoes do without, by
//! `reopen`.

pub mod escape;
pub mod input;
pub mod notice;
pub mod output;
pub mod raw;
mod reopen;
pub mod restore;
pub mod screen;
pub mod signals;
pub mod typeahead;

pub use escape::{Escape, EscapeChar};
pub use input::Input;
pub use notice::Notice;
pub use output::Output;
pub use raw::{Attributes, Guard, TerminalError};
pub use restore::{Surface, Tracker};
pub use screen::Screen;
pub use signals::{Ending, Signals, Size};
pub use typeahead::Typeahead;
