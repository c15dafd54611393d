# Sourced: `venv NAME REQUIREMENT…` makes or reuses a Python environment in the cache and prints its
# python. Fails with one line on stderr when there is no Python, or nothing can be fetched.

venv() {
    local name=$1 folder python=
    shift
    folder="${XDG_CACHE_HOME:-$HOME/.cache}/pointsman-ci/$name"
    # Debian's own first: another one in PATH may be gone or differently built next time.
    for candidate in /usr/bin/python3 python3; do
        if "$candidate" -c 'import ensurepip, venv' 2>/dev/null; then
            python=$candidate
            break
        fi
    done
    if [ -z "$python" ]; then
        echo "no Python 3 with venv here" >&2
        return 1
    fi
    # A marker tells that everything was fetched, and what.
    if [ "$(cat "$folder/.whole" 2>/dev/null)" != "$*" ] || ! "$folder/bin/python" -c '' 2>/dev/null; then
        rm -rf "$folder"
        mkdir -p "$folder" || return 1
        if ! { "$python" -m venv "$folder" && "$folder/bin/pip" install --no-input --progress-bar off \
            --disable-pip-version-check --retries 2 --timeout 30 "$@"; } >"$folder/log" 2>&1; then
            grep -v '^\[notice\]' "$folder/log" | tail -n 1 >&2
            return 1
        fi
        printf '%s' "$*" > "$folder/.whole"
    fi
    echo "$folder/bin/python"
}
