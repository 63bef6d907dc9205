//! The session scenarios are tried: a host or a transport that breaks one promise fails the scenarios that are about
//! that promise, and no others.

#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    clippy::wildcard_enum_match_arm,
    reason = "a test may panic; a broken host leaves tasks behind; a fault changes one place"
)]

#[path = "../../../conformance/tests/broken/connection.rs"]
mod connection;
mod halves;
#[path = "../host/mod.rs"]
mod host;
mod meddler;
mod outages;
#[path = "../../../conformance/tests/broken/reader.rs"]
mod reader;
#[path = "../../../conformance/tests/broken/sunk.rs"]
mod sunk;
#[path = "../../../conformance/tests/broken/transport.rs"]
#[expect(
    dead_code,
    reason = "the streams' own scenarios are tried with all faults"
)]
mod transport;
#[path = "../../../conformance/tests/broken/writer.rs"]
mod writer;

use std::collections::BTreeSet;
use std::pin::Pin;
use std::time::Duration;

use tssh_conformance::matrix::Verdict;
use tssh_conformance::session::{Arrival, SESSIONS, SessionStage, sessions};
use tssh_conformance::{Over, Rig, session_stage};
use tssh_core::transport::Transport;
use tssh_core::transport::memory::{Air, Memory};
use tssh_transport_kcp::{Kcp, Thresholds};

use meddler::{Fault, serve_badly};
use outages::{Slip, Slipping};

/// A test for each fault of a host: what it does wrong, over which transport, and the scenarios that tell.
macro_rules! hosts {
    ($($name:ident: $fault:ident over $rig:ident $over:ident => $told_by:expr;)+) => {
        $(#[test]
        fn $name() {
            fn host(arrival: Arrival) -> Pin<Box<dyn Future<Output = ()> + Send>> {
                Box::pin(serve_badly(arrival, Fault::$fault))
            }
            let stage = session_stage!($rig, host);
            assert_eq!(failures(Over::$over, stage), named(&$told_by));
        })+
        const OF_HOSTS: &[&[&str]] = &[$(&$told_by),+];
    };
}

/// The same for a transport in memory.
macro_rules! transports {
    ($($name:ident: $broken:expr => $told_by:expr;)+) => {
        $(#[test]
        fn $name() {
            fn rig(_: u64) -> Rig {
                let memory = Memory::default();
                let air = memory.air();
                let broken: fn(Memory) -> _ = $broken;
                over_its_air(broken(memory), air)
            }
            let stage = session_stage!(rig, host::host);
            assert_eq!(failures(Over::Nothing, stage), named(&$told_by));
        })+
        const OF_TRANSPORTS: &[&[&str]] = &[$(&$told_by),+];
    };
}

hosts! {
    a_host_that_breaks_nothing_passes: Nothing over memory Nothing => [];
    a_host_that_connects_to_nobody_is_caught: ConnectsToNobody over memory Nothing => [
        "a_dialled_port_that_is_closed_is_refused",
    ];
    a_host_that_ends_forwards_at_half_close_is_caught: EndsDialsAtHalfClose over memory Nothing => [
        "a_dialled_connection_keeps_its_bytes_and_its_ends",
    ];
    a_host_that_answers_no_keys_is_caught: IgnoresKeys over kcp Udp => [
        "a_key_asked_for_as_the_night_falls_is_changed_in_the_morning",
        "keys_change_on_both_sides_in_the_middle_of_a_pipe",
    ];
    a_host_that_exchanges_keys_which_nobody_declared_is_caught: Nothing over kcp_undeclared Udp => [
        "nothing_is_asked_for_above_a_transport_that_exchanges_its_own_keys",
    ];
    a_host_that_ignores_a_new_size_is_caught: IgnoresResize over memory Nothing => [
        "a_terminal_hears_of_its_new_size",
    ];
    a_host_that_loses_the_exit_status_is_caught: LosesExitStatus over memory Nothing => [
        "a_flood_of_output_comes_whole",
        "sessions_beside_one_another_keep_their_output_apart",
        "stderr_comes_apart_and_whole",
        "the_exit_status_is_the_programs",
    ];
    a_host_that_loses_the_signal_is_caught: LosesSignals over memory Nothing => [
        "a_terminal_echoes_what_is_typed",
    ];
    a_host_that_loses_the_end_of_a_flood_is_caught: LosesTheRest over memory Nothing => [
        "a_flood_of_output_comes_whole",
    ];
    a_host_that_mixes_stderr_into_stdout_is_caught: MixesErrors over memory Nothing => [
        "stderr_comes_apart_and_whole",
    ];
    a_host_that_mixes_up_its_sessions_is_caught: MixesSessions over memory Nothing => [
        "sessions_beside_one_another_keep_their_output_apart",
    ];
    a_host_that_waits_for_a_client_that_is_gone_is_caught: NeverGivesUp over memory Nothing => [
        "a_client_that_is_killed_is_outlived_by_nothing",
    ];
    a_host_whose_programs_outlive_the_client_is_caught: OutlivesItsClient over memory Nothing => [
        "a_client_that_is_killed_is_outlived_by_nothing",
    ];
    a_host_that_swallows_keys_is_caught: SwallowsKeys over memory Nothing => [
        "a_terminal_echoes_what_is_typed",
        "a_terminal_hears_of_its_new_size",
        "keys_typed_before_and_after_a_night_come_in_order",
        "keys_typed_in_an_outage_come_when_it_ends",
    ];
    a_host_that_gives_a_pipe_for_a_terminal_is_caught: TakesTerminalsForPipes over memory Nothing => [
        "a_client_that_is_killed_is_outlived_by_nothing",
        "a_terminal_echoes_what_is_typed",
        "a_terminal_hears_of_its_new_size",
    ];
}

