//! The suite itself is tried: a transport that breaks one promise fails the scenarios that are about
//! that promise, and no others; one that sends packets is tried with those about packets alone.

#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    clippy::wildcard_enum_match_arm,
    reason = "a test may panic; a broken transport leaves tasks behind; a fault changes one place"
)]

mod connection;
mod packets;
mod streams;
mod transport;

use std::collections::BTreeSet;

use tssh_conformance::matrix::{Verdict, matrix};
use tssh_conformance::{Over, Rig, Scenario, Stage, stage};
use tssh_core::transport::memory::Memory;

use packets::{Flaw, Packets};
use transport::{Broken, Fault};

/// A test for each fault: what a transport does wrong, and the scenarios that tell.
macro_rules! faults {
    ($($name:ident: $fault:ident => $told_by:expr;)+) => {
        $(#[test]
        fn $name() {
            fn rig(_: u64) -> Rig {
                broken(Fault::$fault)
            }
            let told_by: &[&str] = &$told_by;
            let told_by = told_by.iter().map(ToString::to_string).collect();
            assert_eq!(failures(stage!(rig)), told_by);
        })+
    };
}

/// The same for what a transport does wrong with packets; each scenario is played with its first seed.
macro_rules! flaws {
    ($($name:ident: $flaw:ident => $told_by:expr;)+) => {
        $(#[test]
        fn $name() {
            fn rig(_: u64) -> Rig {
                Rig::new(Packets(Flaw::$flaw))
            }
            let told_by: &[&str] = &$told_by;
            let told_by = told_by.iter().map(ToString::to_string).collect();
            assert_eq!(failures_with_packets(stage!(rig).at_most(1)), told_by);
        })+
    };
}

faults! {
    a_transport_that_breaks_nothing_passes: Nothing => [];
    a_transport_that_lets_keys_wait_for_company_is_caught: BatchesKeys => [
        "a_byte_arrives_without_waiting_for_another",
        "a_stream_that_nobody_reads_does_not_stop_its_neighbours",
        "sixteen_streams_that_nobody_reads_do_not_stop_their_neighbours",
        "a_minute_in_the_dark_leaves_no_delay_behind",
        "a_minute_in_the_dark_under_bulk_leaves_no_delay_behind",
        "a_minute_in_the_dark_with_a_key_on_its_way_leaves_no_delay_behind",
        "eight_hours_in_the_dark_leave_no_delay_behind",
        "eight_hours_in_the_dark_under_bulk_leave_no_delay_behind",
        "eight_hours_in_the_dark_with_a_key_on_its_way_leave_no_delay_behind",
        "thirty_days_in_the_dark_leave_no_delay_behind",
        "thirty_days_in_the_dark_under_bulk_leave_no_delay_behind",
        "thirty_days_in_the_dark_with_a_key_on_its_way_leave_no_delay_behind",
    ];
    a_transport_that_loses_one_byte_in_a_million_is_caught: LosesAByte => A_MILLION_BYTES;
    a_transport_that_doubles_one_byte_in_a_million_is_caught: Repeats => A_MILLION_BYTES;
    a_transport_that_swaps_two_bytes_in_a_million_is_caught: Reorders => A_MILLION_BYTES;
    a_transport_that_drops_half_close_is_caught: DropsHalfClose => [
        "a_client_that_ends_its_direction_still_hears_the_answer",
        "a_server_that_ends_its_direction_still_hears_the_client",
        "ending_a_direction_twice_is_harmless",
    ];
    a_transport_that_tells_an_end_once_is_caught: LosesTheEnd => [
        "an_end_that_was_read_is_read_again",
    ];
    a_transport_that_takes_all_that_is_written_is_caught: GrowsWithoutBound => [
        "a_reader_that_is_dropped_stops_its_writer_and_nothing_else",
        "a_reader_that_rests_holds_its_writer_back",
        "a_stream_that_nobody_reads_does_not_stop_datagrams",
        "a_stream_that_nobody_reads_does_not_stop_its_neighbours",
        "closing_tells_the_peer_and_breaks_its_streams",
        "sixteen_streams_that_nobody_reads_do_not_stop_their_neighbours",
        "streams_that_outlive_their_connection_fail",
        "the_halves_of_a_stream_do_not_wait_for_each_other",
    ];
    a_transport_whose_streams_block_one_another_is_caught: BlocksNeighbours => [
        "a_stream_that_nobody_reads_does_not_stop_its_neighbours",
        "sixteen_streams_that_nobody_reads_do_not_stop_their_neighbours",
    ];
    a_transport_whose_ended_streams_hold_their_places_is_caught: RunsOutOfStreams => [
        "an_abandoned_open_holds_no_place",
        "streams_come_and_go_by_the_thousand",
    ];
    a_transport_with_datagrams_it_does_not_declare_is_caught: HidesDatagrams => [
        "it_offers_no_datagrams",
    ];
    a_transport_without_the_datagrams_it_declares_is_caught: ClaimsDatagrams => [
        "a_datagram_at_the_limit_passes_and_one_byte_more_is_refused",
        "a_datagram_of_the_largest_forwarded_payload_fits",
        "a_stream_that_nobody_reads_does_not_stop_datagrams",
        "an_abandoned_receipt_loses_no_datagram",
        "datagrams_end_with_the_connection",
        "datagrams_keep_their_borders_and_their_bytes",
        "what_nobody_fetches_gives_way_to_what_is_newer",
    ];
    a_transport_that_takes_datagrams_it_cannot_carry_is_caught: DropsLargeDatagrams => [
        "a_datagram_at_the_limit_passes_and_one_byte_more_is_refused",
        "a_datagram_of_the_largest_forwarded_payload_fits",
        "datagrams_keep_their_borders_and_their_bytes",
    ];
    a_transport_that_clears_the_offer_is_caught: ClearsTheOffer => [
        "the_offer_names_the_mode_and_keeps_what_others_wrote",
    ];
    a_transport_that_ends_for_the_wrong_reason_is_caught: MisnamesTheEnd => [
        "a_server_that_closes_tells_its_client",
        "closing_in_the_dark_takes_no_longer_than_a_second",
        "closing_tells_the_peer_and_breaks_its_streams",
        "the_goodbye_goes_out_although_the_connection_is_dropped_at_once",
    ];
    a_transport_whose_cut_streams_look_ended_is_caught: ConfusesCutAndEnd => [
        "closing_tells_the_peer_and_breaks_its_streams",
        "everybody_who_waits_learns_of_the_end",
        "streams_that_outlive_their_connection_fail",
    ];
    a_transport_that_says_goodbye_when_it_is_dropped_is_caught: FarewellOnDrop => [
        "dropping_a_connection_is_an_outage_and_no_goodbye",
    ];
    a_transport_that_waits_for_a_path_to_close_is_caught: LingersInTheDark => [
        "closing_in_the_dark_takes_no_longer_than_a_second",
    ];
    a_transport_that_loses_streams_with_abandoned_accepts_is_caught: AbandonsAccepted => [
        "an_abandoned_accept_loses_no_stream",
        "an_abandoned_open_holds_no_place",
    ];
    a_transport_that_leaks_a_task_is_caught: LeaksATask => [
        "an_abandoned_handshake_leaves_no_task",
        "no_task_outlives_a_closed_connection",
        "no_task_outlives_a_connection_dropped_in_the_dark",
        "no_task_outlives_a_dropped_connection",
    ];
    a_transport_whose_timers_back_off_in_the_dark_is_caught: BacksOff => [
        "a_minute_in_the_dark_with_a_key_on_its_way_leaves_no_delay_behind",
        "eight_hours_in_the_dark_with_a_key_on_its_way_leave_no_delay_behind",
        "thirty_days_in_the_dark_with_a_key_on_its_way_leave_no_delay_behind",
    ];
}

