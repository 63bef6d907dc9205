//! Does what the client's state machine says, and puts in force what it wants.

use super::PathStatus;
use super::actor::Task;
use super::exchange::Output;
use crate::auth::Claim;
use crate::clock::now;
use crate::proxy::question::widened;
use crate::proxy::table::{LinkId, Route, Table};

impl Task {
    pub(super) fn act(&mut self, output: Output) {
        match output {
            Output::Bind { link, way, carrier } => {
                let server = self.config.servers[way.address];
                let made = self.routes.make(link, server, way.interface, carrier);
                if let Err(error) = &made {
                    tracing::debug!(%error, "no way to the server for now");
                }
                self.state.handle_bound(link, made.is_ok(), now());
            }
            Output::Claim { link, claim, early } => {
                let Some(route) = self.routes.get(link) else {
                    return;
                };
                match self.config.key.seal(claim) {
                    Ok(packet) => {
                        self.pipe.send_along(route, &packet, None, None);
                    }
                    Err(error) => tracing::warn!(%error, "the system gives no randomness"),
                }
                // The first packet behind the claim, whatever it is, makes the server switch.
                if early && self.pipe.send_held(route) == 0 && !route.link.is_stream() {
                    self.pipe.send_along(route, &dummy(), None, None);
                }
            }
            Output::Survey => {
                let first = self.state.newest();
                let first = first.and_then(|link| self.routes.local(link));
                let others = self.routes.survey(first.map(|local| local.ip()));
                self.state.handle_surveyed(others);
            }
            Output::Ask { link, claim } => self.ask(link, claim),
            // What waits for it waits since the former path was thought to be dead.
            Output::Moved { link } => self.handle_new_path(link, true),
            Output::Dummy { link } => {
                if let Some(route) = self.routes.get(link) {
                    self.pipe.send_along(route, &dummy(), None, None);
                }
            }
        }
    }

    /// Both sizes: small ones tell a narrow path from a dead one.
    fn ask(&self, link: LinkId, claim: Claim) {
        let Some(route) = self.routes.get(link) else {
            return;
        };
        match self.config.key.seal(claim) {
            Ok(packet) => {
                self.pipe.send_along(route, &packet, None, None);
                self.pipe.send_along(route, &widened(&packet), None, None);
            }
            Err(error) => tracing::warn!(%error, "the system gives no randomness"),
        }
    }

    /// Puts what the state wants in force, where it differs from what is.
    pub(super) fn apply(&mut self) {
        let plan = self.state.plan();
        if plan != self.plan {
            self.routes.keep(&plan);
            let read = self.routes.of(&plan.links);
            let table = Table {
                links: read
                    .iter()
                    .map(|route| (route.id, route.link.clone()))
                    .collect(),
                believed: read.iter().map(Route::source).collect(),
                send: self.routes.of(&plan.send),
                dark: plan.dark,
            };
            if plan.dark && !self.plan.dark {
                tracing::info!("the path is dead");
                self.pipe.clock().stop();
            }
            self.pipe.publish(table);
            if self.plan.dark && !plan.dark {
                self.pipe
                    .clock()
                    .start(self.config.timing.heartbeat_timeout);
            }
            self.plan = plan;
        }
        self.pipe.activity().set_restless(self.state.is_suspect());
        let status = PathStatus {
            lost_at: self.state.lost_at(),
            dark: self.plan.dark,
            refused: self.refused.all(self.config.timing.carriers),
            proved: self.state.proved(),
        };
        self.status
            .send_if_modified(|known| std::mem::replace(known, status) != status);
    }
}

/// Sixteen bytes that mean nothing: enough to be no claim, too short to be a packet.
fn dummy() -> [u8; 16] {
    let mut bytes = [0; 16];
    // Any bytes serve; random ones give a middlebox nothing to match.
    let _ = getrandom::fill(&mut bytes);
    bytes
}
