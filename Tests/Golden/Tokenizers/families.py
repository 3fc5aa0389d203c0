"""Writes what Hugging Face tokenizers makes of a few lines, for a small tokenizer of each family.

Run from the package root with `tokenizers` 0.23 and `sentencepiece` installed:

    python Tests/Golden/Tokenizers/families.py
"""

import itertools
import json
import os
import random
import shutil
import sys
import zlib

from tokenizers import Regex, Tokenizer, normalizers, pre_tokenizers

sys.path.append("Tests/Parity")
from tokenizer_families import LLAMA3, O200K, QWEN, families
from tokenizer_lines import lines

OUTPUT = "Tests/Golden/Tokenizers/families"
PAIRS = [("a splendid film", "Zürich <mask> don't"), ("", "x"), ("日本語 café", " "), ("one two three four five six", "seven")]
TRUNCATIONS = [
    dict(max_length=8), dict(max_length=8, direction="left"), dict(max_length=9, stride=1),
    dict(max_length=10, stride=1, direction="left"), dict(max_length=10, strategy="only_second"),
    dict(max_length=10, strategy="only_first"),
]


def encoding(e):
    return {
        "ids": e.ids, "tokens": e.tokens, "offsets": list(itertools.chain(*e.offsets)), "typeIDs": e.type_ids,
        "mask": e.special_tokens_mask, "words": [-1 if w is None else w for w in e.word_ids],
    }


def record(tokenizer, text, pair=None):
    e = tokenizer.encode(text, pair)
    item = {"text": text, **encoding(e)}
    if pair is not None:
        item["pair"] = pair
    if e.overflowing:
        item["overflowing"] = [{"ids": o.ids, "typeIDs": o.type_ids, "mask": o.special_tokens_mask} for o in e.overflowing]
    item["decoded"] = tokenizer.decode(e.ids, skip_special_tokens=True)
    item["decodedWhole"] = tokenizer.decode(e.ids, skip_special_tokens=False)
    return item


