//! `tssh -G` prints what `ssh -G` prints: OpenSSH itself is the judge.
//!
//! Each case is a configuration file and a command line; `judge.rs` compares, `lines.rs` holds lines
//! that are tried one by one and in random order.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod judge;
mod lines;

use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::TestRunner;

use judge::{agree, agree_all, is_reference_release, refuse_all, write};

#[test]
fn nothing_said_gives_the_defaults_of_ssh() {
    agree("", &["host.example"]);
}

#[test]
fn the_first_value_wins_and_lists_grow() {
    let config = "
        Host a* !ab
          Port 2201
          User first
          IdentityFile ~/one
          SendEnv LANG LC_*
          LocalForward 8080 localhost:80
          SetEnv A=1 B=two
        Host *
          Port 2202
          User second
          IdentityFile ~/two
          IdentityFile ~/one
          CertificateFile ~/cert
          CertificateFile %d/other-cert
          SendEnv TERM -LC_*
          LocalForward 127.0.0.1:8081 [::1]:81
          LocalForward 8080 localhost:80
          RemoteForward 9090 localhost:90
          RemoteForward 1080
          DynamicForward 1081
          DynamicForward *:1082
          SetEnv C=3
    ";
    for host in ["a", "ab", "abc", "b"] {
        agree(config, &[host]);
    }
}

#[test]
fn quotes_equals_signs_comments_and_case_are_read_alike() {
    let config = "
        # comment
        \t  port = 2022
        User=someone
        IdentityFile \"~/a file\"
        IdentityFile '~/another file'
        IdentityFile ~/escaped\\ blank
        IdentityFile=~/plain # comment
        HOSTKEYALIAS \"Mixed Case\"
        proxycommand=ssh -W %h:%p \"jump host\" # not a comment
        LocalCommand = echo \"%h\" 'x'
        UserKnownHostsFile ~/kh1 \"~/kh 2\" %d/%k
        setenv X=\"a b\" Y='c d'
        #!! UdpMode quic
        PreferredAuthentications publickey,password\x0c
    ";
    agree(config, &["host"]);
    agree(&config.replace('\n', "\r\n"), &["host"]);
}

#[test]
fn match_tests_hosts_users_and_commands() {
    let config = "
        Host alias
          HostName real.example
        Match host real.example
          Port 1001
        Match originalhost alias
          ConnectTimeout 5
        Match host !real.example,*.example
          ServerAliveInterval 7
        Match user bob,!carol
          Compression yes
        Match localuser root exec \"test %h = real.example\"
          ServerAliveCountMax 9
        Match !exec \"exit 3\" !user bob
          NumberOfPasswordPrompts 2
        Match exec \"false\"
          BatchMode yes
        Match exec=\"test %n:%p:%r:%u:%k:%L = x\"
          BatchMode yes
        Match host=real.example user=bob
          ForwardAgent yes
        Match all
          LogLevel verbose
        Match !all
          LogLevel quiet
          Tunnel yes
    ";
    agree(config, &["alias"]);
    agree(config, &["bob@alias"]);
    agree(config, &["-l", "bob", "other.example"]);
    agree(config, &["carol@OTHER.example"]);
}

#[test]
fn match_final_reads_the_files_again() {
    let config = "
        Match final host *.example
          Port 1003
          IdentityFile ~/final
        Match canonical
          User canonical
        Match !final
          ConnectionAttempts 4
        Host short
          HostName %h.example
          IdentityFile ~/first
        Host *.example
          Compression yes
    ";
    agree(config, &["short"]);
    agree(config, &["full.example"]);
    agree(&config.replace("final", "canonical"), &["short"]);
}

#[test]
fn canonical_names_that_do_not_resolve_fall_back() {
    let config = "
        CanonicalizeHostname yes
        CanonicalDomains invalid a.invalid
        CanonicalizeMaxDots 2
        Match canonical host name
          Port 12
    ";
    agree(config, &["name"]);
    agree(&format!("ProxyCommand none\n{config}"), &["name"]);
    let rules = "CanonicalizePermittedCNAMEs *.a:*.b,c *";
    agree(&format!("ProxyJump x\n{rules}\n{config}"), &["name"]);
    agree(
        "CanonicalizePermittedCNAMEs none\nCanonicalDomains none",
        &["name"],
    );
}

