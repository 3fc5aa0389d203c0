#!/usr/bin/env bash
# Runs every example as a reader would: the README's verbs, each recipe for one epoch, the Swift programs.
set -euo pipefail
cd "$(dirname "$0")/.."
bin=.build/release
work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT
reviews=.cache/data/movie-reviews/reviews.tsv

echo "== every recipe, one epoch (those whose data are here)"
for recipe in Examples/recipes/*.yaml; do
  name="$(basename "$recipe" .yaml)"
  data="$(sed -n 's|^ *path: \.\./\.\./||p' "$recipe")"
  [ -e "$data" ] || { echo "$name: $data is not here, passed over"; continue; }
  vectors="$(sed -n 's|.*vectors: \.\./\.\./\([^,} ]*\).*|\1|p' "$recipe")"
  model="$(sed -n 's|.*pretrained: \.\./\.\./\([^,} ]*\).*|\1|p' "$recipe")"
  [ -z "$model" ] || [ -e "$model" ] || { echo "$name: $model is not here, passed over"; continue; }
  [ -z "$vectors" ] || [ -e "$vectors" ] || { echo "$name: $vectors is not here, passed over"; continue; }
  sed -e "s|\.\./\.\./|$PWD/|" -e 's|epochs: [0-9]*|epochs: 1|' "$recipe" > "$work/$name.yaml"
  "$bin/encoders" train "$work/$name.yaml" --output "$work/$name" >/dev/null 2>"$work/log" || { cat "$work/log"; exit 1; }
  "$bin/encoders" inspect "$work/$name" >/dev/null
  echo "$name: ok"
done

echo "== the README's verbs"
"$bin/encoders" evaluate "$work/reviews-cnn" --data "$reviews" --split-column split
echo "a moving, funny film" | "$bin/encoders" predict "$work/reviews-cnn" --input -
tail -n 100 "$reviews" | cut -f1 > "$work/sentences.txt"
"$bin/encoders" embed "$work/reviews-cnn" --input "$work/sentences.txt" --output "$work/vectors.npy"

echo "== Swift programs"
"$bin/example-train-lstm" "$reviews"
"$bin/example-neighbours" "$work/reviews-cnn" "$work/sentences.txt" "a moving, funny film"