transports! {
    a_transport_that_forgets_in_the_dark_is_caught:
        |memory| Slipping::new(memory, Slip::ForgetsInTheDark) => [
        "a_pipe_rests_for_eight_hours_in_the_dark_and_loses_nothing",
        "an_outage_takes_nothing_from_a_pipe",
        "keys_typed_before_and_after_a_night_come_in_order",
        "keys_typed_in_an_outage_come_when_it_ends",
    ];
    a_transport_that_fakes_signs_of_life_is_caught:
        |memory| Slipping::new(memory, Slip::FakesLife) => [
        "a_client_that_is_killed_is_outlived_by_nothing",
        "a_server_that_is_killed_is_noticed",
    ];
    a_transport_that_tires_in_an_hour_is_caught:
        |memory| Slipping::new(memory, Slip::TiresInAnHour) => [
        "a_pipe_rests_for_eight_hours_in_the_dark_and_loses_nothing",
        "keys_typed_before_and_after_a_night_come_in_order",
    ];
    a_transport_that_loses_one_byte_in_a_million_is_caught:
        |memory| transport::Broken::new(memory, transport::Fault::LosesAByte) => [
        "a_flood_of_output_comes_whole",
        "a_pipe_gives_back_every_byte",
        "a_pipe_rests_for_eight_hours_in_the_dark_and_loses_nothing",
        "an_outage_takes_nothing_from_a_pipe",
        "nothing_is_asked_for_above_a_transport_that_exchanges_its_own_keys",
    ];
    a_transport_that_drops_half_close_is_caught:
        |memory| transport::Broken::new(memory, transport::Fault::DropsHalfClose) => [
        "a_dialled_connection_keeps_its_bytes_and_its_ends",
        "a_pipe_gives_back_every_byte",
        "a_pipe_rests_for_eight_hours_in_the_dark_and_loses_nothing",
        "an_outage_takes_nothing_from_a_pipe",
        "nothing_is_asked_for_above_a_transport_that_exchanges_its_own_keys",
        "stderr_comes_apart_and_whole",
    ];
}

#[test]
fn every_session_scenario_is_failed_by_somebody() {
    let lists = OF_HOSTS.iter().chain(OF_TRANSPORTS);
    let failed: BTreeSet<_> = lists.flat_map(|list| named(list)).collect();
    let all: Vec<_> = SESSIONS.iter().map(|scenario| scenario.name).collect();
    assert_eq!(failed, named(&all));
}

fn memory(_: u64) -> Rig {
    let memory = Memory::default();
    let air = memory.air();
    over_its_air(memory, air)
}

fn over_its_air(transport: impl Transport, air: Air) -> Rig {
    Rig::new(transport).with_own_way(move |cut| match cut {
        true => air.darken(),
        false => air.clear(),
    })
}

fn kcp(seed: u64) -> Rig {
    kcp_undeclared(seed).with_keys_for(Thresholds::default().bytes)
}

fn kcp_undeclared(_: u64) -> Rig {
    Rig::new(Kcp::default())
}

/// The names of the scenarios that fail.
fn failures(over: Over, stage: SessionStage) -> BTreeSet<String> {
    let stage = stage.within(PATIENCE).with_nights_of(NIGHT);
    sessions("broken", &[over], stage, |_| true)
        .into_iter()
        .filter(|cell| matches!(cell.verdict, Verdict::Failed(_)))
        .map(|cell| cell.scenario)
        .collect()
}

fn named(names: &[&str]) -> BTreeSet<String> {
    names.iter().map(ToString::to_string).collect()
}

/// In real time: what is broken may leave its client waiting for ever.
const PATIENCE: Duration = Duration::from_secs(30);

/// Longer than what tires in an hour.
const NIGHT: Duration = Duration::from_secs(2 * 3600);
