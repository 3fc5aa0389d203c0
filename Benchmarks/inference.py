"""Turns texts into sentence vectors by us and by the peers, in turn: a section of RESULTS.md and results.json.

    python inference.py [--model FOLDER] [--texts 1000] [--rounds 5] [--threads 2 1] [--peers NAME …]

The texts are neighbouring movie reviews joined, one to eight at a time. Everything is measured from text to vector. A
peer that can't be set up, or whose float32 vectors are others, is named as absent with the reason.
"""

import argparse
import json
import os
import pathlib
import random
import re
import subprocess
import sys
import tempfile
import time

import numpy as np

from report import HERE
from report_inference import publish

PEERS = {
    "float32": ["sentence-transformers", "PyTorch", "ONNX Runtime", "OpenVINO", "CTranslate2"],
    "float16": [],  # ours stands beside our float32, as do
    "bfloat16": [],
    "int8": ["ONNX Runtime int8", "OpenVINO int8", "CTranslate2 int8"],
}
OURS = {"float32": "encoders", "float16": "encoders float16", "bfloat16": "encoders bfloat16", "int8": "encoders int8"}
CHECKED = 200  # texts whose vectors are compared
LEAST_COSINE = 0.9999  # of float32, on average


class Failure(Exception):
    pass


def make_texts(reviews, count):
    """Neighbouring reviews, 1, 1, 1, 2, 2, 3, 4, 6 or 8 joined; again from the start when they run out."""
    snippets = [line.split("\t")[0] for line in reviews.read_text().splitlines()[1:]]
    generator, texts, start = random.Random(0), [], 0
    while len(texts) < count:
        size = generator.choice([1, 1, 1, 2, 2, 3, 4, 6, 8])
        if start + size > len(snippets):
            start = 0
        texts.append(" ".join(snippets[start : start + size]))
        start += size
    return texts


def last_line(file):
    file.seek(0)
    lines = [line.strip() for line in file.read().decode(errors="replace").splitlines() if line.strip()]
    text = lines[-1] if lines else "no message"
    return re.sub(r"(?:/[\w.@+-]+)+/", "", text)[:160]  # the results hold no folders of this machine


def measured(command):
    """(seconds, peak memory in MB) of a process, from its start to its end."""
    with tempfile.TemporaryFile() as errors:
        start = time.perf_counter()
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=errors)
        _, status, usage = os.wait4(process.pid, 0)
        taken, process.returncode = time.perf_counter() - start, os.waitstatus_to_exitcode(status)
        if process.returncode:
            raise Failure(last_line(errors))
    return taken, usage.ru_maxrss / 1024


