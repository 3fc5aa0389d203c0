"""Folders of sentence-transformers and Hugging Face open here and give the same vectors. compare_sentences.py ENCODERS

Tiny random models of every family and module are written by the references; with ENCODERS_MINILM (a folder) also all-MiniLM-L6-v2.
Cosine at least 0.99999 and |Δ| at most 2e-5, relative to vectors of length 1.
"""

import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

os.environ["HF_HUB_OFFLINE"] = "1"
import numpy as np
import torch
import transformers
from sentence_transformers import CrossEncoder, MultiVectorEncoder, SentenceTransformer, SparseEncoder, models
from sentence_transformers.multi_vector_encoder.modules import MultiVectorMask
from sentence_transformers.sparse_encoder.models import SpladePooling
from sentence_transformers.util import quantize_embeddings
from tokenizers import Tokenizer, decoders, normalizers, pre_tokenizers, processors, trainers
from tokenizers.models import BPE, Unigram, WordPiece

WORDS = "a the film Movie GREAT dull plot's acting, brilliant! naïve café 中文 好看 8/10 sci-fi unwatchable 😀 masterpiece don't — “quoted”".split()
SIZES = dict(hidden_size=32, num_hidden_layers=2, num_attention_heads=4, intermediate_size=48)


def texts(random, count=60):
    lines = [" ".join(random.choice(WORDS, random.integers(1, 40))) for _ in range(count)]
    return lines + ["a", "  spaces   inside  ", "UPPER lower", "masterpiece" * 9, "\u00a0nbsp\u200bzero"]


def train(model, trainer, corpus, **parts):
    tokenizer = Tokenizer(model)
    for name, part in parts.items():
        setattr(tokenizer, name, part)
    tokenizer.train_from_iterator(corpus, trainer)
    return tokenizer


def bert_tokenizer(corpus, lowercase=True, limit=512):
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    tokenizer = train(
        WordPiece(unk_token="[UNK]"), trainers.WordPieceTrainer(vocab_size=300, special_tokens=special), corpus,
        normalizer=normalizers.BertNormalizer(lowercase=lowercase), pre_tokenizer=pre_tokenizers.BertPreTokenizer(),
        decoder=decoders.WordPiece(),
    )
    ids = [(s, tokenizer.token_to_id(s)) for s in ("[CLS]", "[SEP]")]
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", pair="[CLS] $A [SEP] $B:1 [SEP]:1", special_tokens=ids
    )
    return transformers.PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, pad_token="[PAD]", unk_token="[UNK]", cls_token="[CLS]", sep_token="[SEP]",
        mask_token="[MASK]", model_max_length=limit, model_input_names=["input_ids", "token_type_ids", "attention_mask"],
    )


def roberta_tokenizer(corpus, limit=60):
    tokenizer = train(
        BPE(), trainers.BpeTrainer(vocab_size=500, special_tokens=["<s>", "<pad>", "</s>", "<unk>", "<mask>"],
                                   initial_alphabet=pre_tokenizers.ByteLevel.alphabet()),
        corpus, pre_tokenizer=pre_tokenizers.ByteLevel(add_prefix_space=False), decoder=decoders.ByteLevel(),
    )
    tokenizer.post_processor = processors.RobertaProcessing(("</s>", 2), ("<s>", 0), add_prefix_space=False)
    return transformers.PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, pad_token="<pad>", unk_token="<unk>", bos_token="<s>", eos_token="</s>",
        cls_token="<s>", sep_token="</s>", mask_token="<mask>", model_max_length=limit,
        model_input_names=["input_ids", "attention_mask"],
    )


def unigram_tokenizer(corpus, limit=70):
    tokenizer = train(
        Unigram(), trainers.UnigramTrainer(vocab_size=300, special_tokens=["<s>", "<pad>", "</s>", "<unk>"], unk_token="<unk>"),
        corpus, normalizer=normalizers.NFKC(), pre_tokenizer=pre_tokenizers.Metaspace(), decoder=decoders.Metaspace(),
    )
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>", pair="<s> $A </s> </s> $B </s>", special_tokens=[("<s>", 0), ("</s>", 2)]
    )
    return transformers.PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, pad_token="<pad>", unk_token="<unk>", bos_token="<s>", eos_token="</s>",
        cls_token="<s>", sep_token="</s>", model_max_length=limit, model_input_names=["input_ids", "attention_mask"],
    )


