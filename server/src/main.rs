//! The `tsshd` program.

use std::process::ExitCode;

fn main() -> ExitCode {
    tssh_server::daemon::main(std::env::args_os(), &tssh_server::transports::known()).into()
}
