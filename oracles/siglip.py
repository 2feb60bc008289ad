"""SigLIP: every pair of a query and a key is a yes or no of its own."""

import torch
import torch.nn.functional as F

from common import REDUCTIONS, Library, Outcome, Suite, exact, integers, reduce, softplus
from info_nce import same_group, similarities


def logits_and_signs(inputs, params):
    """The logits [N, M], the leaves that they are made of, and 1 for a positive and -1 for a negative."""
    s, log_scale = similarities(inputs, params)
    bias = torch.tensor(params["bias"], dtype=s.dtype).requires_grad_()
    positive = same_group(inputs) if "query_groups" in inputs else torch.eye(*s.shape, dtype=torch.bool)
    return s + bias, {"log_scale": log_scale, "bias": bias}, torch.where(positive, 1.0, -1.0).to(s.dtype)


def formula(inputs, params):
    logits, leaves, signs = logits_and_signs(inputs, params)
    terms = softplus(-signs * logits).sum(1)
    return Outcome(reduce(terms, params["reduction"]), terms, leaves=leaves)


def library(inputs, params):
    """As open_clip and big_vision do: the log-sigmoid of all pairs, over the number of rows."""
    def compute(inputs, params):
        logits, leaves, signs = logits_and_signs(inputs, params)
        terms = -F.logsigmoid(signs * logits).sum(1)
        return Outcome(reduce(terms, params["reduction"]), terms, leaves=leaves)

    return Library("torch.nn.functional.logsigmoid", compute)


def siglip():
    defaults = {"temperature": 0.1, "bias": -10.0, "normalize": True, "reduction": "mean"}
    suite = Suite("siglip", defaults, formula, library)

    def data(n, m, width):
        """Keys are their queries plus noise; the keys beyond n are unrelated."""
        def draw(d):
            queries, keys = d.normal(n, width), d.normal(m, width)
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
    for normalize in [True, False]:
        kind = "cosine" if normalize else "dot"
        for n, m, width in [(6, 6, 5), (5, 9, 4), (1, 1, 3), (1, 4, 3), (7, 7, 2)]:
            suite.case(f"{kind}-{n}x{m}x{width}", data(n, m, width), normalize=normalize, temperature=0.5, bias=-1.5)
        for reduction in REDUCTIONS:
            suite.case(f"{kind}-{reduction}", data(5, 7, 4), normalize=normalize, temperature=0.5, bias=-2.0,
                       reduction=reduction)
            suite.case(f"{kind}-groups-{reduction}", grouped([1, 2, 5, 1], [1, 1, 2, 9, 9]), normalize=normalize,
                       temperature=0.5, bias=-2.0, reduction=reduction)
    for temperature in [0.01, 0.07, 0.1, 1.0, 10.0]:
        suite.case(f"temperature-{temperature:g}", data(6, 8, 8), temperature=temperature)
    for bias in [-10.0, -3.0, 0.0, 4.0]:
        suite.case(f"bias-{bias:g}", data(6, 8, 8), bias=bias)
    suite.case("groups-more-queries-than-keys", grouped([1, 2, 5, 1, 2, 2], [2, 1, 1]), temperature=0.5, bias=-1.0)
    suite.case("groups-all-equal", grouped([7, 7, 7], [7, 7, 7, 7]), temperature=0.5)
    suite.case("groups-no-positive", grouped([1, 2, 3], [4, 5, 6, 6]), temperature=0.5)
    suite.case("groups-large-ids", grouped([16777216, 16777217], [16777217, 16777216]), temperature=0.5, bias=-1.0)
    suite.case("larger", data(32, 40, 48))
    suite.case("one-dimension-dot", data(5, 5, 1), normalize=False, temperature=1.0, bias=-1.0)
    suite.case("collapsed-queries", fixed([[1, 2]] * 3, [[1, 2], [2, 0], [0, 1]]), temperature=0.5, bias=-1.0)
    suite.case("zero-vectors", fixed([[0, 0], [2, 1], [0, 1]], [[1, 1.5], [0, 0], [1, -1], [0, 0]]), bias=-1.0)
    suite.case("large-dot-products", fixed([[100, 0], [0, 100], [60, 80]], [[90, 10], [0, 80], [-20, 60]]),
               normalize=False, temperature=1.0)
    return suite
