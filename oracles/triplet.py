"""Triplet losses: over aligned rows, and mined from a labelled batch."""

import torch
import torch.nn.functional as F
from pytorch_metric_learning import distances as pml_distances
from pytorch_metric_learning import losses, miners, reducers

from common import REDUCTIONS, Library, Outcome, Suite, Unclear, exact, reduce, softplus
from distances import DISTANCES, batch, distance, distance_matrix, fixed_batch, nearest, torch_distance

CHOICE = 5.0  # a choice between two distances is clear when they are 1e-4 / CHOICE apart


# --- triplet-aligned ---------------------------------------------------------------------------------------------


def triplet_terms(ap, an, pn, params):
    """The terms of triplets by their three distances, and how clear they are of kinks."""
    clearance = float("inf")
    if params["swap"]:
        clearance = CHOICE * nearest(an - pn)
        an = torch.minimum(an, pn)
    violation = ap - an + params["margin"]
    if params["soft"]:
        return softplus(violation), clearance
    return torch.where(violation > 0, violation, 0.0), min(clearance, nearest(violation))


def triplet_aligned_formula(inputs, params):
    a, p, n = inputs["anchor"], inputs["positive"], inputs["negative"]
    terms, clearance = triplet_terms(distance(a, p, params), distance(a, n, params), distance(p, n, params), params)
    return Outcome(reduce(terms, params["reduction"]), terms, clearance)


def triplet_aligned_library(inputs, params):
    between = lambda x, y: torch_distance(x, y, params)

    def of_terms(terms):
        return Outcome(reduce(terms, params["reduction"]), terms)

    def soft_margin(inputs, params):
        a, p, n = inputs["anchor"], inputs["positive"], inputs["negative"]
        an = torch.minimum(between(a, n), between(p, n)) if params["swap"] else between(a, n)
        violation = between(a, p) - an + params["margin"]
        return of_terms(F.soft_margin_loss(-violation, torch.ones_like(violation), reduction="none"))

    def hinge(function, **options):
        def compute(inputs, params):
            rows = [inputs["anchor"], inputs["positive"], inputs["negative"]]
            options.update(margin=params["margin"], swap=params["swap"])
            terms = function(*rows, reduction="none", **options)
            if params["reduction"] in ("mean", "sum"):
                return Outcome(function(*rows, reduction=params["reduction"], **options), terms)
            return of_terms(terms)
        return compute

    if params["soft"]:
        return Library("torch.nn.functional.soft_margin_loss", soft_margin)
    if params["margin"] <= 0:  # PyTorch takes no such margin
        return None
    if params["distance"] == "euclidean" and not params["normalize"]:
        return Library("torch.nn.functional.triplet_margin_loss", hinge(F.triplet_margin_loss, p=2, eps=0.0))
    return Library("torch.nn.functional.triplet_margin_with_distance_loss",
                   hinge(F.triplet_margin_with_distance_loss, distance_function=between))


