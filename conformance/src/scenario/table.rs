//! Which scenarios there are, in which order, and where each applies.

use std::fmt;
use std::future::Future;
use std::pin::Pin;

use crate::medium::Over;
use crate::rig::{Rig, World};

/// One behaviour that a transport owes.
#[derive(Clone, Copy)]
pub struct Scenario {
    /// A sentence.
    pub name: &'static str,
    /// The module it stands in.
    pub group: &'static str,
    /// Where it applies.
    pub needs: Needs,
    /// With how many seeds it is played over UDP; elsewhere with six at the most.
    pub runs: u64,
    pub(crate) play: fn(World) -> Pin<Box<dyn Future<Output = ()>>>,
}

/// What a scenario cannot be played without.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Needs {
    /// Nothing: it applies everywhere.
    Any,
    /// Packets, and keys that stay quick, declared by the author.
    Brisk,
    /// Datagrams, declared by the author.
    Datagrams,
    /// That the author declared no datagrams.
    NoDatagrams,
    /// Packets that fly by themselves: they can be lost, and forged.
    Packets,
    /// A way that takes time.
    Weather,
}

impl Scenario {
    /// Why it does not apply; `None` where it does.
    pub fn absent(&self, over: Over, rig: &Rig) -> Option<&'static str> {
        rig.absent(over).or_else(|| self.needs_more(over, rig))
    }

    fn needs_more(&self, over: Over, rig: &Rig) -> Option<&'static str> {
        match (self.needs, over) {
            (Needs::Brisk, _) if !rig.brisk => Some("it declares no quick keys"),
            (Needs::Datagrams, _) if !rig.datagrams => Some("it declares no datagrams"),
            (Needs::NoDatagrams, _) if rig.datagrams => Some("it declares datagrams"),
            (Needs::Brisk | Needs::Packets | Needs::Weather, Over::Nothing) => {
                Some("it sends no packets")
            }
            (Needs::Brisk | Needs::Packets, Over::Tcp) => {
                Some("TCP loses, repeats and reorders nothing")
            }
            (Needs::Brisk | Needs::Packets, Over::Process) => {
                Some("a pipe loses, repeats and reorders nothing")
            }
            (
                Needs::Any
                | Needs::Brisk
                | Needs::Datagrams
                | Needs::NoDatagrams
                | Needs::Weather
                | Needs::Packets,
                _,
            ) => None,
        }
    }
}

impl fmt::Debug for Scenario {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}::{}", self.group, self.name)
    }
}

