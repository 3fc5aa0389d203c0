"""Makes a tokenizer.json of each family, trained on a little text, as Hugging Face has them.

    python Tests/Parity/tokenizer_families.py OUTPUT [CORPUS]

Needs `tokenizers` and `sentencepiece`; a SentencePiece normalization table comes from a model trained here.
"""

import collections
import io
import os
import random
import sys

from tokenizer_lines import lines
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

QWEN = (r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+"
        r"|\s+(?!\S)|\s+")
LLAMA3 = QWEN.replace(r"|\p{N}|", r"|\p{N}{1,3}|")
O200K = (r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?"
         r"|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?"
         r"|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+")


def special(text, **options):
    return AddedToken(text, special=True, normalized=False, **options)


def charsmap(name):
    """A compiled character map of sentencepiece: nmt_nfkc, nmt_nfkc_cf, nfkc or nfkc_cf."""
    import sentencepiece
    from sentencepiece import sentencepiece_model_pb2 as proto

    model = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(["abcdefghij klmnop"] * 20), model_writer=model, vocab_size=24,
        normalization_rule_name=name, hard_vocab_limit=False, minloglevel=2)
    parsed = proto.ModelProto()
    parsed.ParseFromString(model.getvalue())
    return parsed.normalizer_spec.precompiled_charsmap


