//! Passwords and questions, against a server that can be told what to ask.

use std::borrow::Cow;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use russh::keys::PrivateKey;
use russh::keys::ssh_key::private::Ed25519Keypair;
use russh::server::{self, Auth, Response};
use russh::{MethodKind, MethodSet};
use tokio::net::TcpListener;
use tssh_client::login::{AuthMethod, Login, LoginError, Options, Silent, StrictHostKeyChecking};

use crate::auth::logged_in;
use crate::script::Script;

#[tokio::test]
async fn a_wrong_password_is_asked_for_again() {
    let server = Server::start(Wants::Password).await;
    let script = Script::new(&["wrong", "sesame"]);

    logged_in(&server.options, &script).await;

    let question = "me@127.0.0.1's password: ".to_owned();
    assert_eq!(script.asked(), [question.clone(), question]);
    assert_eq!(script.told(), ["Permission denied, please try again."]);
    assert_eq!(server.heard(), ["wrong", "sesame"]);
}

#[tokio::test]
async fn passwords_are_tried_as_often_as_allowed() {
    let server = Server::start(Wants::Password).await;
    let mut options = server.options.clone();
    options.number_of_password_prompts = 2;

    let error = Login::connect(&options, Script::new(&["a", "b", "sesame"]))
        .await
        .unwrap_err();

    assert_eq!(
        error.to_string(),
        "me@127.0.0.1: Permission denied (password)."
    );
    assert_eq!(server.heard(), ["a", "b"]);
}

#[tokio::test]
async fn batch_mode_and_a_switched_off_method_never_ask() {
    let server = Server::start(Wants::Password).await;
    let (mut batch, mut off) = (server.options.clone(), server.options.clone());
    batch.batch_mode = true;
    off.password_authentication = false;
    for options in [batch, off] {
        let script = Script::new(&["sesame"]);
        let error = Login::connect(&options, script.clone()).await.unwrap_err();
        assert!(matches!(error, LoginError::Denied { .. }), "{error}");
        assert_eq!(script.asked(), Vec::<String>::new());
    }
    assert_eq!(server.heard(), Vec::<String>::new());
}

#[tokio::test]
async fn a_host_whose_key_has_changed_gets_no_password() {
    let server = Server::start(Wants::Password).await;
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("known_hosts");
    let other = PrivateKey::from(Ed25519Keypair::from_seed(&[8; 32]));
    let other = other.public_key().to_openssh().unwrap();
    std::fs::write(
        &path,
        format!("[127.0.0.1]:{} {other}\n", server.options.port),
    )
    .unwrap();
    let mut options = server.options.clone();
    options.pinned_host_key = None;
    options.user_known_hosts = vec![path];
    options.strict_host_key_checking = StrictHostKeyChecking::No;
    let script = Script::new(&["sesame"]);

    let error = Login::connect(&options, script.clone()).await.unwrap_err();

    assert!(matches!(error, LoginError::Denied { .. }), "{error}");
    assert_eq!(script.asked(), Vec::<String>::new());
}

#[tokio::test]
async fn the_servers_questions_are_asked_and_cannot_drive_the_terminal() {
    let server = Server::start(Wants::Answers).await;
    let script = Script::new(&["x", "y", "sesame", "123"]);

    logged_in(&server.options, &script).await;

    let (one, two) = ("(me@127.0.0.1) Pass?[31mword: ", "(me@127.0.0.1) Code: ");
    assert_eq!(script.asked(), [one, two, one, two]);
    assert_eq!(script.told(), ["Two questions", "Two questions"]);
    assert_eq!(server.heard(), ["x,y", "sesame,123"]);
}

#[tokio::test]
async fn questions_that_nobody_can_answer_are_a_denial_with_what_was_left() {
    for (wants, methods) in [
        (Wants::Answers, "keyboard-interactive"),
        (Wants::Either, "keyboard-interactive,password"),
    ] {
        let server = Server::start(wants).await;
        let error = Login::connect(&server.options, Arc::new(Silent))
            .await
            .unwrap_err();
        let words = error.to_string();
        let LoginError::Denied { methods: left, .. } = error else {
            panic!("{words}");
        };
        let mut left: Vec<_> = left.split(',').collect();
        left.sort_unstable();
        assert_eq!(left.join(","), methods);
    }
}

#[tokio::test]
async fn a_password_and_then_answers_satisfy_a_server_that_wants_both() {
    let server = Server::start(Wants::PasswordThenAnswers).await;
    let script = Script::new(&["sesame", "sesame", "123"]);

    logged_in(&server.options, &script).await;

    assert_eq!(server.heard(), ["sesame", "sesame,123"]);
}

