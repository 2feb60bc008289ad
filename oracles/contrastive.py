"""Contrastive losses: over aligned pairs, and over all pairs of a labelled batch."""

import torch

from common import REDUCTIONS, Library, Outcome, Suite, exact, reduce
from distances import DISTANCES, batch, distance, fixed_batch, nearest, torch_distance, torch_distance_name


# --- contrastive -------------------------------------------------------------------------------------------------


def pair_terms(gaps_similar, gaps_dissimilar, similar, half):
    """h * max(0, gap)^2 of each pair, each kind with its own gap."""
    scale = 0.5 if half else 1.0
    gaps = torch.where(similar, gaps_similar, gaps_dissimilar)
    return scale * gaps.clamp_min(0) ** 2


def contrastive_outcome(d, similar, positive_margin, negative_margin, params):
    terms = pair_terms(d - positive_margin, negative_margin - d, similar, params["half"])
    kinks = torch.where(similar, d - positive_margin if positive_margin > 0 else 1.0, d - negative_margin)
    return Outcome(reduce(terms, params["reduction"]), terms, nearest(kinks))


def contrastive_formula(inputs, params):
    d = distance(inputs["x1"], inputs["x2"], params)
    return contrastive_outcome(d, inputs["similar"], 0.0, params["margin"], params)


def contrastive_library(inputs, params):
    def compute(inputs, params):
        d = torch_distance(inputs["x1"], inputs["x2"], params)
        return contrastive_outcome(d, inputs["similar"], 0.0, params["margin"], params)

    return Library(torch_distance_name(params), compute)


def contrastive():
    defaults = {"margin": 1.0, "half": True, "distance": "euclidean", "normalize": False, "reduction": "mean"}
    suite = Suite("contrastive", defaults, contrastive_formula, contrastive_library)

    def data(count, width, scale=0.5, similar=None):
        return lambda d: {
            "x1": d.normal(count, width, scale=scale),
            "x2": d.normal(count, width, scale=scale),
            "similar": d.booleans(count) if similar is None else torch.full((count,), similar),
        }

    def fixed(x1, x2, similar):
        return lambda d: {"x1": exact(x1), "x2": exact(x2), "similar": torch.tensor(similar)}

    suite.case("defaults", data(6, 4), stated=False)
    suite.case("one-pair-similar", data(1, 3, similar=True))
    suite.case("one-pair-dissimilar", data(1, 3, scale=0.2, similar=False))
    suite.case("one-dimension", data(7, 1))
    suite.case("larger", data(64, 50, scale=0.12))
    for kind in DISTANCES:
        for normalize in [False, True]:
            for half in [False, True]:
                name = f"{kind}{'-normalize' if normalize else ''}{'-half' if half else '-whole'}"
                suite.case(name, data(9, 5, scale=0.4), distance=kind, normalize=normalize, half=half, margin=1.25)
    for reduction in REDUCTIONS:
        suite.case(f"{reduction}", data(11, 3), reduction=reduction)
        suite.case(f"cosine-{reduction}", data(11, 3), distance="cosine", margin=0.5, reduction=reduction)
    suite.case("all-similar", data(5, 4, similar=True))
    suite.case("all-dissimilar-and-far-is-zero", data(5, 4, scale=9.0, similar=False))
    suite.case("all-dissimilar-and-far-mean-active", data(5, 4, scale=9.0, similar=False), reduction="mean-active")
    suite.case("small-margin", data(5, 4), margin=0.1)
    suite.case("margin-3", data(5, 4), margin=3.0)
    suite.case("exactly-on-the-margin", fixed([[3, 4], [0, 0], [1, 1]], [[0, 0], [0, 3], [1, 2]], [False] * 3),
               margin=5.0, lattice=True, reduction="mean-active")
    same = ([[0.5, -1, 2], [0.25, 3, 1], [1, 1, 1]], [[0.5, -1, 2], [0.25, 3, 1], [1, 0, 1]], [True, False, False])
    for kind in DISTANCES:
        suite.case(f"duplicates-{kind}", fixed(*same), distance=kind, edge=True, margin=1.5)
    suite.case("duplicates-normalize", fixed(*same), normalize=True, edge=True, margin=1.5)
    zero = ([[0, 0, 0], [1, -2, 0.5], [0, 0, 0], [0, 0, 0], [1, 2, 2]],
            [[1, 2, 3], [0, 0, 0], [0, 0, 0], [0, 0, 0], [2, 1, 0]], [True, False, False, True, False])
    for kind in DISTANCES:
        for normalize in [False, True]:
            suite.case(f"zero-vectors-{kind}{'-normalize' if normalize else ''}", fixed(*zero), distance=kind,
                       normalize=normalize, edge=True, margin=1.75)
    suite.case("opposite-vectors-cosine",
               fixed([[1, 2], [3, 4], [1, 0]], [[-2, -4], [-3, -4], [1, 2]], [True, False, True]),
               distance="cosine", margin=1.5)
    suite.case("large-values", data(4, 3, scale=300.0), margin=500.0)
    return suite


