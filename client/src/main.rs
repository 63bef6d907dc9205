//! `tssh`: logs in as `ssh` does, and roams.

fn main() {
    let transports = tssh_client::roam::transports();
    std::process::exit(tssh_client::program::main(std::env::args_os(), &transports));
}
