//! Lines of configuration files.

/// Keywords with values that ssh takes.
#[rustfmt::skip]
pub(crate) const VALUES: &[&str] = &[
    "AddKeysToAgent yes", "AddKeysToAgent confirm 5m", "AddKeysToAgent 1h",
    "AddKeysToAgent ask", "AddressFamily inet6", "BatchMode TRUE", "BindAddress 127.0.0.1",
    "BindInterface lo", "ChallengeResponseAuthentication no", "CheckHostIP yes",
    "ClearAllForwardings yes", "Compression yes", "ConnectTimeout 1m30s",
    "ConnectTimeout none", "ConnectionAttempts 3", "ControlMaster auto",
    "ControlMaster autoask", "ControlPath ~/cm-%C", "ControlPath none",
    "ControlPath /tmp/%L-%l-%n-%p-%r-%u-%i-%k", "ControlPath ${HOME}/%%x",
    "ControlPersist 10m", "ControlPersist yes", "ControlPersist 0", "EnableSSHKeysign yes",
    "EscapeChar none", "EscapeChar ^]", "EscapeChar %", "EscapeChar \\\\",
    "ExitOnForwardFailure yes", "FingerprintHash md5", "FingerprintHash sha256",
    "ForwardAgent yes", "ForwardAgent /tmp", "ForwardX11 yes", "ForwardX11Timeout 1w",
    "ForwardX11Trusted yes", "GatewayPorts yes", "GlobalKnownHostsFile /a /b",
    "GlobalKnownHostsFile none", "HashKnownHosts yes", "HostKeyAlias Alias",
    "HostbasedAuthentication yes", "HostName 127.1", "HostName ::0001", "HostName %h.%h%%",
    "HostName UPPER.Case", "IPQoS ef", "IPQoS 0x10 none", "IPQoS cs1 le", "IPQoS 7 33",
    "IdentitiesOnly yes", "IdentityAgent none", "IdentityAgent SSH_AUTH_SOCK",
    "IdentityAgent ~/agent-%r", "IdentityAgent $HOME", "IgnoreUnknown Foo*\nFooBar 1 2 3",
    "KbdInteractiveAuthentication no", "KbdInteractiveDevices pam", "KeepAlive no",
    "KnownHostsCommand /bin/echo %H \"x\"", "LocalCommand none", "LogLevel DEBUG",
    "LogLevel debug3", "LogLevel quiet", "NoHostAuthenticationForLocalhost yes",
    "NumberOfPasswordPrompts 1", "PasswordAuthentication no", "PermitLocalCommand yes",
    "PermitRemoteOpen none", "PermitRemoteOpen a:1 [::1]:*", "Protocol 2", "ProxyJump none",
    "ProxyJump a", "ProxyJump u@a:22,b,ssh://c@d:44 # comment", "ProxyJump 10.0.0.1",
    "ProxyJump [::1]:23", "ProxyCommand none", "ProxyCommand nc %h %p\nProxyJump a",
    "ProxyJump a\nProxyCommand nc %h %p",
    "ProxyJump none\nProxyCommand nc", "ProxyJump none\nProxyJump a",
    "ProxyCommand none\nProxyJump a", "ProxyCommand none\nProxyCommand nc",
    "Match final\nCanonicalizeHostname yes", "AddressFamily inet6\nHostName 10.1",
    "IdentityAgent ~", "ProxyUseFdpass yes",
    "ProxyUseFdpass yes\nProxyJump a", "PubkeyAuthentication unbound",
    "PubkeyAuthentication no", "RekeyLimit 1G 1h", "RekeyLimit default none",
    "RekeyLimit 512K\nRekeyLimit 1M 2h", "RemoteCommand echo %h '%n'", "RemoteCommand none",
    "RemoteForward 0 localhost:1", "RemoteForward [::1]:7 [::2]:8", "RemoteForward *:7 h:8",
    "RemoteForward /tmp/%h.sock localhost:80", "RemoteForward 80 /tmp/${HOME}",
    "RequestTTY force", "RequestTTY no", "RequiredRSASize 2048", "RevokedHostKeys ~/revoked",
    "SecurityKeyProvider /lib/x.so", "ServerAliveCountMax 0", "ServerAliveInterval 2m",
    "SessionType none", "StdinNull yes", "StreamLocalBindMask 0077",
    "StreamLocalBindUnlink yes", "StrictHostKeyChecking accept-new",
    "StrictHostKeyChecking off", "StrictHostKeyChecking yes", "SyslogFacility LOCAL3",
    "TCPKeepAlive no", "UpdateHostKeys no", "UpdateHostKeys ask",
    "UpdateHostKeys ask\nRemoteCommand x", "UserKnownHostsFile none",
    "UserKnownHostsFile ~/.ssh/known_hosts", "VerifyHostKeyDNS ask", "VisualHostKey yes",
    "XAuthLocation /x/xauth", "CanonicalizeFallbackLocal no", "EnableEscapeCommandline yes",
    "ForkAfterAuthentication yes\nRemoteCommand x",
];

/// Starts of lines that mean something else here as soon as others stand beside them.
///
/// - ssh takes `SyslogFacility` and `StreamLocalBindMask` from blocks that do not apply;
/// - it lets a value follow `ConnectTimeout none`, and a path follow `ForwardAgent yes`;
/// - before release 9.6 its `%C` leaves the jump host out.
pub(crate) const UNLIKE: [&str; 5] = [
    "SyslogFacility",
    "StreamLocalBindMask",
    "ConnectTimeout none",
    "ForwardAgent /",
    "ControlPath ~/cm-%C",
];

/// Blocks, and lines that blocks depend on.
#[rustfmt::skip]
pub(crate) const BLOCKS: [&str; 32] = [
    "Host *", "Host h*", "Host !host *", "Host a b", "Host host", "Host *.example", "Match all",
    "Match final all", "Match host host", "Match host *.example", "Match user bob",
    "Match !user bob", "Match originalhost ho*,!x", "Match canonical all", "Match !final host h*",
    "Match exec \"test %h-%r-%p = host-bob-22\"", "Match !exec false user b*", "HostName %h.example",
    "User bob", "Port 2200", "IdentityFile ~/x", "IdentityFile \"%d/y z\"", "CertificateFile z",
    "SendEnv A B", "SendEnv -A*", "LocalForward 1 a:1", "LocalForward 2 /tmp/x\nDynamicForward 99",
    "CanonicalizeHostname yes\nCanonicalDomains a.invalid", "SetEnv A=1 B=2", "Ciphers +aes128-cbc",
    "KexAlgorithms -curve*", "# comment",
];
