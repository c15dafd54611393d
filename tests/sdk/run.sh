#!/usr/bin/env bash
# The real OpenAI and Anthropic SDKs against the gateway.   run.sh [BINARY]
# Needs Python 3 with venv and the Python package index once; says so and skips without.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
binary=$(realpath "${1:-${CARGO_TARGET_DIR:-$here/../../target}/debug/pointsman}")
# shellcheck source=venv.sh
. "$here/venv.sh"
mapfile -t wanted < "$here/requirements.txt"
if ! python=$(venv sdk "${wanted[@]}" 2>&1); then
    echo "SKIPPED the SDK checks, the SDKs cannot be installed: $python"
    exit 0
fi
# No proxy, key or setting of this machine reaches the clients.
clean=(env -i "PATH=$PATH" "HOME=$HOME" LANG=C.UTF-8 PYTHONDONTWRITEBYTECODE=1)
# The checks themselves, without a gateway; then with it.
"${clean[@]}" timeout 60 "$python" "$here/check.py" --direct
exec "${clean[@]}" timeout 300 "$python" "$here/check.py" "$binary"
