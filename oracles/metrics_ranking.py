"""Ranked lists of queries: NDCG, MAP, MRR, ERR."""

from itertools import chain, groupby, permutations, product

import numpy as np
import pytrec_eval
import sklearn.metrics as sk
import torch

from common import exact, integers
from metrics_common import Group, Library, Metric, Result, Undefined, fixed

# --- queries -----------------------------------------------------------------------------------------------------


def queries(inputs):
    """(scores, relevance) per query."""
    if len(inputs["scores"]) == 0:
        raise Undefined("no items")
    if (inputs["relevance"] < 0).any():
        raise Undefined("a relevance is negative")
    groups = [inputs["query"] == query for query in np.unique(inputs["query"])]
    return [(inputs["scores"][own], inputs["relevance"][own].astype(float)) for own in groups]


def mean_over_queries(inputs, value):
    """The mean over the queries with a relevant item: one of relevance above 0."""
    lists = queries(inputs)
    counting = [(scores, relevance) for scores, relevance in lists if (relevance > 0).any()]
    if not counting:
        raise Undefined("no query has a relevant item")
    return Result(np.mean([value(*one) for one in counting]), len(counting), len(lists) - len(counting))


def by_order(scores):
    """Positions from the highest score, equal ones in the order of the rows."""
    return np.argsort(-scores, kind="stable")


def ranked(scores, relevance, ties, value):
    """The value of the relevance in ranked order; with averaged ties, the mean over all orders of equal scores."""
    order = by_order(scores)
    if ties == "by-order":
        return value(relevance[order])
    groups = [list(group) for _, group in groupby(order, key=lambda i: scores[i])]
    return np.mean([value(relevance[list(chain(*one))]) for one in product(*(permutations(g) for g in groups))])


# --- the metrics -------------------------------------------------------------------------------------------------


def gains(relevance, params):
    return 2.0**relevance - 1 if params["gain"] == "exponential" else relevance


def discounts(n, params):
    """1 / log2(rank + 1) for the first k ranks, then 0."""
    k = n if params["k"] == "none" else params["k"]
    return np.where(np.arange(n) < k, 1 / np.log2(np.arange(n) + 2), 0)


def ndcg(inputs, params):
    """Sum of gain * discount over the best possible. Averaged ties: equal scores share their mean gain."""
    if params["k"] == 0:
        raise Undefined("no ranks")

    def value(scores, relevance):
        gain, discount, order = gains(relevance, params), discounts(len(scores), params), by_order(scores)
        got = gain[order]
        if params["ties"] == "averaged":
            got = np.array([gain[scores == scores[i]].mean() for i in order])
        return (got @ discount) / (np.sort(gain)[::-1] @ discount)

    return mean_over_queries(inputs, value)


def average_precision(relevance):
    hits = relevance > 0
    return (np.cumsum(hits) / np.arange(1, len(hits) + 1))[hits].mean()


def reciprocal_rank(relevance):
    return 1 / (1 + np.argmax(relevance > 0))


def mean_average_precision(inputs, params):
    return mean_over_queries(inputs, lambda s, r: ranked(s, r, params["ties"], average_precision))


def mrr(inputs, params):
    return mean_over_queries(inputs, lambda s, r: ranked(s, r, params["ties"], reciprocal_rank))


def err(inputs, params):
    """Chapelle et al. 2009: sum over the ranks of stop / rank * the product of (1 - stop) before, with
    stop = (2^grade - 1) / 2^highest. The highest grade is that of all items of the input, if not given."""
    highest = max(inputs["relevance"], default=0) if params["max_grade"] == "none" else params["max_grade"]
    if len(inputs["relevance"]) and highest < max(inputs["relevance"]):
        raise Undefined("a relevance is above max_grade")

    def value(relevance):
        total, reach = 0.0, 1.0
        for rank, grade in enumerate(relevance, start=1):
            stop = (2.0**grade - 1) / 2.0**highest
            total += reach * stop / rank
            reach *= 1 - stop
        return total

    return mean_over_queries(inputs, lambda s, r: ranked(s, r, params["ties"], value))


# --- libraries ---------------------------------------------------------------------------------------------------


def sklearn_ndcg(inputs, params):
    k = None if params["k"] == "none" else params["k"]
    return mean_over_queries(
        inputs, lambda s, r: sk.ndcg_score([gains(r, params)], [s], k=k, ignore_ties=False)
    ).value


