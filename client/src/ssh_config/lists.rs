//! The keywords that take a list, or that may be given many times and add up.

use super::forward::{Forward, Target};
use super::options::{Draft, Effect};
use super::pattern::matches;
use super::tokens::expand_variables;
use super::value::{Words, port};
use super::{Keyword, Problem};
use crate::settings::{Environment, IdentityFile};

impl Draft {
    /// Applies a line whose keyword takes a list; false when the keyword takes none.
    pub(super) fn apply_list(
        &mut self,
        keyword: Keyword,
        w: &mut Words,
        effect: Effect,
        env: &Environment,
    ) -> Result<bool, Problem> {
        let applies = effect == Effect::Applies;
        #[expect(
            clippy::wildcard_enum_match_arm,
            reason = "the other keywords take one value"
        )]
        match keyword {
            Keyword::CanonicalDomains => {
                let domains = w.list(&["none"])?;
                if let Some(bad) = domains.iter().find(|domain| !is_domain(domain)) {
                    return Err(w.bad(bad, "a domain name"));
                }
                bounded(w, &domains, MAX_DOMAINS)?;
                if self.claim(keyword, effect) {
                    self.settings.canonical_domains = domains;
                }
            }
            Keyword::CanonicalizePermittedCNAMEs => {
                let rules = w.list(&["none"])?;
                bounded(w, &rules, MAX_DOMAINS)?;
                let rules = rules
                    .into_iter()
                    .filter_map(|rule| cname_rule(rule, w).transpose());
                let rules = rules.collect::<Result<Vec<_>, _>>()?;
                if self.claim(keyword, effect) {
                    self.settings.canonicalize_permitted_cnames = rules;
                }
            }
            Keyword::CertificateFile => {
                let path = w.text()?;
                if applies {
                    add(
                        &mut self.settings.certificate_files,
                        path,
                        w.keyword(),
                        MAX_KEY_FILES,
                    )?;
                }
            }
            Keyword::IdentityFile => {
                let file = IdentityFile {
                    path: w.text()?,
                    named_by_user: true,
                };
                if applies {
                    add(
                        &mut self.settings.identity_files,
                        file,
                        w.keyword(),
                        MAX_KEY_FILES,
                    )?;
                }
            }
            Keyword::GlobalKnownHostsFile => {
                let files = w.list(&["none"])?;
                bounded(w, &files, MAX_HOSTS_FILES)?;
                if self.claim(keyword, effect) {
                    self.settings.global_known_hosts_files = files;
                }
            }
            Keyword::UserKnownHostsFile => {
                let files = w.list(&["none"])?;
                bounded(w, &files, MAX_HOSTS_FILES)?;
                if self.claim(keyword, effect) {
                    self.settings.user_known_hosts_files = files;
                }
            }
            Keyword::LogVerbose => {
                let places = w.list(&["none"])?;
                if self.claim(keyword, effect) {
                    self.settings.log_verbose = places;
                }
            }
            Keyword::DynamicForward | Keyword::LocalForward | Keyword::RemoteForward => {
                let forward = forward(keyword, w, env)?;
                if applies {
                    self.add_forward(keyword, forward)?;
                }
            }
            Keyword::PermitRemoteOpen => {
                let places = w.list(&["any", "none"])?;
                if places.is_empty() {
                    return Err(Problem::MissingArgument(w.keyword().to_owned()));
                }
                if let Some(bad) = places.iter().find(|place| !is_permitted_place(place)) {
                    return Err(w.bad(bad, "host:port, where the port may be *"));
                }
                if self.claim(keyword, effect) {
                    self.settings.permit_remote_open = places;
                }
            }
            Keyword::SendEnv => self.send_env(w, effect)?,
            Keyword::SetEnv => {
                let variables = w.list(&[])?;
                if let Some(bad) = variables.iter().find(|variable| !variable.contains('=')) {
                    return Err(w.bad(bad, "NAME=value"));
                }
                bounded(w, &variables, MAX_VARIABLES)?;
                if self.claim(keyword, effect) {
                    self.settings.set_env = first_of_each_name(variables);
                }
            }
            _ => return Ok(false),
        }
        Ok(true)
    }

    /// Adds a forward unless the very same one is there.
    pub(crate) fn add_forward(
        &mut self,
        keyword: Keyword,
        forward: Forward,
    ) -> Result<(), Problem> {
        let settings = &mut self.settings;
        if keyword == Keyword::RemoteForward {
            add(
                &mut settings.remote_forwards,
                forward,
                "remoteforward",
                MAX_FORWARDS,
            )
        } else if forward.target == Target::Socks {
            add(
                &mut settings.dynamic_forwards,
                forward.listener,
                "dynamicforward",
                MAX_FORWARDS,
            )
        } else {
            add(
                &mut settings.local_forwards,
                forward,
                "localforward",
                MAX_FORWARDS,
            )
        }
    }

    fn send_env(&mut self, w: &mut Words, effect: Effect) -> Result<(), Problem> {
        for pattern in w.list(&[])? {
            if pattern.contains('=') {
                return Err(w.bad(pattern, "a name or a pattern"));
            }
            if effect == Effect::Checked {
                continue;
            }
            match pattern.strip_prefix('-') {
                Some(unwanted) => self
                    .settings
                    .send_env
                    .retain(|name| !matches(name, unwanted)),
                None => add(
                    &mut self.settings.send_env,
                    pattern,
                    w.keyword(),
                    MAX_VARIABLES,
                )?,
            }
        }
        Ok(())
    }
}

