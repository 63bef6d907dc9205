#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| tssh_transport_kcp::fuzzing::kcp_oracle(data));
