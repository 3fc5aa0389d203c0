"""A tiny encoder trained by `encoders train` and by sentence-transformers' losses, from the same weights in the same order.

    python compare_training.py ENCODERS    # the program; ends with 1 if the trained weights differ by more than 1e-5
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile

os.environ["HF_HUB_OFFLINE"] = "1"
import numpy as np
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
  learning_rate: {rate}
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
    # Each side would delete other words: the encoder gets the whole texts, as the decoder does.
    "denoising_auto_encoder": (
        lambda m: losses.DenoisingAutoEncoderLoss(m), ["text"], "{denoising_auto_encoder: {deletion: 0}}", ""),
}


def own_parameters(checkpoint):
    """What a loss learns itself, by the names in the reference."""
    own = {key.removeprefix("model.loss."): value for key, value in load_file(checkpoint).items() if key.startswith("model.loss.")}
    return {("bert." if key.startswith("encoder.") else "") + key: value for key, value in own.items()}


def reference(folder, make, columns, own):
    model = SentenceTransformer(folder, device="cpu")
    loss = make(model)
    if own:
        columns = columns * 2
        missing = loss.decoder.load_state_dict(own, strict=False)
        assert not missing.unexpected_keys, missing.unexpected_keys
    loss.train()
    optimizer = torch.optim.AdamW(loss.parameters(), lr=1e-3, eps=EPSILON, weight_decay=0.01)
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
            torch.nn.utils.clip_grad_norm_(loss.parameters(), 1.0)
            optimizer.step()
            step += 1
    return {**(loss.decoder.state_dict() if own else {}), **model[0].auto_model.state_dict()}


def main(encoders):
    transformers.utils.logging.disable_progress_bar()
    transformers.utils.logging.set_verbosity_error()
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

            def train(rate):
                with open(folder + "/recipe.yaml", "w") as file:
                    file.write(RECIPE.format(
                        data="data.jsonl", objective=objective or name, more=more, epsilon=EPSILON, rate=rate))
                subprocess.run(
                    [encoders, "train", folder + "/recipe.yaml", "--output", folder + "/trained", "--overwrite"],
                    check=True, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
                return own_parameters(folder + "/trained/checkpoint/last.safetensors")

            # What the loss learns itself is new: a run at a rate that changes nothing tells where it starts.
            own = train(1e-30)
            own_ours = train(0.001)
            ours = load_file(folder + "/trained/model.safetensors")
            theirs = reference(folder + "/base", make, columns, own)
            compared = {**own_ours, **{key: value for key, value in ours.items() if key in theirs}}
            difference = max((value - theirs[key]).abs().max().item() for key, value in compared.items())
            moved = max((ours[key] - start[key]).abs().max().item() for key in ours)
            if own:
                print(f"{name}: {len(own)} parameters of its own moved by up to "
                      f"{max((own_ours[key] - value).abs().max().item() for key, value in own.items()):.2e}")
            print(f"{name}: max |Δ| {difference:.2e} of weights that moved by up to {moved:.2e}")
            worst = max(worst, difference)
            if moved < 1e-3:
                sys.exit(f"{name}: nothing was learnt")
        with open(folder + "/texts.txt", "w") as file:
            file.write("".join(text + "\n" for text in FIRST))
        subprocess.run(
            [encoders, "embed", folder + "/trained", "--input", folder + "/texts.txt", "--output", folder + "/vectors.npy"],
            check=True, stderr=subprocess.DEVNULL)
        opened = SentenceTransformer(folder + "/trained", device="cpu").encode(FIRST)
        difference = np.abs(np.load(folder + "/vectors.npy") - opened).max()
        print(f"the trained folder in sentence-transformers: max |Δ| {difference:.2e}")
        if not difference <= 2e-5:
            sys.exit("the vectors of the trained folder differ")
    finally:
        shutil.rmtree(folder)
    if worst > 1e-5:
        sys.exit(f"the trained weights differ by {worst:.2e}, more than 1e-5")


if __name__ == "__main__":
    main(os.path.abspath(sys.argv[1]))
