"""Compares `encoders tokenize` with Hugging Face tokenizers: ids, tokens and offsets of varied lines must be the same.

    python Tests/Parity/compare_tokenizers.py .build/release/encoders [--lines 100000] [--models FOLDER] [MODEL …]

Without MODEL folders, a tokenizer of each family is trained first (into FOLDER if given, else a temporary one).
Needs `tokenizers` and `sentencepiece`.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile

import tokenizers

from tokenizer_lines import lines

here = os.path.dirname(os.path.abspath(__file__))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("encoders")
    parser.add_argument("models", nargs="*")
    parser.add_argument("--lines", type=int, default=int(os.environ.get("ENCODERS_LINES", 100_000)))
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--show", type=int, default=5)
    parser.add_argument("--models", dest="folder")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        models = options.models
        if not models:
            folder = options.folder or temporary
            if not os.path.isdir(folder) or not os.listdir(folder):
                subprocess.run([sys.executable, os.path.join(here, "tokenizer_families.py"), folder], check=True,
                               stdout=subprocess.DEVNULL)
            models = sorted(entry.path for entry in os.scandir(folder) if entry.is_dir())
        texts = list(lines(options.lines, options.seed))
        source, target = os.path.join(temporary, "lines.jsonl"), os.path.join(temporary, "tokens.jsonl")
        with open(source, "w", encoding="utf-8") as file:
            for text in texts:
                file.write(json.dumps({"text": text}, ensure_ascii=False) + "\n")
        failed = False
        for model in models:
            tokenizer = tokenizers.Tokenizer.from_file(os.path.join(model, "tokenizer.json"))
            tokenizer.no_padding()
            run = subprocess.run([options.encoders, "tokenize", model, "--input", source, "--output", target],
                                 stderr=subprocess.PIPE, text=True)
            if run.returncode:
                print(f"{os.path.basename(model)}: {run.stderr.strip()}")
                failed = True
                continue
            different = 0
            with open(target, encoding="utf-8") as file:
                for start in range(0, len(texts), 1000):
                    batch = texts[start:start + 1000]
                    for text, expected in zip(batch, tokenizer.encode_batch(batch)):
                        found = json.loads(next(file))
                        pairs = [("ids", expected.ids), ("tokens", expected.tokens),
                                 ("offsets", [list(o) for o in expected.offsets])]
                        wrong = [(key, value) for key, value in pairs if found[key] != value]
                        if wrong:
                            different += 1
                            if different <= options.show:
                                key, value = wrong[0]
                                print(f"  {ascii(text)[:300]}\n    {key} expected {ascii(value)[:400]}\n"
                                      f"    {key} found    {ascii(found[key])[:400]}")
            print(f"{os.path.basename(model)}: {different} of {len(texts)} lines differ", flush=True)
            failed = failed or different > 0
        sys.exit(failed)


if __name__ == "__main__":
    main()
