//! What is on its way in a simulated network, and what it does where it lands.

use super::world::{Bulk, FLOWS, S, SERVER, TYPED, World};
use super::{Carrier, Trigger};
use crate::auth::{Ack, Claim, Verdict};
use crate::proxy::rig::port;
use crate::proxy::server::Admission;
use crate::proxy::{LinkId, Source};

/// What is on its way.
#[derive(Clone, Copy, Debug)]
pub(super) enum Flight {
    /// The first packet of a connection: where it is lost it is sent again.
    Syn {
        link: LinkId,
        sent: u32,
    },
    Stands(LinkId),
    Claim {
        link: LinkId,
        claim: Claim,
    },
    Ack {
        link: LinkId,
        claim: Claim,
    },
    /// A question, and its answer.
    Ask {
        link: LinkId,
        claim: Claim,
        large: bool,
    },
    Told {
        link: LinkId,
        claim: Claim,
        large: bool,
    },
    /// What was typed up to this key; 0 for what means nothing.
    Data {
        link: LinkId,
        key: u64,
    },
    Answer {
        link: LinkId,
    },
    /// Nobody who can be believed says that a packet did not arrive.
    Refused(LinkId),
    /// A packet of bulk, and the acknowledgement of one that came up.
    Bulk {
        link: LinkId,
    },
    Acked {
        link: LinkId,
    },
    Flow,
    Typed,
}

impl Flight {
    pub(super) fn is_large(&self, carrier: Carrier) -> bool {
        let large = matches!(
            self,
            Self::Ask { large: true, .. } | Self::Told { large: true, .. } | Self::Bulk { .. }
        );
        large && carrier == Carrier::Udp
    }
}

impl World {
    pub(super) fn land(&mut self, flight: Flight) {
        let now = self.now;
        match flight {
            Flight::Ack { link, .. } | Flight::Told { link, .. } | Flight::Answer { link }
                if self.is_left(link) => {}
            Flight::Syn { link, sent } => {
                if self.passes(link) {
                    self.fly(self.rtt, Flight::Stands(link));
                } else if sent < 5 {
                    let sent = sent + 1;
                    self.fly(S * (1 << (sent - 1)), Flight::Syn { link, sent });
                }
            }
            Flight::Stands(link) => self.client.handle_stands(link),
            Flight::Claim { link, claim } => self.claimed(link, claim),
            Flight::Ack { link, claim } => {
                let ack = Ack { claim, stamp: 0 };
                if self.client.handle_ack(link, ack, now) {
                    self.moved(link);
                }
            }
            Flight::Ask { link, claim, large } => {
                assert!(claim.asks());
                let id = SERVER;
                let claim = Claim { id, ..claim };
                if self.server.plan().current == Some(source(link)) {
                    self.send(link, Flight::Told { link, claim, large });
                }
            }
            Flight::Told { link, claim, large } => {
                let ack = Ack { claim, stamp: 0 };
                self.client.handle_answer(link, ack, large);
            }
            Flight::Data { link, key } => self.arrived(link, key),
            Flight::Answer { link } => {
                if self.client.plan().links.contains(&link) {
                    self.longest = self.longest.max(now - self.heard_at);
                    self.heard_at = now;
                    self.hear(link);
                }
            }
            Flight::Refused(link) => self.refused(link),
            Flight::Bulk { link } => match self.bulk {
                Some(Bulk::Up) => self.send(link, Flight::Acked { link }),
                Some(Bulk::Down) | None => self.hear(link),
            },
            Flight::Acked { link } => self.hear(link),
            Flight::Flow => {
                let link = match self.bulk {
                    Some(Bulk::Up) => self.client.plan().send.first().copied(),
                    Some(Bulk::Down) => self.server.plan().current.map(|source| source.link),
                    None => return,
                };
                if let Some(link) = link {
                    self.send(link, Flight::Bulk { link });
                }
                self.fly(FLOWS, Flight::Flow);
            }
            Flight::Typed => {
                self.expecting.get_or_insert(now);
                self.typed += 1;
                for link in self.client.plan().send {
                    self.send_key(link);
                }
                if now.saturating_duration_since(self.heard_at) >= 4 * S {
                    self.client.handle_trigger(Trigger::Silent, now);
                    self.server.handle_silent();
                }
                self.client.handle_typed(now);
                self.fly(TYPED, Flight::Typed);
            }
        }
    }

    /// As the client's actor does.
    fn refused(&mut self, link: LinkId) {
        let plan = self.client.plan();
        if !plan.links.contains(&link) {
            return;
        }
        if self.client.is_rival(link) {
            self.client.handle_link_failed(link, self.now);
            return;
        }
        if plan.send.first() == Some(&link) {
            self.hint(Trigger::SendFailed);
        }
        self.client.handle_refused(link, self.now);
    }

    /// A packet of the server opens.
    fn hear(&mut self, link: LinkId) {
        if self.client.plan().links.contains(&link) {
            self.heard += 1;
            self.expecting = None;
            if self.client.handle_heard(link, self.now) {
                self.answers.handle_new_path(self.now);
                self.moves += 1;
            }
        }
    }

    /// The client has another path: what has no answer follows.
    pub(super) fn moved(&mut self, link: LinkId) {
        self.answers.handle_new_path(self.now);
        self.moves += 1;
        self.send_key(link);
    }

    pub(super) fn send_key(&mut self, link: LinkId) {
        let key = match self.expecting {
            Some(_) => self.typed,
            None => 0,
        };
        self.send(link, Flight::Data { link, key });
    }

    fn arrived(&mut self, link: LinkId, key: u64) {
        let (source, now) = (source(link), self.now);
        let admission = self.server.handle_packet(source, now);
        match admission {
            Admission::Drop => return,
            Admission::Try if key > 0 => self.server.handle_tried(source, 100, now),
            Admission::Pass => self.server.handle_in_use(now),
            Admission::Try | Admission::Promote => {}
        }
        // Copies along several ways open once.
        let new = key > self.opened;
        if new {
            self.opened = key;
            self.server.handle_opened(now);
        }
        if new || !self.races {
            self.server.handle_heard(now);
        }
        if new || !self.races || admission == Admission::Promote {
            self.answer();
        }
    }

    /// What was sent meanwhile goes to wherever the client is by now.
    fn answer(&mut self) {
        if let Some(source) = self.server.plan().current {
            let link = source.link;
            self.send(link, Flight::Answer { link });
        }
    }

    fn claimed(&mut self, link: LinkId, claim: Claim) {
        let source = source(link);
        if claim.id == SERVER {
            if self.server.handle_chosen(source, self.now) {
                self.answer();
            }
            return;
        }
        let stream = self.carriers[&link] == Carrier::Stream;
        let verdict = match stream && !self.server.stands(source) {
            true => self.server.handle_stream_claim(source, claim, self.now),
            false => self.server.handle_claim(source, claim, self.now),
        };
        if verdict == Verdict::Refused {
            if stream {
                self.client.handle_link_failed(link, self.now);
            }
            return;
        }
        if stream && self.server.plan().current != Some(source) {
            self.server.handle_stream(source, self.now);
        }
        let id = SERVER;
        let serial = claim.serial;
        self.send(
            link,
            Flight::Ack {
                link,
                claim: Claim { id, serial },
            },
        );
    }
}

fn source(link: LinkId) -> Source {
    Source {
        link,
        addr: port(u16::try_from(link.0).unwrap()),
    }
}
