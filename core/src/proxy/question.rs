//! A question or its answer as a large packet. PROTOCOL.md, "Our extensions".

use crate::auth::AUTH_LEN;

/// The length in bytes of an authentication packet with padding behind it: nearly as large as the smallest
/// packet that QUIC begins with (RFC 9000, section 14), and of no length that a transport is fond of.
pub(super) const WIDE_LEN: usize = 1197;

/// The packet with zeros behind it.
pub(super) fn widened(packet: &[u8; AUTH_LEN]) -> [u8; WIDE_LEN] {
    let mut wide = [0; WIDE_LEN];
    wide[..AUTH_LEN].copy_from_slice(packet);
    wide
}