def main():
    shutil.rmtree(OUTPUT, ignore_errors=True)
    os.makedirs(OUTPUT)
    corpus = list(lines(2500, seed=5))
    texts = ["", " ", "A splendid, unbelievable film!"] + [t for t in lines(400, seed=7) if len(t) < 45][:20]
    generator, decodings = random.Random(3), {}
    for name, tokenizer in families(corpus, size=700):
        if name in ("bert-cased", "t5", "t5-first", "albert"):
            continue
        tokenizer.save(f"{OUTPUT}/{name}.json", pretty=False)
        items = [record(tokenizer, text) for text in texts]
        items += [record(tokenizer, *pair) for pair in PAIRS]
        truncated = []
        for options in TRUNCATIONS:
            tokenizer.enable_truncation(**options)
            for pair in PAIRS[2:]:
                try:
                    truncated.append({"options": options, **record(tokenizer, *pair)})
                except BaseException as error:  # a panic, where the stride is too long
                    assert "too short" in str(error) or "stride" in str(error), error
        with open(f"{OUTPUT}/{name}.golden", "w", encoding="utf-8") as file:
            for item in items + truncated:
                file.write(json.dumps(item, ensure_ascii=False, separators=(",", ":")) + "\n")

        ids = [[generator.randrange(tokenizer.get_vocab_size()) for _ in range(20)] for _ in range(12)]
        decodings[name] = [[i, tokenizer.decode(i, skip_special_tokens=True)] for i in ids]

    # Every scalar between two letters, through every normalizer and pre-tokenizer; as checksums.
    every = "".join(f"a{chr(c)}b " for c in range(1, 0x110000) if not 0xD800 <= c < 0xE000)
    N, P = normalizers, pre_tokenizers
    every_normalizer = {
        "NFC": N.NFC(), "NFD": N.NFD(), "NFKC": N.NFKC(), "NFKD": N.NFKD(), "Lowercase": N.Lowercase(), "Nmt": N.Nmt(),
        "StripAccents": N.StripAccents(), "ByteLevel": N.ByteLevel(), "BertNormalizer": N.BertNormalizer(),
    }
    every_cut = {
        "BertPreTokenizer": P.BertPreTokenizer(), "Whitespace": P.Whitespace(), "WhitespaceSplit": P.WhitespaceSplit(),
        "Punctuation": P.Punctuation(), "Digits": P.Digits(individual_digits=True), "UnicodeScripts": P.UnicodeScripts(),
        "gpt2": P.ByteLevel(add_prefix_space=False), "qwen": P.Split(Regex(QWEN), "isolated"),
        "llama3": P.Split(Regex(LLAMA3), "isolated"), "o200k": P.Split(Regex(O200K), "isolated"),
    }
    sums = {"normalizers": {}, "cuts": {}, "decodings": decodings}
    for name, normalizer in every_normalizer.items():
        sums["normalizers"][name] = zlib.crc32(normalizer.normalize_str(every).encode())
    for name, cut in every_cut.items():
        ends = ",".join(f"{a}-{b}" for _, (a, b) in cut.pre_tokenize_str(every))
        sums["cuts"][name] = {
            "json": json.loads(cut.__getstate__()), "sum": zlib.crc32(ends.encode())}

    # Expressions: which parts of a text match.
    sample = "I'm 42½ x²: «Straße» ΣΊΣΥΦΟΣ ſtop K\u212a\n\tfoo_bar-baz  1,234.5e-6 日本語カナ한글\r\n\r\nÀÉ a\u0301b__ ¡FIN! \u00a0 end \n"
    expressions = [
        r"\w+", r"[\w]+", r"\W", r"\s+$", r"^\w", r"\b\w", r"\B.", r"(?i)s+", r"(?i:straße|sisyphos)", r"\p{Lu}\p{Ll}*",
        r"\P{L}+", r"[^\p{L}\s]++\w?", r"a*?b", r"(?:a|ab)(?:c|bcd)?", r"(?<=\d)[,.](?=\d)", r"(?<!\w)\d{1,2}", r"[a-z&&[^aeiou]]{2,}",
        r"[[:punct:]]", r"\d+(?:,\d{3})*", r"(?>\d+)\.", r"x?", r"\p{Han}+|\p{Katakana}+|\p{Hangul}", r"[\x{4e00}-\x{9fff}]",
        r"\A.|.\z|\n\Z", r"(\w)(?-i:b)", r"[\]\-_]+", r"\h{2}", r"o{2}|\d{,2}5", r"\u00e9|\x41", r"(?m:.+)", r".+", r"\p{^L}",
        r"[^\n]\n|\r\n?", r"(?=[A-Z])", r"(?:(?:\d)*)*,", r"\S+?(?=\s|$)",
        r"(?i)[^a-k]+", r"(?i:[^a-z])", r"(?i)\p{Lu}+", r"(?i)[\p{Lu}]+", r"(?i)\P{Lu}+", r"(?i)[^\p{Lu}]+", r"(?i)[[^a-k]x]+",
        r"(?i)\x53", r"[fo]{2}?", r"\w{2}??a", r"o{2}+", r"\d{2,2}?", r"[[:alpha:]_]+", r"[[:^alnum:]]{2}", r"(?<=o|to|x)[p²]",
        r"(?<word>\p{Alpha}+) ", r"(?'Zähler_1'\d)\p{^Digit}",
    ]
    sums["expressions"] = {
        e: [list(o) for _, o in P.Split(Regex(e), "removed", invert=True).pre_tokenize_str(sample)] for e in expressions}
    sums["sample"] = sample

    # Classes of scalars: where they match.
    classes = [
        r"\p{Alphabetic}", r"\p{Lowercase}", r"\p{Uppercase}", r"\p{Alnum}", r"\p{Punct}", r"\p{Space}", r"\p{Digit}",
        r"\p{XDigit}", r"\p{Word}", r"\p{Graph}", r"\p{Print}", r"\p{Blank}", r"\p{Cntrl}", r"\p{ASCII}", r"\p{Assigned}",
        r"\p{Emoji}", r"\p{Extended_Pictographic}", "[[:^alpha:]]", "[[:^lower:]]", "[[:upper:]]", "[[:alnum:]]", "[[:punct:]]",
        "[[:word:]]", "[[:graph:]]", "[[:print:]]", "[[:blank:]]", "[[:xdigit:]]", r"(?i:\p{Ll})", "(?i:[[:upper:]])",
        r"(?i:[^\p{Lu}])", r"(?i:[\P{Ll}])", "(?i:[^[:alpha:]])",
    ]
    sums["classes"] = {}
    for expression in classes:
        found = P.Split(Regex(f"{expression}+"), "removed", invert=True).pre_tokenize_str(every)
        sums["classes"][expression] = zlib.crc32(",".join(f"{a}-{b}" for _, (a, b) in found).encode())
    with open(f"{OUTPUT}/scalars.json", "w", encoding="utf-8") as file:
        json.dump(sums, file, ensure_ascii=False, separators=(",", ":"))


if __name__ == "__main__":
    main()
