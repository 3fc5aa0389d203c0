"""Encoders that `encoders train` has just trained open in sentence-transformers, with the same vectors. compare_trained.py ENCODERS"""

import os
import subprocess
import sys
import tempfile

os.environ["HF_HUB_OFFLINE"] = "1"
import numpy as np
from sentence_transformers import SentenceTransformer

RECIPE = """
preprocess: {{text: {{tokens: {tokens}, lowercase: {lowercase}, max_length: {length}}}}}
encode:
  embedding: {{dimension: 24}}
  {network}
pool: {pool}
project: {project}
data: {{path: data.tsv}}
objective: classification
training: {{epochs: 1, batch_size: 16}}
"""
CASES = {
    "cnn": ("words", "true", 64, "cnn: {widths: [3, 4, 5], channels: 10}", "max", "[{dropout: 0.5}]"),
    "cnn-gelu": ("words", "false", 64, "cnn: {widths: [1, 2], channels: 7, activation: gelu}", "[max, mean]", "[{linear: 12}, tanh, normalize]"),
    "bilstm": ("words", "true", 64, "lstm: {hidden: 20, bidirectional: true}", "max", "[{linear: 8}, {truncate: 5}]"),
    "lstm-2": ("characters", "true", 9, "lstm: {hidden: 11, layers: 2}", "[last, mean_sqrt_length]", "[]"),
    "bag": ("words", "true", 64, "bag: {}", "[weighted_mean, mean]", "[{linear: 6}, relu, {linear: 4}]"),
}
WORDS = "a the film Movie GREAT dull plot's acting, brilliant! naïve 中文 好看 8/10 sci-fi unwatchable masterpiece".split()


def main(encoders):
    random = np.random.default_rng(int(os.environ.get("ENCODERS_SEED", 0)))
    texts = [" ".join(random.choice(WORDS, random.integers(1, 25))) for _ in range(200)]
    worst_of_all = 0
    with tempfile.TemporaryDirectory() as folder:
        with open(f"{folder}/data.tsv", "w", encoding="utf-8") as file:
            file.write("text\tlabel\n" + "".join(f"{text}\t{'yes' if 'great' in text.lower() else 'no'}\n" for text in texts))
        inputs = texts + ["words never seen, e.g. zebra", "?!", "[PAD] and [UNK] are words here"]
        with open(f"{folder}/inputs.txt", "w", encoding="utf-8") as file:
            file.write("".join(text + "\n" for text in inputs))
        for name, (tokens, lowercase, length, network, pool, project) in CASES.items():
            with open(f"{folder}/{name}.yaml", "w") as file:
                file.write(RECIPE.format(**locals()))
            run = lambda *arguments: subprocess.run([encoders, *arguments], check=True, capture_output=True, cwd=folder)
            run("train", f"{name}.yaml", "--output", name)
            run("embed", name, "--input", "inputs.txt", "--output", f"{name}.npy")
            ours = np.load(f"{folder}/{name}.npy")
            theirs = SentenceTransformer(f"{folder}/{name}", device="cpu").encode(inputs, batch_size=16)
            worst = np.abs(ours - theirs).max()
            print(f"{name:<10} {ours.shape}  max |Δ| {worst:.1e}")
            worst_of_all = max(worst, worst_of_all)
    if not worst_of_all <= 2e-5:
        sys.exit(f"the vectors differ by {worst_of_all}")


if __name__ == "__main__":
    main(sys.argv[1])
