"""The shape of embeddings: alignment, uniformity, effective rank, distances within and between classes."""

import numpy as np
import torch
from scipy.spatial.distance import pdist
from scipy.special import logsumexp
from scipy.stats import entropy

from common import exact, integers
from metrics_common import Group, Library, Metric, Undefined, fixed
from metrics_retrieval import unit


def rows(inputs, params):
    return unit(inputs["embeddings"]) if params["normalize"] else inputs["embeddings"]


def squared_pairs(inputs, params, wanted=None):
    """The squared distances of all pairs i < j, or of those with the same label (`wanted` True) or another (False)."""
    x = rows(inputs, params)
    first, second = np.triu_indices(len(x), 1)
    if wanted is not None:
        kept = (inputs["labels"][first] == inputs["labels"][second]) == wanted
        first, second = first[kept], second[kept]
    if len(first) == 0:
        raise Undefined({None: "no pairs", True: "no pair of one label", False: "no pair of two labels"}[wanted])
    return ((x[first] - x[second]) ** 2).sum(1)


def alignment(inputs, params):
    """Wang and Isola 2020, alpha = 2: the mean squared distance of the pairs of one label."""
    return squared_pairs(inputs, params, True).mean()


def uniformity(inputs, params):
    """Wang and Isola 2020, t = 2: ln of the mean over all pairs of exp(-2 * squared distance)."""
    squares = squared_pairs(inputs, params)
    return logsumexp(-2 * squares) - np.log(len(squares))


def effective_rank(inputs, params):
    """Roy and Vetterli 2007: exp of the entropy of the singular values over their sum. Rows are not centred."""
    singular = np.linalg.svd(rows(inputs, params), compute_uv=False)
    if singular.sum() == 0:
        raise Undefined("all rows are zero" if len(inputs["embeddings"]) else "no rows")
    shares = singular[singular > 0] / singular.sum()
    return np.exp(-(shares * np.log(shares)).sum())


def intra_class_distance(inputs, params):
    """The mean distance of the pairs of one label."""
    return np.sqrt(squared_pairs(inputs, params, True)).mean()


def inter_class_distance(inputs, params):
    """The mean distance of the pairs of two labels."""
    return np.sqrt(squared_pairs(inputs, params, False)).mean()


# --- libraries ---------------------------------------------------------------------------------------------------


def torch_rows(inputs, params):
    x = torch.from_numpy(inputs["embeddings"])
    return torch.nn.functional.normalize(x, dim=1, eps=1e-300) if params["normalize"] else x


def torch_alignment(inputs, params):
    """The function of the paper on the pairs of one label."""
    x, (first, second) = torch_rows(inputs, params), np.triu_indices(len(inputs["labels"]), 1)
    same = inputs["labels"][first] == inputs["labels"][second]
    return (x[first[same]] - x[second[same]]).norm(p=2, dim=1).pow(2).mean()


def torch_uniformity(inputs, params):
    return torch.pdist(torch_rows(inputs, params), p=2).pow(2).mul(-2).exp().mean().log()


def torch_effective_rank(inputs, params):
    singular = torch.linalg.svdvals(torch_rows(inputs, params)).numpy()
    return np.exp(entropy(singular))


def scipy_distance(wanted):
    def compute(inputs, params):
        same = pdist(np.unique(inputs["labels"], return_inverse=True)[1][:, None].astype(float)) == 0
        return pdist(torch_rows(inputs, params).numpy())[same == wanted].mean()

    return Library("scipy.spatial.distance.pdist", compute)


NORMALIZE = {"normalize": True}
METRICS = [
    Metric("alignment", alignment, [Library("Wang and Isola 2020, align_loss in torch", torch_alignment)], NORMALIZE),
    Metric("uniformity", uniformity,
           [Library("Wang and Isola 2020, uniform_loss in torch (torch.pdist)", torch_uniformity)], NORMALIZE),
    Metric("effective-rank", effective_rank,
           [Library("torch.linalg.svdvals, scipy.stats.entropy", torch_effective_rank)], NORMALIZE),
    Metric("intra-class-distance", intra_class_distance, [scipy_distance(True)], NORMALIZE),
    Metric("inter-class-distance", inter_class_distance, [scipy_distance(False)], NORMALIZE),
]


