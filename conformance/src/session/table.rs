//! Which session scenarios there are, and how one is played.

use std::fmt;
use std::pin::Pin;
use std::time::Duration;

use tokio::runtime::Runtime;
use tokio::time::timeout;

use super::world::{Host, SessionWorld};
use crate::medium::Over;
use crate::rig::Rig;

/// One behaviour of a session.
#[derive(Clone, Copy)]
pub struct SessionScenario {
    /// A sentence.
    pub name: &'static str,
    /// The module it stands in.
    pub group: &'static str,
    play: fn(SessionWorld) -> Pin<Box<dyn Future<Output = ()>>>,
}

impl fmt::Debug for SessionScenario {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}::{}", self.group, self.name)
    }
}

/// A transport, a host, and a runtime in real time.
#[derive(Clone, Copy)]
pub struct SessionStage {
    /// Makes the transport, by a seed.
    pub rig: fn(u64) -> Rig,
    /// Serves.
    pub host: Host,
    /// Makes a runtime of one thread with everything in it.
    pub runtime: fn() -> Runtime,
}

impl fmt::Debug for SessionStage {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("SessionStage").finish_non_exhaustive()
    }
}

/// Plays the session scenario called `name` over `over`.
///
/// # Panics
///
/// When it fails, or there is none of that name.
pub fn play_session(name: &str, over: Over, stage: SessionStage) {
    let scenario = SESSIONS.iter().find(|scenario| scenario.name == name);
    let scenario = scenario.unwrap_or_else(|| panic!("there is no session scenario {name}"));
    let runtime = (stage.runtime)();
    runtime.block_on(async {
        let played = async {
            let world = SessionWorld::new((stage.rig)(1), stage.host, over, 1).await;
            (scenario.play)(world).await;
        };
        timeout(PATIENCE, played)
            .await
            .expect("it was not over after a minute");
    });
    // A program that is stuck must not hold the others.
    runtime.shutdown_background();
}

/// Hands the list of all session scenarios to another macro: group and names.
#[doc(hidden)]
#[macro_export]
macro_rules! session_scenarios {
    ($then:ident $arguments:tt) => {
        $crate::$then! {
            $arguments
            programs {
                a_terminal_echoes_what_is_typed
                the_exit_status_is_the_programs
                stderr_comes_apart_and_whole
                a_terminal_hears_of_its_new_size
                a_pipe_gives_back_every_byte
                a_flood_of_output_comes_whole
                sessions_beside_one_another_keep_their_output_apart
            }
            forwards {
                a_dialled_connection_keeps_its_bytes_and_its_ends
                a_dialled_port_that_is_closed_is_refused
            }
            outages {
                an_outage_takes_nothing_from_a_pipe
                keys_typed_in_an_outage_come_when_it_ends
                a_client_that_is_killed_is_outlived_by_nothing
                a_server_that_is_killed_is_noticed
            }
        }
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! tabulate_sessions {
    ([] $($group:ident { $($name:ident)+ })+) => {
        /// Every session scenario there is.
        pub const SESSIONS: &[SessionScenario] = &[$($(
            SessionScenario {
                name: stringify!($name),
                group: stringify!($group),
                play: |world| Box::pin(super::$group::$name(world)),
            },
        )+)+];
    };
}

/// Stamps one test per session scenario in a module for each way: a rig's function, a host's, and the ways.
#[macro_export]
macro_rules! session_conformance {
    ($rig:ident, $host:ident, over: $($over:ident),+ $(,)?) => {
        $(mod $over {
            $crate::session_scenarios! { stamp_sessions [$rig, $host, $over] }
        })+
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! stamp_sessions {
    ($to:tt $($group:ident { $($name:ident)+ })+) => {
        $($($crate::stamp_session! { $to $name })+)+
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! stamp_session {
    ([$rig:ident, $host:ident, $over:ident] $name:ident) => {
        #[test]
        fn $name() {
            let stage = $crate::session::SessionStage {
                rig: super::$rig,
                host: super::$host,
                runtime: || {
                    ::tokio::runtime::Builder::new_current_thread()
                        .enable_all()
                        .build()
                        .expect("a runtime of one thread can be built")
                },
            };
            $crate::session::play_session(stringify!($name), $crate::over!($over), stage);
        }
    };
}

crate::session_scenarios! { tabulate_sessions [] }

/// In real time, on a machine that has other work.
const PATIENCE: Duration = Duration::from_secs(60);