def triplet_aligned():
    defaults = {"margin": 1.0, "soft": False, "swap": False, "distance": "euclidean", "normalize": False,
                "reduction": "mean"}
    suite = Suite("triplet-aligned", defaults, triplet_aligned_formula, triplet_aligned_library)

    def data(count, width, scale=0.6):
        return lambda d: {name: d.normal(count, width, scale=scale) for name in ["anchor", "positive", "negative"]}

    def fixed(anchor, positive, negative):
        return lambda d: {"anchor": exact(anchor), "positive": exact(positive), "negative": exact(negative)}

    suite.case("defaults", data(6, 4), stated=False)
    suite.case("one-row", data(1, 3))
    suite.case("one-dimension", data(7, 1))
    suite.case("larger", data(48, 40, scale=0.2))
    for kind in DISTANCES:
        for normalize in [False, True]:
            for swap in [False, True]:
                for soft in [False, True]:
                    flags = [w for w, on in [("normalize", normalize), ("swap", swap), ("soft", soft)] if on]
                    suite.case("-".join([kind, *flags]), data(7, 5), distance=kind, normalize=normalize, swap=swap,
                               soft=soft, margin=0.4)
    for reduction in REDUCTIONS:
        suite.case(f"{reduction}", data(11, 3), margin=0.3, reduction=reduction)
        suite.case(f"soft-{reduction}", data(11, 3), soft=True, reduction=reduction)
        suite.case(f"swap-{reduction}", data(11, 3), swap=True, margin=0.3, reduction=reduction)
    suite.case("small-margin", data(7, 3), margin=0.02)
    suite.case("soft-margin-0", data(7, 3), margin=0.0, soft=True)
    easy = fixed([[0, 0], [1, 1]], [[0.5, 0], [1, 1.25]], [[9, 9], [-8, 4]])
    suite.case("nothing-active", easy)
    suite.case("nothing-active-mean-active", easy, reduction="mean-active")
    suite.case("far-violation-soft", fixed([[0, 0], [0, 0]], [[300, 400], [3, 4]], [[0, 1], [0, 2]]), soft=True)
    suite.case("exactly-on-the-kink", fixed([[0, 0], [0, 0]], [[3, 4], [0, 3]], [[0, 6], [1, 0]]), lattice=True,
               edge=True)
    twins = fixed([[1, 2], [1, 2], [1, 2], [0.5, 1]], [[1, 2], [0, 1], [1, 2], [2, 2]],
                  [[1.5, 2], [1, 2], [1, 2], [0.25, 1.5]])
    for kind in DISTANCES:
        for soft in [False, True]:
            suite.case(f"duplicates-{kind}{'-soft' if soft else ''}", twins, distance=kind, soft=soft, edge=True)
    zeros = fixed([[0, 0], [1, 2], [1, 2], [0, 0]], [[3, 4], [0, 0], [2, 1], [0, 0]], [[1, 2], [2, 2], [0, 0], [0, 0]])
    for kind in DISTANCES:
        for normalize in [False, True]:
            suite.case(f"zero-vectors-{kind}{'-normalize' if normalize else ''}", zeros, distance=kind,
                       normalize=normalize, soft=True, edge=True)
    suite.case("large-values", data(5, 3, scale=200.0), margin=50.0)
    return suite


# --- triplet -----------------------------------------------------------------------------------------------------


def mine(d, labels, params):
    """The chosen (anchor, positive, negative) indices, and how clear the choices are. Ties: the lowest index."""
    rows = d.detach().tolist()
    count = range(len(labels))
    ids = labels.tolist()
    triplets, clearance = [], float("inf")
    for a in count:
        row = rows[a]
        positives = [p for p in count if p != a and ids[p] == ids[a]]
        negatives = [n for n in count if ids[n] != ids[a]]
        if not positives or not negatives:
            continue
        if params["mining"] == "batch-all":
            triplets += [(a, p, n) for p in positives for n in negatives]
        elif params["mining"] == "batch-hard":
            triplets.append((a, farthest_of(row, positives), nearest_of(row, negatives)))
            clearance = min(clearance, least_gap(row, positives), least_gap(row, negatives))
        else:
            for p in positives:
                farther = [n for n in negatives if row[n] > row[p]]
                if farther:
                    triplets.append((a, p, nearest_of(row, farther)))
                elif params["fallback"] == "farthest":
                    triplets.append((a, p, farthest_of(row, negatives)))
                elif params["fallback"] == "nearest":
                    triplets.append((a, p, nearest_of(row, negatives)))
            clearance = min(clearance, least_gap(row, positives + negatives))
    return triplets, CHOICE * clearance


def nearest_of(row, candidates):
    return min(candidates, key=lambda i: (row[i], i))


def farthest_of(row, candidates):
    return min(candidates, key=lambda i: (-row[i], i))


def least_gap(row, candidates):
    """The least difference between two of the candidates' distances."""
    ordered = sorted(row[i] for i in candidates)
    return min((y - x for x, y in zip(ordered, ordered[1:])), default=float("inf"))


