//! The keywords about the agent: which one, and what it gets.

use std::time::Duration;

use super::Problem;
use super::tokens::{TokenError, expand_variables};
use super::value::{Words, flag, time};
use crate::settings::{AddKeysToAgent, Environment, ForwardAgent};

pub(super) fn add_keys_to_agent(
    w: &mut Words,
) -> Result<(AddKeysToAgent, Option<Duration>), Problem> {
    let wanted = "yes, no, ask, confirm, or a time such as 1h";
    let word = w.text()?;
    let lifetime = w.optional();
    match (AddKeysToAgent::parse(&word), lifetime) {
        (Some(AddKeysToAgent::Confirm), Some(lifetime)) => match time(&lifetime) {
            Some(lifetime) => Ok((AddKeysToAgent::Confirm, Some(lifetime))),
            None => Err(w.bad(lifetime, wanted)),
        },
        (Some(choice), None) => Ok((choice, None)),
        (None, None) => match time(&word) {
            Some(lifetime) => Ok((AddKeysToAgent::Yes, Some(lifetime))),
            None => Err(w.bad(word, wanted)),
        },
        (_, Some(lifetime)) => Err(w.bad(lifetime, wanted)),
    }
}

pub(super) fn forward_agent(w: &mut Words, env: &Environment) -> Result<ForwardAgent, Problem> {
    let word = w.text()?;
    match flag(&word) {
        Some(true) => Ok(ForwardAgent::Yes),
        Some(false) => Ok(ForwardAgent::No),
        None => Ok(ForwardAgent::Socket(agent_path(word, w, env)?)),
    }
}

/// A path whose variables are set, or `$NAME` alone.
pub(super) fn agent_path(text: String, w: &Words, env: &Environment) -> Result<String, Problem> {
    let token = |source: TokenError| Problem::Token {
        keyword: w.keyword().to_owned(),
        source,
    };
    expand_variables(&text, &env.variables).map_err(token)?;
    match text.strip_prefix('$') {
        Some(name) if !name.starts_with('{') && !is_variable_name(name) => {
            Err(w.bad(text, "a path or the name of an environment variable"))
        }
        _ => Ok(text),
    }
}

fn is_variable_name(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
}
