//! Settings with their tokens, variables and home directories filled in.

use std::path::PathBuf;

use super::{Environment, ForwardAgent, Settings};
use crate::ssh_config::tokens::{
    TokenError, TokenValues, Tokens, expand_all, expand_tilde, expand_tokens,
};
use crate::ssh_config::{ConfigError, Listener, Target, is_sane_user};

impl Settings {
    /// The private keys to try, and whether the user has named each.
    ///
    /// # Errors
    ///
    /// A path that cannot be expanded.
    pub fn identity_paths(&self, env: &Environment) -> Result<Vec<(PathBuf, bool)>, ConfigError> {
        let files = self.identity_files.iter();
        let expanded = files.map(|file| {
            let path = self.expand_path(&file.path, env);
            Ok((
                PathBuf::from(path.map_err(in_keyword("IdentityFile"))?),
                file.named_by_user,
            ))
        });
        expanded.collect()
    }

    /// The certificates to try.
    ///
    /// # Errors
    ///
    /// A path that cannot be expanded.
    pub fn certificate_paths(&self, env: &Environment) -> Result<Vec<PathBuf>, ConfigError> {
        let paths = self
            .certificate_files
            .iter()
            .map(|path| self.expand_path(path, env));
        paths
            .map(|path| {
                path.map(PathBuf::from)
                    .map_err(in_keyword("CertificateFile"))
            })
            .collect()
    }

    /// The socket of the agent; `None` when none is to be used or known.
    pub fn agent_socket(&self, env: &Environment) -> Option<PathBuf> {
        let named = match self.identity_agent.as_deref() {
            None | Some("SSH_AUTH_SOCK") => env.variables.get("SSH_AUTH_SOCK").cloned(),
            Some(word) if word.eq_ignore_ascii_case("none") => None,
            Some(text) => match text.strip_prefix('$') {
                Some(name) => env.variables.get(name).cloned(),
                None => Some(text.to_owned()),
            },
        };
        named.filter(|path| !path.is_empty()).map(PathBuf::from)
    }

    /// The command to connect through, for the user's shell.
    ///
    /// # Errors
    ///
    /// A token that it does not take.
    pub fn proxy_command_line(&self) -> Result<Option<String>, ConfigError> {
        let expand = |text: &String| expand_tokens(text, &self.tokens.proxy());
        self.proxy_command
            .as_ref()
            .map(expand)
            .transpose()
            .map_err(in_keyword("ProxyCommand"))
    }

    /// The program and the arguments that connect to `port` of the host, for a roaming connection over the
    /// pipes of a process; `None` where the command has no `%p` and leads nowhere but to the SSH server, or is no list of words.
    ///
    /// # Errors
    ///
    /// A token that it does not take.
    pub fn proxy_words(&self, port: u16) -> Result<Option<Vec<String>>, ConfigError> {
        let port = port.to_string();
        let mut tokens = self.tokens.proxy();
        tokens.retain(|(token, _)| *token != 'p');
        let names_port = |text: &&String| {
            let without = expand_tokens(text, &tokens);
            matches!(without, Err(TokenError::UnknownToken { token: 'p', .. }))
        };
        let Some(command) = self.proxy_command.as_ref().filter(names_port) else {
            return Ok(None);
        };
        tokens.push(('p', port.into()));
        let line = expand_tokens(command, &tokens).map_err(in_keyword("ProxyCommand"))?;
        let mut words = shlex::split(&line).unwrap_or_default();
        // What a shell would take for an order to itself.
        if words.first().is_some_and(|word| word == "exec") {
            words.remove(0);
        }
        Ok(Some(words).filter(|words| !words.is_empty()))
    }

    /// The command to run here once logged in, if it is permitted; there is no tunnel, so
    /// `%T` is `NONE`.
    ///
    /// # Errors
    ///
    /// A token that it does not take.
    pub fn local_command_line(&self) -> Result<Option<String>, ConfigError> {
        let mut tokens = self.tokens.common();
        tokens.push(('T', "NONE".into()));
        let command = self
            .local_command
            .as_ref()
            .filter(|_| self.permit_local_command);
        let expand = |text: &String| expand_tokens(text, &tokens);
        command
            .map(expand)
            .transpose()
            .map_err(in_keyword("LocalCommand"))
    }

