//! What the command line alone can say, and what only newer releases of ssh read.

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

#[test]
fn user_and_set_env_have_tokens_and_match_can_ask_for_the_version() {
    let house = House::new();
    house.write(
        "home/.ssh/config",
        "User %u-${COLOUR}-%n\nSetEnv PLACE=%h:%p:%r PLAIN=100%%\nPort 7\n\
         Match version OpenSSH_*\n Compression yes\n\
         Match version tssh_*\n ConnectionAttempts 3\n",
    );

    let settings = house.resolve(&["far"]).unwrap();
    assert_eq!(settings.user, "me-red-far");
    assert_eq!(settings.set_env, ["PLACE=far:7:me-red-far", "PLAIN=100%"]);
    assert_eq!(settings.tokens.remote_user, "me-red-far");
    assert_eq!(
        (settings.compression, settings.connection_attempts),
        (false, 3)
    );
    // What is typed is meant as it is.
    assert_eq!(house.resolve(&["-l", "%u", "far"]).unwrap().user, "%u");

    for (line, part) in [
        ("User %r", "User cannot be expanded"),
        ("User %C", "User cannot be expanded"),
        ("User -%n", "invalid characters"),
        ("SetEnv A=%Y", "SetEnv cannot be expanded"),
    ] {
        house.write("home/.ssh/config", line);
        let error = house.refusal(&["far"]);
        assert!(error.contains(part), "{line}: {error}");
    }
}
