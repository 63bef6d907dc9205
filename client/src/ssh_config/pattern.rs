//! The patterns of `ssh_config(5)`, section PATTERNS.

/// Whether `text` matches `pattern`, in which `*` stands for anything and `?` for one character.
///
/// Takes time proportional to the product of both lengths at worst.
pub fn matches(text: &str, pattern: &str) -> bool {
    let text: Vec<char> = text.chars().collect();
    let pattern: Vec<char> = pattern.chars().collect();
    let (mut at, mut against) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while at < text.len() {
        match pattern.get(against) {
            Some('*') => {
                star = Some((against, at));
                against += 1;
            }
            Some(&c) if c == '?' || c == text[at] => {
                at += 1;
                against += 1;
            }
            _ => {
                let Some((star_at, taken)) = star else {
                    return false;
                };
                star = Some((star_at, taken + 1));
                at = taken + 1;
                against = star_at + 1;
            }
        }
    }
    pattern[against..].iter().all(|&c| c == '*')
}

/// What a list of patterns says about a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// A pattern of the list matches.
    Matched,
    /// A negated pattern of the list matches, whatever the others say.
    Excluded,
    /// No pattern matches.
    Unmatched,
}

/// Tests `text` against the comma-separated `list`, in which `!` negates a pattern.
pub fn matches_list(text: &str, list: &str) -> Verdict {
    let mut verdict = Verdict::Unmatched;
    for pattern in list.split(',') {
        match pattern.strip_prefix('!') {
            Some(pattern) if matches(text, pattern) => return Verdict::Excluded,
            Some(_) => {}
            None if matches(text, pattern) => verdict = Verdict::Matched,
            None => {}
        }
    }
    verdict
}

/// As [`matches_list`], whatever the case of the letters.
pub fn matches_host(host: &str, list: &str) -> Verdict {
    matches_list(&host.to_ascii_lowercase(), &list.to_ascii_lowercase())
}