def triplet_formula(inputs, params):
    x, labels = inputs["embeddings"], inputs["labels"]
    d = distance_matrix(x, params)
    triplets, mined = mine(d, labels, params)
    if not triplets:
        return Outcome((x * 0).sum(), torch.zeros(len(labels), dtype=x.dtype))
    a, p, n = torch.tensor(triplets).T
    terms, clearance = triplet_terms(d[a, p], d[a, n], d[p, n], params)
    per_anchor = torch.zeros(len(labels), dtype=x.dtype).index_add(0, a, terms)
    return Outcome(reduce(terms, params["reduction"]), per_anchor, min(mined, clearance))


def triplet_library(inputs, params):
    def pml(inputs, params):
        x, labels = inputs["embeddings"], inputs["labels"]
        if params["distance"] == "cosine":
            between = pml_distances.CosineSimilarity()
        else:
            power = 2 if params["distance"] == "squared-euclidean" else 1
            between = pml_distances.LpDistance(normalize_embeddings=params["normalize"], p=2, power=power)
        reducer = {"sum": reducers.SumReducer, "mean-active": reducers.AvgNonZeroReducer}.get(
            params["reduction"], reducers.MeanReducer)()
        loss = losses.TripletMarginLoss(margin=params["margin"], swap=params["swap"], smooth_loss=params["soft"],
                                        distance=between, reducer=reducer)
        mined = miners.BatchHardMiner(distance=between)(x, labels) if params["mining"] == "batch-hard" else None
        return Outcome(loss(x, labels, mined))

    if params["mining"] == "semi-hard":  # its semi-hard miner keeps every triplet of the band instead
        return None
    name = "pytorch_metric_learning.losses.TripletMarginLoss"
    return Library(name + (" with miners.BatchHardMiner" if params["mining"] == "batch-hard" else ""), pml)


