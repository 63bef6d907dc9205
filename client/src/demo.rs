//! A roaming shell on this very machine: nothing installed, nothing configured, nothing left behind.
//!
//! The login goes to the embedded SSH server, the session to the `tsshd` beside this program, over
//! a link that `~d` makes dark for some seconds.

use std::io::{self, IoSliceMut};
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use tssh_core::clock::now;
use tssh_core::proxy::client::{Binder, UdpBinder};
use tssh_core::transport::{Link, RecvMeta, Transmit};

use crate::login::embedded::{self, Embedded};
use crate::settings::{Settings, UdpMode, UdpProxyMode};

/// What a demonstration needs while it runs.
#[derive(Debug)]
pub struct Demo {
    /// The SSH server; it ends with this.
    pub server: Embedded,
    /// The settings of the session.
    pub settings: Settings,
    /// The path that can be made dark.
    pub darkness: Darkness,
}

impl Demo {
    /// Starts the SSH server and finds `tsshd`.
    ///
    /// # Errors
    ///
    /// When there is no `tsshd` beside this program, or the server cannot start.
    pub async fn start() -> anyhow::Result<Self> {
        let tsshd = beside_this_program()?;
        let server = embedded::start()
            .await
            .context("starting the embedded SSH server")?;
        let settings = Settings {
            host: "demo".to_owned(),
            hostname: "127.0.0.1".to_owned(),
            user: server.options.user.clone(),
            udp_mode: UdpMode::Quic,
            // Nothing else goes round the darkness.
            udp_proxy_mode: UdpProxyMode::Udp,
            tsshd_path: Some(quoted(&tsshd)?),
            // A demonstration shows its notice soon.
            udp_heartbeat_timeout: Duration::from_secs(2),
            udp_reconnect_timeout: Duration::from_secs(3),
            ..Settings::default()
        };
        Ok(Self {
            server,
            settings,
            darkness: Darkness::default(),
        })
    }
}

/// What is said before the shell.
pub const GREETING: &str = "\
This shell runs on this machine, over a roaming connection.\r
Press Enter, then ~ and d: the path goes dark for ten seconds. Type meanwhile, and watch.\r
exit or Ctrl-D ends it, and nothing is left behind; ~? lists what else there is.\r
\r
";

/// When the path is light again. Clones share it.
#[derive(Clone, Debug, Default)]
pub struct Darkness {
    until: Arc<Mutex<Option<Instant>>>,
}

impl Darkness {
    /// Makes the path dark for ten seconds from here on.
    pub fn fall(&self) {
        *self.until.lock().unwrap_or_else(PoisonError::into_inner) = Some(now() + DARK);
    }

    fn is_here(&self) -> bool {
        let until = *self.until.lock().unwrap_or_else(PoisonError::into_inner);
        until.is_some_and(|until| now() < until)
    }
}

impl Binder for Darkness {
    fn connect(&self, server: SocketAddr) -> io::Result<Arc<dyn Link>> {
        let link = UdpBinder.connect(server)?;
        Ok(Arc::new(Darkened {
            link,
            darkness: self.clone(),
        }))
    }

    fn has_address(&self, address: IpAddr) -> bool {
        UdpBinder.has_address(address)
    }
}

/// A link that swallows everything while it is dark.
#[derive(Debug)]
struct Darkened {
    link: Arc<dyn Link>,
    darkness: Darkness,
}

impl Link for Darkened {
    fn try_send(&self, transmit: &Transmit<'_>) -> io::Result<()> {
        if self.darkness.is_here() {
            return Ok(());
        }
        self.link.try_send(transmit)
    }

    fn poll_writable(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.link.poll_writable(cx)
    }

    fn poll_recv(
        &self,
        cx: &mut Context<'_>,
        bufs: &mut [IoSliceMut<'_>],
        meta: &mut [RecvMeta],
    ) -> Poll<io::Result<usize>> {
        loop {
            let filled = std::task::ready!(self.link.poll_recv(cx, bufs, meta));
            if !self.darkness.is_here() {
                return Poll::Ready(filled);
            }
            filled?;
        }
    }

    fn local_addr(&self) -> Option<SocketAddr> {
        self.link.local_addr()
    }

    fn max_send_segments(&self) -> usize {
        self.link.max_send_segments()
    }

    fn max_recv_segments(&self) -> usize {
        self.link.max_recv_segments()
    }
}

fn beside_this_program() -> anyhow::Result<PathBuf> {
    let program = std::env::current_exe().context("finding this program")?;
    let tsshd = program.with_file_name("tsshd");
    if !tsshd.is_file() {
        anyhow::bail!(
            "{} is not there: build it with cargo build --release",
            tsshd.display()
        );
    }
    Ok(tsshd)
}

/// A word for the shell of the login.
fn quoted(path: &std::path::Path) -> anyhow::Result<String> {
    let text = path
        .to_str()
        .context("the path of this program is not Unicode")?;
    Ok(shlex::try_quote(text)
        .context("the path of this program has a NUL")?
        .into_owned())
}

/// Long enough for the notice to show and for some typing.
const DARK: Duration = Duration::from_secs(10);
