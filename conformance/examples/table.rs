//! Reads what the suite's programs print with `--json`, and prints one table of all.

use std::process::ExitCode;

fn main() -> ExitCode {
    tssh_conformance::matrix::join()
}
