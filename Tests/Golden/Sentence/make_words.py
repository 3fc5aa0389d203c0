"""Encoders of sentence-transformers whose first module isn't a Transformer, or that need all of its layers, and what they compute.

    python make_words.py    # after make.py; needs torch, transformers, sentence-transformers, nltk; writes words/ and words.safetensors

The Transformers' weights and tokenizers are those of `plain`, of the router's those of `splade`. words/treebank.json has texts of tricky pieces and NLTK's words of them.
"""

import json
import os
import pathlib
import random
import shutil

os.environ["HF_HUB_OFFLINE"] = "1"
import torch
from nltk import word_tokenize
from safetensors.numpy import save_file
from sentence_transformers import SentenceTransformer, SparseEncoder, models
from sentence_transformers.base.modules import Router
from sentence_transformers.sentence_transformer.modules.tokenizer import PhraseTokenizer
from sentence_transformers.sparse_encoder.modules import SparseAutoEncoder, SparseStaticEmbedding, SpladePooling

HERE = pathlib.Path(__file__).resolve().parent
PLACE = HERE / "words"
PIECES = (
    "film plot New York City it's don't can't CANNOT cannot gonna Gimme wanna wannabe gotta lemme more'n d'ye 'tis 'Twas they're we'll I've "
    "DON'T it'S I'm he'd cats' 'quoted' ''twice'' \"double\" `tick` ``ticks'' «chevron» “curly” ‘single’ „low“ U.S.A. e.g. 3.88 3,36 10:30 "
    "a:b one, two; three... end. wait.. yes! no? #tag @home 50% $5 A&B (round) [square] {curly} <angle> *star* -- dash–dash—dash ' '' . , : "
    "中文 naïve 8/10 sci-fi 😀 _under_ x.) x.\" x.') . . n't N'T 's S'S a'b ٣:٤ \u00a0 \t o'clock rock'n'roll 'em '90s 'sup"
).split(" ")

seed = int(os.environ.get("ENCODERS_SEED", 0))
torch.manual_seed(seed)
chance = random.Random(seed)
shutil.rmtree(PLACE, ignore_errors=True)
lines = ["", " ", ".", ":", "a:\n", "a.\n", "\"", "'", "x,", "“Yes,” he said: 'No.'", "\"Quoted.\"", "a . \" ) "]
for _ in range(300):
    gaps = ["", " ", " ", " ", "  ", "\n"] if chance.random() < 0.3 else [" "]
    lines.append("".join(chance.choice(PIECES) + chance.choice(gaps) for _ in range(chance.randint(1, 9))))
tokens = [word_tokenize(line, preserve_line=True) for line in lines]

texts = json.loads((HERE / "texts.json").read_text()) + ["He moved to New York City.", "new york isn't New_York", "(the film's plot!)"]
vocabulary = sorted({word for text in texts for word in word_tokenize(text, preserve_line=True)})[::2]
vocabulary += ["New_York", "New_York_City", "new_york", "film's_plot", "a__b", "one_two_three_four_five_six", "plot", "he", "n't"]
vocabulary = list(dict.fromkeys(vocabulary))
vectors = torch.randn(len(vocabulary), 12)
words = models.WordEmbeddings(PhraseTokenizer(vocabulary, stop_words={"is", "the"}), vectors, max_seq_length=9)
encoder = SentenceTransformer(modules=[words, models.Pooling(12, ["mean", "mean_sqrt_len_tokens"])], device="cpu")
encoder.save(str(PLACE / "phrases"))
path = PLACE / "phrases/phrasetokenizer_config.json"
config = json.loads(path.read_text())
path.write_text(json.dumps({**config, "stop_words": sorted(config["stop_words"])}, ensure_ascii=False) + "\n")
entries = {"phrases": encoder.encode(texts)}

folder = str(PLACE / "base")
shutil.copytree(HERE / "plain", folder)
base = models.Transformer(folder, config_args={"output_hidden_states": True})
layers = models.WeightedLayerPooling(32, num_hidden_layers=2, layer_start=1, layer_weights=torch.nn.Parameter(torch.tensor([0.7, 1.9])))
encoder = SentenceTransformer(modules=[base, layers, models.Pooling(32)], device="cpu")
encoder.save(str(PLACE / "layers"))
entries["layers"] = encoder.encode(texts)
for name, normalize in (("coder", False), ("normalized", True)):
    coder = SparseAutoEncoder(32, hidden_dim=40, k=5, k_aux=8, normalize=normalize)
    with torch.no_grad():
        for parameter in coder.parameters():
            parameter.normal_(0, 0.5)
    encoder = SparseEncoder(modules=[models.Transformer(str(HERE / "plain")), models.Pooling(32), coder], device="cpu")
    encoder.save(str(PLACE / name))
    entries[name] = encoder.encode(texts, convert_to_sparse_tensor=False).numpy()
static = SparseStaticEmbedding(base.tokenizer, torch.rand(len(base.tokenizer)))
encoder = SparseEncoder(modules=[static], device="cpu")
encoder.save(str(PLACE / "static"))
entries["static"] = encoder.encode(texts, convert_to_sparse_tensor=False).numpy()
splade = models.Transformer(str(HERE / "splade"), transformer_task="fill-mask")
router = Router.for_query_document(query_modules=[static], document_modules=[splade, SpladePooling()])
encoder = SparseEncoder(modules=[router], device="cpu")
encoder.save(str(PLACE / "router"))
entries["router/query"] = encoder.encode_query(texts, convert_to_sparse_tensor=False).numpy()
entries["router/document"] = encoder.encode_document(texts, convert_to_sparse_tensor=False).numpy()
for path in (PLACE / "router").glob("document_0*/*"):
    if path.name in ("model.safetensors", "tokenizer.json", "tokenizer_config.json"):
        path.unlink()
shutil.rmtree(folder)
for name in ("layers", "coder", "normalized"):
    for file in ("model.safetensors", "tokenizer.json", "tokenizer_config.json"):
        (PLACE / name / file).unlink()

save_file(entries, str(HERE / "words.safetensors"))
(PLACE / "texts.json").write_text(json.dumps(texts, ensure_ascii=False, indent=1) + "\n")
(PLACE / "treebank.json").write_text(json.dumps([[a, b] for a, b in zip(lines, tokens)], ensure_ascii=False) + "\n")
for readme in PLACE.glob("*/README.md"):
    readme.unlink()
