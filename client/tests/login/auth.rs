//! Proving who the user is.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::UnixListener;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use tssh_client::login::{Login, LoginError, Options, Silent};

use crate::programs::output;
use crate::script::Script;
use crate::sshd::{Setup, Sshd, run, user};

#[tokio::test]
async fn keys_of_every_common_kind_let_the_user_in() {
    let sshd = Sshd::start();
    for kind in ["rsa", "ecdsa", "ed25519"] {
        let path = sshd.keygen(&format!("key-{kind}"), kind, "");
        sshd.authorize(&format!("key-{kind}"));
        let mut options = sshd.options();
        options.identity_files = vec![path];

        let login = logged_in(&options, &Script::new(&[])).await;

        assert_eq!(output(&login, "echo in").await, "in\n", "{kind}");
    }
}

#[tokio::test]
async fn keys_in_old_formats_let_the_user_in() {
    let sshd = Sshd::start();
    for (name, kind, format) in [("pem", "rsa", "PEM"), ("pkcs8", "ecdsa", "PKCS8")] {
        let path = sshd.path(name);
        let make = ["-q", "-t", kind, "-N", "", "-m", format, "-f"];
        run(Command::new("ssh-keygen").args(make).arg(&path));
        sshd.authorize(name);
        let mut options = sshd.options();
        options.identity_files = vec![path];

        logged_in(&options, &Script::new(&[])).await;
    }
}

#[tokio::test]
async fn a_passphrase_is_asked_for_only_when_the_server_wants_the_key() {
    let sshd = Sshd::start();
    let wanted = sshd.keygen("wanted", "ed25519", "sesame");
    let unwanted = sshd.keygen("unwanted", "ed25519", "other");
    sshd.authorize("wanted");
    let mut options = sshd.options();
    options.identity_files = vec![unwanted, wanted.clone()];
    let script = Script::new(&["wrong", "sesame"]);

    logged_in(&options, &script).await;

    let question = format!("Enter passphrase for key '{}': ", wanted.display());
    assert_eq!(script.asked(), [question.clone(), question]);
}

#[tokio::test]
async fn a_passphrase_is_asked_for_three_times_and_not_at_all_in_batch_mode() {
    let sshd = Sshd::start();
    let key = sshd.keygen("key", "ed25519", "sesame");
    sshd.authorize("key");
    let mut options = sshd.options();
    options.identity_files = vec![key];
    let script = Script::new(&["a", "b", "c", "sesame"]);

    let denied = Login::connect(&options, script.clone()).await.unwrap_err();
    assert_eq!(
        denied.to_string(),
        format!("{}@127.0.0.1: Permission denied (publickey).", user())
    );
    assert_eq!(script.asked().len(), 3);

    options.batch_mode = true;
    let script = Script::new(&["sesame"]);
    Login::connect(&options, script.clone()).await.unwrap_err();
    assert_eq!(script.asked(), Vec::<String>::new());
}

#[tokio::test]
async fn breaking_off_at_the_passphrase_ends_the_login() {
    let sshd = Sshd::start();
    let key = sshd.keygen("key", "ed25519", "sesame");
    sshd.authorize("key");
    let mut options = sshd.options();
    options.identity_files = vec![key, sshd.path("id")];

    let error = Login::connect(&options, Script::new(&[]))
        .await
        .unwrap_err();

    assert!(matches!(error, LoginError::Interrupted), "{error}");
}

#[tokio::test]
async fn an_encrypted_key_in_an_old_format_is_opened() {
    let sshd = Sshd::start();
    let path = sshd.path("pem");
    let make = ["-q", "-t", "ecdsa", "-N", "sesame", "-m", "PKCS8", "-f"];
    run(Command::new("ssh-keygen").args(make).arg(&path));
    sshd.authorize("pem");
    let mut options = sshd.options();
    options.identity_files = vec![path.clone()];
    logged_in(&options, &Script::new(&["sesame"])).await;

    // Without the public half beside it only the passphrase tells which key it is.
    fs::remove_file(path.with_extension("pub")).unwrap();
    logged_in(&options, &Script::new(&["sesame"])).await;
}

