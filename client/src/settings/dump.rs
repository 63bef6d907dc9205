//! What `tssh -G` prints: the keys of `ssh -G`, in its order, then the options of roaming.

use std::fmt::Write;
use std::time::Duration;

use super::{AddKeysToAgent, ControlPersist, EscapeChar, ForwardAgent, IpQos, Settings};
use crate::ssh_config::IP_QOS;

impl Settings {
    /// One `keyword value` line for each setting, as `ssh -G` prints them.
    ///
    /// What is not supported here (GSSAPI, tunnels, PKCS#11) is left out.
    pub fn dump(&self) -> String {
        let mut out = Dump(String::new());
        self.dump_words(&mut out);
        self.dump_texts(&mut out);
        self.dump_lists(&mut out);
        self.dump_special(&mut out);
        self.dump_roaming(&mut out);
        out.0
    }

    fn dump_words(&self, out: &mut Dump) {
        out.text("host", &self.host);
        out.text("user", &self.user);
        out.text("hostname", &self.hostname);
        out.number("port", self.port);
        out.text("addressfamily", self.address_family.word());
        out.flag("batchmode", self.batch_mode);
        out.flag(
            "canonicalizefallbacklocal",
            self.canonicalize_fallback_local,
        );
        out.text("canonicalizehostname", self.canonicalize_hostname.word());
        out.flag("checkhostip", self.check_host_ip);
        out.flag("compression", self.compression);
        out.text("controlmaster", self.control_master.word());
        out.flag("enablesshkeysign", self.enable_ssh_keysign);
        out.flag("clearallforwardings", self.clear_all_forwardings);
        out.flag("exitonforwardfailure", self.exit_on_forward_failure);
        out.text("fingerprinthash", self.fingerprint_hash.word());
        out.flag("forwardx11", self.forward_x11);
        out.flag("forwardx11trusted", self.forward_x11_trusted);
        out.flag("gatewayports", self.gateway_ports);
        out.flag("hashknownhosts", self.hash_known_hosts);
        out.flag("hostbasedauthentication", self.hostbased_authentication);
        out.flag("identitiesonly", self.identities_only);
        out.flag(
            "kbdinteractiveauthentication",
            self.kbd_interactive_authentication,
        );
        out.flag(
            "nohostauthenticationforlocalhost",
            self.no_host_authentication_for_localhost,
        );
        out.flag("passwordauthentication", self.password_authentication);
        out.flag("permitlocalcommand", self.permit_local_command);
        out.flag("proxyusefdpass", self.proxy_use_fdpass);
        out.text("pubkeyauthentication", self.pubkey_authentication.word());
        out.text("requesttty", self.request_tty.word());
        out.text("sessiontype", self.session_type.word());
        out.flag("stdinnull", self.stdin_null);
        out.flag("forkafterauthentication", self.fork_after_authentication);
        out.flag("streamlocalbindunlink", self.stream_local_bind_unlink);
        out.text(
            "stricthostkeychecking",
            self.strict_host_key_checking.word(),
        );
        out.flag("tcpkeepalive", self.tcp_keep_alive);
        out.text("verifyhostkeydns", self.verify_host_key_dns.word());
        out.flag("visualhostkey", self.visual_host_key);
        out.text("updatehostkeys", self.update_host_keys.word());
        out.flag("enableescapecommandline", self.enable_escape_commandline);
        out.number("canonicalizemaxdots", self.canonicalize_max_dots);
        out.number("connectionattempts", self.connection_attempts);
        out.seconds("forwardx11timeout", self.forward_x11_timeout);
        out.number("numberofpasswordprompts", self.number_of_password_prompts);
        out.number("serveralivecountmax", self.server_alive_count_max);
        out.seconds("serveraliveinterval", self.server_alive_interval);
        out.number("requiredrsasize", self.required_rsa_size);
    }

