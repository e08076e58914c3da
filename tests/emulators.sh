#!/usr/bin/env bash
# Makes the Python environment with the emulators, at target/emulators/venv. Safe to repeat and safe
# to run twice at once: the second one waits and then finds nothing to do. The tests call it
# themselves; run it by hand to fetch everything beforehand.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
requirements=$root/tests/requirements.txt
emulators=$root/target/emulators
environment=$emulators/venv
# Written last, so that an environment whose installation was interrupted is made again.
stamp=$environment/installed-requirements.txt

mkdir -p "$emulators"
# The lock is released by the kernel when this process ends, however it ends.
exec 9>"$emulators/lock"
if command -v flock >/dev/null; then
    flock 9
else
    python3 -c 'import fcntl; fcntl.flock(9, fcntl.LOCK_EX)'
fi

if cmp -s "$requirements" "$stamp"; then
    exit 0
fi

rm -rf "$environment"
export PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_ROOT_USER_ACTION=ignore
if python3 -c 'import ensurepip' 2>/dev/null; then
    python3 -m venv "$environment"
    "$environment/bin/python" -m pip install --quiet --requirement "$requirements"
else
    # Debian keeps ensurepip in a package of its own; the pip outside can install into the environment.
    python3 -m venv --without-pip "$environment"
    python3 -m pip --python "$environment/bin/python" install --quiet --requirement "$requirements"
fi
cp "$requirements" "$stamp"