# --- contrastive-batch -------------------------------------------------------------------------------------------


def contrastive_batch_formula(inputs, params):
    return contrastive_batch_outcome(inputs, params, distance)


def contrastive_batch_outcome(inputs, params, between):
    x, labels = inputs["embeddings"], inputs["labels"]
    first, second = torch.triu_indices(len(labels), len(labels), offset=1)
    d = between(x[first], x[second], params)
    similar = labels[first] == labels[second]
    return contrastive_outcome(d, similar, params["positive_margin"], params["negative_margin"], params)


def contrastive_batch_library(inputs, params):
    def by_pdist(inputs, params):
        between = lambda first, second, params: torch.pdist(inputs["embeddings"])
        return contrastive_batch_outcome(inputs, params, between)

    if params["distance"] == "euclidean" and not params["normalize"] and len(inputs["labels"]) > 1:
        return Library("torch.nn.functional.pdist", by_pdist)
    return Library(torch_distance_name(params), lambda i, p: contrastive_batch_outcome(i, p, torch_distance))


def contrastive_batch():
    defaults = {"positive_margin": 0.0, "negative_margin": 1.0, "half": True, "distance": "euclidean",
                "normalize": False, "reduction": "mean"}
    suite = Suite("contrastive-batch", defaults, contrastive_batch_formula, contrastive_batch_library)

    suite.case("defaults", batch(6, 4, 2), stated=False)
    suite.case("one-row-no-pair", batch(1, 3, 1))
    suite.case("two-rows-similar", batch(2, 3, 1))
    suite.case("two-rows-dissimilar", batch(2, 3, 2, scale=0.2))
    suite.case("one-dimension", batch(7, 1, 3))
    suite.case("larger", batch(32, 24, 5, scale=0.17))
    for kind in DISTANCES:
        for normalize in [False, True]:
            name = f"{kind}{'-normalize' if normalize else ''}"
            suite.case(name, batch(9, 5, 3, scale=0.4), distance=kind, normalize=normalize, half=False)
            suite.case(f"{name}-both-margins", batch(8, 4, 3, scale=0.4), distance=kind, normalize=normalize,
                       positive_margin=0.3, negative_margin=1.1)
    for reduction in REDUCTIONS:
        suite.case(f"{reduction}", batch(9, 3, 3), reduction=reduction, positive_margin=0.5)
        suite.case(f"cosine-{reduction}", batch(7, 3, 2), distance="cosine", negative_margin=0.5, reduction=reduction)
        suite.case(f"no-pair-{reduction}", batch(1, 3, 1), reduction=reduction)
    suite.case("all-labels-equal", batch(5, 4, 1))
    suite.case("all-labels-different", batch(5, 4, 5))
    suite.case("a-class-with-one-sample", fixed_batch(None, [4, 4, 4, 9], width=3))
    suite.case("large-and-negative-labels", fixed_batch(None, [16777216, 16777217, -3, -3, 16777217], width=3))
    suite.case("nothing-active-mean-active", batch(5, 4, 5, scale=9.0), reduction="mean-active")
    twins = [[1, 2, 0.5], [1, 2, 0.5], [1, 2, 0.5], [0, 1, 1]]
    for kind in DISTANCES:
        suite.case(f"duplicates-{kind}", fixed_batch(twins, [0, 0, 1, 1]), distance=kind, edge=True,
                   negative_margin=1.25)
    suite.case("collapsed-batch", fixed_batch([[1, 1]] * 5, [0, 0, 1, 1, 2]), edge=True)
    suite.case("duplicates-within-positive-margin-mean-active", fixed_batch(twins, [0, 0, 1, 1]), edge=True,
               positive_margin=0.25, reduction="mean-active")
    zeros = [[0, 0, 0], [0, 0, 0], [1, -2, 2], [2, 1, 0]]
    for kind in DISTANCES:
        suite.case(f"zero-vectors-{kind}", fixed_batch(zeros, [0, 1, 0, 1]), distance=kind, edge=True,
                   negative_margin=1.75)
    suite.case("zero-vectors-normalize", fixed_batch(zeros, [0, 1, 0, 1]), normalize=True, edge=True,
               negative_margin=1.75)
    return suite