#[test]
fn a_transport_of_packets_that_breaks_nothing_passes() {
    fn rig(_: u64) -> Rig {
        Rig::new(Packets(Flaw::Nothing))
    }
    assert_eq!(failures_with_packets(stage!(rig)), BTreeSet::new());
}

flaws! {
    a_transport_that_answers_what_it_cannot_open_is_caught: AnswersNoise => [
        "garbage_is_seldom_answered",
    ];
    a_transport_that_takes_whatever_comes_for_a_sign_of_life_is_caught: BelievesNoise => [
        "authentication_packets_that_come_late_change_nothing",
        "bent_packets_are_no_sign_of_life_and_end_nothing",
        "garbage_is_no_sign_of_life_and_ends_nothing",
        "reflected_packets_are_no_sign_of_life_and_end_nothing",
        "replayed_packets_are_no_sign_of_life_and_repeat_no_byte",
        "truncated_packets_are_no_sign_of_life_and_end_nothing",
    ];
    a_transport_that_hears_its_own_packets_is_caught: BelievesReflections => [
        "reflected_packets_are_no_sign_of_life_and_end_nothing",
    ];
    a_transport_that_takes_an_old_packet_for_a_sign_of_life_is_caught: BelievesReplays => [
        "replayed_packets_are_no_sign_of_life_and_repeat_no_byte",
    ];
    a_transport_that_opens_packets_which_were_changed_is_caught: BelievesWhatIsBent => [
        "bent_packets_are_no_sign_of_life_and_end_nothing",
    ];
    a_transport_whose_packets_do_not_shrink_with_the_path_is_caught: CannotShrink => [
        "a_file_survives_a_move_to_a_path_of_smaller_packets",
        "a_path_that_takes_small_packets_from_the_start_is_survived",
        "a_path_that_takes_smaller_packets_than_before_is_survived",
    ];
    a_transport_that_hands_up_what_comes_as_it_comes_is_caught: DeliversAsItComes => [
        "a_connection_is_made_through_twenty_percent_of_loss",
        "a_file_survives_a_move_to_a_path_of_smaller_packets",
        "a_file_survives_a_move_to_a_path_ten_times_as_long",
        "a_file_survives_a_translator_that_forgets",
        "a_file_survives_moves_from_network_to_network",
        "a_storm_takes_nothing_from_a_stream",
        "five_percent_of_loss_take_nothing_from_a_stream",
        "jitter_takes_nothing_from_a_stream",
        "loss_towards_the_client_alone_takes_nothing_from_a_stream",
        "loss_towards_the_server_alone_takes_nothing_from_a_stream",
        "one_percent_of_loss_takes_nothing_from_a_stream",
        "packets_that_change_places_change_no_bytes",
        "packets_that_come_seconds_late_do_no_harm",
        "packets_that_come_twice_come_once_in_a_stream",
        "twenty_percent_of_loss_take_nothing_from_a_stream",
    ];
    a_transport_that_noise_can_end_is_caught: EndsAtNoise => [
        "authentication_packets_that_come_late_change_nothing",
        "bent_packets_are_no_sign_of_life_and_end_nothing",
        "garbage_does_not_stop_a_handshake",
        "garbage_is_no_sign_of_life_and_ends_nothing",
        "reflected_packets_are_no_sign_of_life_and_end_nothing",
        "truncated_packets_are_no_sign_of_life_and_end_nothing",
    ];
    a_transport_that_sends_nothing_again_after_a_move_is_caught: ForgetsAtAMove => [
        "a_file_survives_a_move_to_a_path_ten_times_as_long",
    ];
    a_transport_that_gives_up_after_some_losses_is_caught: GivesUpAfterLosses => [
        "a_file_survives_a_move_to_a_path_of_smaller_packets",
        "a_file_survives_a_move_to_a_path_ten_times_as_long",
        "a_file_survives_a_translator_that_forgets",
        "a_file_survives_moves_from_network_to_network",
        "a_storm_takes_nothing_from_a_stream",
        "five_percent_of_loss_take_nothing_from_a_stream",
        "jitter_takes_nothing_from_a_stream",
        "loss_towards_the_client_alone_takes_nothing_from_a_stream",
        "loss_towards_the_server_alone_takes_nothing_from_a_stream",
        "one_percent_of_loss_takes_nothing_from_a_stream",
        "packets_that_change_places_change_no_bytes",
        "packets_that_come_seconds_late_do_no_harm",
        "packets_that_come_twice_come_once_in_a_stream",
        "twenty_percent_of_loss_take_nothing_from_a_stream",
    ];
    a_transport_that_waits_for_each_acknowledgement_is_caught: OneAtATime => [
        "a_file_survives_a_move_to_a_path_of_smaller_packets",
        "a_file_survives_a_move_to_a_path_ten_times_as_long",
        "a_file_survives_a_translator_that_forgets",
        "a_file_survives_moves_from_network_to_network",
        "bulk_fills_a_path_of_two_megabits",
    ];
    a_transport_whose_packets_outgrow_the_pipe_is_caught: OutgrowsThePipe => [
        "a_file_survives_a_move_to_a_path_of_smaller_packets",
        "a_path_that_takes_small_packets_from_the_start_is_survived",
        "a_path_that_takes_smaller_packets_than_before_is_survived",
        "a_storm_takes_nothing_from_a_stream",
        "no_packet_is_larger_than_the_pipe_takes",
    ];
    a_transport_that_panics_at_a_short_packet_is_caught: PanicsAtShortPackets => [
        "garbage_does_not_stop_a_handshake",
        "garbage_is_no_sign_of_life_and_ends_nothing",
        "truncated_packets_are_no_sign_of_life_and_end_nothing",
    ];
    a_transport_that_takes_a_doubled_packet_twice_is_caught: TakesDoublesTwice => [
        "a_key_after_a_move_has_its_echo_at_once",
        "a_storm_takes_nothing_from_a_stream",
        "packets_that_come_twice_come_once_in_a_stream",
        "replayed_packets_are_no_sign_of_life_and_repeat_no_byte",
    ];
}

