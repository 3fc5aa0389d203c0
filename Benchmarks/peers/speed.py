"""How fast PyTorch trains the models of the speed comparison: forward, backward and optimiser step, on made-up ids.

    python speed.py CASE --rounds 5 --seconds 5 --threads 2

Prints a JSON line a round: {"case", "round", "variant", "samplesPerSecond", "tokensPerSecond", "peakMemoryMB", …}.
With --wait a round starts when a line arrives on standard input, so that two programs can take turns; "ready" says
that they may begin. The peer is at its best: denormal numbers flushed, fused Adam, channels-last images, and where
there are several ways (padded or packed recurrences) the one that is faster beforehand, in processes of their own.
Batches are padded beforehand, unmeasured.
"""

import argparse
import itertools
import json
import pathlib
import resource
import subprocess
import sys
import time

import torch
import torch.nn.functional as F
from torch import nn

from models import Bert, ImageCNN, Recurrent, TextCNN, Transformer, pad

WORDS = 20_000
LENGTHS = pathlib.Path(__file__).resolve().parent.parent / "lengths"


def batches_of_texts(lengths, size):
    """At most 64 batches of (labels, samples, tokens, inputs) with ids other than the padding's."""
    batches = []
    for start in range(0, min(len(lengths), 64 * size) - size + 1, size):
        chosen = lengths[start : start + size]
        ids = [torch.randint(1, WORDS, (length,)) for length in chosen]
        batches.append((torch.randint(0, 2, (size,)), size, sum(chosen), pad(ids)))
    return batches


def lengths_in(name):
    return [int(line) for line in (LENGTHS / f"{name}.txt").read_text().split()]


def recurrent(kind, packed):
    return lambda: Recurrent(kind, WORDS, 128, 256, dropout=0.0, packed=packed)


def images():
    inputs = (torch.rand(128, 1, 28, 28).contiguous(memory_format=torch.channels_last),)
    return [(torch.randint(0, 10, (128,)), 128, 128, inputs)]


MINILM, BERT_BASE = (384, 6, 12), (768, 12, 12)


def bert(sizes, dropout):
    return {"padded": lambda: Bert(*sizes, dropout)}


def few(grouped):
    """The first lengths in four batches of 32, or those sorted before they are cut into batches."""
    lengths = lengths_in("mixed")[:128]
    return batches_of_texts(sorted(lengths) if grouped else lengths, 32)


# Cases whose batches differ so much that a round takes all of them.
WHOLE = {"minilm-mixed", "minilm-grouped"}

# The ways to do the same work, by name, and the batches.
CASES = {
    "lstm": ({"padded": recurrent(nn.LSTM, False)}, lambda: batches_of_texts([200] * 512, 64)),
    "gru": ({"padded": recurrent(nn.GRU, False)}, lambda: batches_of_texts([200] * 512, 64)),
    "lstm-mixed": (
        {"padded": recurrent(nn.LSTM, False), "packed": recurrent(nn.LSTM, True)},
        lambda: batches_of_texts(lengths_in("mixed"), 64),
    ),
    "gru-mixed": (
        {"padded": recurrent(nn.GRU, False), "packed": recurrent(nn.GRU, True)},
        lambda: batches_of_texts(lengths_in("mixed"), 64),
    ),
    "mnist-cnn": ({"channels last": lambda: ImageCNN().to(memory_format=torch.channels_last)}, images),
    "text-cnn": ({"padded": lambda: TextCNN(WORDS, 100)}, lambda: batches_of_texts(lengths_in("reviews"), 50)),
    "transformer": (
        {"padded": lambda: Transformer(WORDS, inner=512, last=0.0, norm=False)},
        lambda: batches_of_texts(lengths_in("reviews"), 64),
    ),
    "minilm": (bert(MINILM, 0.1), lambda: batches_of_texts([128] * 128, 32)),
    "minilm-no-dropout": (bert(MINILM, 0.0), lambda: batches_of_texts([128] * 128, 32)),
    "minilm-mixed": (bert(MINILM, 0.1), lambda: few(False)),
    "minilm-grouped": (bert(MINILM, 0.1), lambda: few(True)),
    "bert-base": (bert(BERT_BASE, 0.1), lambda: batches_of_texts([128] * 32, 8)),
    "bert-base-no-dropout": (bert(BERT_BASE, 0.0), lambda: batches_of_texts([128] * 32, 8)),
}


class Training:
    """A model in training, and the batches it gets in turn."""

    def __init__(self, make, batches, whole):
        torch.manual_seed(0)
        self.model = make().train()
        self.optimizer = torch.optim.AdamW(self.model.parameters(), lr=0.001, fused=True)
        self.batches = batches
        self.order = itertools.cycle(batches)
        self.cycle = len(batches) if whole else 1

    def run(self, seconds, steps=0):
        """Trains for so long and at least so many steps: (samples/s, tokens/s)."""
        samples = tokens = done = 0
        start = time.perf_counter()
        while (elapsed := time.perf_counter() - start) < seconds or done < steps or done % self.cycle:
            labels, size, length, inputs = next(self.order)
            self.optimizer.zero_grad()
            F.cross_entropy(self.model(*inputs), labels).backward()
            self.optimizer.step()
            samples, tokens, done = samples + size, tokens + length, done + 1
        return samples / elapsed, tokens / elapsed


def fastest(variants, options):
    """The variant with the best round, each in a process of its own: the peak memory is then only of the chosen one."""
    rates = {}
    for name in variants:
        flags = ["--rounds", "2", "--seconds", str(options.seconds / 2), "--threads", str(options.threads)]
        command = [sys.executable, __file__, options.case, "--variant", name, *flags]
        lines = subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()
        rates[name] = max(json.loads(line)["samplesPerSecond"] for line in lines)
    return max(rates, key=rates.get)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("case", choices=CASES)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=5, help="of a round")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--variant", help="this way instead of the fastest, e.g. packed")
    parser.add_argument("--wait", action="store_true", help="wait for a line on standard input before each round")
    options = parser.parse_args()
    torch.set_flush_denormal(True)  # before any other thread exists: they inherit it
    torch.set_num_threads(options.threads)
    torch.manual_seed(0)

    variants, make_batches = CASES[options.case]
    if options.variant:
        if options.variant not in variants:
            parser.error(f"--variant: expected one of {', '.join(variants)}, found {options.variant}")
        variants = {options.variant: variants[options.variant]}
    batches = make_batches()
    variant = next(iter(variants)) if len(variants) == 1 else fastest(variants, options)
    training = Training(variants[variant], batches, options.case in WHOLE)
    training.run(options.seconds / 2, steps=3)

    if options.wait:
        print("ready", flush=True)
    for number in range(options.rounds):
        if options.wait and not sys.stdin.readline():
            break
        samples, tokens = training.run(options.seconds)
        result = {"case": options.case, "round": number, "variant": variant, "samplesPerSecond": round(samples, 2)}
        result["tokensPerSecond"] = round(tokens, 1)
        result["peakMemoryMB"] = round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, 1)
        result |= {"threads": options.threads, "version": f"PyTorch {torch.__version__}"}
        print(json.dumps(result), flush=True)


if __name__ == "__main__":
    main()