def qwen_tokenizer(corpus):
    tokenizer = train(
        BPE(), trainers.BpeTrainer(vocab_size=500, special_tokens=["<|endoftext|>", "<|im_end|>"],
                                   initial_alphabet=pre_tokenizers.ByteLevel.alphabet()),
        corpus, normalizer=normalizers.NFC(), pre_tokenizer=pre_tokenizers.ByteLevel(add_prefix_space=False),
        decoder=decoders.ByteLevel(),
    )
    tokenizer.post_processor = processors.TemplateProcessing(
        single="$A <|endoftext|>", pair="$A $B <|endoftext|>", special_tokens=[("<|endoftext|>", 0)]
    )
    return transformers.PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, pad_token="<|endoftext|>", eos_token="<|im_end|>", padding_side="left",
        model_max_length=512, model_input_names=["input_ids", "attention_mask"],
    )


def family(name, tokenizer, folder, head=transformers.AutoModel, **options):
    """A random model, larger numbers than at the usual start, beside its tokenizer."""
    config = transformers.AutoConfig.for_model(
        name, vocab_size=len(tokenizer), pad_token_id=tokenizer.pad_token_id, **{**SIZES, **options}
    )
    model = head.from_config(config)
    with torch.no_grad():
        for parameter_name, parameter in model.named_parameters():
            if parameter.ndim > 1:
                parameter.normal_(0, 0.9 / parameter.shape[-1] ** 0.5)
            elif not parameter_name.endswith("weight"):
                parameter.normal_(0, 0.2)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def cases(place, corpus):
    """(name, folder, arguments of embed, arguments of encode) of each model."""
    new = lambda name: str(place / name)
    bert, cased = bert_tokenizer(corpus), bert_tokenizer(corpus, lowercase=False, limit=40)
    roberta, unigram, qwen = roberta_tokenizer(corpus), unigram_tokenizer(corpus), qwen_tokenizer(corpus)

    def sentence(name, base, tail, limit=None, prompts=None, default=None, similarity=None, lower=False):
        base = models.Transformer(base, max_seq_length=limit, do_lower_case=lower)
        width = base.get_embedding_dimension() if hasattr(base, "get_embedding_dimension") else base.get_word_embedding_dimension()
        model = SentenceTransformer(
            modules=[base, *tail(width)], prompts=prompts, default_prompt_name=default, similarity_fn_name=similarity,
            device="cpu",
        )
        model.save(new(name))
        return new(name)

    mean = lambda width: [models.Pooling(width, "mean"), models.Normalize()]
    prompts = {"query": "find the film: ", "document": ""}
    folder = family("bert", bert, new("bert-base"), max_position_embeddings=64)
    yield "bert, mean, normalised", sentence("bert", folder, mean, limit=20), [], {}
    yield "bert, plain folder", folder, [], {}
    all_modes = lambda width: [models.Pooling(width, ["cls", "max", "mean", "mean_sqrt_len_tokens", "weightedmean", "lasttoken"])]
    yield "bert, six poolings", sentence("six", folder, all_modes), [], {}
    folder2 = sentence("prompts", folder, all_modes, prompts=prompts)
    yield "bert, prompt", folder2, ["--prompt", "query"], {"prompt_name": "query"}
    yield "bert, a prompt's text", folder2, ["--prompt-text", "GREAT: "], {"prompt": "GREAT: "}
    without = lambda width: [models.Pooling(width, ["mean", "max", "weightedmean", "cls"], include_prompt=False)]
    yield "bert, prompt not pooled", sentence("unpooled", folder, without, prompts=prompts, default="query"), [], {}
    yield "dimensions, normalised", new("bert"), ["--dimensions", "7", "--normalize"], {"truncate_dim": 7, "normalize_embeddings": True}
    dense = lambda width: [
        models.Pooling(width, "mean"), models.Dense(width, 24, activation_function=torch.nn.Tanh()), models.LayerNorm(24),
        models.Dropout(0.3), models.Dense(24, 24, bias=False, activation_function=torch.nn.GELU()),
        models.Dense(24, 9, activation_function=torch.nn.Identity()), models.Normalize(),
    ]
    folder = family("bert", cased, new("cased-base"), max_position_embeddings=64, hidden_act="gelu_new")
    yield "cased bert, lower case asked for, dense", sentence("cased", folder, dense, lower=True), [], {}
    folder = family("roberta", roberta, new("roberta-base"), max_position_embeddings=66, type_vocab_size=1)
    yield "roberta, cls", sentence("roberta", folder, lambda width: [models.Pooling(width, "cls")]), [], {}
    yield "xlm-roberta", sentence("xlmr", family("xlm-roberta", unigram, new("xlmr-base"), max_position_embeddings=80, type_vocab_size=1), mean), [], {}
    yield "camembert", sentence("camembert", family("camembert", unigram, new("camembert-base"), max_position_embeddings=80), mean, limit=30), [], {}
    distilbert = dict(dim=32, n_layers=2, n_heads=4, hidden_dim=48, max_position_embeddings=64)
    yield "distilbert, max", sentence("distilbert", family("distilbert", bert, new("distilbert-base"), **distilbert), lambda width: [models.Pooling(width, "max")]), [], {}
    yield "mpnet", sentence("mpnet", family("mpnet", bert, new("mpnet-base"), max_position_embeddings=66), mean, limit=60), [], {}
    yield "albert", sentence("albert", family("albert", unigram, new("albert-base"), embedding_size=16, max_position_embeddings=80), mean), [], {}
    yield "electra", sentence("electra", family("electra", bert, new("electra-base"), embedding_size=16, max_position_embeddings=64), mean), [], {}
    modern = dict(max_position_embeddings=128, global_attn_every_n_layers=2, local_attention=8, cls_token_id=2, sep_token_id=3, bos_token_id=2, eos_token_id=3, num_hidden_layers=3)
    yield "modernbert", sentence("modern", family("modernbert", bert, new("modern-base"), **modern), mean, limit=64), [], {}
    last = lambda width: [models.Pooling(width, "lasttoken"), models.Normalize()]
    folder = family("qwen3", qwen, new("qwen-base"), num_key_value_heads=2, head_dim=8, max_position_embeddings=256)
    yield "qwen3, last token", sentence("qwen", folder, last, limit=50, prompts=prompts), ["--prompt", "query"], {"prompt_name": "query"}
    yield "qwen3, plain folder", folder, [], {}
    for kind in (torch.float16, torch.bfloat16):
        name = str(kind).split(".")[1]
        shutil.copytree(new("bert"), new(name))
        model = transformers.AutoModel.from_pretrained(new("bert"), dtype=kind)
        model.save_pretrained(new(name), max_shard_size="10KB")
        (pathlib.Path(new(name)) / "model.safetensors").unlink(missing_ok=True)
        yield f"bert, {name}, sharded", new(name), [], {"dtype": torch.float32}
    from sentence_transformers.models import CNN, LSTM, BoW, StaticEmbedding, WordEmbeddings, WordWeights
    from sentence_transformers.models.tokenizer import WhitespaceTokenizer

    vocabulary = ["PADDING_TOKEN"] + sorted({w.strip(",!") for line in corpus for w in line.split()})[:200]
    table = np.random.default_rng(1).normal(size=(len(vocabulary), 12)).astype(np.float32)
    table[0] = 0
    words = lambda limit=1000: WordEmbeddings(WhitespaceTokenizer(vocabulary, stop_words=["the"]), table, max_seq_length=limit)
    weights = {w: float(i % 7) / 3 for i, w in enumerate(vocabulary)}

    def chain(name, *modules):
        SentenceTransformer(modules=list(modules), device="cpu").save(new(name))
        return new(name)

    yield "word embeddings, weights", chain("weights", words(), WordWeights(vocabulary, weights), models.Pooling(12, ["mean", "max", "mean_sqrt_len_tokens", "weightedmean"])), [], {}
    yield "word embeddings, CNN", chain("cnn", words(9), CNN(12, 10, [1, 3, 5]), models.Pooling(30, "max")), [], {}
    yield "word embeddings, LSTM", chain("lstm", words(), LSTM(12, 7, 2), models.Pooling(14, "mean")), [], {}
    yield "bag of words", chain("bow", BoW(vocabulary[1:], weights, unknown_word_weight=0.5)), [], {}
    yield "static embedding", chain("static", StaticEmbedding(bert._tokenizer, embedding_dim=16), models.Normalize()), [], {}
    if "ENCODERS_MINILM" in os.environ:
        yield "all-MiniLM-L6-v2", os.environ["ENCODERS_MINILM"], [], {}


