//! The flaws of a transport that sends packets, and the scenarios that each fails.

use std::collections::BTreeSet;

use tssh_conformance::stage;

use crate::packets::Flaw;
use crate::{Part, failures_with_packets, flawed, names};

/// A test for each flaw: what a transport does wrong with packets, and the scenarios that tell. Each scenario is played with
/// its first seed.
macro_rules! flaws {
    ($($part:ident { $($name:ident: $flaw:ident => $told_by:expr;)+ })+) => {
        $($(#[test]
        fn $name() {
            fn rig(_: u64) -> tssh_conformance::Rig {
                flawed(Flaw::$flaw)
            }
            let told_by: &[&str] = &$told_by;
            let failed = failures_with_packets(stage!(rig).at_most(1), Part::$part);
            assert_eq!(failed, names(told_by));
        })+)+

        /// The scenarios that tell of each.
        pub(crate) const TOLD_BY: &[&[&str]] = &[$($(&$told_by),+),+];
    };
}

#[test]
fn a_transport_of_packets_that_breaks_nothing_passes() {
    fn rig(_: u64) -> tssh_conformance::Rig {
        flawed(Flaw::Nothing)
    }
    let failed = failures_with_packets(stage!(rig).at_most(SEEDS), Part::All);
    assert_eq!(failed, BTreeSet::new());
}

