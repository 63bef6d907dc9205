//! Which lines of known_hosts are about a host: compared with `ssh`.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use tssh_client::login::{Login, LoginError, Options, StrictHostKeyChecking};

use crate::script::Script;
use crate::sshd::{Sshd, run};

#[tokio::test]
async fn a_host_is_known_exactly_where_ssh_knows_it() {
    let sshd = Sshd::start();
    let (port, key) = (sshd.port(), sshd.host_key());
    let host = format!("[127.0.0.1]:{port}");
    let hashed = {
        let path = sshd.path("hashed");
        fs::write(&path, format!("{host} {key}\n")).unwrap();
        run(Command::new("ssh-keygen")
            .args(["-q", "-H", "-f"])
            .arg(&path));
        fs::read_to_string(&path).unwrap()
    };
    let mut disagreements = Vec::new();
    for line in [
        format!("{host} {key}"),
        format!("{host}\t{key} comment"),
        format!("  {host}   {} ", key.replace(' ', "   ")),
        format!("[127.0.0.?]:{port} {key}"),
        format!("[127.0.0.*]:* {key}"),
        format!("*,!{host} {key}"),
        format!("!{host},* {key}"),
        format!("!other,* {key}"),
        format!("other,{host},more {key}"),
        format!("[127.0.0.2]:{port} {key}"),
        format!("# {host} {key}"),
        format!("{host}x {key}"),
        format!("{host} ssh-ed25519 AAAAnonsense"),
        format!("broken\n{host} {key}"),
        format!("{host} {key}\r"),
        hashed,
        "|1|nonsense|nonsense ssh-ed25519 AAAA".to_owned(),
        format!("127.0.0.1 {key}"),
        format!("@revoked {host} {key}\n{host} {key}"),
        format!("@cert-authority {host} {key}"),
        String::new(),
    ] {
        let path = sshd.path("known_hosts_tested");
        fs::write(&path, format!("{line}\n")).unwrap();
        let mut options = sshd.options();
        options.user_known_hosts = vec![path.clone()];
        let found = ssh_knows(&sshd, &path);
        if known(options).await != found {
            disagreements.push((line, found));
        }
    }
    assert_eq!(disagreements, []);
}

fn ssh_knows(sshd: &Sshd, known_hosts: &Path) -> bool {
    let option = |name: &str, path: &Path| format!("-o{name}={}", path.display());
    Command::new("ssh")
        .args([
            "-F",
            "none",
            "-oBatchMode=yes",
            "-oStrictHostKeyChecking=yes",
        ])
        .args(["-oGlobalKnownHostsFile=none", "-oIdentitiesOnly=yes"])
        .arg(option("UserKnownHostsFile", known_hosts))
        .arg(option("IdentityFile", &sshd.path("id")))
        .args(["-p", &sshd.port().to_string(), "127.0.0.1", "true"])
        .stderr(Stdio::null())
        .status()
        .unwrap()
        .success()
}

async fn known(mut options: Options) -> bool {
    options.strict_host_key_checking = StrictHostKeyChecking::Yes;
    match Login::connect(&options, Script::new(&[])).await {
        Ok(_) => true,
        Err(LoginError::HostKey { .. }) => false,
        Err(error) => panic!("{error}"),
    }
}