#[test]
fn algorithm_lists_take_plus_minus_and_caret() {
    if !is_reference_release() {
        return; // Lists that start from other defaults end in others.
    }
    let lists = [
        "Ciphers +aes256-cbc",
        "Ciphers -aes*",
        "Ciphers ^aes256-gcm@openssh.com,3des-cbc",
        "Ciphers aes128-ctr,aes256-ctr",
        "MACs -*-etm@openssh.com",
        "MACs +hmac-md5,hmac-sha1",
        "KexAlgorithms curve25519-sha256,ecdh-sha2-nistp521",
        "KexAlgorithms -ecdh*,mlkem*",
        "KexAlgorithms ^diffie-hellman-group14-sha1",
        "KexAlgorithms +diffie-hellman-group1-sha1",
        "HostKeyAlgorithms +ssh-rsa,ssh-dss",
        "HostKeyAlgorithms ssh-ed25519*,rsa-sha2-*",
        "HostKeyAlgorithms ^ssh-rsa",
        "PubkeyAcceptedAlgorithms -*nistp*",
        "PubkeyAcceptedKeyTypes +ssh-rsa*",
        "HostbasedKeyTypes ssh-rsa",
        "CASignatureAlgorithms -rsa*",
        "CASignatureAlgorithms +ssh-rsa",
    ];
    agree_all(&lists.map(|list| (list, &["host"][..])));
}

#[test]
fn each_keyword_takes_the_values_that_ssh_takes() {
    let cases: Vec<_> = lines::VALUES
        .iter()
        .map(|line| (*line, &["host"][..]))
        .collect();
    agree_all(&cases);
}

#[test]
fn any_lines_in_any_blocks_add_up_alike() {
    let is_alike = |line: &&str| !lines::UNLIKE.iter().any(|unlike| line.starts_with(unlike));
    let values = lines::VALUES.iter().copied().filter(is_alike);
    let lines: Vec<&str> = values.chain(lines::BLOCKS).collect();
    let picks = proptest::collection::vec(0..lines.len() + 3 * lines::BLOCKS.len(), 1..14);
    // Blocks are few among the lines, so each is drawn four times as often.
    let line = |at: usize| {
        lines
            .get(at)
            .unwrap_or(&lines::BLOCKS[at % lines::BLOCKS.len()])
    };
    let mut runner = TestRunner::deterministic();
    for _ in 0..150 {
        let picked = picks.new_tree(&mut runner).unwrap().current();
        let config = picked
            .into_iter()
            .map(|at| *line(at))
            .collect::<Vec<_>>()
            .join("\n");
        let user = if config.len() % 2 == 0 {
            "bob@host"
        } else {
            "host"
        };
        agree(&config, &[user]);
    }
}

#[test]
fn the_command_line_beats_the_file() {
    let config = "Port 1\nUser file\nAddressFamily inet\nForwardAgent yes\nLogLevel error\n\
                  Compression no\nLocalForward 1 a:1\nSendEnv FILE\nProxyJump file\nEscapeChar x\n";
    #[rustfmt::skip]
    let lines: &[&[&str]] = &[
        &["-p", "2", "-l", "me", "host"], &["me@host", "-l", "other"],
        &["-l", "other", "me@host"], &["-oUser=option", "-l", "flag", "host"],
        &["-l", "flag", "-o", "User option", "host"], &["-oPort=5", "-p6", "host"],
        &["-p6", "-oPort=5", "host"], &["-6", "-oAddressFamily=any", "host"],
        &["-oAddressFamily=any", "-6", "host"], &["-4", "-6", "host"],
        &["-a", "-C", "-q", "-x", "-g", "host"], &["-A", "-X", "-vv", "-n", "-e", "none", "host"],
        &["-Y", "-M", "-S", "~/sock-%p", "host"], &["-MM", "-S", "none", "host"], &["-N", "host"],
        &["-Nf", "host"], &["-s", "host", "sftp"], &["-tt", "host", "cmd"],
        &["-t", "host", "cmd", "-p", "9"], &["-T", "-t", "host", "cmd"],
        &["-t", "-T", "host", "cmd"], &["-J", "u@one,two:22", "host"], &["-J", "none", "host"],
        &["-L", "8080:h:80", "-L", "[::1]:81:h:82", "-L", "/tmp/a:/tmp/b", "host"],
        &["-L", ":8080:h:80", "-L", "*:8081:[::1]:80", "-o", "LocalForward 3 b:3", "host"],
        &["-R", "8080:h:80", "-R", "1080", "-R", "0:h:1", "-R", "b:0", "-D", "1081", "host"],
        &["-D", "localhost:1081", "-L", "8080:h:80", "-W", "h:22", "host"],
        &["-oClearAllForwardings=no", "-L", "8080:h:80", "-W", "h:22", "host"],
        &["-c", "aes128-ctr", "-m", "hmac-sha2-256", "host"],
        &["-b", "127.0.0.1", "-B", "lo", "host"],
        &["-i", "/dev/null", "-i", "/nonexistent/key", "-oIdentityFile=~/x", "-i", "/etc/passwd", "host"],
        &["-o", "SendEnv=ONE", "-o", "sendenv TWO", "-oSetEnv=A=1", "host"],
        &["ssh://u%40v@host:99/"], &["-p", "3", "-l", "x", "ssh://uri@host:99"],
        &["host", "-p", "4", "-l", "late", "cmd", "-p", "5"], &["host", "--", "cmd", "-p", "5"],
        &["--", "host", "-p", "5"], &["host", "-p", "4", "--", "-p", "5"], &["HOST.Example"],
        &["10.1"], &["::1"], &["-oHostName=other", "host"], &["-vvvvv", "host"],
        &["-fn", "host", "true"],
    ];
    let cases: Vec<_> = lines.iter().map(|line| (config, *line)).collect();
    agree_all(&cases);
}

