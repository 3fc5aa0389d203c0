"""PyTorch trains the recipes that `encoders train` trains, on the same data and splits, and says how good they get.

    python3 -m venv peers && peers/bin/pip install torch numpy pyarrow
    peers/bin/python accuracy.py [NAME …] --seeds 3 --output accuracy.json

The best epoch is the first with the best validation accuracy (of the auto-encoder: the least error); its score on the
test part is reported. The recipes are those of Examples/recipes.
Prints a JSON list of {name, seed, accuracy | mse, validation, epoch, seconds}.
The seconds are of a machine with other work to do; speed.py measures speed.
"""

import argparse
import copy
import json
import os
import pathlib
import sys
import time

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

import data
from models import AutoEncoder, Bag, DeepImageCNN, Recurrent, TextCNN, Transformer, pad


def fit(model, batches, score, loss, epochs, rate=0.001, one_cycle=False, decay=None):
    """Trains with Adam; returns (validation score, epoch from 1) of the best epoch, and leaves its weights: their moving
    average, if it has a decay."""
    average = decay and AveragedModel(model, multi_avg_fn=get_ema_multi_avg_fn(decay))
    optimizer = torch.optim.Adam(model.parameters(), lr=rate, fused=True)
    schedule = None
    best = (-np.inf, 0)
    weights = None
    for epoch in range(1, epochs + 1):
        model.train()
        steps = list(batches())
        if one_cycle and not schedule:
            schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, rate, len(steps) * epochs, cycle_momentum=False)
        for batch in steps:
            optimizer.zero_grad()
            loss(model, *batch).backward()
            optimizer.step()
            if schedule:
                schedule.step()
            if average:
                average.update_parameters(model)
        if average:  # the running statistics stay the model's
            for mean, own in zip(average.module.buffers(), model.buffers()):
                mean.copy_(own)
        scored = average.module if average else model
        scored.eval()
        value = score(scored, "validation")
        if value > best[0]:
            best, weights = (value, epoch), copy.deepcopy(scored.state_dict())
    model.load_state_dict(weights)
    return best


def shuffled(count, size):
    return torch.randperm(count).split(size)


def cross_entropy(model, labels, *inputs):
    return F.cross_entropy(model(*inputs), labels)


class Texts:
    """A text data set as ids, and the training of a model on it."""

    def __init__(self, parts, characters=False):
        self.vocabulary = data.Vocabulary(parts["train"][0], characters)
        encode = self.vocabulary.encode
        self.parts = {name: ([encode(t) for t in texts], torch.tensor(y)) for name, (texts, y) in parts.items()}
        counts = {name: len(labels) for name, (_, labels) in self.parts.items()}
        print(f"texts: {counts}, vocabulary {len(self.vocabulary.words)}", file=sys.stderr)

    def batch(self, part, chosen):
        sequences, labels = self.parts[part]
        return labels[chosen], *pad([sequences[i] for i in chosen.tolist()])

    def score(self, model, part):
        labels = self.parts[part][1]
        with torch.no_grad():
            hits = 0
            for chosen in torch.arange(len(labels)).split(100):
                truth, *inputs = self.batch(part, chosen)
                hits += (model(*inputs).argmax(1) == truth).sum().item()
        return hits / len(labels)

    def run(self, make, epochs=8, size=50):
        model = make(self)
        batches = lambda: (self.batch("train", c) for c in shuffled(len(self.parts["train"][1]), size))
        validation, epoch = fit(model, batches, self.score, cross_entropy, epochs)
        return {"accuracy": self.score(model, "test"), "validation": validation, "epoch": epoch}


class Reviews(Texts):
    def __init__(self, options):
        super().__init__(data.reviews(options.cache, options.data))
        self.options, self.table = options, None

    def glove(self):
        """GloVe's vectors of the vocabulary; words it lacks are uniform in ±0.25."""
        self.table = self.table or data.glove(self.options.cache, self.options.data)
        rows, vectors = self.table
        matrix = torch.empty(len(self.vocabulary.words), vectors.shape[1]).uniform_(-0.25, 0.25)
        for index, word in enumerate(self.vocabulary.words):
            if word in rows:
                matrix[index] = torch.from_numpy(vectors[rows[word]])
        return matrix

    @property
    def words(self):
        return len(self.vocabulary.words)


