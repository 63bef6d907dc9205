//! The part of the matrix that sessions are.

use std::time::Duration;

use super::table::{SESSIONS, SessionScenario, SessionStage, play};
use crate::matrix::{Cell, Play, Verdict, play_all, verdict_within};
use crate::medium::Over;

/// Plays what of the session scenarios `wanted` lets pass over each of `ways`.
pub fn sessions(
    transport: &str,
    ways: &[Over],
    stage: SessionStage,
    wanted: impl Fn(&SessionScenario) -> bool,
) -> Vec<Cell> {
    let plays = SESSIONS
        .iter()
        .filter(|scenario| wanted(scenario))
        .flat_map(|scenario| ways.iter().map(move |over| (scenario, *over)))
        .map(|(scenario, over)| Play {
            group: format!("session {}", scenario.group),
            scenario: scenario.name,
            transport: transport.to_owned(),
            over,
            judge: Box::new(move || judge(scenario, over, stage)),
        });
    play_all(plays.collect(), AT_ONCE)
}

fn judge(scenario: &'static SessionScenario, over: Over, stage: SessionStage) -> Verdict {
    if let Some(why) = scenario.absent(over, &(stage.rig)(0)) {
        return Verdict::Absent(why.to_owned());
    }
    let stuck = || format!("{} over {over}: it hangs", scenario.name);
    verdict_within(
        stage.patience + A_WHILE,
        move || play(scenario, over, stage),
        stuck,
    )
}

/// They wait for most of their time.
const AT_ONCE: usize = 8;

/// For a machine that is busy, behind the patience that a scenario measures by itself.
const A_WHILE: Duration = Duration::from_secs(30);
