#!/usr/bin/env bash
# Runs the tests, and installs what they need where it is missing: the runner `cargo-nextest`, and the
# emulators, which are Python packages below `target/`. Needs Rust, and Python 3.11 or later with pip.
#
#   scripts/test.sh                     every test
#   scripts/test.sh --profile fast      those that take seconds, for the inner loop
#   scripts/test.sh lifecycle           whatever else `cargo nextest run` takes
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.."
export PATH="${CARGO_HOME:-$HOME/.cargo}/bin:$PATH"

if ! command -v cargo-nextest >/dev/null; then
    cargo install --locked cargo-nextest
fi
case " $* " in
*' fast '*) ;;
*) tests/emulators.sh ;;
esac
exec cargo nextest run "$@"