    fn dump_texts(&self, out: &mut Dump) {
        out.optional("bindaddress", self.bind_address.as_deref());
        out.optional("bindinterface", self.bind_interface.as_deref());
        out.text("ciphers", &self.ciphers.join(","));
        out.optional("controlpath", self.control_path.as_deref());
        out.text("hostkeyalgorithms", &self.host_key_algorithms.join(","));
        out.optional("hostkeyalias", self.host_key_alias.as_deref());
        let hostbased = self.hostbased_accepted_algorithms.join(",");
        out.text("hostbasedacceptedalgorithms", &hostbased);
        out.optional("identityagent", self.identity_agent.as_deref());
        out.optional("ignoreunknown", self.ignore_unknown.as_deref());
        out.optional(
            "kbdinteractivedevices",
            self.kbd_interactive_devices.as_deref(),
        );
        out.text("kexalgorithms", &self.kex_algorithms.join(","));
        out.text(
            "casignaturealgorithms",
            &self.ca_signature_algorithms.join(","),
        );
        out.optional("localcommand", self.local_command.as_deref());
        out.optional("remotecommand", self.remote_command.as_deref());
        out.text("loglevel", self.log_level.word());
        out.text("macs", &self.macs.join(","));
        out.optional("securitykeyprovider", self.security_key_provider.as_deref());
        out.optional(
            "preferredauthentications",
            self.preferred_authentications.as_deref(),
        );
        out.text(
            "pubkeyacceptedalgorithms",
            &self.pubkey_accepted_algorithms.join(","),
        );
        out.optional("revokedhostkeys", self.revoked_host_keys.as_deref());
        out.text("xauthlocation", &self.xauth_location);
        out.optional("knownhostscommand", self.known_hosts_command.as_deref());
        out.optional("tag", self.tag.as_deref());
    }

    fn dump_lists(&self, out: &mut Dump) {
        for listener in &self.dynamic_forwards {
            out.text("dynamicforward", &listener.to_string());
        }
        for forward in &self.local_forwards {
            out.text(
                "localforward",
                &format!("{} {}", forward.listener, forward.target),
            );
        }
        for forward in &self.remote_forwards {
            out.text(
                "remoteforward",
                &format!("{} {}", forward.listener, forward.target),
            );
        }
        for file in &self.identity_files {
            out.text("identityfile", &file.path);
        }
        out.list("canonicaldomains", &self.canonical_domains);
        for file in &self.certificate_files {
            out.text("certificatefile", file);
        }
        out.list("globalknownhostsfile", &self.global_known_hosts_files);
        out.list("userknownhostsfile", &self.user_known_hosts_files);
        for pattern in &self.send_env {
            out.text("sendenv", pattern);
        }
        for variable in &self.set_env {
            out.text("setenv", variable);
        }
        out.list("logverbose", &self.log_verbose);
        let anywhere = ["any".to_owned()];
        let places = &self.permit_remote_open;
        out.list(
            "permitremoteopen",
            if places.is_empty() { &anywhere } else { places },
        );
    }

