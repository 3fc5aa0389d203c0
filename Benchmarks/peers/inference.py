"""A peer turns texts into normalised sentence vectors, as fast as it can.

    python inference.py PEER prepare --model FOLDER --input FILE --work FOLDER
    python inference.py PEER serve --model FOLDER --input FILE --work FOLDER --threads 2
    python inference.py PEER embed --model FOLDER --input FILE --work FOLDER --threads 2 --output FILE.npy

prepare writes what the peer needs of the model into the work folder. serve tries the peer's ways, streams and tokens in
flight on some of the texts, prints the best setting as a JSON line, and then for each line on standard input one of
{"tokens", "tokensPerSecond", "latency"}: a round over all texts, and the median ms of one short text. embed writes
the vectors of all texts, with the setting that --setting gives (as serve prints it).
"""

import argparse
import concurrent.futures
import importlib.metadata
import json
import os
import pathlib
import statistics
import sys
import time

import numpy as np

SHORT = "A cat sits outside in the warm sun."  # 11 tokens
IN_FLIGHT = [256, 512, 1024, 2048, 4096, 8192]  # tokens, padding included


class Texts:
    """Texts and the model's tokenizer, which cuts at the model's length."""

    def __init__(self, model, file, threads):
        os.environ["RAYON_NUM_THREADS"] = str(threads)
        from tokenizers import Tokenizer

        self.texts = file.read_text().splitlines()
        self.tokenizer = Tokenizer.from_file(str(model / "tokenizer.json"))
        self.tokenizer.no_padding()
        length = json.loads((model / "sentence_bert_config.json").read_text())["max_seq_length"]
        self.tokenizer.enable_truncation(length)

    def tokenize(self, texts=None):
        return [encoding.ids for encoding in self.tokenizer.encode_batch_fast(texts or self.texts)]


def batches(rows, in_flight):
    """(positions, ids, mask) of at most so many tokens, padding included, the longest texts first."""
    order = sorted(range(len(rows)), key=lambda i: -len(rows[i]))
    start = 0
    while start < len(order):
        longest = len(rows[order[start]])
        chosen = order[start : start + max(1, in_flight // longest)]
        start += len(chosen)
        ids, mask = np.zeros((2, len(chosen), longest), np.int64)
        for row, position in enumerate(chosen):
            length = len(rows[position])
            ids[row, :length], mask[row, :length] = rows[position], 1
        yield chosen, ids, mask


class Peer:
    """An engine with its setting: {"variant", "streams", "inFlight"}."""

    def __init__(self, engine, options, setting):
        self.setting, self.tokenize = setting, options.texts.tokenize
        self.engine = engine(options.model, options.work, setting["variant"], options.threads, setting["streams"])
        self.pool = concurrent.futures.ThreadPoolExecutor(setting["streams"]) if setting["streams"] > 1 else None

    def encode(self, texts):
        rows = self.tokenize(texts)
        run = lambda batch: (batch[0], self.engine(*batch[1:]))
        vectors = None
        for chosen, values in (self.pool.map if self.pool else map)(run, batches(rows, self.setting["inFlight"])):
            if vectors is None:
                vectors = np.empty((len(rows), values.shape[1]), np.float32)
            vectors[chosen] = values
        return vectors


class SentenceTransformers:
    """As its documentation uses it: batches of 32, sorted by length."""

    package, compute, variants = "sentence-transformers", "float32", []

    @staticmethod
    def prepare(model, work):
        import sentence_transformers  # noqa: F401

    def __init__(self, _, options, setting):
        import torch
        from sentence_transformers import SentenceTransformer

        torch.set_num_threads(options.threads)
        self.setting, self.model = {"batch": 32}, SentenceTransformer(str(options.model), device="cpu")

    def encode(self, texts):
        return self.model.encode(texts, normalize_embeddings=True, show_progress_bar=False)


def seconds(peer, texts, times=2):
    """The least time that the texts took; the first time warms up."""
    taken = []
    for _ in range(times):
        start = time.perf_counter()
        peer.encode(texts)
        taken.append(time.perf_counter() - start)
    return min(taken)


def latency(peer):
    """The median ms of one short text, over a second."""
    taken, end = [seconds(peer, [SHORT], 3)], time.perf_counter() + 1
    while time.perf_counter() < end:
        taken.append(seconds(peer, [SHORT], 1))
    return 1000 * statistics.median(taken)


def tuned(engine, options):
    """The peer at its fastest for many texts, and at its fastest for one."""
    if not engine.variants:
        peer = SentenceTransformers(engine, options, None)
        return peer, peer
    sample = options.texts.texts[:: max(1, len(options.texts.texts) // 80)]
    peers = [
        Peer(engine, options, {"variant": variant, "streams": streams, "inFlight": 1024})
        for variant in engine.variants for streams in sorted({1, options.threads})
    ]  # fmt: skip
    best, quick = min(peers, key=lambda peer: seconds(peer, sample)), min(peers, key=latency)

    def at(tokens):
        best.setting["inFlight"] = tokens
        return seconds(best, sample)

    best.setting["inFlight"] = min(IN_FLIGHT, key=at)
    return best, quick


def serve(engine, options):
    best, quick = tuned(engine, options)
    tokens = sum(map(len, options.texts.tokenize()))
    version = importlib.metadata.version(engine.package)
    print(json.dumps({"setting": best.setting, "compute": engine.compute, "version": version}), flush=True)
    for _ in sys.stdin:
        rate = tokens / seconds(best, options.texts.texts, 1)
        print(json.dumps({"tokens": tokens, "tokensPerSecond": rate, "latency": latency(quick)}), flush=True)


def main():
    from engines import ENGINES

    engines = {"sentence-transformers": SentenceTransformers} | ENGINES
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("peer", choices=engines)
    parser.add_argument("action", choices=["prepare", "serve", "embed"])
    for name in ("model", "input", "work"):
        parser.add_argument(f"--{name}", type=pathlib.Path, required=True)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--setting", type=json.loads)
    parser.add_argument("--output", type=pathlib.Path)
    options = parser.parse_args()
    engine = engines[options.peer]
    if options.action == "prepare":
        return engine.prepare(options.model, options.work)
    options.texts = Texts(options.model, options.input, options.threads)
    if options.action == "serve":
        return serve(engine, options)
    peer = (Peer if engine.variants else SentenceTransformers)(engine, options, options.setting)
    np.save(options.output, peer.encode(options.texts.texts))


if __name__ == "__main__":
    main()
