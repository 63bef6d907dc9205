//! What the client's data path does with strangers: there are none, but for acknowledgements.

use std::io;

use tokio::sync::mpsc;

use super::config::Carriers;
use crate::auth::{AUTH_LEN, Ack, ProxyKey};
use crate::proxy::gate::Gate;
use crate::proxy::pipe::PacketPipe;
use crate::proxy::question::WIDE_LEN;
use crate::proxy::table::{LinkId, Route, Source};

/// What the data path tells the client's proxy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Note {
    /// A packet of 44 bytes opened on this link.
    Ack(LinkId, Ack),
    /// An answer to a question came on this link, to a large one or not.
    Answer(LinkId, Ack, bool),
    /// The link failed; `refused` when the host answered that nothing listens there.
    LinkFailed { link: LinkId, refused: bool },
}

/// By which of its ways the host said that nothing listens there.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Refusals {
    udp: bool,
    stream: bool,
}

impl Refusals {
    pub(super) fn note(&mut self, stream: bool) {
        match stream {
            true => self.stream = true,
            false => self.udp = true,
        }
    }

    /// Whether there is no other way left.
    pub(super) fn all(self, carriers: Carriers) -> bool {
        match carriers {
            Carriers::Udp => self.udp,
            Carriers::Stream => self.stream,
            Carriers::Both => self.udp && self.stream,
        }
    }
}

/// Lets through what comes from the server's address and is no acknowledgement.
#[derive(Debug)]
pub(super) struct ClientGate {
    pub(super) key: ProxyKey,
    /// Losing a note under a flood is harmless: claims and their acknowledgements are repeated.
    pub(super) notes: mpsc::Sender<Note>,
}

impl Gate for ClientGate {
    fn admit(&self, _: &PacketPipe, _: Source, _: &[u8]) -> bool {
        false
    }

    fn intercept(&self, _: &PacketPipe, source: Source, packet: &[u8]) -> bool {
        if packet.len() != AUTH_LEN && packet.len() != WIDE_LEN {
            return false;
        }
        let Some(ack) = self.key.open_ack(&packet[..AUTH_LEN]) else {
            return false;
        };
        let large = packet.len() == WIDE_LEN;
        let note = match ack.claim.asks() {
            true => Note::Answer(source.link, ack, large),
            false if large => return true,
            false => Note::Ack(source.link, ack),
        };
        let _ = self.notes.try_send(note);
        true
    }

    fn may_send(&self, _: &Route, _: usize) -> bool {
        true
    }

    fn handle_opened(&self, _: &PacketPipe) {}

    fn handle_link_error(&self, link: LinkId, error: &io::Error) {
        let refused = error.kind() == io::ErrorKind::ConnectionRefused;
        let _ = self.notes.try_send(Note::LinkFailed { link, refused });
    }
}

#[cfg(test)]
mod tests {
    use std::io;

    use tokio::sync::mpsc;

    use super::{AUTH_LEN, Ack, ClientGate, LinkId, Note, PacketPipe, ProxyKey, Route, WIDE_LEN};
    use crate::auth::Claim;
    use crate::proxy::Table;
    use crate::proxy::question::widened;
    use crate::proxy::rig::{Paper, port, receive_all};

    #[test]
    fn an_acknowledgement_leaves_the_data_path_and_whatever_does_not_open_stays_on_it() {
        let (pipe, paper, key, mut notes) = rig();
        let claim = Claim { id: 9, serial: 1 };
        let packet = key.seal(claim).unwrap();
        paper.put(port(1), &packet);
        let (foreign, _) = ProxyKey::generate().unwrap();
        let forged = foreign.seal(claim).unwrap();
        paper.put(port(1), &forged);
        paper.put(port(1), &[0x40; AUTH_LEN]);
        assert_eq!(
            receive_all(&pipe),
            [forged.to_vec(), vec![0x40; AUTH_LEN]],
            "a packet of the transport may have this length"
        );
        let stamp = Ack::stamp_of(&packet);
        assert_eq!(
            notes.try_recv(),
            Ok(Note::Ack(LinkId(3), Ack { claim, stamp }))
        );
        assert!(notes.try_recv().is_err());
    }

