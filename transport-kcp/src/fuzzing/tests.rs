//! Every body over random inputs, so that none rots while nobody fuzzes.

use proptest::collection::vec;
use proptest::prelude::{ProptestConfig, any, proptest};

use super::{fec, kcp, kcp_oracle, keys, session, smux};

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn the_body_of_fec_holds_for_any_bytes(data in vec(any::<u8>(), 0..1000)) {
        fec(&data);
    }

    #[test]
    fn the_body_of_keys_holds_for_any_bytes(data in vec(any::<u8>(), 0..1000)) {
        keys(&data);
    }

    #[test]
    fn the_body_of_kcp_holds_for_any_bytes(data in vec(any::<u8>(), 0..2000)) {
        kcp(&data);
    }

    #[test]
    fn the_body_of_kcp_oracle_holds_for_any_bytes(data in vec(any::<u8>(), 0..600)) {
        kcp_oracle(&data);
    }

    #[test]
    fn the_body_of_session_holds_for_any_bytes(data in vec(any::<u8>(), 0..2000)) {
        session(&data);
    }

    #[test]
    fn the_body_of_smux_holds_for_any_bytes(data in vec(any::<u8>(), 0..2000)) {
        smux(&data);
    }
}
