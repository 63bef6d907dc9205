//! Which ports the server may listen on, as both programs read them, and in which order it tries them.
//!
//! Nothing here opens a socket or draws a random number: both are given.

use std::fmt;
use std::str::FromStr;

/// Ports as `--port` and `TsshdPort` name them: single ports and ranges, by comma or blank, such as `7000,8000-8010`. Blanks may stand around a dash.
///
/// Never empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PortSpec {
    ranges: Vec<PortRange>,
}

/// Ports from low to high, both included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PortRange {
    low: u16,
    high: u16,
}

/// Why a text names no ports.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PortRangeError {
    /// Nothing but blanks and commas.
    #[error("no port is named: write one such as 7000, or a range such as 61001-61999")]
    Empty,
    /// A word is no number, or out of range.
    #[error("{0:?} is not a port number (1 to 65535)")]
    NotAPort(String),
    /// A word of hundreds of ranges serves nobody and would be kept.
    #[error("over {RANGES_MAX} ports and ranges are named: join them into fewer ranges")]
    TooMany,
    /// The range holds nothing.
    #[error("port range is upside down: {low} is above {high}")]
    UpsideDown {
        /// Before the dash.
        low: u16,
        /// After it.
        high: u16,
    },
}

impl PortSpec {
    /// The ranges, in the order given; never empty.
    pub fn ranges(&self) -> &[PortRange] {
        &self.ranges
    }

    /// The order to try ports in: from a random place in a random range upwards, from its top to its bottom, until each
    /// port of that range has come once; the other ranges follow in their order, each in the same way.
    ///
    /// `random` may be any number; two that are equal give one order.
    pub fn candidates(&self, random: u64) -> impl Iterator<Item = u16> + '_ {
        let count = self.ranges.len();
        let first = usize::try_from(random % count as u64).unwrap_or(0);
        // The remainder has chosen the range; what is left of the number chooses the place.
        let place = random / count as u64;
        (0..count).flat_map(move |step| self.ranges[(first + step) % count].upward_from(place))
    }
}

impl PortRange {
    /// The lowest port; never 0.
    pub fn low(self) -> u16 {
        self.low
    }

    /// The highest port.
    pub fn high(self) -> u16 {
        self.high
    }

    fn upward_from(self, place: u64) -> impl Iterator<Item = u16> {
        let count = u64::from(self.high - self.low) + 1;
        (0..count).filter_map(move |step| {
            let offset = (place % count + step) % count;
            u16::try_from(u64::from(self.low) + offset).ok()
        })
    }
}

impl Default for PortSpec {
    /// 61001-61999 (PROTOCOL.md, "Server info").
    fn default() -> Self {
        Self {
            ranges: vec![PortRange {
                low: 61001,
                high: 61999,
            }],
        }
    }
}

impl FromStr for PortSpec {
    type Err = PortRangeError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let joined = text.split_ascii_whitespace().collect::<Vec<_>>().join(" ");
        // Blanks separate, but not around the dash of a range.
        let joined = joined.replace(" - ", "-");
        let words = joined.split(|char: char| char == ',' || char.is_ascii_whitespace());
        let mut ranges = Vec::new();
        for word in words.filter(|word| !word.is_empty()) {
            if ranges.len() == RANGES_MAX {
                return Err(PortRangeError::TooMany);
            }
            ranges.push(word.parse()?);
        }
        if ranges.is_empty() {
            return Err(PortRangeError::Empty);
        }
        Ok(Self { ranges })
    }
}

impl FromStr for PortRange {
    type Err = PortRangeError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (low, high) = text.split_once('-').unwrap_or((text, text));
        let (low, high) = (port(low)?, port(high)?);
        if low > high {
            return Err(PortRangeError::UpsideDown { low, high });
        }
        Ok(Self { low, high })
    }
}

impl fmt::Display for PortSpec {
    /// As it can be parsed again.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, range) in self.ranges.iter().enumerate() {
            let comma = if at == 0 { "" } else { "," };
            write!(f, "{comma}{range}")?;
        }
        Ok(())
    }
}