def embed(encoders, folder, lines, *arguments):
    with tempfile.TemporaryDirectory() as place:
        source, target = place + "/in.jsonl", place + "/out.npy"
        with open(source, "w") as file:
            file.writelines(json.dumps({"text": line}) + "\n" for line in lines)
        subprocess.run([encoders, "embed", folder, "--input", source, "--output", target, *arguments], check=True)
        return np.load(target)


def main(encoders):
    torch.manual_seed(int(os.environ.get("ENCODERS_SEED", 0)))
    random = np.random.default_rng(int(os.environ.get("ENCODERS_SEED", 0)))
    lines = texts(random)
    failures = 0
    with tempfile.TemporaryDirectory() as place:
        place = pathlib.Path(place)
        for name, folder, arguments, options in cases(place, lines):
            dtype = options.pop("dtype", None)
            model = SentenceTransformer(folder, device="cpu", model_kwargs={"dtype": dtype} if dtype else {})
            expected = model.encode(lines, **options)
            found = embed(encoders, folder, lines, *arguments)
            scale = np.linalg.norm(expected, axis=1, keepdims=True).clip(1e-9)
            difference = np.abs(found - expected).max(initial=0) / max(1, scale.max())
            cosine = ((found * expected).sum(1) / scale[:, 0] / np.linalg.norm(found, axis=1).clip(1e-9))[expected.any(1)].min()
            good = found.shape == expected.shape and difference <= 2e-5 and cosine >= 0.99999
            failures += not good
            print(f"{'' if good else 'FAILED '}{name}: {expected.shape[1]} columns, max |Δ| {difference:.1e}, least cosine {cosine:.7f}")
        expected = SentenceTransformer(str(place / "bert"), device="cpu").encode(lines)
        for precision in ("int8", "uint8", "binary", "ubinary"):
            quantized = quantize_embeddings(expected, precision)
            found = embed(encoders, str(place / "bert"), lines, "--precision", precision)
            # A number at the very edge of two levels may fall on either side.
            near = np.abs(found.astype(int) - quantized.astype(int)) <= (1 if "int8" in precision else 0)
            good = found.dtype == quantized.dtype and near.all() and (found == quantized).mean() > 0.999
            failures += not good
            print(f"{'' if good else 'FAILED '}{precision}: {(found == quantized).mean():.4%} equal")
        failures += cross(encoders, place, lines)
        failures += sparse(encoders, place, lines)
        failures += multi_vector(encoders, place, lines)
    sys.exit(1 if failures else 0)


