//! What an author gives, and what a scenario is given in return: two peers and what lies between them.

use std::fmt;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::timeout;
use tssh_core::proxy::PacketPipe;
use tssh_core::transport::memory::pipe_to_nowhere;
use tssh_core::transport::{Connection, Listener, Stream, Transport, TransportError};
use tssh_core::wire::ServerInfo;

use crate::medium::{Air, Direction, Framing, Medium, Over, Wire, framed};
use crate::weather::Weather;

/// A transport under test, and what its author declares about it. Made anew for each scenario.
pub struct Rig {
    pub(crate) transport: Arc<dyn Transport>,
    pub(crate) datagrams: bool,
    pub(crate) brisk: bool,
    pub(crate) framing: Framing,
    pub(crate) key_lasts: Option<u64>,
    pub(crate) own_way: Option<Cut>,
}

pub(crate) type Cut = Arc<dyn Fn(bool) + Send + Sync>;

impl Rig {
    /// A transport without datagrams that sends packets through the pipes it is given.
    pub fn new(transport: impl Transport) -> Self {
        Self {
            transport: Arc::new(transport),
            datagrams: false,
            brisk: false,
            framing: framed,
            key_lasts: None,
            own_way: None,
        }
    }

    /// The same with datagrams beside the streams.
    #[must_use]
    pub fn with_datagrams(mut self) -> Self {
        self.datagrams = true;
        self
    }

    /// The same with keys that stay quick: it tells its pipe of losses, and leaves the queue of a full path short.
    #[must_use]
    pub fn with_brisk_keys(mut self) -> Self {
        self.brisk = true;
        self
    }

    /// The same with another framing under [`Over::Tcp`] and [`Over::Process`].
    #[must_use]
    pub fn with_framing(mut self, framing: Framing) -> Self {
        self.framing = framing;
        self
    }

    /// The same for a transport whose keys its hosts exchange (`Connection::rekey`). A key is used up after `bytes`,
    /// both directions counted, and within a day in any case (RFC 4253, section 9, asks for an hour).
    #[must_use]
    pub fn with_keys_for(mut self, bytes: u64) -> Self {
        self.key_lasts = Some(bytes);
        self
    }

    /// The same for a transport that sends no packets: [`Over::Nothing`]. `cut` takes the peers apart
    /// (`true`) and joins them again.
    #[must_use]
    pub fn with_own_way(mut self, cut: impl Fn(bool) + Send + Sync + 'static) -> Self {
        self.own_way = Some(Arc::new(cut));
        self
    }

    /// Why it cannot be played over this way at all; `None` where it can.
    pub(crate) fn absent(&self, over: Over) -> Option<&'static str> {
        match (over, &self.own_way) {
            (Over::Nothing, None) => Some("it sends packets: it needs a link"),
            (Over::Process | Over::Tcp | Over::Udp, Some(_)) => {
                Some("it sends no packets: no link can carry it")
            }
            (Over::Nothing, Some(_)) | (Over::Process | Over::Tcp | Over::Udp, None) => None,
        }
    }

    /// For those who are about to play it.
    pub(crate) fn assert_carried(&self, over: Over) {
        if let Some(why) = self.absent(over) {
            panic!("over {over}: {why}");
        }
    }
}

impl fmt::Debug for Rig {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Rig")
            .field("mode", &self.transport.mode())
            .field("datagrams", &self.datagrams)
            .finish_non_exhaustive()
    }
}

/// What one run of a scenario has: a transport, two pipes, and what lies between them.
pub struct World {
    /// The transport under test.
    pub transport: Arc<dyn Transport>,
    /// The client's pipe.
    pub client_pipe: PacketPipe,
    /// The server's pipe.
    pub server_pipe: PacketPipe,
    /// Differs from run to run; all dice of the run come from it.
    pub seed: u64,
    /// What carries the packets.
    pub over: Over,
    way: Box<dyn Medium>,
}

/// The two ends of a connection.
pub struct Ends {
    /// Opens streams.
    pub client: Arc<dyn Connection>,
    /// Accepts them.
    pub server: Arc<dyn Connection>,
}

