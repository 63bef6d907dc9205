//! What is started on the far side, from the settings and the terminal here.

use std::collections::BTreeMap;
use std::os::unix::ffi::OsStrExt;

use tssh_core::wire::SessionStart;

use crate::login::{Program, Pty, Request, Size};
use crate::settings::{Environment, RequestTty, SessionType, Settings};
use crate::ssh_config::pattern;

/// A shell, command or subsystem to be started, whoever the server is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Start {
    /// The program.
    pub program: Program,
    /// The terminal it gets.
    pub pty: Option<Pty>,
    /// Whether that terminal is to be as large as the one here.
    pub follows_terminal: bool,
    /// Variables to be set, as far as the server allows.
    pub env: Vec<(String, String)>,
}

/// What `settings` ask for, for a user whose standard input is a terminal of this size, or none.
pub fn start_of(settings: &Settings, env: &Environment, terminal: Option<Pty>) -> Start {
    let program = match (settings.session_type, settings.command()) {
        (SessionType::Subsystem, Some(name)) => {
            Program::Subsystem(name.to_string_lossy().into_owned())
        }
        (_, Some(line)) => Program::Command(line.as_bytes().to_owned()),
        (_, None) => Program::Shell,
    };
    let follows_terminal = terminal.is_some();
    let is_shell = program == Program::Shell;
    let wanted = match settings.request_tty {
        RequestTty::No => false,
        RequestTty::Auto => is_shell && terminal.is_some(),
        RequestTty::Yes => terminal.is_some(),
        RequestTty::Force => true,
    };
    let pty = wanted.then(|| {
        let mut pty = terminal.unwrap_or_else(|| Pty {
            term: variable(env, "TERM").unwrap_or_else(|| "dumb".to_owned()),
            size: Size {
                columns: 80,
                rows: 24,
                ..Size::default()
            },
            modes: Vec::new(),
        });
        if let Some(term) = settings.set_variable("TERM") {
            pty.term = term.to_owned();
        }
        pty
    });
    Start {
        program,
        pty,
        follows_terminal,
        env: variables(settings, env),
    }
}

impl Start {
    /// The same for a terminal of this size: questions take time, and people resize windows.
    #[must_use]
    pub fn at_size(&self, size: Size) -> Self {
        let mut start = self.clone();
        if let Some(pty) = start.pty.as_mut().filter(|_| self.follows_terminal) {
            pty.size = size;
        }
        start
    }

    /// The same without a terminal.
    #[must_use]
    pub fn without_pty(&self) -> Self {
        Self {
            pty: None,
            ..self.clone()
        }
    }

    /// The size of the terminal that is asked for, where it follows the one here.
    pub fn size(&self) -> Option<Size> {
        let pty = self.pty.as_ref().filter(|_| self.follows_terminal);
        pty.map(|pty| pty.size)
    }

    /// As a request on an SSH channel.
    pub fn to_request(&self) -> Request {
        Request {
            program: self.program.clone(),
            pty: self.pty.clone(),
            env: self.env.clone(),
        }
    }

    /// As the first message of a roaming session.
    pub fn to_session(&self) -> SessionStart {
        let mut start = match &self.program {
            Program::Command(line) => SessionStart::command(0, line),
            Program::Shell => SessionStart {
                shell: true,
                ..SessionStart::default()
            },
            Program::Subsystem(name) => SessionStart {
                subsystem: name.clone(),
                ..SessionStart::default()
            },
        };
        start.envs = self.env.iter().cloned().collect::<BTreeMap<_, _>>();
        if let Some(pty) = &self.pty {
            start.pty = true;
            start.cols = pty.size.columns;
            start.rows = pty.size.rows;
            start.envs.insert("TERM".to_owned(), pty.term.clone());
            start.term_modes = encode_modes(&pty.modes);
        }
        start
    }
}

/// `SendEnv` and `SetEnv`; what is set wins.
fn variables(settings: &Settings, env: &Environment) -> Vec<(String, String)> {
    let mut variables = BTreeMap::new();
    for (name, value) in &env.variables {
        if settings
            .send_env
            .iter()
            .any(|pattern| pattern::matches(name, pattern))
        {
            variables.insert(name.clone(), value.clone());
        }
    }
    for set in &settings.set_env {
        if let Some((name, value)) = set.split_once('=') {
            variables.insert(name.to_owned(), value.to_owned());
        }
    }
    variables.into_iter().collect()
}

fn variable(env: &Environment, name: &str) -> Option<String> {
    env.variables
        .get(name)
        .filter(|value| !value.is_empty())
        .cloned()
}

/// RFC 4254, section 8: opcode and value, ended by 0.
fn encode_modes(modes: &[(u8, u32)]) -> Vec<u8> {
    if modes.is_empty() {
        return Vec::new();
    }
    let mut encoded = Vec::with_capacity(modes.len() * 5 + 1);
    for (opcode, value) in modes {
        encoded.push(*opcode);
        encoded.extend_from_slice(&value.to_be_bytes());
    }
    encoded.push(0);
    encoded
}
