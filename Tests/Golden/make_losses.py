"""Losses on embeddings: values and gradients of sentence-transformers' own implementation.

A stub model returns given embeddings; every loss gets them through its own `forward`. Writes losses.safetensors:

<case>/in/<column>        embeddings [n, d], columns numbered from 0
<case>/labels             where there are labels; <case>/guide/<column>: a guide's embeddings
<case>/weight, bias       the classifier's
<case>/out                the loss
<case>/grad/<column>, grad/weight, grad/bias, grad/log_scale
"""

import random
from types import SimpleNamespace

import numpy as np
import torch
from sentence_transformers import SentenceTransformer
from sentence_transformers.base.modules import Transformer
from sentence_transformers.sentence_transformer import losses
from sentence_transformers.sparse_encoder.losses import FlopsLoss, SpladeLoss
from sentence_transformers.util import cos_sim, dot_score, pairwise_dot_score
from torch import nn

from goldens import Goldens, draw

COUNT, WIDTH = 12, 16
BATCH = losses.BatchHardTripletLossDistanceFunction
SIAMESE = losses.SiameseDistanceMetric
TRIPLET = losses.TripletDistanceMetric


class Stub(nn.Module):
    """Embeds a column {"embedding": tensor} as that tensor."""

    def __init__(self, width=WIDTH):
        super().__init__()
        self.width = width
        self.device = "cpu"

    def forward(self, features):
        return {"sentence_embedding": features["embedding"]}

    def get_embedding_dimension(self):
        return self.width


class LayerStub(Transformer):
    """A transformer whose layers' outputs are given: [layers + 1, n, d] a column."""

    auto_model = SimpleNamespace(config=SimpleNamespace(output_hidden_states=False))

    def __init__(self):
        nn.Module.__init__(self)

    def forward(self, features):
        layers = list(features["layers"])
        return {**features, "token_embeddings": layers[-1], "all_layer_embeddings": layers}


class PoolingStub(nn.Module):
    def forward(self, features):
        return {**features, "sentence_embedding": features["token_embeddings"]}


class LayeredModel(SentenceTransformer):
    def __init__(self):
        nn.Module.__init__(self)
        self.add_module("0", LayerStub())
        self.add_module("1", PoolingStub())

    def forward(self, features):
        features.update(self[0].forward(features))
        return self[1](features)


def related(columns, noise=0.7):
    """Columns of embeddings that have something in common row by row."""
    base = draw(COUNT, WIDTH)
    return [base + noise * draw(COUNT, WIDTH) for _ in range(columns)]


