//! Which program runs, under which name and with which arguments.

use std::ffi::{OsStr, OsString};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use super::spec::{Kind, SpawnError};

/// A program ready for exec.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Program {
    pub(super) path: PathBuf,
    pub(super) argv0: OsString,
    pub(super) args: Vec<OsString>,
}

impl Program {
    /// The program for `kind`, with `path` as the child's `PATH` and `folder` as where it starts.
    ///
    /// # Errors
    ///
    /// [`SpawnError::SftpServerMissing`] for `internal-sftp` on a host without the program.
    pub(super) fn choose(
        kind: &Kind,
        shell: &Path,
        path: &OsStr,
        folder: &Path,
    ) -> Result<Self, SpawnError> {
        match kind {
            Kind::Shell => Ok(Self {
                path: shell.to_owned(),
                argv0: [OsStr::new("-"), name_of(shell)].into_iter().collect(),
                args: Vec::new(),
            }),
            Kind::Command(line) => Self::line_or_sftp(shell, line),
            Kind::Subsystem(line) => Self::line_or_sftp(shell, OsStr::new(line)),
            Kind::Argv { name, args } => Ok(Self::argv(name, args, path, folder)),
        }
    }

    fn line_or_sftp(shell: &Path, line: &OsStr) -> Result<Self, SpawnError> {
        match line.to_str().and_then(internal_sftp) {
            Some(args) => Self::sftp(args, &SFTP_SERVERS),
            None => Ok(Self::line(shell, line)),
        }
    }

    /// `shell -c line`, as sshd runs every command.
    fn line(shell: &Path, line: &OsStr) -> Self {
        Self {
            path: shell.to_owned(),
            argv0: name_of(shell).to_owned(),
            args: vec!["-c".into(), line.into()],
        }
    }

    /// PROTOCOL.md, "Sessions": a name that PATH does not have, `cd`, or an argument that starts with `~/` needs a shell.
    fn argv(name: &str, args: &[String], path: &OsStr, folder: &Path) -> Self {
        let needs_shell = name == "cd" || args.iter().any(|arg| arg.starts_with("~/"));
        match look_up(name, path, folder) {
            Some(found) if !needs_shell => Self {
                path: found,
                argv0: name.into(),
                args: args.iter().map(Into::into).collect(),
            },
            _ => {
                let words =
                    std::iter::once(name.to_owned()).chain(args.iter().map(|arg| word(arg)));
                Self::line(
                    Path::new("/bin/sh"),
                    words.collect::<Vec<_>>().join(" ").as_ref(),
                )
            }
        }
    }

    /// The sftp-server of the system, in place of the one inside sshd.
    fn sftp(args: Vec<OsString>, places: &[&str]) -> Result<Self, SpawnError> {
        let path = places
            .iter()
            .map(PathBuf::from)
            .find(|path| executable(path))
            .ok_or(SpawnError::SftpServerMissing)?;
        Ok(Self {
            path,
            argv0: "sftp-server".into(),
            args,
        })
    }
}

/// The arguments when `line` calls for sshd's own SFTP server.
fn internal_sftp(line: &str) -> Option<Vec<OsString>> {
    let mut words = line.split_ascii_whitespace();
    (words.next() == Some("internal-sftp")).then(|| words.map(Into::into).collect())
}

/// An argument in a line for a shell. Only blanks are protected, so that patterns and variables work as the user of a Go
/// client knows it.
fn word(arg: &str) -> String {
    if arg.contains([' ', '\t', '\n', '\r', '\x0c']) {
        format!("'{}'", arg.replace('\'', "'\"'\"'"))
    } else {
        arg.to_owned()
    }
}

fn look_up(name: &str, path: &OsStr, folder: &Path) -> Option<PathBuf> {
    if name.contains('/') {
        return Some(folder.join(name)).filter(|path| executable(path));
    }
    if name.is_empty() {
        return None;
    }
    // A relative folder in PATH is passed over: it would run what lies in whatever folder the session starts in.
    std::env::split_paths(path)
        .filter(|folder| folder.is_absolute())
        .map(|folder| folder.join(name))
        .find(|path| executable(path))
}

