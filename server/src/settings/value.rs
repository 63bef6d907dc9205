//! The value of one keyword, as sshd reads it.

use std::path::PathBuf;
use std::time::Duration;

use super::effective::{Forwarding, GatewayPorts, Permit, UserEnvironment};
use super::lexer::{Directive, LexError};
use super::pattern::PatternList;

/// One keyword with its value; the names are the keywords.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Value {
    AcceptEnv(PatternList),
    AllowAgentForwarding(bool),
    AllowStreamLocalForwarding(Forwarding),
    AllowTcpForwarding(Forwarding),
    ChrootDirectory(Option<PathBuf>),
    ClientAliveCountMax(u32),
    ClientAliveInterval(Duration),
    DisableForwarding(bool),
    ForceCommand(Option<String>),
    GatewayPorts(GatewayPorts),
    LogLevel(String),
    MaxSessions(u32),
    PermitListen(Permit),
    PermitOpen(Permit),
    PermitTty(bool),
    PermitUserEnvironment(UserEnvironment),
    PermitUserRc(bool),
    PrintMotd(bool),
    SetEnv(Vec<(String, String)>),
    StreamLocalBindMask(u32),
    StreamLocalBindUnlink(bool),
    Subsystem { name: String, command: String },
    UseDns(bool),
    UsePam(bool),
    X11DisplayOffset(u32),
    X11Forwarding(bool),
    X11UseLocalhost(bool),
    XAuthLocation(PathBuf),
}

/// A value that its keyword does not have.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum ValueError {
    #[error("{keyword} is {found:?}, wanted {wanted}")]
    Unexpected {
        keyword: String,
        found: String,
        wanted: &'static str,
    },
    #[error(transparent)]
    Words(#[from] LexError),
}

impl Value {
    /// Reads a directive; `None` for a keyword that is not ours.
    pub(super) fn parse(directive: &Directive) -> Result<Option<Self>, ValueError> {
        let line = Line {
            directive,
            first: directive.args.first().map_or("", String::as_str),
        };
        let value = match directive.keyword.as_str() {
            "acceptenv" => Self::AcceptEnv(line.patterns()),
            "allowagentforwarding" => Self::AllowAgentForwarding(line.flag()?),
            "allowstreamlocalforwarding" => Self::AllowStreamLocalForwarding(line.forwarding()?),
            "allowtcpforwarding" => Self::AllowTcpForwarding(line.forwarding()?),
            "chrootdirectory" => Self::ChrootDirectory(none_or(line.first).map(PathBuf::from)),
            "clientalivecountmax" => Self::ClientAliveCountMax(line.number(10)?),
            "clientaliveinterval" => Self::ClientAliveInterval(line.duration()?),
            "disableforwarding" => Self::DisableForwarding(line.flag()?),
            "forcecommand" => Self::ForceCommand(none_or(&directive.rest).map(str::to_owned)),
            "gatewayports" => Self::GatewayPorts(line.gateway_ports()?),
            "loglevel" => Self::LogLevel(line.log_level()?),
            "maxsessions" => Self::MaxSessions(line.number(10)?),
            "permitlisten" => Self::PermitListen(line.permit()),
            "permitopen" => Self::PermitOpen(line.permit()),
            "permittty" => Self::PermitTty(line.flag()?),
            "permituserenvironment" => Self::PermitUserEnvironment(line.user_environment()),
            "permituserrc" => Self::PermitUserRc(line.flag()?),
            "printmotd" => Self::PrintMotd(line.flag()?),
            "setenv" => Self::SetEnv(line.variables()?),
            "streamlocalbindmask" => Self::StreamLocalBindMask(line.number(8)?),
            "streamlocalbindunlink" => Self::StreamLocalBindUnlink(line.flag()?),
            "subsystem" => line.subsystem()?,
            "usedns" => Self::UseDns(line.flag()?),
            "usepam" => Self::UsePam(line.flag()?),
            "x11displayoffset" => Self::X11DisplayOffset(line.number(10)?),
            "x11forwarding" => Self::X11Forwarding(line.flag()?),
            "x11uselocalhost" => Self::X11UseLocalhost(line.flag()?),
            "xauthlocation" => Self::XAuthLocation(PathBuf::from(line.first)),
            _ => return Ok(None),
        };
        Ok(Some(value))
    }
}

struct Line<'a> {
    directive: &'a Directive,
    first: &'a str,
}

