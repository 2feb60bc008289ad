"""Losses over ranked lists: RankNet, LambdaRank and LambdaLoss, ListNet, ListMLE, ApproxNDCG.

Written from the papers, list by list:

- RankNet (Burges et al. 2005): ln(1 + exp(-sigma (s_i - s_j))) for each pair with y_i > y_j; as a hinge
  max(0, margin - (s_i - s_j)) (Herbrich et al. 2000).
- LambdaRank (Burges et al. 2006) and LambdaLoss (Wang et al. 2018): sum of w_ij log2(1 + exp(-sigma (s_i - s_j))) with
  G = gain / maxDCG, D_r = log2(1 + r) at the current ranks:
    LambdaRank   |G_i - G_j| |1/D_ri - 1/D_rj|,                  y_i > y_j
    NDCG-Loss1   G_i / D_ri,                                     all i != j: the bound DCG gap <= sum_i G_i/D_i (D_i - 1)
    NDCG-Loss2   |G_i - G_j| |1/D_|ri-rj| - 1/D_(|ri-rj|+1)|,    y_i > y_j
    NDCG-Loss2++ LambdaRank + mu NDCG-Loss2
  With k: the discounts of LambdaRank are 0 beyond rank k, and pairs with both ranks beyond k weigh nothing.
- ListNet (Cao et al. 2007), top one: cross-entropy of softmax(y) and softmax(s).
- ListMLE (Xia et al. 2008): -log of the Plackett-Luce likelihood of the order by relevance.
- ApproxNDCG (Qin et al. 2010, Bruch et al. 2019): 1 - sum_i G_i / log2(1 + r_i), r_i = 1 + sum sigmoid((s_j - s_i)/T).
"""

import math

import numpy as np
import torch
import torch.nn.functional as F

from common import REDUCTIONS, Library, Outcome, Suite, exact, integers, reduce, softplus

# --- lists -------------------------------------------------------------------------------------------------------


def by_list(inputs, params, counts, term, clearance=lambda s, y: math.inf):
    """The terms of the lists, 0 where a list doesn't count, and their reduction."""
    query, scores, relevance = inputs["query"], inputs["scores"], inputs["relevance"]
    _, lengths = torch.unique_consecutive(query, return_counts=True)
    terms, valid, clear = [], [], math.inf
    for s, y in zip(scores.split(lengths.tolist()), relevance.split(lengths.tolist())):
        y = y.to(s.dtype)
        valid.append(counts(y))
        terms.append(term(s, y) if counts(y) else (s * 0.0).sum())
        if counts(y):
            clear = min(clear, clearance(s.detach(), y))
    terms, valid = torch.stack(terms), torch.tensor(valid)
    return Outcome(reduce(terms, params["reduction"], valid=valid), terms, clearance=clear)


def has_relevant(y):
    return bool((y > 0).any())


def has_pair(y):
    return bool((y != y[0]).any())


def least_gap(values):
    """The least difference of two values."""
    ordered = values.sort().values
    return min((ordered[1:] - ordered[:-1]).tolist(), default=math.inf)


def gains(y, params):
    gain = 2.0**y - 1 if params["gain"] == "exponential" else y
    best = torch.sort(gain, descending=True).values
    if params.get("k", "none") != "none":
        best = best[: params["k"]]
    return gain / (best / torch.log2(torch.arange(2, 2 + len(best)).to(y.dtype))).sum()


# --- the losses --------------------------------------------------------------------------------------------------


def pairs(s, y):
    """The differences of the scores of the pairs of which the first item is more relevant."""
    return (s[:, None] - s[None, :])[y[:, None] > y[None, :]]


def rank_net_loss(inputs, params):
    hinge = params["form"] == "hinge"

    def term(s, y):
        d = pairs(s, y)
        costs = (params["margin"] - d).clamp(min=0) if hinge else softplus(-params["sigma"] * d)
        return costs.mean() if params["pairs"] == "mean" else costs.sum()

    def clearance(s, y):
        return (params["margin"] - pairs(s, y)).abs().min().item() if hinge else math.inf

    return by_list(inputs, params, has_pair, term, clearance)


