//! How the user is told that output was dropped.

use super::kept::Dropped;

/// One line, in yellow, on a line of its own.
pub(super) fn to_screen(dropped: Dropped) -> String {
    let Dropped { lines, bytes } = dropped;
    format!(
        "\r\x1b[0;33m[tsshd dropped {lines} lines ({bytes} bytes) of output here while the client was away]\x1b[0m\x1b[K\r\n"
    )
}
