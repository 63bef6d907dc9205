#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| tssh_client::ssh_config::fuzzing::ssh_config(data));