def cross(encoders, place, lines):
    failures = 0
    query = lines[0][:60]
    for name, tokenizer, labels, options in (
        ("bert", bert_tokenizer(lines, limit=48), 1, dict(max_position_embeddings=64)),
        ("roberta", roberta_tokenizer(lines), 1, dict(max_position_embeddings=66, type_vocab_size=1)),
        ("bert", bert_tokenizer(lines, limit=48), 3, dict(max_position_embeddings=64)),
    ):
        folder = family(name, tokenizer, str(place / f"cross-{name}-{labels}"), head=transformers.AutoModelForSequenceClassification, num_labels=labels, **options)
        model = CrossEncoder(folder, device="cpu")
        text = "".join(json.dumps({"text": line}) + "\n" for line in lines)
        if labels == 1:
            expected = model.predict([(query, line) for line in lines])
            output = subprocess.run([encoders, "rerank", folder, "--query", query], input=text, text=True, capture_output=True, check=True).stdout
            found = np.zeros(len(lines))
            for row in map(json.loads, output.splitlines()):
                found[row["index"]] = row["score"]
        else:
            classifier = transformers.AutoModelForSequenceClassification.from_pretrained(folder).eval()
            with torch.no_grad():
                batches = [tokenizer(line, truncation=True, return_tensors="pt") for line in lines]
                expected = torch.cat([classifier(**batch).logits for batch in batches]).softmax(1).numpy()
            output = subprocess.run([encoders, "predict", folder], input=text, text=True, capture_output=True, check=True).stdout
            found = np.array([list(json.loads(row)["probabilities"].values()) for row in output.splitlines()])
        difference = np.abs(found - expected).max()
        failures += difference > 2e-5
        print(f"{'FAILED ' if difference > 2e-5 else ''}cross-encoder {name}, {labels} labels: max |Δ| {difference:.1e}")
    return failures


