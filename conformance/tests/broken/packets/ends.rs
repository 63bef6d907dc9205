//! Streams over messages: what the handles of a connection and its task have in common.

use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::Notify;
use tssh_core::transport::{ErrorKind, Priority, ReadHalf, Stream, TransportError, WriteHalf};

use super::Flaw;
use super::line::{LARGEST_MESSAGE, Line};

pub(super) struct Shared {
    state: Mutex<State>,
    /// Something came, or ended.
    news: Notify,
    driver: Mutex<Option<Waker>>,
}

pub(super) struct State {
    flaw: Flaw,
    pub(super) line: Line,
    /// The peer was heard.
    pub(super) greeted: bool,
    /// Streams that nobody has accepted.
    pub(super) arrived: VecDeque<u32>,
    streams: BTreeMap<u32, Pair>,
    next: u32,
    /// Words about the whole connection.
    words: VecDeque<Vec<u8>>,
    ended: Option<ErrorKind>,
}

/// Both directions of a stream.
#[derive(Default)]
struct Pair {
    heard: VecDeque<u8>,
    /// How the peer's direction ended.
    over: Option<u8>,
    reader: Option<Waker>,
    to_send: VecDeque<u8>,
    /// How this side's direction is to end, and whether the peer was told.
    ending: Option<(u8, bool)>,
    /// This side has stopped reading, and has not told the peer.
    stopping: bool,
    stopped: bool,
    writer: Option<Waker>,
    urgent: bool,
}

impl Shared {
    pub(super) fn new(flaw: Flaw) -> Self {
        let state = State {
            flaw,
            line: Line::new(flaw),
            greeted: false,
            arrived: VecDeque::new(),
            streams: BTreeMap::new(),
            next: 0,
            words: VecDeque::new(),
            ended: None,
        };
        Self {
            state: Mutex::new(state),
            news: Notify::new(),
            driver: Mutex::default(),
        }
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) async fn wait_for<T>(&self, mut find: impl FnMut(&mut State) -> Option<T>) -> T {
        loop {
            let news = self.news.notified();
            if let Some(found) = find(&mut self.lock()) {
                return found;
            }
            news.await;
        }
    }

    pub(super) fn tell(&self) {
        self.news.notify_waiters();
    }

    pub(super) fn set_driver(&self, waker: &Waker) {
        *self.driver.lock().unwrap() = Some(waker.clone());
    }

    fn wake_driver(&self) {
        if let Some(driver) = &*self.driver.lock().unwrap() {
            driver.wake_by_ref();
        }
    }

    pub(super) fn say_hello(&self) {
        self.lock().words.push_back(vec![HELLO]);
        self.wake_driver();
    }

    pub(super) fn say_goodbye(&self) {
        self.lock().words.push_back(vec![GOODBYE]);
        self.wake_driver();
    }

    pub(super) fn open(&self) -> Result<u32, TransportError> {
        let mut state = self.lock();
        if let Some(end) = state.end() {
            return Err(end);
        }
        state.next += 1;
        let id = state.next;
        state.streams.insert(id, Pair::default());
        Ok(id)
    }

    pub(super) fn rtt(&self) -> Option<Duration> {
        self.lock().line.rtt()
    }

    pub(super) fn end(&self, kind: ErrorKind) {
        let mut state = self.lock();
        state.ended.get_or_insert(kind);
        state.wake_all();
        drop(state);
        self.tell();
        self.wake_driver();
    }
}

impl State {
    pub(super) fn end(&self) -> Option<TransportError> {
        let kind = self.ended?;
        Some(TransportError::new(kind, "the connection has ended"))
    }

    /// Nothing is under way, or ever will be.
    pub(super) fn all_arrived(&self) -> bool {
        self.ended.is_some() || (self.words.is_empty() && self.line.all_arrived())
    }

    /// Takes in a message. A peer with our key that talks nonsense is ignored.
    pub(super) fn handle_message(&mut self, message: &[u8]) {
        self.greeted = true;
        let Some((word, rest)) = message.split_first() else {
            return;
        };
        if *word == GOODBYE {
            self.ended.get_or_insert(ErrorKind::Closed);
            self.wake_all();
        }
        let Some((id, bytes)) = rest.split_first_chunk() else {
            return;
        };
        let id = u32::from_be_bytes(*id);
        if id > self.next && *word == DATA {
            self.next = id;
            self.streams.insert(id, Pair::default());
            self.arrived.push_back(id);
        }
        let Some(pair) = self.streams.get_mut(&id) else {
            return;
        };
        match *word {
            DATA => pair.heard.extend(bytes),
            END | RESET => pair.over = pair.over.or(Some(*word)),
            STOP => pair.stopped = true,
            _ => {}
        }
        pair.wake();
    }

    /// Gives the line what it has room for, keys before bulk.
    pub(super) fn fill(&mut self) {
        let mut limited = false;
        while !limited && self.line.has_room() {
            match self.next_message() {
                Some(message) => self.line.handle_message(message),
                None => limited = true,
            }
        }
        self.line.handle_filled(limited);
    }

