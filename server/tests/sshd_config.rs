//! Files as administrators write them, read by us and by the sshd of this machine (`sshd -T`). Without an sshd there is
//! nothing to compare with, and each comparison is left out.
#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::disallowed_methods, reason = "tests")]

use std::fmt::Write as _;
use std::fs;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;
use tssh_server::child::Account;
use tssh_server::settings::{
    Connection, Forwarding, GatewayPorts, Permit, Settings, Subject, UserEnvironment, read,
};

#[test]
fn an_empty_file_means_sshds_defaults() {
    let world = World::new();
    world.compare("# nothing\n", &["192.0.2.7 1 198.51.100.1 22"]);
}

#[test]
fn the_first_value_of_the_global_part_wins_and_lists_add_up_only_where_they_do_in_sshd() {
    World::new().compare(
        "AcceptEnv LANG LC_*\n\
         acceptenv  COLORTERM\n\
         SetEnv A=1 \"B=two words\"\n\
         SetEnv C=3\n\
         AllowTcpForwarding local\n\
         AllowTcpForwarding no\n\
         AllowStreamLocalForwarding remote\n\
         AllowAgentForwarding no\n\
         PermitOpen localhost:80 [::1]:443 *:22\n\
         PermitListen none\n\
         PermitUserEnvironment LC_*,!LC_EVIL\n\
         GatewayPorts clientspecified\n\
         MaxSessions = 3\n\
         ClientAliveInterval 1h2m3\n\
         ClientAliveCountMax 7\n\
         StreamLocalBindMask 0117\n\
         StreamLocalBindUnlink yes\n\
         LogLevel verbose\n\
         PrintMotd no\n\
         Subsystem sftp /usr/lib/openssh/sftp-server -l INFO\n\
         Subsystem echo /bin/echo\n\
         X11Forwarding \"yes\"\n\
         X11DisplayOffset 20\n\
         X11UseLocalhost no\n\
         XAuthLocation /opt/xauth\n\
         ChrootDirectory /srv/jail\n\
         ForceCommand echo \"two  words\" # not a comment\n\
         ForceCommand no\n",
        &["192.0.2.7 1 198.51.100.1 22"],
    );
}

#[test]
fn match_blocks_apply_to_whom_they_name_and_win_over_the_global_part() {
    let user = Account::current().unwrap().name;
    let text = format!(
        "PermitTTY yes\n\
         AcceptEnv GLOBAL\n\
         MaxSessions 1\n\
         Match User {user} Address 192.0.2.0/24\n\
         MaxSessions 2\n\
         AcceptEnv ONE\n\
         Match User !{user},*\n\
         MaxSessions 3\n\
         Match User *,!nobody LocalPort 22\n\
         AcceptEnv TWO\n\
         PermitTTY no\n\
         MaxSessions 4\n\
         Match Address 2001:db8::/32,!2001:db8:bad::/48\n\
         AllowTcpForwarding no\n\
         Match Host 192.0.2.*\n\
         X11Forwarding yes\n\
         Match LocalAddress 198.51.100.1\n\
         PermitUserRC no\n\
         Match Group no-such-group,!*\n\
         DisableForwarding yes\n\
         Match all\n\
         AllowAgentForwarding no\n\
         MaxSessions 9\n"
    );
    World::new().compare(
        &text,
        &[
            "192.0.2.7 1 198.51.100.1 22",
            "192.0.2.7 1 198.51.100.1 2222",
            "203.0.113.9 1 198.51.100.2 22",
            "2001:db8:1::7 1 2001:db8::1 22",
            "2001:db8:bad::7 1 2001:db8::1 22",
        ],
    );
}

#[test]
fn groups_match_by_any_of_the_users_groups() {
    let account = Account::current().unwrap();
    let own = account.groups.last().unwrap();
    let text = format!(
        "Match Group {own}\nMaxSessions 2\nMatch Group *,!{own}\nPermitTTY no\nMatch Group nogroup-at-all\nX11Forwarding yes\n"
    );
    World::new().compare(&text, &["192.0.2.7 1 198.51.100.1 22"]);
}

