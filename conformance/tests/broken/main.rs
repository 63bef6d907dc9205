//! The suite itself is tried: a transport that breaks one promise fails the scenarios that are about that promise, and
//! no others; and every scenario is failed by one of them at least.
//!
//! | want to change…                                    | look in                                   |
//! |----------------------------------------------------|-------------------------------------------|
//! | which scenarios a fault fails                      | `faults.rs`                               |
//! | the same for a flaw                                | `flaws.rs`                                |
//! | which faults there are: of streams, in memory      | `transport.rs`, and what it is made of:   |
//! |                                                    | `connection.rs`, `reader.rs`, `writer.rs` |
//! | which flaws there are: of packets                  | `packets/`                                |
//! | what is played to whom, and what is asked of a list | `main.rs`                                |
//!
//! To a fault everything is played that needs no packets and no time on the way, with all its seeds; to a flaw everything
//! that needs them, with its first seed. Bulk at full speed is most of the time that the latter takes: it is played to those
//! flaws alone that change how much is under way, which stream goes first, or what is told of losses (see [`Part`]).

#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    clippy::wildcard_enum_match_arm,
    reason = "a test may panic; a broken transport leaves tasks behind; a fault changes one place"
)]

mod connection;
mod faults;
mod flaws;
mod packets;
mod reader;
mod sunk;
mod transport;
mod writer;

use std::collections::BTreeSet;

use tssh_conformance::matrix::{Verdict, matrix};
use tssh_conformance::{Needs, Over, Rig, SCENARIOS, Scenario, Stage};
use tssh_core::transport::memory::Memory;

use packets::{Flaw, Packets};
use transport::{Broken, Fault};

/// What of the scenarios about packets is played to a flaw.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    /// All of them.
    All,
    /// All but the group `brisk`.
    AllButBrisk,
    /// The group `brisk`, and the two others with bulk at full speed.
    Bulk,
    /// All but the group `brisk`, and the two others with bulk at full speed.
    Quick,
}

#[test]
fn every_scenario_is_failed_by_a_broken_transport() {
    let lists = faults::TOLD_BY.iter().chain(flaws::TOLD_BY);
    let failed: BTreeSet<_> = lists.flat_map(|list| names(list)).collect();
    let never: Vec<_> = SCENARIOS
        .iter()
        .filter(|scenario| !failed.contains(scenario.name))
        .map(|scenario| format!("{scenario:?}"))
        .collect();
    assert!(
        never.is_empty(),
        "nothing shows that these can fail: add a fault or a flaw for each: {never:#?}"
    );
}

/// The names of scenarios that a list says. One that ends with a star stands for all whose group and name begin so.
fn names(list: &[&str]) -> BTreeSet<String> {
    let all = |said: &str| {
        let Some(beginning) = said.strip_suffix('*') else {
            return vec![said.to_owned()];
        };
        let begins = |scenario: &&Scenario| format!("{scenario:?}").starts_with(beginning);
        let named = SCENARIOS.iter().filter(begins);
        let named: Vec<_> = named.map(|scenario| scenario.name.to_owned()).collect();
        assert!(!named.is_empty(), "no scenario begins with {beginning}");
        named
    };
    list.iter().flat_map(|said| all(said)).collect()
}

fn broken(fault: Fault) -> Rig {
    let memory = match fault {
        Fault::ClaimsDatagrams => Memory::default(),
        _ => Memory::with_datagrams(),
    };
    let air = memory.air();
    let rig = Rig::new(Broken::new(memory, fault)).with_own_way(move |cut| match cut {
        true => air.darken(),
        false => air.clear(),
    });
    match fault {
        Fault::HidesDatagrams => rig,
        _ => rig.with_datagrams(),
    }
}

fn flawed(flaw: Flaw) -> Rig {
    Rig::new(Packets(flaw)).with_brisk_keys()
}

/// The names of the scenarios that fail.
fn failures(stage: Stage) -> BTreeSet<String> {
    failures_of(stage, Over::Nothing, |_| true)
}

/// The same for a transport that sends packets.
fn failures_with_packets(stage: Stage, part: Part) -> BTreeSet<String> {
    failures_of(stage, Over::Udp, |scenario| {
        let needs_packets = matches!(
            scenario.needs,
            Needs::Brisk | Needs::Packets | Needs::Weather
        );
        let bulk = BULK.contains(&scenario.name);
        needs_packets
            && match part {
                Part::All => true,
                Part::Bulk => scenario.group == "brisk" || bulk,
                Part::AllButBrisk => scenario.group != "brisk",
                Part::Quick => scenario.group != "brisk" && !bulk,
            }
    })
}

fn failures_of(stage: Stage, over: Over, wanted: impl Fn(&Scenario) -> bool) -> BTreeSet<String> {
    matrix("broken", &[over], stage, wanted)
        .into_iter()
        .filter(|cell| matches!(cell.verdict, Verdict::Failed(_)))
        .map(|cell| cell.scenario)
        .collect()
}

/// Those outside `brisk` with bulk at full speed.
const BULK: [&str; 2] = [
    "a_key_overtakes_bulk_that_waits_for_the_path",
    "bulk_at_full_speed_survives_the_sudden_loss_of_every_second_packet",
];
