//! What the command line alone can say.

use super::house::House;

#[test]
fn a_windows_domain_is_a_sane_user_and_an_empty_command_is_none() {
    let house = House::new();
    let settings = house.resolve(&["-l", r"DOMAIN\me", "h", ""]).unwrap();
    assert_eq!(settings.user, r"DOMAIN\me");
    assert_eq!(settings.command(), None);
    let configured = house.resolve(&["-oRemoteCommand=top", "h", ""]).unwrap();
    assert_eq!(configured.command().unwrap(), "top");
}