#[tokio::test]
async fn the_users_order_of_methods_is_kept() {
    let server = Server::start(Wants::Either).await;
    let mut options = server.options.clone();
    options.preferred_authentications =
        AuthMethod::parse_list("gssapi-with-mic, password,publickey");
    let script = Script::new(&["sesame"]);

    logged_in(&options, &script).await;

    assert_eq!(script.asked(), ["me@127.0.0.1's password: "]);
}

#[tokio::test]
async fn a_server_that_hangs_up_is_quoted() {
    let server = Server::start(Wants::HangUp).await;

    let error = Login::connect(&server.options, Script::new(&["sesame"]))
        .await
        .unwrap_err();

    assert!(
        matches!(&error, LoginError::Disconnected { .. }),
        "{error:?}"
    );
}

/// What the server is content with. The password is `sesame`, the code `123`.
#[derive(Clone, Copy, PartialEq)]
enum Wants {
    Answers,
    Either,
    HangUp,
    Password,
    PasswordThenAnswers,
}

struct Server {
    options: Options,
    heard: Arc<Mutex<Vec<String>>>,
    _accepting: tokio::task::JoinSet<()>,
}

impl Server {
    async fn start(wants: Wants) -> Self {
        let key = PrivateKey::from(Ed25519Keypair::from_seed(&[7; 32]));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let mut options = Options::new("127.0.0.1", listener.local_addr().unwrap().port(), "me");
        options.pinned_host_key = Some(key.public_key().to_bytes().unwrap());
        let config = Arc::new(server::Config {
            methods: wants.methods(),
            keys: vec![key],
            auth_rejection_time: Duration::ZERO,
            auth_rejection_time_initial: Some(Duration::ZERO),
            ..server::Config::default()
        });
        let heard = Arc::<Mutex<Vec<String>>>::default();
        let seen = heard.clone();
        let mut accepting = tokio::task::JoinSet::new();
        accepting.spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let handler = Handler {
                    wants,
                    password_given: false,
                    heard: seen.clone(),
                };
                if let Ok(session) = server::run_stream(config.clone(), stream, handler).await {
                    let _ = session.await;
                }
            }
        });
        Self {
            options,
            heard,
            _accepting: accepting,
        }
    }

    fn heard(&self) -> Vec<String> {
        self.heard.lock().unwrap().clone()
    }
}

impl Wants {
    fn methods(self) -> MethodSet {
        let kinds: &[MethodKind] = match self {
            Self::Answers => &[MethodKind::KeyboardInteractive],
            Self::Either => &[MethodKind::KeyboardInteractive, MethodKind::Password],
            Self::HangUp | Self::Password | Self::PasswordThenAnswers => &[MethodKind::Password],
        };
        MethodSet::from(kinds)
    }
}

struct Handler {
    wants: Wants,
    password_given: bool,
    heard: Arc<Mutex<Vec<String>>>,
}

impl server::Handler for Handler {
    type Error = russh::Error;

    async fn auth_password(&mut self, _: &str, password: &str) -> Result<Auth, russh::Error> {
        self.heard.lock().unwrap().push(password.to_owned());
        if self.wants == Wants::HangUp {
            return Err(russh::Error::Disconnect);
        }
        if password != "sesame" {
            // The library would not let a method be tried twice.
            let again = Some(self.wants.methods());
            return Ok(Auth::Reject {
                proceed_with_methods: again,
                partial_success: false,
            });
        }
        if self.wants != Wants::PasswordThenAnswers {
            return Ok(Auth::Accept);
        }
        self.password_given = true;
        let next = MethodSet::from(&[MethodKind::KeyboardInteractive][..]);
        Ok(Auth::Reject {
            proceed_with_methods: Some(next),
            partial_success: true,
        })
    }

    async fn auth_keyboard_interactive<'a>(
        &'a mut self,
        _: &str,
        _: &str,
        response: Option<Response<'a>>,
    ) -> Result<Auth, russh::Error> {
        let Some(response) = response else {
            let prompts = vec![
                (Cow::Borrowed("Pass\u{1b}[31mword: "), false),
                (Cow::Borrowed("Code: "), true),
            ];
            return Ok(Auth::Partial {
                name: "".into(),
                instructions: "Two questions".into(),
                prompts: prompts.into(),
            });
        };
        let answers: Vec<_> = response
            .map(|answer| String::from_utf8_lossy(&answer).into_owned())
            .collect();
        let answers = answers.join(",");
        self.heard.lock().unwrap().push(answers.clone());
        let in_turn = self.wants != Wants::PasswordThenAnswers || self.password_given;
        Ok(if in_turn && answers == "sesame,123" {
            Auth::Accept
        } else {
            Auth::reject()
        })
    }
}
