//! What the manifests may say.

use crate::tree::{CRATES, read, root, sources_of};

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
fn versions_stand_in_the_root_alone() {
    for name in CRATES {
        let manifest = read(&root().join(name).join("Cargo.toml"));
        for line in dependencies_of(&manifest) {
            let taken = line.contains(".workspace = true") || line.contains("{ workspace = true");
            assert!(taken, "{name}/Cargo.toml pins a version: {line}");
        }
        assert!(
            manifest.contains("[lints]\nworkspace = true"),
            "{name} has lints of its own"
        );
    }
}

#[test]
fn every_dependency_of_the_root_is_somebodys() {
    let manifest = read(&root().join("Cargo.toml"));
    let members: Vec<_> = CRATES
        .into_iter()
        .map(|name| read(&root().join(name).join("Cargo.toml")))
        .collect();
    let (mut named, mut unused) = (0, Vec::new());
    for line in dependencies_of(&manifest) {
        let name = line.split([' ', '.']).next().unwrap_or_default();
        let used = |line: &str| line.split([' ', '.']).next() == Some(name);
        named += 1;
        if !members.iter().any(|text| dependencies_of(text).any(used)) {
            unused.push(name);
        }
    }
    assert!(named > 30, "the root's dependencies moved");
    assert!(unused.is_empty(), "no crate uses {unused:?}");
}

#[test]
fn no_crate_names_a_dependency_that_it_does_not_use() {
    for name in CRATES {
        let manifest = read(&root().join(name).join("Cargo.toml"));
        let sources = sources_of(&root().join(name));
        for line in dependencies_of(&manifest) {
            let word = line.split([' ', '.']).next().unwrap_or_default();
            let word = word.replace('-', "_");
            let used = sources.iter().any(|(_, text)| text.contains(&word));
            assert!(used, "{name} does not use {word}");
        }
    }
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

/// The lines of a manifest that name a dependency of any kind.
fn dependencies_of(manifest: &str) -> impl Iterator<Item = &str> {
    let mut wanted = false;
    manifest.lines().filter(move |line| {
        if line.starts_with('[') {
            wanted = line.ends_with("dependencies]");
            return false;
        }
        wanted && !line.is_empty() && !line.starts_with('#')
    })
}