    fn next_message(&mut self) -> Option<Vec<u8>> {
        if let Some(word) = self.words.pop_front() {
            return Some(word);
        }
        for urgent in [true, false] {
            let pairs = self.streams.iter_mut();
            let all = self.flaw == Flaw::IgnoresPriority;
            for (id, pair) in pairs.filter(|(_, pair)| all || pair.urgent == urgent) {
                if let Some((word, bytes)) = pair.next_message() {
                    let mut message = vec![word];
                    message.extend_from_slice(&id.to_be_bytes());
                    message.extend_from_slice(&bytes);
                    return Some(message);
                }
            }
        }
        None
    }

    fn wake_all(&mut self) {
        self.streams.values_mut().for_each(Pair::wake);
    }
}

impl Pair {
    fn next_message(&mut self) -> Option<(u8, Vec<u8>)> {
        if std::mem::take(&mut self.stopping) {
            return Some((STOP, Vec::new()));
        }
        if !self.to_send.is_empty() && !self.stopped {
            let mut bytes = vec![0; self.to_send.len().min(LARGEST)];
            take(&mut self.to_send, &mut bytes);
            if let Some(writer) = self.writer.take() {
                writer.wake();
            }
            return Some((DATA, bytes));
        }
        let (word, told) = self.ending.as_mut()?;
        let news = !std::mem::replace(told, true);
        news.then(|| (*word, Vec::new()))
    }

    fn wake(&mut self) {
        for waker in [self.reader.take(), self.writer.take()]
            .into_iter()
            .flatten()
        {
            waker.wake();
        }
    }
}

/// Moves the first bytes of `from` into `into`, which is no longer.
fn take(from: &mut VecDeque<u8>, into: &mut [u8]) {
    let (front, back) = from.as_slices();
    let first = front.len().min(into.len());
    into[..first].copy_from_slice(&front[..first]);
    let rest = into.len() - first;
    into[first..].copy_from_slice(&back[..rest]);
    from.drain(..into.len());
}

pub(super) fn stream(shared: &Arc<Shared>, id: u32) -> Stream {
    let shared = || shared.clone();
    Stream {
        reader: Box::new(Reader(shared(), id)),
        writer: Box::new(Writer(shared(), id)),
    }
}

struct Reader(Arc<Shared>, u32);

impl ReadHalf for Reader {}

impl AsyncRead for Reader {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let mut state = self.0.lock();
        let ended = state.end();
        let pair = state.streams.entry(self.1).or_default();
        let count = pair.heard.len().min(buf.remaining());
        if count > 0 {
            take(&mut pair.heard, buf.initialize_unfilled_to(count));
            buf.advance(count);
            return Poll::Ready(Ok(()));
        }
        match (pair.over, ended) {
            (Some(END), _) => Poll::Ready(Ok(())),
            (Some(_), _) => Poll::Ready(Err(io::ErrorKind::ConnectionReset.into())),
            (None, Some(end)) => Poll::Ready(Err(end.into())),
            (None, None) => {
                pair.reader = Some(cx.waker().clone());
                Poll::Pending
            }
        }
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        let mut state = self.0.lock();
        let pair = state.streams.entry(self.1).or_default();
        pair.stopping = pair.over.is_none();
        drop(state);
        self.0.wake_driver();
    }
}

struct Writer(Arc<Shared>, u32);

impl Writer {
    fn end(&self, word: u8) {
        let mut state = self.0.lock();
        let pair = state.streams.entry(self.1).or_default();
        pair.ending.get_or_insert((word, false));
        drop(state);
        self.0.wake_driver();
    }
}

impl WriteHalf for Writer {
    fn set_priority(&mut self, priority: Priority) {
        let mut state = self.0.lock();
        let pair = state.streams.entry(self.1).or_default();
        pair.urgent = priority != Priority::Bulk;
    }

    fn reset(&mut self) {
        self.end(RESET);
    }
}

impl AsyncWrite for Writer {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let mut state = self.0.lock();
        if let Some(end) = state.end() {
            return Poll::Ready(Err(end.into()));
        }
        let pair = state.streams.entry(self.1).or_default();
        if pair.stopped || pair.ending.is_some() {
            return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
        }
        let count = bytes.len().min(BUFFER.saturating_sub(pair.to_send.len()));
        if count == 0 && !bytes.is_empty() {
            pair.writer = Some(cx.waker().clone());
            return Poll::Pending;
        }
        pair.to_send.extend(&bytes[..count]);
        drop(state);
        self.0.wake_driver();
        Poll::Ready(Ok(count))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.end(END);
        Poll::Ready(Ok(()))
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.end(RESET);
    }
}

const HELLO: u8 = 0;
const GOODBYE: u8 = 1;
const DATA: u8 = 2;
const END: u8 = 3;
const RESET: u8 = 4;
const STOP: u8 = 5;

/// Bytes of a stream in one message, behind a word and the stream's number.
const LARGEST: usize = LARGEST_MESSAGE as usize - 5;

/// Bytes that were written and have not left.
const BUFFER: usize = 64 * 1024;
