//! The transport that needs no network: a scenario that it fails is a wrong scenario.

use tssh_conformance::Rig;
use tssh_core::transport::memory::Memory;

mod with_datagrams {
    tssh_conformance::transport_conformance!(rig, datagrams, over: nothing);

    fn rig(_: u64) -> super::Rig {
        super::over_its_air(super::Memory::with_datagrams()).with_datagrams()
    }
}

mod without_datagrams {
    tssh_conformance::transport_conformance!(rig, over: nothing);

    fn rig(_: u64) -> super::Rig {
        super::over_its_air(super::Memory::default())
    }
}

fn over_its_air(memory: Memory) -> Rig {
    let air = memory.air();
    Rig::new(memory).with_own_way(move |cut| match cut {
        true => air.darken(),
        false => air.clear(),
    })
}
