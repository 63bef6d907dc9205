//! What the pages promise of the tree, and comments of the pages.

use crate::tree::{documents, read, root, shown, sources, sources_of};

/// A comment that says where a rule stands is worth as much as the rule that is found there.
#[test]
fn every_section_of_the_protocol_that_is_cited_is_there() {
    let page = read(&root().join("PROTOCOL.md"));
    let sections: Vec<_> = page
        .lines()
        .filter_map(|line| line.strip_prefix('#'))
        .map(|line| line.trim_start_matches('#').trim())
        .collect();
    let mut cited = 0;
    for (path, text) in sources() {
        let opened = concat!("PROTOCOL", ".md, ", '"');
        for rest in text.split(opened).skip(1) {
            let section = rest.split('"').next().unwrap_or_default();
            cited += 1;
            assert!(
                sections.contains(&section),
                "{} cites a section {section:?} that PROTOCOL.md does not have",
                shown(&path)
            );
        }
    }
    assert!(cited > 50, "comments cite the protocol in another way");
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