impl Line<'_> {
    fn flag(&self) -> Result<bool, ValueError> {
        match self.first.to_ascii_lowercase().as_str() {
            "yes" | "true" => Ok(true),
            "no" | "false" => Ok(false),
            _ => Err(self.unexpected("yes or no")),
        }
    }

    fn forwarding(&self) -> Result<Forwarding, ValueError> {
        match self.first.to_ascii_lowercase().as_str() {
            "yes" | "true" | "all" => Ok(Forwarding::All),
            "no" | "false" => Ok(Forwarding::No),
            "local" => Ok(Forwarding::Local),
            "remote" => Ok(Forwarding::Remote),
            _ => Err(self.unexpected("yes, no, all, local or remote")),
        }
    }

    fn gateway_ports(&self) -> Result<GatewayPorts, ValueError> {
        match self.first.to_ascii_lowercase().as_str() {
            "yes" | "true" => Ok(GatewayPorts::Yes),
            "no" | "false" => Ok(GatewayPorts::No),
            "clientspecified" => Ok(GatewayPorts::ClientSpecified),
            _ => Err(self.unexpected("yes, no or clientspecified")),
        }
    }

    fn log_level(&self) -> Result<String, ValueError> {
        let level = self.first.to_ascii_uppercase();
        if LOG_LEVELS.contains(&level.as_str()) {
            Ok(level)
        } else {
            Err(self.unexpected("a level from QUIET to DEBUG3"))
        }
    }

    fn number(&self, radix: u32) -> Result<u32, ValueError> {
        u32::from_str_radix(self.first, radix).map_err(|_| self.unexpected("a number"))
    }

    /// Seconds, or numbers with units such as `1h30m` (sshd_config(5), "TIME FORMATS").
    fn duration(&self) -> Result<Duration, ValueError> {
        let mut total: u64 = 0;
        let mut number = None;
        for char in self.first.chars() {
            if let Some(digit) = char.to_digit(10) {
                let before: u64 = number.unwrap_or(0);
                number = before
                    .checked_mul(10)
                    .and_then(|tens| tens.checked_add(digit.into()));
                if number.is_none() {
                    return Err(self.unexpected("a time"));
                }
                continue;
            }
            let unit = match char.to_ascii_lowercase() {
                's' => 1,
                'm' => 60,
                'h' => 3600,
                'd' => 86400,
                'w' => 604_800,
                _ => return Err(self.unexpected("a time")),
            };
            let count = number.take().ok_or_else(|| self.unexpected("a time"))?;
            total = total.saturating_add(count.saturating_mul(unit));
        }
        Ok(Duration::from_secs(
            total.saturating_add(number.unwrap_or(0)),
        ))
    }

    fn patterns(&self) -> PatternList {
        PatternList::parse_words(self.directive.args.iter().map(String::as_str))
    }

    fn permit(&self) -> Permit {
        match self.first.to_ascii_lowercase().as_str() {
            "any" => Permit::Any,
            "none" => Permit::None,
            _ => Permit::Only(self.directive.args.clone()),
        }
    }

    fn subsystem(&self) -> Result<Value, ValueError> {
        let command = self.directive.after_first_word()?.to_owned();
        if command.is_empty() || command.starts_with('#') {
            return Err(self.unexpected("a name and a command"));
        }
        Ok(Value::Subsystem {
            name: self.first.to_owned(),
            command,
        })
    }

    fn user_environment(&self) -> UserEnvironment {
        match self.first.to_ascii_lowercase().as_str() {
            "yes" | "true" => UserEnvironment::Yes,
            "no" | "false" => UserEnvironment::No,
            _ => UserEnvironment::Only(PatternList::parse(self.first)),
        }
    }

    fn variables(&self) -> Result<Vec<(String, String)>, ValueError> {
        let split = |word: &String| {
            word.split_once('=')
                .filter(|(name, _)| !name.is_empty())
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .ok_or_else(|| self.unexpected("NAME=value"))
        };
        self.directive.args.iter().map(split).collect()
    }

    fn unexpected(&self, wanted: &'static str) -> ValueError {
        ValueError::Unexpected {
            keyword: self.directive.keyword.clone(),
            found: self.first.chars().take(SHOWN_MAX).collect(),
            wanted,
        }
    }
}

fn none_or(text: &str) -> Option<&str> {
    (!text.eq_ignore_ascii_case("none")).then_some(text)
}

/// sshd_config(5), "LogLevel".
const LOG_LEVELS: [&str; 9] = [
    "QUIET", "FATAL", "ERROR", "INFO", "VERBOSE", "DEBUG", "DEBUG1", "DEBUG2", "DEBUG3",
];

/// Enough of a wrong word to recognise it.
const SHOWN_MAX: usize = 40;
