"""InfoNCE: one-directional and symmetric, extra keys, several positives by group."""

import torch
import torch.nn.functional as F
from pytorch_metric_learning import distances as pml_distances
from pytorch_metric_learning import losses, reducers

from common import REDUCTIONS, Library, Outcome, Suite, exact, integers, reduce, softplus
from distances import unit


def similarities(inputs, params):
    """The scaled similarities [N, M], and the leaf ln(1 / temperature) that they are scaled by."""
    q, k = inputs["queries"], inputs["keys"]
    if params["normalize"]:
        q, k = unit(q), unit(k)
    log_scale = torch.tensor(1 / params["temperature"], dtype=q.dtype).log().requires_grad_()
    return q @ k.T * log_scale.exp(), log_scale


def positive_mask(inputs, params):
    """Which key is a positive of which query."""
    n, m = len(inputs["queries"]), len(inputs["keys"])
    if "query_groups" in inputs and params["positives"] != "aligned":
        return same_group(inputs)
    return torch.eye(n, m, dtype=torch.bool)


def same_group(inputs):
    return inputs["query_groups"].unsqueeze(1) == inputs["key_groups"].unsqueeze(0)


def candidate_mask(inputs, params):
    """Which keys enter the denominator of which query: all, but with "aligned" no other key of its group."""
    positive = positive_mask(inputs, params)
    if "query_groups" in inputs and params["positives"] == "aligned":
        return positive | ~same_group(inputs)
    return torch.ones_like(positive)


def row_term(row, positive, candidates, inside):
    """-log softmax of one row. Each softmax is written as softplus(others - own), exact near probability 1."""
    chosen = positive.nonzero().flatten().tolist()
    if inside:
        rest = row[candidates & ~positive]
        return softplus(rest.logsumexp(0) - row[positive].logsumexp(0)) if len(rest) else row.sum() * 0
    total = row.sum() * 0
    for p in chosen:
        rest = row[candidates & (torch.arange(len(row)) != p)]
        if len(rest):
            total = total + softplus(rest.logsumexp(0) - row[p])
    return total / len(chosen)


def row_terms(s, positive, candidates, inside):
    """The term of every row; 0 where it has no positive. And which rows have one."""
    valid = positive.any(1)
    rows = zip(s, positive, candidates, valid)
    terms = [row_term(row, p, c, inside) if ok else row.sum() * 0 for row, p, c, ok in rows]
    return torch.stack(terms), valid


def info_nce_formula(inputs, params):
    s, log_scale = similarities(inputs, params)
    positive, candidates = positive_mask(inputs, params), candidate_mask(inputs, params)
    inside, grouped = params["positives"] == "inside", "query_groups" in inputs
    rows, valid = row_terms(s, positive, candidates, inside)
    value, terms = reduce(rows, params["reduction"], valid=valid), rows
    if params["symmetric"]:
        columns, column_valid = row_terms(s.T, positive.T, candidates.T, inside)
        value = (value + reduce(columns, params["reduction"], valid=column_valid)) / 2
        terms = (rows + columns[: len(rows)]) / 2
    return Outcome(value, None if grouped else terms, leaves={"log_scale": log_scale})