impl fmt::Display for PortRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.low == self.high {
            write!(f, "{}", self.low)
        } else {
            write!(f, "{}-{}", self.low, self.high)
        }
    }
}

fn port(text: &str) -> Result<u16, PortRangeError> {
    // `parse` would take a sign.
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse()
        .ok()
        .filter(|&port: &u16| digits && port != 0)
        .ok_or_else(|| PortRangeError::NotAPort(text.chars().take(SHOWN_MAX).collect()))
}

/// More than anybody writes by hand.
const RANGES_MAX: usize = 64;

/// Enough of a wrong word to recognise it.
const SHOWN_MAX: usize = 32;

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn lists_ranges_and_blanks_are_read_and_shown_again() {
        for (text, shown) in [
            ("61001-61999", "61001-61999"),
            ("7000,8000-8010", "7000,8000-8010"),
            (" 7000  8000 - 8010 , 9000 ", "7000,8000-8010,9000"),
            ("1-65535", "1-65535"),
            ("5-5", "5"),
        ] {
            let spec: PortSpec = text.parse().unwrap();
            assert_eq!(spec.to_string(), shown);
            assert_eq!(shown.parse(), Ok(spec));
        }
        assert_eq!(PortSpec::default().to_string(), "61001-61999");
    }

    #[test]
    fn what_names_no_port_is_refused_with_its_reason() {
        let not_a_port = |text: &str| PortRangeError::NotAPort(text.into());
        for (text, error) in [
            ("", PortRangeError::Empty),
            (" , ,", PortRangeError::Empty),
            ("0", not_a_port("0")),
            ("65536", not_a_port("65536")),
            ("+80", not_a_port("+80")),
            ("ssh", not_a_port("ssh")),
            ("-80", not_a_port("")),
            ("80-", not_a_port("")),
            ("80-90-100", not_a_port("90-100")),
            (
                "8010-8000",
                PortRangeError::UpsideDown {
                    low: 8010,
                    high: 8000,
                },
            ),
        ] {
            assert_eq!(text.parse::<PortSpec>(), Err(error), "{text:?}");
        }
        assert_eq!(
            "1,".repeat(65).parse::<PortSpec>(),
            Err(PortRangeError::TooMany)
        );
    }

    #[test]
    fn a_range_is_tried_upwards_from_a_random_place_and_wraps_around() {
        let spec: PortSpec = "100-104".parse().unwrap();

        assert_eq!(
            spec.candidates(3).collect::<Vec<_>>(),
            [103, 104, 100, 101, 102]
        );
        assert_eq!(
            spec.candidates(5).collect::<Vec<_>>(),
            [100, 101, 102, 103, 104]
        );
    }

    #[test]
    fn the_random_number_chooses_the_range_too_and_the_others_follow() {
        let spec: PortSpec = "7000,8000-8002".parse().unwrap();

        assert_eq!(
            spec.candidates(0).collect::<Vec<_>>(),
            [7000, 8000, 8001, 8002]
        );
        assert_eq!(
            spec.candidates(5).collect::<Vec<_>>(),
            [8002, 8000, 8001, 7000]
        );
    }

    #[test]
    fn every_port_comes_first_for_some_number() {
        let spec: PortSpec = "7000,8000-8010".parse().unwrap();

        let firsts: BTreeSet<_> = (0..100)
            .filter_map(|random| spec.candidates(random).next())
            .collect();

        assert_eq!(firsts, [7000].into_iter().chain(8000..=8010).collect());
    }

    proptest::proptest! {
        #[test]
        fn every_port_comes_exactly_once(random in proptest::prelude::any::<u64>()) {
            let spec: PortSpec = "1-65535".parse().unwrap();
            let mut seen = vec![false; 65536];
            for port in spec.candidates(random) {
                proptest::prop_assert!(!std::mem::replace(&mut seen[usize::from(port)], true));
            }
            proptest::prop_assert_eq!(seen.iter().filter(|seen| **seen).count(), 65535);
        }

        #[test]
        fn no_text_makes_the_parser_panic(text in "[0-9, -]{0,20}|.{0,20}") {
            let _ = text.parse::<PortSpec>();
        }
    }
}
