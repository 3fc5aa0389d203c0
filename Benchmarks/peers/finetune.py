"""sentence-transformers fine-tunes an encoder on pairs, as Examples/recipes/minilm-wordnet.yaml does here.

    python finetune.py MODEL PAIRS.tsv OUTPUT --count 10000 --seed 0

Multiple-negatives ranking, AdamW, linear schedule with warm-up, gradients clipped to 1, batches without the same text twice.
"""

import argparse
import csv
import random
import time

import torch
from sentence_transformers import SentenceTransformer, losses


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model")
    parser.add_argument("pairs")
    parser.add_argument("output")
    parser.add_argument("--count", type=int, default=10000, help="the first pairs of the file")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--rate", type=float, default=2e-5)
    parser.add_argument("--warmup", type=float, default=0.1)
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    torch.manual_seed(options.seed)
    random.seed(options.seed)

    with open(options.pairs, newline="") as file:
        rows = list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))[: options.count]
    pairs = [(row["anchor"], row["positive"]) for row in rows]
    random.shuffle(pairs)
    batches = []
    rest = pairs
    while rest:
        batch, seen, left = [], set(), []
        for position, pair in enumerate(rest):
            if len(batch) == options.batch:
                left += rest[position:]
                break
            if seen.isdisjoint(pair):
                batch.append(pair)
                seen.update(pair)
            else:
                left.append(pair)
        batches.append(batch)
        rest = left

    model = SentenceTransformer(options.model, device="cpu")
    loss = losses.MultipleNegativesRankingLoss(model)
    optimizer = torch.optim.AdamW(model.parameters(), lr=options.rate, weight_decay=0.0)
    warm = max(1, int(options.warmup * len(batches)))
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimizer, lambda step: min((step + 1) / warm, (len(batches) - step) / max(1, len(batches) - warm))
    )
    model.train()
    start = time.monotonic()
    for step, batch in enumerate(batches):
        features = [model.preprocess([pair[column] for pair in batch]) for column in (0, 1)]
        value = loss(features, None)
        optimizer.zero_grad()
        value.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        if step % 10 == 0:
            print(f"step {step}/{len(batches)} loss {value.item():.4f} {time.monotonic() - start:.0f} s", flush=True)
    model.eval()
    model.save(options.output)
    print(f"{len(pairs) / (time.monotonic() - start):.1f} pairs/s")


if __name__ == "__main__":
    main()