def info_nce_library(inputs, params):
    grouped, symmetric, reduction = "query_groups" in inputs, params["symmetric"], params["reduction"]

    def cross_entropy(inputs, params):
        s, log_scale = similarities(inputs, params)
        s = s.masked_fill(~candidate_mask(inputs, params), -torch.inf)
        n = len(s)
        directions = [s, s[:, :n].T] if symmetric else [s]
        terms = [F.cross_entropy(d, torch.arange(n), reduction="none") for d in directions]
        if reduction in ("mean", "sum"):
            values = [F.cross_entropy(d, torch.arange(n), reduction=reduction) for d in directions]
        else:
            values = [reduce(t, reduction) for t in terms]
        return Outcome(sum(values) / len(values), None if grouped else sum(terms) / len(terms),
                       leaves={"log_scale": log_scale})

    def pml(loss):
        def compute(inputs, params):
            q, k = inputs["queries"], inputs["keys"]
            a = inputs.get("query_groups", torch.arange(len(q)))
            b = inputs.get("key_groups", torch.arange(len(k)))
            between = (pml_distances.CosineSimilarity() if params["normalize"]
                       else pml_distances.DotProductSimilarity(normalize_embeddings=False))
            # Over groups its mean must leave out the rows without a positive, whose term it sets to 0.
            mean = reducers.AvgNonZeroReducer() if grouped or reduction == "mean-active" else reducers.MeanReducer()
            reducer = reducers.SumReducer() if reduction == "sum" else mean
            function = loss(temperature=params["temperature"], distance=between, reducer=reducer)
            value = function(q, a, ref_emb=k, ref_labels=b)
            if symmetric:
                value = (value + function(k, b, ref_emb=q, ref_labels=a)) / 2
            return Outcome(value)
        return compute

    if grouped and params["positives"] == "outside":
        return Library("pytorch_metric_learning.losses.SupConLoss", pml(losses.SupConLoss))
    if grouped and params["positives"] == "inside":
        return None
    if not symmetric and not grouped and len(inputs["queries"]) % 2 == 0:  # both functions get their share
        return Library("pytorch_metric_learning.losses.NTXentLoss", pml(losses.NTXentLoss))
    return Library("torch.nn.functional.cross_entropy", cross_entropy)


