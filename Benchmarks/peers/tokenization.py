"""What bench tokenize measures of us, of Hugging Face's tokenizers: a JSON line a round.

    python tokenization.py FOLDER FILE [--rounds 5] [--seconds 3] [--threads 2] [--wait]
"""

import argparse
import json
import os
import sys
import time

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("folder")
parser.add_argument("file")
parser.add_argument("--rounds", type=int, default=5)
parser.add_argument("--seconds", type=float, default=3)
parser.add_argument("--threads", type=int, default=2)
parser.add_argument("--wait", action="store_true")
options = parser.parse_args()
os.environ |= {"TOKENIZERS_PARALLELISM": str(options.threads > 1).lower(), "RAYON_NUM_THREADS": str(options.threads)}

from tokenizers import Tokenizer, __version__  # noqa: E402  (reads the environment)


def rate(encode):
    """Bytes of text a second."""
    start, passes = time.perf_counter(), 0
    while (taken := time.perf_counter() - start) < options.seconds or passes == 0:
        encode(texts)
        passes += 1
    return size * passes / taken


start = time.perf_counter()
tokenizer = Tokenizer.from_file(f"{options.folder}/tokenizer.json")
load = time.perf_counter() - start
texts = [line for line in open(options.file, encoding="utf-8").read().splitlines() if line]
size = sum(len(text.encode()) for text in texts)
if options.wait:
    print("ready", flush=True)
for _ in range(options.rounds):
    if options.wait and not sys.stdin.readline():
        break
    figures = {"ids": rate(tokenizer.encode_batch_fast), "encodings": rate(tokenizer.encode_batch), "load": load}
    print(json.dumps(figures | {"version": __version__}), flush=True)
