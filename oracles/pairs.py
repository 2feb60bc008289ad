"""Multi-similarity and circle loss: the cosines of all pairs of a labelled batch."""

import torch
from pytorch_metric_learning import distances as pml_distances
from pytorch_metric_learning import losses, miners, reducers

from common import REDUCTIONS, Library, Outcome, Suite, exact, integers, reduce, softplus
from distances import nearest, unit


def pairs(inputs, normalize):
    """The similarities, and which pairs are positive and which negative."""
    x, labels = inputs["embeddings"], inputs["labels"]
    x = unit(x) if normalize else x
    same = labels.unsqueeze(1) == labels.unsqueeze(0)
    return x @ x.T, same & ~torch.eye(len(x), dtype=torch.bool), ~same


def pml_reducer(reduction, over_all):
    """Of pytorch-metric-learning; a mean over all rows, or over those that have a term."""
    if reduction == "sum":
        return reducers.SumReducer()
    return reducers.AvgNonZeroReducer() if reduction == "mean-active" or not over_all else reducers.MeanReducer()


def labelled(labels, width=4, scale=1.0):
    return lambda d: {"embeddings": d.normal(len(labels), width, scale=scale), "labels": integers(labels)}


def fixed(embeddings, labels):
    return lambda d: {"embeddings": exact(embeddings), "labels": integers(labels)}


# --- multi-similarity --------------------------------------------------------------------------------------------


def multi_similarity_formula(inputs, params):
    s, positive, negative = pairs(inputs, params["normalize"])
    terms, clearance = [], float("inf")
    for row, p, n in zip(s, positive, negative):
        if params["epsilon"] != "none":
            low, high = row.detach()[p], row.detach()[n]
            if len(low) and len(high):
                to_high, to_low = low - params["epsilon"] - high.max(), high + params["epsilon"] - low.min()
                clearance = min(clearance, nearest(to_high), nearest(to_low))
                low, high = low[to_high < 0], high[to_low > 0]
                p, n = p.clone(), n.clone()
                p[p.clone()], n[n.clone()] = to_high < 0, to_low > 0
            else:
                p, n = torch.zeros_like(p), torch.zeros_like(n)
        term = row.sum() * 0
        for mask, sharpness in [(p, -params["alpha"]), (n, params["beta"])]:
            if mask.any():
                term = term + softplus(((row[mask] - params["base"]) * sharpness).logsumexp(0)) / abs(sharpness)
        terms.append(term)
    terms = torch.stack(terms)
    return Outcome(reduce(terms, params["reduction"]), terms, clearance)


def multi_similarity_library(inputs, params):
    def compute(inputs, params):
        between = (pml_distances.CosineSimilarity() if params["normalize"]
                   else pml_distances.DotProductSimilarity(normalize_embeddings=False))
        loss = losses.MultiSimilarityLoss(
            alpha=params["alpha"], beta=params["beta"], base=params["base"], distance=between,
            reducer=pml_reducer(params["reduction"], True))
        x, labels = inputs["embeddings"], inputs["labels"]
        if params["epsilon"] == "none":
            return Outcome(loss(x, labels))
        miner = miners.MultiSimilarityMiner(epsilon=params["epsilon"], distance=between)
        return Outcome(loss(x, labels, miner(x, labels)))

    name = "pytorch_metric_learning.losses.MultiSimilarityLoss"
    mined = " with pytorch_metric_learning.miners.MultiSimilarityMiner" if params["epsilon"] != "none" else ""
    return Library(name + mined, compute)


def multi_similarity():
    defaults = {"alpha": 2.0, "beta": 50.0, "base": 0.5, "epsilon": "none", "normalize": True, "reduction": "mean"}
    suite = Suite("multi-similarity", defaults, multi_similarity_formula, multi_similarity_library)
    mild = {"alpha": 1.0, "beta": 5.0}
    suite.case("defaults", labelled([0, 0, 1, 1, 0]), stated=False)
    for epsilon in ["none", 0.1]:
        name, options = ("all" if epsilon == "none" else "mined"), {"epsilon": epsilon}
        suite.case(f"{name}-defaults", labelled([0, 1, 2, 0, 1, 2]), **options)
        suite.case(f"{name}-classes", labelled([5, 5, -1, 5, -1, 9, 9, 9, 9], 3), **options)
        suite.case(f"{name}-alone", labelled([1, 2, 1, 3, 4]), **options)
        suite.case(f"{name}-no-positive", labelled([1, 2, 3, 4], 3), **options, **mild)
        suite.case(f"{name}-one-class", labelled([4, 4, 4, 4], 3), **options)
        suite.case(f"{name}-one-row", labelled([4], 3), edge=True, **options)
        suite.case(f"{name}-large-labels", labelled([16777216, 16777217, 16777216, 16777217]), **options)
        suite.case(f"{name}-larger", labelled([i % 5 for i in range(40)], 16), **options)
        for reduction in REDUCTIONS:
            suite.case(f"{name}-{reduction}", labelled([1, 2, 1, 3, 2, 2, 7]), reduction=reduction, **options, **mild)
        for base in [-0.3, 0.0, 0.8]:
            suite.case(f"{name}-base-{base:g}", labelled([0, 0, 1, 1, 1, 2]), base=base, **options)
        suite.case(f"{name}-dot", labelled([0, 0, 1, 1, 1, 2], scale=0.6), normalize=False, **options, **mild)
    for epsilon in [0.0, 0.5, 2.5]:
        suite.case(f"epsilon-{epsilon:g}", labelled([0, 0, 1, 1, 1, 2, 2]), epsilon=epsilon)
    for alpha, beta in [(0.5, 1.0), (10.0, 10.0), (2.0, 40.0)]:
        suite.case(f"alpha-{alpha:g}-beta-{beta:g}", labelled([0, 0, 1, 1, 1, 2, 2]), alpha=alpha, beta=beta)
    suite.case("duplicates", fixed([[1, 2], [1, 2], [0, 1], [0, 1], [2, -1]], [0, 0, 1, 0, 1]), **mild)
    suite.case("zero-vectors", fixed([[0, 0], [2, 1], [0, 1], [0, 0], [1, -1]], [0, 0, 1, 1, 0]), edge=True, **mild)
    suite.case("opposite-vectors", fixed([[1, 2], [-1, -2], [2, 1], [-3, 1]], [0, 0, 1, 1]), **mild)
    return suite