impl World {
    pub(crate) fn new(rig: Rig, over: Over, seed: u64) -> Self {
        let fair = Weather::fair(DELAY);
        let stream = Weather {
            queue: SOCKET_BUFFER,
            ..fair
        };
        rig.assert_carried(over);
        let way: Box<dyn Medium> = match (over, rig.own_way) {
            (_, Some(cut)) => Box::new(OwnWay(cut)),
            (Over::Nothing | Over::Udp, None) => Box::new(Air::new(fair, seed)),
            (Over::Process | Over::Tcp, None) => {
                Box::new(Wire::new(over, rig.framing, stream, seed))
            }
        };
        let (client_pipe, server_pipe) = way.pipes(MTU);
        Self {
            transport: rig.transport,
            client_pipe,
            server_pipe,
            seed,
            over,
            way,
        }
    }

    /// Both ends of a new connection.
    pub async fn connected(&self) -> Ends {
        let (mut listener, offer) = self.listening().await;
        let both = async { tokio::join!(self.connect(&offer), listener.accept()) };
        let (client, server) = soon(both).await;
        Ends {
            client: client.expect("the client could not connect"),
            server: server.expect("the server could not accept"),
        }
    }

    /// A listener, and what it offers.
    pub async fn listening(&self) -> (Box<dyn Listener>, ServerInfo) {
        let mut offer = ServerInfo::default();
        let listening = self.transport.listen(self.server_pipe.clone(), &mut offer);
        let listener = soon(listening).await.expect("the server could not listen");
        (listener, offer)
    }

    /// Connects by `offer`.
    ///
    /// # Errors
    ///
    /// The transport's own.
    pub async fn connect(&self, offer: &ServerInfo) -> Result<Arc<dyn Connection>, TransportError> {
        self.transport
            .connect(self.client_pipe.clone(), offer)
            .await
    }

    /// The time that a packet takes there and back in fair weather.
    pub fn rtt(&self) -> Duration {
        match self.over {
            Over::Nothing => Duration::ZERO,
            Over::Process | Over::Tcp | Over::Udp => 2 * DELAY,
        }
    }

    /// Cuts the peers off from each other, or joins them again. The path clocks are left alone.
    pub fn set_dark(&self, dark: bool) {
        self.way.set_dark(dark);
    }

    /// Changes the weather of both directions.
    pub fn change(&self, change: impl Fn(&mut Weather)) {
        self.way.change(Direction::There, &change);
        self.way.change(Direction::Back, &change);
    }

    /// Changes the weather of one direction.
    pub fn change_one(&self, direction: Direction, change: impl Fn(&mut Weather)) {
        self.way.change(direction, &change);
    }

    /// The air, where each packet flies by itself.
    pub fn air(&self) -> &Air {
        self.way
            .air()
            .expect("the scenario needs packets that can be seen: its group says so")
    }
}

impl fmt::Debug for World {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("World")
            .field("over", &self.over)
            .field("seed", &self.seed)
            .finish_non_exhaustive()
    }
}

impl Ends {
    /// Both ends of a new stream, the client's first. The client has written one byte, which the
    /// server has read: many transports show a stream with its first byte.
    pub async fn pair(&self) -> (Stream, Stream) {
        let mut near = soon(self.client.open())
            .await
            .expect("no stream was opened");
        let written = soon(near.write_all(b"0")).await;
        written.expect("the first byte could not be written");
        let mut far = soon(self.server.accept()).await.expect("no stream came");
        let first = soon(far.read_u8())
            .await
            .expect("the first byte did not come");
        assert_eq!(first, b'0', "the first byte came as another");
        (near, far)
    }
}

impl fmt::Debug for Ends {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Ends").finish_non_exhaustive()
    }
}

/// A transport that carries its bytes by itself.
struct OwnWay(Cut);

impl Medium for OwnWay {
    fn pipes(&self, _: u16) -> (PacketPipe, PacketPipe) {
        (pipe_to_nowhere(), pipe_to_nowhere())
    }

    fn set_dark(&self, dark: bool) {
        (self.0)(dark);
    }

    fn change(&self, _: Direction, _: &dyn Fn(&mut Weather)) {}
}

/// Waits for what happens within [`PATIENCE`].
///
/// # Panics
///
/// When it does not.
pub async fn soon<T>(future: impl Future<Output = T>) -> T {
    let within = timeout(PATIENCE, future).await;
    within.expect("nothing happened within a minute of virtual time")
}

/// 20 ms each way: a round trip of 40.
pub const DELAY: Duration = Duration::from_millis(20);

/// In virtual time, far above whatever a scenario waits for in fair weather.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// The default of the programs, in bytes.
pub const MTU: u16 = 1400;

/// What a TCP socket or a pipe of the system holds, in bytes.
const SOCKET_BUFFER: usize = 64 * 1024;
