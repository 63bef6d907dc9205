# The tasks of this repository. `just` alone lists them.

export RUSTDOCFLAGS := "-D warnings"

[private]
default:
    @just --list --unsorted

# Format, lints and house rules: run it before every commit
check:
    cargo fmt --all --check
    cargo clippy --workspace --all-targets -- -D warnings
    cargo test -p tssh-conformance --test house

# All tests, or those of one crate: `just test -p tssh-core`
test *args='--workspace':
    cargo test {{ args }}

# The matrix of what every transport owes over every link, and of the sessions above: all transports, or those named
conformance *transports='memory quic kcp':
    #!/usr/bin/env bash
    set -uo pipefail
    cells=$(mktemp)
    trap 'rm -f "$cells"' EXIT
    failed=0
    for name in {{ transports }}; do
        crate=tssh-transport-$name
        [ "$name" = memory ] && crate=tssh-conformance
        cargo run -q -p "$crate" --example "$name" -- --json >>"$cells" || failed=1
    done
    cargo run -q -p tssh-server --example sessions -- --json {{ transports }} >>"$cells" || failed=1
    cargo run -q -p tssh-conformance --example table <"$cells" || failed=1
    exit $failed

# Release builds, measured next to ssh in the same run
bench *args:
    cargo build --release
    cargo bench -p tssh-client --bench session {{ args }}

# The API documentation, private items too
doc:
    cargo doc --workspace --no-deps --document-private-items

# Licences, sources, banned and doubled crates, known advisories (needs cargo-deny)
deny:
    cargo deny check

# Any bytes for the decoders, ten minutes each: all of them, or those named (needs cargo-fuzz and a nightly compiler)
fuzz *targets:
    #!/usr/bin/env bash
    set -uo pipefail
    failed=()
    for target in {{ if targets == "" { "$(cargo +nightly fuzz list)" } else { targets } }}; do
        dictionary=()
        case $target in bus | messages | server_info) dictionary=(-dict=fuzz/json.dict) ;; esac
        cargo +nightly fuzz run "$target" -- -max_total_time=600 -rss_limit_mb=2048 ${dictionary[@]+"${dictionary[@]}"} || failed+=("$target")
    done
    [ ${#failed[@]} = 0 ] || { echo "found something: ${failed[*]}"; exit 1; }

# A login to this very machine, with nothing installed and nothing left behind
demo:
    cargo build --release
    cargo run --release --bin tssh -- --demo

# Everything that continuous integration runs
ci:
    .ci/run
