"""Retrieval by nearest neighbours: Recall@K, Precision@K, NDCG@K, MAP@R, R-precision, MRR."""

import numpy as np
import sklearn.metrics as sk
import torch
import torchmetrics.functional.retrieval as tm
from pytorch_metric_learning.distances import CosineSimilarity, DotProductSimilarity, LpDistance
from pytorch_metric_learning.utils.accuracy_calculator import AccuracyCalculator
from pytorch_metric_learning.utils.common_functions import LOGGER
from pytorch_metric_learning.utils.inference import CustomKNN

from common import Unclear, exact, integers
from metrics_common import Group, Library, Metric, Result, Undefined, fixed

LOGGER.setLevel("ERROR")

# --- neighbours --------------------------------------------------------------------------------------------------


def unit(rows):
    """Rows of length 1. A zero row stays zero, so that its cosine with any other is 0."""
    lengths = np.sqrt((rows**2).sum(1, keepdims=True))
    return rows / np.where(lengths > 0, lengths, 1)


def likeness(inputs, params):
    """[queries, gallery], higher for the nearer; to 11 digits, so that rounding decides no tie."""
    queries, gallery = inputs["embeddings"], inputs.get("gallery", inputs["embeddings"])
    if params["similarity"] == "euclidean":
        values = -((queries[:, None] - gallery[None]) ** 2).sum(2)
    elif params["similarity"] == "cosine":
        values = unit(queries) @ unit(gallery).T
    else:
        values = queries @ gallery.T
    scale = np.abs(values).max(initial=0)
    return values if scale == 0 else np.round(values / scale, 11) * scale


def hits(inputs, params):
    """Per query: for the gallery's items from the nearest, whether they have its label. Without a gallery a query is
    compared with all other rows. Of equally near items the one with the lowest index comes first."""
    values, gallery_labels = likeness(inputs, params), inputs.get("gallery_labels", inputs["labels"])
    for i, label in enumerate(inputs["labels"]):
        order = np.argsort(-values[i], kind="stable")
        if "gallery" not in inputs:
            order = order[order != i]
        yield gallery_labels[order] == label


def mean_over_queries(inputs, params, value):
    """The mean over the queries with an item of their label."""
    if params.get("k") == 0:
        raise Undefined("no neighbours")
    lists = list(hits(inputs, params))
    counting = [same for same in lists if same.any()]
    if not lists:
        raise Undefined("no queries")
    if not counting:
        raise Undefined("no query has an item of its label")
    return Result(np.mean([value(same) for same in counting]), len(counting), len(lists) - len(counting))


def per_query(value):
    """A metric from its value for one query, `value(hits, k)`."""
    return lambda inputs, params: mean_over_queries(inputs, params, lambda same: value(same, params.get("k")))


# --- the metrics of one query --------------------------------------------------------------------------------------


def recall_at_k(same, k):
    return float(same[:k].any())


def precision_at_k(same, k):
    """Over k, also where the gallery is smaller: a missing item is not a hit."""
    return same[:k].sum() / k


def ndcg_at_k(same, k):
    discounts = 1 / np.log2(np.arange(len(same)) + 2)
    return (same * discounts)[:k].sum() / discounts[: min(k, same.sum())].sum()


def map_at_r(same, k):
    r = same.sum()
    precision = np.cumsum(same[:r]) / np.arange(1, r + 1)
    return (precision * same[:r]).sum() / r


def r_precision(same, k):
    return same[: same.sum()].mean()


def reciprocal_rank(same, k):
    return 1 / (1 + np.argmax(same))


# --- libraries ---------------------------------------------------------------------------------------------------


def pml(name, fits=lambda params: True, tolerance=1e-9):
    """On the embeddings, with its own neighbours. It leaves ties to torch.topk."""

    def compute(inputs, params):
        distance = {
            "cosine": CosineSimilarity(),
            "dot": DotProductSimilarity(normalize_embeddings=False),
            "euclidean": LpDistance(normalize_embeddings=False),
        }[params["similarity"]]
        calculator = AccuracyCalculator(include=(name,), knn_func=CustomKNN(distance), kmeans_func=True)
        rows = [inputs["embeddings"], inputs["labels"]]
        if "gallery" in inputs:
            rows += [inputs["gallery"], inputs["gallery_labels"]]
        if name == "mean_reciprocal_rank":  # it asks for no neighbours alone
            calculator = AccuracyCalculator(
                include=(name, "precision_at_1"), knn_func=CustomKNN(distance), kmeans_func=True)
        return calculator.get_accuracy(*(torch.from_numpy(part) for part in rows))[name]

    return Library(f"pytorch_metric_learning AccuracyCalculator {name}", compute,
                   lambda inputs, params: fits(params) and not tied(inputs, params), tolerance)


def tied(inputs, params):
    values = likeness(inputs, params)
    return any(len(np.unique(row)) < len(row) for row in values)


