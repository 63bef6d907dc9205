//! The words behind a keyword, and what single words mean.

use std::collections::VecDeque;
use std::time::Duration;

use super::Problem;
use crate::settings::{Choice, EscapeChar, IpQos};

/// The words of one line that are still to be read.
#[derive(Debug)]
pub(super) struct Words {
    keyword: String,
    left: VecDeque<String>,
}

impl Words {
    pub(super) fn new(keyword: &str, words: Vec<String>) -> Self {
        Self {
            keyword: keyword.to_owned(),
            left: words.into(),
        }
    }

    /// The next word, if there is one.
    pub(super) fn optional(&mut self) -> Option<String> {
        self.left.pop_front()
    }

    /// The next word, which may not be empty.
    pub(super) fn text(&mut self) -> Result<String, Problem> {
        match self.left.pop_front() {
            Some(word) if !word.is_empty() => Ok(word),
            _ => Err(Problem::MissingArgument(self.keyword.clone())),
        }
    }

    /// The next word, which must be one that `parse` knows.
    pub(super) fn parsed<T>(
        &mut self,
        parse: impl FnOnce(&str) -> Option<T>,
        wanted: &'static str,
    ) -> Result<T, Problem> {
        let word = self.text()?;
        parse(&word).ok_or_else(|| self.bad(word, wanted))
    }

    pub(super) fn flag(&mut self) -> Result<bool, Problem> {
        self.parsed(flag, "yes or no")
    }

    /// One word out of a few.
    pub(super) fn choice<T: Choice>(&mut self) -> Result<T, Problem> {
        self.parsed(T::parse, T::WANTED)
    }

    pub(super) fn number(&mut self) -> Result<u32, Problem> {
        self.parsed(number, "a number from 0 to 2147483647")
    }

    /// A time; `none` is `None`.
    pub(super) fn time(&mut self) -> Result<Option<Duration>, Problem> {
        self.parsed(
            |word| {
                if word == "none" {
                    Some(None)
                } else {
                    time(word).map(Some)
                }
            },
            "a time such as 90, 30s, 5m or 1h30m",
        )
    }

    /// All words that are left; none of them empty, and `lonely` words only by themselves.
    pub(super) fn list(&mut self, lonely: &[&str]) -> Result<Vec<String>, Problem> {
        let words: Vec<String> = std::mem::take(&mut self.left).into();
        if words.iter().any(String::is_empty) {
            return Err(Problem::MissingArgument(self.keyword.clone()));
        }
        let is_lonely = |word: &&String| lonely.iter().any(|l| l.eq_ignore_ascii_case(word));
        match words.iter().find(is_lonely) {
            Some(word) if words.len() > 1 => Err(Problem::NotAlone {
                keyword: self.keyword.clone(),
                word: word.clone(),
            }),
            _ => Ok(words),
        }
    }

    /// Whether the next word begins with one of `signs`.
    pub(super) fn next_starts_with(&self, signs: &[char]) -> bool {
        self.left
            .front()
            .is_some_and(|word| word.starts_with(signs))
    }

    /// Leaves the rest unread.
    pub(super) fn skip(&mut self) {
        self.left.clear();
    }

    /// # Errors
    ///
    /// Words that nobody has read.
    pub(super) fn finish(mut self) -> Result<(), Problem> {
        match self.left.pop_front() {
            Some(found) => Err(Problem::ExtraArgument {
                keyword: self.keyword,
                found,
            }),
            None => Ok(()),
        }
    }

    pub(super) fn bad(&self, found: impl Into<String>, wanted: &'static str) -> Problem {
        Problem::BadValue {
            keyword: self.keyword.clone(),
            found: found.into(),
            wanted,
        }
    }

    pub(super) fn keyword(&self) -> &str {
        &self.keyword
    }
}

pub(super) fn flag(word: &str) -> Option<bool> {
    match word.to_ascii_lowercase().as_str() {
        "yes" | "true" => Some(true),
        "no" | "false" => Some(false),
        _ => None,
    }
}

/// A decimal number that fits a C `int`, as every number of `ssh_config(5)` does.
pub(super) fn number(word: &str) -> Option<u32> {
    digits(word)?
        .try_into()
        .ok()
        .filter(|&n: &u32| n <= i32::MAX as u32)
}

/// A port from 1 to 65535.
pub(crate) fn port(word: &str) -> Option<u16> {
    digits(word)?.try_into().ok().filter(|&port| port != 0)
}

