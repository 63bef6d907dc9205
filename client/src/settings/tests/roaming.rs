//! The options of roaming.

use std::time::Duration;

use super::house::House;
use crate::settings::{Settings, UdpMode, UdpProxyMode};

#[test]
fn the_comment_options_and_their_plain_spelling_mean_the_same() {
    let options = [
        "UdpMode KCP",
        "TsshdPath ~/bin/tsshd",
        "TsshdPort 6022,8010-8020",
        "UdpAliveTimeout 1h",
        "UdpHeartbeatTimeout 5",
        "UdpReconnectTimeout 20",
        "ShowNotificationOnTop No",
        "ShowFullNotifications no",
        "UdpProxyMode TCP",
        "UdpMTU 1280",
    ];
    let plain = options.map(|line| format!("  {line}\n")).concat();
    let comments = options.map(|line| format!("  #!! {line}\n")).concat();
    let house = House::new();
    house.write(
        "home/.ssh/config",
        &format!("Host plain\n{plain}Host comment\n{comments}"),
    );

    for host in ["plain", "comment"] {
        let found = house.resolve(&[host]).unwrap();
        let expected = Settings {
            udp_mode: UdpMode::Kcp,
            tsshd_path: Some("~/bin/tsshd".to_owned()),
            tsshd_port: "6022,8010-8020".parse().unwrap(),
            udp_alive_timeout: Duration::from_secs(3600),
            udp_heartbeat_timeout: Duration::from_secs(5),
            udp_reconnect_timeout: Duration::from_secs(20),
            show_notification_on_top: false,
            show_full_notifications: false,
            udp_proxy_mode: UdpProxyMode::Tcp,
            udp_mtu: 1280,
            ..found.clone()
        };
        assert_eq!(found, expected, "{host}");
    }
    assert_eq!(house.resolve(&["neither"]).unwrap().udp_mode, UdpMode::Off);
}

#[test]
fn what_other_programs_keep_in_comments_is_passed_over() {
    let house = House::new();
    house.write(
        "home/.ssh/config",
        "#!! EnableTrzsz no\n#!! encPassword ' \"\n#!! Port 99\n#!!\n#!!UdpMode Yes\n# UdpMode KCP\n",
    );

    let settings = house.resolve(&["h"]).unwrap();
    assert_eq!((settings.port, settings.udp_mode), (22, UdpMode::Quic));
}

#[test]
fn the_flags_of_roaming_beat_the_configuration() {
    let house = House::new();
    house.write("home/.ssh/config", "UdpMode KCP\nTsshdPort 1\n");
    let mode = |flag: &str| house.resolve(&[flag, "h"]).unwrap().udp_mode;

    assert_eq!(["--udp", "--quic"].map(mode), [UdpMode::Quic; 2]);
    assert_eq!(
        (mode("--kcp"), mode("--tcp"), mode("-n")),
        (UdpMode::Kcp, UdpMode::Off, UdpMode::Kcp)
    );
    let settings = house
        .resolve(&["--tsshd-port", "5-6", "--tsshd-path", "/x y", "h"])
        .unwrap();
    assert_eq!(settings.tsshd_port.to_string(), "5-6");
    assert_eq!(settings.tsshd_path.as_deref(), Some("/x y"));
}