def on_the_order(source, value, tolerance):
    """A library's function of (scores, hits) of one query, on the order of the neighbours."""

    def compute(inputs, params):
        def one(same):
            scores = np.arange(len(same), 0, -1.0)
            return float(value(scores, same, params.get("k")))

        return mean_over_queries(inputs, params, one).value

    return Library(source, compute, lambda inputs, params: True, tolerance)


def torchmetrics(name, with_k=True):
    def value(scores, same, k):
        return getattr(tm, name)(torch.from_numpy(scores), torch.from_numpy(same), **({"top_k": k} if with_k else {}))

    return on_the_order(f"torchmetrics.functional.retrieval.{name}", value, 1e-6)


SKLEARN_NDCG = on_the_order(
    "sklearn.metrics.ndcg_score",
    lambda scores, same, k: sk.ndcg_score([same], [scores], k=k) if len(same) > 1 else 1.0, 1e-9)


def clear(inputs, params):
    """Likenesses of one query are equal, or apart by what float32 resolves."""
    values = likeness(inputs, params)
    steps = np.diff(np.sort(values, axis=1), axis=1)
    if ((steps > 0) & (steps < 2e-6 * np.abs(values).max(initial=0))).any():
        raise Unclear("near a tie")


SIMILARITY = {"similarity": "cosine"}
TOP = {"k": 1} | SIMILARITY


def first(params):
    return params["k"] == 1


METRICS = [
    Metric("recall-at-k", per_query(recall_at_k),
           [pml("precision_at_1", first), torchmetrics("retrieval_hit_rate")], TOP, clear),
    Metric("precision-at-k", per_query(precision_at_k),
           [pml("precision_at_1", first), torchmetrics("retrieval_precision")], TOP, clear),
    Metric("ndcg-at-k", per_query(ndcg_at_k), [SKLEARN_NDCG, torchmetrics("retrieval_normalized_dcg")], TOP, clear),
    Metric("map-at-r", per_query(map_at_r), [pml("mean_average_precision_at_r")], SIMILARITY, clear),
    Metric("r-precision", per_query(r_precision), [
        pml("r_precision"), torchmetrics("retrieval_r_precision", with_k=False)], SIMILARITY, clear),
    Metric("mrr-retrieval", per_query(reciprocal_rank), [
        pml("mean_reciprocal_rank", tolerance=1e-6), torchmetrics("retrieval_reciprocal_rank", with_k=False)],
        SIMILARITY, clear),
]


# --- data --------------------------------------------------------------------------------------------------------


def clusters(n, d_out, classes, gallery=0, spread=1.0, decimals=3, extra=0):
    """Rows around a centre per class; `extra`: classes that only the queries have."""

    def draw(d):
        centres = d.random.standard_normal((classes + extra, d_out))

        def rows(count, classes):
            labels = d.labels(count, classes)
            noise = spread * d.random.standard_normal((count, d_out))
            return exact(np.round(centres[labels.numpy()] + noise, decimals)), labels

        embeddings, labels = rows(n, classes + extra)
        inputs = {"embeddings": embeddings, "labels": labels * 7 - 3}
        if gallery:
            inputs["gallery"], labels = rows(gallery, classes)
            inputs["gallery_labels"] = labels * 7 - 3
        return inputs

    return draw


def lattice(n, d_out, classes, reach=2, gallery=0):
    """Integers with many exactly equal distances and duplicates."""

    def draw(d):
        inputs = {"embeddings": d.lattice(n, d_out, reach=reach), "labels": d.labels(n, classes)}
        if gallery:
            inputs |= {"gallery": d.lattice(gallery, d_out, reach=reach), "gallery_labels": d.labels(gallery, classes)}
        return inputs

    return draw


def axes(n, d_out, classes):
    """Rows along an axis, of lengths that are powers of 2: their cosines are exactly 0, 1 and -1."""

    def draw(d):
        rows = np.eye(d_out)[d.random.integers(0, d_out, n)] * d.random.choice([1, -1, 2, -0.5, 4], (n, 1))
        return {"embeddings": exact(rows), "labels": d.labels(n, classes)}

    return draw


def duplicated(draw):
    """Every row and its label twice."""
    return lambda d: {key: torch.cat([value, value]) for key, value in draw(d).items()}


