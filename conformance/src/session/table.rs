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
    /// Where it applies.
    pub needs: SessionNeeds,
    play: fn(SessionWorld) -> Pin<Box<dyn Future<Output = ()>>>,
}

/// What a session scenario cannot be played without.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SessionNeeds {
    /// Nothing: it applies everywhere.
    Any,
    /// That the author declared no keys for the hosts to exchange.
    OwnKeys,
    /// Keys that the hosts exchange, declared by the author.
    Rekey,
}

impl SessionScenario {
    /// Why it does not apply; `None` where it does. `rekeys`: the hosts exchange the transport's keys.
    pub fn absent(&self, rekeys: bool) -> Option<&'static str> {
        match (self.needs, rekeys) {
            (SessionNeeds::Rekey, false) => {
                Some("it exchanges its keys by itself: nothing of them is seen above")
            }
            (SessionNeeds::OwnKeys, true) => Some("its hosts exchange its keys"),
            (SessionNeeds::Any | SessionNeeds::OwnKeys | SessionNeeds::Rekey, _) => None,
        }
    }
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
/// When it fails, there is none of that name, or it does not apply.
pub fn play_session(name: &str, over: Over, stage: SessionStage) {
    let scenario = SESSIONS.iter().find(|scenario| scenario.name == name);
    let scenario = scenario.unwrap_or_else(|| panic!("there is no session scenario {name}"));
    let rig = (stage.rig)(1);
    let absent = scenario.absent(rig.key_lasts.is_some());
    assert!(
        absent.is_none(),
        "it does not apply: {}",
        absent.unwrap_or_default()
    );
    let runtime = (stage.runtime)();
    runtime.block_on(async {
        let played = async {
            let world = SessionWorld::new(rig, stage.host, over, 1).await;
            (scenario.play)(world).await;
        };
        timeout(PATIENCE, played)
            .await
            .expect("it was not over after a minute");
    });
    // A program that is stuck must not hold the others.
    runtime.shutdown_background();
}

/// Hands the list of all session scenarios to another macro: what a scenario needs, its group and the names.
#[doc(hidden)]
#[macro_export]
macro_rules! session_scenarios {
    ($then:ident $arguments:tt) => {
        $crate::$then! {
            $arguments
            Any programs {
                a_terminal_echoes_what_is_typed
                the_exit_status_is_the_programs
                stderr_comes_apart_and_whole
                a_terminal_hears_of_its_new_size
                a_pipe_gives_back_every_byte
                a_flood_of_output_comes_whole
                sessions_beside_one_another_keep_their_output_apart
            }
            Any forwards {
                a_dialled_connection_keeps_its_bytes_and_its_ends
                a_dialled_port_that_is_closed_is_refused
            }
            Any outages {
                an_outage_takes_nothing_from_a_pipe
                keys_typed_in_an_outage_come_when_it_ends
                a_client_that_is_killed_is_outlived_by_nothing
                a_server_that_is_killed_is_noticed
            }
            Rekey keys {
                keys_change_on_both_sides_in_the_middle_of_a_pipe
            }
            OwnKeys keys {
                nothing_is_asked_for_above_a_transport_that_exchanges_its_own_keys
            }
        }
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! tabulate_sessions {
    ([] $($needs:ident $group:ident { $($name:ident)+ })+) => {
        /// Every session scenario there is.
        pub const SESSIONS: &[SessionScenario] = &[$($(
            SessionScenario {
                name: stringify!($name),
                group: stringify!($group),
                needs: SessionNeeds::$needs,
                play: |world| Box::pin(super::$group::$name(world)),
            },
        )+)+];
    };
}

/// Stamps one test per session scenario that applies in a module for each way: a rig's function, a host's, and the
/// ways. A transport whose keys the hosts exchange says `rekey`, and its rig
/// [`with_keys_for`](crate::Rig::with_keys_for); one that leaves the word out is tried for the absence of such keys.
#[macro_export]
macro_rules! session_conformance {
    ($rig:ident, $host:ident, rekey, over: $($over:ident),+ $(,)?) => {
        $(mod $over {
            $crate::session_scenarios! { stamp_sessions [$rig, $host, $over, rekey] }
        })+
    };
    ($rig:ident, $host:ident, over: $($over:ident),+ $(,)?) => {
        $(mod $over {
            $crate::session_scenarios! { stamp_sessions [$rig, $host, $over, none] }
        })+
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! stamp_sessions {
    ($to:tt $($needs:ident $group:ident $names:tt)+) => {
        $($crate::stamp_session_group! { $needs $to $names })+
    };
}

/// The same choice as [`SessionScenario::absent`]: a test that does not apply fails.
#[doc(hidden)]
#[macro_export]
macro_rules! stamp_session_group {
    (Rekey [$rig:ident, $host:ident, $over:ident, none] $names:tt) => {};
    (OwnKeys [$rig:ident, $host:ident, $over:ident, rekey] $names:tt) => {};
    ($needs:ident [$rig:ident, $host:ident, $over:ident, $rekey:ident] { $($name:ident)+ }) => {
        $($crate::stamp_session! { [$rig, $host, $over] $name })+
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! stamp_session {
    ([$rig:ident, $host:ident, $over:ident] $name:ident) => {
        #[test]
        fn $name() {
            let stage = $crate::session_stage!(super::$rig, super::$host);
            $crate::session::play_session(stringify!($name), $crate::over!($over), stage);
        }
    };
}

/// A [`SessionStage`] for a rig's function and a host's.
#[macro_export]
macro_rules! session_stage {
    ($rig:expr, $host:expr) => {
        $crate::session::SessionStage {
            rig: $rig,
            host: $host,
            runtime: || {
                ::tokio::runtime::Builder::new_current_thread()
                    .enable_all()
                    .build()
                    .expect("a runtime of one thread can be built")
            },
        }
    };
}

crate::session_scenarios! { tabulate_sessions [] }

/// In real time, on a machine that has other work.
const PATIENCE: Duration = Duration::from_secs(60);