def triplet():
    defaults = {"mining": "semi-hard", "fallback": "farthest", "margin": 0.2, "soft": False, "swap": False,
                "distance": "euclidean", "normalize": False, "reduction": "mean"}

    def relevant(inputs, params):
        return {k: v for k, v in params.items() if k != "fallback" or params["mining"] == "semi-hard"}

    suite = Suite("triplet", defaults, triplet_formula, triplet_library, relevant)
    minings = {
        "batch-all": {"mining": "batch-all"},
        "batch-hard": {"mining": "batch-hard"},
        "semi-hard": {"mining": "semi-hard"},
        "semi-hard-nearest": {"mining": "semi-hard", "fallback": "nearest"},
        "semi-hard-skip": {"mining": "semi-hard", "fallback": "skip"},
    }
    suite.case("defaults", batch(8, 4, 3), stated=False)
    for name, mining in minings.items():
        for kind in DISTANCES:
            suite.case(f"{name}-{kind}", batch(9, 4, 3), distance=kind, **mining)
        suite.case(f"{name}-normalize", batch(9, 4, 3), normalize=True, **mining)
        suite.case(f"{name}-normalize-squared", batch(8, 4, 2), normalize=True, distance="squared-euclidean", **mining)
        suite.case(f"{name}-soft", batch(10, 4, 3), soft=True, **mining)
        suite.case(f"{name}-swap", batch(10, 4, 3), swap=True, **mining)
        suite.case(f"{name}-swap-soft-cosine", batch(8, 4, 3), swap=True, soft=True, distance="cosine", **mining)
        for reduction in REDUCTIONS:
            suite.case(f"{name}-{reduction}", batch(11, 3, 3), reduction=reduction, margin=0.4, **mining)
        suite.case(f"{name}-larger", batch(24, 32, 4, scale=0.2), **mining)
        suite.case(f"{name}-uneven-classes", fixed_batch(None, [5, 5, 1, 5, 7, 7, 5, -2], width=3), **mining)
        suite.case(f"{name}-all-labels-equal", batch(5, 3, 1), edge=True, **mining)
        suite.case(f"{name}-all-labels-different", batch(5, 3, 5), edge=True, **mining)
        suite.case(f"{name}-one-row", batch(1, 3, 1), edge=True, **mining)
        suite.case(f"{name}-small-margin", batch(8, 3, 2), margin=0.02, **mining)
        suite.case(f"{name}-lattice-ties", lattice_batch(9, 2, 3, params={**defaults, **mining, "margin": 0.25}),
                   lattice=True, edge=True, margin=0.25, **mining)
        squared = {**mining, "distance": "squared-euclidean", "margin": 0.5}
        suite.case(f"{name}-lattice-ties-squared", lattice_batch(9, 2, 3, params={**defaults, **squared}),
                   lattice=True, edge=True, **squared)
        suite.case(f"{name}-duplicates", fixed_batch(TWINS, TWIN_LABELS), lattice=True, edge=True, margin=0.75,
                   **mining)
        suite.case(f"{name}-collapsed-batch", fixed_batch([[1, 1]] * 6, [0, 0, 1, 1, 2, 2]), lattice=True, edge=True,
                   **mining)
        suite.case(f"{name}-zero-vectors-cosine", fixed_batch(ZEROS, [0, 0, 1, 1, 0]), lattice=True, edge=True,
                   distance="cosine", margin=0.3, **mining)
        suite.case(f"{name}-zero-vectors-normalize", fixed_batch(AXES, [0, 0, 1, 1, 0]), lattice=True, edge=True,
                   normalize=True, margin=0.3, **mining)
    suite.case("no-positive-pair-sum", batch(4, 3, 4), edge=True, mining="batch-all", reduction="sum")
    suite.case("no-positive-pair-mean-active", batch(4, 3, 4), edge=True, mining="batch-all", reduction="mean-active")
    suite.case("skip-leaves-nothing", fixed_batch([[0, 0], [8, 0], [4, 1], [4, -2]], [0, 0, 1, 2]), edge=True,
               fallback="skip")
    suite.case("nothing-active-mean-active",
               fixed_batch([[0, 0], [0.5, 0], [9, 9], [9, 8.75]], [0, 0, 1, 1]), edge=True, lattice=True,
               mining="batch-all", reduction="mean-active")
    suite.case("exactly-on-the-kink", fixed_batch([[0, 0], [0, 2], [3, 0], [3, 7]], [0, 0, 1, 1]), edge=True,
               lattice=True, mining="batch-all", margin=1.0)
    return suite


# Copies of a point within and across classes; all distances that matter for a choice are exact or far apart.
TWINS = [[0, 0], [0, 0], [3, 4], [0, 0], [3, 4], [6, 8], [3, 4]]
TWIN_LABELS = [0, 0, 0, 1, 1, 1, 0]
# Two zero vectors beside vectors whose cosines are 0.6, 0.8 or exactly 0.
ZEROS = [[0, 0], [3, 4], [0, 0], [5, 0], [0, 5]]
# The same with unit vectors along the axes only, whose length is exactly 1.
AXES = [[0, 0], [2, 0], [0, 0], [5, 0], [0, 5]]


def lattice_batch(count, width, classes, params, reach=3):
    """Distinct integer points with at least one tie; drawn again while a hinge is near, but not on, its kink."""

    def draw(d):
        x, labels = d.lattice(count, width, reach=reach), d.labels(count, classes)
        if len({tuple(row) for row in x.tolist()}) < count:
            raise Unclear("two points coincide")
        between = distance_matrix(x, params)
        triplets, clearance = mine(between, labels, params)
        if params["mining"] != "batch-all" and clearance > 0:
            raise Unclear("no tie")
        a, p, n = torch.tensor(triplets).T
        violation = (between[a, p] - between[a, n] + params["margin"]).abs()
        if violation.min() < 1e-3:
            raise Unclear("near a kink")
        return {"embeddings": x, "labels": labels}

    return draw
