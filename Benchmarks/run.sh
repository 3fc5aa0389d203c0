#!/usr/bin/env bash
# Ours and the peers' in turn, in one run: writes Benchmarks/RESULTS.md and results.json.
#   run.sh [training|inference|tokenizers [OPTION …]]      all unless one is named; its options: compare.py, inference.py, tokenization.py
# Training: the same models by us and by PyTorch. Inference: vectors of texts by us and by the engines of peers/engines.py.
# Tokenizers: by us and by Hugging Face's library.
# The peers get an environment of their own outside the repository. MODEL names the encoder's folder.
set -euo pipefail
[ -z "${MODEL:-}" ] || MODEL="$(realpath "$MODEL")"
cd "$(dirname "$0")"
part=all
case "${1:-}" in
  training | inference | tokenizers) part="$1"; shift ;;
  "") ;;
  *) echo "expected training, inference or tokenizers first, found $1"; exit 1 ;;
esac
environment="${ENCODERS_PEERS:-${XDG_CACHE_HOME:-$HOME/.cache}/encoders/peers}"
python="$environment/bin/python"
if [ ! -x "$python" ]; then
  python3 -m venv "$environment"
  "$environment/bin/pip" install --quiet torch==2.13.0+cpu numpy || "$environment/bin/pip" install --quiet torch==2.13.0 numpy
fi

[ "$part" = inference ] || swift build -c release
case "$part" in all | training) "$python" compare.py "$@" ;; esac
[ "$part" != training ] || exit 0

model="${MODEL:-../models/all-MiniLM-L6-v2}"
if [ ! -e "$model/config.json" ]; then
  echo "the rest is passed over, for want of $model; get it by: encoders model get sentence-transformers/all-MiniLM-L6-v2"
  exit 0
fi
# Each by itself: one that can't be installed is named as absent in the results.
packages="sentence-transformers onnx onnxruntime openvino nncf ctranslate2"
[ "$part" != tokenizers ] || packages=tokenizers
for package in $packages; do
  "$python" -m pip show --quiet "$package" 2>/dev/null || "$python" -m pip install --quiet "$package" ||
    echo "$package could not be installed"
done
make --no-print-directory -C .. build data
case "$part" in all | inference) "$python" inference.py --model "$model" "$@" ;; esac
case "$part" in all | tokenizers)
  ../.build/release/encoders data get chinese-reviews --output ../.cache/data --cache ../.cache/downloads >/dev/null
  "$python" tokenization.py --model "$model" "$@" ;;
esac
