//! The keywords: OpenSSH's, the old names that it still takes, and our own.

use super::Problem;
use super::pattern::{Verdict, matches_list};

macro_rules! keywords {
    ($($name:ident,)+) => {
        /// A keyword that does something here.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub(crate) enum Keyword {
            $($name,)+
            /// Known to OpenSSH and not to this program, which the user should hear.
            Unsupported,
            /// Covered by `IgnoreUnknown`, or of no consequence here.
            Ignored,
        }

        const NAMES: &[(&str, Keyword)] = &[$((stringify!($name), Keyword::$name),)+];
    };
}

keywords! {
    AddKeysToAgent, AddressFamily, BatchMode, BindAddress, BindInterface, CASignatureAlgorithms,
    CanonicalDomains, CanonicalizeFallbackLocal, CanonicalizeHostname, CanonicalizeMaxDots,
    CanonicalizePermittedCNAMEs, CertificateFile, CheckHostIP, Ciphers, ClearAllForwardings,
    Compression, ConnectTimeout, ConnectionAttempts, ControlMaster, ControlPath, ControlPersist,
    DynamicForward, EnableEscapeCommandline, EnableSSHKeysign, EscapeChar, ExitOnForwardFailure,
    FingerprintHash, ForkAfterAuthentication, ForwardAgent, ForwardX11, ForwardX11Timeout,
    ForwardX11Trusted, GatewayPorts, GlobalKnownHostsFile, HashKnownHosts, Host, HostKeyAlgorithms,
    HostKeyAlias, HostbasedAcceptedAlgorithms, HostbasedAuthentication, Hostname, IPQoS,
    IdentitiesOnly, IdentityAgent, IdentityFile, IgnoreUnknown, Include, KbdInteractiveAuthentication,
    KbdInteractiveDevices, KexAlgorithms, KnownHostsCommand, LocalCommand, LocalForward, LogLevel,
    LogVerbose, MACs, Match, NoHostAuthenticationForLocalhost, NumberOfPasswordPrompts,
    PasswordAuthentication, PermitLocalCommand, PermitRemoteOpen, Port, PreferredAuthentications,
    ProxyCommand, ProxyJump, ProxyUseFdpass, PubkeyAcceptedAlgorithms, PubkeyAuthentication,
    RefuseConnection, RekeyLimit, RemoteCommand, RemoteForward, RequestTTY, RequiredRSASize,
    RevokedHostKeys, SecurityKeyProvider, SendEnv, ServerAliveCountMax, ServerAliveInterval,
    SessionType, SetEnv, StdinNull, StreamLocalBindMask, StreamLocalBindUnlink,
    StrictHostKeyChecking, SyslogFacility, TCPKeepAlive, Tag, UpdateHostKeys, User,
    UserKnownHostsFile, VerifyHostKeyDNS, VisualHostKey, XAuthLocation,
    ShowFullNotifications, ShowNotificationOnTop, TsshdPath, TsshdPort, UdpAliveTimeout,
    UdpHeartbeatTimeout, UdpMTU, UdpMode, UdpProxyMode, UdpReconnectTimeout,
}

/// Names under which OpenSSH still takes a keyword.
const OLD_NAMES: &[(&str, Keyword)] = &[
    (
        "challengeresponseauthentication",
        Keyword::KbdInteractiveAuthentication,
    ),
    ("dsaauthentication", Keyword::PubkeyAuthentication),
    ("hostbasedkeytypes", Keyword::HostbasedAcceptedAlgorithms),
    ("identityfile2", Keyword::IdentityFile),
    ("keepalive", Keyword::TCPKeepAlive),
    ("pubkeyacceptedkeytypes", Keyword::PubkeyAcceptedAlgorithms),
    ("skeyauthentication", Keyword::KbdInteractiveAuthentication),
    ("tisauthentication", Keyword::KbdInteractiveAuthentication),
    ("udpport", Keyword::TsshdPort),
];

/// Keywords of OpenSSH that change what a connection does, and that do nothing here.
const UNSUPPORTED: &[&str] = &[
    "pkcs11provider",
    "smartcarddevice",
    "tunnel",
    "tunneldevice",
];

/// Keywords of the past that OpenSSH passes over, and those whose absence nobody notices: another
/// method of authentication is used, or the roaming connection has its own answer.
const IGNORED: &[&str] = &[
    "afstokenpassing",
    "channeltimeout",
    "cipher",
    "compressionlevel",
    "fallbacktorsh",
    "globalknownhostsfile2",
    "gssapiauthentication",
    "gssapiclientidentity",
    "gssapidelegatecredentials",
    "gssapikexalgorithms",
    "gssapikeyexchange",
    "gssapirenewalforcesrekey",
    "gssapiserveridentity",
    "gssapitrustdns",
    "kerberosauthentication",
    "kerberostgtpassing",
    "obscurekeystroketiming",
    "protocol",
    "rhostsauthentication",
    "rhostsrsaauthentication",
    "rsaauthentication",
    "userknownhostsfile2",
    "useroaming",
    "useprivilegedport",
    "usersh",
    "versionaddendum",
    "warnweakcrypto",
];

impl Keyword {
    /// The keyword of this name, in lower case; `ignore_unknown` is a list of patterns.
    ///
    /// # Errors
    ///
    /// A name that is neither a keyword nor ignored.
    pub(super) fn parse(name: &str, ignore_unknown: Option<&str>) -> Result<Self, Problem> {
        let known = NAMES
            .iter()
            .find(|(known, _)| known.eq_ignore_ascii_case(name));
        let known = known.or_else(|| OLD_NAMES.iter().find(|(known, _)| *known == name));
        if let Some(&(_, keyword)) = known {
            return Ok(keyword);
        }
        if UNSUPPORTED.contains(&name) {
            return Ok(Self::Unsupported);
        }
        let ignored = ignore_unknown
            .is_some_and(|list| matches_list(name, &list.to_ascii_lowercase()) == Verdict::Matched);
        if ignored || IGNORED.contains(&name) {
            return Ok(Self::Ignored);
        }
        Err(Problem::BadOption(name.to_owned()))
    }

    /// Whether the keyword is this program's own, which may also stand in a `#!!` comment.
    pub(super) fn is_ours(self) -> bool {
        matches!(
            self,
            Self::ShowFullNotifications
                | Self::ShowNotificationOnTop
                | Self::TsshdPath
                | Self::TsshdPort
                | Self::UdpAliveTimeout
                | Self::UdpHeartbeatTimeout
                | Self::UdpMTU
                | Self::UdpMode
                | Self::UdpProxyMode
                | Self::UdpReconnectTimeout
        )
    }
}
