//! What a peer does that means nothing. It is ignored, and told once for each connection: a peer that does it all
//! day must not fill a log.

/// What was told already.
#[derive(Debug, Default)]
pub(crate) struct Oddities {
    told: u16,
}

/// One kind of nonsense.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Oddity {
    BeyondWindow,
    FinKind,
    NoPacket,
    OpenedTwice,
    ReadTooMuch,
    TooManyStreams,
    UnsentAcked,
    WindowTooLarge,
}

impl Oddities {
    /// Tells of it, the first time.
    pub(crate) fn tell(&mut self, oddity: Oddity) {
        let bit = 1 << oddity as u16;
        if self.told & bit == 0 {
            self.told |= bit;
            tracing::debug!(
                what = oddity.words(),
                "the peer does what means nothing: it is ignored, and told once"
            );
        }
    }
}

impl Oddity {
    fn words(self) -> &'static str {
        match self {
            Self::BeyondWindow => "a segment beyond the window",
            Self::FinKind => "an end of an unknown kind",
            Self::NoPacket => "a packet that is none, or a copy with the number of an original",
            Self::OpenedTwice => "a stream opened again while it is open",
            Self::ReadTooMuch => "more bytes read than were sent",
            Self::TooManyStreams => "more streams than there is room for",
            Self::UnsentAcked => "an acknowledgement of what was never sent",
            Self::WindowTooLarge => "a window larger than two counters can tell",
        }
    }
}
