//! The body of the fuzz target `ssh_config` in `fuzz/`. Compiled for fuzzing and for tests alone.

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::lexer::{Line, split_words};
use super::pattern::matches;
use super::{Draft, Effect, Keyword};
use crate::settings::Environment;

/// Any text, line by line as a file and as arguments of `-o`: nothing panics, the first value of a keyword stays, a
/// line that is only checked changes nothing, and patterns match what they say.
///
/// `Match` and `Include` are left out: they run commands and read files.
pub fn ssh_config(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let env = environment();
    let mut draft = Draft::new();
    for line in text.lines().take(MOST_LINES) {
        let Ok(Some(parsed)) = Line::parse(line) else {
            continue;
        };
        assert_eq!(parsed.keyword, parsed.keyword.to_ascii_lowercase());
        let _words = parsed.words();
        let Ok(keyword) = Keyword::parse(&parsed.keyword, None) else {
            continue;
        };
        if [Keyword::Host, Keyword::Include, Keyword::Match].contains(&keyword) {
            continue;
        }
        let before = format!("{:?}", draft.settings);
        let checked = draft.apply(keyword, &parsed, Effect::Checked, &env);
        assert_eq!(before, format!("{:?}", draft.settings), "{line}");
        let applied = draft.apply_argument(line, &env);
        assert_eq!(checked.is_ok(), applied.is_ok(), "{line}");
        if let Err(error) = applied {
            assert!(!error.to_string().is_empty());
        }
    }
    if let Some((pattern, text)) = text.split_once('\n') {
        patterns(pattern, text);
    }
}

/// Against the plainest way to match, which tries everything.
fn patterns(pattern: &str, text: &str) {
    let text: Vec<char> = text.chars().take(40).collect();
    let pattern: Vec<char> = pattern.chars().take(40).collect();
    let mut reached = vec![false; text.len() + 1];
    reached[0] = true;
    for &wanted in &pattern {
        let mut next = vec![false; text.len() + 1];
        for at in 0..=text.len() {
            next[at] = match wanted {
                '*' => reached[..=at].contains(&true),
                wanted => at > 0 && reached[at - 1] && (wanted == '?' || wanted == text[at - 1]),
            };
        }
        reached = next;
    }
    let (text, pattern): (String, String) = (text.iter().collect(), pattern.iter().collect());
    assert_eq!(
        matches(&text, &pattern),
        reached.last() == Some(&true),
        "{text:?} against {pattern:?}"
    );
    let _words = split_words(&text);
}

fn environment() -> Environment {
    Environment {
        home: PathBuf::from("/home/nina"),
        user: "nina".into(),
        uid: 1000,
        local_host: "here".into(),
        variables: BTreeMap::from([("HOME".into(), "/home/nina".into())]),
        system_directory: PathBuf::from("/etc/ssh"),
        home_of: |_| None,
        addresses: Vec::new,
        resolves: |_, _| false,
    }
}

const MOST_LINES: usize = 40;

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::{any, proptest};

    use super::ssh_config;

    proptest! {
        #[test]
        fn the_body_holds_for_any_bytes(data in vec(any::<u8>(), 0..300)) {
            ssh_config(&data);
        }

        #[test]
        fn the_body_holds_for_lines_that_resemble_a_configuration(
            lines in vec(
                "(Port|User|LocalForward|SendEnv|ProxyJump|Ciphers|IdentityFile|UdpMode|TsshdPort|IPQoS|RekeyLimit)( |=)(no|22|[a-z%:*?!,+^-]{1,12}|\"a b\"|none)",
                0..8,
            ),
        ) {
            ssh_config(lines.join("\n").as_bytes());
        }
    }
}
