"""Writes ../lengths/*.txt, the sequence lengths that both sides of the speed comparison train on; run by hand.

One length a line, in a shuffled order; a batch is the next 50 or 64 of them, beginning again at the end.
    reviews.txt  tokens of the movie reviews' training texts (median 22)
    mixed.txt    log-normal, median 170, deviation 0.7 of the logarithm, in 10 … 500: roughly IMDB's reviews
"""

import pathlib

import numpy as np

import data

generator = np.random.default_rng(1)
folder = pathlib.Path(__file__).resolve().parent.parent / "lengths"
texts, _ = data.reviews()["train"]
reviews = generator.permutation([len(data.tokenize(text)) for text in texts])
mixed = np.clip(np.rint(170 * np.exp(0.7 * generator.standard_normal(4096))), 10, 500).astype(int)
for name, lengths in [("reviews", reviews), ("mixed", mixed)]:
    (folder / f"{name}.txt").write_text("".join(f"{length}\n" for length in lengths))
    print(
        name, len(lengths), "median", np.median(lengths), "mean", lengths.mean(), "range", lengths.min(), lengths.max()
    )
