//! What the settings depend on outside the configuration, gathered so that tests can give it.

use std::collections::BTreeMap;
use std::net::{IpAddr, ToSocketAddrs};
use std::path::PathBuf;

use nix::unistd::{User, gethostname, getuid};

use super::AddressFamily;
use crate::ssh_config::ConfigError;

/// Who runs the program, where, and what the system answers.
#[derive(Clone, Debug)]
pub struct Environment {
    /// The user's home directory, as the password database has it.
    pub home: PathBuf,
    /// The user's name.
    pub user: String,
    /// The user's ID.
    pub uid: u32,
    /// The name of this machine.
    pub local_host: String,
    /// The environment variables that are Unicode.
    pub variables: BTreeMap<String, String>,
    /// The directory of the system's `ssh_config`.
    pub system_directory: PathBuf,
    /// The home directory of another user.
    pub home_of: fn(&str) -> Option<PathBuf>,
    /// The addresses of this machine, for `Match localnetwork`.
    pub addresses: fn() -> Vec<IpAddr>,
    /// Whether a name has an address of this family. Blocks.
    pub resolves: fn(&str, AddressFamily) -> bool,
}

impl Environment {
    /// Looks at the running process.
    ///
    /// # Errors
    ///
    /// A user without an entry in the password database, or a machine without a name.
    pub fn of_process() -> Result<Self, ConfigError> {
        let uid = getuid();
        let user = User::from_uid(uid).ok().flatten();
        let user = user.ok_or(ConfigError::NoUser { uid: uid.as_raw() })?;
        let host = gethostname().map_err(|errno| ConfigError::NoHostName(errno.into()))?;
        let variables = std::env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
            .collect();
        Ok(Self {
            home: user.dir,
            user: user.name,
            uid: uid.as_raw(),
            local_host: host.to_string_lossy().into_owned(),
            variables,
            system_directory: PathBuf::from(SYSTEM_DIRECTORY),
            home_of,
            addresses,
            resolves,
        })
    }
}

/// Where OpenSSH keeps the system's files.
pub const SYSTEM_DIRECTORY: &str = "/etc/ssh";

fn home_of(user: &str) -> Option<PathBuf> {
    User::from_name(user).ok().flatten().map(|user| user.dir)
}

fn addresses() -> Vec<IpAddr> {
    let interfaces = nix::ifaddrs::getifaddrs().into_iter().flatten();
    interfaces
        .filter_map(|interface| {
            let address = interface.address?;
            let v4 = address.as_sockaddr_in().map(|v4| IpAddr::V4(v4.ip()));
            v4.or_else(|| address.as_sockaddr_in6().map(|v6| IpAddr::V6(v6.ip())))
        })
        .filter(|address| !address.is_loopback())
        .collect()
}

fn resolves(name: &str, family: AddressFamily) -> bool {
    (name, 0).to_socket_addrs().is_ok_and(|mut found| {
        found.any(|address| match family {
            AddressFamily::Any => true,
            AddressFamily::Inet => address.is_ipv4(),
            AddressFamily::Inet6 => address.is_ipv6(),
        })
    })
}
