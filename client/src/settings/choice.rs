//! The settings that are one word out of a few.

/// A setting that is one word out of a few.
pub(crate) trait Choice: Sized {
    /// The words, for an error message.
    const WANTED: &'static str;

    /// `None` when the word is none of them.
    fn parse(word: &str) -> Option<Self>;
}

macro_rules! choice {
    (
        $(#[$meta:meta])*
        $name:ident {
            $($(#[$variant_meta:meta])* $variant:ident = $word:literal $(| $other:literal)*,)+
        }
    ) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum $name {
            $($(#[$variant_meta])* $variant,)+
        }

        impl $name {
            /// Parses a word, whatever its case; `None` when it is none of the choices.
            pub fn parse(word: &str) -> Option<Self> {
                $(if [$word $(, $other)*].iter().any(|known| known.eq_ignore_ascii_case(word)) {
                    return Some(Self::$variant);
                })+
                None
            }

            /// The word for it that `ssh -G` prints.
            pub fn word(self) -> &'static str {
                match self {
                    $(Self::$variant => $word,)+
                }
            }
        }

        impl Choice for $name {
            const WANTED: &'static str = concat!("one of" $(, " ", $word $(, " ", $other)*)+);

            fn parse(word: &str) -> Option<Self> {
                Self::parse(word)
            }
        }
    };
}

choice! {
    /// `AddKeysToAgent`: what happens to a key once it was decrypted.
    AddKeysToAgent {
        /// It stays in this process.
        No = "false" | "no",
        /// The agent gets it.
        Yes = "true" | "yes",
        /// The agent gets it if the user agrees.
        Ask = "ask",
        /// The agent gets it and asks the user at each use.
        Confirm = "confirm",
    }
}

choice! {
    /// `AddressFamily`: which addresses are used.
    AddressFamily {
        /// Both kinds.
        Any = "any",
        /// IPv4 only.
        Inet = "inet",
        /// IPv6 only.
        Inet6 = "inet6",
    }
}

choice! {
    /// `CanonicalizeHostname`: whether short names get a domain from `CanonicalDomains`.
    CanonicalizeHostname {
        /// Never.
        No = "false" | "no",
        /// When no proxy is in the way.
        Yes = "true" | "yes",
        /// Through a proxy too.
        Always = "always",
    }
}

choice! {
    /// `ControlMaster`: whether other processes may share this connection.
    ControlMaster {
        /// They may not; an existing master is used.
        No = "false" | "no",
        /// They may.
        Yes = "true" | "yes",
        /// An existing master is used, or this process becomes one.
        Auto = "auto",
        /// They may if the user agrees each time.
        Ask = "ask",
        /// As `Auto`, and the user is asked.
        AutoAsk = "autoask",
    }
}

choice! {
    /// `FingerprintHash`: how fingerprints of keys are shown.
    FingerprintHash {
        /// SHA-256, in base64.
        Sha256 = "SHA256",
        /// MD5, in hexadecimal.
        Md5 = "MD5",
    }
}

choice! {
    /// `LogLevel`: how much is said on standard error.
    LogLevel {
        /// Nothing.
        Quiet = "SILENT" | "QUIET",
        /// What ends the program.
        Fatal = "FATAL",
        /// What went wrong.
        Error = "ERROR",
        /// What a user wants to know.
        Info = "INFO",
        /// Each step.
        Verbose = "VERBOSE",
        /// Decisions.
        Debug1 = "DEBUG" | "DEBUG1",
        /// Messages.
        Debug2 = "DEBUG2",
        /// Packets.
        Debug3 = "DEBUG3",
    }
}

choice! {
    /// `PubkeyAuthentication`: whether keys are offered, and with which binding.
    PubkeyAuthentication {
        /// Keys are offered, with whatever binding the server can.
        Yes = "true" | "yes",
        /// No key is offered.
        No = "false" | "no",
        /// Keys are offered without binding to the host key.
        Unbound = "unbound",
        /// Keys are offered with the host-bound extension.
        HostBound = "host-bound",
    }
}

choice! {
    /// `RequestTTY`: whether the server is asked for a terminal.
    RequestTty {
        /// For a shell, when standard input is a terminal.
        Auto = "auto",
        /// Never.
        No = "false" | "no",
        /// When standard input is a terminal.
        Yes = "true" | "yes",
        /// Always.
        Force = "force",
    }
}

choice! {
    /// `SessionType`: what is asked of the server.
    SessionType {
        /// No session at all, only forwards.
        None = "none",
        /// The subsystem that the command names.
        Subsystem = "subsystem",
        /// A shell or the command.
        Default = "default",
    }
}

choice! {
    /// `StrictHostKeyChecking`: what happens at a host key that is not known.
    StrictHostKeyChecking {
        /// Unknown and changed keys are refused.
        Yes = "true" | "yes",
        /// Unknown and changed keys are accepted.
        Off = "false" | "no" | "off",
        /// The user is asked about unknown keys; changed ones are refused.
        Ask = "ask",
        /// Unknown keys are accepted; changed ones are refused.
        AcceptNew = "accept-new",
    }
}

choice! {
    /// `UpdateHostKeys` and `VerifyHostKeyDNS`: yes, no, or the user decides.
    YesNoAsk {
        /// Yes.
        Yes = "true" | "yes",
        /// No.
        No = "false" | "no",
        /// The user is asked.
        Ask = "ask",
    }
}

choice! {
    /// `SyslogFacility`: the facility of messages in the system's log.
    SyslogFacility {
        /// Daemons.
        Daemon = "DAEMON",
        /// Users' programs.
        User = "USER",
        /// Authentication.
        Auth = "AUTH",
        /// Private authentication messages.
        AuthPriv = "AUTHPRIV",
        /// Local use 0.
        Local0 = "LOCAL0",
        /// Local use 1.
        Local1 = "LOCAL1",
        /// Local use 2.
        Local2 = "LOCAL2",
        /// Local use 3.
        Local3 = "LOCAL3",
        /// Local use 4.
        Local4 = "LOCAL4",
        /// Local use 5.
        Local5 = "LOCAL5",
        /// Local use 6.
        Local6 = "LOCAL6",
        /// Local use 7.
        Local7 = "LOCAL7",
    }
}

choice! {
    /// `UdpMode`: what carries the session after the login.
    UdpMode {
        /// The SSH connection itself.
        Off = "no",
        /// QUIC.
        Quic = "quic" | "yes",
        /// KCP.
        Kcp = "kcp",
    }
}

choice! {
    /// `UdpProxyMode`: what carries the packets of QUIC and KCP.
    UdpProxyMode {
        /// UDP, and TCP where the server can and UDP is blocked.
        Auto = "auto",
        /// UDP only.
        Udp = "udp",
        /// TCP only.
        Tcp = "tcp",
    }
}