def rank_net_library(inputs, params):
    """Functions of one pair in PyTorch, over all pairs."""
    if params["form"] == "hinge":
        source = "torch.nn.functional.margin_ranking_loss"

        def term(s, y):
            d = pairs(s, y)
            return F.margin_ranking_loss(d, torch.zeros_like(d), torch.ones_like(d), params["margin"],
                                         reduction=params["pairs"])
    else:
        source = "torch.nn.functional.soft_margin_loss"

        def term(s, y):
            d = params["sigma"] * pairs(s, y)
            return F.soft_margin_loss(d, torch.ones_like(d), reduction=params["pairs"])
    return Library(source, lambda inputs, params: by_list(inputs, params, has_pair, term))


def lambda_loss_formula(inputs, params):
    k = math.inf if params["k"] == "none" else params["k"]

    def term(s, y):
        n, g = len(s), gains(y, params)
        rank = torch.empty(n, dtype=torch.int64)
        rank[torch.sort(s.detach(), descending=True, stable=True).indices] = torch.arange(1, n + 1)
        within = rank <= k
        inverse = 1 / torch.log2(1 + rank.to(s.dtype))
        cut = torch.where(within, inverse, torch.zeros_like(inverse))
        gap = (rank[:, None] - rank[None, :]).abs()
        at = lambda places: 1 / torch.log2(1 + places.clamp(min=1).to(s.dtype))
        delta = (at(gap) - at(gap + 1)).abs()
        rho = (cut[:, None] - cut[None, :]).abs()
        gained = (g[:, None] - g[None, :]).abs()
        better = (y[:, None] > y[None, :]).to(s.dtype)
        weight = {
            "lambda-rank": lambda: gained * rho * better,
            "ndcg-loss1": lambda: (g * inverse)[:, None] * (1 - torch.eye(n, dtype=s.dtype)),
            "ndcg-loss2": lambda: gained * delta * better,
            "ndcg-loss2-plus-plus": lambda: gained * (rho + params["mu"] * delta) * better,
        }[params["weighting"]]()
        weight = weight * (within[:, None] | within[None, :]).to(s.dtype)
        return (weight * softplus(-params["sigma"] * (s[:, None] - s[None, :]))).sum() / math.log(2)

    return by_list(inputs, params, has_relevant, term, lambda s, y: least_gap(s))


def list_net_formula(inputs, params):
    def term(s, y):
        return -(torch.softmax(y, 0) * torch.log_softmax(s, 0)).sum()

    return by_list(inputs, params, has_relevant, term)


def list_net_library(inputs, params):
    def term(s, y):
        return F.cross_entropy(s[None], torch.softmax(y, 0)[None])

    return Library("torch.nn.functional.cross_entropy",
                   lambda inputs, params: by_list(inputs, params, has_relevant, term))


def list_mle_formula(inputs, params):
    by_score = params["ties"] == "by-score"

    def term(s, y):
        # np.lexsort: the last key first.
        second = -s.detach().double().numpy() if by_score else np.arange(len(s))
        order = torch.from_numpy(np.lexsort((np.arange(len(s)), second, -y.double().numpy())))
        left = torch.logcumsumexp(s[order].flip(0), 0).flip(0)
        return (left - s[order]).sum()

    def clearance(s, y):
        return min((least_gap(s[y == grade]) for grade in y.unique()), default=math.inf) if by_score else math.inf

    return by_list(inputs, params, has_relevant, term, clearance)


def approx_ndcg_formula(inputs, params):
    def term(s, y):
        # Of itself an item has sigmoid(0) = 1/2.
        rank = 0.5 + torch.sigmoid((s[None, :] - s[:, None]) / params["temperature"]).sum(1)
        return 1 - (gains(y, params) / torch.log2(1 + rank)).sum()

    return by_list(inputs, params, has_relevant, term)


# --- cases -------------------------------------------------------------------------------------------------------

LENGTHS = {
    "one-list": [6],
    "unequal": [3, 7, 1, 5, 2],
    "pairs": [2, 2, 2],
    "single-items": [1, 4, 1, 1],
    "longer": [25, 12, 40],
}


def data(lengths, grades=3, scale=1.0, relevant=True):
    """Normal scores; grades 0 to `grades`, the first list with an item of grade 0 and one above unless it is short."""
    def draw(d):
        n = sum(lengths)
        relevance = d.indices(n, below=grades + 1) if relevant else integers([0] * n)
        if relevant and lengths[0] > 1:
            relevance[0], relevance[1] = grades, 0
        ids = [7 * i - 10 for i, length in enumerate(lengths) for _ in range(length)]
        return {"scores": d.normal(n, scale=scale), "relevance": relevance, "query": integers(ids)}
    return draw


