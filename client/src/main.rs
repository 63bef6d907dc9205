//! `tssh`: logs in as `ssh` does, and roams.

fn main() {
    std::process::exit(tssh_client::program::main(std::env::args_os()));
}
