"""Runs tokenizers by us and by Hugging Face's library, in turn, and writes their section of RESULTS.md and results.json.

    python tokenization.py [--model FOLDER] [--rounds 5] [--seconds 1] [--threads 2 1]

The text is the movie reviews; WordPiece is the model's, MPNet's form of it the same vocabulary under RoBERTa's special tokens; BPE and
Unigram are trained here on the reviews. In Chinese, whose words aren't parted by spaces, pieces are long: BPE and Unigram trained on Chinese
reviews, and that BPE with Bloom's expression, which is none of those matched by hand.
"""

import argparse
import json
import pathlib
import statistics
import subprocess
import sys
import tempfile

from compare import take_turns
from report import HERE, processor, write

GOALS = {
    "WordPiece": 5, "WordPiece, MPNet's": 5, "BPE": 2, "Unigram": 2, "BPE, Chinese": 2, "BPE, Chinese, Bloom's": 2, "Unigram, Chinese": 2,
}
BLOOM = r" ?[^(\s|[.,!?…。，、।۔،])]+"


def mpnet(tokenizer):
    """The same vocabulary with the special tokens that MPNet's tokenizer.json has."""
    vocabulary = tokenizer["model"]["vocab"]
    words = ["<s>", "<pad>", "</s>", "<unk>", *sorted(vocabulary, key=vocabulary.get), "<mask>"]
    ids = {word: place for place, word in enumerate(words)}
    flags = {"single_word": False, "lstrip": False, "rstrip": False, "normalized": False, "special": True}
    special = {"<s>": {}, "<pad>": {}, "</s>": {}, "<unk>": {"normalized": True}, "[UNK]": {}, "<mask>": {"lstrip": True}}
    tokenizer["model"]["vocab"] = ids
    tokenizer["added_tokens"] = [flags | {"id": ids[word], "content": word} | other for word, other in special.items()]
    tokenizer["post_processor"] = {
        "type": "RobertaProcessing", "sep": ["</s>", 2], "cls": ["<s>", 0], "trim_offsets": True, "add_prefix_space": False,
    }
    return tokenizer


def bloom(tokenizer):
    """The same vocabulary, and Bloom's expression to cut by."""
    split = {"type": "Split", "pattern": {"Regex": BLOOM}, "behavior": "Isolated", "invert": False}
    byte_level = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": False}
    return tokenizer | {"pre_tokenizer": {"type": "Sequence", "pretokenizers": [split, byte_level]}}


def prepare(options, work):
    """A folder and a text for each kind."""
    texts = {"": work / "reviews.txt", "Chinese": work / "chinese.txt"}
    for text, source in zip(texts.values(), (options.reviews, options.chinese)):
        text.write_text("".join(line.split("\t")[0] + "\n" for line in source.read_text().splitlines()[1:]))
    folders = {kind: work / str(place) for place, kind in enumerate(GOALS)}

    def keep(kind, tokenizer):
        folders[kind].mkdir()
        (folders[kind] / "tokenizer.json").write_text(json.dumps(tokenizer))

    model = json.loads((options.model / "tokenizer.json").read_text()) | {"truncation": None, "padding": None}
    keep("WordPiece", model)
    keep("WordPiece, MPNet's", mpnet(json.loads(json.dumps(model))))
    for kind, size in (("BPE", 12000), ("Unigram", 8000), ("BPE, Chinese", 12000), ("Unigram, Chinese", 8000)):
        name, _, language = kind.partition(", ")
        command = [options.encoders, "tokenizer", "train", "--type", name.lower(), "--size", str(size), "--input", texts[language]]
        subprocess.run([*command, "--output", folders[kind]], check=True, stdout=subprocess.DEVNULL)
    keep("BPE, Chinese, Bloom's", bloom(json.loads((folders["BPE, Chinese"] / "tokenizer.json").read_text())))
    return [(kind, folder, texts["Chinese" if "Chinese" in kind else ""]) for kind, folder in folders.items()]


def compare(folder, text, options, threads):
    flags = [folder, text, "--rounds", str(options.rounds), "--seconds", str(options.seconds), "--threads", str(threads)]
    ours = [str(HERE / ".build/release/bench"), "tokenize", *flags, "--wait", "1"]
    theirs = [sys.executable, str(HERE / "peers/tokenization.py"), *flags, "--wait"]
    return take_turns([ours, theirs], options.rounds)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=pathlib.Path, default=HERE / "../models/all-MiniLM-L6-v2")
    parser.add_argument("--reviews", type=pathlib.Path, default=HERE / "../.cache/data/movie-reviews/reviews.tsv")
    parser.add_argument("--chinese", type=pathlib.Path, default=HERE / "../.cache/data/chinese-reviews/reviews.tsv")
    parser.add_argument("--encoders", type=pathlib.Path, default=HERE / "../.build/release/encoders")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=1)
    parser.add_argument("--threads", type=int, nargs="*", default=[2, 1])
    options = parser.parse_args()
    figures = []
    with tempfile.TemporaryDirectory() as work:
        kinds = prepare(options, pathlib.Path(work))
        for threads in options.threads:
            for kind, folder, text in kinds:
                pairs = compare(folder, text, options, threads)
                row = {"kind": kind, "threads": threads, "version": pairs[0][1]["version"], "goal": GOALS[kind]}
                for what in ("ids", "encodings"):
                    row[what] = statistics.median(ours[what] for ours, _ in pairs)
                    row[f"peer_{what}"] = statistics.median(theirs[what] for _, theirs in pairs)
                    row[f"ratios_{what}"] = sorted(ours[what] / theirs[what] for ours, theirs in pairs)
                row["load"], row["peer_load"] = (pairs[0][side]["load"] for side in (0, 1))
                figures.append(row)
                print(f"{kind}, {threads} threads: {line(row)}", flush=True)
    write("Tokenizers", lines_of(figures, options), figures)


def ratio(row, what):
    ratios = row[f"ratios_{what}"]
    return f"**{statistics.median(ratios):.1f}** ({ratios[0]:.1f} – {ratios[-1]:.1f})"


def line(row):
    return " | ".join([
        *(f"{row[what] / 1e6:.1f} | {row[f'peer_{what}'] / 1e6:.1f} | {ratio(row, what)}" for what in ("encodings", "ids")),
        f"{row['goal']} | {row['load'] * 1e3:.0f}, {row['peer_load'] * 1e3:.0f}",
    ])


def lines_of(figures, options):
    lines = [
        f"{processor()}; tokenizers {figures[0]['version']}; the movie reviews (or Chinese reviews), a text a line, in MB of text a second; ours and theirs in turn,",
        f"{options.rounds} rounds of {options.seconds:g} s; medians (lowest – highest). Encodings are all that there is of tokens (texts, offsets, words,",
        "masks), theirs by encode_batch; ids are ours for models, theirs by encode_batch_fast. Load is the time to read tokenizer.json, in ms, ours and theirs.", "",
        "| tokenizer, threads | encodings | theirs | ratio | ids | theirs | ratio | goal | load |", "|---|---|---|---|---|---|---|---|---|",
    ]
    return lines + [f"| {row['kind']}, {row['threads']} | {line(row)} |" for row in figures]


if __name__ == "__main__":
    main()