def fixed(scores, relevance, query):
    return lambda d: {"scores": exact(scores), "relevance": integers(relevance), "query": integers(query)}


def common_cases(suite, **options):
    """What every loss has: shapes of lists, ties, lists that don't count, reductions."""
    add = lambda name, draw, **more: suite.case(name, draw, **{**options, **more})
    for kind, lengths in LENGTHS.items():
        add(f"lists-{kind}", data(lengths))
    add("lists-two-grades", data([8, 5, 6], grades=1))
    add("lists-many-grades", data([12, 9], grades=11))
    for reduction in REDUCTIONS:
        add(f"reduction-{reduction}", data([5, 1, 4, 6], grades=2), reduction=reduction)
    add("none-relevant", data([4, 3], relevant=False), edge=True)
    add("one-list-of-three-none-relevant",
        fixed([0.5, -1, 0.25, 2, 1, 0.125, -0.5], [1, 0, 0, 0, 0, 2, 1], [1, 1, 5, 5, 5, 3, 3]))
    add("all-of-one-grade", fixed([0.5, -1, 0.25, 2, 1], [2, 2, 2, 0, 1], [1, 1, 1, 2, 2]))
    add("one-item-only", fixed([0.75], [2], [9]), edge=True)
    add("query-ids-of-any-size",
        fixed([-0.5, 1, 2, 0.25], [1, 0, 0, 2], [16777216, 16777216, 16777217, 16777217]))


def rank_net():
    defaults = {"form": "logistic", "sigma": 1.0, "margin": 1.0, "pairs": "mean", "reduction": "mean"}

    def relevant(inputs, params):
        unused = "margin" if params["form"] == "logistic" else "sigma"
        return {key: value for key, value in params.items() if key != unused}

    suite = Suite("rank-net", defaults, rank_net_loss, rank_net_library, relevant)
    suite.case("defaults", data([5, 3]), stated=False)
    common_cases(suite)
    for sigma in [0.1, 2.0, 10.0]:
        suite.case(f"sigma-{sigma:g}", data([6, 4], scale=0.5), sigma=sigma)
    suite.case("sum-of-pairs", data([6, 2, 9]), pairs="sum")
    for margin in [0.1, 1.0, 3.0]:
        suite.case(f"hinge-margin-{margin:g}", data([6, 4, 3]), form="hinge", margin=margin)
    for kind, lengths in LENGTHS.items():
        suite.case(f"hinge-{kind}", data(lengths), form="hinge")
    suite.case("hinge-many-grades", data([30, 22], grades=15), form="hinge", pairs="sum")
    for reduction in REDUCTIONS:
        suite.case(f"hinge-{reduction}", data([5, 1, 4, 6]), form="hinge", reduction=reduction, margin=0.5)
    equal = fixed([1, 1, 1, 0, 0], [2, 0, 1, 1, 0], [1, 1, 1, 2, 2])
    suite.case("equal-scores", equal)
    suite.case("hinge-equal-scores", equal, form="hinge", lattice=True, margin=0.5)
    suite.case("hinge-at-the-margin", fixed([2, 1, 0, 3], [1, 0, 0, 1], [4, 4, 4, 4]), form="hinge", lattice=True)
    suite.case("hinge-nothing-active", fixed([9, 1, 0], [2, 1, 0], [4, 4, 4]), form="hinge", margin=0.5)
    suite.case("far-behind", fixed([-1e4, 1e4, 0], [1, 0, 0], [2, 2, 2]), edge=True)
    return suite


