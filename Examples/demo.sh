#!/usr/bin/env bash
# Trains four encoders from scratch on real data, prints one table and writes demo/results.json.
set -euo pipefail
cd "$(dirname "$0")/.."
encoders=.build/release/encoders
mkdir -p demo

train() { # name, recipe
  echo; echo "── $1: Examples/recipes/$2.yaml"
  "$encoders" train "Examples/recipes/$2.yaml" --output "demo/$1" --overwrite --json > "demo/$1.json.partial"
  mv "demo/$1.json.partial" "demo/$1.json"
}
train reviews-cnn reviews-cnn
train reviews-gru reviews-gru
train mnist-cnn mnist-cnn
train autoencoder mnist-autoencoder

python3 - <<'PY'
import json
rows = []
for name in ["reviews-cnn", "reviews-gru", "mnist-cnn", "autoencoder"]:
    summary = json.load(open(f"demo/{name}.json"))
    key = "mse" if name == "autoencoder" else "accuracy"
    score = (summary.get("reconstruction") or summary.get("classification"))[key]
    rows.append({"name": name, key: score["value"], "interval": [score["lower"], score["upper"]],
                 "seconds": summary["seconds"], "samplesPerSecond": summary["samplesPerSecond"]})
with open("demo/results.json.partial", "w") as file:
    json.dump(rows, file, indent=2)
import os
os.replace("demo/results.json.partial", "demo/results.json")
print(f"\n{'encoder':<14}{'test score':>22}{'95 % interval':>22}{'seconds':>10}{'samples/s':>12}")
for row in rows:
    key = "mse" if "mse" in row else "accuracy"
    low, high = row["interval"]
    print(f"{row['name']:<14}{key + ' ' + format(row[key], '.4f'):>22}{f'{low:.4f} – {high:.4f}':>22}"
          f"{row['seconds']:>10.1f}{row['samplesPerSecond']:>12,.0f}")
PY
echo; echo "the same as JSON: demo/results.json"
echo "reports: demo/{reviews-cnn,reviews-gru,mnist-cnn,autoencoder}/report.html"
if [ -t 0 ] && [ -t 1 ]; then
  echo; echo "Type a sentence about a film (an empty line ends):"
  while read -r -p "> " line && [ -n "$line" ]; do
    printf '%s\n' "$line" | "$encoders" predict demo/reviews-cnn --input -
  done
else
  echo; echo "try: echo 'a moving, funny film' | $encoders predict demo/reviews-cnn --input -"
fi
