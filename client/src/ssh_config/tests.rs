use std::collections::BTreeMap;
use std::time::Duration;

use proptest::prelude::*;

use super::algorithms::{CIPHERS, KEYS};
use super::forward::{Forward, Listener, Target};
use super::jump::{Destination, JumpHop, ProxyJump};
use super::lexer::{Line, split_words};
use super::pattern::{Verdict, matches, matches_list};
use super::tokens::{TokenError, TokenValues, expand_all, expand_tokens, expand_variables};
use super::value::{escape_char, ip_qos, number, port, scaled, time};
use super::{Keyword, Problem};
use crate::settings::{EscapeChar, IpQos};

#[test]
fn a_line_is_a_keyword_and_the_rest() {
    for (text, keyword, rest) in [
        ("Port 22", "port", "22"),
        ("\t PORT=22\r\n", "port", "22"),
        ("Port = 22", "port", "22"),
        ("Port =22 ", "port", "22"),
        ("\"Port\" 22", "port", "22"),
        ("ProxyCommand = a=b \"c d\"", "proxycommand", "a=b \"c d\""),
        ("Port==22", "port", "=22"),
    ] {
        let line = Line {
            keyword: keyword.to_owned(),
            rest: rest.to_owned(),
        };
        assert_eq!(Line::parse(text), Ok(Some(line)), "{text:?}");
    }
    for text in ["", "   ", "# x", "  # x", "\x0c"] {
        assert_eq!(Line::parse(text), Ok(None), "{text:?}");
    }
    assert_eq!(
        Line::parse("Port "),
        Err(Problem::MissingArgument("port".to_owned()))
    );
}

#[test]
fn words_are_split_at_blanks_outside_quotes() {
    for (text, words) in [
        ("a b\tc", &["a", "b", "c"][..]),
        ("a # b", &["a"]),
        ("a#b", &["a#b"]),
        ("\"a b\"c 'd\"e'", &["a bc", "d\"e"]),
        (
            "a\\ b \\\"c \\\\ \\x \"d\\\"e\" 'f\\'g'",
            &["a b", "\"c", "\\", "\\x", "d\"e", "f'g"],
        ),
        ("\"a\\ b\"", &["a\\ b"]),
        ("\"\" x", &["", "x"]),
        ("", &[]),
    ] {
        assert_eq!(
            split_words(text).as_deref(),
            Ok(words.map_owned().as_slice()),
            "{text:?}"
        );
    }
    assert_eq!(split_words("a 'b"), Err(Problem::UnclosedQuote));
}

#[test]
fn a_negated_pattern_excludes_and_never_matches_by_itself() {
    assert_eq!(matches_list("host3", "!host1,!host2"), Verdict::Unmatched);
    assert_eq!(matches_list("host3", "!host1,*"), Verdict::Matched);
    assert_eq!(matches_list("host1", "*,!host1"), Verdict::Excluded);
}

#[test]
fn stars_that_could_match_in_many_ways_take_no_time() {
    let text = "a".repeat(2000);
    let pattern = format!("{}b", "*a".repeat(500));

    assert!(!matches(&text, &pattern));
}

#[test]
fn times_add_up_and_stay_in_bounds() {
    assert_eq!(time("1h30m5"), Some(Duration::from_secs(5405)));
    assert_eq!(time("2w"), Some(Duration::from_secs(1_209_600)));
    for text in [
        "",
        "x",
        "5x",
        "-1",
        "1h-",
        "2147483648",
        "99999999999999999999w",
        "3550w9999w",
    ] {
        assert_eq!(time(text), None, "{text:?}");
    }
}

#[test]
fn numbers_out_of_range_are_refused() {
    assert_eq!(
        (port("0"), port("65536"), port("+22"), port(" 22")),
        (None, None, None, None)
    );
    assert_eq!(number("2147483648"), None);
    assert_eq!(
        (scaled("4K"), scaled("1e"), scaled("8E")),
        (Some(4096), Some(1 << 60), None)
    );
    assert_eq!((scaled("K"), scaled(""), scaled("1k5")), (None, None, None));
    assert_eq!(ip_qos("0x100"), None);
    assert_eq!(ip_qos("AF41"), Some(IpQos::Class(0x88)));
    assert_eq!(escape_char("^]"), Some(EscapeChar::Char(0x1d)));
    assert_eq!(escape_char("^é"), None);
}

