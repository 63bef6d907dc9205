//! Reads the files line by line, with the blocks, includes and checks of ownership.

use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use super::lexer::Line;
use super::matcher::Exec;
use super::options::{Draft, Effect};
use super::pattern::matches;
use super::{ConfigError, Keyword, Place, Problem};
use crate::settings::Environment;

/// Which reading of the files it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pass {
    /// The first: `Match final` and `Match canonical` do not hold.
    First,
    /// The second, once the host name is known for good.
    Final,
}

/// Whose file it is: it decides where relative includes lie.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Scope {
    /// The user's, or one given by `-F`.
    User,
    /// The system's.
    System,
}

/// Whether a file must belong to the user or root and be closed to all others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ownership {
    /// It must.
    Checked,
    /// The user has named it, or only root can have written it.
    Trusted,
}

/// One pass over the configuration of one host.
#[derive(Debug)]
pub(crate) struct Reader<'a> {
    pub(super) env: &'a Environment,
    pub(super) draft: &'a mut Draft,
    /// What `Host` patterns are compared with.
    pub(super) host: &'a str,
    /// The host as given on the command line.
    pub(super) original_host: &'a str,
    pub(super) pass: Pass,
    pub(super) wants_final: bool,
    files: usize,
}

/// What holds for the lines of one file.
#[derive(Clone, Copy, Debug)]
pub(super) struct Block {
    pub(super) scope: Scope,
    /// Whether the current `Host` or `Match` block applies.
    pub(super) effect: Effect,
    /// Whether any block may apply: not in a file included from a block that does not.
    pub(super) ceiling: Effect,
    pub(super) depth: usize,
}

impl<'a> Reader<'a> {
    pub(crate) fn new(
        env: &'a Environment,
        draft: &'a mut Draft,
        host: &'a str,
        original_host: &'a str,
        pass: Pass,
    ) -> Self {
        Self {
            env,
            draft,
            host,
            original_host,
            pass,
            wants_final: false,
            files: 0,
        }
    }

    /// Reads the file of `-F` (`none` is no file), or the user's and then the system's.
    ///
    /// Returns whether a `Match final` asks for a second pass.
    pub(crate) fn read_files(mut self, config: Option<&Path>) -> Result<bool, ConfigError> {
        let top = |scope| Block {
            scope,
            effect: Effect::Applies,
            ceiling: Effect::Applies,
            depth: 0,
        };
        match config {
            Some(path) if path.to_string_lossy().eq_ignore_ascii_case("none") => {}
            Some(path) => {
                if !self.read_file(path, top(Scope::User), Ownership::Trusted)? {
                    return Err(unreadable(path)(io::ErrorKind::NotFound.into()));
                }
            }
            None => {
                let own = self.env.home.join(".ssh/config");
                self.read_file(&own, top(Scope::User), Ownership::Checked)?;
                let system = self.env.system_directory.join("ssh_config");
                self.read_file(&system, top(Scope::System), Ownership::Trusted)?;
            }
        }
        Ok(self.wants_final)
    }

    /// False when there is no such file.
    pub(super) fn read_file(
        &mut self,
        path: &Path,
        mut block: Block,
        ownership: Ownership,
    ) -> Result<bool, ConfigError> {
        let Some(text) = self.load(path, ownership)? else {
            return Ok(false);
        };
        for (at, line) in text.split('\n').enumerate() {
            let place = Place::File {
                path: path.to_owned(),
                line: at + 1,
            };
            self.read_line(line, &mut block, &place)?;
        }
        Ok(true)
    }

    fn load(&mut self, path: &Path, ownership: Ownership) -> Result<Option<String>, ConfigError> {
        let file = match File::open(path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(unreadable(path)(error)),
        };
        self.files += 1;
        if self.files > MAX_FILES {
            return Err(ConfigError::TooManyFiles(MAX_FILES));
        }
        let metadata = file.metadata().map_err(unreadable(path))?;
        if metadata.is_dir() {
            return Ok(Some(String::new()));
        }
        let owner_is_safe = metadata.uid() == 0 || metadata.uid() == self.env.uid;
        let others_may_write = metadata.mode() & 0o022 != 0;
        if ownership == Ownership::Checked && (!owner_is_safe || others_may_write) {
            return Err(ConfigError::Permissions(path.to_owned()));
        }
        let mut bytes = Vec::new();
        file.take(MAX_FILE_SIZE + 1)
            .read_to_end(&mut bytes)
            .map_err(unreadable(path))?;
        if bytes.len() as u64 > MAX_FILE_SIZE {
            return Err(ConfigError::TooLarge {
                path: path.to_owned(),
                limit: MAX_FILE_SIZE,
            });
        }
        Ok(Some(String::from_utf8_lossy(&bytes).into_owned()))
    }