def sklearn_fits(inputs, params):
    """It averages ties, and refuses lists of one item."""
    single = any(len(scores) == 1 and relevance.any() for scores, relevance in queries(inputs))
    return not single and (params["ties"] == "averaged" or not has_ties(inputs))


def has_ties(inputs):
    return any(len(np.unique(scores)) < len(scores) for scores, _ in queries(inputs))


def trec(measure):
    def compute(inputs, params):
        cut = f"ndcg_cut.{params['k']}" if params.get("k", "none") != "none" else measure

        def value(scores, relevance):
            gain = gains(relevance, params) if measure == "ndcg" else relevance
            # trec_eval puts equal scores in descending order of the names.
            names = [f"{len(scores) - i:06}" for i in range(len(scores))]
            qrel = {"q": {name: int(g) for name, g in zip(names, gain)}}
            run = {"q": dict(zip(names, scores.tolist()))}
            return pytrec_eval.RelevanceEvaluator(qrel, {cut}).evaluate(run)["q"][cut.replace(".", "_")]

        return mean_over_queries(inputs, value).value

    return Library(f"trec_eval {measure}", compute, trec_fits)


def trec_fits(inputs, params):
    """It takes whole grades that are not too high, and ranks ties by name."""
    grades = inputs["relevance"]
    whole = (grades == np.round(grades)).all() and grades.max() < 10
    return whole and params.get("k") != 0 and (params["ties"] == "by-order" or not has_ties(inputs))


TIES = {"ties": "averaged"}
NDCG = Metric("ndcg", ndcg, [Library("sklearn.metrics.ndcg_score", sklearn_ndcg, sklearn_fits), trec("ndcg")],
              {"k": "none", "gain": "exponential"} | TIES)
ALL_ORDERS = "the mean over all orders of equal scores, enumerated"
MAP = Metric("map", mean_average_precision, [trec("map")], TIES, reference=ALL_ORDERS)
MRR = Metric("mrr", mrr, [trec("recip_rank")], TIES, reference=ALL_ORDERS)
ERR = Metric("err", err, [], {"max_grade": "none"} | TIES, reference="Chapelle et al. 2009")


# --- data --------------------------------------------------------------------------------------------------------


def lists(*sizes, grades=3, decimals=3):
    """Queries of these sizes, their rows mixed, with grades below `grades` (more than half of the items have 0) and
    scores that follow them."""

    def draw(d):
        query = np.repeat(np.arange(len(sizes)), sizes)
        relevance = d.random.integers(0, grades, len(query)) * d.random.integers(0, 2, len(query))
        scores = np.round(d.random.standard_normal(len(query)) + 0.7 * relevance, decimals)
        order = d.random.permutation(len(query))
        return {"scores": exact(scores[order]), "relevance": integers(relevance[order].tolist()),
                "query": integers(query[order].tolist())}

    return draw


def with_ties(*sizes, grades=3, values=3):
    """Scores of few values, each at most 4 times in a query."""

    def draw(d):
        parts = {"scores": [], "relevance": [], "query": []}
        for query, size in enumerate(sizes):
            assert size <= 4 * values
            parts["scores"] += d.random.permutation(np.repeat(np.arange(values) / 4, 4)[:size] if size > values
                                                    else np.arange(size) % values / 4).tolist()
            parts["relevance"] += d.random.integers(0, grades, size).tolist()
            parts["query"] += [query] * size
        return {"scores": exact(parts["scores"]), "relevance": integers(parts["relevance"]),
                "query": integers(parts["query"])}

    return draw


