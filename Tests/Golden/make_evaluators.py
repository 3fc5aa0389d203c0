"""Evaluators of embeddings: sentence-transformers' and scikit-learn's own numbers, as evaluators.json.

A stub model looks texts up in a table: text "q3" is row 3 of the table "q". Embeddings are rounded to three decimals, so
that both sides read the very same numbers.
"""

import contextlib
import io
import json
import os
from collections import defaultdict

import numpy as np
import torch
from datasets import Dataset
from sentence_transformers.sentence_transformer import evaluation
from sentence_transformers.util import (
    SimilarityFunction,
    cos_sim,
    dot_score,
    euclidean_sim,
    manhattan_sim,
    mine_hard_negatives,
    pairwise_cos_sim,
    paraphrase_mining_embeddings,
)
from sklearn.cluster import KMeans
from sklearn.metrics import homogeneity_completeness_v_measure

random = np.random.default_rng(int(os.environ.get("ENCODERS_SEED", 7)))
NAMES = ["cosine", "dot", "euclidean", "manhattan"]


def draw(*shape):
    return np.round(random.standard_normal(shape), 3).astype(np.float32)


def near(rows, noise):
    return np.round(rows + noise * random.standard_normal(rows.shape), 3).astype(np.float32)


def numbers(array):
    return [round(float(x), 3) for x in np.asarray(array).ravel()]


class Card:
    base_model = None

    def set_evaluation_metrics(self, *arguments, **options):
        pass


class Stub:
    similarity_fn_name = "cosine"
    device = torch.device("cpu")
    model_card_data = Card()

    def __init__(self, **tables):
        self.tables = tables

    def encode(self, sentences, convert_to_tensor=False, normalize_embeddings=False, **options):
        rows = torch.tensor(np.array([self.tables[text[0]][int(text[1:])] for text in sentences]))
        if normalize_embeddings:
            rows = torch.nn.functional.normalize(rows, dim=-1)
        return rows if convert_to_tensor else rows.numpy()

    encode_query = encode_document = encode
    similarity = staticmethod(cos_sim)
    similarity_pairwise = staticmethod(pairwise_cos_sim)


def texts(table, rows):
    return [f"{table}{row}" for row in rows]


def plain(metrics):
    return {key: float(value) for key, value in metrics.items()}


def similarity():
    a = draw(60, 9)
    b = near(a, random.uniform(0.1, 3, (60, 1)))
    labels = np.round(5 - np.linalg.norm(a - b, axis=1) / 2 + random.standard_normal(60), 0)  # with many ties
    evaluator = evaluation.EmbeddingSimilarityEvaluator(
        texts("a", range(60)), texts("b", range(60)), labels.tolist(), similarity_fn_names=NAMES, write_csv=False)
    return {"first": numbers(a), "second": numbers(b), "width": 9, "labels": labels.tolist(), "scores": plain(evaluator(Stub(a=a, b=b)))}


def pairs():
    a = draw(50, 7)
    b = near(a, random.uniform(0.5, 2.5, (50, 1)))
    b[10], b[11], a[10] = b[12], b[12], a[12]  # equal scores
    labels = (np.linalg.norm(a - b, axis=1) + 1.5 * random.standard_normal(50) < 4).astype(int)
    evaluator = evaluation.BinaryClassificationEvaluator(
        texts("a", range(50)), texts("b", range(50)), labels.tolist(), similarity_fn_names=NAMES, write_csv=False)
    return {"first": numbers(a), "second": numbers(b), "width": 7, "labels": labels.tolist(), "scores": plain(evaluator(Stub(a=a, b=b)))}


def triplets():
    anchors, positives, negatives = draw(80, 6), None, draw(80, 6)
    positives = near(anchors, 1.5)
    evaluator = evaluation.TripletEvaluator(
        texts("a", range(80)), texts("p", range(80)), texts("n", range(80)), similarity_fn_names=NAMES, margin=0.1, write_csv=False)
    return {"anchors": numbers(anchors), "positives": numbers(positives), "negatives": numbers(negatives), "width": 6,
            "margin": 0.1, "scores": plain(evaluator(Stub(a=anchors, p=positives, n=negatives)))}


def retrieval():
    corpus = draw(150, 10)
    corpus[40] = corpus[41]  # equally near
    relevant = [sorted(set(random.choice(150, size=random.integers(0, 5)).tolist())) for _ in range(40)]
    relevant[0] = [40]
    queries = np.stack([near(corpus[rows].mean(axis=0) if rows else draw(10), 0.6) for rows in relevant])
    functions = {"cosine": cos_sim, "dot": dot_score, "euclidean": euclidean_sim, "manhattan": manhattan_sim}
    name = lambda row: f"c{row:04d}"
    evaluator = evaluation.InformationRetrievalEvaluator(
        {f"q{row}": f"q{row}" for row in range(40)}, {name(row): f"c{row}" for row in range(150)},
        {f"q{row}": {name(found) for found in rows} for row, rows in enumerate(relevant)},
        corpus_chunk_size=60, mrr_at_k=[3, 10], ndcg_at_k=[5, 10], map_at_k=[7, 100], score_functions=functions, write_csv=False)
    return {"queries": numbers(queries), "corpus": numbers(corpus), "width": 10, "relevant": relevant,
            "scores": plain(evaluator(Stub(q=queries, c=corpus)))}


