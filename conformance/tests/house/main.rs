//! The rules of the house, read from the tree itself.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod manifests;
mod pages;
mod tree;

use std::path::{Path, PathBuf};

use tree::{CRATES, documents, holds_tests, read, root, shown, sources, sources_of};

/// A person reads a file of this length in one sitting.
const MAX_LINES: usize = 400;

#[test]
fn only_the_two_programs_name_a_concrete_transport() {
    let concrete = ["tssh_transport_", "quinn::", "quinn_proto::", "kcp::"];
    for name in ["core", "conformance"] {
        for (path, text) in sources_of(&root().join(name).join("src")) {
            for word in concrete {
                assert!(!text.contains(word), "{} names `{word}`", shown(&path));
            }
        }
    }
}

#[test]
fn state_machines_do_not_touch_the_world() {
    let worldly = [
        "Instant::now",
        "SystemTime::",
        "clock::now",
        "tokio::",
        "std::net::",
        "std::fs::",
        "std::thread",
        "getrandom",
        "async fn",
        ".await",
    ];
    let machines: Vec<_> = sources()
        .into_iter()
        .filter(|(path, _)| path.ends_with("state.rs"))
        .collect();
    assert!(
        machines.len() >= 5,
        "the state machines moved: this test looks at the wrong files"
    );
    for (path, text) in machines {
        for word in worldly {
            assert!(!text.contains(word), "{} mentions `{word}`", shown(&path));
        }
    }
}

#[test]
fn no_source_file_is_longer_than_one_sitting() {
    let long: Vec<_> = sources()
        .into_iter()
        .map(|(path, text)| (text.lines().count(), shown(&path)))
        .filter(|(lines, _)| *lines > MAX_LINES)
        .collect();
    assert!(long.is_empty(), "split these: {long:#?}");
}

/// A random order hides which branch may starve another, and makes each run of a simulation another one.
#[test]
fn every_select_of_a_program_says_what_comes_first() {
    let mut looked_at = 0;
    for name in CRATES.into_iter().filter(|name| *name != "conformance") {
        for (path, text) in sources_of(&root().join(name).join("src")) {
            if holds_tests(&path) {
                continue;
            }
            for branches in text.split("select! {").skip(1) {
                let order = branches.trim_start();
                assert!(
                    order.starts_with("biased;"),
                    "{}: a `select!` without `biased`: {}",
                    shown(&path),
                    order.lines().next().unwrap_or_default()
                );
                looked_at += 1;
            }
        }
    }
    assert!(looked_at >= 40, "this test looks at the wrong files");
}

#[test]
fn no_test_is_left_out() {
    let attribute = concat!("#[", "ignore");
    for (path, text) in sources() {
        assert!(
            !text.contains(attribute),
            "{} leaves a test out",
            shown(&path)
        );
    }
}

#[test]
fn nothing_unfinished_is_kept() {
    let marks = [
        concat!("to", "do!("),
        concat!("unimple", "mented!("),
        concat!("TO", "DO"),
    ];
    for (path, text) in sources().into_iter().chain(documents()) {
        for mark in marks {
            assert!(!text.contains(mark), "{} says `{mark}`", shown(&path));
        }
    }
}

/// A checkout elsewhere is another machine: whatever names this one is wrong there.
#[test]
fn no_file_names_the_machine_it_was_written_on() {
    let root = root();
    let mut places: Vec<_> = root.ancestors().take(2).map(Path::to_owned).collect();
    let told = ["HOME", "CARGO_HOME", "CARGO_TARGET_DIR"];
    places.extend(
        told.into_iter()
            .filter_map(std::env::var_os)
            .map(PathBuf::from),
    );
    // `/tmp` or `/src` is everybody's; two folders deep it is somebody's.
    places.retain(|place| place.is_absolute() && place.components().count() > 2);
    for (path, text) in sources().into_iter().chain(documents()) {
        for place in &places {
            let place = format!("{}/", place.display());
            assert!(!text.contains(&place), "{} names {place}", shown(&path));
        }
    }
}

