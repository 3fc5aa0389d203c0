"""The encoders of the comparison, written as a PyTorch user writes them: padded batches, masks, packed recurrences."""

import torch
import torch.nn.functional as F
from torch import nn

from data import PAD


def pad(sequences, columns=None):
    """(ids [N, L], lengths [N]) of lists of ids."""
    lengths = torch.tensor([len(s) for s in sequences])
    ids = torch.full((len(sequences), columns or int(lengths.max())), PAD)
    for row, sequence in zip(ids, sequences):
        row[: len(sequence)] = torch.as_tensor(sequence)
    return ids, lengths


def valid(x, lengths):
    """Where [N, L] is no padding."""
    return torch.arange(x.shape[1])[None] < lengths[:, None]


def max_pool(x, lengths):
    """The maximum over the valid positions of [N, L, D]."""
    return x.masked_fill(~valid(x, lengths)[..., None], -torch.inf).amax(1)


def mean_pool(x, lengths):
    return (x * valid(x, lengths)[..., None]).sum(1) / lengths[:, None]


def embedding(words, width, vectors=None, bound=0.25):
    """`vectors` [words, width], or uniform in ±`bound` (Kim 2014: 0.25); the padding is zero and stays so."""
    layer = nn.Embedding(words, width, padding_idx=PAD)
    with torch.no_grad():
        layer.weight.uniform_(-bound, bound) if vectors is None else layer.weight.copy_(vectors)
        layer.weight[PAD] = 0
    return layer


class TextCNN(nn.Module):
    """Kim 2014: widths 3, 4, 5 with 100 features each, ReLU, max over time, dropout 0.5, linear.

    `dropout`: of the embeddings; `mean`: the features' means over time stand beside their maxima.
    """

    def __init__(self, words, width, vectors=None, classes=2, bound=0.25, dropout=0.0, mean=False):
        super().__init__()
        self.embedding = embedding(words, width, vectors, bound)
        self.convolutions = nn.ModuleList(nn.Conv1d(width, 100, kernel, padding="same") for kernel in (3, 4, 5))
        self.head = nn.Linear(600 if mean else 300, classes)
        self.dropout, self.mean = dropout, mean

    def forward(self, ids, lengths):
        x = F.dropout(self.embedding(ids), self.dropout, self.training)
        x = (x * valid(ids, lengths)[..., None]).transpose(1, 2)
        x = F.relu(torch.cat([convolution(x) for convolution in self.convolutions], 1)).transpose(1, 2)
        features = max_pool(x, lengths)
        if self.mean:
            features = torch.cat([features, mean_pool(x, lengths)], 1)
        return self.head(F.dropout(features, 0.5, self.training))


class Bag(nn.Module):
    """The mean of the words' vectors, dropout 0.5, linear."""

    def __init__(self, words, width, vectors=None, classes=2):
        super().__init__()
        self.embedding = embedding(words, width, vectors)
        self.head = nn.Linear(width, classes)

    def forward(self, ids, lengths):
        return self.head(F.dropout(mean_pool(self.embedding(ids), lengths), 0.5, self.training))


class Recurrent(nn.Module):
    """A recurrence, max pooling over the valid positions, dropout, linear.

    `packed`: through pack_padded_sequence, which both directions need and one does not.
    """

    def __init__(self, kind, words, width, hidden, vectors=None, both=False, dropout=0.5, packed=True, classes=2):
        super().__init__()
        self.embedding = embedding(words, width, vectors)
        self.recurrence = kind(width, hidden, batch_first=True, bidirectional=both)
        self.head = nn.Linear(hidden * (2 if both else 1), classes)
        self.dropout, self.packed = dropout, packed

    def forward(self, ids, lengths):
        x = self.embedding(ids)
        if self.packed:
            x = nn.utils.rnn.pack_padded_sequence(x, lengths, batch_first=True, enforce_sorted=False)
            x, _ = nn.utils.rnn.pad_packed_sequence(self.recurrence(x)[0], batch_first=True)
        else:
            x, _ = self.recurrence(x)
        return self.head(F.dropout(max_pool(x, lengths), self.dropout, self.training))


