//! `tssh` with another transport beside its own.

fn main() {
    let transports = tssh_client::roam::transports().with(tssh_transport_noq::Noq::default());
    std::process::exit(tssh_client::program::main(std::env::args_os(), &transports));
}
