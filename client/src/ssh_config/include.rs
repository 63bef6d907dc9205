//! `Include`: which files it names, and reading them in place.

use std::path::{Path, PathBuf};

use super::lexer::Line;
use super::pattern::matches;
use super::reader::{Block, Ownership, Reader, Scope};
use super::tokens::{expand_tilde, expand_variables};
use super::{ConfigError, Place, Problem};

impl Reader<'_> {
    /// Reads every file that the line names; the block of the line goes on behind them.
    pub(super) fn include(
        &mut self,
        line: &Line,
        block: Block,
        place: &Place,
    ) -> Result<(), ConfigError> {
        let in_place = |problem| ConfigError::Line {
            place: place.clone(),
            problem,
        };
        if block.depth >= MAX_DEPTH {
            return Err(in_place(Problem::IncludeTooDeep { limit: MAX_DEPTH }));
        }
        let words = line.words().map_err(in_place)?;
        let inside = Block {
            ceiling: block.effect,
            depth: block.depth + 1,
            ..block
        };
        for word in words {
            if word.is_empty() {
                return Err(in_place(Problem::MissingArgument(line.keyword.clone())));
            }
            let pattern = self.anchor(&word, block.scope).map_err(in_place)?;
            for path in glob(&pattern) {
                self.read_file(&path, inside, Ownership::Checked)?;
            }
        }
        Ok(())
    }

    /// The absolute pattern that an argument stands for.
    fn anchor(&self, word: &str, scope: Scope) -> Result<PathBuf, Problem> {
        let token = |source| Problem::Token {
            keyword: "include".to_owned(),
            source,
        };
        let word = expand_variables(word, &self.env.variables).map_err(token)?;
        if word.starts_with('~') {
            return match scope {
                Scope::User => expand_tilde(&word, self.env)
                    .map(PathBuf::from)
                    .map_err(token),
                Scope::System => Err(Problem::IncludeOfHome(word)),
            };
        }
        let directory = match scope {
            Scope::User => self.env.home.join(".ssh"),
            Scope::System => self.env.system_directory.clone(),
        };
        Ok(directory.join(word))
    }
}

/// The files that match `pattern`, sorted; `*`, `?` and `[…]` never match a slash or a first dot.
pub(super) fn glob(pattern: &Path) -> Vec<PathBuf> {
    let mut found = vec![PathBuf::new()];
    for component in pattern.components() {
        let name = component.as_os_str();
        let text = name.to_string_lossy();
        if !text.contains(['*', '?', '[']) {
            found = found.into_iter().map(|path| path.join(name)).collect();
            continue;
        }
        let mut next = Vec::new();
        for directory in found {
            let entries = std::fs::read_dir(&directory)
                .into_iter()
                .flatten()
                .flatten();
            let names = entries.map(|entry| entry.file_name()).filter(|entry| {
                let entry = entry.to_string_lossy();
                (text.starts_with('.') || !entry.starts_with('.')) && matches_name(&entry, &text)
            });
            let mut paths: Vec<_> = names
                .map(|name| directory.join(name))
                .take(MAX_MATCHES)
                .collect();
            paths.sort();
            next.extend(paths);
        }
        next.truncate(MAX_MATCHES);
        found = next;
    }
    found.retain(|path| path.exists());
    found
}

/// As a shell matches one name: `[a-z]` and `[!a-z]` beside `*` and `?`.
fn matches_name(name: &str, pattern: &str) -> bool {
    let Some((before, after)) = pattern.split_once('[') else {
        return matches(name, pattern);
    };
    // A `]` that comes first is a member of the set.
    let skip = if after.starts_with(['!', '^']) { 2 } else { 1 };
    let end = after
        .char_indices()
        .skip(skip)
        .find(|&(_, c)| c == ']')
        .map(|(at, _)| at);
    let Some(end) = end else {
        return matches(name, pattern);
    };
    let (set, after) = (&after[..end], &after[end + 1..]);
    name.char_indices().any(|(at, c)| {
        matches(&name[..at], before)
            && is_member(c, set)
            && matches_name(&name[at + c.len_utf8()..], after)
    })
}

fn is_member(c: char, set: &str) -> bool {
    let (set, wanted) = match set.strip_prefix(['!', '^']) {
        Some(set) => (set, false),
        None => (set, true),
    };
    let chars: Vec<char> = set.chars().collect();
    let mut at = 0;
    let mut found = false;
    while at < chars.len() {
        if let (Some('-'), Some(&high)) = (chars.get(at + 1), chars.get(at + 2)) {
            found |= (chars[at]..=high).contains(&c);
            at += 3;
        } else {
            found |= chars[at] == c;
            at += 1;
        }
    }
    found == wanted
}

/// As OpenSSH: deeper nesting is taken for an include that leads to itself.
const MAX_DEPTH: usize = 16;

/// A directory with more files than this is not one of configuration files.
const MAX_MATCHES: usize = 4096;
