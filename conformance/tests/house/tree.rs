//! Reads the repository, in a fixed order.

use std::fs;
use std::path::{Path, PathBuf};

pub(crate) const CRATES: [&str; 7] = [
    "client",
    "conformance",
    "core",
    "server",
    "transport-kcp",
    "transport-quic",
    "transport-tcp",
];

/// Sources of other workspaces, which keep the same rules.
const OUTSIDE: [&str; 3] = [
    "examples/noq/src",
    "examples/noq/tests",
    "fuzz/fuzz_targets",
];

/// Folders of pages, and of nothing else that is read here.
const PAGES: [&str; 4] = ["", "benches", "examples/noq", "fuzz"];

pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .unwrap()
        .to_owned()
}

pub(crate) fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

pub(crate) fn shown(path: &Path) -> String {
    path.strip_prefix(root())
        .unwrap_or(path)
        .display()
        .to_string()
}

/// Every Rust file of the repository, with its text, in a fixed order.
pub(crate) fn sources() -> Vec<(PathBuf, String)> {
    CRATES
        .into_iter()
        .chain(OUTSIDE)
        .flat_map(|name| sources_of(&root().join(name)))
        .collect()
}

pub(crate) fn sources_of(folder: &Path) -> Vec<(PathBuf, String)> {
    files_below(folder, "rs")
}

/// Every page of prose: those of the root, those of the crates, and those beside them.
pub(crate) fn documents() -> Vec<(PathBuf, String)> {
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
    for entry in PAGES
        .iter()
        .flat_map(|folder| fs::read_dir(root().join(folder)).unwrap())
        .map(Result::unwrap)
    {
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

pub(crate) fn holds_tests(path: &Path) -> bool {
    let path = path.strip_prefix(root()).unwrap();
    let in_tests = |part: std::path::Component<'_>| {
        let part = part.as_os_str();
        part == "tests" || part == "tests.rs"
    };
    path.components().any(in_tests) || path.to_string_lossy().ends_with("_tests.rs")
}
