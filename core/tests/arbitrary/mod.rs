//! Any event, any session start, any text.

use std::time::Duration;

use proptest::collection::{btree_map, vec};
use proptest::option;
use proptest::prelude::*;
use tssh_core::wire::{
    AgentRequest, Alive, BusEvent, Channel, DebugLine, Discard, ErrorLine, Exit, Extension, Quit,
    Rekey, Resize, Secret, SessionStart, Setting, X11Request,
};

pub(crate) fn event() -> impl Strategy<Value = BusEvent> {
    let id = any::<u64>;
    let bytes = || vec(any::<u8>(), 0..80);
    prop_oneof![
        any::<i64>().prop_map(|time_ms| BusEvent::Alive(Alive { time_ms })),
        (text(), id())
            .prop_map(|(channel_type, id)| BusEvent::Channel(Channel { channel_type, id })),
        Just(BusEvent::Close),
        (text(), any::<i64>())
            .prop_map(|(text, time_ms)| BusEvent::Debug(DebugLine { text, time_ms })),
        (bytes(), bytes(), id(), id()).prop_map(|(marker, input, output_lines, output_bytes)| {
            BusEvent::Discard(Discard {
                marker,
                input,
                output_lines,
                output_bytes,
            })
        }),
        (any::<i64>(), text()).prop_map(|(code, text)| BusEvent::Error(ErrorLine { code, text })),
        (id(), any::<i64>(), text()).prop_map(|(id, code, signal)| BusEvent::Exit(Exit {
            id,
            code,
            signal
        })),
        text().prop_map(|reason| BusEvent::Quit(Quit { reason })),
        bytes().prop_map(|public_key| BusEvent::Rekey(Rekey { public_key })),
        (id(), any::<u32>(), any::<u32>(), any::<bool>(), bytes()).prop_map(
            |(id, cols, rows, redraw, marker)| {
                BusEvent::Resize(Resize {
                    id,
                    cols,
                    rows,
                    redraw,
                    marker,
                })
            }
        ),
        (any::<Option<bool>>(), any::<Option<bool>>()).prop_map(|(input, output)| {
            BusEvent::Setting(Setting {
                keep_pending_input: input,
                keep_pending_output: output,
            })
        }),
        "x[!-~]{0,254}".prop_map(BusEvent::Unknown),
    ]
}

pub(crate) fn session_start() -> impl Strategy<Value = SessionStart> {
    let x11 = (text(), any::<bool>(), text(), text(), any::<u32>()).prop_map(
        |(channel_type, single_connection, auth_protocol, cookie, screen_number)| X11Request {
            channel_type,
            single_connection,
            auth_protocol,
            auth_cookie: Secret::new(cookie),
            screen_number,
        },
    );
    let agent = text().prop_map(|channel_type| AgentRequest { channel_type });
    let numbers = (
        any::<u64>(),
        any::<u64>(),
        any::<u32>(),
        any::<u32>(),
        any::<[bool; 3]>(),
    );
    let words = (
        text(),
        vec(text(), 0..5),
        btree_map(text(), text(), 0..5),
        text(),
    );
    let rest = (
        option::of(x11),
        option::of(agent),
        vec(any::<u8>(), 0..50),
        vec(any::<u8>(), 0..50),
    );
    (numbers, words, rest).prop_map(|(numbers, words, rest)| {
        let (id, stderr_id, cols, rows, [pty, shell, attach]) = numbers;
        let (name, args, envs, subsystem) = words;
        let (x11, agent, shell_command, term_modes) = rest;
        SessionStart {
            id,
            pty,
            shell,
            name,
            args,
            cols,
            rows,
            envs,
            x11,
            agent,
            subsystem,
            attach,
            stderr_id,
            shell_command,
            term_modes,
        }
    })
}

pub(crate) fn extension() -> impl Strategy<Value = Extension> {
    (text(), vec(text(), 0..4)).prop_map(|(version, features)| Extension { version, features })
}

/// Any text, with what Go escapes made frequent.
pub(crate) fn text() -> impl Strategy<Value = String> {
    vec(
        prop_oneof![
            any::<char>(),
            "[<>&\"\\\\\u{2028}\u{0}-\u{1f}a-z]".prop_map(|s| s.chars().next().unwrap())
        ],
        0..20,
    )
    .prop_map(|chars| chars.into_iter().collect())
}

pub(crate) fn duration() -> impl Strategy<Value = Duration> {
    (0..=i64::MAX as u64).prop_map(Duration::from_nanos)
}
