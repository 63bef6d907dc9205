//! Whether the server is the right one, by real known_hosts files.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::process::Command;

use tssh_client::login::{Login, LoginError, Options, StrictHostKeyChecking};

use crate::auth::logged_in;
use crate::script::Script;
use crate::sshd::{Setup, Sshd, public_key, run};

#[tokio::test]
async fn strict_yes_refuses_an_unknown_host_and_writes_nothing() {
    let sshd = Sshd::start();
    let options = unknown(&sshd, StrictHostKeyChecking::Yes);

    let (error, script) = refused(&options, &["yes"]).await;

    assert_eq!(
        error,
        format!(
            "host key verification failed for [127.0.0.1]:{}: the host key is not known",
            sshd.port()
        )
    );
    assert_eq!(script.asked(), Vec::<String>::new());
    assert!(!sshd.path("new/known_hosts").exists());
}

#[tokio::test]
async fn strict_ask_takes_yes_and_writes_the_key_down() {
    let sshd = Sshd::start();
    let options = unknown(&sshd, StrictHostKeyChecking::Ask);
    let script = Script::new(&["what?", "yes"]);

    logged_in(&options, &script).await;

    let fingerprint = run(Command::new("ssh-keygen")
        .arg("-lf")
        .arg(sshd.path("host.pub")));
    let fingerprint = fingerprint.split(' ').nth(1).unwrap();
    let host = format!("[127.0.0.1]:{}", sshd.port());
    assert_eq!(
        script.asked(),
        [
            format!(
                "The authenticity of host '{host}' can't be established.\n\
                 ED25519 key fingerprint is {fingerprint}.\n\
                 Are you sure you want to continue connecting (yes/no/[fingerprint])? "
            ),
            "Please type 'yes', 'no' or the fingerprint: ".to_owned(),
        ]
    );
    let added =
        format!("Warning: Permanently added '{host}' (ED25519) to the list of known hosts.");
    assert_eq!(script.told(), [added]);
    let path = sshd.path("new/known_hosts");
    assert_eq!(
        fs::read_to_string(&path).unwrap(),
        format!("{host} {}\n", sshd.host_key())
    );
    let mode = |path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(path), mode(sshd.path("new"))), (0o600, 0o700));

    // From then on it is known.
    let script = Script::new(&[]);
    logged_in(&options, &script).await;
    assert_eq!(script.asked(), Vec::<String>::new());
}

#[tokio::test]
async fn strict_ask_takes_the_fingerprint_and_no_for_an_answer() {
    let sshd = Sshd::start();
    let options = unknown(&sshd, StrictHostKeyChecking::Ask);
    let (error, _) = refused(&options, &["no"]).await;
    assert!(
        error.ends_with("you did not accept the host key"),
        "{error}"
    );
    let (error, _) = refused(&options, &[]).await;
    assert_eq!(error, "interrupted at a prompt");

    let fingerprint = run(Command::new("ssh-keygen")
        .arg("-lf")
        .arg(sshd.path("host.pub")));
    let fingerprint = fingerprint.split(' ').nth(1).unwrap();
    logged_in(&options, &Script::new(&["SHA256:wrong", fingerprint])).await;
}

#[tokio::test]
async fn batch_mode_does_not_ask_about_a_host() {
    let sshd = Sshd::start();
    let mut options = unknown(&sshd, StrictHostKeyChecking::Ask);
    options.batch_mode = true;

    let (error, script) = refused(&options, &["yes"]).await;

    assert!(error.contains("BatchMode"), "{error}");
    assert_eq!(script.asked(), Vec::<String>::new());
}

#[tokio::test]
async fn accept_new_and_no_write_an_unknown_host_down_without_asking() {
    for strict in [StrictHostKeyChecking::AcceptNew, StrictHostKeyChecking::No] {
        let sshd = Sshd::start();
        let mut options = unknown(&sshd, strict);
        options.hash_known_hosts = true;
        let script = Script::new(&[]);

        logged_in(&options, &script).await;

        assert_eq!(script.asked(), Vec::<String>::new());
        let text = fs::read_to_string(sshd.path("new/known_hosts")).unwrap();
        assert!(
            text.starts_with("|1|") && text.ends_with(&format!(" {}\n", sshd.host_key())),
            "{text}"
        );
        let mut find = Command::new("ssh-keygen");
        find.arg("-F").arg(format!("[127.0.0.1]:{}", sshd.port()));
        run(find.arg("-f").arg(sshd.path("new/known_hosts")));
    }
}

