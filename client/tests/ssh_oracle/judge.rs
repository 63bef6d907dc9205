//! Compares `tssh -G` with `ssh -G`, as sorted lines.
//!
//! Left out are keys that this program does not print, and the differences listed in
//! [`KNOWN_DIFFERENCES`]. Where the installed ssh is not the release whose defaults this program
//! has, a line that neither program has changed from its default is left out too.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use tssh_client::cli::Cli;
use tssh_client::settings::{Environment, resolve};

/// Lines that differ for a reason: ours, theirs, and the reason.
const KNOWN_DIFFERENCES: &[(Option<&str>, Option<&str>, &str)] = &[
    (
        None,
        Some("identityfile ~/.ssh/id_xmss"),
        "XMSS left OpenSSH in 10.0",
    ),
    (
        None,
        Some("identityfile ~/.ssh/id_dsa"),
        "DSA left OpenSSH in 10.0",
    ),
    (
        Some("forwardx11trusted no"),
        Some("forwardx11trusted yes"),
        "Debian changes the default",
    ),
    (
        Some("ipqos af21 cs1"),
        Some("ipqos lowdelay throughput"),
        "Debian changes the default",
    ),
    (
        Some("serveraliveinterval 0"),
        Some("serveraliveinterval 300"),
        "Debian changes the default of BatchMode",
    ),
];

/// In the default list of OpenSSH from 10.0 on; older ones do not know it.
const NEW_KEX: &str = "mlkem768x25519-sha256,";

/// Both programs print the same settings for this file and these arguments.
pub(crate) fn agree(config: &str, args: &[&str]) {
    agree_all(&[(config, args)]);
}

/// As [`agree`] for each pair; says of all of them where they differ.
pub(crate) fn agree_all(cases: &[(&str, &[&str])]) {
    let disagreements: Vec<String> = cases
        .iter()
        .filter_map(|(config, args)| {
            let (ours, theirs) = match both(config, args) {
                (Ok(ours), Ok(theirs)) => comparable(&ours, &theirs),
                (ours, theirs) => (
                    vec![ours.err().unwrap_or_else(|| "take it".to_owned())],
                    vec![theirs.err().unwrap_or_else(|| "takes it".to_owned())],
                ),
            };
            let only = |these: &[String], those: &[String]| {
                these
                    .iter()
                    .filter(|line| !those.contains(line))
                    .cloned()
                    .collect::<Vec<_>>()
            };
            let (mine, other) = (only(&ours, &theirs), only(&theirs, &ours));
            (ours != theirs).then(|| format!("{config:?} {args:?}: we {mine:?}, ssh {other:?}"))
        })
        .collect();
    assert!(disagreements.is_empty(), "{}", disagreements.join("\n"));
}

/// Both programs refuse this file and these arguments.
pub(crate) fn refuse_all(cases: &[(&str, &[&str])]) {
    let disagreements: Vec<String> = cases
        .iter()
        .filter_map(|(config, args)| {
            let (ours, theirs) = both(config, args);
            let text = format!(
                "{config:?} {args:?}: we refuse {}, ssh {}",
                ours.is_err(),
                theirs.is_err()
            );
            (ours.is_ok() || theirs.is_ok()).then_some(text)
        })
        .collect();
    assert!(disagreements.is_empty(), "{}", disagreements.join("\n"));
}

/// What both programs print, or say against it.
fn both(config: &str, args: &[&str]) -> (Result<String, String>, Result<String, String>) {
    let dir = tempfile::tempdir().unwrap();
    write(dir.path(), "config", config);
    let file = dir.path().join("config").display().to_string();
    let mut line = vec!["-G", "-F", &file];
    line.extend(args);
    let ssh = Command::new("ssh")
        .args(&line)
        .stdin(Stdio::null())
        .output()
        .expect("these tests compare with the ssh of OpenSSH, which is not there: install it");
    let theirs = if ssh.status.success() {
        Ok(String::from_utf8_lossy(&ssh.stdout).into_owned())
    } else {
        Err(String::from_utf8_lossy(&ssh.stderr).into_owned())
    };
    let env = Environment::of_process().unwrap();
    line.insert(0, "tssh");
    let ours = Cli::from_args(line)
        .map_err(|error| error.to_string())
        .and_then(|cli| resolve(&cli, &env).map_err(|error| error.to_string()))
        .map(|settings| settings.dump());
    (ours, theirs)
}

/// Sorted lines of the keys that both print, known differences left out.
fn comparable(ours: &str, theirs: &str) -> (Vec<String>, Vec<String>) {
    let (mut our_lines, mut their_lines) = known_differences_removed(ours, theirs);
    if !is_reference_release() {
        let plain = both("", &["host"]);
        let defaults = (plain.0.unwrap_or_default(), plain.1.unwrap_or_default());
        let (our_defaults, their_defaults) = known_differences_removed(&defaults.0, &defaults.1);
        let changed =
            |line: &String| !our_defaults.contains(line) && !their_defaults.contains(line);
        let common: Vec<String> = our_defaults
            .iter()
            .filter(|line| their_defaults.contains(line))
            .cloned()
            .collect();
        our_lines.retain(|line| changed(line) || common.contains(line));
        their_lines.retain(|line| changed(line) || common.contains(line));
    }
    (our_lines, their_lines)
}

/// Whether the installed ssh has the defaults that this program has.
pub(crate) fn is_reference_release() -> bool {
    let version = Command::new("ssh").arg("-V").output();
    version.is_ok_and(|version| version.stderr.starts_with(b"OpenSSH_9.2"))
}

fn known_differences_removed(ours: &str, theirs: &str) -> (Vec<String>, Vec<String>) {
    let not_ours = ["gss", "tunnel", "pkcs11", "logverbose"];
    let mut our_lines: Vec<String> = ours.lines().map(|line| line.replace(NEW_KEX, "")).collect();
    our_lines.retain(|line| !OURS.iter().any(|prefix| line.starts_with(prefix)));
    our_lines.retain(|line| !line.starts_with("logverbose"));
    let mut their_lines: Vec<String> = theirs.lines().map(str::to_owned).collect();
    their_lines.retain(|line| {
        let is_left_out = not_ours.iter().any(|prefix| line.starts_with(prefix));
        // ssh prints a local forward to a socket a second time as a dynamic one.
        let is_socket_twice = line
            .strip_prefix("dynamicforward ")
            .is_some_and(|listener| {
                let twin = format!("localforward {listener} /");
                let is_ours = ours.lines().any(|ours| ours == line);
                !is_ours && ours.lines().any(|line| line.starts_with(&twin))
            });
        !is_left_out && !is_socket_twice
    });
    for (mine, other, _reason) in KNOWN_DIFFERENCES {
        let has_mine = mine.is_none_or(|mine| our_lines.iter().any(|line| line == mine));
        let has_other = other.is_none_or(|other| their_lines.iter().any(|line| line == other));
        if has_mine && has_other {
            our_lines.retain(|line| Some(line.as_str()) != *mine);
            their_lines.retain(|line| Some(line.as_str()) != *other);
        }
    }
    our_lines.sort();
    their_lines.sort();
    // ssh lists a pattern again for each line that gives it, and at the second pass.
    their_lines.dedup_by(|line, before| line == before && line.starts_with("sendenv "));
    (our_lines, their_lines)
}

/// The keys of roaming, which ssh does not have.
const OURS: [&str; 4] = ["udp", "tsshd", "shownotification", "showfull"];

pub(crate) fn write(directory: &Path, name: &str, text: &str) {
    use std::os::unix::fs::PermissionsExt;
    let path = directory.join(name);
    fs::write(&path, text).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
}