/// The nouns of `core` meet in `connection` and `wire`; each edge that remains is a type handed down.
#[test]
fn the_nouns_of_core_do_not_use_one_another() {
    let nouns = ["auth", "forward", "heartbeat", "proxy", "session"];
    let edges = [
        // The path is what the authentication is of.
        (
            "proxy",
            "auth",
            &[
                "Ack",
                "AUTH_LEN",
                "Challenger",
                "Claim",
                "ProxyKey",
                "Verdict",
                "Verifier",
            ][..],
        ),
        // Heard packets are counted in the pipe; a verdict of silence stops the path clock.
        ("heartbeat", "proxy", &["PacketPipe"]),
        ("proxy", "heartbeat", &["Verdict", "told", "self"]),
    ];
    let core = root().join("core/src");
    for user in nouns {
        for (path, text) in sources_of(&core.join(user)) {
            for used in nouns.into_iter().filter(|used| *used != user) {
                let allowed = edges
                    .iter()
                    .find(|(from, to, _)| (*from, *to) == (user, used))
                    .map_or(&[][..], |(.., names)| names);
                for name in names_taken_from(used, &text) {
                    assert!(
                        allowed.contains(&name.as_str()),
                        "{} uses `crate::{used}::{name}`: let them meet in `connection`",
                        shown(&path)
                    );
                }
            }
        }
    }
}

#[test]
fn unsafe_code_lives_only_where_a_terminal_needs_the_system() {
    for (path, text) in sources() {
        let lifted = text.contains(concat!("unsafe_", "code,"))
            || text.contains(concat!("(unsafe_", "code"));
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if lifted {
            assert!(
                name.starts_with("pty_"),
                "{} lifts `unsafe_code`",
                shown(&path)
            );
            let blocks = text.matches("unsafe {").count();
            let reasons = text.matches("// SAFETY:").count();
            assert!(
                reasons >= blocks,
                "{}: {blocks} blocks, {reasons} reasons",
                shown(&path)
            );
        }
    }
}

#[test]
fn every_library_documents_what_is_public() {
    for name in CRATES {
        let text = read(&root().join(name).join("src/lib.rs"));
        assert!(
            text.starts_with("//! "),
            "{name}/src/lib.rs has no front page"
        );
        assert!(
            text.contains("#![warn(missing_docs)]"),
            "{name} lets public items go undocumented"
        );
    }
}

#[test]
fn a_file_is_named_after_a_thing() {
    let empty_words = [
        "util", "utils", "helper", "helpers", "common", "misc", "types", "manager",
    ];
    for (path, _) in sources() {
        for part in path
            .strip_prefix(root())
            .unwrap()
            .with_extension("")
            .components()
        {
            let part = part.as_os_str().to_string_lossy().into_owned();
            assert!(
                !empty_words.contains(&part.as_str()),
                "{} says nothing",
                shown(&path)
            );
        }
    }
}

/// What `text` takes from `crate::module`: the first name behind it, each name of a braced list.
fn names_taken_from(module: &str, text: &str) -> Vec<String> {
    let prefix = format!("crate::{module}::");
    let mut names = Vec::new();
    for rest in text.split(&prefix).skip(1) {
        match rest
            .strip_prefix('{')
            .and_then(|list| list.split('}').next())
        {
            Some(list) => names.extend(list.split(',').map(|name| first_word(name.trim()))),
            None => names.push(first_word(rest)),
        }
    }
    names.retain(|name| !name.is_empty());
    names
}

fn first_word(text: &str) -> String {
    text.chars()
        .take_while(|letter| letter.is_alphanumeric() || *letter == '_')
        .collect()
}

#[test]
fn the_reader_of_imports_sees_lists_and_single_names() {
    let text = "use crate::auth::{Claim,\n    Verdict};\nlet key = crate::auth::ProxyKey::of(x);";

    assert_eq!(
        names_taken_from("auth", text),
        ["Claim", "Verdict", "ProxyKey"]
    );
    assert_eq!(names_taken_from("session", text), Vec::<String>::new());
}