#[tokio::test]
async fn a_bad_key_file_is_one_warning_and_the_next_key_is_tried() {
    let sshd = Sshd::start();
    let bad = sshd.path("bad");
    fs::write(&bad, "-----BEGIN OPENSSH PRIVATE KEY-----\nnonsense\n").unwrap();
    let open = sshd.keygen("open", "ed25519", "");
    for (path, mode) in [(&bad, 0o600), (&open, 0o644)] {
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    }
    let mut options = sshd.options();
    options.identity_files = vec![
        bad.clone(),
        open.clone(),
        sshd.path("none"),
        sshd.path("id"),
    ];
    let script = Script::new(&[]);

    logged_in(&options, &script).await;

    assert_eq!(
        script.told(),
        [
            format!(
                "Warning: key {} is not used: not a private key.",
                bad.display()
            ),
            format!(
                "Warning: key {} is not used: its permissions 0644 let others read it; chmod 600 it.",
                open.display()
            ),
        ]
    );
}

#[tokio::test]
async fn a_wrong_key_is_denied_with_the_methods_that_are_left() {
    let sshd = Sshd::start();
    let mut options = sshd.options();
    options.identity_files = vec![sshd.keygen("stranger", "ed25519", "")];

    let error = refusal(&options).await;

    assert_eq!(
        error.to_string(),
        format!("{}@127.0.0.1: Permission denied (publickey).", user())
    );
    assert!(!error.is_transient());
}

#[tokio::test]
async fn two_keys_satisfy_a_server_that_wants_two() {
    let sshd = Sshd::start_with(Setup {
        config: "AuthenticationMethods publickey,publickey",
        ..Setup::default()
    });
    let second = sshd.keygen("second", "ed25519", "");
    sshd.authorize("second");
    let mut options = sshd.options();
    let denied = refusal(&options).await;
    assert!(
        matches!(&denied, LoginError::Denied { methods, .. } if methods == "publickey"),
        "{denied}"
    );

    options.identity_files.push(second);
    logged_in(&options, &Script::new(&[])).await;
}

#[tokio::test]
async fn a_user_certificate_lets_in_a_key_the_server_never_saw() {
    let sshd = Sshd::start_with(Setup {
        config: "TrustedUserCAKeys {dir}/ca.pub",
        ..Setup::default()
    });
    sshd.keygen("ca", "ed25519", "");
    for kind in ["ed25519", "rsa"] {
        let key = sshd.keygen(&format!("user-{kind}"), kind, "");
        let mut sign = Command::new("ssh-keygen");
        sign.args(["-q", "-I", "test", "-n", &user(), "-s"])
            .arg(sshd.path("ca"));
        run(sign.arg(key.with_extension("pub")));
        let mut options = sshd.options();
        options.identity_files = vec![key];

        logged_in(&options, &Script::new(&[])).await;

        // It is the certificate's algorithm that has to be accepted.
        let certified = "ssh-ed25519-cert-v01@openssh.com,rsa-sha2-*-cert-v01@openssh.com";
        options.algorithms.user_keys = Some(certified.into());
        logged_in(&options, &Script::new(&[])).await;
        options.algorithms.user_keys = Some("ssh-ed25519,rsa-sha2-512".into());
        let denied = Login::connect(&options, Script::new(&[])).await;
        assert!(matches!(denied, Err(LoginError::Denied { .. })), "{kind}");
    }
}

