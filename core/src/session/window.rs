//! How far a terminal's output may run ahead of the path, so that Ctrl-C does not wait behind what was written before.

use std::time::{Duration, Instant};

/// The bytes that one stream may hand to a transport beyond what the transport has sent.
///
/// A transport takes megabytes into its own queue. On a slow path they are seconds of output that nobody can take back.
/// Streams of terminals go first, so whatever the connection sends is theirs while they have something to send.
#[derive(Debug)]
pub struct Window {
    limit: u64,
    /// Written and not yet sent, as far as is known.
    waiting: u64,
    /// What the connection had sent at `looked_at`.
    sent: u64,
    looked_at: Instant,
    /// When the connection last sent something.
    sent_at: Instant,
    /// When nothing waited for sure.
    sure_at: Instant,
    /// Since when the stream pauses to be sure again.
    draining_since: Option<Instant>,
    pause: Duration,
}

impl Window {
    /// For a connection that has sent `sent` bytes so far.
    pub fn new(sent: u64, now: Instant) -> Self {
        Self {
            limit: LEAST,
            waiting: 0,
            sent,
            looked_at: now,
            sent_at: now,
            sure_at: now,
            draining_since: None,
            pause: SHORTEST,
        }
    }

    /// How many bytes may be written now.
    pub fn room(&self) -> usize {
        if self.is_draining() {
            return 0;
        }
        usize::try_from(self.limit.saturating_sub(self.waiting)).unwrap_or(usize::MAX)
    }

    /// So many bytes were written.
    pub fn handle_written(&mut self, count: usize) {
        self.waiting += count as u64;
    }

    /// The connection has sent `sent` bytes so far; `rtt` is its round trip time.
    pub fn handle_sent(&mut self, sent: u64, rtt: Duration, now: Instant) {
        let more = sent.saturating_sub(self.sent);
        let time = now.saturating_duration_since(self.looked_at);
        self.waiting = self.waiting.saturating_sub(more);
        if more > 0 {
            self.sent_at = now;
            // A path that carries much may have much waiting: it is gone as soon.
            let looks = SPAN.as_micros() / time.max(SHORTEST).as_micros();
            let wanted = u64::try_from(u128::from(more) * looks.max(1)).unwrap_or(MOST);
            self.limit = wanted.max(self.limit - self.limit / 8).clamp(LEAST, MOST);
        }
        let idle = now.saturating_duration_since(self.sent_at);
        let enough = if self.is_draining() { rtt } else { rtt * 2 };
        if idle >= enough.max(SPAN) {
            self.waiting = 0;
        }
        if self.waiting == 0 && (!self.is_draining() || idle >= enough.max(SPAN)) {
            self.sure_at = now;
        }
        self.sent = sent;
        self.looked_at = now;
        if self.is_draining() {
            // Keys and their acknowledgements are sent all the time: they are no reason to wait on.
            let since = *self.draining_since.get_or_insert(now);
            if now.saturating_duration_since(since) >= (rtt * 2).max(SPAN) {
                self.waiting = 0;
                self.sure_at = now;
            }
        }
        if !self.is_draining() {
            self.draining_since = None;
        }
        self.pause = (rtt / 16).clamp(SHORTEST, LONGEST);
    }

    /// When to look again what was sent, if there is something to write.
    pub fn poll_timeout(&self) -> Option<Instant> {
        (self.room() == 0).then(|| self.looked_at + self.pause)
    }

    /// What is sent is an estimate. Before its errors add up to something, the stream pauses until nothing is sent.
    fn is_draining(&self) -> bool {
        self.looked_at.saturating_duration_since(self.sure_at) >= UNSURE
    }
}

/// An error of one part in a hundred is by then a third of a second of output.
const UNSURE: Duration = Duration::from_secs(30);

/// Bytes that may wait on any path: 65 ms at 1 Mbit/s.
const LEAST: u64 = 8 * 1024;

/// More than any terminal's output needs at any speed.
const MOST: u64 = 4 << 20;

/// What waits may take this long to be sent, by the speed of the moment.
const SPAN: Duration = Duration::from_millis(20);

/// Between two looks: the runtime's timers know no shorter time.
const SHORTEST: Duration = Duration::from_millis(1);

/// As above: half of what may wait, so that the path never runs dry.
const LONGEST: Duration = Duration::from_millis(10);
