"""Quadruplet losses: over aligned rows, and over a labelled batch."""

import torch
from torch.nn.functional import triplet_margin_loss

from common import REDUCTIONS, Library, Outcome, Suite, exact, reduce
from distances import DISTANCES, batch, distance, distance_matrix, fixed_batch, nearest
from triplet import CHOICE, farthest_of, least_gap, nearest_of


def hinges(near, far, margin):
    """The terms of a hinge, and how clear they are of its kink."""
    violation = near - far + margin
    return torch.where(violation > 0, violation, 0.0), nearest(violation)


# --- quadruplet-aligned ------------------------------------------------------------------------------------------


def aligned_formula(inputs, params):
    a, p, n, o = (inputs[name] for name in ["anchor", "positive", "negative", "other"])
    near = distance(a, p, params)
    triplets, of_triplets = hinges(near, distance(a, n, params), params["margin"])
    pairs, of_pairs = hinges(near, distance(n, o, params), params["pair_margin"])
    value = reduce(triplets, params["reduction"]) + reduce(pairs, params["reduction"])
    return Outcome(value, triplets + pairs, min(of_triplets, of_pairs))


def aligned_library(inputs, params):
    """PyTorch's triplet loss for the first hinge, and its margin ranking loss for the second."""

    def compute(inputs, params):
        a, p, n, o = (inputs[name] for name in ["anchor", "positive", "negative", "other"])
        reduction = params["reduction"]
        first = triplet_margin_loss(a, p, n, margin=params["margin"], eps=0.0, reduction=reduction)
        near, apart = (torch.nn.functional.pairwise_distance(x, y, eps=0.0) for x, y in [(a, p), (n, o)])
        second = torch.nn.functional.margin_ranking_loss(
            apart, near, torch.ones_like(near), margin=params["pair_margin"], reduction=reduction)
        return Outcome(first + second)

    if params["distance"] != "euclidean" or params["normalize"] or params["reduction"] not in ("mean", "sum"):
        return None
    return Library("torch.nn.functional.triplet_margin_loss + margin_ranking_loss", compute)


def quadruplet_aligned():
    defaults = {"margin": 1.0, "pair_margin": 0.5, "distance": "euclidean", "normalize": False, "reduction": "mean"}
    suite = Suite("quadruplet-aligned", defaults, aligned_formula, aligned_library)
    names = ["anchor", "positive", "negative", "other"]

    def data(count, width, scale=0.6):
        return lambda d: {name: d.normal(count, width, scale=scale) for name in names}

    def fixed(*rows):
        return lambda d: {name: exact(values) for name, values in zip(names, rows)}

    suite.case("defaults", data(6, 4), stated=False)
    suite.case("one-row", data(1, 3))
    suite.case("one-dimension", data(7, 1))
    suite.case("larger", data(24, 16, scale=0.2))
    for kind in DISTANCES:
        for normalize in [False, True]:
            name = f"{kind}-normalize" if normalize else kind
            suite.case(name, data(7, 5), distance=kind, normalize=normalize, margin=0.4, pair_margin=0.2)
            suite.case(f"{name}-mean-active", data(9, 3), distance=kind, normalize=normalize, reduction="mean-active")
    for reduction in REDUCTIONS:
        suite.case(reduction, data(11, 3), margin=0.3, pair_margin=0.1, reduction=reduction)
        suite.case(f"{reduction}-pair-margin-above", data(11, 3), margin=0.1, pair_margin=0.7, reduction=reduction)
    easy = fixed([[0, 0], [1, 1]], [[0.5, 0], [1, 1.25]], [[9, 9], [-8, 4]], [[-9, 9], [8, -4]])
    suite.case("nothing-active", easy)
    suite.case("nothing-active-mean-active", easy, reduction="mean-active")
    suite.case("only-the-second-hinge", fixed([[0, 0]], [[0, 2]], [[6, 8]], [[6, 9]]), margin=1.0, pair_margin=0.5)
    suite.case("exactly-on-the-kinks", fixed([[0, 0], [0, 0]], [[3, 4], [0, 3]], [[0, 6], [1, 0]], [[5.5, 6], [4, 0]]),
               lattice=True, edge=True)
    twins = fixed([[1, 2], [1, 2], [0.5, 1]], [[1, 2], [0, 1], [2, 2]], [[1.5, 2], [1, 2], [0.25, 1.5]],
                  [[1.5, 2], [1, 2], [0.25, 1.5]])
    for kind in ["euclidean", "squared-euclidean"]:
        suite.case(f"duplicates-{kind}", twins, distance=kind, edge=True)
    zeros = fixed([[0, 0], [1, 2], [0, 0]], [[3, 4], [0, 0], [0, 0]], [[1, 2], [2, 2], [0, 0]], [[0, 0], [1, 0], [0, 0]])
    for normalize in [False, True]:
        suite.case(f"zero-vectors-cosine{'-normalize' if normalize else ''}", zeros, distance="cosine",
                   normalize=normalize, edge=True)
    suite.case("large-values", data(5, 3, scale=200.0), margin=50.0, pair_margin=20.0)
    return suite


# --- quadruplet --------------------------------------------------------------------------------------------------