def families(corpus, size=3000):
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    # A unigram vocabulary holds every scalar it was trained on: only lines of frequent ones, that there is room for pieces.
    counts = collections.Counter("".join(corpus))
    known = {c for c, _ in counts.most_common(700)}
    frequent = [text for text in corpus if known.issuperset(text)]

    def byte_level_bpe(tokens, normalizer=None, pre_tokenizer=None, **options):
        t = Tokenizer(models.BPE(**options))
        if normalizer:
            t.normalizer = normalizer
        t.pre_tokenizer = pre_tokenizer or pre_tokenizers.ByteLevel(add_prefix_space=False)
        t.train_from_iterator(corpus, trainers.BpeTrainer(
            vocab_size=size, initial_alphabet=alphabet, special_tokens=tokens, show_progress=False))
        t.decoder = decoders.ByteLevel()
        return t

    # BERT, uncased and cased, and its Chinese sister.
    def bert(name, **options):
        t = Tokenizer(models.WordPiece(unk_token="[UNK]"))
        t.normalizer = normalizers.BertNormalizer(**options)
        t.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
        t.train_from_iterator(corpus, trainers.WordPieceTrainer(
            vocab_size=size, special_tokens=["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"], limit_alphabet=800,
            show_progress=False))
        t.post_processor = processors.TemplateProcessing(
            single="[CLS] $A [SEP]", pair="[CLS] $A [SEP] $B:1 [SEP]:1",
            special_tokens=[("[CLS]", t.token_to_id("[CLS]")), ("[SEP]", t.token_to_id("[SEP]"))])
        t.decoder = decoders.WordPiece()
        return name, t

    yield bert("bert-uncased", lowercase=True)
    yield bert("bert-cased", lowercase=False)
    yield bert("bert-accents", lowercase=True, strip_accents=False, handle_chinese_chars=False)
    name, t = bert("bert-processing", lowercase=False, strip_accents=True, clean_text=False)
    t.post_processor = processors.BertProcessing(("[SEP]", 3), ("[CLS]", 2))
    t.add_tokens(["splendid", AddedToken("Zürich", normalized=True, single_word=True)])
    t.enable_truncation(24, stride=3)
    yield name, t

    # RoBERTa and GPT-2.
    t = byte_level_bpe(["<s>", "<pad>", "</s>", "<unk>"], unk_token="<unk>")
    t.add_special_tokens([special("<mask>", lstrip=True)])
    t.post_processor = processors.RobertaProcessing(("</s>", 2), ("<s>", 0), trim_offsets=True, add_prefix_space=False)
    yield "roberta", t
    t = byte_level_bpe(["<s>", "<pad>", "</s>", "<unk>"], pre_tokenizer=pre_tokenizers.ByteLevel(add_prefix_space=True))
    t.post_processor = processors.RobertaProcessing(("</s>", 2), ("<s>", 0), trim_offsets=True, add_prefix_space=True)
    yield "roberta-prefix", t
    t = byte_level_bpe(["<|endoftext|>"])
    t.post_processor = processors.ByteLevel(trim_offsets=False)
    yield "gpt2", t

    # ModernBERT: normalized, runs of spaces as added tokens.
    t = byte_level_bpe(["[UNK]", "[CLS]", "[SEP]", "[PAD]"], normalizer=normalizers.NFC())
    t.add_tokens([AddedToken(" " * n, normalized=True) for n in range(24, 1, -1)] + ["|||EMAIL_ADDRESS|||"])
    t.add_special_tokens([special("[MASK]", lstrip=True)])
    t.post_processor = processors.TemplateProcessing(
        single="[CLS]:0 $A:0 [SEP]:0", pair="[CLS]:0 $A:0 [SEP]:0 $B:1 [SEP]:1",
        special_tokens=[("[CLS]", 1), ("[SEP]", 2)])
    yield "modernbert", t

    # Qwen3, Llama 3, GPT-4o.
    def tiktoken(expression, **options):
        t = byte_level_bpe(
            ["<|endoftext|>", "<|im_start|>", "<|im_end|>"], normalizer=normalizers.NFC(),
            pre_tokenizer=pre_tokenizers.Sequence([
                pre_tokenizers.Split(Regex(expression), "isolated"),
                pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)]), **options)
        t.post_processor = processors.Sequence([
            processors.ByteLevel(trim_offsets=False),
            processors.TemplateProcessing(single="$A <|endoftext|>", pair="$A <|endoftext|> $B:1 <|endoftext|>:1",
                                          special_tokens=[("<|endoftext|>", 0)])])
        return t

    yield "qwen3", tiktoken(QWEN)
    yield "llama3", tiktoken(LLAMA3, ignore_merges=True)
    yield "o200k", tiktoken(O200K)

    # XLM-R and T5.
    def unigram(name, pre_tokenizer, normalizer, tokens, unk, **options):
        t = Tokenizer(models.Unigram())
        t.normalizer = normalizer
        t.pre_tokenizer = pre_tokenizer
        t.train_from_iterator(frequent, trainers.UnigramTrainer(
            vocab_size=size, special_tokens=tokens, unk_token=unk, show_progress=False))
        t.decoder = decoders.Metaspace()
        return name, t

    nmt = normalizers.Precompiled(charsmap("nmt_nfkc"))
    name, t = unigram(
        "xlm-roberta", pre_tokenizers.Sequence([pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Metaspace()]), nmt,
        ["<s>", "<pad>", "</s>", "<unk>"], "<unk>")
    t.add_special_tokens([special("<mask>", lstrip=True)])
    t.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>", pair="<s> $A </s> </s> $B </s>", special_tokens=[("<s>", 0), ("</s>", 2)])
    yield name, t
    name, t = unigram("t5", pre_tokenizers.Metaspace(prepend_scheme="always"), nmt, ["<pad>", "</s>", "<unk>"], "<unk>")
    t.add_special_tokens([f"<extra_id_{i}>" for i in range(100)])
    t.post_processor = processors.TemplateProcessing(
        single="$A </s>", pair="$A </s> $B </s>", special_tokens=[("</s>", 1)])
    yield name, t
    yield unigram(
        "t5-first", pre_tokenizers.Metaspace(prepend_scheme="first", split=False),
        normalizers.Sequence([normalizers.Precompiled(charsmap("nmt_nfkc_cf")), normalizers.Strip(left=False, right=True),
                              normalizers.Replace(Regex(" {2,}"), "▁")]), ["<pad>", "</s>", "<unk>"], "<unk>")
    yield unigram(
        "albert", pre_tokenizers.Sequence([pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Metaspace()]),
        normalizers.Sequence([normalizers.Replace("``", '"'), normalizers.Replace("''", '"'), normalizers.NFKD(),
                              normalizers.StripAccents(), normalizers.Lowercase(), nmt]), ["<pad>", "<unk>"], "<unk>")
    yield unigram("nmt", pre_tokenizers.Metaspace(), normalizers.Sequence([normalizers.Nmt(), normalizers.NFKC()]),
                  ["<pad>", "<unk>"], "<unk>")

    # MPNet.
    t = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    t.normalizer = normalizers.BertNormalizer(lowercase=True)
    t.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    t.train_from_iterator(corpus, trainers.WordPieceTrainer(
        vocab_size=size, special_tokens=["<s>", "<pad>", "</s>", "[UNK]"], show_progress=False))
    t.add_special_tokens([special("<mask>", lstrip=True)])
    t.post_processor = processors.RobertaProcessing(("</s>", 2), ("<s>", 0), trim_offsets=True, add_prefix_space=False)
    t.decoder = decoders.WordPiece()
    yield "mpnet", t

    # Llama 2 and Gemma: plain BPE, bytes for what is unknown.
    fallback = [f"<0x{byte:02X}>" for byte in range(256)]
    t = Tokenizer(models.BPE(unk_token="<unk>", fuse_unk=True, byte_fallback=True))
    t.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    t.train_from_iterator(corpus, trainers.BpeTrainer(
        vocab_size=size, special_tokens=["<unk>", "<s>", "</s>"] + fallback, limit_alphabet=200, show_progress=False,
        max_token_length=12))
    t.decoder = decoders.Sequence([decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(),
                                   decoders.Strip(" ", 1, 0)])
    t.post_processor = processors.TemplateProcessing(
        single="<s> $A", pair="<s> $A <s>:1 $B:1", special_tokens=[("<s>", 1)])
    yield "llama2", t
    t = Tokenizer(models.BPE(unk_token="<unk>", fuse_unk=True))
    t.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="first")
    t.train_from_iterator(corpus, trainers.BpeTrainer(
        vocab_size=size, special_tokens=["<unk>", "<s>"], limit_alphabet=120, show_progress=False))
    t.decoder = decoders.Metaspace()
    yield "bpe-metaspace", t

    # The original BPE, with an end of word; a CLIP with continuations.
    t = Tokenizer(models.BPE(unk_token="<unk>", end_of_word_suffix="</w>"))
    t.normalizer = normalizers.Sequence([normalizers.NFC(), normalizers.Lowercase()])
    t.pre_tokenizer = pre_tokenizers.Whitespace()
    t.train_from_iterator(corpus, trainers.BpeTrainer(
        vocab_size=size, special_tokens=["<unk>"], end_of_word_suffix="</w>", limit_alphabet=150, show_progress=False))
    t.decoder = decoders.BPEDecoder()
    yield "bpe-suffix", t
    t = Tokenizer(models.BPE(unk_token="<unk>", continuing_subword_prefix="##"))
    t.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.Punctuation("contiguous"), pre_tokenizers.WhitespaceSplit(),
                                               pre_tokenizers.Digits(individual_digits=True)])
    t.train_from_iterator(corpus, trainers.BpeTrainer(
        vocab_size=size, special_tokens=["<unk>"], continuing_subword_prefix="##", limit_alphabet=150,
        show_progress=False))
    yield "bpe-prefix", t

    # Words, and every way to cut and to normalize that is left.
    def words(name, pre_tokenizer, normalizer=None):
        t = Tokenizer(models.WordLevel(unk_token="[UNK]"))
        t.pre_tokenizer = pre_tokenizer
        if normalizer:
            t.normalizer = normalizer
        t.train_from_iterator(corpus, trainers.WordLevelTrainer(
            vocab_size=size, special_tokens=["[UNK]"], show_progress=False))
        return name, t

    P, N = pre_tokenizers, normalizers
    yield words("cut-scripts", P.Sequence([P.UnicodeScripts(), P.Split(" ", "merged_with_previous")]), N.NFKC())
    yield words("cut-digits", P.Sequence([P.Whitespace(), P.Digits()]), N.Sequence([N.NFD(), N.StripAccents()]))
    yield words("cut-fixed", P.FixedLength(3), N.Strip())
    yield words("cut-delimiter", P.Sequence([P.CharDelimiterSplit("e"), P.Punctuation("merged_with_next")]), N.NFKD())
    yield words("cut-regex", P.Sequence([P.Split(Regex(r"\d+|[aeiou]\b|(?<=\p{Lu})\p{Ll}{2,3}?"), "merged_with_next"),
                                         P.Split(Regex(r"\W++"), "contiguous"),
                                         P.Split(Regex(r"[[:punct:]&&[^-_]]|(?=\p{Han})"), "merged_with_previous")]))
    yield words("cut-invert", P.Sequence([P.Split(Regex(r"\w+|[^\w\s]+"), "removed", invert=True),
                                          P.Split(Regex("(?i)(?:an|the)+?"), "isolated", invert=True)]),
                N.Sequence([N.Replace(Regex(r"\s+"), " "), N.Replace(Regex("[‘’]"), "'"), N.Prepend("x ")]))
    yield words("byte-normalizer", P.Split(Regex("Ġ"), "merged_with_next"), N.ByteLevel())


def main():
    output = sys.argv[1]
    random.seed(0)
    corpus = list(lines(6000, seed=5))
    if len(sys.argv) > 2:
        corpus += open(sys.argv[2], encoding="utf-8").read().split("\n")[:20000]
    for name, tokenizer in families(corpus):
        os.makedirs(os.path.join(output, name), exist_ok=True)
        tokenizer.save(os.path.join(output, name, "tokenizer.json"))
        print(name, tokenizer.get_vocab_size(), flush=True)


if __name__ == "__main__":
    main()
