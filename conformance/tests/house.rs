//! The rules of the house, read from the tree itself.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::fs;
use std::path::{Path, PathBuf};

/// A person reads a file of this length in one sitting.
const MAX_LINES: usize = 400;

const CRATES: [&str; 7] = [
    "client",
    "conformance",
    "core",
    "server",
    "transport-kcp",
    "transport-quic",
    "transport-tcp",
];

#[test]
fn crates_depend_on_one_another_in_one_direction_only() {
    for name in CRATES {
        let manifest = read(&root().join(name).join("Cargo.toml"));
        let allowed: &[&str] = match name {
            "core" => &[],
            "conformance" | "transport-kcp" | "transport-quic" | "transport-tcp" => &["core"],
            _ => &["core", "transport-kcp", "transport-quic", "transport-tcp"],
        };

        let used = crates_of_ours(&manifest, "dependencies");

        let wrong: Vec<_> = used
            .iter()
            .filter(|used| !allowed.contains(&used.as_str()))
            .collect();
        assert!(
            wrong.is_empty(),
            "{name} depends on {wrong:?}; it may use {allowed:?}"
        );
    }
}

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
        .filter(|(path, _)| !holds_tests(path))
        .map(|(path, text)| (text.lines().count(), shown(&path)))
        .filter(|(lines, _)| *lines > MAX_LINES)
        .collect();
    assert!(long.is_empty(), "split these: {long:#?}");
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
                "Ack",
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
fn versions_stand_in_the_root_alone() {
    for name in CRATES {
        let manifest = read(&root().join(name).join("Cargo.toml"));
        for line in manifest.lines() {
            let pinned = line.contains("version = \"") || line.contains(" = \"=");
            assert!(!pinned, "{name}/Cargo.toml pins a version: {line}");
        }
        assert!(
            manifest.contains("[lints]\nworkspace = true"),
            "{name} has lints of its own"
        );
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

/// The targets need a nightly compiler: nothing else would notice that one has lost what it runs.
#[test]
fn every_fuzz_target_runs_a_function_that_the_tests_run_too() {
    let folder = root().join("fuzz");
    let (manifest, page) = (
        read(&folder.join("Cargo.toml")),
        read(&folder.join("README.md")),
    );
    let targets = sources_of(&folder.join("fuzz_targets"));
    assert!(targets.len() >= 13, "the fuzz targets moved");
    assert_eq!(manifest.matches("[[bin]]").count(), targets.len());
    for (path, text) in targets {
        let name = path.file_stem().unwrap().to_string_lossy().into_owned();
        let called = format!("fuzzing::{name}(data)");
        assert!(text.contains(&called), "{} calls no {called}", shown(&path));
        let body = format!("pub fn {name}(data: &[u8])");
        let tried = format!(" {name}(");
        let bodies = sources()
            .into_iter()
            .filter(|(_, text)| text.contains(&body));
        assert_eq!(bodies.count(), 1, "{body}");
        let tests = sources().into_iter().filter(|(path, text)| {
            path.components()
                .any(|part| part.as_os_str().to_string_lossy().starts_with("fuzzing"))
                && text.contains("proptest! {")
                && text.contains(&tried)
        });
        assert!(tests.count() >= 1, "no test runs `{name}`");
        assert!(manifest.contains(&format!(
            "name = \"{name}\"\npath = \"fuzz_targets/{name}.rs\""
        )));
        assert!(
            page.contains(&format!("| `{name}` |")),
            "README.md lacks {name}"
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

#[test]
fn every_document_that_is_linked_is_there() {
    for (path, text) in documents() {
        let folder = path.parent().unwrap();
        for target in text
            .split("](")
            .skip(1)
            .filter_map(|rest| rest.split(')').next())
        {
            let file = target.split('#').next().unwrap_or_default();
            if file.is_empty() || file.contains("://") || file.contains(char::is_whitespace) {
                continue;
            }
            assert!(
                folder.join(file).exists(),
                "{} links to {file}",
                shown(&path)
            );
        }
    }
}

// --- reading the tree ---

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .unwrap()
        .to_owned()
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn shown(path: &Path) -> String {
    path.strip_prefix(root())
        .unwrap_or(path)
        .display()
        .to_string()
}

/// Every Rust file of the workspace, with its text, in a fixed order.
fn sources() -> Vec<(PathBuf, String)> {
    CRATES
        .into_iter()
        .flat_map(|name| sources_of(&root().join(name)))
        .collect()
}

fn sources_of(folder: &Path) -> Vec<(PathBuf, String)> {
    files_below(folder, "rs")
}

/// Every page of prose: those of the root, and those of the crates.
fn documents() -> Vec<(PathBuf, String)> {
    let mut pages = Vec::new();
    let plain = [
        ".ci/run",
        "Cargo.toml",
        "clippy.toml",
        "deny.toml",
        "justfile",
    ];
    pages.extend(
        plain
            .map(|name| root().join(name))
            .map(|path| (path.clone(), read(&path))),
    );
    for entry in fs::read_dir(root()).unwrap().map(Result::unwrap) {
        if entry
            .path()
            .extension()
            .is_some_and(|extension| extension == "md")
        {
            pages.push((entry.path(), read(&entry.path())));
        }
    }
    pages.extend(
        CRATES
            .into_iter()
            .flat_map(|name| files_below(&root().join(name), "md")),
    );
    pages.sort();
    pages
}

fn files_below(folder: &Path, extension: &str) -> Vec<(PathBuf, String)> {
    let mut found = Vec::new();
    let Ok(entries) = fs::read_dir(folder) else {
        return found;
    };
    for path in entries.map(|entry| entry.unwrap().path()) {
        if path.is_dir() {
            found.extend(files_below(&path, extension));
        } else if path.extension().is_some_and(|found| found == extension) {
            found.push((path.clone(), read(&path)));
        }
    }
    found.sort();
    found
}

fn holds_tests(path: &Path) -> bool {
    let path = path.strip_prefix(root()).unwrap();
    path.components().any(|part| {
        ["test", "tests", "tests.rs"]
            .iter()
            .any(|name| part.as_os_str() == *name)
    }) || path.to_string_lossy().ends_with("_tests.rs")
}

/// The crates of this workspace that `section` of a manifest names, by their folders.
fn crates_of_ours(manifest: &str, section: &str) -> Vec<String> {
    manifest
        .lines()
        .skip_while(|line| *line != format!("[{section}]"))
        .skip(1)
        .take_while(|line| !line.starts_with('['))
        .filter_map(|line| line.strip_prefix("tssh-"))
        .map(|rest| rest.split(['.', ' ']).next().unwrap_or_default().to_owned())
        .collect()
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
