//! How a terminal session stands to its client.

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    /// The client is there.
    Passing,
    /// It is away; so many more bytes of the line under way are let through at most.
    Finishing(usize),
    /// It is away, and lines are kept.
    Keeping,
    /// It is back, and a repaint is under way whose beginning nobody wants.
    Discarding,
    /// It is back, and is spared the rest of a sequence whose beginning was dropped.
    Skipping,
}
