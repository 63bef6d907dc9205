//! File names with wildcards, as `Include` has them.

use std::path::{Component, Path, PathBuf};

use super::pattern::wildcard;

/// The files that `pattern` names, sorted; a pattern without wildcards names itself when it exists.
///
/// `*` and `?` do not cross a slash and do not match a leading dot. At most [`FILES_MAX`] names at each level.
pub(super) fn expand(pattern: &Path) -> Vec<PathBuf> {
    let mut found = vec![PathBuf::new()];
    for component in pattern.components() {
        let name = component.as_os_str().to_string_lossy();
        let is_pattern = matches!(component, Component::Normal(_)) && name.contains(['*', '?']);
        if !is_pattern {
            for path in &mut found {
                path.push(component);
            }
            continue;
        }
        found = found
            .iter()
            .flat_map(|folder| entries(folder, &name))
            .take(FILES_MAX)
            .collect();
    }
    found.retain(|path| path.exists());
    found
}

fn entries(folder: &Path, pattern: &str) -> Vec<PathBuf> {
    let Ok(listing) = folder.read_dir() else {
        return Vec::new();
    };
    let mut names: Vec<_> = listing
        .filter_map(|entry| entry.ok().map(|entry| entry.file_name()))
        .filter(|name| {
            let name = name.to_string_lossy();
            wildcard(pattern, &name) && (pattern.starts_with('.') || !name.starts_with('.'))
        })
        .collect();
    names.sort();
    names.into_iter().map(|name| folder.join(name)).collect()
}

/// A folder of snippets has tens; a wildcard over a spool must not read it all.
const FILES_MAX: usize = 1024;