/// Adds a value that is not there yet.
fn add<T: PartialEq>(
    list: &mut Vec<T>,
    value: T,
    keyword: &str,
    limit: usize,
) -> Result<(), Problem> {
    if list.contains(&value) {
        return Ok(());
    }
    if list.len() >= limit {
        return Err(Problem::TooMany {
            keyword: keyword.to_owned(),
            limit,
        });
    }
    list.push(value);
    Ok(())
}

fn bounded<T>(w: &Words, list: &[T], limit: usize) -> Result<(), Problem> {
    if list.len() > limit {
        return Err(Problem::TooMany {
            keyword: w.keyword().to_owned(),
            limit,
        });
    }
    Ok(())
}

fn forward(keyword: Keyword, w: &mut Words, env: &Environment) -> Result<Forward, Problem> {
    let mut spec = w.text()?;
    let target = if keyword == Keyword::DynamicForward {
        None
    } else {
        w.optional()
    };
    let parse = match (keyword, &target) {
        (Keyword::RemoteForward, Some(_)) => Forward::parse_remote,
        (Keyword::RemoteForward, None) => Forward::parse_remote_socks,
        (Keyword::LocalForward, _) => Forward::parse_local,
        _ => Forward::parse_dynamic,
    };
    if let Some(target) = target {
        spec = format!("{spec}:{target}");
    } else if keyword == Keyword::LocalForward {
        return Err(Problem::MissingArgument(w.keyword().to_owned()));
    }
    let expanded = expand_variables(&spec, &env.variables).map_err(|source| Problem::Token {
        keyword: w.keyword().to_owned(),
        source,
    })?;
    parse(&expanded).ok_or_else(|| w.bad(spec, "a forward such as 8080 host:80 or [::1]:1080"))
}

/// `sources:targets` or `*`; `none` is `None`.
fn cname_rule(rule: String, w: &Words) -> Result<Option<(String, String)>, Problem> {
    let rule = rule.to_ascii_lowercase();
    match rule.split_once(':') {
        _ if rule == "none" => Ok(None),
        _ if rule == "*" => Ok(Some(("*".to_owned(), "*".to_owned()))),
        Some((sources, targets)) if !targets.is_empty() => {
            Ok(Some((sources.to_owned(), targets.to_owned())))
        }
        _ => Err(w.bad(rule, "names:aliases, * or none")),
    }
}

fn is_domain(text: &str) -> bool {
    let starts_well = text.starts_with(|c: char| c.is_ascii_alphanumeric());
    let is_plain = text
        .chars()
        .all(|c| c.is_ascii_alphanumeric() || "-._".contains(c));
    starts_well && is_plain && !text.contains("..")
}

fn is_permitted_place(place: &str) -> bool {
    let is_word = ["any", "none"]
        .iter()
        .any(|word| word.eq_ignore_ascii_case(place));
    let is_pair = place.rsplit_once(':').is_some_and(|(host, number)| {
        !host.is_empty() && (number == "*" || port(number).is_some())
    });
    is_word || is_pair
}

fn first_of_each_name(variables: Vec<String>) -> Vec<String> {
    let mut kept: Vec<String> = Vec::new();
    for variable in variables {
        let name = |text: &str| text.split('=').next().map(str::to_owned);
        if !kept.iter().any(|known| name(known) == name(&variable)) {
            kept.push(variable);
        }
    }
    kept
}

/// OpenSSH's own bounds.
const MAX_DOMAINS: usize = 32;
const MAX_HOSTS_FILES: usize = 32;
const MAX_KEY_FILES: usize = 100;

/// More than any file names, and few enough for one environment.
const MAX_VARIABLES: usize = 1024;

/// Each is a listener; a process may hold about as many descriptors.
const MAX_FORWARDS: usize = 1024;
