//! Every body on ordinary inputs and on random ones, so that none rots while nobody fuzzes.

use proptest::collection::vec;
use proptest::prelude::{any, proptest};

use super::{auth, bus, messages, server_info};

#[test]
fn the_bodies_hold_for_what_honest_peers_send() {
    bus(b"\x05\x04exit\x00\x00\x00\x17{\"ID\":1,\"ExitCode\":255}\x05close");
    server_info(
        b"\x03motd\x07{\"ServerVer\":\"0.1.8\",\"ProtoVer\":1,\"Port\":61001,\"Mode\":\"KCP\"}\n",
    );
    for kind in 0..12 {
        messages(
            &[
                &[kind],
                &b"{\"ID\":1,\"Pty\":true,\"Envs\":{\"LANG\":\"C\"}}"[..],
            ]
            .concat(),
        );
    }
    let steps: Vec<u8> = (0..=255).collect();
    auth(&steps);
}

proptest! {
    #[test]
    fn the_bodies_hold_for_any_bytes(data in vec(any::<u8>(), 0..600)) {
        auth(&data);
        bus(&data);
        messages(&data);
        server_info(&data);
    }

    #[test]
    fn the_bodies_hold_for_any_text_that_resembles_json(
        head in any::<u8>(),
        fields in vec("\"(ID|Msg|Port|Mode|Envs|Time|ProtoVer)\":(0|7|-1|null|\"x\"|\\{\\}|\\[\\])", 0..6),
    ) {
        let text = format!("{{{}}}", fields.join(","));
        messages(&[&[head], text.as_bytes()].concat());
        server_info(&[&[head, 7], text.as_bytes(), b"\n"].concat());
        let length = text.len() as u8;
        bus(&[&[head, 4][..], b"exit\0\0\0", &[length], text.as_bytes()].concat());
    }
}
