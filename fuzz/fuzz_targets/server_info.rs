#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| tssh_core::fuzzing::server_info(data));