# --- circle ------------------------------------------------------------------------------------------------------


def circle_formula(inputs, params):
    """The weights are constants for the gradient."""
    s, positive, negative = pairs(inputs, True)
    m, gamma = params["margin"], params["gamma"]
    pull = -gamma * (1 + m - s.detach()).clamp_min(0) * (s - (1 - m))
    push = gamma * (s.detach() + m).clamp_min(0) * (s - m)
    valid = positive.any(1) & negative.any(1)
    rows = zip(pull, push, positive, negative, valid, s)
    terms = torch.stack([softplus(a[p].logsumexp(0) + b[n].logsumexp(0)) if ok else row.sum() * 0
                         for a, b, p, n, ok, row in rows])
    # Where a weight reaches 0 it has a kink, but no jump: the gradient passes through the product.
    return Outcome(reduce(terms, params["reduction"], valid=valid), terms)


def circle_library(inputs, params):
    def compute(inputs, params):
        loss = losses.CircleLoss(m=params["margin"], gamma=params["gamma"],
                                 reducer=pml_reducer(params["reduction"], False))
        return Outcome(loss(inputs["embeddings"], inputs["labels"]))

    return Library("pytorch_metric_learning.losses.CircleLoss", compute)


def circle():
    defaults = {"margin": 0.4, "gamma": 80.0, "reduction": "mean"}
    suite = Suite("circle", defaults, circle_formula, circle_library)
    mild = {"gamma": 5.0}
    suite.case("defaults", labelled([0, 0, 1, 1, 0]), stated=False)
    for margin, gamma in [(0.25, 256.0), (0.25, 128.0), (0.4, 80.0), (0.25, 10.0), (0.0, 4.0), (-0.2, 16.0), (1.0, 2.0)]:
        suite.case(f"margin-{margin:g}-gamma-{gamma:g}", labelled([0, 0, 1, 1, 1, 2, 2]), margin=margin, gamma=gamma)
    for name, options in [("sharp", {}), ("mild", mild)]:
        suite.case(f"{name}-pairs", labelled([0, 1, 2, 0, 1, 2]), **options)
        suite.case(f"{name}-classes", labelled([5, 5, -1, 5, -1, 9, 9, 9, 9], 3), **options)
        suite.case(f"{name}-alone-are-left-out", labelled([1, 2, 1, 3, 4]), **options)
        suite.case(f"{name}-no-positive", labelled([1, 2, 3, 4], 3), edge=True, **options)
        suite.case(f"{name}-one-class", labelled([4, 4, 4, 4], 3), edge=True, **options)
        suite.case(f"{name}-large-labels", labelled([16777216, 16777217, 16777216, 16777217]), **options)
        suite.case(f"{name}-larger", labelled([i % 5 for i in range(40)], 16), **options)
        for reduction in REDUCTIONS:
            suite.case(f"{name}-{reduction}", labelled([1, 2, 1, 3, 2, 2, 7]), reduction=reduction, **options)
    suite.case("one-row", labelled([4], 3), edge=True)
    suite.case("duplicates", fixed([[1, 2], [1, 2], [0, 1], [0, 1], [2, -1]], [0, 0, 1, 0, 1]), **mild)
    suite.case("zero-vectors", fixed([[0, 0], [2, 1], [0, 1], [0, 0], [1, -1]], [0, 0, 1, 1, 0]), edge=True, **mild)
    suite.case("opposite-vectors", fixed([[1, 2], [-1, -2], [2, 1], [-3, 1]], [0, 0, 1, 1]), **mild)
    return suite
