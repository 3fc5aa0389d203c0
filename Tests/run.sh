#!/usr/bin/env bash
# Runs the tests that were built, with any options of `swift test`; what failed stands once more at the end.
set -uo pipefail
cd "$(dirname "$0")/.."
log="$(mktemp)"
trap 'rm -f "$log"' EXIT
swift test -c release -Xswiftc -enable-testing --skip-build "$@" 2>&1 | tee "$log"
status=${PIPESTATUS[0]}
[ "$status" = 0 ] || { echo "== what failed"; grep -a '✘\|recorded an issue\|rror:' "$log" | head -n 40; }
exit "$status"
