//! Every scenario over every way, and what came of it, as a table for people and as lines of JSON.

use std::fmt::Write as _;
use std::io::{self, Write as _};
use std::process::ExitCode;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::medium::Over;
use crate::play::{Stage, play};
use crate::scenario::{SCENARIOS, Scenario};
use crate::session::{SessionStage, sessions};
use crate::table::table;

/// One scenario over one way.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cell {
    /// The module of the scenario.
    pub group: String,
    /// Its name, a sentence.
    pub scenario: String,
    /// The transport's name.
    pub transport: String,
    /// The name of the way.
    pub over: String,
    /// What came of it.
    pub verdict: Verdict,
}

/// What came of a scenario.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Verdict {
    /// It cannot be played there, for this reason.
    Absent(String),
    /// It failed, in this way.
    Failed(String),
    /// Everything was as it should be.
    Passed,
}

/// Plays what of the suite `wanted` lets pass over each of `ways`, on all processors.
pub fn matrix(
    transport: &str,
    ways: &[Over],
    stage: Stage,
    wanted: impl Fn(&Scenario) -> bool,
) -> Vec<Cell> {
    let plays = SCENARIOS
        .iter()
        .filter(|scenario| wanted(scenario))
        .flat_map(|scenario| ways.iter().map(move |over| (scenario, *over)))
        .map(|(scenario, over)| Play {
            group: scenario.group.to_owned(),
            scenario: scenario.name,
            transport: transport.to_owned(),
            over,
            judge: Box::new(move || judge(scenario, over, stage)),
        });
    play_all(plays.collect(), processors())
}

/// A cell, and how to come by its verdict.
pub(crate) struct Play {
    pub(crate) group: String,
    pub(crate) scenario: &'static str,
    pub(crate) transport: String,
    pub(crate) over: Over,
    pub(crate) judge: Box<dyn Fn() -> Verdict + Send + Sync>,
}

/// Plays `at_once` at a time. The cells are in the order of the plays.
pub(crate) fn play_all(plays: Vec<Play>, at_once: usize) -> Vec<Cell> {
    let next = AtomicUsize::new(0);
    let (done, cells) = mpsc::sync_channel(plays.len());
    thread::scope(|scope| {
        for _ in 0..at_once {
            let (next, plays, done) = (&next, &plays, done.clone());
            scope.spawn(move || {
                loop {
                    let at = next.fetch_add(1, Ordering::Relaxed);
                    let Some(play) = plays.get(at) else {
                        return;
                    };
                    let verdict = (play.judge)();
                    done.send((at, verdict)).expect("there is room for all");
                }
            });
        }
    });
    drop(done);
    let mut verdicts: Vec<_> = cells.iter().collect();
    verdicts.sort_by_key(|(at, _)| *at);
    let cell = |(play, (_, verdict)): (Play, (usize, Verdict))| Cell {
        group: play.group,
        scenario: play.scenario.to_owned(),
        transport: play.transport,
        over: play.over.name().to_owned(),
        verdict,
    };
    plays.into_iter().zip(verdicts).map(cell).collect()
}

pub(crate) fn processors() -> usize {
    thread::available_parallelism().map_or(1, usize::from)
}

/// A program that plays the suite: prints the table, or with `--json` one line for each cell. Other
/// arguments are parts of the names of scenarios or groups that are wanted.
pub fn run(transport: &str, ways: &[Over], stage: Stage) -> ExitCode {
    let Words { json, parts } = Words::of_the_program();
    // What went wrong stands in the table.
    std::panic::set_hook(Box::new(|_| {}));
    let cells = matrix(transport, ways, stage, |scenario| {
        sought(&parts, scenario.group, scenario.name)
    });
    show(&cells, json)
}

