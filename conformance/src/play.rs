//! Plays one scenario: a runtime, a transport and a way of its own for each run.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use tokio::runtime::Runtime;
use tokio::time::timeout;

use crate::medium::Over;
use crate::rig::{Rig, World};
use crate::scenario::{SCENARIOS, Scenario};

/// How an author's transport is played with: how to make it, and a runtime whose time is paused.
#[derive(Clone, Copy, Debug)]
pub struct Stage {
    /// Makes the transport anew, with dice that fall by this seed where it has any.
    pub rig: fn(u64) -> Rig,
    /// Makes a runtime of one thread whose time is paused.
    pub runtime: fn() -> Runtime,
    /// With how many seeds a scenario is played, at the most.
    pub most_runs: u64,
}

impl Stage {
    /// The same with so many seeds at the most.
    #[must_use]
    pub fn at_most(self, runs: u64) -> Self {
        Self {
            most_runs: runs,
            ..self
        }
    }

    /// How often `scenario` is played over `over`. Where bytes come in order and whole, seeds differ by the moments at
    /// which things happen, and by nothing else.
    fn runs(&self, scenario: &Scenario, over: Over) -> u64 {
        let most = match over {
            Over::Nothing | Over::Process | Over::Tcp => ORDERLY_RUNS,
            Over::Udp => self.most_runs,
        };
        scenario.runs.min(most).min(self.most_runs)
    }
}

/// Plays the scenario called `name` over `over`.
///
/// # Panics
///
/// When the transport fails it, with the seed; when there is none of that name, or it does not apply.
pub fn play_by_name(name: &str, over: Over, stage: Stage) {
    let scenario = SCENARIOS.iter().find(|scenario| scenario.name == name);
    let scenario = scenario.unwrap_or_else(|| panic!("there is no scenario {name}"));
    if let Err(why) = play(scenario, over, stage) {
        panic!("{why}");
    }
}

/// Plays a scenario with each of its seeds, up to the first failure.
///
/// # Errors
///
/// What went wrong, and with which seed.
pub fn play(scenario: &Scenario, over: Over, stage: Stage) -> Result<(), String> {
    for seed in 1..=stage.runs(scenario, over) {
        let once = || {
            let rig = (stage.rig)(seed);
            let absent = scenario.absent(over, &rig);
            assert!(
                absent.is_none(),
                "it does not apply: {}",
                absent.unwrap_or_default()
            );
            let runtime = (stage.runtime)();
            let ended = runtime.block_on(async {
                let world = World::new(rig, over, seed);
                timeout(LIFETIME, (scenario.play)(world)).await
            });
            assert!(
                ended.is_ok(),
                "it was not over after three months of virtual time"
            );
        };
        if let Err(panic) = catch_unwind(AssertUnwindSafe(once)) {
            let name = scenario.name;
            return Err(format!(
                "{name} over {over}, seed {seed}: {}",
                said(&*panic)
            ));
        }
    }
    Ok(())
}

/// What a panic said.
pub(crate) fn said(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied())
        .unwrap_or("it panicked without a word")
}

/// Nothing here lasts longer; a scenario in which nothing moves any more ends at once all the same.
const LIFETIME: Duration = Duration::from_secs(90 * 24 * 3600);

/// Enough for a cut at both ends of a round trip and between, seen by both sides or by one.
const ORDERLY_RUNS: u64 = 6;