#[test]
fn forwards_know_hosts_ports_and_sockets() {
    let tcp = |host: Option<&str>, port| Listener::Tcp {
        host: host.map(str::to_owned),
        port,
    };
    let to = |host: &str, port| Target::Tcp {
        host: host.to_owned(),
        port,
    };
    let unix = |path: &str| path.to_owned();
    for (spec, listener, target) in [
        ("8080:h:80", tcp(None, 8080), to("h", 80)),
        ("b:8080:h:80", tcp(Some("b"), 8080), to("h", 80)),
        (":8080:h:80", tcp(Some(""), 8080), to("h", 80)),
        ("[::1]:8080:[::2]:80", tcp(Some("::1"), 8080), to("::2", 80)),
        ("/a:h:80", Listener::Unix(unix("/a")), to("h", 80)),
        ("8080:/b", tcp(None, 8080), Target::Unix(unix("/b"))),
        ("b:8080:/b", tcp(Some("b"), 8080), Target::Unix(unix("/b"))),
        (
            "/a:/b\\:c",
            Listener::Unix(unix("/a")),
            Target::Unix(unix("/b:c")),
        ),
    ] {
        assert_eq!(
            Forward::parse_local(spec),
            Some(Forward { listener, target }),
            "{spec:?}"
        );
    }
    for spec in [
        "",
        "80",
        "80:h",
        "80:h:0",
        "0:h:80",
        "80:h:99999",
        "a:b:c:d:e",
        "[::1:80:h:80",
    ] {
        assert_eq!(Forward::parse_local(spec), None, "{spec:?}");
    }
    assert!(Forward::parse_remote("0:h:80").is_some());
    assert!(Forward::parse_remote_socks("0").is_some());
    assert!(Forward::parse_dynamic("0").is_none());
}

#[test]
fn a_destination_that_could_be_an_option_or_shell_code_is_refused() {
    for text in [
        "-oProxyCommand=x",
        "a@-x",
        "$(id)",
        "a`b`",
        "a b",
        "a;b",
        "u;x@h",
        "-u@h",
        "@h",
        "",
    ] {
        assert_eq!(Destination::parse(text), None, "{text:?}");
    }
    let found = Destination::parse("ssh://a%20b@[::1]:99/");
    let expected = Destination {
        user: Some("a b".to_owned()),
        host: "::1".to_owned(),
        port: Some(99),
    };
    assert_eq!(found, Some(expected));
    for text in [
        "ssh://",
        "ssh://@h",
        "ssh://h:0",
        "ssh://h/path",
        "ssh://%zz@h",
        "ssh://%00@h",
    ] {
        assert_eq!(Destination::parse(text), None, "{text:?}");
    }
    let literal = Destination::parse("a@b@fe80::1%eth0").unwrap();
    assert_eq!(
        (literal.user.as_deref(), literal.host.as_str()),
        (Some("a@b"), "fe80::1%eth0")
    );
}

#[test]
fn jump_hosts_are_listed_nearest_first() {
    let jump = ProxyJump::parse("u@a:22,ssh://b:23,[::1]:24 # comment").unwrap();
    let hop = |user: Option<&str>, host: &str, port| JumpHop {
        user: user.map(str::to_owned),
        host: host.to_owned(),
        port: Some(port),
    };

    assert_eq!(
        jump.hops(),
        [
            hop(Some("u"), "a", 22),
            hop(None, "b", 23),
            hop(None, "::1", 24)
        ]
    );
    assert_eq!(jump.to_string(), "u@a:22,ssh://b:23,[::1]:24");
    for text in ["", "a,,b", "a:b", "@a", "a:0", "[::1"] {
        assert_eq!(ProxyJump::parse(text), None, "{text:?}");
    }
}

#[test]
fn tokens_and_variables_are_expanded_once_and_not_in_each_other() {
    let values = TokenValues {
        host: "${A}".to_owned(),
        port: 22,
        ..TokenValues::default()
    };
    let variables = BTreeMap::from([("A".to_owned(), "%p".to_owned())]);
    let tokens = values.common();

    let expanded = expand_all("%h:${A}:%%h:%p$:$A", &tokens, &variables);
    assert_eq!(expanded.as_deref(), Ok("${A}:%p:%h:22$:$A"));
    assert_eq!(expand_tokens("${A}", &tokens).as_deref(), Ok("${A}"));
    assert_eq!(
        expand_variables("%h${A}", &variables).as_deref(),
        Ok("%h%p")
    );
}

