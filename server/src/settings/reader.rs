//! Finds the file, follows `Include`, and keeps track of which `Match` block a line stands in.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use super::effective::Settings;
use super::glob;
use super::layers::{Layers, Part};
use super::lexer::Directive;
use super::matcher::{Subject, Verdict, judge};
use super::value::Value;

/// Something in the files that was passed over. The settings hold without it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}:{line}: {reason}", path.display())]
pub struct Complaint {
    /// The file.
    pub path: PathBuf,
    /// From 1; 0 for the file as a whole.
    pub line: usize,
    /// What was found there, and what came of it.
    pub reason: String,
}

/// The file to read: `tsshd/sshd_config` in the user's configuration folder when there is one, or else sshd's own
/// (SECURITY.md). `None` when the host has neither.
pub fn locate(config_home: Option<&Path>, home: &Path) -> Option<PathBuf> {
    let own = config_home.map_or_else(|| home.join(".config"), Path::to_owned);
    std::iter::once(own.join("tsshd/sshd_config"))
        .chain(PLACES.iter().map(PathBuf::from))
        .find(|path| path.exists())
}

/// Reads `path` and what it includes, for `subject`. Never fails: what cannot be read or understood is left out, keeps
/// sshd's default, and is complained about.
pub fn read(path: &Path, subject: &Subject) -> (Settings, Vec<Complaint>) {
    let base = path.parent().unwrap_or_else(|| Path::new("/"));
    let mut reader = Reader::new(subject, base);
    reader.file(path, Part::Global, Verdict::Applies, 0);
    let mut settings = reader.layers.settle();
    if let Some(unread) = reader.unread {
        // Every sshd_config that is shipped has it, and a user who may log in may run it.
        let sftp = settings.subsystems.entry("sftp".to_owned());
        sftp.or_insert_with(|| "internal-sftp".to_owned());
        settings.unread = Some(unread);
    }
    settings.pam_prints_motd = settings.use_pam && pam_prints_motd(Path::new(PAM_FILE));
    for complaint in &reader.complaints {
        tracing::debug!(%complaint, "sshd_config");
    }
    (settings, reader.complaints)
}

struct Reader<'a> {
    subject: &'a Subject,
    /// Where relative includes are looked for.
    base: PathBuf,
    layers: Layers,
    complaints: Vec<Complaint>,
    files: usize,
    unread: Option<PathBuf>,
}

/// The same of a text that includes nothing, without a look at PAM.
#[cfg(any(test, fuzzing))]
pub(super) fn read_text(text: &str, subject: &Subject) -> (Settings, Vec<Complaint>) {
    let path = Path::new("sshd_config");
    let mut reader = Reader::new(subject, path);
    let outer = (Part::Global, Verdict::Applies);
    reader.lines(text, path, outer, DEPTH_MAX);
    (reader.layers.settle(), reader.complaints)
}

impl<'a> Reader<'a> {
    fn new(subject: &'a Subject, base: &Path) -> Self {
        Self {
            subject,
            base: base.to_owned(),
            layers: Layers::default(),
            complaints: Vec::new(),
            files: 0,
            unread: None,
        }
    }

    /// Reads one file inside the block `outer`; `Match` lines in it end with it.
    fn file(&mut self, path: &Path, outer_part: Part, outer: Verdict, depth: usize) {
        self.files += 1;
        let text = match contents(path) {
            Ok(text) => text,
            Err(error) => {
                if error.kind() != io::ErrorKind::NotFound {
                    self.unread.get_or_insert_with(|| path.to_owned());
                }
                let reason = format!("not readable ({error}): sshd's defaults hold in its place");
                self.complain(path, 0, reason);
                return;
            }
        };
        self.lines(&text, path, (outer_part, outer), depth);
    }

    fn lines(&mut self, text: &str, path: &Path, outer: (Part, Verdict), depth: usize) {
        let (mut part, mut verdict) = outer;
        let (_, outer) = outer;
        for (number, line) in text.lines().enumerate().map(|(at, line)| (at + 1, line)) {
            let directive = match Directive::parse(line) {
                Ok(Some(directive)) => directive,
                Ok(None) => continue,
                Err(error) => {
                    self.complain(path, number, error.to_string());
                    continue;
                }
            };
            match directive.keyword.as_str() {
                "match" => {
                    let (judged, unknown) =
                        judge(&directive.args, self.subject, self.layers.use_dns());
                    verdict = outer.and(judged);
                    part = if verdict == Verdict::Unknown {
                        Part::Unsure
                    } else {
                        Part::Matched
                    };
                    if let (Verdict::Unknown, Some(criterion)) = (verdict, unknown) {
                        self.complain(path, number, format!(
                            "Match {criterion} cannot be judged here: only what is stricter is taken from this block"
                        ));
                    }
                }
                "include" if verdict != Verdict::DoesNotApply => {
                    self.include(&directive, path, number, (part, verdict), depth);
                }
                _ if verdict != Verdict::DoesNotApply => self.value(&directive, path, number, part),
                _ => {}
            }
        }
    }

    fn include(
        &mut self,
        directive: &Directive,
        path: &Path,
        line: usize,
        (part, verdict): (Part, Verdict),
        depth: usize,
    ) {
        if depth == DEPTH_MAX {
            let reason = format!("Include is nested over {DEPTH_MAX} deep: left out");
            self.complain(path, line, reason);
            return;
        }
        for pattern in &directive.args {
            for file in glob::expand(&self.base.join(pattern)) {
                if self.files == FILES_MAX {
                    let reason =
                        format!("over {FILES_MAX} files are included: the rest is left out");
                    self.complain(path, line, reason);
                    return;
                }
                self.file(&file, part, verdict, depth + 1);
            }
        }
    }

    fn value(&mut self, directive: &Directive, path: &Path, line: usize, part: Part) {
        match Value::parse(directive) {
            Ok(Some(value)) => self.layers.add(part, value),
            Ok(None) => {}
            Err(error) => self.complain(path, line, error.to_string()),
        }
    }

    fn complain(&mut self, path: &Path, line: usize, reason: String) {
        if self.complaints.len() < COMPLAINTS_MAX {
            self.complaints.push(Complaint {
                path: path.to_owned(),
                line,
                reason,
            });
        }
    }
}

fn contents(path: &Path) -> io::Result<String> {
    let mut bytes = Vec::new();
    File::open(path)?.take(FILE_MAX).read_to_end(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// Whether a line of sshd's PAM file calls the module that prints the message of the day.
fn pam_prints_motd(path: &Path) -> bool {
    contents(path).is_ok_and(|text| {
        text.lines()
            .map(str::trim_start)
            .any(|line| !line.starts_with('#') && line.contains("pam_motd.so"))
    })
}

/// Most systems; openSUSE's vendor file; the BSDs' ports and hand-built ones; old Unixes.
const PLACES: [&str; 5] = [
    "/etc/ssh/sshd_config",
    "/usr/etc/ssh/sshd_config",
    "/usr/local/etc/ssh/sshd_config",
    "/usr/local/etc/sshd_config",
    "/etc/sshd_config",
];

/// Debian, Fedora, SUSE and Arch alike.
const PAM_FILE: &str = "/etc/pam.d/sshd";

/// sshd's own limit.
const DEPTH_MAX: usize = 16;

/// A file that includes two files that include two: bounded by number, for depth alone would allow 2^16.
const FILES_MAX: usize = 256;

/// Bytes read of one file; real ones have a few kilobytes.
const FILE_MAX: u64 = 1024 * 1024;

/// Lines said about a file that is no sshd_config at all.
pub(super) const COMPLAINTS_MAX: usize = 100;