def drawn(n, d_out, classes, scale=1.0):
    return lambda d: {"embeddings": d.normal(n, d_out, scale=scale), "labels": d.labels(n, classes)}


def embedding():
    group = Group("embedding")
    for metric in METRICS:
        labelled = metric.name not in ["uniformity", "effective-rank"]

        def case(name, draw, **options):
            def needed(d):
                inputs = draw(d)
                return inputs if labelled else {"embeddings": inputs["embeddings"]}

            group.case(metric, name, needed, **options)

        case("defaults", drawn(12, 4, 3), stated=False)
        for normalize in [True, False]:
            suffix = "-normalized" if normalize else "-as-given"
            options = {"normalize": normalize}
            case("small" + suffix, drawn(6, 2, 2), **options)
            case("larger" + suffix, drawn(80, 8, 5), **options)
            case("wide" + suffix, drawn(8, 40, 3), **options)
            case("one-dimension" + suffix, drawn(9, 1, 3), **options)
            case("duplicates" + suffix, lambda d: {
                key: torch.cat([value, value]) for key, value in drawn(6, 3, 2)(d).items()}, **options)
            case("collapsed" + suffix, fixed(embeddings=[[3, 4, 0]] * 6, labels=[0, 1, 0, 1, 2, 2]), **options)
            case("axes" + suffix, fixed(
                embeddings=[[2, 0, 0], [0, 2, 0], [0, 0, 2], [-2, 0, 0], [0, -2, 0], [0, 0, -2]],
                labels=[0, 0, 1, 1, 2, 2]), **options)
            case("rank-one" + suffix, fixed(
                embeddings=[[1, 2, 2], [2, 4, 4], [-1, -2, -2], [3, 6, 6]], labels=[0, 0, 1, 1]), **options)
            case("one-large-direction" + suffix, lambda d: {
                "embeddings": exact(d.normal(20, 4).numpy() * [100, 1, 1, 1]), "labels": d.labels(20, 4)}, **options)
            case("zero-row" + suffix, fixed(
                embeddings=[[0, 0], [1, 2], [0, 3], [-1, 1]], labels=[0, 0, 1, 1]), **options)
            case("all-zero" + suffix, fixed(embeddings=[[0, 0]] * 4, labels=[0, 0, 1, 1]), **options)
        case("tiny-scale", drawn(8, 3, 2, scale=0.01), normalize=False)
        case("far-apart", drawn(8, 3, 2, scale=300.0), normalize=False,
             differs={"Wang": "exp(-2 * squared distance) is 0"} if metric.name == "uniformity" else {})
        case("tight-around-a-far-point", lambda d: {
            "embeddings": exact(d.normal(10, 3, scale=0.1).numpy() + [100, -50, 25]), "labels": d.labels(10, 2)},
            normalize=False)
        case("tight-on-the-sphere", lambda d: {
            "embeddings": exact(d.normal(10, 3, scale=0.01).numpy() + [1, -0.5, 0.25]), "labels": d.labels(10, 2)})
        case("orthonormal", fixed(embeddings=np.eye(5), labels=[0, 0, 0, 1, 1]))
        case("ids-16777216-and-16777217", lambda d: {
            "embeddings": d.normal(8, 3), "labels": d.labels(8, 2) + 16777216})
        case("ids-beyond-2-to-the-53-and-negative", lambda d: {
            "embeddings": d.normal(8, 3),
            "labels": torch.tensor([9007199254740992, 9007199254740993, -4])[d.labels(8, 3)]})
        case("one-class", drawn(7, 3, 1))
        case("every-row-its-own-class", drawn(7, 3, 7))
        case("one-row-of-its-class", fixed(embeddings=[[1, 0.5], [0.25, 1], [-1, 0.5]], labels=[4, 4, 9]))
        case("two-rows", fixed(embeddings=[[1, 0.5], [0.25, 1]], labels=[4, 4]))
        case("one-row", fixed(embeddings=[[1, 0.5]], labels=[4]))
        case("empty", lambda d: {"embeddings": torch.zeros(0, 2, dtype=torch.float64), "labels": integers([])})
    return group