#[tokio::test]
async fn the_agent_signs_with_its_keys_and_certificates() {
    let sshd = Sshd::start_with(Setup {
        config: "TrustedUserCAKeys {dir}/ca.pub",
        ..Setup::default()
    });
    sshd.keygen("ca", "ed25519", "");
    let agent = Agent::start();
    for kind in ["rsa", "ecdsa"] {
        let key = sshd.keygen(&format!("agent-{kind}"), kind, "");
        sshd.authorize(&format!("agent-{kind}"));
        agent.add(&[&key]);
        let mut options = sshd.options();
        options.identity_files = Vec::new();
        options.identity_agent = Some(agent.socket.clone());
        logged_in(&options, &Script::new(&[])).await;
        agent.remove_all();
    }

    let key = sshd.keygen("certified", "ed25519", "");
    let mut sign = Command::new("ssh-keygen");
    sign.args(["-q", "-I", "test", "-n", &user(), "-s"])
        .arg(sshd.path("ca"));
    run(sign.arg(key.with_extension("pub")));
    agent.add(&[&key]);
    let mut options = sshd.options();
    options.identity_files = Vec::new();
    options.identity_agent = Some(agent.socket.clone());
    logged_in(&options, &Script::new(&[])).await;

    // The same certificate from a file, while the agent holds the key alone.
    let certificate = sshd.path("elsewhere.pub");
    fs::rename(sshd.path("certified-cert.pub"), &certificate).unwrap();
    agent.remove_all();
    agent.add(&[&key]);
    fs::remove_file(&key).unwrap();
    options.certificate_files = vec![certificate];
    logged_in(&options, &Script::new(&[])).await;
}

#[tokio::test]
async fn identities_only_keeps_the_agents_other_keys_back() {
    let sshd = Sshd::start();
    let agent = Agent::start();
    agent.add(&[&sshd.path("id")]);
    let other = sshd.keygen("other", "ed25519", "");
    let mut options = sshd.options();
    options.identity_agent = Some(agent.socket.clone());
    options.identities_only = true;
    options.identity_files = vec![other];
    let denied = refusal(&options).await;
    assert!(matches!(denied, LoginError::Denied { .. }), "{denied}");

    // A public key alone is enough to choose one of the agent's.
    fs::copy(sshd.path("id.pub"), sshd.path("chosen.pub")).unwrap();
    options.identity_files = vec![sshd.path("chosen.pub")];
    logged_in(&options, &Script::new(&[])).await;
}

#[tokio::test]
async fn a_dead_agent_does_not_stop_the_login() {
    let sshd = Sshd::start();
    let socket = sshd.path("agent");
    drop(UnixListener::bind(&socket).unwrap());
    let mut options = sshd.options();
    for path in [socket, sshd.path("missing")] {
        options.identity_agent = Some(path);
        logged_in(&options, &Script::new(&[])).await;
    }
}

#[tokio::test]
async fn an_agent_that_says_nothing_is_given_up_after_seconds() {
    let sshd = Sshd::start();
    let socket = sshd.path("agent");
    let _mute = UnixListener::bind(&socket).unwrap();
    let mut options = sshd.options();
    options.identity_agent = Some(socket);
    let before = Instant::now();

    logged_in(&options, &Script::new(&[])).await;

    assert!(before.elapsed() < Duration::from_secs(30));
}

/// The error of a login that must not succeed.
pub(crate) async fn refusal(options: &Options) -> LoginError {
    Login::connect(options, Arc::new(Silent)).await.unwrap_err()
}

pub(crate) async fn logged_in(options: &Options, script: &Arc<Script>) -> Login {
    let login = Login::connect(options, script.clone()).await;
    login.unwrap_or_else(|error| {
        panic!(
            "{error}; asked: {:?}; told: {:?}",
            script.asked(),
            script.told()
        )
    })
}

/// An ssh-agent of the test's own.
struct Agent {
    child: Child,
    socket: PathBuf,
    _dir: tempfile::TempDir,
}

impl Agent {
    fn start() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let socket = dir.path().join("agent");
        let child = Command::new("ssh-agent")
            .args(["-D", "-a"])
            .arg(&socket)
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        let deadline = Instant::now() + Duration::from_secs(20);
        while std::os::unix::net::UnixStream::connect(&socket).is_err() {
            assert!(Instant::now() < deadline, "ssh-agent does not listen");
            std::thread::yield_now();
        }
        Self {
            child,
            socket,
            _dir: dir,
        }
    }

    fn add(&self, keys: &[&PathBuf]) {
        run(Command::new("ssh-add")
            .arg("-q")
            .args(keys)
            .env("SSH_AUTH_SOCK", &self.socket));
    }

    fn remove_all(&self) {
        run(Command::new("ssh-add")
            .args(["-q", "-D"])
            .env("SSH_AUTH_SOCK", &self.socket));
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
