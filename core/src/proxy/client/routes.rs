//! The links that were made, by name, and the streams among them that do not stand yet.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::task::{Context, Poll};

use super::exchange::{Carrier, Plan};
use super::interface;
use super::race::MAX_INTERFACES;
use super::{Binder, Interface};
use crate::proxy::table::{LinkId, Route};

/// As many as a [`Plan`] names.
#[derive(Debug)]
pub(super) struct Routes {
    binder: Arc<dyn Binder>,
    routes: BTreeMap<LinkId, Route>,
    /// Streams that are not known to stand.
    waiting: BTreeSet<LinkId>,
    /// Of the latest survey, at most [`MAX_INTERFACES`].
    interfaces: Vec<Interface>,
    /// Whether the interface that the system chose last is a tunnel.
    tunnel: Option<bool>,
}

impl Routes {
    pub(super) fn new(binder: Arc<dyn Binder>) -> Self {
        Self {
            binder,
            routes: BTreeMap::new(),
            waiting: BTreeSet::new(),
            interfaces: Vec::new(),
            tunnel: None,
        }
    }

    /// Looks which interfaces there are beside the one that the system chooses, which has the address
    /// `chosen`. Returns how many.
    pub(super) fn survey(&mut self, chosen: Option<IpAddr>) -> usize {
        let all = self.binder.interfaces();
        self.tunnel = interface::is_tunnel(&all, chosen).or(self.tunnel);
        self.interfaces = interface::beside(all, chosen, self.tunnel);
        self.interfaces.truncate(MAX_INTERFACES);
        self.interfaces.len()
    }

    /// The first path is over the interface with the address `chosen`.
    pub(super) fn handle_first_path(&mut self, chosen: Option<IpAddr>) {
        if self.tunnel.is_none() {
            self.tunnel = interface::is_tunnel(&self.binder.interfaces(), chosen);
        }
    }

    /// Makes a new link to `peer`, over the interface with this number of the latest survey, or the one
    /// that the system chooses (0).
    pub(super) fn make(
        &mut self,
        id: LinkId,
        peer: SocketAddr,
        interface: usize,
        carrier: Carrier,
    ) -> io::Result<()> {
        let over = interface
            .checked_sub(1)
            .and_then(|at| self.interfaces.get(at));
        let link = match (carrier, over) {
            (Carrier::Stream, _) => self.binder.connect_stream(peer)?,
            (Carrier::Udp, Some(over)) => self.binder.connect_over(peer, over)?,
            (Carrier::Udp, None) => self.binder.connect(peer)?,
        };
        if carrier == Carrier::Stream {
            self.waiting.insert(id);
        }
        self.routes.insert(id, Route { id, link, peer });
        Ok(())
    }

    pub(super) fn get(&self, link: LinkId) -> Option<&Route> {
        self.routes.get(&link)
    }

    /// Whether the link is a byte stream, which an error ends for good.
    pub(super) fn is_stream(&self, link: LinkId) -> bool {
        self.get(link).is_some_and(|route| route.link.is_stream())
    }

    pub(super) fn local(&self, link: LinkId) -> Option<SocketAddr> {
        self.get(link)?.link.local_addr()
    }

    /// The routes of these links.
    pub(super) fn of(&self, links: &[LinkId]) -> Vec<Route> {
        let known = links.iter().filter_map(|link| self.get(*link));
        known.cloned().collect()
    }

    /// Closes what `plan` does not name.
    pub(super) fn keep(&mut self, plan: &Plan) {
        let wanted = |link: &LinkId| plan.links.contains(link) || plan.waiting.contains(link);
        self.routes.retain(|link, _| wanted(link));
        self.waiting.retain(wanted);
    }

    /// Ready with the next stream that stands, or came to nothing.
    pub(super) fn poll_stands(&mut self, cx: &mut Context<'_>) -> Poll<(LinkId, io::Result<()>)> {
        let stands = self.waiting.iter().find_map(|id| {
            let link = &self.routes.get(id)?.link;
            match link.poll_writable(cx) {
                Poll::Pending => None,
                Poll::Ready(stands) => Some((*id, stands)),
            }
        });
        stands.map_or(Poll::Pending, |(id, stands)| {
            self.waiting.remove(&id);
            Poll::Ready((id, stands))
        })
    }
}