/// The same for the session scenarios of several transports, each with its name, ways and stage. Those are played whose
/// name is among the arguments; all, if none is.
pub fn run_sessions(transports: &[(&str, &[Over], SessionStage)]) -> ExitCode {
    let Words { json, mut parts } = Words::of_the_program();
    let names = |(name, _, _): &&(&str, &[Over], SessionStage)| parts.iter().any(|it| it == name);
    let mut named: Vec<_> = transports.iter().filter(names).collect();
    if named.is_empty() {
        named = transports.iter().collect();
    }
    parts.retain(|part| !transports.iter().any(|(name, _, _)| part == name));
    std::panic::set_hook(Box::new(|_| {}));
    let play = |(name, ways, stage): &&(&str, &[Over], SessionStage)| {
        sessions(name, ways, *stage, |scenario| {
            sought(&parts, scenario.group, scenario.name)
        })
    };
    let cells: Vec<_> = named.iter().flat_map(play).collect();
    show(&cells, json)
}

/// What a program of the suite was told.
struct Words {
    json: bool,
    /// Parts of the names of scenarios or groups.
    parts: Vec<String>,
}

impl Words {
    fn of_the_program() -> Self {
        let mut parts: Vec<String> = std::env::args().skip(1).collect();
        let json = parts.iter().any(|word| word == "--json");
        parts.retain(|word| word != "--json");
        Self { json, parts }
    }
}

fn sought(parts: &[String], group: &str, name: &str) -> bool {
    let sought = format!("{group}::{name}");
    parts.is_empty() || parts.iter().any(|part| sought.contains(part))
}

fn show(cells: &[Cell], json: bool) -> ExitCode {
    let text = match json {
        true => lines(cells),
        false => table(cells),
    };
    print(&text, cells)
}

/// A program that reads lines of JSON and prints one table of all.
pub fn join() -> ExitCode {
    let cells: Result<Vec<Cell>, String> = io::stdin()
        .lines()
        .map(|line| {
            let line = line.map_err(|error| error.to_string())?;
            serde_json::from_str(&line).map_err(|error| format!("{error}: {line}"))
        })
        .collect();
    match cells {
        Ok(cells) => print(&table(&cells), &cells),
        Err(error) => {
            // Without a terminal there is nobody to tell.
            let _ = writeln!(io::stderr(), "this is no line of the suite: {error}");
            ExitCode::FAILURE
        }
    }
}

fn lines(cells: &[Cell]) -> String {
    let mut text = String::new();
    for cell in cells {
        let line = serde_json::to_string(cell).expect("a cell is text");
        // Writing to a string does not fail.
        let _ = writeln!(text, "{line}");
    }
    text
}

fn print(text: &str, cells: &[Cell]) -> ExitCode {
    let failed = |cell: &Cell| matches!(cell.verdict, Verdict::Failed(_));
    let written = io::stdout().write_all(text.as_bytes());
    match written.is_err() || cells.is_empty() || cells.iter().any(failed) {
        true => ExitCode::FAILURE,
        false => ExitCode::SUCCESS,
    }
}

fn judge(scenario: &'static Scenario, over: Over, stage: Stage) -> Verdict {
    if let Some(why) = scenario.absent(over, &(stage.rig)(0)) {
        return Verdict::Absent(why.to_owned());
    }
    let stuck = || {
        format!(
            "{} over {over}: it was at work for {} s, and virtual time stood still",
            scenario.name,
            STUCK_AFTER.as_secs()
        )
    };
    verdict_within(STUCK_AFTER, move || play(scenario, over, stage), stuck)
}

/// Plays it in a thread of its own: one that turns without end is left behind.
pub(crate) fn verdict_within(
    limit: Duration,
    play: impl FnOnce() -> Result<(), String> + Send + 'static,
    stuck: impl FnOnce() -> String,
) -> Verdict {
    let (done, ended) = mpsc::sync_channel(1);
    thread::spawn(move || {
        // Whoever waited may have given up.
        let _ = done.send(play());
    });
    match ended.recv_timeout(limit) {
        Ok(Ok(())) => Verdict::Passed,
        Ok(Err(why)) => Verdict::Failed(why),
        Err(_) => Verdict::Failed(stuck()),
    }
}

/// In real time; the longest scenario takes a twentieth of it on a machine that has other work.
const STUCK_AFTER: Duration = Duration::from_secs(60);
