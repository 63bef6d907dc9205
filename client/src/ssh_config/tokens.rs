//! Expands `%h`, `${HOME}` and `~`, as sections TOKENS and ENVIRONMENT VARIABLES say.

use std::collections::BTreeMap;

use aws_lc_rs::digest::{Context, SHA1_FOR_LEGACY_USE_ONLY};

use crate::settings::Environment;

/// Why a text cannot be expanded.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TokenError {
    /// A `%` at the end of the text.
    #[error("{0:?} ends with a single %; write %% for a percent sign")]
    Dangling(String),
    /// `${` and no `}`.
    #[error("{0:?} has ${{ without }}")]
    Unclosed(String),
    /// A token that this keyword does not take.
    #[error("%{token} in {text:?} is no token that this option takes")]
    UnknownToken {
        /// The letter behind the `%`.
        token: char,
        /// The text.
        text: String,
    },
    /// `~name` of a user that does not exist.
    #[error("there is no user {0:?} whose home directory could be meant")]
    UnknownUser(String),
    /// An environment variable that is not set.
    #[error("the environment variable {0} is not set")]
    UnsetVariable(String),
}

/// What the tokens of one connection stand for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TokenValues {
    /// `%h`: the host that is connected to.
    pub host: String,
    /// `%n`: the host as it was given on the command line.
    pub original_host: String,
    /// `%k`: the host key alias, or the host as it was given.
    pub key_alias: String,
    /// `%p`: the port of the server.
    pub port: u16,
    /// `%r`: the user on the server.
    pub remote_user: String,
    /// `%u`: the user here.
    pub local_user: String,
    /// `%i`: the user ID here.
    pub uid: u32,
    /// `%d`: the home directory here.
    pub home: String,
    /// `%l`: the name of this machine; `%L` is its part before the first dot.
    pub local_host: String,
    /// `%j`: the jump host next to the server; empty without one.
    pub jump_host: String,
}

/// Tokens and their values, for [`expand_tokens`] and [`expand_all`].
pub type Tokens<'a> = Vec<(char, std::borrow::Cow<'a, str>)>;

impl TokenValues {
    /// The tokens that most keywords take: `%C %d %h %i %j %k %L %l %n %p %r %u`.
    pub fn common(&self) -> Tokens<'_> {
        let short = self.local_host.split('.').next().unwrap_or_default();
        vec![
            ('C', self.connection_hash().into()),
            ('L', short.into()),
            ('d', self.home.as_str().into()),
            ('h', self.host.as_str().into()),
            ('i', self.uid.to_string().into()),
            ('j', self.jump_host.as_str().into()),
            ('k', self.key_alias.as_str().into()),
            ('l', self.local_host.as_str().into()),
            ('n', self.original_host.as_str().into()),
            ('p', self.port.to_string().into()),
            ('r', self.remote_user.as_str().into()),
            ('u', self.local_user.as_str().into()),
        ]
    }

    /// The tokens of `ProxyCommand` and `ProxyJump`: `%h %k %n %p %r`.
    pub fn proxy(&self) -> Tokens<'_> {
        self.common()
            .into_iter()
            .filter(|(token, _)| "hknpr".contains(*token))
            .collect()
    }

    /// The tokens of `User`, which is a part of what `%r` and `%C` stand for.
    pub fn user(&self) -> Tokens<'_> {
        self.common()
            .into_iter()
            .filter(|(token, _)| !"rC".contains(*token))
            .collect()
    }

    /// `%C`: forty hexadecimal digits that name the connection, SHA-1 of `%l%h%p%r%j`.
    pub fn connection_hash(&self) -> String {
        let mut hash = Context::new(&SHA1_FOR_LEGACY_USE_ONLY);
        let port = self.port.to_string();
        for part in [
            &self.local_host,
            &self.host,
            &port,
            &self.remote_user,
            &self.jump_host,
        ] {
            hash.update(part.as_bytes());
        }
        hex::encode(hash.finish())
    }
}

/// Replaces each `%x` of `text` by its value in `tokens`, and `%%` by a percent sign.
///
/// # Errors
///
/// A `%` at the end, or a token that is not in `tokens`.
pub fn expand_tokens(text: &str, tokens: &Tokens<'_>) -> Result<String, TokenError> {
    expand(text, tokens, None)
}

/// Replaces each `${NAME}` of `text` by the variable's value.
///
/// # Errors
///
/// A `${` without `}`, or a variable that is not set.
pub fn expand_variables(
    text: &str,
    variables: &BTreeMap<String, String>,
) -> Result<String, TokenError> {
    let mut out = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("${") {
        let (value, after) = variable(after, text, variables)?;
        out.push_str(before);
        out.push_str(value);
        rest = after;
    }
    out.push_str(rest);
    Ok(out)
}

/// Both [`expand_tokens`] and [`expand_variables`], neither looking at what the other inserted.
///
/// # Errors
///
/// As both.
pub fn expand_all(
    text: &str,
    tokens: &Tokens<'_>,
    variables: &BTreeMap<String, String>,
) -> Result<String, TokenError> {
    expand(text, tokens, Some(variables))
}

/// Replaces `~` and `~user` at the start of `path` by a home directory.
///
/// # Errors
///
/// A user that does not exist.
pub fn expand_tilde(path: &str, env: &Environment) -> Result<String, TokenError> {
    let Some(after) = path.strip_prefix('~') else {
        return Ok(path.to_owned());
    };
    let (user, tail) = after.split_at(after.find('/').unwrap_or(after.len()));
    let home = if user.is_empty() {
        env.home.clone()
    } else {
        (env.home_of)(user).ok_or_else(|| TokenError::UnknownUser(user.to_owned()))?
    };
    let home = home.to_string_lossy();
    let slash = if home.ends_with('/') { "" } else { "/" };
    Ok(format!("{home}{slash}{}", tail.trim_start_matches('/')))
}

fn expand(
    text: &str,
    tokens: &Tokens<'_>,
    variables: Option<&BTreeMap<String, String>>,
) -> Result<String, TokenError> {
    let mut out = String::new();
    let mut rest = text;
    while let Some(at) = rest.find(['%', '$']) {
        out.push_str(&rest[..at]);
        rest = &rest[at..];
        if let Some(after) = rest.strip_prefix('%') {
            let token = after
                .chars()
                .next()
                .ok_or_else(|| TokenError::Dangling(text.to_owned()))?;
            if token == '%' {
                out.push('%');
            } else {
                let value = tokens.iter().find(|(name, _)| *name == token);
                let (_, value) = value.ok_or_else(|| TokenError::UnknownToken {
                    token,
                    text: text.to_owned(),
                })?;
                out.push_str(value);
            }
            rest = &after[token.len_utf8()..];
        } else if let (Some(after), Some(variables)) = (rest.strip_prefix("${"), variables) {
            let (value, after) = variable(after, text, variables)?;
            out.push_str(value);
            rest = after;
        } else {
            out.push('$');
            rest = &rest[1..];
        }
    }
    out.push_str(rest);
    Ok(out)
}

fn variable<'t, 'v>(
    after: &'t str,
    text: &str,
    variables: &'v BTreeMap<String, String>,
) -> Result<(&'v str, &'t str), TokenError> {
    let Some((name, after)) = after.split_once('}') else {
        return Err(TokenError::Unclosed(text.to_owned()));
    };
    match variables.get(name) {
        Some(value) => Ok((value, after)),
        None => Err(TokenError::UnsetVariable(name.to_owned())),
    }
}
