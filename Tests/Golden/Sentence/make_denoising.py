"""TSDAE: what sentence-transformers' DenoisingAutoEncoderLoss computes with tiny models, and its gradients.

    python make_denoising.py    # after make.py; needs torch, transformers, sentence-transformers; writes denoising.safetensors

In double precision, without dropout. `bert` is the whole loss of the encoder beside this file. The decoders of other families, those of the
models in ../pretrained, get embeddings that are given.

<case>/ids, lengths       the texts' tokens; bert/noisy/ids, lengths: those of the damaged texts; else <case>/embeddings
<case>/start/<parameter>  what the decoder has and the encoder hasn't
<case>/out                the loss
<case>/grad/<parameter>   of all that both have; <case>/grad/embeddings
"""

import json
import os
import pathlib
from types import SimpleNamespace

os.environ["HF_HUB_OFFLINE"] = "1"
import numpy as np
import torch
import transformers
from safetensors.torch import load_file, save_file
from sentence_transformers import SentenceTransformer
from sentence_transformers.sentence_transformer.losses import DenoisingAutoEncoderLoss

HERE = pathlib.Path(__file__).resolve().parent
generator = torch.Generator().manual_seed(int(os.environ.get("ENCODERS_SEED", 20240607)))
entries = {}


def draw(*shape):
    """Normal numbers that float32 holds exactly."""
    return torch.randn(*shape, generator=generator).double()


def put(key, value):
    entries[key] = value.detach().float().contiguous().clone()


def put_ids(name, texts):
    entries[f"{name}/ids"] = torch.tensor([token for text in texts for token in text], dtype=torch.int32)
    entries[f"{name}/lengths"] = torch.tensor([len(text) for text in texts], dtype=torch.int32)


def padded(texts, padding):
    ids = torch.nn.utils.rnn.pad_sequence([torch.tensor(text) for text in texts], batch_first=True, padding_value=padding)
    mask = torch.arange(ids.shape[1])[None] < torch.tensor([len(text) for text in texts])[:, None]
    return {"input_ids": ids, "attention_mask": mask.long()}


def case(name, loss, noisy, texts):
    """Runs the loss with random values of the decoder's own parameters."""
    decoder = loss.decoder
    prefix = decoder.base_model_prefix + "."
    padding = loss.tokenizer_decoder.pad_token_id
    own = {
        key.removeprefix(prefix): value for key, value in decoder.named_parameters()
        if ".crossattention." in key or not key.startswith(prefix)
    }
    for key, value in own.items():
        with torch.no_grad():
            value.copy_(draw(*value.shape) * 0.3 + (1 if key.endswith("LayerNorm.weight") else 0))
        if not any(part in key for part in (".query.", ".key.")):
            put(f"{name}/start/{key}", value)
    put_ids(name, texts)
    value = loss([noisy, padded(texts, padding)], None)
    value.backward()
    put(f"{name}/out", value)
    for key, parameter in decoder.named_parameters():
        if ".crossattention.self.query." in key or ".crossattention.self.key." in key:
            # The softmax over one key is 1: what is left is rounding.
            assert parameter.grad.abs().max() < 1e-15, key
        else:
            put(f"{name}/grad/{key.removeprefix(prefix)}", parameter.grad)


def whole():
    model = SentenceTransformer(str(HERE / "bert"), device="cpu")
    loss = DenoisingAutoEncoderLoss(model).double().eval()
    texts = json.loads((HERE / "texts.json").read_text())[:6]
    noisy = [" ".join(word for place, word in enumerate(text.split()) if place % 5 < 2) for text in texts]
    ids = model.tokenizer(texts, truncation=True, max_length=20)["input_ids"]
    # A text that has the padding token within: it's read, but not to be predicted.
    ids[0][3] = model.tokenizer.pad_token_id
    damaged = model.tokenizer(noisy, truncation=True, max_length=20)["input_ids"]
    put_ids("bert/noisy", damaged)
    case("bert", loss, padded(damaged, model.tokenizer.pad_token_id), ids)


def given(name):
    folder = HERE.parent / "pretrained" / name
    golden = load_file(folder / "golden.safetensors")
    texts = [text.tolist() for text in golden["ids"].split(golden["lengths"].tolist())]
    config = transformers.AutoConfig.from_pretrained(folder)
    config.is_decoder, config.add_cross_attention = True, True
    loss = DenoisingAutoEncoderLoss.__new__(DenoisingAutoEncoderLoss)
    torch.nn.Module.__init__(loss)
    loss.decoder = transformers.AutoModelForCausalLM.from_pretrained(folder, config=config)
    loss.tokenizer_decoder, loss.need_retokenization = SimpleNamespace(pad_token_id=config.pad_token_id), False
    embeddings = draw(len(texts), config.hidden_size).requires_grad_()
    loss.encoder = lambda features: {"sentence_embedding": embeddings}
    put(f"{name}/embeddings", embeddings)
    case(name, loss.double().eval(), {"attention_mask": torch.ones(len(texts), 1)}, texts)
    put(f"{name}/grad/embeddings", embeddings.grad)


transformers.utils.logging.disable_progress_bar()
transformers.utils.logging.set_verbosity_error()
whole()
given("roberta")
given("electra")
save_file(entries, HERE / "denoising.safetensors", {"made_by": f"make_denoising.py, PyTorch {torch.__version__}"})
print(len(entries), "tensors")