def all_rows(labels):
    """The rows of all triplets, and of all quadruplets: a pair of one class and a pair of two others, each once."""
    ids, count = labels.tolist(), range(len(labels))
    positives = [(a, p) for a in count for p in count if a != p and ids[a] == ids[p]]
    triplets = [(a, p, n) for a, p in positives for n in count if ids[n] != ids[a]]
    quadruplets = [
        (a, p, n, o) for a, p in positives if a < p
        for n in count for o in count if n < o and len({ids[a], ids[n], ids[o]}) == 3
    ]
    return triplets, quadruplets


def hard_rows(d, labels):
    """For each anchor its farthest positive, its nearest negative, and what is nearest to that of a third class."""
    rows, ids, count = d.detach().tolist(), labels.tolist(), range(len(labels))
    triplets, quadruplets, clearance = [], [], float("inf")
    for a in count:
        positives = [p for p in count if p != a and ids[p] == ids[a]]
        negatives = [n for n in count if ids[n] != ids[a]]
        if not positives or not negatives:
            continue
        p, n = farthest_of(rows[a], positives), nearest_of(rows[a], negatives)
        clearance = min(clearance, least_gap(rows[a], positives), least_gap(rows[a], negatives))
        triplets.append((a, p, n))
        third = [o for o in negatives if ids[o] != ids[n]]
        if third:
            quadruplets.append((a, p, n, nearest_of(rows[n], third)))
            clearance = min(clearance, least_gap(rows[n], third))
    return triplets, quadruplets, CHOICE * clearance


def batch_formula(inputs, params):
    x, labels = inputs["embeddings"], inputs["labels"]
    d = distance_matrix(x, params)
    clearance = float("inf")
    if params["mining"] == "batch-hard":
        triplets, quadruplets, clearance = hard_rows(d, labels)
    else:
        triplets, quadruplets = all_rows(labels)
    value, per_anchor = (x * 0).sum(), torch.zeros(len(labels), dtype=x.dtype)
    if triplets:
        a, p, n = torch.tensor(triplets).T
        terms, clear = hinges(d[a, p], d[a, n], params["margin"])
        value, clearance = value + reduce(terms, params["reduction"]), min(clearance, clear)
        per_anchor = per_anchor.index_add(0, a, terms)
    if quadruplets:
        a, p, n, o = torch.tensor(quadruplets).T
        terms, clear = hinges(d[a, p], d[n, o], params["pair_margin"])
        value, clearance = value + reduce(terms, params["reduction"]), min(clearance, clear)
        if params["mining"] == "batch-hard":
            per_anchor = per_anchor.index_add(0, a, terms)
        else:
            per_anchor = per_anchor.index_add(0, a, terms / 2).index_add(0, p, terms / 2)
    return Outcome(value, per_anchor, clearance)


def quadruplet():
    defaults = {"mining": "batch-all", "margin": 0.2, "pair_margin": 0.1, "distance": "euclidean", "normalize": False,
                "reduction": "mean"}
    suite = Suite("quadruplet", defaults, batch_formula)
    suite.case("defaults", batch(8, 4, 4), stated=False)
    for mining in ["batch-all", "batch-hard"]:
        for kind in DISTANCES:
            suite.case(f"{mining}-{kind}", batch(9, 4, 4), distance=kind, mining=mining)
            suite.case(f"{mining}-{kind}-normalize", batch(9, 4, 4), distance=kind, normalize=True, mining=mining)
        for reduction in REDUCTIONS:
            suite.case(f"{mining}-{reduction}", batch(9, 3, 4), reduction=reduction, margin=0.4, pair_margin=0.3,
                       mining=mining)
        suite.case(f"{mining}-pair-margin-above", batch(9, 3, 4), margin=0.1, pair_margin=0.6, mining=mining)
        suite.case(f"{mining}-uneven-classes", fixed_batch(None, [5, 5, 1, 5, 7, 7, 5, -2], width=3), mining=mining)
        suite.case(f"{mining}-two-classes", batch(8, 3, 2), mining=mining)
        suite.case(f"{mining}-all-labels-equal", batch(5, 3, 1), edge=True, mining=mining)
        suite.case(f"{mining}-all-labels-different", batch(5, 3, 5), edge=True, mining=mining)
        suite.case(f"{mining}-one-row", batch(1, 3, 1), edge=True, mining=mining)
        suite.case(f"{mining}-duplicates", fixed_batch([[0, 0], [0, 0], [3, 4], [0, 0], [3, 4], [6, 8], [3, 4]],
                                                       [0, 0, 1, 1, 2, 2, 0]), lattice=True, edge=True, margin=0.75,
                   pair_margin=0.25, mining=mining)
        suite.case(f"{mining}-collapsed-batch", fixed_batch([[1, 1]] * 6, [0, 0, 1, 1, 2, 2]), lattice=True, edge=True,
                   mining=mining)
        suite.case(f"{mining}-zero-vectors-cosine", fixed_batch([[0, 0], [3, 4], [0, 0], [5, 0], [0, 5], [4, 3]],
                                                                [0, 0, 1, 1, 2, 2]), lattice=True, edge=True,
                   distance="cosine", margin=0.3, pair_margin=0.15, mining=mining)
        suite.case(f"{mining}-nothing-active-mean-active",
                   fixed_batch([[0, 0], [0.5, 0], [9, 9], [9, 8.75], [-9, 9], [-9, 9.5]], [0, 0, 1, 1, 2, 2]),
                   edge=True, lattice=True, reduction="mean-active", mining=mining)
    suite.case("batch-all-larger", batch(16, 24, 5, scale=0.2))
    suite.case("batch-hard-larger", batch(24, 32, 6, scale=0.2), mining="batch-hard")
    return suite