#[test]
fn includes_are_read_in_place() {
    let dir = tempfile::tempdir().unwrap();
    let path = |name: &str| dir.path().join(name).display().to_string();
    write(dir.path(), "b.conf", "Port 2\nUser b\n");
    write(dir.path(), "a.conf", "Port 1\nHost nothing\nUser a\n");
    write(dir.path(), ".hidden.conf", "Port 3\n");
    write(
        dir.path(),
        "nested",
        &format!(
            "Match host x*\nInclude {}\nCompression yes\n",
            path("?.conf")
        ),
    );
    let config = format!(
        "Host x\nInclude {} {}\nConnectTimeout 3\nHost y\nInclude {}\nHost z\n Include \"{}\"\nBatchMode yes\n",
        path("nested"),
        path("missing*"),
        path("[!a].conf"),
        path("*.conf"),
    );
    for host in ["x", "y", "z", "w"] {
        agree(&config, &[host]);
    }
}

#[test]
fn what_ssh_refuses_is_refused() {
    #[rustfmt::skip]
    let lines = [
        "Nonsense yes", "Port", "Port 0", "Port 65536", "Port 22 23", "Port 22x", "User \"open",
        "BatchMode maybe", "Ciphers nothing", "Ciphers ", "MACs aes128-ctr",
        "HostKeyAlgorithms nothing*", "ConnectTimeout 5x", "EscapeChar abc", "IPQoS foo",
        "LocalForward 80", "LocalForward x y", "LocalForward 0 h:1", "RemoteForward 1 h:0",
        "DynamicForward x:y:z", "LogLevel loud", "RekeyLimit 15", "RekeyLimit 1Q", "Match",
        "Match host", "Match nonsense x", "Match all host x", "Match final all x", "Host",
        "Host \"\"", "SendEnv A=B", "SetEnv A", "StreamLocalBindMask 8",
        "UserKnownHostsFile a none", "CanonicalDomains none a", "CanonicalizePermittedCNAMEs a",
        "PermitRemoteOpen any a:1", "ProxyJump a:b", "ProxyJump @a", "ProxyJump a,,b",
        "RemoteCommand it's", "StrictHostKeyChecking maybe", "AddKeysToAgent yes 5m",
        "IdentityAgent ${NO_SUCH_VARIABLE_HERE}", "HostName %x", "ControlPath %x",
        "ControlPath x%", "UserKnownHostsFile ${NO_SUCH_VARIABLE_HERE}", "ConnectionAttempts 0",
        "Match exec \"%x\"", "Host other\nPort 0", "Host other\nNonsense 1", "ProxyJump host",
        "NumberOfPasswordPrompts -1", "Include \"\"", "FingerprintHash crc",
        "RemoteCommand x\nForkAfterAuthentication y",
    ];
    refuse_all(&lines.map(|line| (line, &["host"][..])));
    #[rustfmt::skip]
    let arguments: &[&[&str]] = &[
        &["-p", "0", "host"], &["-e", "abc", "host"], &["-L", "80", "host"], &["-W", "x", "host"],
        &["-c", "x", "host"], &["-J", "a", "-J", "b", "host"], &["-N", "-s", "host", "x"],
        &["-f", "host"], &["-s", "host"], &["@host"], &["ssh://host:x"], &["ssh://u@"],
        &["-oHost=x", "host"], &["-oMatch=all", "host"], &["-oInclude=x", "host"],
        &["-onothing", "host"], &["-oRemoteCommand=x", "host", "cmd"], &["-p"], &[],
        &["-Z", "host"], &["-D", "0", "host"],
    ];
    let cases: Vec<_> = arguments.iter().map(|line| ("", *line)).collect();
    refuse_all(&cases);
}