    fn dump_special(&self, out: &mut Dump) {
        let lifetime = self
            .add_keys_to_agent_lifetime
            .filter(|lifetime| !lifetime.is_zero());
        match (self.add_keys_to_agent, lifetime) {
            (choice, None) => out.text("addkeystoagent", choice.word()),
            (AddKeysToAgent::Confirm, Some(lifetime)) => {
                out.text("addkeystoagent", &format!("confirm {}", lifetime.as_secs()));
            }
            (_, Some(lifetime)) => out.seconds("addkeystoagent", lifetime),
        }
        match &self.forward_agent {
            ForwardAgent::No => out.flag("forwardagent", false),
            ForwardAgent::Yes => out.flag("forwardagent", true),
            ForwardAgent::Socket(path) => out.text("forwardagent", path),
        }
        match self.connect_timeout {
            Some(timeout) => out.seconds("connecttimeout", timeout),
            None => out.text("connecttimeout", "none"),
        }
        let rules = self.canonicalize_permitted_cnames.iter();
        let rules: Vec<_> = rules.map(|(from, to)| format!("{from}:{to}")).collect();
        // ssh prints this one with a capital.
        out.list("canonicalizePermittedcnames", &rules);
        match self.control_persist {
            ControlPersist::No => out.flag("controlpersist", false),
            ControlPersist::Forever => out.flag("controlpersist", true),
            ControlPersist::Idle(idle) => out.seconds("controlpersist", idle),
        }
        match self.escape_char {
            EscapeChar::None => out.text("escapechar", "none"),
            EscapeChar::Char(byte) => out.text("escapechar", &visible(byte)),
        }
        let classes = [self.ip_qos_interactive, self.ip_qos_bulk].map(class_name);
        out.text("ipqos", &classes.join(" "));
        let interval = self.rekey_interval.unwrap_or_default().as_secs();
        out.text("rekeylimit", &format!("{} {interval}", self.rekey_limit));
        out.text(
            "streamlocalbindmask",
            &format!("0{:o}", self.stream_local_bind_mask),
        );
        out.text("syslogfacility", self.syslog_facility.word());
        match &self.proxy_jump {
            Some(jump) => out.text("proxyjump", &jump.to_string()),
            None => out.optional("proxycommand", self.proxy_command.as_deref()),
        }
    }

    fn dump_roaming(&self, out: &mut Dump) {
        out.text("udpmode", self.udp_mode.word());
        out.text("udpproxymode", self.udp_proxy_mode.word());
        out.optional("tsshdpath", self.tsshd_path.as_deref());
        out.text("tsshdport", &self.tsshd_port.to_string());
        out.seconds("udpalivetimeout", self.udp_alive_timeout);
        out.seconds("udpheartbeattimeout", self.udp_heartbeat_timeout);
        out.seconds("udpreconnecttimeout", self.udp_reconnect_timeout);
        out.number("udpmtu", self.udp_mtu);
        out.flag("shownotificationontop", self.show_notification_on_top);
        out.flag("showfullnotifications", self.show_full_notifications);
    }
}

struct Dump(String);

impl Dump {
    fn text(&mut self, key: &str, value: &str) {
        self.0.extend([key, " ", value, "\n"]);
    }

    fn optional(&mut self, key: &str, value: Option<&str>) {
        if let Some(value) = value {
            self.text(key, value);
        }
    }

    fn flag(&mut self, key: &str, value: bool) {
        self.text(key, if value { "yes" } else { "no" });
    }

    fn number(&mut self, key: &str, value: impl Into<u64>) {
        self.text(key, &value.into().to_string());
    }

    fn seconds(&mut self, key: &str, value: Duration) {
        self.number(key, value.as_secs());
    }

    fn list(&mut self, key: &str, values: &[String]) {
        let joined = values.join(" ");
        self.text(key, if values.is_empty() { "none" } else { &joined });
    }
}

/// As vis(3) shows a byte.
fn visible(byte: u8) -> String {
    match byte {
        b'\\' => "\\\\".to_owned(),
        0x21..=0x7e => char::from(byte).to_string(),
        0x20 => "\\040".to_owned(),
        0x7f => "\\^?".to_owned(),
        0..=0x1f => format!("\\^{}", char::from(byte + 64)),
        _ => {
            let mut text = String::from("\\M");
            let low = byte & 0x7f;
            let form = match low {
                0x7f => write!(text, "^?"),
                0..=0x1f => write!(text, "^{}", char::from(low + 64)),
                _ => write!(text, "-{}", char::from(low)),
            };
            form.expect("writing to a string cannot fail");
            text
        }
    }
}

fn class_name(class: IpQos) -> String {
    match class {
        IpQos::None => "none".to_owned(),
        IpQos::Class(value) => match IP_QOS.iter().find(|(_, known)| *known == value) {
            Some((name, _)) => (*name).to_owned(),
            None => format!("0x{value:02x}"),
        },
    }
}
