//! The defaults of `ssh_config(5)`, and of the options of roaming.

use std::time::Duration;

use tssh_core::ports::PortSpec;

use super::{
    AddKeysToAgent, AddressFamily, CanonicalizeHostname, ControlMaster, ControlPersist, EscapeChar,
    FingerprintHash, ForwardAgent, IdentityFile, IpQos, LogLevel, PubkeyAuthentication, RequestTty,
    SessionType, Settings, StrictHostKeyChecking, SyslogFacility, UdpMode, UdpProxyMode, YesNoAsk,
};
use crate::ssh_config::algorithms::{CIPHERS, KEX, KEYS, MACS, SIGNATURES};
use crate::ssh_config::tokens::TokenValues;

impl Default for Settings {
    fn default() -> Self {
        let texts = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect();
        Self {
            host: String::new(),
            hostname: String::new(),
            port: 22,
            user: String::new(),
            tag: None,
            warnings: Vec::new(),

            add_keys_to_agent: AddKeysToAgent::No,
            add_keys_to_agent_lifetime: None,
            identities_only: false,
            identity_agent: None,
            identity_files: DEFAULT_IDENTITIES
                .iter()
                .map(|&path| IdentityFile {
                    path: path.to_owned(),
                    named_by_user: false,
                })
                .collect(),
            certificate_files: Vec::new(),
            preferred_authentications: None,
            pubkey_authentication: PubkeyAuthentication::Yes,
            password_authentication: true,
            kbd_interactive_authentication: true,
            kbd_interactive_devices: None,
            hostbased_authentication: false,
            enable_ssh_keysign: false,
            number_of_password_prompts: 3,
            batch_mode: false,
            security_key_provider: Some("internal".to_owned()),
            required_rsa_size: 1024,

            strict_host_key_checking: StrictHostKeyChecking::Ask,
            user_known_hosts_files: texts(&DEFAULT_USER_KNOWN_HOSTS),
            global_known_hosts_files: texts(&DEFAULT_GLOBAL_KNOWN_HOSTS),
            host_key_alias: None,
            hash_known_hosts: false,
            update_host_keys: YesNoAsk::Yes,
            update_host_keys_given: false,
            check_host_ip: false,
            verify_host_key_dns: YesNoAsk::No,
            no_host_authentication_for_localhost: false,
            revoked_host_keys: None,
            known_hosts_command: None,
            fingerprint_hash: FingerprintHash::Sha256,
            visual_host_key: false,

            ciphers: texts(CIPHERS.defaults),
            macs: texts(MACS.defaults),
            kex_algorithms: texts(KEX.defaults),
            host_key_algorithms: texts(KEYS.defaults),
            host_key_algorithms_given: false,
            host_key_order_given: false,
            pubkey_accepted_algorithms: texts(KEYS.defaults),
            hostbased_accepted_algorithms: texts(KEYS.defaults),
            ca_signature_algorithms: texts(SIGNATURES.defaults),
            compression: false,
            rekey_limit: 0,
            rekey_interval: None,

            address_family: AddressFamily::Any,
            bind_address: None,
            bind_interface: None,
            connect_timeout: None,
            connection_attempts: 1,
            tcp_keep_alive: true,
            server_alive_interval: Duration::ZERO,
            server_alive_count_max: 3,
            ip_qos_interactive: IpQos::Class(0x48),
            ip_qos_bulk: IpQos::Class(0x20),
            proxy_command: None,
            proxy_jump: None,
            proxy_use_fdpass: false,
            canonicalize_hostname: CanonicalizeHostname::No,
            canonical_domains: Vec::new(),
            canonicalize_fallback_local: true,
            canonicalize_max_dots: 1,
            canonicalize_permitted_cnames: Vec::new(),
            refuse_connection: None,

            request_tty: RequestTty::Auto,
            remote_command: None,
            command_line: None,
            session_type: SessionType::Default,
            stdin_null: false,
            fork_after_authentication: false,
            send_env: Vec::new(),
            set_env: Vec::new(),
            escape_char: EscapeChar::Char(b'~'),
            enable_escape_commandline: false,
            permit_local_command: false,
            local_command: None,

            local_forwards: Vec::new(),
            remote_forwards: Vec::new(),
            dynamic_forwards: Vec::new(),
            stdio_forward: None,
            clear_all_forwardings: false,
            exit_on_forward_failure: false,
            gateway_ports: false,
            permit_remote_open: Vec::new(),
            stream_local_bind_mask: 0o177,
            stream_local_bind_unlink: false,
            forward_agent: ForwardAgent::No,
            forward_x11: false,
            forward_x11_trusted: false,
            forward_x11_timeout: Duration::from_secs(20 * 60),
            xauth_location: "/usr/bin/xauth".to_owned(),

            control_master: ControlMaster::No,
            control_path: None,
            control_persist: ControlPersist::No,

            log_level: LogLevel::Info,
            log_verbose: Vec::new(),
            syslog_facility: SyslogFacility::User,
            ignore_unknown: None,

            udp_mode: UdpMode::Off,
            udp_proxy_mode: UdpProxyMode::Auto,
            tsshd_path: None,
            tsshd_port: PortSpec::default(),
            // A day and two minutes: a laptop that is opened at the same hour is still in time.
            udp_alive_timeout: Duration::from_secs(86520),
            udp_heartbeat_timeout: Duration::from_secs(4),
            udp_reconnect_timeout: Duration::from_secs(14),
            udp_mtu: 1400,
            show_notification_on_top: true,
            show_full_notifications: true,

            tokens: TokenValues::default(),
        }
    }
}

/// The keys that are tried when none is named, in OpenSSH's order.
const DEFAULT_IDENTITIES: [&str; 5] = [
    "~/.ssh/id_rsa",
    "~/.ssh/id_ecdsa",
    "~/.ssh/id_ecdsa_sk",
    "~/.ssh/id_ed25519",
    "~/.ssh/id_ed25519_sk",
];

pub(super) const DEFAULT_USER_KNOWN_HOSTS: [&str; 2] =
    ["~/.ssh/known_hosts", "~/.ssh/known_hosts2"];

const DEFAULT_GLOBAL_KNOWN_HOSTS: [&str; 2] =
    ["/etc/ssh/ssh_known_hosts", "/etc/ssh/ssh_known_hosts2"];
