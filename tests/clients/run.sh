#!/usr/bin/env bash
# Every judge in this directory against one throw-away server:
#   tests/clients/run.sh target/debug/lyceum
# LYCEUM_ORACLE_SEED and LYCEUM_ORACLE_COUNT choose other documents, more or fewer.
# Fails when a test fails, when one is skipped, or when the server's log has a panic.
set -euo pipefail

[ $# -eq 1 ] || { echo "usage: $0 LYCEUM_BINARY" >&2; exit 2; }
binary=$(realpath "$1")
cd "$(dirname "$0")"
work=$(mktemp -d)
server=

stop() {
  if [ -n "$server" ]; then kill "$server" 2>/dev/null || true; wait "$server" 2>/dev/null || true; fi
  rm -rf "$work"
}
trap stop EXIT

free_port() {
  node -e 'const s = require("net").createServer().listen(0, "127.0.0.1", () => { console.log(s.address().port); s.close(); })'
}

settings() {
  while IFS='=' read -r key value; do
    case $key in ''|\#*) continue ;; esac
    if grep -q "\`$key\`" ../../docs/configuration.md; then echo "$key=$value"; fi
  done < settings.env
}

npm ci --silent

port=$(free_port)
export CLIENTS_URL=http://127.0.0.1:$port
export CLIENTS_DATA_DIR=$work/data
export CLIENTS_PASSWORD='correct horse battery 1'

mapfile -t chosen < <(settings)
# The server refuses variables that are no settings of its own.
env -u LYCEUM_ORACLE_SEED -u LYCEUM_ORACLE_COUNT -u LYCEUM_ORACLE_REPORT -u LYCEUM_ORACLE_SPELLING "${chosen[@]}" "$binary" --data-dir "$CLIENTS_DATA_DIR" demo --port "$port" --gateway-port "$(free_port)" \
  --admin-password "$CLIENTS_PASSWORD" > "$work/log" 2>&1 &
server=$!
for _ in $(seq 300); do
  if curl --silent --fail --output /dev/null "$CLIENTS_URL/healthz"; then break; fi
  kill -0 "$server" 2>/dev/null || { cat "$work/log" >&2; echo "the server did not start" >&2; exit 1; }
  sleep 0.2
done

# Runs the files one after the other; the counts are read from the TAP that is written beside.
failed=0
judge() {
  local name=$1
  shift
  node --test --test-concurrency=1 \
    --test-reporter=spec --test-reporter-destination=stdout \
    --test-reporter=tap --test-reporter-destination="$work/$name.tap" "$@" || failed=1
}

judge clients oracle/*.test.mjs audit.test.mjs clients/*.test.mjs browser.test.mjs
# Last, for what it may do to the server.
judge hostile hostile.test.mjs

count() {
  cat "$work"/*.tap | sed -n "s/^# $1 \([0-9]*\)$/\1/p" | awk '{ sum += $1 } END { print sum + 0 }'
}

echo
echo "tests $(count tests), passed $(count pass), failed $(count fail), skipped $(count skipped), not done $(count todo)"
if [ "$(count skipped)" != 0 ] || [ "$(count todo)" != 0 ]; then
  echo "a test that should run was skipped" >&2
  failed=1
fi
if grep -E "panicked at|overflowed its stack" "$work/log" >&2; then
  echo "the server panicked" >&2
  failed=1
fi
exit "$failed"