    #[test]
    fn even_an_acknowledgement_is_nothing_from_another_address_than_the_server_s() {
        let (pipe, paper, key, mut notes) = rig();
        let packet = key.seal(Claim { id: 9, serial: 1 }).unwrap();
        paper.put(port(2), &packet);
        paper.put(port(2), &[1; 500]);
        assert!(receive_all(&pipe).is_empty());
        assert!(notes.try_recv().is_err());
    }

    #[test]
    fn a_datagram_that_passes_is_no_sign_of_life_until_it_opens() {
        let (pipe, paper, _, _notes) = rig();
        let now = crate::clock::now();
        pipe.activity().handle_sent(now);
        paper.put(port(1), &[1; 500]);
        assert_eq!(receive_all(&pipe).len(), 1);
        assert_eq!(pipe.activity().heard_at(), None);
        assert!(pipe.activity().expecting_since().is_some());
        pipe.opened();
        assert_eq!(pipe.activity().expecting_since(), None);
        assert_eq!(pipe.activity().heard_on(), LinkId(3));
    }

    #[test]
    fn junk_at_the_port_of_an_attempt_is_not_taken_for_a_packet_of_the_path_that_opens_late() {
        let (pipe, paper, _, _notes) = rig();
        let attempt = Paper::new();
        let mut table = Table::clone(&pipe.table());
        let route = Route {
            id: LinkId(4),
            link: attempt.clone(),
            peer: port(1),
        };
        table.links.push((LinkId(4), attempt.clone()));
        table.believed.push(route.source());
        pipe.publish(table);
        let genuine = [0x51; 90];
        paper.put(port(1), &genuine);
        attempt.put(port(1), &[0x55; 90]);
        assert_eq!(receive_all(&pipe).len(), 2);
        pipe.opened_packet(&genuine[90 - 16..]);
        assert_eq!(pipe.activity().heard_on(), LinkId(3));
    }

    #[test]
    fn an_answer_is_told_apart_from_an_acknowledgement_whatever_its_length() {
        let (pipe, paper, key, mut notes) = rig();
        let answer = key.seal(Claim { id: 9, serial: 0 }).unwrap();
        paper.put(port(1), &answer);
        paper.put(port(1), &widened(&answer));
        // An acknowledgement that somebody padded is nothing, and a packet of the transport is one.
        paper.put(
            port(1),
            &widened(&key.seal(Claim { id: 9, serial: 1 }).unwrap()),
        );
        paper.put(port(1), &[0x40; WIDE_LEN]);
        assert_eq!(receive_all(&pipe), [vec![0x40; WIDE_LEN]]);
        let ack = key.open_ack(&answer).unwrap();
        for large in [false, true] {
            let note = Note::Answer(LinkId(3), ack, large);
            assert_eq!(notes.try_recv(), Ok(note));
        }
        assert!(notes.try_recv().is_err());
    }

    #[test]
    fn a_flood_of_notes_fills_the_inbox_and_no_more() {
        let (pipe, paper, key, mut notes) = rig();
        for serial in 0..1000 {
            let packet = key.seal(Claim { id: 9, serial }).unwrap();
            paper.put(port(1), &packet);
        }
        paper.put_error(io::ErrorKind::ConnectionRefused);
        assert!(receive_all(&pipe).is_empty());
        let mut kept = 0;
        while notes.try_recv().is_ok() {
            kept += 1;
        }
        assert_eq!(kept, 4);
    }

    fn rig() -> (
        PacketPipe,
        std::sync::Arc<Paper>,
        ProxyKey,
        mpsc::Receiver<Note>,
    ) {
        let (key, _) = ProxyKey::generate().unwrap();
        let (notes, inbox) = mpsc::channel(4);
        let gate = ClientGate {
            key: key.clone(),
            notes,
        };
        let pipe = PacketPipe::new(1400, Box::new(gate));
        let paper = Paper::new();
        let route = Route {
            id: LinkId(3),
            link: paper.clone(),
            peer: port(1),
        };
        pipe.publish(Table {
            links: vec![(LinkId(3), paper.clone())],
            believed: vec![route.source()],
            send: vec![route],
            dark: false,
        });
        (pipe, paper, key, inbox)
    }
}