#[test]
fn a_token_that_cannot_be_expanded_is_named() {
    let values = TokenValues::default();
    let tokens = values.proxy();
    let none = BTreeMap::new();

    let unknown = TokenError::UnknownToken {
        token: 'u',
        text: "%u".to_owned(),
    };
    assert_eq!(expand_tokens("%u", &tokens), Err(unknown));
    assert_eq!(
        expand_tokens("a%", &tokens),
        Err(TokenError::Dangling("a%".to_owned()))
    );
    assert_eq!(
        expand_variables("${X", &none),
        Err(TokenError::Unclosed("${X".to_owned()))
    );
    assert_eq!(
        expand_variables("${X}", &none),
        Err(TokenError::UnsetVariable("X".to_owned()))
    );
}

#[test]
fn a_list_that_leaves_nothing_or_names_nothing_is_refused() {
    assert!(CIPHERS.assemble("-*").is_empty());
    assert!(!CIPHERS.accepts("aes128-*"), "ciphers take no patterns");
    assert!(KEYS.accepts("ssh-*") && !KEYS.accepts("nothing-*") && !KEYS.accepts("+"));
    assert_eq!(KEYS.assemble("ssh-rsa,ssh-rsa"), ["ssh-rsa"]);
}

#[test]
fn keywords_are_known_by_their_old_names_or_ignored_when_asked() {
    assert_eq!(Keyword::parse("keepalive", None), Ok(Keyword::TCPKeepAlive));
    assert_eq!(
        Keyword::parse("gssapiauthentication", None),
        Ok(Keyword::Ignored)
    );
    assert_eq!(
        Keyword::parse("usekeychain", Some("a,UseK*")),
        Ok(Keyword::Ignored)
    );
    let unknown = Problem::BadOption("usekeychain".to_owned());
    assert_eq!(Keyword::parse("usekeychain", Some("!use*,*")), Err(unknown));
}

trait MapOwned {
    fn map_owned(&self) -> Vec<String>;
}

impl MapOwned for [&str] {
    fn map_owned(&self) -> Vec<String> {
        self.iter().map(|&word| word.to_owned()).collect()
    }
}

proptest! {
    #[test]
    fn the_lexer_never_panics_and_never_makes_text_up(text in any::<String>()) {
        if let Ok(Some(line)) = Line::parse(&text) {
            prop_assert!(!line.keyword.is_empty() && line.rest.len() < text.len());
            if let Ok(words) = line.words() {
                prop_assert!(words.iter().map(String::len).sum::<usize>() <= line.rest.len());
            }
        }
    }

    #[test]
    fn a_quoted_word_comes_back_as_it_was(word in "[^\"\\\\\r\n\0]*") {
        let line = format!("\"{word}\"");
        prop_assert_eq!(split_words(&line), Ok(vec![word]));
    }

    #[test]
    fn parsers_of_values_never_panic(text in "[-+:/@\\[\\]%${}~0-9a-z,.!*?\\\\ \u{e9}]{0,24}") {
        let _ = (Forward::parse_local(&text), Forward::parse_remote_socks(&text));
        let _ = (Destination::parse(&text), ProxyJump::parse(&text));
        let _ = (time(&text), scaled(&text), ip_qos(&text), escape_char(&text));
        let _ = expand_all(&text, &TokenValues::default().common(), &BTreeMap::new());
        let _ = matches(&text, &text);
    }

    #[test]
    fn matching_agrees_with_the_definition(text in "[ab]{0,7}", pattern in "[ab*?]{0,7}") {
        prop_assert_eq!(matches(&text, &pattern), matches_slowly(text.as_bytes(), pattern.as_bytes()));
    }

    #[test]
    fn a_printed_forward_parses_to_itself(
        host in proptest::option::of("[a-z:.]{0,8}"), port in 1_u16.., to in "[a-z:.]{1,8}", at in 1_u16..,
    ) {
        let listener = Listener::Tcp { host, port };
        let forward = Forward { listener, target: Target::Tcp { host: to, port: at } };
        let text = format!("{}:{}", forward.listener, forward.target);
        prop_assert_eq!(Forward::parse_local(&text), Some(forward));
    }
}

fn matches_slowly(text: &[u8], pattern: &[u8]) -> bool {
    match (text, pattern) {
        (_, [b'*', rest @ ..]) => {
            (0..=text.len()).any(|skipped| matches_slowly(&text[skipped..], rest))
        }
        ([c, text @ ..], [p, pattern @ ..]) if *p == b'?' || c == p => {
            matches_slowly(text, pattern)
        }
        (text, pattern) => text.is_empty() && pattern.is_empty(),
    }
}