    fn read_line(
        &mut self,
        text: &str,
        block: &mut Block,
        place: &Place,
    ) -> Result<(), ConfigError> {
        let in_place = |problem| ConfigError::Line {
            place: place.clone(),
            problem,
        };
        let own = text.trim_start().strip_prefix("#!!");
        let Some(line) = Line::parse(own.unwrap_or(text)).or_else(|problem| match own {
            Some(_) => Ok(None),
            None => Err(in_place(problem)),
        })?
        else {
            return Ok(());
        };
        let ignore_unknown = self.draft.settings.ignore_unknown.as_deref();
        let keyword = match (Keyword::parse(&line.keyword, ignore_unknown), own) {
            // Other programs keep options of their own in such comments.
            (Err(_), Some(_)) => return Ok(()),
            (Ok(keyword), Some(_)) if !keyword.is_ours() => return Ok(()),
            (keyword, _) => keyword.map_err(in_place)?,
        };
        #[expect(
            clippy::wildcard_enum_match_arm,
            reason = "the others do not change the block"
        )]
        match keyword {
            Keyword::Host => {
                let patterns = line.words().map_err(in_place)?;
                if patterns.is_empty() || patterns.iter().any(String::is_empty) {
                    return Err(in_place(Problem::MissingArgument(line.keyword)));
                }
                let applies = block.ceiling == Effect::Applies && applies(self.host, &patterns);
                block.effect = if applies {
                    Effect::Applies
                } else {
                    Effect::Checked
                };
                Ok(())
            }
            Keyword::Match => {
                let exec = match block.ceiling {
                    Effect::Applies => Exec::Allowed,
                    Effect::Checked => Exec::Forbidden,
                };
                let holds = self.evaluate_match(&line.rest, exec, place)?;
                block.effect = if holds {
                    Effect::Applies
                } else {
                    Effect::Checked
                };
                Ok(())
            }
            Keyword::Unsupported => {
                let asks_for_nothing = ["no", "none", "false"]
                    .iter()
                    .any(|word| word.eq_ignore_ascii_case(&line.rest));
                let warning = format!(
                    "{place}: {} is not supported and does nothing",
                    line.keyword
                );
                let warnings = &mut self.draft.settings.warnings;
                let is_news = block.effect == Effect::Applies && !asks_for_nothing;
                // The second pass meets the same lines again.
                if is_news && !warnings.contains(&warning) {
                    warnings.push(warning);
                }
                Ok(())
            }
            Keyword::Include => self.include(&line, *block, place),
            keyword => self
                .draft
                .apply(keyword, &line, block.effect, self.env)
                .map_err(in_place),
        }
    }
}

impl Draft {
    /// Applies the argument of `-o`.
    pub(crate) fn apply_argument(
        &mut self,
        argument: &str,
        env: &Environment,
    ) -> Result<(), ConfigError> {
        let in_place = |problem| ConfigError::Line {
            place: Place::CommandLine,
            problem,
        };
        let Some(line) = Line::parse(argument).map_err(in_place)? else {
            return Ok(());
        };
        let ignore_unknown = self.settings.ignore_unknown.as_deref();
        let keyword = Keyword::parse(&line.keyword, ignore_unknown).map_err(in_place)?;
        self.apply(keyword, &line, Effect::Applies, env)
            .map_err(in_place)
    }
}

/// Whether one of the patterns matches and none of the negated ones does.
fn applies(host: &str, patterns: &[String]) -> bool {
    let mut applies = false;
    for pattern in patterns {
        match pattern.strip_prefix('!') {
            Some(pattern) if matches(host, pattern) => return false,
            Some(_) => {}
            None => applies |= matches(host, pattern),
        }
    }
    applies
}

fn unreadable(path: &Path) -> impl Fn(io::Error) -> ConfigError + '_ {
    move |source| ConfigError::Unreadable {
        path: path.to_owned(),
        source,
    }
}

/// A file that includes itself twice would otherwise be read 2^16 times.
const MAX_FILES: usize = 4096;

/// A hundred thousand hosts need less.
const MAX_FILE_SIZE: u64 = 16 << 20;