def ranking():
    group = Group("ranking")
    options = {
        "ndcg": [{}, {"gain": "linear"}, {"k": 1}, {"k": 3}, {"k": 3, "gain": "linear"}],
        "map": [{}], "mrr": [{}], "err": [{}, {"max_grade": 4}],
    }
    for metric in [NDCG, MAP, MRR, ERR]:
        def case(name, draw, **params):
            group.case(metric, name, draw, **params)

        case("defaults", lists(8, 5, 10), stated=False)
        for ties in ["averaged", "by-order"]:
            for params in options[metric.name]:
                suffix = "".join(f"-{key}-{value}" for key, value in params.items())
                params = params | {"ties": ties}
                case(f"{ties}{suffix}", lists(9, 6, 12, 4), **params)
                case(f"{ties}-ties{suffix}", with_ties(8, 5, 10, 3), **params)
            case(f"{ties}-all-ties", fixed(
                scores=[0.5] * 6, relevance=[0, 2, 0, 1, 0, 0], query=[1] * 6), ties=ties)
            case(f"{ties}-all-ties-all-relevant", fixed(
                scores=[0.5] * 4, relevance=[1] * 4, query=[1] * 4), ties=ties)
            case(f"{ties}-tie-before-the-relevant", fixed(
                scores=[0.9, 0.9, 0.9, 0.5, 0.5, 0.1], relevance=[0, 1, 0, 2, 0, 1], query=[4] * 6), ties=ties)
        case("larger", lists(*[15] * 30, grades=5))
        case("one-long-list", lists(300, grades=4, decimals=6))
        case("binary-relevance", lists(20, 20, grades=2))
        case("best-order", fixed(scores=[5, 4, 3, 2, 1], relevance=[3, 2, 1, 0, 0], query=[0] * 5))
        case("worst-order", fixed(scores=[1, 2, 3, 4, 5], relevance=[3, 2, 1, 0, 0], query=[0] * 5))
        case("queries-without-relevant-items", fixed(
            scores=[0.9, 0.8, 0.7, 0.3, 0.2, 0.1, 0.5], relevance=[0, 1, 2, 0, 0, 0, 0], query=[3, 3, 3, 5, 5, 5, 8]))
        case("no-query-with-a-relevant-item", fixed(
            scores=[0.9, 0.8, 0.7], relevance=[0, 0, 0], query=[3, 3, 4]))
        case("one-item", fixed(scores=[0.9], relevance=[1], query=[3]))
        case("one-item-per-query", fixed(scores=[0.9, 0.1, 0.4], relevance=[1, 0, 2], query=[3, 1, 2]))
        case("queries-16777216-and-16777217", fixed(
            scores=[0.9, 0.8, 0.7, 0.6], relevance=[0, 1, 1, 0],
            query=[16777216, 16777216, 16777217, 16777217]))
        case("queries-beyond-2-to-the-53-and-negative", fixed(
            scores=[0.9, 0.8, 0.7, 0.6, 0.5, 0.4], relevance=[0, 1, 1, 0, 0, 1],
            query=[9007199254740992, 9007199254740992, 9007199254740993, 9007199254740993, -7, -7]))
        case("relevance-of-fractions", fixed(
            scores=[0.9, 0.8, 0.7, 0.6, 0.5], relevance=[0.5, 0.0, 2.25, 1.0, 0.125], query=[1] * 5))
        case("relevance-as-whole-floats", fixed(
            scores=[0.9, 0.8, 0.7, 0.6, 0.5], relevance=[0.0, 3.0, 0.0, 1.0, 2.0], query=[1, 1, 1, 2, 2]))
        case("negative-scores", fixed(
            scores=[-0.1, -5, -2, -3, -0.2], relevance=[0, 1, 0, 2, 1], query=[1, 1, 1, 2, 2]))
        case("duplicated-queries", lambda d: {
            key: torch.cat([value, value + (100 if key == "query" else 0)])
            for key, value in lists(6, 4)(d).items()})
        case("high-grades", fixed(scores=[0.1, 0.5, 0.9, 0.3], relevance=[30, 29, 1, 0], query=[1] * 4))
        case("empty", lambda d: {"scores": exact([]), "relevance": integers([]), "query": integers([])})
        case("relevance-negative", fixed(scores=[0.9, 0.8], relevance=[1, -1], query=[3, 3]))
        if metric is NDCG:
            case("k-larger-than-the-list", lists(5, 7), k=100)
            case("k-cuts-a-tie", fixed(scores=[3, 2, 2, 2, 1], relevance=[0, 2, 0, 1, 3], query=[1] * 5), k=3)
            case("k-cuts-a-tie-by-order", fixed(
                scores=[3, 2, 2, 2, 1], relevance=[0, 2, 0, 1, 3], query=[1] * 5), k=3, ties="by-order")
            case("k-before-the-relevant", fixed(scores=[3, 2, 1], relevance=[0, 0, 1], query=[1] * 3), k=2)
            case("k-0", lists(5, 7), k=0)
        if metric is ERR:
            case("max-grade-of-another-query", fixed(
                scores=[0.9, 0.8, 0.7, 0.6], relevance=[1, 0, 4, 0], query=[1, 1, 2, 2]))
            case("max-grade-too-low", fixed(scores=[0.9, 0.8], relevance=[3, 0], query=[1, 1]), max_grade=2)
    return group
