#!/usr/bin/env bash
# Trains the same models by us and by PyTorch, in turn, in one run: writes Benchmarks/RESULTS.md and results.json.
# PyTorch gets an environment of its own outside the repository.
set -euo pipefail
cd "$(dirname "$0")"
environment="${ENCODERS_PEERS:-${XDG_CACHE_HOME:-$HOME/.cache}/encoders/peers}"
if [ ! -x "$environment/bin/python" ]; then
  python3 -m venv "$environment"
  "$environment/bin/pip" install --quiet torch==2.13.0+cpu numpy || "$environment/bin/pip" install --quiet torch==2.13.0 numpy
fi
swift build -c release
"$environment/bin/python" compare.py "$@"
