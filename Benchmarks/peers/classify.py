"""transformers fine-tunes an encoder with mean pooling and a head on labelled texts, as Examples/recipes/minilm-reviews.yaml does here.

    python classify.py MODEL REVIEWS.tsv [--epochs 4] [--rate 2e-4] [--decay 0.7] [--seed 0]

AdamW, rates that fall by --decay a layer, a linear schedule with warm-up, gradients clipped to 1; the best epoch by validation.
"""

import argparse
import random

import torch
from transformers import AutoModel, AutoTokenizer


class Classifier(torch.nn.Module):
    def __init__(self, folder, labels):
        super().__init__()
        self.encoder = AutoModel.from_pretrained(folder)
        self.head = torch.nn.Linear(self.encoder.config.hidden_size, labels)

    def forward(self, batch):
        hidden = self.encoder(**batch).last_hidden_state
        mask = batch["attention_mask"].unsqueeze(-1).float()
        return self.head((hidden * mask).sum(1) / mask.sum(1))

    def groups(self, rate, decay):
        """The head at the full rate, each layer below at a smaller one, the embeddings at the smallest."""
        layers = self.encoder.encoder.layer
        groups = [{"params": list(self.head.parameters()), "lr": rate}]
        for depth, layer in enumerate([*reversed(layers), self.encoder.embeddings], start=1):
            groups.append({"params": list(layer.parameters()), "lr": rate * decay**depth})
        return groups


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model")
    parser.add_argument("reviews")
    parser.add_argument("--epochs", type=int, default=4)
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--rate", type=float, default=2e-4)
    parser.add_argument("--decay", type=float, default=0.7)
    parser.add_argument("--warmup", type=float, default=0.1)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    torch.manual_seed(options.seed)
    torch.set_flush_denormal(True)

    rows = [line.rstrip("\n").split("\t") for line in open(options.reviews, encoding="utf-8")][1:]
    labels = sorted({row[1] for row in rows})
    parts = {name: [(row[0], labels.index(row[1])) for row in rows if row[2] == name] for name in ("train", "validation", "test")}
    tokenizer = AutoTokenizer.from_pretrained(options.model)
    model = Classifier(options.model, len(labels))
    optimizer = torch.optim.AdamW(model.groups(options.rate, options.decay), fused=True)
    steps = options.epochs * (-(-len(parts["train"]) // options.batch))
    warm = max(1, int(steps * options.warmup))
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimizer, lambda step: min((step + 1) / warm, max(0, (steps - step) / max(1, steps - warm)))
    )

    def batches(samples):
        for start in range(0, len(samples), options.batch):
            part = samples[start : start + options.batch]
            batch = tokenizer([text for text, _ in part], padding=True, truncation=True, max_length=256, return_tensors="pt")
            yield batch, torch.tensor([label for _, label in part])

    def accuracy(samples):
        model.eval()
        with torch.inference_mode():
            return sum((model(batch).argmax(-1) == label).sum().item() for batch, label in batches(samples)) / len(samples)

    generator, best = random.Random(options.seed), (0, 0)
    for epoch in range(options.epochs):
        model.train()
        for batch, label in batches(generator.sample(parts["train"], len(parts["train"]))):
            torch.nn.functional.cross_entropy(model(batch), label).backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1)
            optimizer.step()
            optimizer.zero_grad()
            schedule.step()
        scores = accuracy(parts["validation"]), accuracy(parts["test"])
        best = max(best, scores, key=lambda scores: scores[0])
        print(f"epoch {epoch + 1}: validation {scores[0]:.4f}, test {scores[1]:.4f}", flush=True)
    print(f"test accuracy of the best epoch by validation: {best[1]:.4f}")


if __name__ == "__main__":
    main()
