//! A private sshd with keys of its own, on a free port of loopback.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::thread;

use tempfile::TempDir;
use tssh_client::login::Options;

pub(crate) struct Sshd {
    dir: TempDir,
    child: Child,
    log: Arc<Mutex<String>>,
    port: u16,
}

/// What a test can vary.
#[derive(Clone, Copy)]
pub(crate) struct Setup<'a> {
    /// The type of the host key.
    pub(crate) host_key: &'a str,
    /// The type of a second host key, `host2`.
    pub(crate) second_host_key: Option<&'a str>,
    /// Arguments to sign the host key with the key `ca`, which is made for it.
    pub(crate) certify: Option<&'a [&'a str]>,
    /// More lines for sshd_config; `{dir}` is the server's folder.
    pub(crate) config: &'a str,
}

impl Default for Setup<'_> {
    fn default() -> Self {
        Self {
            host_key: "ed25519",
            second_host_key: None,
            certify: None,
            config: "",
        }
    }
}

impl Sshd {
    /// Starts a server that lets in the key `id` of its folder.
    pub(crate) fn start() -> Self {
        Self::start_with(Setup::default())
    }

    pub(crate) fn start_with(setup: Setup<'_>) -> Self {
        let dir = tempfile::tempdir().unwrap();
        keygen(&dir.path().join("host"), setup.host_key, "");
        keygen(&dir.path().join("id"), "ed25519", "");
        let mut more = setup.config.to_owned();
        if let Some(kind) = setup.second_host_key {
            keygen(&dir.path().join("host2"), kind, "");
            more += "\nHostKey {dir}/host2";
        }
        if let Some(sign) = setup.certify {
            keygen(&dir.path().join("ca"), "ed25519", "");
            let mut keygen = Command::new("ssh-keygen");
            keygen
                .args(["-q", "-h", "-I", "host", "-s"])
                .arg(dir.path().join("ca"))
                .args(sign);
            run(keygen.arg(dir.path().join("host.pub")));
        }
        fs::copy(
            dir.path().join("id.pub"),
            dir.path().join("authorized_keys"),
        )
        .unwrap();
        // As root, sshd wants the folder that an init script would make.
        if nix::unistd::getuid().is_root() {
            fs::create_dir_all("/run/sshd").unwrap();
        }
        for _ in 0..10 {
            let port = free_port();
            let config = dir.path().join("sshd_config");
            fs::write(&config, config_text(dir.path(), port, &more)).unwrap();
            if let Some((child, log)) = spawn(&config) {
                return Self {
                    dir,
                    child,
                    log,
                    port,
                };
            }
        }
        panic!("sshd found no free port ten times in a row");
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// Makes a key in the server's folder without letting it in.
    pub(crate) fn keygen(&self, name: &str, kind: &str, passphrase: &str) -> PathBuf {
        keygen(&self.path(name), kind, passphrase);
        self.path(name)
    }

    /// Lets the key `name` in.
    pub(crate) fn authorize(&self, name: &str) {
        let mut keys = fs::read_to_string(self.path("authorized_keys")).unwrap();
        keys += &fs::read_to_string(self.path(&format!("{name}.pub"))).unwrap();
        fs::write(self.path("authorized_keys"), keys).unwrap();
    }

    /// The public host key: type and base64, as known_hosts has it.
    pub(crate) fn host_key(&self) -> String {
        public_key(&self.path("host.pub"))
    }

    /// Options that know the host and use the key `id`.
    pub(crate) fn options(&self) -> Options {
        let line = format!("[127.0.0.1]:{} {}\n", self.port, self.host_key());
        fs::write(self.path("known_hosts"), line).unwrap();
        let mut options = Options::new("127.0.0.1", self.port, user());
        options.user_known_hosts = vec![self.path("known_hosts")];
        options.identity_files = vec![self.path("id")];
        options
    }

    /// What the server said so far, for a failing test.
    pub(crate) fn log(&self) -> String {
        self.log.lock().unwrap().clone()
    }
}

impl Drop for Sshd {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Makes the key pair `path` and `path`.pub.
pub(crate) fn keygen(path: &Path, kind: &str, passphrase: &str) {
    run(Command::new("ssh-keygen")
        .args(["-q", "-t", kind, "-N", passphrase, "-f"])
        .arg(path));
}

/// Runs a command that must succeed.
pub(crate) fn run(command: &mut Command) -> String {
    let output = command.output().unwrap();
    assert!(
        output.status.success(),
        "{command:?}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout).unwrap()
}

/// Type and base64 of a .pub file.
pub(crate) fn public_key(path: &Path) -> String {
    let text = fs::read_to_string(path).unwrap();
    text.split(' ')
        .take(2)
        .collect::<Vec<_>>()
        .join(" ")
        .trim()
        .to_owned()
}

pub(crate) fn user() -> String {
    nix::unistd::User::from_uid(nix::unistd::getuid())
        .unwrap()
        .unwrap()
        .name
}

/// The home is the server's folder: what the user's own start-up files say is nobody's business here.
fn config_text(dir: &Path, port: u16, more: &str) -> String {
    let dir = dir.display().to_string();
    let more = more.replace("{dir}", &dir);
    format!(
        "{more}\nPort {port}\nListenAddress 127.0.0.1\nHostKey {dir}/host\nPidFile none\n\
         AuthorizedKeysFile {dir}/authorized_keys\nStrictModes no\nUsePAM no\n\
         PermitRootLogin yes\nAcceptEnv TSSH_*\nSubsystem sftp internal-sftp\n\
         PasswordAuthentication no\nKbdInteractiveAuthentication no\nLogLevel VERBOSE\n\
         SetEnv HOME={dir}\n"
    )
}

/// Where OpenSSH's server is.
pub(crate) fn program() -> &'static Path {
    let places = [
        "/usr/sbin/sshd",
        "/usr/local/sbin/sshd",
        "/usr/libexec/sshd",
    ];
    let found = places.into_iter().map(Path::new).find(|path| path.exists());
    found.expect("these tests need OpenSSH's server")
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port()
}

fn spawn(config: &Path) -> Option<(Child, Arc<Mutex<String>>)> {
    fs::set_permissions(config, fs::Permissions::from_mode(0o600)).unwrap();
    let mut child = Command::new(program())
        .args(["-D", "-e", "-f"])
        .arg(config)
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
    let log = Arc::new(Mutex::new(String::new()));
    loop {
        let Some(Ok(line)) = lines.next() else {
            let _ = child.wait();
            assert!(
                log.lock().unwrap().contains("Cannot bind"),
                "sshd does not start: {}",
                log.lock().unwrap()
            );
            return None;
        };
        let listening = line.contains("Server listening");
        *log.lock().unwrap() += &format!("{line}\n");
        if listening {
            break;
        }
    }
    let kept = log.clone();
    thread::spawn(move || {
        for line in lines.map_while(Result::ok) {
            *kept.lock().unwrap() += &format!("{line}\n");
        }
    });
    Some((child, log))
}
