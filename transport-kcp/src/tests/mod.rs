//! Packets as they lie on the wire: exact bytes, the recorded session, hostile input.

mod delivered;
mod keys;
mod nonsense;
mod packets;
mod recorded;
mod signs;
