#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| tssh_server::settings::fuzzing::sshd_config(data));
