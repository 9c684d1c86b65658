# Everything a developer does. `just` lists it.

default:
    @just --list

# What continuous integration runs
ci:
    .ci/run

# Formatting, lints and documentation
check:
    cargo fmt --check
    cargo clippy --all-targets -- -D warnings
    RUSTDOCFLAGS="-D warnings" cargo doc --no-deps --lib

# All tests (with cargo-nextest where it is installed: one process a test)
test *ARGS:
    cargo nextest run {{ARGS}} || cargo test {{ARGS}}

# Accept new snapshots after looking at them
snapshots:
    INSTA_UPDATE=always INSTA_FORCE_PASS=1 cargo test
    git diff --stat -- '*.snap'

# Licences, duplicate crates, sources
deny:
    cargo deny check licenses bans sources

# Steps a second of the built-in trainers beside NumPy, JAX and C
bench-trainers:
    python3 benches/trainers.py

# Trials and points a second, start-up, beside Optuna and bare SQLite
bench-throughput:
    cargo build
    python3 benches/throughput.py --sweep target/debug/sweep

# The README's tour, run afresh; shows what differs
tour:
    python3 docs/tour.py --check

# The searches on our own problems; with a folder that holds the Python harness, also beside Optuna
bench-search HARNESS="":
    cargo bench --bench search -- --samplers bayes,tpe,cmaes,sobol
    cargo build --release
    {{ if HARNESS == "" { "true" } else { "python3 benches/search.py --harness " + HARNESS } }}
