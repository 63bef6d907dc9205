//! Tells the pipe what arrived and what was lost. quinn tells its congestion control, the moment
//! that it knows; so this stands between the two.

use std::any::Any;
use std::fmt;
use std::sync::Arc;
use std::time::Instant;

use quinn::congestion::{Controller, ControllerFactory, ControllerMetrics};
use quinn_proto::RttEstimator;
use tssh_core::proxy::PacketPipe;

/// Builds controllers of another kind whose news the pipe hears too.
pub(crate) struct Told {
    inner: Arc<dyn ControllerFactory + Send + Sync>,
    pipe: PacketPipe,
}

impl Told {
    pub(crate) fn new(inner: Arc<dyn ControllerFactory + Send + Sync>, pipe: PacketPipe) -> Self {
        Self { inner, pipe }
    }
}

impl ControllerFactory for Told {
    fn build(self: Arc<Self>, now: Instant, current_mtu: u16) -> Box<dyn Controller> {
        Box::new(Teller {
            inner: self.inner.clone().build(now, current_mtu),
            pipe: self.pipe.clone(),
        })
    }
}

struct Teller {
    inner: Box<dyn Controller>,
    pipe: PacketPipe,
}

impl Controller for Teller {
    fn on_sent(&mut self, now: Instant, bytes: u64, last_packet_number: u64) {
        self.inner.on_sent(now, bytes, last_packet_number);
    }

    fn on_ack(
        &mut self,
        now: Instant,
        sent: Instant,
        bytes: u64,
        app_limited: bool,
        rtt: &RttEstimator,
    ) {
        self.pipe.copies().handle_arrived(1);
        self.inner.on_ack(now, sent, bytes, app_limited, rtt);
    }

    fn on_end_acks(
        &mut self,
        now: Instant,
        in_flight: u64,
        app_limited: bool,
        largest_packet_num_acked: Option<u64>,
    ) {
        self.inner
            .on_end_acks(now, in_flight, app_limited, largest_packet_num_acked);
    }

    fn on_congestion_event(
        &mut self,
        now: Instant,
        sent: Instant,
        is_persistent_congestion: bool,
        lost_bytes: u64,
    ) {
        // A mark of a router that is full (ECN) is no loss.
        if lost_bytes > 0 {
            let packets = lost_bytes.div_ceil(u64::from(self.pipe.mtu()));
            self.pipe.copies().handle_lost(packets);
        }
        self.inner
            .on_congestion_event(now, sent, is_persistent_congestion, lost_bytes);
    }

    fn on_mtu_update(&mut self, new_mtu: u16) {
        self.inner.on_mtu_update(new_mtu);
    }

    fn window(&self) -> u64 {
        self.inner.window()
    }

    fn metrics(&self) -> ControllerMetrics {
        self.inner.metrics()
    }

    fn clone_box(&self) -> Box<dyn Controller> {
        Box::new(Self {
            inner: self.inner.clone_box(),
            pipe: self.pipe.clone(),
        })
    }

    fn initial_window(&self) -> u64 {
        self.inner.initial_window()
    }

    fn into_any(self: Box<Self>) -> Box<dyn Any> {
        self.inner.into_any()
    }
}

impl fmt::Debug for Told {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Told").finish_non_exhaustive()
    }
}
