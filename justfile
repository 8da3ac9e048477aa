# Every recipe of `check` is a step of `.ci/run`, which is what CI runs: it needs no `just`.

# This list
default:
    @just --list

# All that CI checks
check:
    .ci/run

# Format everything
fmt:
    cargo fmt --all

# One step of CI: format, lint, docs, deny, features, tests, readme, mesh, demo
step +steps:
    .ci/run {{ steps }}

# Clippy; a warning is an error
lint:
    .ci/run lint

# All tests, those of the documentation included
test:
    .ci/run tests

# Mixed faults under load for ten minutes, a third of that before it; streams of a million messages
soak seconds="600":
    cargo build --profile quick -p outrigger-sidecar
    OUTRIGGER_SOAK_BINARY="{{ justfile_directory() }}/target/quick/outrigger" OUTRIGGER_SOAK_SECONDS={{ seconds }} \
        OUTRIGGER_SOAK_MESSAGES=1000000 OUTRIGGER_SOAK_MEGABYTES=100 \
        cargo test -p outrigger-sidecar --test e2e -- soak grpc_streams --nocapture

# The herd over real sockets: an app dead for half a minute under 200 clients, with and without sidecars
herd-real seconds="30" clients="200":
    OUTRIGGER_HERD_SECONDS={{ seconds }} OUTRIGGER_HERD_CLIENTS={{ clients }} \
        cargo test -p outrigger-sidecar --test e2e -- --nocapture herd::

# Crates that must not be in the tree, licences, sources
deny:
    .ci/run deny

# The documentation, opened
doc:
    cargo doc --workspace --no-deps --open

# Every failure on a pair of sidecars; stays up
demo:
    cargo run --release -- demo

# Two services beside two sidecars; stays up
mesh:
    cargo run -p outrigger-example-mesh

# What the layers and the whole stack add to a request: time and allocations
bench *args:
    cargo bench -p outrigger-layers -p outrigger-sidecar {{ args }}

# Each layer beside those of tower, tower-http and tower-resilience, in one table; what is counted needs valgrind
compare:
    cargo run --release --locked --manifest-path benches/Cargo.toml

# A fuzz target for so many seconds; README.md lists them
fuzz target seconds="600":
    mkdir -p fuzz/found/{{ target }}
    cargo +nightly fuzz run --sanitizer none {{ target }} fuzz/found/{{ target }} fuzz/corpus/{{ target }} -- \
        -max_total_time={{ seconds }} -timeout=60 -dict=fuzz/{{ if target == "configuration" { "toml" } else { "http" } }}.dict

# The sidecar as it is shipped: target/release/outrigger
release:
    cargo build --release