#[test]
fn includes_are_read_in_order_where_they_stand_and_their_blocks_end_with_them() {
    let world = World::new();
    world.write(
        "d/10-first.conf",
        "MaxSessions 2\nMatch User nobody\nPermitTTY no\n",
    );
    world.write(
        "d/20-second.conf",
        "MaxSessions 3\nAcceptEnv TWO\nMatch all\nX11Forwarding yes\n",
    );
    world.write("d/.hidden.conf", "PrintMotd no\n");
    world.write("d/30-not.txt", "PrintMotd no\n");
    world.write("inner", "Match all\nDisableForwarding yes\n");
    let dir = world.dir.path().display().to_string();
    world.compare(
        &format!(
            "Include {dir}/d/*.conf {dir}/none/*\n\
             MaxSessions 4\n\
             AcceptEnv MAIN\n\
             Match User nobody\n\
             Include {dir}/inner\n\
             Match all\n\
             Include {dir}/d/1?-first.conf\n\
             AllowTcpForwarding remote\n"
        ),
        &["192.0.2.7 1 198.51.100.1 22"],
    );
}

struct World {
    dir: TempDir,
    sshd: Option<PathBuf>,
}

impl World {
    fn new() -> Self {
        let dir = TempDir::new().unwrap();
        let key = dir.path().join("key");
        let sshd = ["/usr/sbin/sshd", "/usr/local/sbin/sshd", "/usr/bin/sshd"]
            .iter()
            .map(PathBuf::from)
            .find(|path| path.exists());
        if sshd.is_some() {
            let made = Command::new("ssh-keygen")
                .args(["-q", "-t", "ed25519", "-N", "", "-f"])
                .arg(&key)
                .status()
                .unwrap();
            assert!(made.success());
        }
        Self { dir, sshd }
    }

    fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.dir.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, text).unwrap();
        path
    }

    /// Compares our reading of `text` with sshd's, for the present user and each connection.
    fn compare(&self, text: &str, connections: &[&str]) {
        let path = self.write("sshd_config", text);
        for connection in connections {
            let connection = Connection::parse(connection.trim_start_matches("")).unwrap();
            let account = Account::current().unwrap();
            let subject = Subject {
                user: account.name.clone(),
                groups: account.groups,
                connection: Some(connection),
            };
            let (settings, complaints) = read(&path, &subject);
            assert_eq!(complaints, []);
            if let Some(sshd) = &self.sshd {
                let theirs = self.sshd_says(sshd, &path, &account.name, connection, text);
                assert_eq!(ours(&settings), theirs, "{connection:?}");
            }
        }
    }

    fn sshd_says(
        &self,
        sshd: &Path,
        config: &Path,
        user: &str,
        Connection {
            remote,
            local,
            local_port,
        }: Connection,
        text: &str,
    ) -> String {
        let spec =
            format!("user={user},addr={remote},host={remote},laddr={local},lport={local_port}");
        let mut command = Command::new(sshd);
        if let Some(nobody) = unprivileged() {
            // As root sshd wants its run-time folder, which a machine without a running sshd does not have.
            let key = self.dir.path().join("key");
            let open = std::os::unix::fs::PermissionsExt::from_mode(0o755);
            fs::set_permissions(self.dir.path(), open).unwrap();
            std::os::unix::fs::chown(key, Some(nobody), None).unwrap();
            command.uid(nobody);
        }
        let output = command
            .args(["-T", "-C", &spec, "-f"])
            .arg(config)
            .arg("-h")
            .arg(self.dir.path().join("key"))
            .output()
            .unwrap();
        let said = String::from_utf8(output.stdout).unwrap();
        assert!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
        let mut lines: Vec<_> = said
            .lines()
            .filter(|line| KEYWORDS.contains(&line.split(' ').next().unwrap_or_default()))
            .map(str::to_owned)
            .collect();
        // Our one default that differs.
        if !text.to_ascii_lowercase().contains("acceptenv") {
            lines.push("acceptenv LANG".into());
            lines.push("acceptenv LC_*".into());
        }
        lines.sort();
        lines.join("\n")
    }
}

/// The user to run sshd as when the tests run as root.
fn unprivileged() -> Option<u32> {
    nix::unistd::geteuid().is_root().then_some(65534)
}

