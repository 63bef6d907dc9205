//! What a `Match` line tests.

use std::net::IpAddr;
use std::process::{Command, Stdio};

use super::lexer::{cut, next_word};
use super::pattern::{Verdict, matches_host, matches_list};
use super::reader::{Pass, Reader};
use super::tokens::{TokenValues, expand_tokens};
use super::{ConfigError, Keyword, Place, Problem};

/// Whether an `exec` of the line may run its command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Exec {
    /// It runs if all criteria before it hold.
    Allowed,
    /// The line stands in a block that does not apply: only its form is checked.
    Forbidden,
}

impl Reader<'_> {
    /// Whether all criteria of a `Match` line hold.
    pub(super) fn evaluate_match(
        &mut self,
        criteria: &str,
        exec: Exec,
        place: &Place,
    ) -> Result<bool, ConfigError> {
        let problem = |problem| ConfigError::Line {
            place: place.clone(),
            problem,
        };
        let bad = |text: String| problem(Problem::Match(text));
        let mut holds = exec == Exec::Allowed;
        let mut tested = 0;
        let mut rest = criteria;
        while let Some((criterion, after)) = next_criterion(rest).map_err(problem)? {
            rest = after;
            let (name, wanted) = match criterion.strip_prefix('!') {
                Some(name) => (name.to_ascii_lowercase(), false),
                None => (criterion.to_ascii_lowercase(), true),
            };
            if name == "all" {
                let is_alone = tested <= 1 && next_word(rest).map_err(problem)?.is_none();
                if !is_alone {
                    return Err(bad(
                        "all must stand alone or behind canonical or final".to_owned()
                    ));
                }
                return Ok(holds && wanted);
            }
            tested += 1;
            if name == "final" || name == "canonical" {
                self.wants_final |= name == "final";
                holds &= (self.pass == Pass::Final) == wanted;
                continue;
            }
            let Some((argument, after)) = next_word(rest).map_err(problem)? else {
                return Err(bad(format!("{name} has no argument")));
            };
            rest = after;
            let result = match name.as_str() {
                "exec" if holds => self.evaluate_exec(&argument, place)?,
                "exec" => false,
                _ => match self.evaluate_criterion(&name, &argument) {
                    Some(result) => result,
                    None => return Err(bad(format!("{name} is no criterion"))),
                },
            };
            holds &= result == wanted;
        }
        if tested == 0 {
            return Err(bad("there is no criterion".to_owned()));
        }
        Ok(holds)
    }

    /// `None` for a criterion that does not exist.
    fn evaluate_criterion(&self, name: &str, argument: &str) -> Option<bool> {
        let settings = &self.draft.settings;
        let verdict = match name {
            "host" => matches_host(&self.current_host(), argument),
            "originalhost" => matches_host(self.original_host, argument),
            "user" => matches_list(self.remote_user(), argument),
            "localuser" => matches_list(&self.env.user, argument),
            "tagged" => matches_list(settings.tag.as_deref().unwrap_or_default(), argument),
            "command" => {
                let command = settings.command_line.as_deref().unwrap_or_default();
                matches_list(&command.to_string_lossy(), argument)
            }
            "sessiontype" => matches_list(self.session_word(), argument),
            "version" => matches_list(VERSION, argument),
            "localnetwork" => {
                let addresses = (self.env.addresses)();
                return Some(argument.split(',').any(|network| {
                    addresses
                        .iter()
                        .any(|&address| is_in_network(address, network))
                }));
            }
            _ => return None,
        };
        Some(verdict == Verdict::Matched)
    }

    fn evaluate_exec(&self, command: &str, place: &Place) -> Result<bool, ConfigError> {
        let values = self.token_values();
        let token = |source| ConfigError::Line {
            place: place.clone(),
            problem: Problem::Token {
                keyword: "match exec".to_owned(),
                source,
            },
        };
        let command = expand_tokens(command, &values.common()).map_err(token)?;
        let shell = self
            .env
            .variables
            .get("SHELL")
            .filter(|shell| !shell.is_empty());
        let shell = shell.map_or("/bin/sh", String::as_str);
        let failed = |source| ConfigError::Exec {
            place: place.clone(),
            shell: shell.to_owned(),
            command: command.clone(),
            source,
        };
        let status = Command::new(shell)
            .args(["-c", &command])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .status()
            .map_err(|error| failed(Some(error)))?;
        status
            .code()
            .map(|code| code == 0)
            .ok_or_else(|| failed(None))
    }

    /// The host that would be connected to, as far as it is known at this line.
    fn current_host(&self) -> String {
        let hostname = &self.draft.settings.hostname;
        if self.pass == Pass::Final || hostname.is_empty() {
            return self.host.to_owned();
        }
        expand_tokens(hostname, &vec![('h', self.host.into())]).unwrap_or_else(|_| hostname.clone())
    }

    fn remote_user(&self) -> &str {
        let user = &self.draft.settings.user;
        if user.is_empty() {
            &self.env.user
        } else {
            user
        }
    }

    fn session_word(&self) -> &'static str {
        use crate::settings::SessionType;
        let settings = &self.draft.settings;
        match settings.session_type {
            SessionType::None => "none",
            SessionType::Subsystem => "subsystem",
            SessionType::Default if settings.command_line.is_some() => "exec",
            SessionType::Default => "shell",
        }
    }

    fn token_values(&self) -> TokenValues {
        let settings = &self.draft.settings;
        let host = self.current_host();
        let jump_host = settings
            .proxy_jump
            .as_ref()
            .map(|jump| jump.last().host.clone());
        TokenValues {
            key_alias: settings
                .host_key_alias
                .clone()
                .unwrap_or_else(|| host.clone()),
            host,
            original_host: self.original_host.to_owned(),
            port: if self.draft.is_claimed(Keyword::Port) {
                settings.port
            } else {
                22
            },
            remote_user: self.remote_user().to_owned(),
            local_user: self.env.user.clone(),
            uid: self.env.uid,
            home: self.env.home.to_string_lossy().into_owned(),
            local_host: self.env.local_host.clone(),
            jump_host: jump_host.unwrap_or_default(),
        }
    }
}

