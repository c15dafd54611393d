#!/usr/bin/env bash
# The real OpenAI and Anthropic SDKs against the gateway.   run.sh [BINARY]
# Needs Python 3 with venv and the Python package index once; says so and skips without.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
binary=$(realpath "${1:-${CARGO_TARGET_DIR:-$here/../../target}/debug/pointsman}")
# shellcheck source=venv.sh
. "$here/venv.sh"
mapfile -t wanted < "$here/requirements.txt"
if ! python=$(venv sdk "${wanted[@]}"); then
    echo "SKIPPED the SDK checks: the SDKs cannot be installed"
    exit 0
fi
export PYTHONDONTWRITEBYTECODE=1
# The checks themselves, without a gateway; then with it.
"$python" "$here/check.py" --direct
exec timeout 300 "$python" "$here/check.py" "$binary"
