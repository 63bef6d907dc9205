//! The faults of a transport in memory, and the scenarios that each fails.

use tssh_conformance::stage;

use crate::transport::Fault;
use crate::{broken, failures, names};

/// A test for each fault: what a transport does wrong, and the scenarios that tell.
macro_rules! faults {
    ($($name:ident: $fault:ident => $told_by:expr;)+) => {
        $(#[test]
        fn $name() {
            fn rig(_: u64) -> tssh_conformance::Rig {
                broken(Fault::$fault)
            }
            let told_by: &[&str] = &$told_by;
            assert_eq!(failures(stage!(rig)), names(told_by));
        })+

        /// The scenarios that tell of each.
        pub(crate) const TOLD_BY: &[&[&str]] = &[$(&$told_by),+];
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
    a_transport_that_confuses_its_streams_is_caught: ConfusesStreams => [
        "a_hundred_streams_at_once_keep_their_bytes_apart",
        "streams_come_and_go_by_the_thousand",
        "streams_that_nobody_accepts_for_a_while_are_accepted_later",
    ];
    a_transport_that_breaks_off_what_ends_without_a_byte_is_caught: EndsNothingEmpty => [
        "a_server_that_ends_its_direction_still_hears_the_client",
        "a_stream_without_bytes_ends_on_both_sides",
        "streams_come_and_go_by_the_thousand",
    ];
    a_transport_that_ends_with_the_wait_for_its_end_is_caught: EndsWithItsWaiter => [
        "an_abandoned_wait_for_the_end_ends_nothing",
        "dropping_a_connection_is_an_outage_and_no_goodbye",
    ];
    a_transport_that_forgets_streams_which_nobody_accepts_is_caught: ForgetsStreams => [
        "streams_that_nobody_accepts_for_a_while_are_accepted_later",
    ];
    a_transport_that_keeps_what_was_dropped_is_caught: KeepsDroppedWriters => [
        "a_writer_that_is_dropped_ends_the_wait_of_its_reader",
    ];
    a_transport_whose_listener_leaves_a_task_is_caught: LeaksAListener => [
        "no_task_outlives_a_listener_that_nobody_called",
    ];
    a_transport_that_loses_a_byte_at_a_border_is_caught: LosesAtABorder => [
        "bytes_written_in_pieces_of_every_size_arrive_in_order",
        "questions_and_answers_alternate_on_one_stream",
    ];
    a_transport_that_loses_what_a_dropped_writer_wrote_last_is_caught: LosesTheTail => [
        "the_end_comes_behind_the_last_byte_although_the_writer_is_gone",
    ];
    a_transport_that_loses_what_is_written_in_the_dark_is_caught: LosesInTheDark => [
        "a_file_survives_ten_outages",
        "a_minute_in_the_dark_with_a_key_on_its_way_leaves_no_delay_behind",
        "a_short_outage_that_nobody_noticed_ends_nothing",
        "eight_hours_in_the_dark_with_a_key_on_its_way_leave_no_delay_behind",
        "thirty_days_in_the_dark_with_a_key_on_its_way_leave_no_delay_behind",
    ];
    a_transport_that_opens_streams_without_bound_is_caught: OpensWithoutBound => [
        "a_stream_too_many_waits_until_others_have_ended",
        "streams_that_nobody_accepts_for_a_while_are_accepted_later",
    ];
    a_transport_that_resets_both_directions_is_caught: ResetsBoth => [
        "a_direction_that_is_reset_ends_the_wait_of_its_reader_and_nothing_else",
    ];
    a_transport_that_says_goodbye_again_is_caught: TellsAgain => [
        "closing_twice_and_closing_what_the_peer_closed_returns_at_once",
    ];
    a_transport_whose_abandoned_reads_take_bytes_along_is_caught: TakesBytesAlong => [
        "an_abandoned_accept_loses_no_stream",
        "an_abandoned_read_loses_no_byte",
        "an_abandoned_write_loses_and_doubles_no_byte",
    ];
    a_transport_that_tries_an_offer_without_credentials_is_caught: TriesInVain => [
        "an_offer_without_credentials_is_refused_at_once",
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
