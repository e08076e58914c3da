#!/usr/bin/env bash
# Tries ecsup without an AWS account: starts an emulator on this machine, deploys a stack to it,
# deploys it again, and removes it. With arguments, runs them as an ecsup command line instead.
#
#   scripts/try.sh                                  the tour
#   scripts/try.sh plan --pattern fargate-api       one command
#
# Needs Rust and Python 3.11 or later. Nothing outside the checkout is touched, and nothing leaves
# this machine but package downloads.
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.."
tests/emulators.sh
cargo build --quiet

port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
log=$(mktemp)
BIND_HOST=127.0.0.1 IOT_MTLS_ENABLED=0 GATEWAY_PORT=$port \
    target/emulators/venv/bin/ministack >"$log" 2>&1 &
emulator=$!
trap 'kill "$emulator" 2>/dev/null || true; wait "$emulator" 2>/dev/null || true; rm -f "$log"' EXIT

for _ in $(seq 100); do
    if python3 - "$port" <<'PYTHON' 2>/dev/null; then break; fi
import socket, sys
socket.create_connection(("127.0.0.1", int(sys.argv[1])), timeout=1).close()
PYTHON
    kill -0 "$emulator" 2>/dev/null || { cat "$log" >&2; exit 1; }
    sleep 0.2
done

export AWS_ENDPOINT_URL=http://127.0.0.1:$port AWS_REGION=us-east-1
export AWS_ACCESS_KEY_ID=test AWS_SECRET_ACCESS_KEY=test
unset AWS_PROFILE AWS_SESSION_TOKEN
ecsup=target/debug/ecsup

if [ $# -gt 0 ]; then
    "$ecsup" "$@"
    exit
fi

run() {
    printf '\n$ ecsup %s\n' "$*"
    "$ecsup" "$@"
}

# This emulator has no AMI parameters, so the AMI is named.
run deploy --pattern internal-worker --ami ami-0123456789abcdef0 --yes
run deploy --pattern internal-worker --ami ami-0123456789abcdef0 --yes
run list
run destroy internal-worker --yes
run list
