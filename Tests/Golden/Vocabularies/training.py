"""Writes training.json and unigram.json beside it with Hugging Face `tokenizers` 0.23: vocabularies that its trainers learn from the
license and the lines of ../Tokenizers/words.jsonl. Run inside this folder.

Where a prefix or a suffix makes new symbols, the library numbers them in a random order. So they are all given as special
tokens here, which come first: then its results are the same on every run (which this script checks).
"""

import json

from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, trainers

LINES = open("../../../LICENSE").read().splitlines()
LINES += [json.loads(line)["text"] for line in open("../Tokenizers/words.jsonl")][:30]

BERT = (normalizers.BertNormalizer(lowercase=True), pre_tokenizers.BertPreTokenizer())
PLAIN = (None, pre_tokenizers.WhitespaceSplit())
BYTES = (None, pre_tokenizers.ByteLevel(add_prefix_space=False))


def count(pipeline):
    normalizer, pre_tokenizer = pipeline
    counts = {}
    for line in LINES:
        line = normalizer.normalize_str(line) if normalizer else line
        for word, _ in pre_tokenizer.pre_tokenize_str(line):
            counts[word] = counts.get(word, 0) + 1
    return counts


def train(kind, pipeline, **settings):
    model = {"bpe": models.BPE, "wordpiece": lambda: models.WordPiece(unk_token="[UNK]")}[kind]()
    tokenizer = Tokenizer(model)
    if pipeline[0]:
        tokenizer.normalizer = pipeline[0]
    tokenizer.pre_tokenizer = pipeline[1]
    trainer = {"bpe": trainers.BpeTrainer, "wordpiece": trainers.WordPieceTrainer}[kind]
    tokenizer.train_from_iterator(LINES, trainer(show_progress=False, **settings))
    model = json.loads(tokenizer.to_str())["model"]
    tokens = sorted(model["vocab"], key=model["vocab"].get)
    return {"tokens": tokens, "merges": model.get("merges")}


def case(name, kind, pipeline, **settings):
    results = [train(kind, pipeline, **settings) for _ in range(4)]
    assert all(result == results[0] for result in results), name
    if kind == "wordpiece":
        settings = {"continuing_subword_prefix": "##", **settings}
    counts = sorted(count(pipeline).items())
    return {"name": name, "settings": settings, "words": counts, **results[0]}


words = count(BERT)
inner = ["##" + c for c in sorted({c for word in words for c in word[1:]})]
last = [c + "</w>" for c in sorted({word[-1] for word in count(PLAIN)})]
cases = [
    case("bpe", "bpe", PLAIN, vocab_size=900, min_frequency=2, special_tokens=["<unk>", "<s>"]),
    case("bpe to the end", "bpe", PLAIN, vocab_size=30000, min_frequency=0, special_tokens=[]),
    case("byte-level", "bpe", BYTES, vocab_size=800, initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
         special_tokens=["<s>", "<pad>"]),
    case("limited alphabet", "bpe", PLAIN, vocab_size=300, limit_alphabet=20, special_tokens=[]),
    case("suffix", "bpe", PLAIN, vocab_size=900, special_tokens=["<unk>"] + last, end_of_word_suffix="</w>"),
    case("wordpiece", "wordpiece", BERT, vocab_size=1200, special_tokens=["[PAD]", "[UNK]"] + inner),
    case("wordpiece, frequent pairs", "wordpiece", BERT, vocab_size=5000, min_frequency=5,
         special_tokens=["[UNK]"] + inner),
]
with open("training.json", "w") as out:
    out.write("[" + ",\n".join(json.dumps(case) for case in cases) + "]\n")

# A unigram vocabulary differs from run to run; what is compared is how well it fits.
META = (None, pre_tokenizers.Metaspace())
unigram = Tokenizer(models.Unigram())
unigram.pre_tokenizer = META[1]
trainer = trainers.UnigramTrainer(vocab_size=700, special_tokens=["<unk>"], unk_token="<unk>", show_progress=False)
unigram.train_from_iterator(LINES, trainer)
pieces = json.loads(unigram.to_str())["model"]["vocab"]
with open("unigram.json", "w") as out:
    out.write(json.dumps({"size": 700, "words": sorted(count(META).items()), "pieces": pieces}) + "\n")
