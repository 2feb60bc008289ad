"""NT-Xent, DCL and SupCon: every vector against all others of one set."""

import torch
from pytorch_metric_learning import distances as pml_distances
from pytorch_metric_learning import losses, reducers

from common import REDUCTIONS, Library, Outcome, Suite, exact, integers, reduce
from distances import unit
from info_nce import row_terms


def formula(x, labels, params, inside):
    if params["normalize"]:
        x = unit(x)
    log_scale = torch.tensor(1 / params["temperature"], dtype=x.dtype).log().requires_grad_()
    s = x @ x.T * log_scale.exp()
    others = ~torch.eye(len(x), dtype=torch.bool)
    positive = (labels.unsqueeze(1) == labels.unsqueeze(0)) & others
    terms, valid = row_terms(s, positive, others, inside)
    if inside:
        terms = terms + positive.sum(1).clamp(min=1).to(x.dtype).log()
    return Outcome(reduce(terms, params["reduction"], valid=valid), terms, leaves={"log_scale": log_scale})


def by_library(loss, x, labels, params, mean):
    """A loss of pytorch-metric-learning; `mean` is its reducer for a mean."""
    similarity = (pml_distances.CosineSimilarity() if params["normalize"]
                  else pml_distances.DotProductSimilarity(normalize_embeddings=False))
    reducer = reducers.SumReducer() if params["reduction"] == "sum" else mean
    return Outcome(loss(temperature=params["temperature"], distance=similarity, reducer=reducer)(x, labels))


def views(inputs):
    """All views, and the number of the sample of each."""
    samples = torch.arange(len(inputs["first"]))
    return torch.cat([inputs["first"], inputs["second"]]), torch.cat([samples, samples])


def nt_xent():
    defaults = {"temperature": 0.1, "normalize": True, "reduction": "mean"}

    def library(inputs, params):
        mean = reducers.AvgNonZeroReducer() if params["reduction"] == "mean-active" else reducers.MeanReducer()
        return Library("pytorch_metric_learning.losses.NTXentLoss",
                       lambda inputs, params: by_library(losses.NTXentLoss, *views(inputs), params, mean))

    suite = Suite("nt-xent", defaults, lambda inputs, params: formula(*views(inputs), params, False), library)

    def data(n, width, noise=1.0):
        """The second views are the first ones plus noise."""
        def draw(d):
            first = d.normal(n, width)
            return {"first": first, "second": exact(first + d.normal(n, width, scale=noise))}
        return draw

    def fixed(first, second):
        return lambda d: {"first": exact(first), "second": exact(second)}

    suite.case("defaults", data(4, 6), stated=False)
    for normalize in [True, False]:
        kind = "cosine" if normalize else "dot"
        for n, width in [(2, 3), (5, 5), (8, 4), (7, 1 if not normalize else 2)]:
            suite.case(f"{kind}-{n}x{width}", data(n, width), temperature=0.5, normalize=normalize)
        for reduction in REDUCTIONS:
            suite.case(f"{kind}-{reduction}", data(4, 5), temperature=0.5, normalize=normalize, reduction=reduction)
    for temperature in [0.001, 0.01, 0.07, 0.5, 1.0, 10.0]:
        suite.case(f"temperature-{temperature:g}", data(5, 8), temperature=temperature)
    suite.case("larger", data(24, 32), temperature=0.2)
    suite.case("one-sample-is-zero", data(1, 3), edge=True)
    suite.case("collapsed-first-views", fixed([[1, 2]] * 3, [[1, 2], [2, 0], [0, 1]]), temperature=0.5)
    suite.case("zero-vectors", fixed([[0, 0], [2, 1], [0, 1]], [[1, 1.5], [0, 0], [1, -1]]), temperature=0.5,
               edge=True)
    suite.case("large-dot-products", fixed([[100, 0], [0, 100]], [[90, 10], [0, 80]]), normalize=False,
               temperature=1.0, edge=True)
    return suite


