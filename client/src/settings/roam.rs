//! The ports that the server program may listen on.

use std::fmt;
use std::str::FromStr;

/// Ports from `low` to `high`, both included; never empty and never 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PortRange {
    low: u16,
    high: u16,
}

impl PortRange {
    /// The lowest port.
    pub fn low(self) -> u16 {
        self.low
    }

    /// The highest port.
    pub fn high(self) -> u16 {
        self.high
    }
}

/// The argument of `TsshdPort`: ports and ranges, such as `8010-8020,9020-9030,10080`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PortSpec(Vec<PortRange>);

impl PortSpec {
    /// The ranges, in the order given; never empty.
    pub fn ranges(&self) -> &[PortRange] {
        &self.0
    }
}

impl Default for PortSpec {
    fn default() -> Self {
        Self(vec![PortRange {
            low: 61001,
            high: 61999,
        }])
    }
}

impl FromStr for PortSpec {
    type Err = PortSpecError;

    /// Commas and blanks separate; blanks may stand around the `-` of a range.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut ranges = Vec::new();
        for part in text.split(',') {
            let joined = part
                .split_whitespace()
                .collect::<Vec<_>>()
                .join(" ")
                .replace(" - ", "-");
            for range in joined.split(' ').filter(|range| !range.is_empty()) {
                if ranges.len() == MAX_RANGES {
                    return Err(PortSpecError::TooMany(MAX_RANGES));
                }
                let (low, high) = range.split_once('-').unwrap_or((range, range));
                let (low, high) = (port(low)?, port(high)?);
                if low > high {
                    return Err(PortSpecError::Empty { low, high });
                }
                ranges.push(PortRange { low, high });
            }
        }
        if ranges.is_empty() {
            Err(PortSpecError::NoPort)
        } else {
            Ok(Self(ranges))
        }
    }
}

impl fmt::Display for PortSpec {
    /// As `tsshd --port` takes it: without blanks.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, range) in self.0.iter().enumerate() {
            let comma = if at == 0 { "" } else { "," };
            if range.low == range.high {
                write!(f, "{comma}{}", range.low)?;
            } else {
                write!(f, "{comma}{}-{}", range.low, range.high)?;
            }
        }
        Ok(())
    }
}

/// Why a text is no list of ports.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PortSpecError {
    /// A range that ends before it starts.
    #[error("port range is empty: {low} is above {high}")]
    Empty {
        /// The first port.
        low: u16,
        /// The last port.
        high: u16,
    },
    /// No port at all.
    #[error("the list of ports is empty; write ports and ranges such as 6022,8010-8020")]
    NoPort,
    /// A word that is no port.
    #[error("{0:?} is not a port number (1 to 65535)")]
    NotAPort(String),
    /// A very long list.
    #[error("the list of ports has more than {0} entries")]
    TooMany(usize),
}

fn port(text: &str) -> Result<u16, PortSpecError> {
    crate::ssh_config::port(text).ok_or_else(|| PortSpecError::NotAPort(text.to_owned()))
}

/// Far more than a firewall's rule needs, and short enough for a command line.
const MAX_RANGES: usize = 256;