class Images:
    """The MNIST sample, for the classifier and the auto-encoder."""

    def __init__(self, options):
        parts = data.mnist(options.cache, options.data)
        self.parts = {n: (torch.from_numpy(x)[:, None], torch.from_numpy(y)) for n, (x, y) in parts.items()}
        print(f"images: { {name: len(y) for name, (_, y) in self.parts.items()} }", file=sys.stderr)

    @staticmethod
    def shift(x):
        """Each image moved by −2 … 2 pixels along both axes, zeros coming in."""
        padded = F.pad(x, (2, 2, 2, 2))
        down, right = torch.randint(0, 5, (2, len(x), 1, 1))
        rows, columns = down + torch.arange(28)[None, :, None], right + torch.arange(28)[None, None]
        return padded[torch.arange(len(x))[:, None, None], 0, rows, columns][:, None]

    def classify(self, epochs=20, size=64):
        x, y = self.parts["train"]
        scale = lambda pixels: (pixels - 0.1307) / 0.3081

        def outputs(model, part):
            with torch.no_grad():
                return model(scale(self.parts[part][0])), self.parts[part][1]

        # The best epoch is the one of the least validation loss, as in the recipe.
        score = lambda model, part: -F.cross_entropy(*outputs(model, part)).item()
        model = DeepImageCNN()
        batches = lambda: ((y[chosen], scale(self.shift(x[chosen]))) for chosen in shuffled(len(y), size))
        validation, epoch = fit(model, batches, score, cross_entropy, epochs, rate=0.003, one_cycle=True, decay=0.98)
        predicted, labels = outputs(model, "test")
        accuracy = (predicted.argmax(1) == labels).float().mean().item()
        return {"accuracy": accuracy, "validation": -validation, "epoch": epoch}

    def reconstruct(self, epochs=100, size=128):
        x = self.parts["train"][0].squeeze(1)
        error = lambda model, part: F.mse_loss(model(part), part.flatten(1))

        def score(model, part):
            with torch.no_grad():
                return -error(model, self.parts[part][0].squeeze(1)).item()

        model = AutoEncoder()
        validation, epoch = fit(model, lambda: ((x[c],) for c in shuffled(len(x), size)), score, error, epochs)
        return {"mse": -score(model, "test"), "validation": -validation, "epoch": epoch}


TEXTS = {
    "reviews-bag": lambda t: Bag(t.words, 100),
    "reviews-cnn": lambda t: TextCNN(t.words, 100, bound=0.1, dropout=0.5, mean=True),
    "reviews-cnn-kim": lambda t: TextCNN(t.words, 100),
    "reviews-rnn": lambda t: Recurrent(nn.RNN, t.words, 100, 128),
    "reviews-gru": lambda t: Recurrent(nn.GRU, t.words, 100, 128),
    "reviews-transformer": lambda t: Transformer(t.words),
    "reviews-bag-glove": lambda t: Bag(t.words, 50, t.glove()),
    "reviews-cnn-glove": lambda t: TextCNN(t.words, 50, t.glove()),
    "reviews-rnn-glove": lambda t: Recurrent(nn.RNN, t.words, 50, 128, t.glove()),
    "reviews-gru-glove": lambda t: Recurrent(nn.GRU, t.words, 50, 128, t.glove()),
    "reviews-bilstm-glove": lambda t: Recurrent(nn.LSTM, t.words, 50, 128, t.glove(), both=True),
}
OTHERS = ["chinese-cnn", "mnist-cnn", "autoencoder"]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", help="which of " + ", ".join([*TEXTS, *OTHERS]) + " (all)")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--output", help="write the list there after each run; what it has already is not run again")
    parser.add_argument("--cache", type=pathlib.Path, default=data.DEFAULT_CACHE, help="where packages are kept")
    parser.add_argument(
        "--data", type=pathlib.Path, help="the folder that `encoders data get` wrote to: nothing is fetched"
    )
    options = parser.parse_args()
    torch.set_flush_denormal(True)
    torch.set_num_threads(options.threads)

    names = options.names or [*TEXTS, *OTHERS]
    if unknown := set(names) - set(TEXTS) - set(OTHERS):
        parser.error(f"no such recipe: {', '.join(sorted(unknown))}")
    texts = Reviews(options) if set(names) & set(TEXTS) else None
    images = Images(options) if set(names) & {"mnist-cnn", "autoencoder"} else None
    chinese = None
    if "chinese-cnn" in names:
        chinese = Texts(data.chinese(options.cache, options.data), characters=True)
    runs = {name: lambda make=make: texts.run(make) for name, make in TEXTS.items()}
    runs["chinese-cnn"] = lambda: chinese.run(lambda t: TextCNN(len(t.vocabulary.words), 100))
    runs["mnist-cnn"] = lambda: images.classify()
    runs["autoencoder"] = lambda: images.reconstruct()

    results = []
    if options.output and os.path.exists(options.output):
        with open(options.output) as file:
            results = json.load(file)
    done = {(result["name"], result["seed"]) for result in results}
    for seed in range(options.seeds):
        for name in names:
            if (name, seed) in done:
                continue
            torch.manual_seed(seed)
            start = time.monotonic()
            result = {"name": name, "seed": seed, **runs[name](), "seconds": round(time.monotonic() - start, 1)}
            print(json.dumps(result), file=sys.stderr, flush=True)
            results.append(result)
            if options.output:
                with open(options.output + ".part", "w") as file:
                    file.write("[\n" + ",\n".join(json.dumps(r) for r in results) + "\n]\n")
                os.replace(options.output + ".part", options.output)
    print(json.dumps(results, indent=1))


if __name__ == "__main__":
    main()