def write():
    goldens = Goldens()
    put = goldens.put

    def case(name, make, columns, labels=None, guide=None, key="embedding", scalar=None):
        """Runs the loss that `make` gives for a stub model."""
        leaves = [column.clone().requires_grad_() for column in columns]
        loss = make()
        for place, column in enumerate(columns):
            put(f"{name}/in/{place}", column)
        if labels is not None:
            put(f"{name}/labels", labels)
        for place, column in enumerate(guide or []):
            put(f"{name}/guide/{place}", column)
        features = [{key: leaf} for leaf in leaves]
        if guide is not None:
            for feature, column in zip(features, guide):
                feature["guide"] = column
        value = loss(features, labels)
        if isinstance(value, dict):
            value = sum(value.values())
        value.backward()
        put(f"{name}/out", value)
        for place, leaf in enumerate(leaves):
            put(f"{name}/grad/{place}", leaf.grad)
        classifier = getattr(loss, "classifier", None)
        if classifier is not None:
            for parameter in ("weight", "bias"):
                put(f"{name}/{parameter}", getattr(classifier, parameter))
                put(f"{name}/grad/{parameter}", getattr(classifier, parameter).grad)
        if scalar is not None:
            put(f"{name}/grad/log_scale", scalar.grad)

    model = Stub()
    ranking = losses.MultipleNegativesRankingLoss
    case("multiple_negatives_ranking", lambda: ranking(model), related(2))
    case("multiple_negatives_ranking/dot", lambda: ranking(model, scale=1, similarity_fct=dot_score), related(2))
    case("multiple_negatives_ranking/negatives", lambda: ranking(model, scale=5), related(5))
    symmetric = losses.MultipleNegativesSymmetricRankingLoss
    case("multiple_negatives_ranking/symmetric", lambda: symmetric(model, scale=10), related(2))
    case("multiple_negatives_ranking/symmetric_negatives", lambda: symmetric(model, scale=10), related(4))
    log_scale = torch.tensor(np.log(8.0)).requires_grad_()
    case("multiple_negatives_ranking/learned", lambda: ranking(model, scale=log_scale.exp()), related(3), scalar=log_scale)

    scores = torch.rand(COUNT, generator=torch.Generator().manual_seed(1)).float().double()
    scores[3], scores[7] = scores[5], scores[5]
    case("cosent", lambda: losses.CoSENTLoss(model), related(2), scores)
    case("cosent/scale", lambda: losses.CoSENTLoss(model, scale=3), related(2), scores)
    case("cosent/same", lambda: losses.CoSENTLoss(model), related(2), torch.ones(COUNT).double())
    case("angle", lambda: losses.AnglELoss(model), related(2), scores)
    case("angle/odd", lambda: losses.AnglELoss(model), [column[:, :15] for column in related(2)], scores)
    case("angle/negatives", lambda: losses.AnglELoss(model, scale=4), related(4))
    case("cosine_similarity", lambda: losses.CosineSimilarityLoss(model), related(2), scores.float())

    binary = torch.tensor([1, 0, 1, 1, 0, 0, 1, 0, 1, 0, 0, 1])
    for distance, kind in [("cosine", SIAMESE.COSINE_DISTANCE), ("euclidean", SIAMESE.EUCLIDEAN), ("manhattan", SIAMESE.MANHATTAN)]:
        margin = {"cosine": 0.5, "euclidean": 5, "manhattan": 15}[distance]
        for name, loss in [("contrastive", losses.ContrastiveLoss), ("online_contrastive", losses.OnlineContrastiveLoss)]:
            case(f"{name}/{distance}", lambda: loss(model, kind, margin), related(2), binary)
    case("online_contrastive/positives", lambda: losses.OnlineContrastiveLoss(model), related(2), torch.ones(COUNT).long())
    case("online_contrastive/negatives", lambda: losses.OnlineContrastiveLoss(model), related(2), torch.zeros(COUNT).long())
    for distance, kind in [("cosine", TRIPLET.COSINE), ("euclidean", TRIPLET.EUCLIDEAN), ("manhattan", TRIPLET.MANHATTAN)]:
        margin = {"cosine": 0.3, "euclidean": 5, "manhattan": 1}[distance]
        case(f"triplet/{distance}", lambda: losses.TripletLoss(model, kind, margin), related(3))

    classes = torch.tensor([0, 1, 2, 0, 1, 2, 0, 3, 0, 1, 4, 0])  # 3 and 4 have one text only
    for distance, kind in [("cosine", BATCH.cosine_distance), ("euclidean", BATCH.euclidean_distance)]:
        margin = {"cosine": 0.3, "euclidean": 2}[distance]
        one = related(1)
        case(f"batch_all_triplet/{distance}", lambda: losses.BatchAllTripletLoss(model, kind, margin), one, classes)
        case(f"batch_hard_triplet/{distance}", lambda: losses.BatchHardTripletLoss(model, kind, margin), one, classes)
        case(f"batch_hard_soft_margin_triplet/{distance}", lambda: losses.BatchHardSoftMarginTripletLoss(model, kind), one, classes)
        case(f"batch_semi_hard_triplet/{distance}", lambda: losses.BatchSemiHardTripletLoss(model, kind, margin), one, classes)
    alike, different = torch.zeros(COUNT).long(), torch.arange(COUNT)
    for label, labels in [("alike", alike), ("different", different)]:
        one = related(1)
        case(f"batch_hard_triplet/{label}", lambda: losses.BatchHardTripletLoss(model, margin=2), one, labels)
        case(f"batch_all_triplet/{label}", lambda: losses.BatchAllTripletLoss(model, margin=2), one, labels)
        case(f"batch_semi_hard_triplet/{label}", lambda: losses.BatchSemiHardTripletLoss(model, margin=2), one, labels)

    targets = torch.tensor([0, 1, 2, 2, 1, 0, 0, 1, 2, 0, 0, 1])
    torch.manual_seed(3)
    case("softmax", lambda: losses.SoftmaxLoss(model, WIDTH, 3).double(), related(2), targets)
    case("softmax/product", lambda: losses.SoftmaxLoss(model, WIDTH, 3, concatenation_sent_difference=False, concatenation_sent_multiplication=True).double(), related(2), targets)

    def gist(**options):
        loss = losses.GISTEmbedLoss.__new__(losses.GISTEmbedLoss)
        nn.Module.__init__(loss)
        settings = dict(temperature=0.05, margin_strategy="absolute", margin=0.0, contrast_anchors=True, contrast_positives=True)
        for key, value in {**settings, **options}.items():
            setattr(loss, key, value)
        loss.model, loss.must_retokenize, loss.gather_across_devices = model, False, False
        loss.guide = lambda features: {"sentence_embedding": features["guide"]}
        loss.similarity_fct, loss.cross_entropy_loss = nn.CosineSimilarity(dim=-1), nn.CrossEntropyLoss()
        return lambda features, labels: loss(features, labels)

    case("gist_embed", lambda: gist(), related(2), guide=related(2, noise=1.5))
    case("gist_embed/negatives", lambda: gist(margin=0.1), related(3), guide=related(3, noise=1.5))
    case("gist_embed/relative", lambda: gist(margin=0.2, margin_strategy="relative", contrast_anchors=False, contrast_positives=False), related(3), guide=related(3, noise=1.5))

    teacher = draw(COUNT, 2, WIDTH)
    case("embedding_mse", lambda: losses.MSELoss(model), related(2), teacher)
    margins = draw(COUNT)
    case("margin_mse", lambda: losses.MarginMSELoss(model), related(3), margins)
    case("margin_mse/scores", lambda: losses.MarginMSELoss(model), related(4), draw(COUNT, 3))
    case("margin_mse/margins", lambda: losses.MarginMSELoss(model), related(4), draw(COUNT, 2))

    def splade(threshold, queries):
        # SpladeLoss takes the wrapped loss as it is, but wants a sparse model: the stub will do.
        loss = SpladeLoss(
            model, ranking(model, scale=1, similarity_fct=dot_score), document_regularizer_weight=0.3,
            query_regularizer_weight=queries, document_regularizer=FlopsLoss(model, threshold),
            query_regularizer=None if queries is None else FlopsLoss(model, threshold))
        return lambda features, labels: loss(features, labels)

    sparse = [torch.relu(column) for column in related(3)]
    case("splade", lambda: splade(None, 0.2), sparse)
    case("splade/threshold", lambda: splade(8, 0.2), sparse)
    case("splade/documents", lambda: splade(None, None), sparse)

    def matryoshka(loss, dims, **options):
        wrapped = losses.MatryoshkaLoss(model, loss, dims, **options)
        return lambda features, labels: wrapped(features, labels)

    case("matryoshka", lambda: matryoshka(ranking(model), [16, 8, 5]), related(3))
    case("matryoshka/weights", lambda: matryoshka(losses.CoSENTLoss(model), [16, 4], matryoshka_weights=[1, 0.3]), related(2), scores)
    case("matryoshka/teacher", lambda: matryoshka(losses.MSELoss(model), [16, 8]), related(2), teacher)

    layered = LayeredModel()
    for name, options in [("uniform", {}), ("log", dict(layer_weighting="log", prior_layers_weight=0.5, kl_div_weight=2)),
                          ("linear", dict(layer_weighting="linear", kl_temperature=0, last_layer_weight=0.7))]:
        columns = [torch.stack([draw(COUNT, WIDTH) for _ in range(4)]) for _ in range(2)]
        case(f"adaptive_layers/{name}",
             lambda: losses.AdaptiveLayerLoss(layered, ranking(layered, scale=3), n_layers_per_step=-1, **options),
             columns, key="layers")
    goldens.save("losses.safetensors")


if __name__ == "__main__":
    random.seed(0)
    write()