#[tokio::test]
async fn a_changed_key_is_refused_by_all_but_no() {
    let sshd = Sshd::start();
    let mut options = sshd.options();
    sshd.keygen("other", "rsa", "");
    let line = format!(
        "[127.0.0.1]:{} {}\n",
        sshd.port(),
        public_key(&sshd.path("other.pub"))
    );
    fs::write(sshd.path("known_hosts"), &line).unwrap();
    for strict in [
        StrictHostKeyChecking::AcceptNew,
        StrictHostKeyChecking::Ask,
        StrictHostKeyChecking::Yes,
    ] {
        options.strict_host_key_checking = strict;
        let (error, script) = refused(&options, &["yes"]).await;
        assert!(error.ends_with("the host key has changed"), "{error}");
        assert_eq!(script.asked(), Vec::<String>::new());
        let told = script.told().concat();
        assert!(
            told.contains("REMOTE HOST IDENTIFICATION HAS CHANGED!"),
            "{told}"
        );
        let place = format!(
            "The RSA key on record is in {}:1",
            sshd.path("known_hosts").display()
        );
        assert!(told.contains(&place), "{told}");
    }

    options.strict_host_key_checking = StrictHostKeyChecking::No;
    let script = Script::new(&[]);
    logged_in(&options, &script).await;
    assert!(
        script
            .told()
            .concat()
            .contains("Going on without passwords")
    );
    assert_eq!(fs::read_to_string(sshd.path("known_hosts")).unwrap(), line);
}

#[tokio::test]
async fn a_revoked_key_is_refused_whatever_else_is_said_of_it() {
    let sshd = Sshd::start();
    let mut options = sshd.options();
    let key = sshd.host_key();
    let host = format!("[127.0.0.1]:{}", sshd.port());
    for text in [
        format!("{host} {key}\n@revoked * {key}\n"),
        format!("@revoked\t{host}\t{key}\n{host} {key}\n"),
        format!("@revoked 127.0.0.1 {key}\n@cert-authority * {key}\n{host} {key}\n"),
    ] {
        fs::write(sshd.path("known_hosts"), &text).unwrap();
        for strict in [
            StrictHostKeyChecking::AcceptNew,
            StrictHostKeyChecking::Ask,
            StrictHostKeyChecking::No,
            StrictHostKeyChecking::Yes,
        ] {
            options.strict_host_key_checking = strict;
            let (error, script) = refused(&options, &["yes"]).await;
            assert!(error.ends_with("the key is revoked"), "{error}: {text}");
            assert!(
                script.told().concat().contains("REVOKED HOST KEY"),
                "{text}"
            );
        }
    }
}

#[tokio::test]
async fn a_list_of_revoked_keys_is_obeyed_and_an_unreadable_one_revokes_all() {
    let sshd = Sshd::start();
    let mut options = sshd.options();
    options.revoked_host_keys = Some(sshd.path("revoked"));
    let (error, _) = refused(&options, &[]).await;
    assert!(error.contains("RevokedHostKeys"), "{error}");

    fs::copy(sshd.path("id.pub"), sshd.path("revoked")).unwrap();
    logged_in(&options, &Script::new(&[])).await;

    fs::copy(sshd.path("host.pub"), sshd.path("revoked")).unwrap();
    let (error, _) = refused(&options, &[]).await;
    assert!(error.ends_with("the key is revoked"), "{error}");
}

#[tokio::test]
async fn a_broken_line_hides_nothing_and_a_global_file_counts() {
    let sshd = Sshd::start();
    let mut options = sshd.options();
    options.strict_host_key_checking = StrictHostKeyChecking::Yes;
    fs::rename(sshd.path("known_hosts"), sshd.path("global")).unwrap();
    fs::write(
        sshd.path("known_hosts"),
        "|1|broken\n@what host key\n\u{0} \u{7f}\nshort",
    )
    .unwrap();
    options.global_known_hosts = vec![sshd.path("global")];

    logged_in(&options, &Script::new(&[])).await;
}

#[tokio::test]
async fn an_appended_line_is_a_line_of_its_own() {
    let sshd = Sshd::start();
    let mut options = sshd.options();
    options.strict_host_key_checking = StrictHostKeyChecking::AcceptNew;
    fs::write(sshd.path("known_hosts"), "other.example ssh-ed25519 AAAA").unwrap();

    logged_in(&options, &Script::new(&[])).await;

    let text = fs::read_to_string(sshd.path("known_hosts")).unwrap();
    let line = format!("[127.0.0.1]:{} {}", sshd.port(), sshd.host_key());
    assert_eq!(text, format!("other.example ssh-ed25519 AAAA\n{line}\n"));
}

