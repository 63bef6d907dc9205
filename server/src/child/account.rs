//! Who the server runs as: the passwd entry and the groups, as far as a login needs them.

use std::path::PathBuf;

use nix::unistd::{Gid, Group, Uid, User};

/// The account that a child is started for.
///
/// Tests and the embedded server fill it in by hand; everybody else calls [`Account::current`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    /// Login name, as in passwd.
    pub name: String,
    /// Home folder: where a child starts, and where `.ssh/rc`, `.ssh/environment` and `.hushlogin` are looked for.
    pub home: PathBuf,
    /// Login shell; `/bin/sh` when passwd names none.
    pub shell: PathBuf,
    /// Names of all groups, primary first, for `Match Group`.
    pub groups: Vec<String>,
}

/// Why the account could not be found.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AccountError {
    /// Nothing answers for this user number.
    #[error("user number {0} has no passwd entry: add one, or check the name service")]
    Unknown(u32),
    /// The name service itself failed.
    #[error("user number {uid} cannot be looked up")]
    Lookup {
        /// The real user number of this process.
        uid: u32,
        /// What the name service answered.
        source: nix::Error,
    },
}

impl Account {
    /// Looks up the account of the running process.
    ///
    /// # Errors
    ///
    /// When passwd does not know the real user number. Groups that cannot be named are left out.
    pub fn current() -> Result<Self, AccountError> {
        let uid = Uid::current();
        let logged_in = std::env::var("LOGNAME").or_else(|_| std::env::var("USER"));
        let user = match logged_in.ok().and_then(|name| namesake(&name, uid)) {
            Some(user) => user,
            None => User::from_uid(uid)
                .map_err(|source| AccountError::Lookup {
                    uid: uid.as_raw(),
                    source,
                })?
                .ok_or(AccountError::Unknown(uid.as_raw()))?,
        };
        let groups = group_ids(&user)
            .into_iter()
            .filter_map(|gid| Group::from_gid(gid).ok().flatten())
            .map(|group| group.name)
            .collect();
        let shell = if user.shell.as_os_str().is_empty() {
            PathBuf::from("/bin/sh")
        } else {
            user.shell
        };
        Ok(Self {
            name: user.name,
            home: user.dir,
            shell,
            groups,
        })
    }
}

/// The account of this name, where several share a user number.
fn namesake(name: &str, uid: Uid) -> Option<User> {
    let user = User::from_name(name).ok().flatten();
    user.filter(|user| user.uid == uid)
}

#[cfg(not(target_vendor = "apple"))]
fn group_ids(user: &User) -> Vec<Gid> {
    std::ffi::CString::new(user.name.as_str())
        .ok()
        .and_then(|name| nix::unistd::getgrouplist(&name, user.gid).ok())
        .unwrap_or_else(|| vec![user.gid])
}

#[cfg(target_vendor = "apple")]
fn group_ids(user: &User) -> Vec<Gid> {
    vec![user.gid]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_running_user_has_a_name_a_home_and_a_shell_to_start() {
        let account = Account::current().unwrap();

        assert!(!account.name.is_empty());
        assert!(
            account.home.is_absolute() && account.shell.is_absolute(),
            "{account:?}"
        );
        assert!(!account.groups.is_empty());
    }

    #[test]
    fn a_name_counts_where_it_is_one_of_this_user_number() {
        let account = Account::current().unwrap();
        let uid = Uid::current();

        let user = namesake(&account.name, uid).unwrap();
        assert_eq!(user.uid, uid);
        assert!(namesake(&account.name, Uid::from_raw(uid.as_raw() + 1)).is_none());
        assert!(namesake("nobody of that name", uid).is_none());
    }
}
