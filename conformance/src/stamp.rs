//! One test per scenario, for an author's `tests/conformance.rs`.

/// Stamps one test per scenario that applies, in a module for each way:
///
/// ```text
/// fn rig(_seed: u64) -> tssh_conformance::Rig {
///     tssh_conformance::Rig::new(Mine::default()).with_datagrams()
/// }
/// tssh_conformance::transport_conformance!(rig, datagrams, over: udp, tcp, process);
/// ```
///
/// A transport without datagrams leaves the word out, and is tried for their absence. One whose keys stay quick says
/// `brisk` behind it. One that sends
/// no packets is tried `over: nothing`. The author's crate needs tokio with `test-util`.
#[macro_export]
macro_rules! transport_conformance {
    ($rig:ident, datagrams, brisk, over: $($over:ident),+ $(,)?) => {
        $(mod $over {
            $crate::scenarios! { stamp [$rig, $over, datagrams, brisk] }
        })+
    };
    ($rig:ident, datagrams, over: $($over:ident),+ $(,)?) => {
        $(mod $over {
            $crate::scenarios! { stamp [$rig, $over, datagrams, none] }
        })+
    };
    ($rig:ident, brisk, over: $($over:ident),+ $(,)?) => {
        $(mod $over {
            $crate::scenarios! { stamp [$rig, $over, none, brisk] }
        })+
    };
    ($rig:ident, over: $($over:ident),+ $(,)?) => {
        $(mod $over {
            $crate::scenarios! { stamp [$rig, $over, none, none] }
        })+
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! stamp {
    ($to:tt $($needs:ident $group:ident $runs:literal $names:tt)+) => {
        $($crate::stamp_group! { $needs $to $names })+
    };
}

/// The same choice as [`Scenario::absent`](crate::Scenario::absent): a test that does not apply fails.
#[doc(hidden)]
#[macro_export]
macro_rules! stamp_group {
    (Brisk [$rig:ident, udp, $datagrams:ident, brisk] $names:tt) => {
        $crate::stamp_names! { $rig, udp, $names }
    };
    (Brisk [$rig:ident, $over:ident, $datagrams:ident, $brisk:ident] $names:tt) => {};
    (Packets [$rig:ident, udp, $datagrams:ident, $brisk:ident] $names:tt) => {
        $crate::stamp_names! { $rig, udp, $names }
    };
    (Packets [$rig:ident, $over:ident, $datagrams:ident, $brisk:ident] $names:tt) => {};
    (Weather [$rig:ident, nothing, $datagrams:ident, $brisk:ident] $names:tt) => {};
    (Datagrams [$rig:ident, $over:ident, none, $brisk:ident] $names:tt) => {};
    (NoDatagrams [$rig:ident, $over:ident, datagrams, $brisk:ident] $names:tt) => {};
    ($needs:ident [$rig:ident, $over:ident, $datagrams:ident, $brisk:ident] $names:tt) => {
        $crate::stamp_names! { $rig, $over, $names }
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! stamp_names {
    ($rig:ident, $over:ident, { $($name:ident)+ }) => {
        $(#[test]
        fn $name() {
            let over = $crate::over!($over);
            $crate::play_by_name(stringify!($name), over, $crate::stage!(super::$rig));
        })+
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! over {
    (nothing) => {
        $crate::Over::Nothing
    };
    (process) => {
        $crate::Over::Process
    };
    (tcp) => {
        $crate::Over::Tcp
    };
    (udp) => {
        $crate::Over::Udp
    };
}

/// A [`Stage`](crate::Stage) for a function that makes a [`Rig`](crate::Rig).
#[macro_export]
macro_rules! stage {
    ($rig:expr) => {
        $crate::Stage {
            rig: $rig,
            most_runs: u64::MAX,
            runtime: || {
                ::tokio::runtime::Builder::new_current_thread()
                    .enable_time()
                    .start_paused(true)
                    .build()
                    .expect("a runtime of one thread can be built")
            },
        }
    };
}