/// Hands the list of all scenarios to another macro: what a scenario needs, its group, how often it is
/// played, and the names.
#[doc(hidden)]
#[macro_export]
macro_rules! scenarios {
    ($then:ident $arguments:tt) => {
        $crate::$then! {
            $arguments
            Any streams 1 {
                bytes_arrive_as_they_were_sent_both_ways
                bytes_written_in_pieces_of_every_size_arrive_in_order
                a_byte_arrives_without_waiting_for_another
                a_stream_without_bytes_ends_on_both_sides
                a_hundred_streams_at_once_keep_their_bytes_apart
                streams_come_and_go_by_the_thousand
                questions_and_answers_alternate_on_one_stream
            }
            Weather streams 1 {
                only_the_client_opens_and_only_the_server_accepts
            }
            Any half_close 1 {
                a_client_that_ends_its_direction_still_hears_the_answer
                a_server_that_ends_its_direction_still_hears_the_client
                the_end_comes_behind_the_last_byte_although_the_writer_is_gone
                an_end_that_was_read_is_read_again
                ending_a_direction_twice_is_harmless
                a_writer_that_is_dropped_ends_the_wait_of_its_reader
                a_direction_that_is_reset_ends_the_wait_of_its_reader_and_nothing_else
                a_reader_that_is_dropped_stops_its_writer_and_nothing_else
            }
            Any pressure 1 {
                a_reader_that_rests_holds_its_writer_back
                a_reader_that_returns_after_a_night_finds_every_byte
                two_that_write_before_they_read_lose_nothing
                streams_that_nobody_accepts_for_a_while_are_accepted_later
                a_stream_too_many_waits_until_others_have_ended
            }
            Packets pressure 1 {
                bulk_at_full_speed_survives_the_sudden_loss_of_every_second_packet
            }
            Any neighbours 1 {
                a_stream_that_nobody_reads_does_not_stop_its_neighbours
                sixteen_streams_that_nobody_reads_do_not_stop_their_neighbours
                a_stream_that_is_dropped_in_full_flow_does_not_disturb_its_neighbours
                the_halves_of_a_stream_do_not_wait_for_each_other
            }
            Weather neighbours 2 {
                a_key_overtakes_bulk_that_waits_for_the_path
            }
            NoDatagrams datagrams 1 {
                it_offers_no_datagrams
            }
            Datagrams datagrams 1 {
                datagrams_keep_their_borders_and_their_bytes
                a_datagram_of_the_largest_forwarded_payload_fits
                a_datagram_at_the_limit_passes_and_one_byte_more_is_refused
                what_nobody_fetches_gives_way_to_what_is_newer
                a_stream_that_nobody_reads_does_not_stop_datagrams
                an_abandoned_receipt_loses_no_datagram
                datagrams_end_with_the_connection
            }
            Any ending 1 {
                the_offer_names_the_mode_and_keeps_what_others_wrote
                an_offer_without_credentials_is_refused_at_once
                closing_tells_the_peer_and_breaks_its_streams
                a_server_that_closes_tells_its_client
                everybody_who_waits_learns_of_the_end
                closing_twice_and_closing_what_the_peer_closed_returns_at_once
                the_goodbye_goes_out_although_the_connection_is_dropped_at_once
                closing_in_the_dark_takes_no_longer_than_a_second
                dropping_a_connection_is_an_outage_and_no_goodbye
                streams_that_outlive_their_connection_fail
            }
            Weather ending 1 {
                a_listener_accepts_one_client_and_no_other
                closing_takes_no_longer_than_a_second_where_the_path_has_no_room
                a_handshake_waits_out_an_outage_of_hours
            }
            Packets ending 1 {
                a_connection_that_is_dropped_sends_nothing
            }
            Any cancel 1 {
                an_abandoned_open_holds_no_place
                an_abandoned_accept_loses_no_stream
                an_abandoned_read_loses_no_byte
                an_abandoned_write_loses_and_doubles_no_byte
                an_abandoned_wait_for_the_end_ends_nothing
                an_abandoned_handshake_leaves_no_task
            }
            Weather cancel 1 {
                a_second_attempt_does_not_wait_behind_an_abandoned_one
            }
            Any tasks 1 {
                no_task_outlives_a_closed_connection
                no_task_outlives_a_dropped_connection
                no_task_outlives_a_connection_dropped_in_the_dark
                no_task_outlives_a_listener_that_nobody_called
            }
            Any dark 200 {
                a_minute_in_the_dark_leaves_no_delay_behind
                a_minute_in_the_dark_under_bulk_leaves_no_delay_behind
                a_minute_in_the_dark_with_a_key_on_its_way_leaves_no_delay_behind
                eight_hours_in_the_dark_leave_no_delay_behind
                eight_hours_in_the_dark_under_bulk_leave_no_delay_behind
                eight_hours_in_the_dark_with_a_key_on_its_way_leave_no_delay_behind
                thirty_days_in_the_dark_leave_no_delay_behind
                thirty_days_in_the_dark_under_bulk_leave_no_delay_behind
                thirty_days_in_the_dark_with_a_key_on_its_way_leave_no_delay_behind
            }
            Any dark 1 {
                a_file_survives_ten_outages
                a_short_outage_that_nobody_noticed_ends_nothing
            }
            Weather weather 1 {
                jitter_takes_nothing_from_a_stream
                packets_that_come_seconds_late_do_no_harm
                bulk_fills_a_path_of_two_megabits
            }
            Packets weather 2 {
                one_percent_of_loss_takes_nothing_from_a_stream
                five_percent_of_loss_take_nothing_from_a_stream
                twenty_percent_of_loss_take_nothing_from_a_stream
                loss_towards_the_server_alone_takes_nothing_from_a_stream
                loss_towards_the_client_alone_takes_nothing_from_a_stream
                packets_that_change_places_change_no_bytes
                packets_that_come_twice_come_once_in_a_stream
                a_storm_takes_nothing_from_a_stream
                a_connection_is_made_through_twenty_percent_of_loss
                a_path_that_takes_smaller_packets_than_before_is_survived
                a_path_that_takes_small_packets_from_the_start_is_survived
                no_packet_is_larger_than_the_pipe_takes
            }
            Packets roam 3 {
                a_file_survives_moves_from_network_to_network
                a_file_survives_a_translator_that_forgets
                a_file_survives_a_move_to_a_path_ten_times_as_long
                a_file_survives_a_move_to_a_path_of_smaller_packets
                a_key_after_a_move_has_its_echo_at_once
                a_key_after_a_translator_forgot_has_its_echo_at_once
                a_key_in_a_network_that_died_silently_comes_over_another
            }
            Packets events 16 {
                after_a_roam_a_key_has_its_echo
                after_a_roam_a_key_has_its_echo_from_a_foreign_server
                after_a_roam_a_key_has_its_echo_from_a_server_whose_acks_are_lost
                after_a_roam_that_nobody_tells_of_a_key_has_its_echo
                after_a_roam_that_nobody_tells_of_a_key_has_its_echo_from_a_foreign_server
                after_a_roam_that_nobody_tells_of_a_key_has_its_echo_from_a_server_whose_acks_are_lost
                after_a_soft_roam_a_key_has_its_echo
                after_a_soft_roam_a_key_has_its_echo_from_a_foreign_server
                after_a_soft_roam_a_key_has_its_echo_from_a_server_whose_acks_are_lost
                after_a_roam_with_a_gap_a_key_has_its_echo
                after_a_roam_with_a_gap_a_key_has_its_echo_from_a_foreign_server
                after_a_roam_with_a_gap_a_key_has_its_echo_from_a_server_whose_acks_are_lost
                after_a_cut_of_half_a_minute_a_key_has_its_echo
                after_a_cut_of_half_a_minute_a_key_has_its_echo_from_a_foreign_server
                after_a_cut_of_half_a_minute_a_key_has_its_echo_from_a_server_whose_acks_are_lost
                after_a_cut_of_ten_minutes_a_key_has_its_echo
                after_a_cut_of_ten_minutes_a_key_has_its_echo_from_a_foreign_server
                after_a_cut_of_ten_minutes_a_key_has_its_echo_from_a_server_whose_acks_are_lost
                after_a_sleep_of_half_a_minute_a_key_has_its_echo
                after_a_sleep_of_half_a_minute_a_key_has_its_echo_from_a_foreign_server
                after_a_sleep_of_half_a_minute_a_key_has_its_echo_from_a_server_whose_acks_are_lost
                after_a_sleep_of_eight_hours_a_key_has_its_echo
                after_a_sleep_of_eight_hours_a_key_has_its_echo_from_a_foreign_server
                after_a_sleep_of_eight_hours_a_key_has_its_echo_from_a_server_whose_acks_are_lost
                after_another_port_by_the_translator_a_key_has_its_echo
                after_another_port_by_the_translator_a_key_has_its_echo_from_a_foreign_server
                after_another_port_by_the_translator_a_key_has_its_echo_from_a_server_whose_acks_are_lost
                after_another_address_by_the_translator_a_key_has_its_echo
                after_another_address_by_the_translator_a_key_has_its_echo_from_a_foreign_server
                after_another_address_by_the_translator_a_key_has_its_echo_from_a_server_whose_acks_are_lost
                after_a_block_towards_the_server_a_key_has_its_echo
                after_a_block_towards_the_server_a_key_has_its_echo_from_a_foreign_server
                after_a_block_towards_the_server_a_key_has_its_echo_from_a_server_whose_acks_are_lost
                after_a_block_towards_the_client_a_key_has_its_echo
                after_a_block_towards_the_client_a_key_has_its_echo_from_a_foreign_server
                after_a_block_towards_the_client_a_key_has_its_echo_from_a_server_whose_acks_are_lost
            }
            Packets lies 2 {
                garbage_is_no_sign_of_life_and_ends_nothing
                garbage_does_not_stop_a_handshake
                truncated_packets_are_no_sign_of_life_and_end_nothing
                bent_packets_are_no_sign_of_life_and_end_nothing
                replayed_packets_are_no_sign_of_life_and_repeat_no_byte
                reflected_packets_are_no_sign_of_life_and_end_nothing
                garbage_is_seldom_answered
                every_new_packet_is_a_sign_of_life
                authentication_packets_that_come_late_change_nothing
            }
            Brisk brisk 1 {
                keys_are_echoed_within_60_ms_of_the_round_trip_beside_an_upload
                eight_downloads_at_once_delay_keys_no_more_than_one
                a_path_that_loses_one_packet_in_a_hundred_is_filled_all_the_same
                with_one_packet_in_twenty_lost_all_but_one_key_in_a_hundred_are_in_time
                with_one_packet_in_five_lost_all_but_one_key_in_a_hundred_need_one_round_trip
                where_nothing_is_lost_nothing_is_sent_again
            }
            Brisk brisk 2 {
                keys_are_echoed_within_60_ms_of_the_round_trip_beside_a_download
            }
        }
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! tabulate {
    ([] $($needs:ident $group:ident $runs:literal { $($name:ident)+ })+) => {
        /// Every scenario there is.
        pub const SCENARIOS: &[Scenario] = &[$($(
            Scenario {
                name: stringify!($name),
                group: stringify!($group),
                needs: Needs::$needs,
                runs: $runs,
                play: |world| Box::pin(super::$group::$name(world)),
            },
        )+)+];
    };
}

crate::scenarios! { tabulate [] }
