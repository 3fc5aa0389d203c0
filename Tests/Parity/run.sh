#!/usr/bin/env bash
# Compares with the reference implementations live: they compute their goldens anew, from other random numbers than those that are
# committed, and the tests run against these; then each comparison script beside this file. The references get an environment of
# their own outside the repository (or the one that ENCODERS_PEERS names).
set -euo pipefail
cd "$(dirname "$0")/../.."
root=$PWD
environment="${ENCODERS_PEERS:-${XDG_CACHE_HOME:-$HOME/.cache}/encoders/peers}"
python="$environment/bin/python"
[ -x "$python" ] || python3 -m venv "$environment"
"$python" -c "import torch" 2>/dev/null ||
  "$environment/bin/pip" install --quiet torch==2.13.0+cpu || "$environment/bin/pip" install --quiet torch==2.13.0
"$environment/bin/pip" install --quiet -r Tests/Parity/requirements.txt

export ENCODERS_SEED="${ENCODERS_SEED:-1}" HF_HUB_OFFLINE=1 ENCODERS_ROOT="$root"
export ENCODERS_GOLDENS="$(mktemp -d)"
trap 'rm -rf "$ENCODERS_GOLDENS"' EXIT
cp -r Tests/Golden/. "$ENCODERS_GOLDENS"
find "$ENCODERS_GOLDENS" -name 'make*.py' -o -name words.py | LC_ALL=C sort | while read -r script; do
  (cd "$(dirname "$script")" && "$python" "$(basename "$script")" >/dev/null) || { echo "$script failed" >&2; exit 1; }
done
Tests/run.sh --skip EncodersCommandTests
for script in Tests/Parity/compare_*.py; do
  echo "== $script"
  "$python" "$script" "$root/.build/release/encoders"
done