class Transformer(nn.Module):
    """Learned positions, pre-norm blocks with GELU, mean pooling over the valid positions, dropout, linear."""

    def __init__(self, words, width=128, heads=4, inner=256, layers=2, dropout=0.1, last=0.5, norm=True, classes=2):
        super().__init__()
        self.embedding = embedding(words, width)
        self.positions = nn.Embedding(512, width)
        nn.init.normal_(self.positions.weight, std=0.02)
        options = {"activation": "gelu", "batch_first": True, "norm_first": True}
        block = nn.TransformerEncoderLayer(width, heads, inner, dropout, **options)
        self.blocks = nn.TransformerEncoder(
            block, layers, norm=nn.LayerNorm(width) if norm else None, enable_nested_tensor=False
        )
        self.head = nn.Linear(width, classes)
        self.dropout, self.last = dropout, last

    def forward(self, ids, lengths):
        x = self.embedding(ids) + self.positions.weight[: ids.shape[1]]
        x = F.dropout(x, self.dropout, self.training)
        x = self.blocks(x, src_key_padding_mask=~valid(ids, lengths))
        return self.head(F.dropout(mean_pool(x, lengths), self.last, self.training))


class ImageCNN(nn.Module):
    """Two 3 × 3 convolutions (32, 64) with ReLU and max pooling, dense 128, dropout 0.5, linear 10; [N, 1, 28, 28]."""

    def __init__(self):
        super().__init__()
        self.first = nn.Conv2d(1, 32, 3, padding=1)
        self.second = nn.Conv2d(32, 64, 3, padding=1)
        self.dense = nn.Linear(64 * 7 * 7, 128)
        self.head = nn.Linear(128, 10)

    def forward(self, x):
        x = F.max_pool2d(F.relu(self.first(x)), 2)
        x = F.max_pool2d(F.relu(self.second(x)), 2)
        x = F.relu(self.dense(x.flatten(1)))
        return self.head(F.dropout(x, 0.5, self.training))


class DeepImageCNN(nn.Module):
    """Twice two 3 × 3 convolutions (32, then 64) with batch norm and ReLU, each pair max pooled; dropouts and dense as above."""

    def __init__(self):
        super().__init__()
        block = lambda inputs, outputs: [nn.Conv2d(inputs, outputs, 3, padding=1), nn.BatchNorm2d(outputs), nn.ReLU()]
        self.layers = nn.Sequential(
            *block(1, 32), *block(32, 32), nn.MaxPool2d(2), *block(32, 64), *block(64, 64), nn.MaxPool2d(2),
            nn.Dropout(0.25), nn.Flatten(), nn.Linear(64 * 7 * 7, 128), nn.ReLU(), nn.Dropout(0.5), nn.Linear(128, 10),
        )  # fmt: skip

    def forward(self, x):
        return self.layers(x)


class AutoEncoder(nn.Module):
    """Rows of an image as a sequence [N, 28, 28] to 64 numbers and back to 784."""

    def __init__(self):
        super().__init__()
        self.first = nn.Conv1d(28, 64, 3, padding="same")
        self.second = nn.Conv1d(64, 128, 3, padding="same")
        self.dense = nn.Linear(7 * 128, 128)
        self.middle = nn.Linear(128, 64)
        self.back = nn.Linear(64, 784)

    def forward(self, x):
        x = F.max_pool1d(F.relu(self.first(x.transpose(1, 2))), 2)
        x = F.max_pool1d(F.relu(self.second(x)), 2)
        return self.back(self.middle(F.relu(self.dense(x.flatten(1)))))


class Bert(nn.Module):
    """transformers' BERT of random weights, the mean of the hidden states, linear."""

    def __init__(self, width, layers, heads, dropout):
        super().__init__()
        from transformers import BertConfig, BertModel

        self.bert = BertModel(
            BertConfig(
                hidden_size=width, num_hidden_layers=layers, num_attention_heads=heads, intermediate_size=4 * width,
                hidden_dropout_prob=dropout, attention_probs_dropout_prob=dropout),
            add_pooling_layer=False)
        self.head = nn.Linear(width, 2)

    def forward(self, ids, lengths):
        # Without padding attention needs no mask, which is faster.
        mask = None if bool((lengths == ids.shape[1]).all()) else valid(ids, lengths).long()
        return self.head(mean_pool(self.bert(ids, attention_mask=mask).last_hidden_state, lengths))
