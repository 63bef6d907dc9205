use std::ffi::OsString;

use super::{Cli, Directive};

#[test]
fn options_behind_the_host_are_ours_until_the_command_starts() {
    let cli = parse(&["host", "-p", "22", "-t", "cmd", "-x", "--udp", "-p", "9"]);

    assert_eq!(cli.destination.as_deref(), Some("host"));
    assert_eq!(cli.ports, ["22"]);
    assert_eq!(cli.tty, 1);
    assert!(!cli.no_x11 && !cli.udp);
    assert_eq!(
        cli.remote_command(),
        Some(OsString::from("cmd -x --udp -p 9"))
    );
}

#[test]
fn two_dashes_end_the_options_wherever_they_stand() {
    for words in [&["--", "host", "-p", "5"][..], &["host", "--", "-p", "5"]] {
        let cli = parse(words);
        assert_eq!(cli.destination.as_deref(), Some("host"), "{words:?}");
        assert_eq!(
            cli.remote_command(),
            Some(OsString::from("-p 5")),
            "{words:?}"
        );
    }
}

#[test]
fn two_dashes_inside_the_command_belong_to_it() {
    let cli = parse(&["host", "git", "log", "--", "file"]);

    assert_eq!(
        cli.remote_command(),
        Some(OsString::from("git log -- file"))
    );
}

#[test]
fn words_of_the_command_are_joined_by_one_blank_and_never_quoted() {
    let cli = parse(&["host", "echo", "a  b", "", "'c'"]);

    assert_eq!(cli.remote_command(), Some(OsString::from("echo a  b  'c'")));
}

#[test]
fn a_command_need_not_be_unicode() {
    use std::os::unix::ffi::OsStringExt;
    let word = OsString::from_vec(vec![b'x', 0xff]);
    let cli = Cli::from_args([OsString::from("tssh"), "host".into(), word.clone()]).unwrap();

    assert_eq!(cli.remote_command(), Some(word));
}

#[test]
fn short_options_bundle_and_take_attached_values() {
    let cli = parse(&["-vvNfp22", "-lme", "-oUser=you", "host"]);

    assert_eq!(cli.verbose, 2);
    assert!(cli.no_command && cli.fork);
    let (port, me, you) = ("22".to_owned(), "me".to_owned(), "User=you".to_owned());
    let host = Directive::Destination("host".to_owned());
    let expected = [
        Directive::Port(port),
        Directive::User(me),
        Directive::Option(you),
        host,
    ];
    assert_eq!(cli.directives, expected);
}

#[test]
fn values_may_look_like_options() {
    let cli = parse(&["-e", "-", "-o", "-x", "-J", "-j", "host"]);

    assert_eq!(cli.escape_char.as_deref(), Some("-"));
    assert_eq!(cli.options, ["-x"]);
    assert_eq!(cli.jumps, ["-j"]);
    assert!(!cli.no_x11);
}

#[test]
fn of_options_that_exclude_one_another_the_last_wins() {
    let cli = parse(&[
        "--kcp", "--udp", "-4", "-6", "-q", "-vv", "-A", "-a", "-X", "-x", "host",
    ]);

    assert!(cli.udp && !cli.kcp);
    assert!(cli.inet6 && !cli.inet4);
    assert_eq!((cli.quiet, cli.verbose), (false, 2));
    assert!(cli.no_forward_agent && !cli.forward_agent);
    assert!(cli.no_x11 && !cli.x11);
    assert_eq!(parse(&["-T", "-tt", "host"]).tty, 2);
    assert_eq!(parse(&["-tt", "-T", "host"]).tty, 0);
}

#[test]
fn a_destination_is_needed_except_to_print_the_version_or_algorithms() {
    for words in [&[][..], &["-G"], &["-p", "22"]] {
        assert!(Cli::from_args(with_name(words)).is_err(), "{words:?}");
    }
    assert!(parse(&["-V"]).version);
    assert_eq!(parse(&["-Q", "cipher"]).query.as_deref(), Some("cipher"));
}

#[test]
fn an_unknown_option_is_refused_before_the_command_only() {
    assert!(Cli::from_args(with_name(&["-Z", "host"])).is_err());
    assert!(Cli::from_args(with_name(&["host", "--nonsense"])).is_err());
    assert_eq!(
        parse(&["host", "cmd", "--nonsense"]).command,
        ["cmd", "--nonsense"]
    );
}

#[test]
fn the_options_of_roaming_are_read() {
    let cli = parse(&[
        "--tsshd-path",
        "~/bin/tsshd",
        "--tsshd-port=1-2",
        "--quic",
        "--debug",
        "h",
    ]);

    assert_eq!(cli.tsshd_path.as_deref(), Some("~/bin/tsshd"));
    assert_eq!(cli.tsshd_port.as_deref(), Some("1-2"));
    assert!(cli.quic && cli.debug);
}

fn parse(words: &[&str]) -> Cli {
    Cli::from_args(with_name(words)).unwrap()
}

fn with_name(words: &[&str]) -> Vec<String> {
    std::iter::once("tssh")
        .chain(words.iter().copied())
        .map(str::to_owned)
        .collect()
}