#[tokio::test]
async fn a_server_with_several_keys_is_asked_for_the_known_one() {
    for kind in ["rsa", "ecdsa"] {
        let sshd = Sshd::start_with(Setup {
            second_host_key: Some(kind),
            ..Setup::default()
        });
        let mut options = sshd.options();
        options.strict_host_key_checking = StrictHostKeyChecking::Yes;
        let known = public_key(&sshd.path("host2.pub"));
        let line = format!("[127.0.0.1]:{} {known}\n", sshd.port());
        fs::write(sshd.path("known_hosts"), line).unwrap();

        logged_in(&options, &Script::new(&[])).await;

        // As after `HostKeyAlgorithms +ssh-rsa`.
        let more = "ssh-ed25519,ecdsa-sha2-nistp256,rsa-sha2-512,ssh-rsa";
        options.algorithms.host_keys = Some(more.into());
        logged_in(&options, &Script::new(&[])).await;
        options.algorithms.host_keys_are_ordered = true;
        let (error, _) = refused(&options, &[]).await;
        assert!(error.ends_with("the host key has changed"), "{error}");
    }
}

#[tokio::test]
async fn an_alias_is_looked_up_without_a_port() {
    let sshd = Sshd::start();
    let mut options = sshd.options();
    options.strict_host_key_checking = StrictHostKeyChecking::Yes;
    options.host_key_alias = Some("The-Alias".into());
    fs::write(
        sshd.path("known_hosts"),
        format!("the-alias {}\n", sshd.host_key()),
    )
    .unwrap();

    logged_in(&options, &Script::new(&[])).await;
}

#[tokio::test]
async fn a_host_certificate_is_enough_if_it_is_good_for_this_host() {
    let good = ["-n", "127.0.0.1"];
    logged_in(&certified(&Certified::start(&good)), &Script::new(&[])).await;
    logged_in(
        &certified(&Certified::start(&["-n", "127.0.*"])),
        &Script::new(&[]),
    )
    .await;

    for (sign, reason) in [
        (
            &["-n", "other.example"][..],
            "it is for other.example, not for 127.0.0.1",
        ),
        (
            &["-n", "127.0.0.1", "-V", "20200101:20200102"],
            "it has expired",
        ),
        (
            &["-n", "127.0.0.1", "-V", "20900101:20910101"],
            "it is not valid yet",
        ),
        (
            &["-n", "127.0.0.1", "-O", "critical:x=y"],
            "it has critical options",
        ),
    ] {
        let (error, script) = refused(&certified(&Certified::start(sign)), &[]).await;
        assert!(error.ends_with("the host key is not known"), "{error}");
        let told = script.told().concat();
        assert!(told.contains(reason), "{sign:?}: {told}");
    }
}

#[tokio::test]
async fn a_revoked_authority_or_a_revoked_certified_key_is_refused() {
    let server = Certified::start(&["-n", "127.0.0.1"]);
    let options = certified(&server);
    let trusted = fs::read_to_string(server.sshd.path("known_hosts")).unwrap();
    for name in ["ca.pub", "host.pub"] {
        let key = public_key(&server.sshd.path(name));
        fs::write(
            server.sshd.path("known_hosts"),
            format!("{trusted}@revoked * {key}\n"),
        )
        .unwrap();
        let (error, _) = refused(&options, &[]).await;
        assert!(error.ends_with("the key is revoked"), "{name}: {error}");
    }
}

/// A server with a host certificate.
struct Certified {
    sshd: Sshd,
}

impl Certified {
    fn start(sign: &[&str]) -> Self {
        let sshd = Sshd::start_with(Setup {
            config: "HostCertificate {dir}/host-cert.pub",
            certify: Some(sign),
            ..Setup::default()
        });
        Self { sshd }
    }
}

/// Options that know the authority of a server alone.
fn certified(server: &Certified) -> Options {
    let mut options = server.sshd.options();
    options.strict_host_key_checking = StrictHostKeyChecking::Yes;
    let authority = public_key(&server.sshd.path("ca.pub"));
    let line = format!(
        "@cert-authority [127.0.0.*]:{} {authority}\n",
        server.sshd.port()
    );
    fs::write(server.sshd.path("known_hosts"), line).unwrap();
    options
}

/// Options for a server that no file knows; the file to write is in a folder that does not exist.
pub(crate) fn unknown(sshd: &Sshd, strict: StrictHostKeyChecking) -> Options {
    let mut options = sshd.options();
    options.strict_host_key_checking = strict;
    options.user_known_hosts = vec![sshd.path("new/known_hosts")];
    options
}

pub(crate) async fn refused(
    options: &Options,
    answers: &[&str],
) -> (String, std::sync::Arc<Script>) {
    let script = Script::new(answers);
    let error = Login::connect(options, script.clone()).await.unwrap_err();
    let right = matches!(error, LoginError::HostKey { .. } | LoginError::Interrupted);
    assert!(right, "{error}");
    (error.to_string(), script)
}