    /// The command that prints known hosts; `key` holds the values of `%f %H %I %K %t`.
    ///
    /// # Errors
    ///
    /// A token that is not in `key` and not of the common ones, or a variable that is not set.
    pub fn known_hosts_command_line(
        &self,
        key: Tokens<'_>,
        env: &Environment,
    ) -> Result<Option<String>, ConfigError> {
        let mut tokens = self.tokens.common();
        tokens.extend(key);
        let expand = |text: &String| expand_all(text, &tokens, &env.variables);
        let command = self.known_hosts_command.as_ref();
        command
            .map(expand)
            .transpose()
            .map_err(in_keyword("KnownHostsCommand"))
    }

    pub(super) fn fill_tokens(&mut self, env: &Environment) {
        let jump_host = self
            .proxy_jump
            .as_ref()
            .map(|jump| jump.last().host.clone());
        self.tokens = TokenValues {
            host: self.hostname.clone(),
            original_host: self.host.clone(),
            key_alias: self
                .host_key_alias
                .clone()
                .unwrap_or_else(|| self.host.clone()),
            port: self.port,
            remote_user: self.user.clone(),
            local_user: env.user.clone(),
            uid: env.uid,
            home: env.home.to_string_lossy().into_owned(),
            local_host: env.local_host.clone(),
            jump_host: jump_host.unwrap_or_default(),
        };
    }

    /// Expands the user that the configuration names, and refuses one that a shell could mistake.
    pub(super) fn expand_user(&mut self, env: &Environment) -> Result<(), ConfigError> {
        let user = expand_all(&self.user, &self.tokens.user(), &env.variables);
        let user = user.map_err(in_keyword("User"))?;
        if user != self.user {
            if !is_sane_user(&user) {
                return Err(ConfigError::BadUser(user));
            }
            self.user = user;
            self.fill_tokens(env);
        }
        Ok(())
    }

    /// Expands what `ssh -G` prints expanded.
    pub(super) fn expand(&mut self, env: &Environment) -> Result<(), ConfigError> {
        let tokens = self.tokens.clone();
        let tokens = tokens.common();
        let path = |text: &str| {
            expand_tilde(text, env).and_then(|text| expand_all(&text, &tokens, &env.variables))
        };
        if let Some(command) = &mut self.remote_command {
            *command = expand_tokens(command, &tokens).map_err(in_keyword("RemoteCommand"))?;
        }
        if let Some(text) = &mut self.control_path {
            *text = path(text).map_err(in_keyword("ControlPath"))?;
        }
        if let Some(text) = &mut self.identity_agent {
            *text = path(text).map_err(in_keyword("IdentityAgent"))?;
        }
        if let ForwardAgent::Socket(text) = &mut self.forward_agent {
            *text = path(text).map_err(in_keyword("ForwardAgent"))?;
        }
        for set in &mut self.set_env {
            if let Some((name, value)) = set.split_once('=') {
                let value = expand_all(value, &tokens, &env.variables);
                *set = format!("{name}={}", value.map_err(in_keyword("SetEnv"))?);
            }
        }
        for text in &mut self.user_known_hosts_files {
            *text = path(text).map_err(in_keyword("UserKnownHostsFile"))?;
        }
        let kinds = [
            ("LocalForward", &mut self.local_forwards),
            ("RemoteForward", &mut self.remote_forwards),
        ];
        for (keyword, forwards) in kinds {
            for forward in forwards {
                if let Listener::Unix(text) = &mut forward.listener {
                    *text = expand_tokens(text, &tokens).map_err(in_keyword(keyword))?;
                }
                if let Target::Unix(text) = &mut forward.target {
                    *text = expand_tokens(text, &tokens).map_err(in_keyword(keyword))?;
                }
            }
        }
        Ok(())
    }

    fn expand_path(&self, text: &str, env: &Environment) -> Result<String, TokenError> {
        let text = expand_tilde(text, env)?;
        expand_all(&text, &self.tokens.common(), &env.variables)
    }
}

fn in_keyword(keyword: &'static str) -> impl Fn(TokenError) -> ConfigError {
    move |source| ConfigError::Token { keyword, source }
}