class Bench:
    """The commands of both sides. A side is a name out of OURS or PEERS."""

    def __init__(self, options, work):
        self.options, self.work, self.settings, self.absent = options, work, {}, {}
        texts = make_texts(options.reviews, options.texts)
        (work / "texts.txt").write_text("\n".join(texts) + "\n")
        (work / "one.txt").write_text(texts[0] + "\n")

    def peer(self, name, action, threads, file="texts.txt"):
        command = [sys.executable, str(HERE / "peers/inference.py"), name, action, "--threads", str(threads)]
        return command + ["--model", self.options.model, "--input", self.work / file, "--work", self.work]

    def embed(self, side, threads, file, output):
        """The command that writes the vectors of a file."""
        if side not in OURS.values():
            flags = ["--setting", json.dumps(self.settings[side]), "--output", output]
            return self.peer(side, "embed", threads, file) + flags
        compute = next(key for key, name in OURS.items() if name == side)
        flags = ["--input", self.work / file, "--output", output, "--threads", str(threads), "--compute", compute]
        return [self.options.encoders, "embed", self.options.model, *flags]

    def start(self, name, threads):
        """The peer, set up and tuned, in a process that waits; None if it is absent."""
        if name in self.absent:
            return None
        try:
            if name not in self.settings:
                measured(self.peer(name, "prepare", threads))
            errors = tempfile.TemporaryFile()
            pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": errors, "text": True}
            process = subprocess.Popen(self.peer(name, "serve", threads), **pipes)
            line = process.stdout.readline()
            if not line:
                process.wait()
                raise Failure(last_line(errors))
        except Failure as failure:
            self.absent[name] = str(failure)
            print(f"{name}: absent: {failure}")
            return None
        process.about = json.loads(line)
        self.settings[name] = process.about["setting"]
        print(f"{name}, {threads} threads: {process.about['setting']}", flush=True)
        return process

    def round_of(self, process):
        process.stdin.write("\n")
        process.stdin.flush()
        line = process.stdout.readline()
        if not line:
            sys.exit("a peer ended in the middle of the rounds")
        return json.loads(line)

    def our_round(self, compute, threads):
        command = [self.options.encoders, "bench", self.options.model, "--input", self.work / "texts.txt"]
        flags = ["--threads", str(threads), "--compute", compute, "--rounds", "1", "--json"]
        process = subprocess.run(command + flags, stdout=subprocess.PIPE, text=True)
        if process.returncode:
            sys.exit(f"encoders bench ended with code {process.returncode}")
        answer = json.loads(process.stdout)
        result = next(row for row in answer["results"] if row["compute"] == compute)
        return {
            "tokens": answer["tokens"], "tokensPerSecond": result["tokensPerSecond"],
            "latency": result["latency"]["p50"], "share": result["shareOfCeiling"], "ceiling": answer["ceiling"],
        }  # fmt: skip

    def started(self, threads):
        """The peers that could be set up, {name: process}."""
        names = [name for names in PEERS.values() for name in names if name in self.options.peers]
        started = {name: self.start(name, threads) for name in names}
        return {name: process for name, process in started.items() if process}

    def rounds(self, processes, threads):
        """What each side measured, {side: [round, …]}: a round of each in turn."""
        measurements = {side: [] for side in [*OURS.values(), *processes]}
        for _ in range(self.options.rounds):
            for compute, names in PEERS.items():
                measurements[OURS[compute]].append(self.our_round(compute, threads))
                for name in filter(processes.get, names):
                    measurements[name].append(self.round_of(processes[name]))
            counts = {side: rounds[-1]["tokens"] for side, rounds in measurements.items()}
            if len(set(counts.values())) > 1:
                sys.exit(f"not the same tokens: {counts}")
        return measurements

    def whole(self, peers, threads):
        """{side: {"peakMemory", "meanCosine", "spearman"}} of processes that embed all texts; the first is the truth.

        A peer whose float32 vectors are others becomes absent; if ours are, all ends.
        """
        results, truth = {}, None
        for side in sorted([*OURS.values(), *peers], key=lambda side: side != "sentence-transformers"):
            try:
                _, memory = measured(self.embed(side, threads, "texts.txt", self.work / "vectors.npy"))
                rows = np.load(self.work / "vectors.npy")[:CHECKED]
                truth = rows if truth is None else truth
                results[side] = {"peakMemory": memory} | fidelity(rows, truth)
                if "int8" not in side and results[side]["meanCosine"] < LEAST_COSINE:
                    raise Failure(f"computes other vectors: mean cosine {results.pop(side)['meanCosine']:.5f}")
            except Failure as failure:
                if side in OURS.values():
                    sys.exit(f"{side}: {failure}")
                self.absent[side] = str(failure)
        return results

    def first_vector(self, sides, threads):
        """{side: [seconds, …]} from the start of a process to the end of the one that wrote one vector."""
        times = {side: [] for side in sides}
        for _ in range(self.options.rounds):
            for side in sides:
                times[side].append(measured(self.embed(side, threads, "one.txt", self.work / "one.npy"))[0])
        return times


def fidelity(rows, truth):
    """The mean cosine to the true vectors, and Spearman's correlation of the similarities of all pairs."""
    unit = lambda x: x / np.linalg.norm(x, axis=1, keepdims=True)
    rows, truth = unit(rows.astype(np.float64)), unit(truth.astype(np.float64))
    pairs = np.triu_indices(len(rows), 1)
    ranks = [np.argsort(np.argsort((x @ x.T)[pairs])) for x in (rows, truth)]
    return {"meanCosine": float((rows * truth).sum(1).mean()), "spearman": float(np.corrcoef(*ranks)[0, 1])}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    root = HERE.parent
    parser.add_argument("--model", type=pathlib.Path, default=root / "models/all-MiniLM-L6-v2")
    parser.add_argument("--reviews", type=pathlib.Path, default=root / ".cache/data/movie-reviews/reviews.tsv")
    parser.add_argument("--encoders", type=pathlib.Path, default=root / ".build/release/encoders", help="the program")
    parser.add_argument("--texts", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, nargs="+", default=[2, 1])
    parser.add_argument("--peers", nargs="+", default=[name for names in PEERS.values() for name in names])
    options = parser.parse_args()
    os.environ |= {"HF_HUB_OFFLINE": "1", "TOKENIZERS_PARALLELISM": "true", "OPENBLAS_NUM_THREADS": "1"}
    figures = {"model": options.model.name, "texts": options.texts, "threads": {}}
    with tempfile.TemporaryDirectory() as work:
        bench = Bench(options, pathlib.Path(work))
        for threads in options.threads:
            processes = bench.started(threads)
            if threads == options.threads[0]:
                figures["whole"] = bench.whole(processes, threads)
                figures["firstVector"] = bench.first_vector(figures["whole"], threads)
            peers = {name: process for name, process in processes.items() if name not in bench.absent}
            figures["threads"][threads] = {
                "sides": bench.rounds(peers, threads), "settings": dict(bench.settings),
                "versions": {name: process.about["version"] for name, process in peers.items()},
            }  # fmt: skip
            for process in processes.values():
                process.stdin.close()
                process.wait()
        figures["absent"] = bench.absent
    publish(figures, OURS, PEERS)


if __name__ == "__main__":
    main()