fn executable(path: &Path) -> bool {
    path.metadata()
        .is_ok_and(|meta| meta.is_file() && meta.permissions().mode() & 0o111 != 0)
}

fn name_of(shell: &Path) -> &OsStr {
    shell.file_name().unwrap_or(shell.as_os_str())
}

/// Debian, Fedora and RHEL, Arch and Alpine, openSUSE, macOS and the BSDs.
const SFTP_SERVERS: [&str; 7] = [
    "/usr/lib/openssh/sftp-server",
    "/usr/libexec/openssh/sftp-server",
    "/usr/lib/ssh/sftp-server",
    "/usr/libexec/ssh/sftp-server",
    "/usr/libexec/sftp-server",
    "/usr/local/libexec/sftp-server",
    "/usr/lib/sftp-server",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_login_shell_is_told_so_by_a_dash_before_its_name() {
        let program = choose(&Kind::Shell);

        assert_eq!(
            program,
            Program {
                path: "/bin/bash".into(),
                argv0: "-bash".into(),
                args: vec![]
            }
        );
    }

    #[test]
    fn a_command_line_goes_to_the_users_shell_under_its_own_name() {
        let program = choose(&Kind::Command("echo 'a  b'".into()));

        let args = vec!["-c".into(), "echo 'a  b'".into()];
        assert_eq!(
            program,
            Program {
                path: "/bin/bash".into(),
                argv0: "bash".into(),
                args
            }
        );
    }

    #[test]
    fn a_name_that_path_has_runs_without_a_shell() {
        let program = choose(&argv("sh", &["-c", "echo $0; *"]));

        let args = vec!["-c".into(), "echo $0; *".into()];
        assert_eq!(
            program,
            Program {
                path: "/bin/sh".into(),
                argv0: "sh".into(),
                args
            }
        );
    }

    #[test]
    fn unknown_names_cd_and_home_paths_go_through_sh() {
        for (name, args, line) in [
            ("no-such-program", &["a", "b"][..], "no-such-program a b"),
            ("cd", &["/tmp", "&&", "ls"], "cd /tmp && ls"),
            ("sh", &["~/script"], "sh ~/script"),
            (
                "no-such-program",
                &["it's one", "$HOME"],
                "no-such-program 'it'\"'\"'s one' $HOME",
            ),
            ("", &[], ""),
        ] {
            let args: Vec<_> = args.iter().map(|arg| (*arg).to_owned()).collect();
            let program = choose(&Kind::Argv {
                name: name.into(),
                args,
            });
            assert_eq!(
                program,
                Program::line(Path::new("/bin/sh"), line.as_ref()),
                "{name}"
            );
        }
    }

    #[test]
    fn a_name_with_a_slash_counts_from_where_the_child_starts() {
        let program = choose(&argv("bin/sh", &["x"]));

        let args = vec!["x".into()];
        assert_eq!(
            program,
            Program {
                path: "/bin/sh".into(),
                argv0: "bin/sh".into(),
                args
            }
        );
    }

    #[test]
    fn internal_sftp_becomes_the_systems_server_with_the_same_arguments() {
        let args = internal_sftp("internal-sftp -l INFO").unwrap();

        let program = Program::sftp(args, &["/no/such/file", "/bin/sh"]).unwrap();

        let args = vec!["-l".into(), "INFO".into()];
        assert_eq!(
            program,
            Program {
                path: "/bin/sh".into(),
                argv0: "sftp-server".into(),
                args
            }
        );
    }

    #[test]
    fn internal_sftp_on_a_host_without_the_program_says_what_to_install() {
        let error = Program::sftp(vec![], &["/no/such/file"]).unwrap_err();

        assert_eq!(
            error.to_string(),
            "sftp-server is in none of its usual folders: install OpenSSH's sftp-server, or name it by `Subsystem sftp`"
        );
    }

    fn argv(name: &str, args: &[&str]) -> Kind {
        Kind::Argv {
            name: name.into(),
            args: args.iter().map(|arg| (*arg).into()).collect(),
        }
    }

    fn choose(kind: &Kind) -> Program {
        Program::choose(
            kind,
            Path::new("/bin/bash"),
            OsStr::new("bin:/bin:/usr/bin"),
            Path::new("/"),
        )
        .unwrap()
    }
}
