//! The body of the fuzz target `sshd_config` in `fuzz/`. Compiled for fuzzing and for tests alone.

use super::effective::{Permit, Settings, UserEnvironment};
use super::lexer::Directive;
use super::matcher::{Connection, Subject};
use super::reader::{COMPLAINTS_MAX, read_text};

/// Any text as a configuration file: it is read to its end, what is wrong is said in whole sentences, and a block
/// that cannot be judged loosens nothing.
pub fn sshd_config(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let subject = Subject {
        user: "nina".into(),
        groups: vec!["staff".into(), "wheel".into()],
        connection: Connection::parse("192.0.2.7 50022 2001:db8::1 22"),
    };
    let (_, complaints) = read_text(&text, &subject);
    assert!(complaints.len() <= COMPLAINTS_MAX);
    for complaint in complaints {
        assert!(!complaint.to_string().is_empty());
    }
    let judged: String = without_blocks(&text).collect();
    let unsure = format!("{judged}Match Weather rain\n{judged}");
    let (certain, _) = read_text(&judged, &subject);
    let (with_unsure, _) = read_text(&unsure, &subject);
    // The same lines once more can take nothing away that they have not taken away before.
    is_as_strict(&with_unsure, &certain);
    for line in without_blocks(&text) {
        let (with_line, _) = read_text(&format!("Match Weather rain\n{line}"), &subject);
        is_as_strict(&with_line, &Settings::default());
    }
}

/// Lines that neither begin a block nor include a file.
fn without_blocks(text: &str) -> impl Iterator<Item = String> {
    text.lines().take(MOST_LINES).filter_map(|line| {
        let directive = Directive::parse(line).ok().flatten()?;
        let block = ["match", "include"].contains(&directive.keyword.as_str());
        (!block).then(|| format!("{line}\n"))
    })
}

fn is_as_strict(new: &Settings, old: &Settings) {
    let implied = |new: bool, old: bool| assert!(!new || old, "{new} where {old} was");
    implied(new.allow_agent_forwarding, old.allow_agent_forwarding);
    implied(new.permit_tty, old.permit_tty);
    implied(new.permit_user_rc, old.permit_user_rc);
    implied(new.x11_forwarding, old.x11_forwarding);
    implied(old.disable_forwarding, new.disable_forwarding);
    implied(old.x11_use_localhost, new.x11_use_localhost);
    implied(new.stream_local_bind_unlink, old.stream_local_bind_unlink);
    for (new, old) in [
        (new.allow_tcp_forwarding, old.allow_tcp_forwarding),
        (
            new.allow_stream_local_forwarding,
            old.allow_stream_local_forwarding,
        ),
    ] {
        implied(new.permits_local(), old.permits_local());
        implied(new.permits_remote(), old.permits_remote());
    }
    assert!(new.max_sessions <= old.max_sessions);
    assert_eq!(
        new.stream_local_bind_mask & old.stream_local_bind_mask,
        old.stream_local_bind_mask
    );
    implied(old.force_command.is_some(), new.force_command.is_some());
    for name in ["LANG", "LC_ALL", "EVIL", "", "A"] {
        implied(new.accept_env.matches(name), old.accept_env.matches(name));
    }
    for (new, old) in [
        (&new.permit_open, &old.permit_open),
        (&new.permit_listen, &old.permit_listen),
    ] {
        match (new, old) {
            (Permit::None, _) | (_, Permit::Any) => {}
            (Permit::Only(new), Permit::Only(old)) => {
                assert!(new.iter().all(|entry| old.contains(entry)));
            }
            (new, old) => panic!("{new:?} where {old:?} was"),
        }
    }
    let known = |permit: &UserEnvironment, name: &str| match permit {
        UserEnvironment::No => false,
        UserEnvironment::Only(list) => list.matches(name),
        UserEnvironment::Yes => true,
    };
    for name in ["LANG", "LD_PRELOAD", "A"] {
        implied(
            known(&new.permit_user_environment, name),
            known(&old.permit_user_environment, name),
        );
    }
    assert_eq!(
        (&new.subsystems, &new.set_env),
        (&old.subsystems, &old.set_env)
    );
}

const MOST_LINES: usize = 40;

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::{any, proptest};

    use super::sshd_config;

    proptest! {
        #[test]
        fn the_body_holds_for_any_bytes(data in vec(any::<u8>(), 0..300)) {
            sshd_config(&data);
        }

        #[test]
        fn the_body_holds_for_lines_that_resemble_a_configuration(
            lines in vec(
                "(Match|AcceptEnv|PermitOpen|PermitTTY|AllowTcpForwarding|MaxSessions|GatewayPorts|Subsystem|X11Forwarding)( |=)(no|yes|local|none|any|a:1|\\*|user nina|LANG !A|7|\"a b\")",
                0..8,
            ),
        ) {
            sshd_config(lines.join("\n").as_bytes());
        }
    }
}