def sup_con():
    defaults = {"temperature": 0.1, "form": "outside", "normalize": True, "reduction": "mean"}

    def compute(inputs, params):
        return formula(inputs["embeddings"], inputs["labels"], params, params["form"] == "inside")

    def library(inputs, params):
        if params["form"] == "inside":
            return None
        # Its mean must leave out the samples without a positive, whose term it sets to 0.
        return Library("pytorch_metric_learning.losses.SupConLoss",
                       lambda inputs, params: by_library(losses.SupConLoss, inputs["embeddings"], inputs["labels"],
                                                         params, reducers.AvgNonZeroReducer()))

    suite = Suite("sup-con", defaults, compute, library)

    def data(labels, width=4):
        return lambda d: {"embeddings": d.normal(len(labels), width), "labels": integers(labels)}

    def fixed(embeddings, labels):
        return lambda d: {"embeddings": exact(embeddings), "labels": integers(labels)}

    suite.case("defaults", data([0, 0, 1, 1, 0]), stated=False)
    for form in ["outside", "inside"]:
        options = {"form": form, "temperature": 0.5}
        for normalize in [True, False]:
            kind = f"{form}-{'cosine' if normalize else 'dot'}"
            suite.case(f"{kind}-pairs", data([0, 1, 2, 0, 1, 2]), normalize=normalize, **options)
            suite.case(f"{kind}-classes", data([5, 5, -1, 5, -1, 9, 9, 9, 9]), normalize=normalize, **options)
            suite.case(f"{kind}-one-dimension" if not normalize else f"{kind}-two-dimensions",
                       data([0, 0, 1, 1, 1], 2 if normalize else 1), normalize=normalize, **options)
        for reduction in REDUCTIONS:
            suite.case(f"{form}-{reduction}", data([1, 2, 1, 3, 2, 2, 7]), reduction=reduction, **options)
        for temperature in [0.01, 0.1, 1.0, 10.0]:
            suite.case(f"{form}-temperature-{temperature:g}", data([0, 0, 1, 1, 1, 2, 2], 8), form=form,
                       temperature=temperature)
        suite.case(f"{form}-alone-are-left-out", data([1, 2, 1, 3, 4]), **options)
        suite.case(f"{form}-no-positive-at-all", data([1, 2, 3]), edge=True, **options)
        suite.case(f"{form}-one-class", data([4, 4, 4, 4]), edge=True, **options)
        suite.case(f"{form}-large-labels", data([16777216, 16777217, 16777216, 16777217]), **options)
        suite.case(f"{form}-larger", data([i % 5 for i in range(40)], 24), **options)
        suite.case(f"{form}-zero-vectors", fixed([[0, 0], [2, 1], [0, 1], [0, 0], [1, -1]], [0, 0, 1, 1, 0]),
                   edge=True, **options)
        suite.case(f"{form}-duplicates", fixed([[1, 2], [1, 2], [0, 1], [0, 1], [2, -1]], [0, 0, 1, 0, 1]), **options)
    return suite


# --- dcl ---------------------------------------------------------------------------------------------------------


def dcl_weights(inputs, params):
    """2 - exp(c / sigma) / mean exp(c / sigma), with the similarity c of the two views of each sample."""
    first, second = inputs["first"].detach(), inputs["second"].detach()
    if params["normalize"]:
        first, second = unit(first), unit(second)
    ratios = ((first * second).sum(1) / params["sigma"]).exp()
    return 2 - ratios / ratios.mean()


def dcl_formula(inputs, params):
    """As NT-Xent, but the other view enters no denominator; the weights are constants for the gradient."""
    x, samples = views(inputs)
    if params["normalize"]:
        x = unit(x)
    log_scale = torch.tensor(1 / params["temperature"], dtype=x.dtype).log().requires_grad_()
    s, n = x @ x.T * log_scale.exp(), len(x) // 2
    if n == 1:
        terms = s.sum(1) * 0
        return Outcome(terms.sum(), terms, leaves={"log_scale": log_scale})
    weights = torch.ones(n, dtype=x.dtype)
    if params["sigma"] != "none":
        weights = params["weights"].to(x.dtype) if "weights" in params else dcl_weights(inputs, params)
    terms = torch.stack([row[samples != samples[i]].logsumexp(0) - weights[i % n] * row[(i + n) % (2 * n)]
                         for i, row in enumerate(s)])
    return Outcome(reduce(terms, params["reduction"]), terms, leaves={"log_scale": log_scale})


def dcl():
    def held(inputs, params):
        return {} if params["sigma"] == "none" else {"weights": dcl_weights(inputs, params)}

    defaults = {"temperature": 0.1, "sigma": "none", "normalize": True, "reduction": "mean"}
    suite = Suite("dcl", defaults, dcl_formula, held=held)

    def data(n, width, noise=1.0):
        """The second views are the first ones plus noise."""
        def draw(d):
            first = d.normal(n, width)
            return {"first": first, "second": exact(first + d.normal(n, width, scale=noise))}
        return draw

    def fixed(first, second):
        return lambda d: {"first": exact(first), "second": exact(second)}

    suite.case("defaults", data(4, 6), stated=False)
    for sigma in ["none", 0.5]:
        name, options = ("plain" if sigma == "none" else "weighted"), {"sigma": sigma}
        for normalize in [True, False]:
            kind = f"{name}-{'cosine' if normalize else 'dot'}"
            for n, width in [(2, 3), (5, 5), (8, 4)]:
                suite.case(f"{kind}-{n}x{width}", data(n, width), temperature=0.5, normalize=normalize, **options)
            for reduction in REDUCTIONS:
                suite.case(f"{kind}-{reduction}", data(4, 5), temperature=0.5, normalize=normalize,
                           reduction=reduction, **options)
        for temperature in [0.01, 0.07, 0.5, 1.0, 10.0]:
            suite.case(f"{name}-temperature-{temperature:g}", data(5, 8), temperature=temperature, **options)
        suite.case(f"{name}-larger", data(24, 32), temperature=0.2, **options)
        suite.case(f"{name}-one-sample-is-zero", data(1, 3), edge=True, **options)
        suite.case(f"{name}-collapsed-first-views", fixed([[1, 2]] * 3, [[1, 2], [2, 0], [0, 1]]), temperature=0.5,
                   **options)
        suite.case(f"{name}-zero-vectors", fixed([[0, 0], [2, 1], [0, 1]], [[1, 1.5], [0, 0], [1, -1]]),
                   temperature=0.5, edge=True, **options)
    for sigma in [0.1, 1.0, 5.0]:
        suite.case(f"sigma-{sigma:g}", data(6, 5), temperature=0.5, sigma=sigma)
    suite.case("large-dot-products", fixed([[100, 0], [0, 100]], [[90, 10], [0, 80]]), normalize=False,
               temperature=1.0)
    return suite
