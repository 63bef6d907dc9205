//! The interfaces of this machine over which a path may be tried.

use std::net::IpAddr;

/// One interface that is up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Interface {
    /// As the system calls it.
    pub name: String,
    /// Those of its addresses that lead beyond its own link.
    pub addresses: Vec<IpAddr>,
    /// It leads to one peer alone, as a tunnel does.
    pub tunnel: bool,
}

/// Those of `all` that may be tried beside the one that the system chooses, which has the address
/// `chosen`.
///
/// Who chose a tunnel does not want to go around it: beside one there are only others of its kind. Where
/// the system chooses none that is there, as while a tunnel is set up anew, what it chose before counts:
/// `tunnel`. What goes to this machine itself goes over no other.
pub(super) fn beside(
    all: Vec<Interface>,
    chosen: Option<IpAddr>,
    tunnel: Option<bool>,
) -> Vec<Interface> {
    if chosen.is_some_and(|address| address.is_loopback()) {
        return Vec::new();
    }
    let tunnel = is_tunnel(&all, chosen).or(tunnel).unwrap_or_default();
    let has = |one: &Interface| chosen.is_some_and(|chosen| one.addresses.contains(&chosen));
    let fits = |one: &Interface| !has(one) && (one.tunnel || !tunnel);
    all.into_iter().filter(fits).collect()
}

/// Whether the one of `all` with the address `chosen` is a tunnel; `None` when there is no such one.
pub(super) fn is_tunnel(all: &[Interface], chosen: Option<IpAddr>) -> Option<bool> {
    let chosen = chosen?;
    let found = all.iter().find(|one| one.addresses.contains(&chosen));
    found.map(|one| one.tunnel)
}

/// What the system says of its interfaces; none where it says nothing.
#[cfg(unix)]
pub(super) fn of_this_machine() -> Vec<Interface> {
    use nix::net::if_::InterfaceFlags;

    let Ok(found) = nix::ifaddrs::getifaddrs() else {
        return Vec::new();
    };
    let mut all: Vec<Interface> = Vec::new();
    for entry in found {
        let flags = entry.flags;
        let usable = InterfaceFlags::IFF_UP | InterfaceFlags::IFF_RUNNING;
        if !flags.contains(usable) || flags.contains(InterfaceFlags::IFF_LOOPBACK) {
            continue;
        }
        let Some(address) = entry.address.and_then(|address| {
            let v4 = address.as_sockaddr_in().map(|v4| IpAddr::V4(v4.ip()));
            v4.or_else(|| address.as_sockaddr_in6().map(|v6| IpAddr::V6(v6.ip())))
        }) else {
            continue;
        };
        let beyond = match address {
            IpAddr::V4(v4) => !v4.is_link_local(),
            IpAddr::V6(v6) => !v6.is_unicast_link_local(),
        };
        let name = entry.interface_name;
        let known = all.iter_mut().find(|one| one.name == name);
        match known.filter(|_| beyond) {
            Some(known) => known.addresses.push(address),
            None if beyond => all.push(Interface {
                name,
                addresses: vec![address],
                tunnel: flags.contains(InterfaceFlags::IFF_POINTOPOINT),
            }),
            None => {}
        }
    }
    all
}

/// What the system says of its interfaces; none where it says nothing.
#[cfg(not(unix))]
pub(super) fn of_this_machine() -> Vec<Interface> {
    Vec::new()
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use super::{Interface, beside, of_this_machine};

    #[test]
    fn beside_the_interface_in_use_are_all_others() {
        let all = [
            one("wifi", 1, false),
            one("lte", 2, true),
            one("lan", 3, false),
        ];
        assert_eq!(
            names(beside(all.to_vec(), address(1), None)),
            ["lte", "lan"]
        );
        assert_eq!(
            names(beside(all.to_vec(), None, None)),
            ["wifi", "lte", "lan"]
        );
    }

    #[test]
    fn nothing_goes_around_a_tunnel_that_the_system_chose() {
        let all = [
            one("wifi", 1, false),
            one("vpn", 2, true),
            one("lte", 3, true),
        ];
        assert_eq!(
            names(beside(all.to_vec(), address(2), Some(false))),
            ["lte"]
        );
    }

    #[test]
    fn nothing_goes_around_a_tunnel_that_is_set_up_anew() {
        let all = [one("wifi", 1, false), one("lte", 3, true)];
        for gone in [None, address(2)] {
            assert_eq!(names(beside(all.to_vec(), gone, Some(true))), ["lte"]);
            assert_eq!(
                names(beside(all.to_vec(), gone, Some(false))),
                ["wifi", "lte"]
            );
        }
    }

    #[test]
    fn what_goes_to_this_machine_itself_goes_over_no_interface() {
        let all = vec![one("wifi", 1, false)];
        let here = Some(IpAddr::from([127, 0, 0, 1]));
        assert_eq!(names(beside(all, here, None)), [""; 0]);
    }

    #[test]
    fn no_interface_of_this_machine_is_its_loopback() {
        for one in of_this_machine() {
            assert_ne!(one.name, "lo");
            assert!(one.addresses.iter().all(|address| !address.is_loopback()));
        }
    }

    fn one(name: &str, address: u8, tunnel: bool) -> Interface {
        Interface {
            name: name.to_owned(),
            addresses: vec![IpAddr::from([10, 0, 0, address])],
            tunnel,
        }
    }

    fn address(number: u8) -> Option<IpAddr> {
        Some(IpAddr::from([10, 0, 0, number]))
    }

    fn names(interfaces: Vec<Interface>) -> Vec<String> {
        interfaces.into_iter().map(|one| one.name).collect()
    }
}