def report(name, difference):
    print(f"{'FAILED ' if difference > 2e-5 else ''}{name}: max |Δ| {difference:.1e}")
    return difference > 2e-5


def json_lines(encoders, lines, *arguments):
    text = "".join(json.dumps({"text": line}) + "\n" for line in lines)
    output = subprocess.run([encoders, *arguments], input=text, text=True, capture_output=True, check=True).stdout
    return [json.loads(line) for line in output.splitlines()]


def sparse(encoders, place, lines):
    failures = 0
    head = transformers.AutoModelForMaskedLM
    families = {
        "bert": (bert_tokenizer(lines), dict(max_position_embeddings=64)),
        "distilbert": (bert_tokenizer(lines), dict(dim=32, n_layers=2, n_heads=4, hidden_dim=48, max_position_embeddings=64)),
    }
    for name, strategy, activation in (("bert", "max", "relu"), ("distilbert", "sum", "log1p_relu")):
        tokenizer, options = families[name]
        folder = family(name, tokenizer, str(place / f"mlm-{name}"), head=head, **options)
        modules = [models.Transformer(folder, transformer_task="fill-mask"), SpladePooling(strategy, activation_function=activation)]
        model = SparseEncoder(modules=modules, device="cpu")
        model.save(str(place / f"splade-{name}"))
        expected = model.encode(lines, convert_to_sparse_tensor=False).numpy()
        found = np.zeros_like(expected)
        for row, line in zip(found, json_lines(encoders, lines, "embed", str(place / f"splade-{name}"))):
            row[line["indices"]] = line["values"]
        failures += report(f"splade, {name}, {strategy} of {activation}", np.abs(found - expected).max())
    return failures


def multi_vector(encoders, place, lines):
    base = models.Transformer(str(place / "bert-base"), max_seq_length=24)
    token = dict(module_input_name="token_embeddings", module_output_name="token_embeddings")
    dense = models.Dense(32, 12, bias=False, activation_function=torch.nn.Identity(), **token)
    modules = [base, dense, models.Normalize(**token), MultiVectorMask(skiplist_words=[",", "!", "'", "/"])]
    model = MultiVectorEncoder(modules=modules, prompts={"query": "find: ", "document": "film: "}, device="cpu")
    folder = str(place / "colbert")
    model.save(folder)
    difference = 0
    expansions = [None, dict(strategy="fixed", length=20, attend=False), dict(strategy="min", length=9, attend=True)]
    for expansion in expansions:
        model[0].query_expansion, model[0].document_length = expansion, 30 if expansion else None
        model.save(folder)
        for vectors, arguments in ((model.encode_document(lines), []), (model.encode_query(lines), ["--queries"])):
            found = json_lines(encoders, lines, "embed", folder, *arguments)
            for expected, line in zip(vectors, found):
                line = np.array(line["embeddings"])
                difference = max(difference, np.abs(line - np.asarray(expected)).max() if line.shape == tuple(expected.shape) else 1)
    scores = np.asarray(model.similarity(model.encode_query([lines[3]]), model.encode_document(lines)))[0]
    found = {row["index"]: row["score"] for row in json_lines(encoders, lines, "rerank", folder, "--query", lines[3])}
    failures = report("multi-vector", difference)
    return failures + report("MaxSim", max(abs(found[i] - s) / abs(s) for i, s in enumerate(scores)))


if __name__ == "__main__":
    main(sys.argv[1])
