//! Which lines of known_hosts are about a host, compared with `ssh`; and what no line can say.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use tssh_client::login::{Login, LoginError, Options, StrictHostKeyChecking};

use crate::auth::logged_in;
use crate::host_keys::{refused, unknown};
use crate::script::Script;
use crate::sshd::{Setup, Sshd, run};

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

#[tokio::test]
async fn an_rsa_key_below_the_required_size_is_no_host_key_and_no_user_key() {
    let sshd = Sshd::start_with(Setup {
        host_key: "rsa",
        ..Setup::default()
    });
    let mut options = sshd.options();
    options.required_rsa_size = 4096;
    let (error, _) = refused(&options, &[]).await;
    let reason = "its RSA key has 3072 bits, and RequiredRSASize wants 4096";
    assert!(error.ends_with(reason), "{error}");

    let sshd = Sshd::start();
    let mut options = sshd.options();
    options.identity_files = vec![sshd.keygen("small", "rsa", "")];
    sshd.authorize("small");
    logged_in(&options, &Script::new(&[])).await;
    options.required_rsa_size = 4096;
    let denied = Login::connect(&options, Script::new(&[])).await;
    assert!(matches!(denied, Err(LoginError::Denied { .. })));
}

#[tokio::test]
async fn this_machine_may_have_any_key_where_the_user_says_so_and_names_no_alias() {
    let sshd = Sshd::start();
    let mut options = unknown(&sshd, StrictHostKeyChecking::Yes);
    options.trust_loopback = true;
    logged_in(&options, &Script::new(&[])).await;
    assert!(!sshd.path("new/known_hosts").exists());

    options.host_key_alias = Some("alias".into());
    let (error, _) = refused(&options, &[]).await;
    assert!(error.ends_with("the host key is not known"), "{error}");
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
