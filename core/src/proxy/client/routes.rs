//! The links that were made, by name, and the streams among them that do not stand yet.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::task::{Context, Poll};

use super::Binder;
use super::exchange::{Carrier, Plan};
use crate::proxy::table::{LinkId, Route};

/// As many as a [`Plan`] names.
#[derive(Debug)]
pub(super) struct Routes {
    binder: Arc<dyn Binder>,
    routes: BTreeMap<LinkId, Route>,
    /// Streams that are not known to stand.
    waiting: BTreeSet<LinkId>,
}

impl Routes {
    pub(super) fn new(binder: Arc<dyn Binder>) -> Self {
        Self {
            binder,
            routes: BTreeMap::new(),
            waiting: BTreeSet::new(),
        }
    }

    /// Makes a new link to `peer`.
    pub(super) fn make(
        &mut self,
        id: LinkId,
        peer: SocketAddr,
        carrier: Carrier,
    ) -> io::Result<()> {
        let link = match carrier {
            Carrier::Udp => self.binder.connect(peer)?,
            Carrier::Stream => self.binder.connect_stream(peer)?,
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
