//! Commands, and the messages of every kind of stream.

use bytes::BytesMut;

use super::{at_once, is_a_sentence, is_too_long};
use crate::wire::{
    Accept, BusHello, BusWelcome, DialReply, DialRequest, DialUdpReply, ListenRequest, Message,
    Resize, ServerStatus, SessionStart, StderrStart, ViewRequest, codec,
};

/// Any bytes as a command, and as a message of the kind that the first of them names.
pub fn messages(data: &[u8]) {
    let Some((&kind, bytes)) = data.split_first() else {
        return;
    };
    command(bytes);
    answer(bytes);
    let read = [
        message::<Accept>,
        message::<BusHello>,
        message::<BusWelcome>,
        message::<DialReply>,
        message::<DialRequest>,
        message::<DialUdpReply>,
        message::<ListenRequest>,
        message::<Resize>,
        message::<ServerStatus>,
        message::<SessionStart>,
        message::<StderrStart>,
        message::<ViewRequest>,
    ];
    read[usize::from(kind) % read.len()](bytes);
}

fn command(bytes: &[u8]) {
    let mut left = bytes;
    match at_once(codec::read_command(&mut left)) {
        Ok(name) => {
            let mut written = BytesMut::new();
            codec::encode_command(&name, &mut written).expect("it was read");
            assert_eq!(written[..], bytes[..bytes.len() - left.len()]);
        }
        Err(why) => is_a_sentence(&why.to_string()),
    }
}

fn answer(bytes: &[u8]) {
    if let Err(why) = at_once(codec::read_ack(&mut &bytes[..])) {
        is_a_sentence(&why.to_string());
    }
}

/// With its length before it, and as the whole of what is there.
fn message<T: Message>(bytes: &[u8]) {
    framed::<T>(bytes);
    let length = (bytes.len() as u32).to_be_bytes();
    framed::<T>(&[&length, bytes].concat());
}

fn framed<T: Message>(bytes: &[u8]) {
    let mut left = bytes;
    let read = at_once(codec::read_message::<T, _>(&mut left));
    let taken = bytes.len() - left.len();
    let announced = bytes
        .first_chunk()
        .map_or(0, |prefix| u32::from_be_bytes(*prefix) as usize);
    assert!(taken <= announced.saturating_add(4));
    match read {
        Ok(message) => {
            assert_eq!(taken, announced + 4);
            round_trips(&message);
        }
        Err(why) => is_a_sentence(&why.to_string()),
    }
}

fn round_trips<T: Message>(message: &T) {
    let mut written = BytesMut::new();
    if let Err(why) = codec::encode_message(message, &mut written) {
        return is_too_long(&why);
    }
    let read: T = at_once(codec::read_message(&mut &written[..])).expect("it was written");
    assert_eq!(&read, message);
    // Debug output of what a peer sent goes into logs.
    assert!(!format!("{read:?}").contains('\n'));
}