def lambda_loss():
    defaults = {"weighting": "lambda-rank", "sigma": 1.0, "mu": 10.0, "gain": "exponential", "k": "none",
                "reduction": "mean"}

    def relevant(inputs, params):
        unused = "mu" if params["weighting"] != "ndcg-loss2-plus-plus" else None
        return {key: value for key, value in params.items() if key != unused}

    suite = Suite("lambda-loss", defaults, lambda_loss_formula, relevant=relevant)
    suite.case("defaults", data([5, 3]), stated=False)
    common_cases(suite)
    for weighting in ["lambda-rank", "ndcg-loss1", "ndcg-loss2", "ndcg-loss2-plus-plus"]:
        for gain in ["exponential", "linear"]:
            suite.case(f"{weighting}-{gain}", data([7, 2, 4]), weighting=weighting, gain=gain)
        for k in [1, 3, 100]:
            suite.case(f"{weighting}-at-{k}", data([9, 2, 6]), weighting=weighting, k=k)
        suite.case(f"{weighting}-equal-scores", fixed([1, 1, 1, 0, 0], [2, 0, 1, 1, 0], [1, 1, 1, 2, 2]),
                   weighting=weighting, lattice=True)
        suite.case(f"{weighting}-one-item", fixed([0.5, 1, 0], [3, 1, 0], [1, 2, 2]), weighting=weighting)
        suite.case(f"{weighting}-mean-active", data([4, 1, 5]), weighting=weighting, reduction="mean-active")
    for mu in [0.0, 0.5]:
        suite.case(f"mu-{mu:g}", data([8, 3]), weighting="ndcg-loss2-plus-plus", mu=mu)
    for sigma in [0.1, 3.0]:
        suite.case(f"sigma-{sigma:g}", data([6, 4], scale=0.5), sigma=sigma)
    suite.case("far-behind", fixed([-1e4, 1e4, 0], [1, 0, 0], [2, 2, 2]), edge=True)
    return suite


def list_net():
    suite = Suite("list-net", {"reduction": "mean"}, list_net_formula, list_net_library)
    suite.case("defaults", data([5, 3]), stated=False)
    common_cases(suite)
    for scale in [0.01, 5.0, 30.0]:
        suite.case(f"scores-of-scale-{scale:g}", data([6, 4], scale=scale, grades=2))
    suite.case("equal-scores", fixed([1, 1, 1, 0, 0], [2, 0, 1, 1, 0], [1, 1, 1, 2, 2]))
    suite.case("worst-order-200-apart", fixed([0, 200], [4, 0], [1, 1]))
    suite.case("grades-far-apart", fixed([0.5, 1, -1], [40, 1, 0], [1, 1, 1]))
    suite.case("far-behind", fixed([-1e4, 1e4, 0], [1, 0, 0], [2, 2, 2]))
    for n in [2, 10, 60]:
        suite.case(f"one-relevant-of-{n}", lambda d, n=n: {
            "scores": d.normal(n), "relevance": integers([1] + [0] * (n - 1)), "query": integers([3] * n)})
    return suite


def list_mle():
    suite = Suite("list-mle", {"ties": "by-order", "reduction": "mean"}, list_mle_formula)
    suite.case("defaults", data([5, 3]), stated=False)
    common_cases(suite)
    for kind, lengths in LENGTHS.items():
        suite.case(f"by-score-{kind}", data(lengths), ties="by-score")
    for reduction in REDUCTIONS:
        suite.case(f"by-score-{reduction}", data([5, 1, 4, 6]), ties="by-score", reduction=reduction)
    for ties in ["by-order", "by-score"]:
        suite.case(f"{ties}-equal-scores", fixed([1, 1, 1, 0, 0], [2, 0, 0, 1, 1], [1, 1, 1, 2, 2]), ties=ties,
                   lattice=True)
        suite.case(f"{ties}-all-tied", fixed([0.5, 2, -1, 1], [3, 3, 3, 3], [8, 8, 8, 8]), ties=ties)
        suite.case(f"{ties}-scores-of-scale-30", data([6, 4], scale=30.0), ties=ties)
    suite.case("worst-order-200-apart", fixed([0, 100, 200], [2, 1, 0], [1, 1, 1]))
    suite.case("far-behind", fixed([-250, 250, 0], [1, 0, 0], [2, 2, 2]))
    return suite


def approx_ndcg():
    defaults = {"temperature": 0.1, "gain": "exponential", "reduction": "mean"}
    suite = Suite("approx-ndcg", defaults, approx_ndcg_formula)
    suite.case("defaults", data([5, 3], scale=0.3), stated=False)
    common_cases(suite, temperature=0.5)
    for temperature in [0.05, 0.3, 1.0, 10.0]:
        for gain in ["exponential", "linear"]:
            suite.case(f"temperature-{temperature:g}-{gain}", data([7, 4], scale=2 * temperature),
                       temperature=temperature, gain=gain)
    suite.case("equal-scores", fixed([1, 1, 1, 0, 0], [2, 0, 1, 1, 0], [1, 1, 1, 2, 2]))
    suite.case("far-behind", fixed([-1e4, 1e4, 0], [1, 0, 0], [2, 2, 2]), edge=True)
    suite.case("one-item-among-others", fixed([0.5, 1, 0.9], [3, 0, 1], [1, 2, 2]))
    return suite
