//! `tsshd` that offers this transport, and KCP when it is asked for.

fn main() -> std::process::ExitCode {
    let own = tssh_core::transport::Registry::new().with(tssh_transport_noq::Noq::default());
    let transports = own.with(tssh_transport_kcp::Kcp::default());
    tssh_server::daemon::main(std::env::args_os(), &transports).into()
}