def relabelled(draw, *ids):
    """Label i of `draw` (which counts from -3 in steps of 7) becomes ids[i]."""

    def made(d):
        inputs = draw(d)
        table = torch.tensor(ids, dtype=torch.int64)
        return {key: table[(value + 3) // 7] if value.dtype == torch.int64 else value for key, value in inputs.items()}

    return made


def retrieval():
    group = Group("retrieval")
    for metric in METRICS:
        with_k = "k" in metric.defaults

        def case(name, draw, **options):
            group.case(metric, name, draw, **options)

        case("defaults", clusters(16, 3, 4), stated=False)
        for similarity in ["cosine", "dot", "euclidean"]:
            for params in [{"k": 1}, {"k": 3}, {"k": 7}] if with_k else [{}]:
                suffix = f"-{similarity}" + "".join(f"-k-{k}" for k in params.values())
                params = params | {"similarity": similarity}
                case("leave-one-out" + suffix, clusters(24, 4, 4, spread=1.5), **params)
                case("gallery" + suffix, clusters(9, 3, 3, gallery=17, spread=1.5), **params)
        k4 = {"k": 4} if with_k else {}
        wrong = {"pytorch_metric_learning": "it casts labels to float32, in which the two are one"}
        mixed = clusters(15, 3, 2, spread=3.0)
        case("ids-16777216-and-16777217", relabelled(mixed, 16777216, 16777217), differs=wrong)
        case("ids-beyond-2-to-the-53", relabelled(mixed, 9007199254740992, 9007199254740993), differs=wrong)
        case("one-row-each-16777216-and-16777217", fixed(
            embeddings=[[1, 0], [0, 1]], labels=[16777216, 16777217]))
        case("negative-ids", relabelled(clusters(12, 3, 3), -1, -(2**62), 0), **k4)
        case("queries-without-relevant-items", clusters(12, 3, 3, gallery=10, extra=2), **k4)
        case("lone-classes", fixed(
            embeddings=[[1, 0.1], [1, 0.3], [0.2, 1], [-1, 0.5], [-1, -0.7]], labels=[0, 0, 1, 2, 3]))
        case("no-query-with-a-relevant-item", fixed(
            embeddings=[[1, 0.1], [1, 0.3], [0.2, 1]], labels=[0, 1, 2]))
        case("one-class", clusters(8, 3, 1), **k4)
        case("two-rows", fixed(embeddings=[[1, 0.5], [-1, 0.25]], labels=[5, 5]))
        case("one-row", fixed(embeddings=[[1, 0.5]], labels=[5]))
        case("all-ties-identical-rows", fixed(embeddings=[[0.5, 1]] * 6, labels=[0, 1, 0, 1, 1, 2]), **k4)
        case("all-ties-gallery", fixed(
            embeddings=[[1, 0], [0, 1]], labels=[0, 1],
            gallery=[[1, 1], [1, 1], [1, 1], [1, 1]], gallery_labels=[2, 1, 0, 1]), **k4)
        case("tie-lowest-index-first", fixed(
            embeddings=[[0, 0]], labels=[0], gallery=[[2, 0], [0, 1], [1, 0], [-1, 0]], gallery_labels=[0, 1, 0, 0]),
            similarity="euclidean")
        case("tie-lowest-index-first-other-order", fixed(
            embeddings=[[0, 0]], labels=[0], gallery=[[2, 0], [1, 0], [0, 1], [-1, 0]], gallery_labels=[0, 0, 1, 0]),
            similarity="euclidean")
        case("many-ties-euclidean", lattice(22, 2, 3), similarity="euclidean", **k4)
        case("many-ties-dot", lattice(22, 2, 3), similarity="dot", **k4)
        case("many-ties-cosine", axes(20, 3, 3), similarity="cosine", **k4)
        case("many-ties-gallery", lattice(10, 2, 3, gallery=16), similarity="euclidean", **k4)
        case("duplicates-of-the-query", duplicated(lattice(8, 3, 4)), similarity="euclidean", **k4)
        case("duplicates-cosine", duplicated(clusters(8, 3, 3)), **k4)
        case("zero-rows-cosine", fixed(
            embeddings=[[0, 0], [1, 0], [0, 0], [-1, 0], [0, 1]], labels=[0, 0, 1, 1, 0]), **k4)
        case("far-from-the-origin", fixed(
            embeddings=[[1000, 1001], [1001, 1003], [1004, 1000], [1000, 1006], [1007, 1002]], labels=[0, 1, 0, 1, 0]),
            similarity="euclidean", **k4)
        case("length-matters-for-dot", fixed(
            embeddings=[[1, 0]], labels=[0], gallery=[[1, 0], [5, 4]], gallery_labels=[0, 1]), similarity="dot")
        case("perfect", fixed(
            embeddings=[[1, 0.1], [1, 0.2], [-0.1, 1], [-0.3, 1], [1, 0.35], [-0.6, 1]],
            labels=[0, 0, 1, 1, 0, 1]), **k4)
        case("larger", clusters(70, 4, 6, spread=1.5), **k4)
        case("gallery-empty", lambda d: {
            "embeddings": exact([[1, 0]]), "labels": integers([0]),
            "gallery": torch.zeros(0, 2, dtype=torch.float64), "gallery_labels": integers([])})
        case("empty", lambda d: {"embeddings": torch.zeros(0, 2, dtype=torch.float64), "labels": integers([])})
        if with_k:
            case("k-larger-than-the-gallery", clusters(6, 3, 2, gallery=5), k=9)
            case("k-of-all-others", clusters(7, 3, 2), k=6)
            case("k-larger-than-all-others", clusters(7, 3, 2), k=50)
            case("k-0", clusters(6, 3, 2), k=0)
    return group
