#!/usr/bin/env bash
# Builds what is given to others, below `target/dist`: an archive with the command, its manual pages, what
# shells need to complete it, and the licences; and its checksum. Needs Rust, and nothing else.
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.."

cargo build --release --locked
ecsup=target/release/ecsup
name=ecsup-$("$ecsup" --version | cut -d' ' -f2)-$(rustc -vV | sed -n 's/^host: //p')
dist=target/dist
rm -rf "$dist"
mkdir -p "$dist/$name"/{man/man1,completions}

cp "$ecsup" README.md CHANGELOG.md LICENSE-APACHE LICENSE-MIT "$dist/$name"
"$ecsup" --quiet man-pages "$dist/$name/man/man1"
for shell in bash zsh fish elvish powershell; do
    "$ecsup" completions "$shell" >"$dist/$name/completions/ecsup.$shell"
done

cd "$dist"
tar -czf "$name.tar.gz" "$name"
sha256sum "$name.tar.gz" >"$name.tar.gz.sha256"
printf '%s\n' "$dist/$name.tar.gz"
