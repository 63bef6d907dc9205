//! Host names in the form in which they are looked up and compared.

use std::net::{IpAddr, Ipv4Addr};

use super::{AddressFamily, CanonicalizeHostname, Environment};
use crate::ssh_config::{ConfigError, Draft};

/// The name in lower case, with a domain if the settings ask for it, or the address in its usual
/// form.
///
/// # Errors
///
/// No domain gives the name an address, and the settings forbid to do without.
pub(super) fn canonicalize(
    mut host: String,
    draft: &mut Draft,
    env: &Environment,
) -> Result<String, ConfigError> {
    let is_wanted = |address: &IpAddr| match draft.settings.address_family {
        AddressFamily::Any => true,
        AddressFamily::Inet => address.is_ipv4(),
        AddressFamily::Inet6 => address.is_ipv6(),
    };
    if let Some(address) = parse_address(&host).filter(is_wanted) {
        return Ok(address.to_string());
    }
    let can_only_be_an_address =
        host.contains(['%', ':']) || host.chars().all(|c| c.is_ascii_digit() || c == '.');
    if can_only_be_an_address {
        return Ok(host);
    }
    host.make_ascii_lowercase();

    let settings = &mut draft.settings;
    let is_direct = settings.proxy_command.is_none() && settings.proxy_jump.is_none();
    match settings.canonicalize_hostname {
        CanonicalizeHostname::No => return Ok(host),
        CanonicalizeHostname::Yes if !is_direct => return Ok(host),
        CanonicalizeHostname::Yes | CanonicalizeHostname::Always => {}
    }
    if !settings.canonicalize_permitted_cnames.is_empty() {
        let text = "CanonicalizePermittedCNAMEs: aliases in the DNS are not followed".to_owned();
        settings.warnings.push(text);
    }
    let has_address = |name: &str| (env.resolves)(name, settings.address_family);
    if let Some(bare) = host.strip_suffix('.') {
        if has_address(&host) {
            return Ok(bare.to_owned());
        }
    } else if host.matches('.').count() > settings.canonicalize_max_dots as usize {
        return Ok(host);
    } else {
        let domains = settings.canonical_domains.iter();
        for domain in domains.take_while(|domain| !domain.eq_ignore_ascii_case("none")) {
            let full = format!("{host}.{domain}");
            // The last dot keeps the resolver from adding domains of its own.
            if has_address(&format!("{full}.")) {
                return Ok(full);
            }
        }
    }
    if settings.canonicalize_fallback_local {
        Ok(host)
    } else {
        Err(ConfigError::NotCanonical(host))
    }
}

/// An address, also in the old forms of IPv4 such as `127.1`.
fn parse_address(text: &str) -> Option<IpAddr> {
    if let Ok(address) = text.parse() {
        return Some(address);
    }
    let mut parts = Vec::new();
    for part in text.split('.') {
        parts.push(parse_part(part)?);
    }
    let (last, first) = parts.split_last()?;
    if first.len() > 3 || first.iter().any(|&part| part > 255) {
        return None;
    }
    let bits = 32 - 8 * u32::try_from(first.len()).ok()?;
    if u64::from(*last) >= 1_u64 << bits {
        return None;
    }
    let high = first.iter().fold(0_u32, |high, &part| high << 8 | part);
    let high = high.checked_shl(bits).unwrap_or(0);
    Some(IpAddr::V4(Ipv4Addr::from(high | last)))
}

/// A number in decimal, octal (`0…`) or hexadecimal (`0x…`).
fn parse_part(text: &str) -> Option<u32> {
    if !text.starts_with(|c: char| c.is_ascii_digit()) {
        return None;
    }
    if let Some(hex) = text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")) {
        return u32::from_str_radix(hex, 16).ok();
    }
    match text.strip_prefix('0') {
        Some(octal) if !octal.is_empty() => u32::from_str_radix(octal, 8).ok(),
        _ => text.parse().ok(),
    }
}