def info_nce():
    defaults = {"temperature": 0.07, "symmetric": True, "normalize": True, "positives": "outside", "reduction": "mean"}

    def relevant(inputs, params):
        return {k: v for k, v in params.items() if k != "positives" or "query_groups" in inputs}

    suite = Suite("info-nce", defaults, info_nce_formula, info_nce_library, relevant)

    def data(n, m, width, scale=1.0, noise=1.0):
        """Keys are their queries plus noise; the keys beyond n are unrelated."""
        def draw(d):
            keys = d.normal(m, width, scale=noise)
            queries = d.normal(n, width, scale=scale)
            keys[:n] += queries
            return {"queries": queries, "keys": exact(keys)}
        return draw

    def grouped(query_groups, key_groups, width=4):
        return lambda d: {
            "queries": d.normal(len(query_groups), width), "keys": d.normal(len(key_groups), width),
            "query_groups": integers(query_groups), "key_groups": integers(key_groups),
        }

    def fixed(queries, keys):
        return lambda d: {"queries": exact(queries), "keys": exact(keys)}

    suite.case("defaults", data(4, 4, 6), stated=False)
    for symmetric in [True, False]:
        way = "symmetric" if symmetric else "one-way"
        for normalize in [True, False]:
            kind = f"{way}-{'cosine' if normalize else 'dot'}"
            options = {"symmetric": symmetric, "normalize": normalize}
            suite.case(f"{kind}", data(6, 6, 5), temperature=0.5, **options)
            suite.case(f"{kind}-odd", data(7, 7, 5), temperature=0.2, **options)
            suite.case(f"{kind}-extra-keys", data(5, 9, 4), temperature=0.3, **options)
            suite.case(f"{kind}-extra-keys-even", data(4, 11, 3), temperature=0.3, **options)
        for temperature in [0.001, 0.01, 0.07, 0.1, 1.0, 10.0]:
            suite.case(f"{way}-temperature-{temperature:g}", data(6, 8, 8), symmetric=symmetric,
                       temperature=temperature)
        for reduction in REDUCTIONS:
            suite.case(f"{way}-{reduction}", data(5, 7, 4), symmetric=symmetric, temperature=0.5, reduction=reduction)
        suite.case(f"{way}-one-row-one-key-is-zero", data(1, 1, 4), symmetric=symmetric, edge=True)
        suite.case(f"{way}-one-row-one-key-mean-active", data(1, 1, 4), symmetric=symmetric, edge=True,
                   reduction="mean-active")
        suite.case(f"{way}-one-row-extra-keys", data(1, 5, 4), symmetric=symmetric, temperature=0.5)
        suite.case(f"{way}-one-dimension-dot", data(5, 5, 1), symmetric=symmetric, normalize=False, temperature=1.0)
        suite.case(f"{way}-larger", data(32, 40, 48), symmetric=symmetric, temperature=0.1)
        suite.case(f"{way}-collapsed-queries", fixed([[1, 2]] * 3, [[1, 2], [2, 0], [0, 1]]), symmetric=symmetric,
                   temperature=0.5)
        suite.case(f"{way}-duplicate-keys", fixed([[1, 2], [2, 1], [0, 1]], [[1, 1.5], [1, 1.5], [2, -1]]),
                   symmetric=symmetric, temperature=0.5)
        suite.case(f"{way}-zero-vectors", fixed([[0, 0], [2, 1], [0, 1]], [[1, 1.5], [0, 0], [1, -1], [0, 0]]),
                   symmetric=symmetric, temperature=0.5, edge=True)
        suite.case(f"{way}-zero-vectors-dot", fixed([[0, 0], [2, 1], [0, 1]], [[1, 1.5], [0, 0], [1, -1], [0, 0]]),
                   symmetric=symmetric, temperature=0.5, normalize=False)
        suite.case(f"{way}-large-dot-products", fixed([[100, 0], [0, 100], [60, 80]], [[90, 10], [0, 80], [-20, 60]]),
                   symmetric=symmetric, normalize=False, temperature=1.0, edge=True)
        for positives in ["outside", "inside"]:
            options = {"positives": positives, "symmetric": symmetric, "temperature": 0.5}
            name = f"{way}-groups-{positives}"
            suite.case(f"{name}", grouped([1, 2, 1, 3], [1, 2, 1, 3]), **options)
            suite.case(f"{name}-all-different", grouped([1, 2, 3, 4], [1, 2, 3, 4, 5, 6]), **options)
            suite.case(f"{name}-all-equal", grouped([7, 7, 7], [7, 7, 7, 7]), edge=True, **options)
            suite.case(f"{name}-extra-keys", grouped([1, 2, 1], [2, 2, 1, 1, 9, -4, 1]), **options)
            suite.case(f"{name}-rows-without-positive", grouped([1, 2, 5, 6], [1, 1, 2, 9, 9]), **options)
            suite.case(f"{name}-no-positive-at-all", grouped([1, 2, 3], [4, 5, 6, 6]), edge=True, **options)
            suite.case(f"{name}-dot", grouped([1, 1, 2, 3, 3], [3, 1, 2, 2, 1, 3]), normalize=False,
                       **{**options, "temperature": 1.5})
            suite.case(f"{name}-large-ids", grouped([16777216, 16777217], [16777217, 16777216]), **options)
            for reduction in REDUCTIONS:
                suite.case(f"{name}-{reduction}", grouped([1, 2, 5, 1, 2], [1, 1, 2, 9, 9, 2]), reduction=reduction,
                           **options)
        options = {"positives": "aligned", "symmetric": symmetric, "temperature": 0.5}
        suite.case(f"{way}-groups-aligned", grouped([1, 2, 1, 3], [1, 2, 1, 3]), **options)
        suite.case(f"{way}-groups-aligned-extra-keys", grouped([1, 2, 1], [1, 2, 1, 1, 9, 2]), **options)
        suite.case(f"{way}-groups-aligned-all-equal-is-zero", grouped([7, 7, 7], [7, 7, 7, 7]), edge=True, **options)
        suite.case(f"{way}-groups-aligned-all-different", grouped([1, 2, 3], [1, 2, 3, 4]), **options)
        suite.case(f"{way}-groups-aligned-sum", grouped([1, 2, 1, 5, 2], [1, 2, 1, 5, 2, 5]), reduction="sum",
                   **options)
        suite.case(f"{way}-groups-aligned-dot", grouped([1, 2, 1, 5, 2], [1, 2, 1, 5, 2, 5]), normalize=False,
                   **options)
    return suite