/// Those in which a stream carries so much.
const A_MILLION_BYTES: [&str; 6] = [
    "a_file_survives_ten_outages",
    "a_reader_that_returns_after_a_night_finds_every_byte",
    "a_stream_that_is_dropped_in_full_flow_does_not_disturb_its_neighbours",
    "an_abandoned_write_loses_and_doubles_no_byte",
    "bytes_arrive_as_they_were_sent_both_ways",
    "two_that_write_before_they_read_lose_nothing",
];

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

/// The names of the scenarios that fail.
fn failures(stage: Stage) -> BTreeSet<String> {
    matrix("broken", &[Over::Nothing], stage, |_| true)
        .into_iter()
        .filter(|cell| matches!(cell.verdict, Verdict::Failed(_)))
        .map(|cell| cell.scenario)
        .collect()
}

/// The same for a transport that sends packets: of the scenarios about packets, those that fail.
fn failures_with_packets(stage: Stage) -> BTreeSet<String> {
    let about_packets = |scenario: &Scenario| ["lies", "roam", "weather"].contains(&scenario.group);
    matrix("flawed", &[Over::Udp], stage, about_packets)
        .into_iter()
        .filter(|cell| matches!(cell.verdict, Verdict::Failed(_)))
        .map(|cell| cell.scenario)
        .collect()
}
