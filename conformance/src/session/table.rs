//! Which session scenarios there are, and how one is played.

use std::any::Any;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::mpsc::{RecvTimeoutError, SyncSender, sync_channel};
use std::thread;
use std::time::Duration;

use tokio::runtime::Runtime;
use tokio_util::sync::CancellationToken;
use tssh_core::connection::Timeouts;

use super::world::{Clock, Host, SessionWorld};
use crate::medium::Over;
use crate::play::said;
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
    /// When each side counts the other as silent and as lost, in the time of the runtime.
    pub timeouts: Timeouts,
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
    /// Why it does not apply; `None` where it does.
    pub fn absent(&self, over: Over, rig: &Rig) -> Option<&'static str> {
        let needs_more = || match (self.needs, rig.key_lasts.is_some()) {
            (SessionNeeds::Rekey, false) => Some("it asks its hosts for no keys"),
            (SessionNeeds::OwnKeys, true) => Some("its hosts exchange its keys"),
            (SessionNeeds::Any | SessionNeeds::OwnKeys | SessionNeeds::Rekey, _) => None,
        };
        rig.absent(over).or_else(needs_more)
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
    /// Stops that runtime's time.
    pub clock: Clock,
    /// In real time: a scenario that is not over by then has failed.
    pub patience: Duration,
}

impl SessionStage {
    /// The same with another patience: for a host that is known to leave its client waiting.
    #[must_use]
    pub fn within(self, patience: Duration) -> Self {
        Self { patience, ..self }
    }

    /// The same with other nights than [`NIGHT`]: where much is played, and a short one tells as much.
    #[must_use]
    pub fn with_nights_of(mut self, night: Duration) -> Self {
        self.clock.night = night;
        self
    }
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
    if let Err(why) = play(scenario, over, stage) {
        panic!("{why}");
    }
}

/// Plays a scenario once.
///
/// # Errors
///
/// What went wrong.
pub(super) fn play(
    scenario: &SessionScenario,
    over: Over,
    stage: SessionStage,
) -> Result<(), String> {
    let told = |panic: Box<dyn Any + Send>| {
        let name = scenario.name;
        format!("{name} over {over}: {}", said(&*panic))
    };
    let runtime = (stage.runtime)();
    let once = || {
        let rig = (stage.rig)(1);
        let absent = scenario.absent(over, &rig);
        assert!(
            absent.is_none(),
            "it does not apply: {}",
            absent.unwrap_or_default()
        );
        runtime.block_on(async {
            let watch = Watch::until(stage.patience);
            let played = async {
                let timeouts = scenario.timeouts;
                let world =
                    SessionWorld::new(rig, stage.host, stage.clock, over, timeouts, 1).await;
                (scenario.play)(world).await;
            };
            tokio::select! {
                () = watch.over() => panic!("it was not over after {:?}", stage.patience),
                () = played => {}
            }
        });
    };
    let played = catch_unwind(AssertUnwindSafe(once)).map_err(told);
    // A program that is stuck must not hold the others.
    runtime.shutdown_background();
    played
}

/// Tells when real time is up, whatever the runtime's time does.
struct Watch {
    over: CancellationToken,
    /// The thread ends when this is dropped.
    _playing: SyncSender<()>,
}

impl Watch {
    fn until(patience: Duration) -> Self {
        let over = CancellationToken::new();
        let (playing, played) = sync_channel(0);
        let tell = over.clone();
        thread::spawn(move || {
            if played.recv_timeout(patience) == Err(RecvTimeoutError::Timeout) {
                tell.cancel();
            }
        });
        Self {
            over,
            _playing: playing,
        }
    }

    async fn over(&self) {
        self.over.cancelled().await;
    }
}

/// Hands the list of all session scenarios to another macro: what a scenario needs, its group, the timeouts
/// of both sides, and the names.
#[doc(hidden)]
#[macro_export]
macro_rules! session_scenarios {
    ($then:ident $arguments:tt) => {
        $crate::$then! {
            $arguments
            Any programs BRIEF {
                a_terminal_echoes_what_is_typed
                the_exit_status_is_the_programs
                stderr_comes_apart_and_whole
                a_terminal_hears_of_its_new_size
                a_pipe_gives_back_every_byte
                a_flood_of_output_comes_whole
                sessions_beside_one_another_keep_their_output_apart
            }
            Any forwards BRIEF {
                a_dialled_connection_keeps_its_bytes_and_its_ends
                a_dialled_port_that_is_closed_is_refused
            }
            Any outages BRIEF {
                an_outage_takes_nothing_from_a_pipe
                keys_typed_in_an_outage_come_when_it_ends
                a_client_that_is_killed_is_outlived_by_nothing
                a_server_that_is_killed_is_noticed
            }
            Any nights USUAL {
                a_pipe_rests_for_eight_hours_in_the_dark_and_loses_nothing
                keys_typed_before_and_after_a_night_come_in_order
            }
            Rekey nights USUAL {
                a_key_asked_for_as_the_night_falls_is_changed_in_the_morning
            }
            Rekey keys BRIEF {
                keys_change_on_both_sides_in_the_middle_of_a_pipe
            }
            OwnKeys keys BRIEF {
                nothing_is_asked_for_above_a_transport_that_exchanges_its_own_keys
            }
        }
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! tabulate_sessions {
    ([] $($needs:ident $group:ident $timeouts:ident { $($name:ident)+ })+) => {
        /// Every session scenario there is.
        pub const SESSIONS: &[SessionScenario] = &[$($(
            SessionScenario {
                name: stringify!($name),
                group: stringify!($group),
                needs: SessionNeeds::$needs,
                timeouts: $timeouts,
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
    ($to:tt $($needs:ident $group:ident $timeouts:ident $names:tt)+) => {
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
            clock: $crate::session::Clock {
                pause: ::tokio::time::pause,
                resume: ::tokio::time::resume,
                night: $crate::session::NIGHT,
            },
            patience: $crate::session::PATIENCE,
        }
    };
}

crate::session_scenarios! { tabulate_sessions [] }

/// Short enough that an end takes seconds, long enough for a machine that is busy.
const BRIEF: Timeouts = Timeouts {
    alive: Duration::from_secs(6),
    heartbeat: Duration::from_millis(700),
    reconnect: Duration::from_millis(1400),
};

/// Those of a client whose user has changed none: a day and two minutes until the other one is given up.
const USUAL: Timeouts = Timeouts {
    alive: Duration::from_secs(86_520),
    heartbeat: Duration::from_secs(4),
    reconnect: Duration::from_secs(14),
};

/// Eight hours: longer than any timeout of a transport, and shorter than that of a client whose user has changed none.
pub const NIGHT: Duration = Duration::from_secs(8 * 3600);

/// In real time, on a machine that has other work.
pub const PATIENCE: Duration = Duration::from_secs(60);