/// The settings in the form of `sshd -T`, sorted.
fn ours(settings: &Settings) -> String {
    let flag = |value: bool| if value { "yes" } else { "no" };
    let mut out = String::new();
    for pattern in settings.accept_env.patterns() {
        writeln!(out, "acceptenv {pattern}").unwrap();
    }
    for (name, value) in &settings.set_env {
        writeln!(out, "setenv {name}={value}").unwrap();
    }
    for (name, command) in &settings.subsystems {
        writeln!(out, "subsystem {name} {command}").unwrap();
    }
    let chroot = settings
        .chroot_directory
        .as_ref()
        .map(|path| path.display().to_string());
    let user_environment = match &settings.permit_user_environment {
        UserEnvironment::No => "no".to_owned(),
        UserEnvironment::Yes => "yes".to_owned(),
        UserEnvironment::Only(patterns) => patterns.patterns().join(","),
    };
    let gateway = match settings.gateway_ports {
        GatewayPorts::ClientSpecified => "clientspecified",
        GatewayPorts::No => "no",
        GatewayPorts::Yes => "yes",
    };
    for (keyword, value) in [
        (
            "allowagentforwarding",
            flag(settings.allow_agent_forwarding).to_owned(),
        ),
        (
            "allowstreamlocalforwarding",
            forwarding(settings.allow_stream_local_forwarding),
        ),
        (
            "allowtcpforwarding",
            forwarding(settings.allow_tcp_forwarding),
        ),
        ("chrootdirectory", chroot.unwrap_or_else(|| "none".into())),
        (
            "clientalivecountmax",
            settings.client_alive_count_max.to_string(),
        ),
        (
            "clientaliveinterval",
            settings.client_alive_interval.as_secs().to_string(),
        ),
        (
            "disableforwarding",
            flag(settings.disable_forwarding).to_owned(),
        ),
        (
            "forcecommand",
            settings
                .force_command
                .clone()
                .unwrap_or_else(|| "none".into()),
        ),
        ("gatewayports", gateway.to_owned()),
        ("loglevel", settings.log_level.clone()),
        ("maxsessions", settings.max_sessions.to_string()),
        ("permitlisten", permit(&settings.permit_listen)),
        ("permitopen", permit(&settings.permit_open)),
        ("permittty", flag(settings.permit_tty).to_owned()),
        ("permituserenvironment", user_environment),
        ("permituserrc", flag(settings.permit_user_rc).to_owned()),
        ("printmotd", flag(settings.print_motd).to_owned()),
        (
            "streamlocalbindmask",
            format!("0{:o}", settings.stream_local_bind_mask),
        ),
        (
            "streamlocalbindunlink",
            flag(settings.stream_local_bind_unlink).to_owned(),
        ),
        ("x11displayoffset", settings.x11_display_offset.to_string()),
        ("x11forwarding", flag(settings.x11_forwarding).to_owned()),
        (
            "x11uselocalhost",
            flag(settings.x11_use_localhost).to_owned(),
        ),
        (
            "xauthlocation",
            settings.xauth_location.display().to_string(),
        ),
    ] {
        writeln!(out, "{keyword} {value}").unwrap();
    }
    let mut lines: Vec<_> = out.lines().collect();
    lines.sort_unstable();
    lines.join("\n")
}

fn forwarding(value: Forwarding) -> String {
    let word = match value {
        Forwarding::All => "yes",
        Forwarding::Local => "local",
        Forwarding::No => "no",
        Forwarding::Remote => "remote",
    };
    word.to_owned()
}

fn permit(value: &Permit) -> String {
    match value {
        Permit::Any => "any".to_owned(),
        Permit::None => "none".to_owned(),
        Permit::Only(entries) => entries.join(" "),
    }
}

/// What is compared: all that we read but `UseDNS`, and `UsePAM`, which sshd may be built without.
const KEYWORDS: [&str; 26] = [
    "acceptenv",
    "allowagentforwarding",
    "allowstreamlocalforwarding",
    "allowtcpforwarding",
    "chrootdirectory",
    "clientalivecountmax",
    "clientaliveinterval",
    "disableforwarding",
    "forcecommand",
    "gatewayports",
    "loglevel",
    "maxsessions",
    "permitlisten",
    "permitopen",
    "permittty",
    "permituserenvironment",
    "permituserrc",
    "printmotd",
    "setenv",
    "streamlocalbindmask",
    "streamlocalbindunlink",
    "subsystem",
    "x11displayoffset",
    "x11forwarding",
    "x11uselocalhost",
    "xauthlocation",
];