/// A port from 0 to 65535; 0 lets the listener choose.
pub(super) fn port_or_any(word: &str) -> Option<u16> {
    digits(word)?.try_into().ok()
}

fn digits(word: &str) -> Option<u64> {
    let plain = !word.is_empty() && word.bytes().all(|b| b.is_ascii_digit());
    if plain { word.parse().ok() } else { None }
}

/// The time formats of `sshd_config(5)`: `90`, `1h30m`, `2w`; the units add up.
pub(super) fn time(word: &str) -> Option<Duration> {
    let mut total: u64 = 0;
    let mut rest = word;
    if rest.is_empty() {
        return None;
    }
    while !rest.is_empty() {
        let end = rest
            .find(|c: char| !c.is_ascii_digit())
            .unwrap_or(rest.len());
        let count = digits(&rest[..end])?;
        let mut after = rest[end..].chars();
        let unit = match after.next() {
            None | Some('s' | 'S') => 1,
            Some('m' | 'M') => 60,
            Some('h' | 'H') => 60 * 60,
            Some('d' | 'D') => 24 * 60 * 60,
            Some('w' | 'W') => 7 * 24 * 60 * 60,
            Some(_) => return None,
        };
        total = total.checked_add(count.checked_mul(unit)?)?;
        rest = after.as_str();
    }
    (total <= i32::MAX as u64).then(|| Duration::from_secs(total))
}

/// A number of bytes with an optional K, M, G, T, P or E.
pub(super) fn scaled(word: &str) -> Option<u64> {
    let (number, shift) = match word.char_indices().last()? {
        (at, unit) if unit.is_ascii_alphabetic() => {
            let shift = match unit.to_ascii_uppercase() {
                'B' => 0,
                'K' => 10,
                'M' => 20,
                'G' => 30,
                'T' => 40,
                'P' => 50,
                'E' => 60,
                _ => return None,
            };
            (&word[..at], shift)
        }
        _ => (word, 0),
    };
    digits(number)?
        .checked_mul(1 << shift)
        .filter(|&bytes| i64::try_from(bytes).is_ok())
}

/// `none`, a character, or `^` and a letter for a control character.
pub(crate) fn escape_char(word: &str) -> Option<EscapeChar> {
    match word.as_bytes() {
        b"none" => Some(EscapeChar::None),
        [c] => Some(EscapeChar::Char(*c)),
        [b'^', c @ 64..=127] => Some(EscapeChar::Char(c & 31)),
        _ => None,
    }
}

/// The largest mask of a socket's mode.
pub(super) fn octal_mask(word: &str) -> Option<u32> {
    u32::from_str_radix(word, 8)
        .ok()
        .filter(|&mask| mask <= 0o777)
}

/// A traffic class by name, or as a decimal, octal (`0…`) or hexadecimal (`0x…`) number.
pub(super) fn ip_qos(word: &str) -> Option<IpQos> {
    if word.eq_ignore_ascii_case("none") {
        return Some(IpQos::None);
    }
    if let Some(&(_, value)) = IP_QOS
        .iter()
        .find(|(name, _)| name.eq_ignore_ascii_case(word))
    {
        return Some(IpQos::Class(value));
    }
    let value = if let Some(hex) = word.strip_prefix("0x").or_else(|| word.strip_prefix("0X")) {
        u8::from_str_radix(hex, 16)
    } else if let Some(octal) = word.strip_prefix('0').filter(|octal| !octal.is_empty()) {
        u8::from_str_radix(octal, 8)
    } else {
        word.parse()
    };
    value.ok().map(IpQos::Class)
}

/// The names of the traffic classes, RFC 2474, 2597, 3246, 8622 and 1349.
pub(crate) const IP_QOS: [(&str, u8); 25] = [
    ("af11", 0x28),
    ("af12", 0x30),
    ("af13", 0x38),
    ("af21", 0x48),
    ("af22", 0x50),
    ("af23", 0x58),
    ("af31", 0x68),
    ("af32", 0x70),
    ("af33", 0x78),
    ("af41", 0x88),
    ("af42", 0x90),
    ("af43", 0x98),
    ("cs0", 0x00),
    ("cs1", 0x20),
    ("cs2", 0x40),
    ("cs3", 0x60),
    ("cs4", 0x80),
    ("cs5", 0xa0),
    ("cs6", 0xc0),
    ("cs7", 0xe0),
    ("ef", 0xb8),
    ("le", 0x04),
    ("lowdelay", 0x10),
    ("throughput", 0x08),
    ("reliability", 0x04),
];
