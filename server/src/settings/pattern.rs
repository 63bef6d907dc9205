//! Patterns with `*`, `?` and `!`, and addresses with a prefix length (ssh_config(5), "PATTERNS").

use std::net::IpAddr;

/// A list of wildcard patterns. An entry with `!` that matches rules the text out, wherever it stands.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PatternList(Vec<String>);

impl PatternList {
    /// Reads a comma-separated list.
    pub fn parse(text: &str) -> Self {
        Self(text.split(',').map(str::to_owned).collect())
    }

    /// Takes each word as one pattern.
    pub fn parse_words<'a>(words: impl IntoIterator<Item = &'a str>) -> Self {
        Self(words.into_iter().map(str::to_owned).collect())
    }

    /// Whether one pattern matches `text` and no negated one does. Case counts.
    pub fn matches(&self, text: &str) -> bool {
        self.matches_by(|pattern| wildcard(pattern, text))
    }

    /// Whether the list matches an address: entries may have a prefix length, or be wildcards over its text.
    ///
    /// An entry with a prefix that cannot be is passed over.
    pub fn matches_address(&self, address: IpAddr) -> bool {
        let text = address.to_string();
        self.matches_by(|pattern| match Network::parse(pattern) {
            Some(network) => network.contains(address),
            None => !pattern.contains('/') && wildcard(&pattern.to_ascii_lowercase(), &text),
        })
    }

    /// The patterns as written.
    pub fn patterns(&self) -> &[String] {
        &self.0
    }

    pub(super) fn extend(&mut self, more: Self) {
        self.0.extend(more.0);
    }

    pub(super) fn retain(&mut self, keep: impl FnMut(&String) -> bool) {
        self.0.retain(keep);
    }

    fn matches_by(&self, mut matches: impl FnMut(&str) -> bool) -> bool {
        let mut found = false;
        for pattern in &self.0 {
            match pattern.strip_prefix('!') {
                Some(negated) if matches(negated) => return false,
                Some(_) => {}
                None => found = found || matches(pattern),
            }
        }
        found
    }
}

/// Whether `pattern` with `*` (any text) and `?` (one character) covers all of `text`.
pub(super) fn wildcard(pattern: &str, text: &str) -> bool {
    let (pattern, text) = (pattern.as_bytes(), text.as_bytes());
    let (mut at, mut in_text) = (0, 0);
    let mut last_star = None;
    while in_text < text.len() {
        match pattern.get(at) {
            Some(b'*') => {
                last_star = Some((at + 1, in_text));
                at += 1;
            }
            Some(&byte) if byte == b'?' || byte == text[in_text] => {
                at += 1;
                in_text += 1;
            }
            // Only the last star need grow: whatever an earlier one could take, it can take too.
            _ => match &mut last_star {
                Some((after, taken)) => {
                    *taken += 1;
                    (at, in_text) = (*after, *taken);
                }
                None => return false,
            },
        }
    }
    pattern[at..].iter().all(|&byte| byte == b'*')
}

struct Network {
    address: IpAddr,
    prefix: u32,
}

impl Network {
    fn parse(text: &str) -> Option<Self> {
        let (address, prefix) = match text.split_once('/') {
            Some((address, prefix)) => (address.parse().ok()?, Some(prefix.parse().ok()?)),
            None => (text.parse().ok()?, None),
        };
        let bits = bits(address).1;
        let network = Self {
            address,
            prefix: prefix.unwrap_or(bits),
        };
        // sshd refuses a prefix that is too long, or that cuts off bits which are set.
        (network.prefix <= bits && network.host_part() == 0).then_some(network)
    }

    fn contains(&self, other: IpAddr) -> bool {
        let ((mine, width), (theirs, other_width)) = (bits(self.address), bits(other));
        let differing = (mine ^ theirs)
            .checked_shr(width - self.prefix)
            .unwrap_or(0);
        width == other_width && differing == 0
    }

    fn host_part(&self) -> u128 {
        let (value, width) = bits(self.address);
        let mask = 1u128
            .checked_shl(width - self.prefix)
            .map_or(u128::MAX, |bit| bit - 1);
        value & mask
    }
}

fn bits(address: IpAddr) -> (u128, u32) {
    match address {
        IpAddr::V4(address) => (address.to_bits().into(), 32),
        IpAddr::V6(address) => (address.to_bits(), 128),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stars_and_question_marks_match_as_in_ssh() {
        for (pattern, text, expected) in [
            ("*", "", true),
            ("", "", true),
            ("", "a", false),
            ("LC_*", "LC_", true),
            ("LC_*", "LC_ALL", true),
            ("LC_*", "XLC_ALL", false),
            ("?", "", false),
            ("a?c", "abc", true),
            ("*a*b*", "xxaxxbxx", true),
            ("*a*b", "xxaxxbxx", false),
            ("*ab*ab", "ababab", true),
            ("web*.example", "WEB1.example", false),
        ] {
            assert_eq!(wildcard(pattern, text), expected, "{pattern} {text}");
        }
    }

    #[test]
    fn many_stars_against_a_long_text_take_no_time() {
        let pattern = "*a".repeat(200) + "b";
        assert!(!wildcard(&pattern, &"a".repeat(20_000)));
    }

    #[test]
    fn a_negated_entry_rules_out_wherever_it_stands_and_matches_nothing_alone() {
        assert!(PatternList::parse("*,!root").matches("ada"));
        assert!(!PatternList::parse("*,!root").matches("root"));
        assert!(!PatternList::parse("!root,*").matches("root"));
        assert!(!PatternList::parse("!root").matches("ada"));
    }

    #[test]
    fn addresses_match_by_prefix_by_text_and_by_negation() {
        for (list, address, expected) in [
            ("192.0.2.0/24", "192.0.2.77", true),
            ("192.0.2.0/24", "192.0.3.1", false),
            ("192.0.2.0/24,!192.0.2.64/26", "192.0.2.77", false),
            ("2001:db8::/32", "2001:db8:1::7", true),
            ("2001:DB8::7", "2001:db8::7", true),
            ("2001:db8::/32", "192.0.2.1", false),
            ("0.0.0.0/0", "203.0.113.9", true),
            ("::/0", "::1", true),
            ("::/0", "127.0.0.1", false),
            ("192.0.2.*", "192.0.2.77", true),
            ("192.0.2.0/33", "192.0.2.0", false),
            ("192.0.2.0/8", "192.0.2.0", false),
            ("192.0.2.0/x", "192.0.2.0", false),
        ] {
            let matches = PatternList::parse(list).matches_address(address.parse().unwrap());
            assert_eq!(matches, expected, "{list} {address}");
        }
    }
}
