//! A place where the settings depend on nothing but the test.

use std::fs;
use std::net::{IpAddr, Ipv4Addr};
use std::os::unix::fs::PermissionsExt;

use tempfile::TempDir;

use crate::cli::Cli;
use crate::settings::{Environment, Settings, resolve};
use crate::ssh_config::ConfigError;

/// A home, a system directory and an environment that nothing else can see.
pub(super) struct House {
    pub(super) root: TempDir,
    pub(super) env: Environment,
}

impl House {
    pub(super) fn new() -> Self {
        let root = tempfile::tempdir().unwrap();
        let home = root.path().join("home");
        fs::create_dir_all(home.join(".ssh")).unwrap();
        let variables = [
            ("COLOUR", "red"),
            ("SSH_AUTH_SOCK", "/run/agent"),
            ("SHELL", "/bin/sh"),
        ];
        let env = Environment {
            home,
            user: "me".to_owned(),
            uid: nix::unistd::getuid().as_raw(),
            local_host: "here.test".to_owned(),
            variables: variables
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .into(),
            system_directory: root.path().join("etc"),
            home_of: |_| None,
            addresses: || vec![IpAddr::V4(Ipv4Addr::new(192, 0, 2, 7))],
            resolves: |name, _| name.ends_with("box.lab.test."),
        };
        Self { root, env }
    }

    pub(super) fn write(&self, name: &str, text: &str) -> String {
        let path = self.root.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        path.display().to_string()
    }

    pub(super) fn resolve(&self, words: &[&str]) -> Result<Settings, ConfigError> {
        let line = std::iter::once("tssh").chain(words.iter().copied());
        resolve(&Cli::from_args(line).unwrap(), &self.env)
    }

    pub(super) fn refusal(&self, words: &[&str]) -> String {
        self.resolve(words)
            .map(|settings| settings.host)
            .unwrap_err()
            .to_string()
    }
}
