"""A tiny encoder trained by `encoders train` and by sentence-transformers' losses, from the same weights in the same order.

    python training_sentences.py ENCODERS    # the program; ends with 1 if the trained weights differ by more than 1e-5
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile

os.environ["HF_HUB_OFFLINE"] = "1"
import torch
from safetensors.torch import load_file
import transformers
from sentence_transformers import SentenceTransformer
from sentence_transformers.sentence_transformer import losses

BASE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../Golden/Sentence/bert")
RECIPE = """
encode: {{pretrained: base}}
data: {{path: {data}}}
objective: {objective}
training:
  epochs: 2
  batch_size: 8
  shuffle: false
  learning_rate: 0.001
  schedule: {{linear: {{warmup: 3}}}}
  clip_norm: 1
  optimizer: {{adamw: {{epsilon: {epsilon}, weight_decay: 0.01, exclude: []}}}}
  {more}
"""
# The gradient of a key's bias is zero but for rounding; Adam would take a whole step of it, were its epsilon as small as usual.
EPSILON = 1e-5
WORDS = "a the film plot's dull GREAT café masterpiece brilliant! unwatchable sci-fi acting, don't naïve 好看 😀".split()


def texts(seed, count):
    generator = torch.Generator().manual_seed(seed)
    lengths = torch.randint(1, 12, (count,), generator=generator)
    return [" ".join(WORDS[i] for i in torch.randint(0, len(WORDS), (n,), generator=generator)) for n in lengths.tolist()]


COUNT = 43  # the last batch has three
FIRST, SECOND, THIRD = texts(1, COUNT), texts(2, COUNT), texts(3, COUNT)
SCORES = [round(x, 3) for x in torch.rand(COUNT, generator=torch.Generator().manual_seed(4)).tolist()]
CASES = {
    "multiple_negatives_ranking": (lambda m: losses.MultipleNegativesRankingLoss(m), ["query", "positive", "negative"], "", ""),
    "cached": (
        lambda m: losses.CachedMultipleNegativesRankingLoss(m, mini_batch_size=3), ["query", "positive", "negative"],
        "multiple_negatives_ranking", "cached: 3",
    ),
    "symmetric": (
        lambda m: losses.MultipleNegativesRankingLoss(
            m, directions=("query_to_doc", "doc_to_query"), partition_mode="per_direction"), ["query", "positive"],
        "{multiple_negatives_ranking: {symmetric: true}}", "",
    ),
    "cosent": (lambda m: losses.CoSENTLoss(m), ["first", "second", "score"], "", ""),
    "triplet": (lambda m: losses.TripletLoss(m), ["anchor", "positive", "negative"], "", ""),
    "matryoshka": (
        lambda m: losses.MatryoshkaLoss(m, losses.CoSENTLoss(m), [32, 8]), ["first", "second", "score"],
        "{matryoshka: {dimensions: [32, 8], loss: cosent}}", "",
    ),
}


def reference(folder, make, columns):
    model = SentenceTransformer(folder, device="cpu")
    model.train()
    loss = make(model)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3, eps=EPSILON, weight_decay=0.01)
    batches = [range(start, min(COUNT, start + 8)) for start in range(0, COUNT, 8)]
    total, step = 2 * len(batches), 0
    prepare = getattr(model, "preprocess", None) or model.tokenize
    for _ in range(2):
        for rows in batches:
            rate = step / 3 if step < 3 else (total - step) / (total - 3)
            for group in optimizer.param_groups:
                group["lr"] = 1e-3 * rate
            features = [prepare([column[i] for i in rows]) for column in columns if column is not SCORES]
            labels = torch.tensor([SCORES[i] for i in rows]) if columns[-1] is SCORES else None
            optimizer.zero_grad()
            loss(features, labels).backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            step += 1
    return model[0].auto_model.state_dict()


def main(encoders):
    transformers.utils.logging.disable_progress_bar()
    folder = tempfile.mkdtemp()
    worst = 0.0
    try:
        shutil.copytree(BASE, folder + "/base")
        with open(folder + "/base/config.json") as file:
            config = json.load(file)
        config.update(hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0)
        with open(folder + "/base/config.json", "w") as file:
            json.dump(config, file)
        start = load_file(folder + "/base/model.safetensors")
        for name, (make, names, objective, more) in CASES.items():
            columns = [SCORES if column == "score" else [FIRST, SECOND, THIRD][i] for i, column in enumerate(names)]
            with open(folder + "/data.jsonl", "w") as file:
                for row in zip(*columns):
                    file.write(json.dumps(dict(zip(names, row))) + "\n")
            with open(folder + "/recipe.yaml", "w") as file:
                file.write(RECIPE.format(data="data.jsonl", objective=objective or name, more=more, epsilon=EPSILON))
            subprocess.run(
                [encoders, "train", folder + "/recipe.yaml", "--output", folder + "/trained", "--overwrite"],
                check=True, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
            ours, theirs = load_file(folder + "/trained/model.safetensors"), reference(folder + "/base", make, columns)
            difference = max((ours[key] - value).abs().max().item() for key, value in theirs.items() if key in ours)
            moved = max((ours[key] - start[key]).abs().max().item() for key in ours)
            print(f"{name}: max |Δ| {difference:.2e} of weights that moved by up to {moved:.2e}")
            worst = max(worst, difference)
            if moved < 1e-3:
                sys.exit(f"{name}: nothing was learnt")
    finally:
        shutil.rmtree(folder)
    if worst > 1e-5:
        sys.exit(f"the trained weights differ by {worst:.2e}, more than 1e-5")


if __name__ == "__main__":
    main(os.path.abspath(sys.argv[1]))