/// What `Match version` is compared with, as ssh compares with `OpenSSH_10.0p2`.
const VERSION: &str = concat!("tssh_", env!("CARGO_PKG_VERSION"));

/// The next criterion and what follows it; `=` may stand between it and its argument.
fn next_criterion(text: &str) -> Result<Option<(String, &str)>, Problem> {
    let text = text.trim_start_matches([' ', '\t']);
    if text.is_empty() || text.starts_with('#') {
        return Ok(None);
    }
    cut(text).map(Some).ok_or(Problem::UnclosedQuote)
}

/// Whether `address` lies in `network`, an address with an optional prefix length.
fn is_in_network(address: IpAddr, network: &str) -> bool {
    let (base, length) = match network.split_once('/') {
        Some((base, length)) => (base, length.parse::<u32>().ok()),
        None => (network, Some(128)),
    };
    let (Ok(base), Some(length)) = (base.parse::<IpAddr>(), length) else {
        return false;
    };
    let same_prefix = |ours: u128, theirs: u128, bits: u32| {
        let ignored = bits - length.min(bits);
        ours.checked_shr(ignored).unwrap_or(0) == theirs.checked_shr(ignored).unwrap_or(0)
    };
    match (address, base) {
        (IpAddr::V4(a), IpAddr::V4(b)) => {
            same_prefix(u128::from(u32::from(a)), u128::from(u32::from(b)), 32)
        }
        (IpAddr::V6(a), IpAddr::V6(b)) => same_prefix(u128::from(a), u128::from(b), 128),
        _ => false,
    }
}
