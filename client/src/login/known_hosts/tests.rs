use std::path::PathBuf;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use proptest::prelude::*;

use super::line::{hashed_field, key_type, matches_pattern};
use super::lookup::{HostNames, KnownHosts, Verdict};

#[test]
fn a_line_is_found_however_it_is_written() {
    let key = key(1);
    for (host, line) in [
        ("a.example", "a.example {}"),
        ("a.example", "  \ta.example\t {} \t a comment with words"),
        ("a.example", "A.EXAMPLE {}\r"),
        ("A.Example", "a.example {}"),
        ("a.example", "x.example,*.example {}"),
        ("a.example", "?.example {}"),
        ("a.example", "!b.example,*.example {}"),
        ("a.example", "HASHED {}"),
    ] {
        let line = line
            .replace("{}", &text(&key))
            .replace("HASHED", &hashed_field("a.example", b"salt"));
        assert_eq!(known(&line, host, 22).judge(&key), Verdict::Known, "{line}");
    }
}

#[test]
fn a_line_about_another_host_says_nothing() {
    let key = key(1);
    for line in [
        "b.example {}",
        "*.example,!a.example {}",
        "!a.example {}",
        "[a.example]:2222 {}",
        "a.example.org {}",
        "# a.example {}",
        "@unknown a.example {}",
        "|1|c2FsdA==|AAAA {}",
        "|2|c2FsdA==|AAAA {}",
    ] {
        let line = line.replace("{}", &text(&key));
        assert_eq!(
            known(&line, "a.example", 22).judge(&key),
            Verdict::New,
            "{line}"
        );
    }
}

#[test]
fn a_port_of_its_own_is_looked_up_with_the_host() {
    let (right, other) = (key(1), key(2));
    let line = format!("[a.example]:2222 {}", text(&right));
    assert_eq!(
        known(&line, "a.example", 2222).judge(&right),
        Verdict::Known
    );
    assert_eq!(known(&line, "a.example", 2223).judge(&right), Verdict::New);

    // The bare name vouches for a server on another port, and does not contradict it.
    let line = format!("a.example {}", text(&right));
    assert_eq!(
        known(&line, "a.example", 2222).judge(&right),
        Verdict::Known
    );
    assert_eq!(known(&line, "a.example", 2222).judge(&other), Verdict::New);
}

#[test]
fn one_of_several_keys_is_enough_and_none_of_them_is_a_change() {
    let lines = format!("a {}\na {}\n", text(&key(1)), text(&key(2)));
    let hosts = known(&lines, "a", 22);
    assert_eq!(hosts.judge(&key(2)), Verdict::Known);
    let Verdict::Changed(origin, other) = hosts.judge(&key(3)) else {
        panic!("not a change")
    };
    assert_eq!((origin.line, other), (1, key(1)));
}

#[test]
fn a_revoked_key_is_revoked_wherever_the_line_stands() {
    let key = key(1);
    let (plain, revoked) = (
        format!("a {}\n", text(&key)),
        format!("@revoked a {}\n", text(&key)),
    );
    for lines in [
        format!("{plain}{revoked}"),
        format!("{revoked}{plain}"),
        revoked.clone(),
    ] {
        assert!(
            matches!(known(&lines, "a", 22).judge(&key), Verdict::Revoked(_)),
            "{lines}"
        );
    }
    let elsewhere = format!("@revoked b {}\n{plain}", text(&key));
    assert_eq!(known(&elsewhere, "a", 22).judge(&key), Verdict::Known);
}

#[test]
fn an_authority_is_no_host_key_and_a_host_key_no_authority() {
    let key = key(1);
    let authority = known(&format!("@cert-authority a {}", text(&key)), "a", 22);
    assert_eq!(
        (authority.judge(&key), authority.is_authority(&key)),
        (Verdict::New, true)
    );
    let plain = known(&format!("a {}", text(&key)), "a", 22);
    assert_eq!(
        (plain.judge(&key), plain.has_authorities()),
        (Verdict::Known, false)
    );
}

#[test]
fn a_key_that_is_not_what_the_line_says_is_passed_over() {
    let key = key(1);
    let line = format!("a ssh-rsa {}", STANDARD.encode(&key));
    assert_eq!(known(&line, "a", 22).judge(&key), Verdict::New);
}

#[test]
fn a_pattern_of_many_stars_is_matched_in_no_time() {
    let (pattern, name) = ("a*".repeat(200), "a".repeat(4000) + "b");
    assert!(matches_pattern(&pattern, &name));
    assert!(!matches_pattern(&(pattern + "c"), &name));
}

proptest! {
    #[test]
    fn no_file_makes_the_reader_panic(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        let names = HostNames::new("a", 2222, None);
        let mut hosts = KnownHosts::default();
        hosts.add(&Arc::new(PathBuf::new()), &bytes, &names);
        prop_assert_eq!(hosts.judge(&key(1)), Verdict::New);
    }

    #[test]
    fn no_line_made_of_the_right_words_makes_the_reader_panic(
        words in proptest::collection::vec(
            prop_oneof![
                Just("@revoked"), Just("@cert-authority"), Just("a"), Just("*"), Just("!a,*"),
                Just("|1|"), Just("|1|c2FsdA==|c2FsdA=="), Just("ssh-ed25519"), Just("AAAA"),
                Just("AAAAC3NzaC1lZDI1NTE5"), Just("\n"), Just("\t"), Just("#"), Just("[a]:2222"),
            ],
            0..40,
        )
    ) {
        let names = HostNames::new("a", 2222, None);
        let mut hosts = KnownHosts::default();
        hosts.add(&Arc::new(PathBuf::new()), words.join(" ").as_bytes(), &names);
        hosts.judge(&key(1));
    }

    #[test]
    fn the_type_of_any_bytes_is_read_without_panic(bytes in proptest::collection::vec(any::<u8>(), 0..40)) {
        key_type(&bytes);
    }
}

/// An Ed25519 key made of one byte.
fn key(byte: u8) -> Vec<u8> {
    let mut key = Vec::new();
    for part in [&b"ssh-ed25519"[..], &[byte; 32]] {
        key.extend_from_slice(&u32::try_from(part.len()).unwrap().to_be_bytes());
        key.extend_from_slice(part);
    }
    key
}

fn text(key: &[u8]) -> String {
    format!("ssh-ed25519 {}", STANDARD.encode(key))
}

fn known(lines: &str, host: &str, port: u16) -> KnownHosts {
    let mut hosts = KnownHosts::default();
    hosts.add(
        &Arc::new("known_hosts".into()),
        lines.as_bytes(),
        &HostNames::new(host, port, None),
    );
    hosts
}
