//! Opens the recorded KCP session: auth packets, keys, FEC, KCP, mux frames, down to the bytes of each stream.
//!
//! PROTOCOL.md, "The path" and "KCP mode". Every departure from those pages panics.

use std::collections::BTreeMap;

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use aws_lc_rs::hkdf::{HKDF_SHA384, KeyType, Salt};
use serde_json::Value;
use tssh_core::wire::ServerInfo;

/// What one side sent on each stream, by stream ID.
pub(crate) type Sent = BTreeMap<u32, Vec<u8>>;

/// The session as the two programs saw it.
#[derive(Debug, Default)]
pub(crate) struct Recording {
    pub(crate) from_client: Side,
    pub(crate) from_server: Side,
    /// The serials of the client's authentication packets, in the order of sending.
    pub(crate) client_serials: Vec<u64>,
    /// The serials of the server's acknowledgements.
    pub(crate) server_serials: Vec<u64>,
}

/// One direction: KCP reassembly, then mux frames, then streams.
#[derive(Debug, Default)]
pub(crate) struct Side {
    pub(crate) streams: Sent,
    /// Stream and kind (0 close, 1 close read, 2 close write) of every FIN.
    pub(crate) fins: Vec<(u32, u16)>,
    next: u32,
    early: BTreeMap<u32, Vec<u8>>,
    frames: Vec<u8>,
    shards: BTreeMap<u32, Vec<u8>>,
}

pub(crate) fn info(file: &str) -> Value {
    serde_json::from_str(file).unwrap()
}

pub(crate) fn open() -> Recording {
    let info = info(include_str!("../vectors/kcp-info.json"));
    let info = ServerInfo::find(info["raw"].as_str().unwrap().as_bytes()).unwrap();
    let rekey: Value = serde_json::from_str(include_str!("../vectors/kcp-rekey.jsonl")).unwrap();
    let second = hex::decode(rekey["secret"].as_str().unwrap()).unwrap();
    let salt = info.salt().unwrap();
    let keys = [
        derive(&salt[..], &info.pass().unwrap()[..]),
        derive(&salt[..], &second),
    ];
    let proxy = key(&info.proxy_key().unwrap()[..]);

    let mut recording = Recording::default();
    for line in include_str!("../vectors/kcp-packets.jsonl").lines() {
        let packet: Value = serde_json::from_str(line).unwrap();
        let bytes = hex::decode(packet["hex"].as_str().unwrap()).unwrap();
        let from_client = packet["dir"] == "c>s";
        if bytes.len() == 16 {
            continue;
        }
        if let Some(plain) = unseal(&proxy, &bytes).filter(|_| bytes.len() == 44) {
            let (id, serial) = (be(&plain[..8]), be(&plain[8..]));
            if from_client {
                assert_eq!(id, info.client_id);
                recording.client_serials.push(serial);
            } else {
                assert_eq!(id, info.server_id);
                recording.server_serials.push(serial);
            }
            continue;
        }
        let body = keys.iter().find_map(|key| unseal(key, &bytes));
        let body = body.expect("the packet opens under no key");
        let side = if from_client {
            &mut recording.from_client
        } else {
            &mut recording.from_server
        };
        side.handle_body(&body);
    }
    recording
}

impl Side {
    fn handle_body(&mut self, body: &[u8]) {
        let seqid = le32(body);
        match le16(&body[4..]) {
            0x00f1 => {
                let size = usize::from(le16(&body[6..]));
                self.shards.insert(seqid, body[6..].to_vec());
                self.handle_segments(&body[8..6 + size]);
            }
            0x00f2 => assert_eq!(
                Some(&body[6..]),
                self.shards.get(&(seqid - 1)).map(|b| &b[..])
            ),
            other => panic!("FEC type {other:#x}"),
        }
    }

    fn handle_segments(&mut self, mut rest: &[u8]) {
        while !rest.is_empty() {
            let (cmd, frg, sn) = (rest[4], rest[5], le32(&rest[12..]));
            let len = le32(&rest[20..]) as usize;
            let (data, tail) = rest[24..].split_at(len);
            if cmd == 81 && sn >= self.next {
                assert_eq!(frg, 0);
                self.early.entry(sn).or_insert_with(|| data.to_vec());
            }
            rest = tail;
        }
        while let Some(data) = self.early.remove(&self.next) {
            self.next += 1;
            self.frames.extend(data);
        }
        while self.handle_frame().is_some() {}
    }

    fn handle_frame(&mut self) -> Option<()> {
        let (header, rest) = self.frames.split_first_chunk::<8>()?;
        let (cmd, length, id) = (header[1], le16(&header[2..]), le32(&header[4..]));
        assert_eq!(header[0], 2, "mux version");
        // The length field of a FIN is its kind.
        let body = if cmd == 1 {
            &[]
        } else {
            rest.get(..length.into())?
        };
        let taken = 8 + body.len();
        match cmd {
            0 => assert_eq!(
                self.streams.insert(id, Vec::new()),
                None,
                "SYN of an open stream"
            ),
            1 => self.fins.push((id, length)),
            2 => self.streams.entry(id).or_default().extend(body),
            4 => assert_eq!(body.len(), 8, "UPD"),
            other => panic!("mux command {other}"),
        }
        self.frames.drain(..taken);
        Some(())
    }
}

struct Aes256;

impl KeyType for Aes256 {
    fn len(&self) -> usize {
        32
    }
}

fn derive(salt: &[u8], secret: &[u8]) -> LessSafeKey {
    let mut bytes = [0; 32];
    let extracted = Salt::new(HKDF_SHA384, salt).extract(secret);
    extracted
        .expand(&[], Aes256)
        .unwrap()
        .fill(&mut bytes)
        .unwrap();
    key(&bytes)
}

fn key(bytes: &[u8]) -> LessSafeKey {
    LessSafeKey::new(UnboundKey::new(&AES_256_GCM, bytes).unwrap())
}

fn unseal(key: &LessSafeKey, packet: &[u8]) -> Option<Vec<u8>> {
    let (nonce, sealed) = packet.split_at(NONCE_LEN);
    let nonce = Nonce::try_assume_unique_for_key(nonce).unwrap();
    let mut sealed = sealed.to_vec();
    let plain = key.open_in_place(nonce, Aad::empty(), &mut sealed).ok()?;
    Some(plain.to_vec())
}

fn be(bytes: &[u8]) -> u64 {
    u64::from_be_bytes(bytes[..8].try_into().unwrap())
}

fn le32(bytes: &[u8]) -> u32 {
    u32::from_le_bytes(bytes[..4].try_into().unwrap())
}

fn le16(bytes: &[u8]) -> u16 {
    u16::from_le_bytes(bytes[..2].try_into().unwrap())
}