flaws! {
    Quick {
        a_transport_whose_listener_waits_for_another_client_is_caught: AcceptsForEver => [
            "a_listener_accepts_one_client_and_no_other",
        ];
        a_transport_that_answers_what_it_cannot_open_is_caught: AnswersNoise => [
            "garbage_is_seldom_answered",
        ];
        a_transport_whose_timers_run_on_in_the_dark_is_caught: BacksOffInTheDark => [
            "a_handshake_waits_out_an_outage_of_hours",
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
            "bulk_fills_a_path_of_two_megabits",
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
            "events::after_a_block_towards_the_client_a_key_has_its_echo*",
        ];
        a_transport_that_noise_can_end_is_caught: EndsAtNoise => [
            "authentication_packets_that_come_late_change_nothing",
            "bent_packets_are_no_sign_of_life_and_end_nothing",
            "garbage_does_not_stop_a_handshake",
            "garbage_is_no_sign_of_life_and_ends_nothing",
            "reflected_packets_are_no_sign_of_life_and_end_nothing",
            "truncated_packets_are_no_sign_of_life_and_end_nothing",
        ];
        a_transport_that_ends_for_silence_is_caught: EndsInTheDark => [
            "a_handshake_waits_out_an_outage_of_hours",
            "events::after_a_cut_of_half_a_minute_a_key_has_its_echo*",
            "events::after_a_cut_of_ten_minutes_a_key_has_its_echo*",
            "events::after_a_sleep_of_half_a_minute_a_key_has_its_echo*",
            "events::after_a_sleep_of_eight_hours_a_key_has_its_echo*",
        ];
        a_transport_that_sends_nothing_again_after_a_move_is_caught: ForgetsAtAMove => [
            "a_file_survives_a_move_to_a_path_of_smaller_packets",
            "a_file_survives_a_move_to_a_path_ten_times_as_long",
            "a_file_survives_a_translator_that_forgets",
            "a_file_survives_moves_from_network_to_network",
            "events::after_a_block_towards_the_client_a_key_has_its_echo*",
        ];
        a_transport_that_sends_nothing_again_after_the_dark_is_caught: ForgetsInTheDark => [
            "a_handshake_waits_out_an_outage_of_hours",
            "events::after_a_block_towards_the_client_a_key_has_its_echo*",
        ];
        a_transport_that_gives_up_after_some_losses_is_caught: GivesUpAfterLosses => [
            "a_file_survives_a_move_to_a_path_of_smaller_packets",
            "a_file_survives_a_move_to_a_path_ten_times_as_long",
            "a_file_survives_a_translator_that_forgets",
            "a_file_survives_moves_from_network_to_network",
            "a_storm_takes_nothing_from_a_stream",
            "bulk_fills_a_path_of_two_megabits",
            "five_percent_of_loss_take_nothing_from_a_stream",
            "jitter_takes_nothing_from_a_stream",
            "loss_towards_the_client_alone_takes_nothing_from_a_stream",
            "loss_towards_the_server_alone_takes_nothing_from_a_stream",
            "packets_that_change_places_change_no_bytes",
            "packets_that_come_seconds_late_do_no_harm",
            "packets_that_come_twice_come_once_in_a_stream",
            "twenty_percent_of_loss_take_nothing_from_a_stream",
            "events::after_a_block_towards_the_client_a_key_has_its_echo*",
        ];
        a_transport_that_tells_of_no_sign_of_life_is_caught: KeepsItToItself => [
            "a_key_after_a_translator_forgot_has_its_echo_at_once",
            "a_key_in_a_network_that_died_silently_comes_over_another",
            "every_new_packet_is_a_sign_of_life",
            "events::*",
        ];
        a_transport_that_keeps_to_its_first_path_is_caught: KeepsToItsPath => [
            "a_file_survives_a_move_to_a_path_of_smaller_packets",
            "a_file_survives_a_move_to_a_path_ten_times_as_long",
            "a_file_survives_a_translator_that_forgets",
            "a_file_survives_moves_from_network_to_network",
            "a_key_after_a_move_has_its_echo_at_once",
            "a_key_after_a_translator_forgot_has_its_echo_at_once",
            "a_key_in_a_network_that_died_silently_comes_over_another",
            "events::*",
        ];
        a_transport_whose_server_opens_streams_is_caught: LetsBothOpen => [
            "only_the_client_opens_and_only_the_server_accepts",
        ];
        a_transport_that_waits_for_room_to_close_is_caught: LingersWithoutRoom => [
            "closing_takes_no_longer_than_a_second_where_the_path_has_no_room",
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
            "bulk_fills_a_path_of_two_megabits",
            "no_packet_is_larger_than_the_pipe_takes",
        ];
        a_transport_that_goes_on_when_it_is_dropped_is_caught: OutlivesItsHandles => [
            "a_connection_that_is_dropped_sends_nothing",
        ];
        a_transport_that_panics_at_a_short_packet_is_caught: PanicsAtShortPackets => [
            "garbage_does_not_stop_a_handshake",
            "garbage_is_no_sign_of_life_and_ends_nothing",
            "truncated_packets_are_no_sign_of_life_and_end_nothing",
        ];
        a_transport_that_serves_an_abandoned_attempt_alone_is_caught: ServesTheFirstAttempt => [
            "a_second_attempt_does_not_wait_behind_an_abandoned_one",
        ];
        a_transport_that_takes_a_doubled_packet_twice_is_caught: TakesDoublesTwice => [
            "a_key_after_a_move_has_its_echo_at_once",
            "a_storm_takes_nothing_from_a_stream",
            "after_a_soft_roam_a_key_has_its_echo",
            "packets_that_come_twice_come_once_in_a_stream",
            "replayed_packets_are_no_sign_of_life_and_repeat_no_byte",
            "events::after_a_roam_a_key_has_its_echo*",
            "events::after_a_roam_that_nobody_tells_of_a_key_has_its_echo*",
            "events::after_a_roam_with_a_gap_a_key_has_its_echo*",
            "events::after_a_cut_of_half_a_minute_a_key_has_its_echo*",
            "events::after_a_cut_of_ten_minutes_a_key_has_its_echo*",
            "events::after_a_sleep_of_half_a_minute_a_key_has_its_echo*",
            "events::after_a_sleep_of_eight_hours_a_key_has_its_echo*",
            "events::after_another_port_by_the_translator_a_key_has_its_echo*",
            "events::after_another_address_by_the_translator_a_key_has_its_echo*",
            "events::after_a_block_towards_the_server_a_key_has_its_echo*",
            "events::after_a_block_towards_the_client_a_key_has_its_echo*",
        ];
    }
    AllButBrisk {
        a_transport_that_gives_up_when_much_is_missing_is_caught: GivesUpAtGaps => [
            "bulk_at_full_speed_survives_the_sudden_loss_of_every_second_packet",
        ];
        a_transport_that_lets_keys_wait_behind_bulk_is_caught: IgnoresPriority => [
            "a_key_overtakes_bulk_that_waits_for_the_path",
        ];
    }
    Bulk {
        a_transport_that_fills_the_queue_of_the_path_is_caught: FillsTheQueue => [
            "a_key_overtakes_bulk_that_waits_for_the_path",
            "eight_downloads_at_once_delay_keys_no_more_than_one",
            "keys_are_echoed_within_60_ms_of_the_round_trip_beside_a_download",
            "keys_are_echoed_within_60_ms_of_the_round_trip_beside_an_upload",
        ];
        a_transport_that_tells_its_pipe_of_no_loss_is_caught: TellsNoLosses => [
            "with_one_packet_in_five_lost_all_but_one_key_in_a_hundred_need_one_round_trip",
            "with_one_packet_in_twenty_lost_all_but_one_key_in_a_hundred_are_in_time",
        ];
        a_transport_that_tells_its_pipe_of_losses_that_were_none_is_caught: TellsOfLossesThatWereNone => [
            "where_nothing_is_lost_nothing_is_sent_again",
        ];
    }
    All {
        a_transport_that_takes_loss_for_congestion_is_caught: TakesLossForCongestion => [
            "a_key_overtakes_bulk_that_waits_for_the_path",
            "a_path_that_loses_one_packet_in_a_hundred_is_filled_all_the_same",
            "eight_downloads_at_once_delay_keys_no_more_than_one",
            "keys_are_echoed_within_60_ms_of_the_round_trip_beside_a_download",
            "keys_are_echoed_within_60_ms_of_the_round_trip_beside_an_upload",
        ];
    }
}

/// For the one without a flaw: enough for each kind of moment that the seeds choose.
const SEEDS: u64 = 4;