def reranking():
    queries = draw(20, 8)
    counts = [(int(random.integers(0, 4)), int(random.integers(0, 20))) for _ in range(20)]
    documents, relevant, samples = [], [], []
    for query, (positive, negative) in enumerate(counts):
        rows = [near(queries[query], 1.2) for _ in range(positive)] + [draw(8) for _ in range(negative)]
        if negative > 3:
            rows[-1] = rows[-2]  # equal scores
        start = len(documents)
        documents += rows
        relevant.append([True] * positive + [False] * negative)
        samples.append({"query": f"q{query}", "positive": texts("d", range(start, start + positive)),
                        "negative": texts("d", range(start + positive, len(documents)))})
    documents = np.stack(documents)
    evaluator = evaluation.RerankingEvaluator(samples, at_k=10, write_csv=False)
    return {"queries": numbers(queries), "documents": numbers(documents), "width": 8, "relevant": relevant,
            "scores": plain(evaluator(Stub(q=queries, d=documents)))}


def clustering():
    centers = 3 * draw(5, 4)
    labels = random.integers(0, 5, 90)
    points = near(centers[labels], 1.6)
    start = points[random.choice(90, 5, replace=False)]
    given = KMeans(5, init=start, n_init=1).fit(points)
    free = KMeans(5, n_init=20, random_state=0).fit(points)
    return {"points": numbers(points), "width": 4, "labels": labels.tolist(), "start": numbers(start),
            "clusters": given.labels_.tolist(), "inertia": float(given.inertia_), "best": float(free.inertia_),
            "measures": list(map(float, homogeneity_completeness_v_measure(labels, given.labels_)))}


def paraphrases():
    base = draw(25, 6)
    groups = [int(random.integers(0, 25)) for _ in range(60)]
    embeddings = np.stack([near(base[group], 0.5) for group in groups])
    mined = paraphrase_mining_embeddings(torch.tensor(embeddings), top_k=5, max_pairs=120)
    duplicates = [(i, j) for i in range(60) for j in range(i + 1, 60) if groups[i] == groups[j] and random.random() < 0.6]
    result = {"embeddings": numbers(embeddings), "width": 6, "duplicates": duplicates,
              "pairs": [[i, j] for _, i, j in mined], "pair_scores": [float(score) for score, _, _ in mined]}
    sentences = {f"e{row}": f"e{row}" for row in range(60)}
    for name, closed in [("scores", False), ("transitive", True)]:
        evaluator = evaluation.ParaphraseMiningEvaluator(
            sentences, [(f"e{i}", f"e{j}") for i, j in duplicates], add_transitive_closure=closed, top_k=5, max_pairs=120, write_csv=False)
        import sentence_transformers.sentence_transformer.evaluation.paraphrase_mining as module

        module.paraphrase_mining = lambda model, sentences, **options: paraphrase_mining_embeddings(
            torch.tensor(embeddings), top_k=options["top_k"], max_pairs=options["max_pairs"])
        result[name] = plain(evaluator(Stub(e=embeddings)))
    return result


def negatives():
    corpus = draw(70, 5)
    positives = [sorted(set(random.choice(70, size=random.integers(1, 4)).tolist())) for _ in range(15)]
    queries = np.stack([near(corpus[rows].mean(axis=0), 0.5) for rows in positives])
    rows = [(f"q{query}", f"c{row}") for query, found in enumerate(positives) for row in found]
    dataset = Dataset.from_dict({"query": [row[0] for row in rows], "answer": [row[1] for row in rows]})
    model, cases = Stub(q=queries, c=corpus), []
    for options in [{}, {"num_negatives": 7}, {"range_min": 4, "num_negatives": 5}, {"range_max": 12, "range_min": 2},
                    {"max_score": 0.6}, {"min_score": 0.75, "num_negatives": 4}, {"absolute_margin": 0.1},
                    {"relative_margin": 0.05, "num_negatives": 2}, {"absolute_margin": 0.05, "max_score": 0.8, "min_score": 0.2, "range_min": 1, "range_max": 30, "num_negatives": 6}]:
        with contextlib.redirect_stderr(io.StringIO()):
            mined = mine_hard_negatives(
                dataset, model, corpus=texts("c", range(70)), output_format="triplet", output_scores=False, verbose=False, **options)
        found = defaultdict(list)
        for row in mined:
            negative = int(row["negative"][1:])
            if negative not in found[int(row["query"][1:])]:  # a triplet for each positive of the query
                found[int(row["query"][1:])].append(negative)
        cases.append({"options": options, "negatives": [found[query] for query in range(15)]})
    return {"queries": numbers(queries), "corpus": numbers(corpus), "width": 5, "positives": positives, "cases": cases}


if __name__ == "__main__":
    goldens = {make.__name__: make() for make in [similarity, pairs, triplets, retrieval, reranking, clustering, paraphrases, negatives]}
    path = os.path.join(os.path.dirname(os.path.abspath(__file__)), "evaluators.json")
    with open(path + ".part", "w") as file:
        json.dump(goldens, file, separators=(",", ":"))
        file.write("\n")
    os.replace(path + ".part", path)
    print(f"evaluators.json: {os.path.getsize(path):,} bytes")
