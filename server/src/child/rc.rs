//! What runs before the program of a session: `~/.ssh/rc`, or the system's `sshrc`, or `xauth` alone (sshd(8), "SSHRC").

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

use super::program::Program;
use super::spec::{Display, Kind, Login};

/// A program that runs to its end before the session's own, fed by a pipe.
#[derive(Debug)]
pub(super) struct Prelude {
    pub(super) program: Program,
    /// Standard input; holds the X11 cookie, and is wiped.
    pub(super) input: Zeroizing<String>,
    pub(super) output: PreludeOutput,
}

/// Where the words of a [`Prelude`] go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum PreludeOutput {
    /// To the session, as sshd does with rc files.
    Session,
    /// Nowhere: `xauth` must not write into a binary stream.
    Nowhere,
}

/// Chooses what runs first; `None` for nothing. The user's file comes before the system's, never with a subsystem or a
/// forced command.
pub(super) fn choose(login: &Login, kind: &Kind, display: Option<&Display>) -> Option<Prelude> {
    let settings = &login.settings;
    let forced = settings.force_command.is_some();
    let subsystem = matches!(kind, Kind::Subsystem(_));
    let cookie_line = display.map_or_else(Zeroizing::default, |display| {
        Zeroizing::new(format!("{} {}\n", display.protocol, &*display.cookie))
    });
    if !subsystem && !forced && settings.permit_user_rc && login.account.home.join(USER_RC).exists()
    {
        // The file is named from the home folder, where the program starts: no shell's quoting can go wrong.
        let line = format!("/bin/sh {USER_RC}");
        return Some(Prelude {
            program: run(&login.account.shell, ["-c".into(), line.into()]),
            input: cookie_line,
            output: PreludeOutput::Session,
        });
    }
    if login.sshrc.exists() {
        return Some(Prelude {
            program: run(Path::new("/bin/sh"), [login.sshrc.clone().into()]),
            input: cookie_line,
            output: PreludeOutput::Session,
        });
    }
    let display = display?;
    let xauth = &settings.xauth_location;
    xauth.exists().then(|| Prelude {
        program: run(xauth, ["-q".into(), "-".into()]),
        input: Zeroizing::new(format!(
            "remove {name}\nadd {name} {protocol} {cookie}\n",
            name = display.auth_name,
            protocol = display.protocol,
            cookie = &*display.cookie,
        )),
        output: PreludeOutput::Nowhere,
    })
}

fn run<const N: usize>(path: &Path, args: [OsString; N]) -> Program {
    let argv0 = path.file_name().unwrap_or(path.as_os_str()).to_owned();
    Program {
        path: PathBuf::from(path),
        argv0,
        args: args.into(),
    }
}

/// Relative to the home folder.
const USER_RC: &str = ".ssh/rc";
