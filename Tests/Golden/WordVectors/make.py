"""Writes the goldens beside it with gensim 4; run inside this folder.

Three formats of the same vectors, GloVe lines with awkward numbers and a repeated word, and what gensim reads in each.
"""

import os

import numpy as np
from gensim.models import KeyedVectors

words = ["the", ",", "n't", "é", "e\u0301", "中文", "😀", "1995", "\u00a0", "The"]
draw = np.random.default_rng(int(os.environ.get("ENCODERS_SEED", 5)))
vectors = KeyedVectors(7)
vectors.add_vectors(words, (draw.standard_normal((10, 7)) * 10.0 ** draw.integers(-6, 4, (10, 7))).astype(np.float32))
vectors.save_word2vec_format("words.bin", binary=True, write_header=True)
vectors.save_word2vec_format("words.vec")
vectors.save_word2vec_format("words.txt", write_header=False)
np.save("words.npy", vectors.vectors)

NUMBERS = """0 -0.0 5. .5 +3 1e-05 -2.5E3 1e0 123456.789 0.1 0.00012345678901234567 3.4028234e38 1.17549435e-38 1e-45
9007199254740993 0.30000001192092896 16777217 0.000000000000000000000000001 1234567890123456789012345 8.5899346e+09
00000000000000000000000000.25 1e22 1e23 -4.1e-10""".split()
with open("awkward.txt", "w") as out:
    out.write("a " + " ".join(NUMBERS) + "\n")
    out.write("b " + " ".join(NUMBERS[::-1]) + " \r\n")
    out.write("a " + " ".join(["1"] * len(NUMBERS)) + "\n")
    out.write("c " + " ".join(["2"] * len(NUMBERS)) + "\n")
read = KeyedVectors.load_word2vec_format("awkward.txt", no_header=True)
assert read.index_to_key == ["a", "b", "c", None]  # it leaves an empty row for the repeated word
np.save("awkward.npy", read.vectors[:3])
