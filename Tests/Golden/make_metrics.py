"""Writes metrics.json: what scikit-learn 1.9 makes of small data with ties, absent classes and constant scores.

    python -m venv venv && venv/bin/pip install scikit-learn && venv/bin/python make_metrics.py
"""

import json
import os
import warnings
from pathlib import Path

import numpy as np
from sklearn import metrics
from sklearn.datasets import load_iris
from sklearn.decomposition import PCA
from sklearn.manifold import TSNE
from sklearn.manifold._t_sne import _joint_probabilities
from sklearn.metrics import pairwise_distances
from sklearn.preprocessing import label_binarize

random = np.random.default_rng(int(os.environ.get("ENCODERS_SEED", 0)))


def single(values):
    """Rounded to float32, as our scores are, but computed with in float64."""
    return np.asarray(values, np.float32).astype(np.float64)


def classification(labels, probabilities, classes):
    labels, k = np.asarray(labels), len(classes)
    predictions = probabilities.argmax(1)
    averages = {}
    for average in ["micro", "macro", "weighted"]:
        scores = metrics.precision_recall_fscore_support(labels, predictions, average=average, zero_division=0)
        averages[average] = list(scores[:3])
    each = metrics.precision_recall_fscore_support(labels, predictions, labels=range(k), average=None, zero_division=0)
    present = np.unique(labels)
    binary = np.stack([labels == c for c in present], 1).astype(int)
    indicators = label_binarize(labels, classes=range(k)) if k > 2 else labels
    return {
        "labels": labels.tolist(), "predictions": predictions.tolist(), "probabilities": probabilities.tolist(),
        "classes": classes, "accuracy": metrics.accuracy_score(labels, predictions), "averages": averages,
        "perClass": [list(row) for row in zip(*(s.tolist() for s in each))],
        "confusion": metrics.confusion_matrix(labels, predictions, labels=range(k)).tolist(),
        "meanAveragePrecision": metrics.average_precision_score(binary, probabilities[:, present], average="macro"),
        "rocAUC": metrics.roc_auc_score(labels, probabilities[:, 1]) if k == 2
        else metrics.roc_auc_score(binary, probabilities[:, present], average="macro"),
        "logLoss": metrics.log_loss(indicators, y_proba=probabilities),
    }


def softmax(logits):
    e = np.exp(logits - logits.max(1, keepdims=True))
    return e / e.sum(1, keepdims=True)


def classifications():
    labels = random.integers(0, 2, 60)
    ones = single(np.round(np.clip(labels * 0.3 + random.random(60) * 0.7, 0, 1) * 20) / 20)
    yield classification(labels, single(np.stack([1 - ones, ones], 1)), ["neg", "pos"])
    # Class 3 is never predicted, class 4 neither predicted nor there, class 2 rare.
    labels = random.choice(4, 200, p=[0.5, 0.3, 0.05, 0.15])
    logits = random.normal(size=(200, 5)) + 1.5 * np.eye(5)[labels]
    logits[:, 3:] -= 9
    yield classification(labels, single(softmax(logits)), list("abcde"))
    # Certain and wrong: log loss at its limits.
    yield classification([0, 1, 2, 1], single(np.eye(3)[[0, 2, 2, 1]]), list("abc"))


def rankings():
    cases = [
        ([1, 0, 1, 0, 0], [0.5, 0.5, 0.5, 0.5, 0.5]), ([0, 0, 1, 1], [0.1, 0.4, 0.35, 0.8]),
        ([0, 0, 0], [0.3, 0.2, 0.1]), ([1, 1, 1], [0.3, 0.2, 0.1]), ([1, 0, 1], [0.0, -0.0, -1.0]),
        (random.integers(0, 2, 300).tolist(), single(np.round(random.normal(size=300), 1)).tolist()),
    ]
    for labels, scores in cases:
        scores = single(scores)
        yield {
            "labels": [bool(x) for x in labels], "scores": scores.tolist(),
            "averagePrecision": metrics.average_precision_score(labels, scores),
            "rocAUC": metrics.roc_auc_score(labels, scores) if len(set(labels)) == 2 else None,
        }


def retrieval():
    relevance = [[bool(x) for x in random.random(n) < 0.3] for n in [1, 5, 10, 40]] + [[False, False], [True]]
    each = [metrics.average_precision_score(r, -np.arange(len(r))) if any(r) else 0.0 for r in relevance]
    return {"relevance": relevance, "meanAveragePrecision": float(np.mean(each))}


def regression():
    targets, outputs = single(random.normal(size=50)), single(random.normal(size=50))
    return {
        "targets": targets.tolist(), "outputs": outputs.tolist(),
        "meanSquaredError": metrics.mean_squared_error(targets, outputs),
        "meanAbsoluteError": metrics.mean_absolute_error(targets, outputs),
    }


def projection():
    iris = single(load_iris().data)
    pca = PCA(2, svd_solver="full").fit_transform(iris)
    distances = pairwise_distances(iris[:40], metric="sqeuclidean").astype(np.float32)
    from scipy.spatial.distance import squareform
    joint = squareform(_joint_probabilities(distances, 10.0, 0))
    # Where it ends hangs on tiny differences of the start, so that only several runs can be compared.
    start = pca / pca[:, 0].std() * 1e-4
    divergences = []
    for _ in range(15):
        noisy = (start + (random.random(pca.shape) - 0.5) * 1e-6).astype(np.float32)
        tsne = TSNE(2, perplexity=30, method="exact", init=noisy, learning_rate="auto", max_iter=750)
        tsne.fit_transform(iris)
        divergences.append(float(tsne.kl_divergence_))
    return {
        "vectors": iris.ravel().tolist(), "width": 4, "pca": pca.tolist(), "joint": joint[:3].tolist(),
        "divergence": float(np.median(divergences)),
    }


def plain(value):
    if isinstance(value, dict):
        return {k: plain(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(v) for v in value]
    return value.item() if isinstance(value, np.generic) else value


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    goldens = {
        "classification": list(classifications()), "ranking": list(rankings()), "retrieval": retrieval(),
        "regression": regression(), "projection": projection(),
    }
    Path(__file__).with_name("metrics.json").write_text(json.dumps(plain(goldens), separators=(",", ":")) + "\n")
