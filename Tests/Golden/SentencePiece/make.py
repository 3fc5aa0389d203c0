"""Writes the goldens of SentencePiece files beside it, with `sentencepiece` 0.2.3, `transformers` 5.23 and `tokenizers`
0.23; run inside this folder.

*.model       trained on the license and the lines of ../Tokenizers/words.jsonl
CLASS.json    the tokenizer.json that transformers makes of a model for a tokenizer class, without the character map
lines.jsonl   what sentencepiece itself says of varied lines, by model
"""

import itertools
import json
import os
import random
import tempfile

os.environ["HF_HUB_OFFLINE"] = "1"
import sentencepiece
from sentencepiece import sentencepiece_model_pb2
from tokenizers import Regex, normalizers
from transformers import AutoTokenizer

LICENSE = os.path.join(os.environ.get("ENCODERS_ROOT", "../../.."), "LICENSE")
LINES = open(LICENSE).read().splitlines()
LINES += [json.loads(line)["text"] for line in open("../Tokenizers/words.jsonl")][:30]

# A small character map: full-width letters, a ligature, some composition, white space.
rules = {0xFB01: "fi", 0xFB02: "fl", 0x3000: " ", 0xA0: " ", 0x9: " ", 0x2026: "...", 0x200B: ""}
rules.update({0xFF21 + i: chr(65 + i) for i in range(26)})
rules.update({0xFF41 + i: chr(97 + i) for i in range(26)})
with open("rules.tsv", "w") as out:
    for source, target in rules.items():
        out.write(f"{source:X}\t{' '.join(f'{ord(c):X}' for c in target)}\n")
    for accent, letters in {0x301: "éáíóú", 0x308: "äöü"}.items():
        for letter in letters:
            base = {"é": "e", "á": "a", "í": "i", "ó": "o", "ú": "u", "ä": "a", "ö": "o", "ü": "u"}[letter]
            out.write(f"{ord(base):X} {accent:X}\t{ord(letter):X}\n")


def train(name, **settings):
    settings = {"vocab_size": 700, "character_coverage": 0.995, "hard_vocab_limit": False, "minloglevel": 2, "num_threads": 1, **settings}
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(line for line in LINES if line), model_prefix=name, **settings)
    os.remove(name + ".vocab")


custom = {"normalization_rule_tsv": "rules.tsv"}
train("t5", pad_id=0, eos_id=1, unk_id=2, bos_id=-1)
train("fairseq", **custom)
train("albert", pad_id=0, unk_id=1, bos_id=-1, eos_id=-1, control_symbols=["[CLS]", "[SEP]", "[MASK]"], **custom)
train("llama", model_type="bpe", byte_fallback=True, normalization_rule_name="identity", vocab_size=1000,
      remove_extra_whitespaces=False, split_digits=True)
train("symbols", user_defined_symbols=["<mark>", "License", "x"], byte_fallback=True, vocab_size=1000, **custom)
train("bpe", model_type="bpe", user_defined_symbols=["<mark>"], **custom)
train("bare", add_dummy_prefix=False, remove_extra_whitespaces=False, normalization_rule_name="identity",
      model_type="bpe")
os.remove("rules.tsv")

for name, model, config in [
    ("T5Tokenizer", "t5", {"extra_ids": 10}), ("XLMRobertaTokenizer", "fairseq", {}),
    ("CamembertTokenizer", "fairseq", {}), ("AlbertTokenizer", "albert", {"do_lower_case": True}),
    ("LlamaTokenizer", "llama", {}),
]:
    with tempfile.TemporaryDirectory() as folder:
        file = {"t5": "spiece.model", "albert": "spiece.model", "fairseq": "sentencepiece.bpe.model",
                "llama": "tokenizer.model"}[model]
        with open(model + ".model", "rb") as source, open(f"{folder}/{file}", "wb") as target:
            target.write(source.read())
        json.dump({"tokenizer_class": name, **config}, open(f"{folder}/tokenizer_config.json", "w"))
        tokenizer = AutoTokenizer.from_pretrained(folder)
        result = json.loads(tokenizer._tokenizer.to_str())
        text = json.dumps(result, ensure_ascii=False)
        for step in (result["normalizer"] or {}).get("normalizers", [result["normalizer"] or {}]):
            if step.get("type") == "Precompiled":
                text = text.replace(step["precompiled_charsmap"], "")
        open(f"{name}.json", "w").write(text + "\n")

# Varied lines, as sentencepiece itself sees them. Left out are those that it and the tokenizers library see differently by
# design: the latter's character map replaces whole grapheme clusters and drops their marks, and its scores are doubles, so
# that of equally good ways to cut 300 times x it takes another one.
draw = random.Random(5)
lines = [json.loads(line)["text"] for line in open("../Tokenizers/words.jsonl")]
lines += [line for line in open(LICENSE).read().splitlines() if line][:20]
lines += [
    "", " ", "   ", "a", " a", "a ", "  a   b  ", "▁", "▁a", "a▁b", " ▁ ", "\ta\t", "a\u00a0b", "ＦＵＬＬ ｗｉｄｔｈ", "ﬁne ﬂow…",
    "e\u0301te\u0301", "<s> </s> <unk> <pad> <mask>", "<mark>", "a<mark>b", "a <mark> b", "License License", "xxx x",
    "<0x41><0x0A>", "🤗 emoji 🏳️‍🌈", "zero\u200bwidth", "\ue000 private", "x" * 300, "License" * 40, "1234567890",
    "new\nline", "nul\x00byte", "\ufeffbom", "[CLS] text [SEP]", "``quoted'' 'single'", "ÀÉÎ", "naïve Straße",
]
pool = "abcdefghi ▁  .,<>xyLicense0123éáöü\u0301\u0308\u00a0ＡＢ…🤗中文\t"
lines += ["".join(draw.choice(pool) for _ in range(draw.randint(1, 40))) for _ in range(250)]
models = ["t5", "fairseq", "albert", "llama", "symbols", "bpe", "bare"]
processors = {name: sentencepiece.SentencePieceProcessor(model_file=name + ".model") for name in models}


def normalizer(name):
    proto = sentencepiece_model_pb2.ModelProto()
    proto.ParseFromString(open(name + ".model", "rb").read())
    charsmap = proto.normalizer_spec.precompiled_charsmap
    if not charsmap:
        return None
    steps = [normalizers.Precompiled(charsmap), normalizers.Replace(Regex("\\A +"), ""),
             normalizers.Replace(Regex(" {2,}"), " "), normalizers.Prepend("▁"), normalizers.Replace(" ", "▁"),
             normalizers.Replace(Regex("▁+\\z"), "")]
    return normalizers.Sequence(steps)


def agree(name, line):
    longest = max((len(list(run)) for _, run in itertools.groupby(line)), default=0)
    if longest > 100 and name in ("t5", "fairseq", "albert", "symbols"):
        return False
    return maps[name] is None or maps[name].normalize_str(line) == processors[name].normalize(line)


maps = {name: normalizer(name) for name in models}
with open("lines.jsonl", "w") as out:
    for line in lines:
        row = {name: processor.encode(line) for name, processor in processors.items() if agree(name, line)}
        out.write(json.dumps({"text": line, **row}) + "\n")
