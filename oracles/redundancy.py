"""VICReg and Barlow Twins: two views of a batch whose features must not repeat each other."""

import torch
import torch.nn.functional as F
from pytorch_metric_learning import losses

from common import REDUCTIONS, Library, Outcome, Suite, exact, reduce
from distances import nearest


def views(n, width, noise=0.5, scale=1.0):
    """The second views are the first ones plus noise."""
    def draw(d):
        first = d.normal(n, width, scale=scale)
        return {"first": first, "second": exact(first + d.normal(n, width, scale=noise * scale))}
    return draw


def fixed(first, second):
    return lambda d: {"first": exact(first), "second": exact(second)}


# --- vicreg ------------------------------------------------------------------------------------------------------


def vicreg_formula(inputs, params):
    """A term for each feature; the mean over them is the loss of the paper's algorithm."""
    a, b = inputs["first"], inputs["second"]
    n, d = a.shape
    of_invariance = d if params["form"] == "equations" else 1
    of_variance = 0.5 if params["form"] == "code" else 1.0
    terms = params["invariance"] * of_invariance * ((a - b) ** 2).mean(0)
    clearance = float("inf")
    for z in [a, b]:
        z = z - z.mean(0)
        gap = 1 - ((z * z).sum(0) / max(n - 1, 1) + 1e-4).sqrt()
        clearance = min(clearance, nearest(gap))
        covariance = z.T @ z / max(n - 1, 1)
        others = covariance.masked_fill(torch.eye(d, dtype=torch.bool), 0)
        terms = terms + params["variance"] * of_variance * gap.clamp_min(0) + params["covariance"] * (others**2).sum(0)
    return Outcome(reduce(terms, params["reduction"]), terms, clearance)


def vicreg_library(inputs, params):
    """Its weights are those of the authors' code: the others are brought to it."""
    if params["reduction"] not in ("mean", "mean-per-sample"):
        return None

    def compute(inputs, params):
        times = inputs["first"].shape[1] if params["form"] == "equations" else 1
        twice = 1 if params["form"] == "code" else 2
        loss = losses.VICRegLoss(invariance_lambda=params["invariance"] * times,
                                 variance_mu=params["variance"] * twice, covariance_v=params["covariance"])
        return Outcome(loss(inputs["first"], ref_emb=inputs["second"]))

    return Library("pytorch_metric_learning.losses.VICRegLoss", compute)


def vicreg():
    defaults = {"invariance": 25.0, "variance": 25.0, "covariance": 1.0, "form": "algorithm", "reduction": "mean"}
    suite = Suite("vicreg", defaults, vicreg_formula, vicreg_library)
    suite.case("defaults", views(6, 4), stated=False)
    for form in ["algorithm", "equations", "code"]:
        for n, width in [(2, 3), (5, 5), (12, 4), (4, 9), (7, 2)]:
            suite.case(f"{form}-{n}x{width}", views(n, width), form=form)
        for reduction in REDUCTIONS:
            suite.case(f"{form}-{reduction}", views(6, 4), form=form, reduction=reduction)
        suite.case(f"{form}-wide-features", views(6, 4, scale=3.0), form=form)
        suite.case(f"{form}-narrow-features", views(6, 4, scale=0.1), form=form)
        suite.case(f"{form}-larger", views(40, 24), form=form)
        suite.case(f"{form}-one-sample", views(1, 4), form=form, edge=True)
        suite.case(f"{form}-collapsed", fixed([[1, 2, 3]] * 4, [[1, 2, 0.5]] * 4), form=form, edge=True)
    for weights in [(1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0), (1.0, 2.0, 3.0)]:
        options = dict(zip(["invariance", "variance", "covariance"], weights))
        suite.case(f"weights-{'-'.join(f'{w:g}' for w in weights)}", views(6, 4), **options)
    suite.case("one-feature", views(6, 1))
    suite.case("one-constant-feature", fixed([[1, 2], [1, 3], [1, -1]], [[2.5, 2], [0, 3.5], [1, -1]]))
    return suite


# --- barlow-twins ------------------------------------------------------------------------------------------------


def barlow_twins_outcome(correlation, params):
    own = torch.eye(len(correlation), dtype=torch.bool)
    cells = torch.where(own, (1 - correlation) ** 2, params["lambda"] * correlation**2)
    terms = cells.sum(1)
    return Outcome(reduce(terms, params["reduction"]), terms)


def barlow_twins_formula(inputs, params):
    def standardised(x):
        centred = x - x.mean(0)
        variance = (centred**2).mean(0)
        if params["zero_variance"] == "epsilon":
            return centred / (variance + 1e-5).sqrt()
        constant = centred.abs().amax(0) <= 1e-6 * x.mean(0).abs()
        return torch.where(constant, 0.0, centred / torch.where(constant, 1.0, variance).sqrt())

    a, b = standardised(inputs["first"]), standardised(inputs["second"])
    return barlow_twins_outcome(a.T @ b / len(a), params)


def barlow_twins_library(inputs, params):
    def batch_norm(inputs, params):
        a, b = (F.batch_norm(inputs[view], None, None, training=True, eps=1e-5) for view in ["first", "second"])
        return barlow_twins_outcome(a.T @ b / len(a), params)

    def corrcoef(inputs, params):
        width = inputs["first"].shape[1]
        both = torch.cat([inputs["first"], inputs["second"]], 1)
        return barlow_twins_outcome(torch.corrcoef(both.T)[:width, width:], params)

    if params["zero_variance"] == "epsilon":
        return Library("torch.nn.functional.batch_norm", batch_norm)
    return Library("torch.corrcoef", corrcoef)


def barlow_twins():
    defaults = {"lambda": 0.005, "zero_variance": "epsilon", "reduction": "sum"}
    suite = Suite("barlow-twins", defaults, barlow_twins_formula, barlow_twins_library)
    suite.case("defaults", views(8, 4), stated=False)
    for zero_variance in ["epsilon", "zero"]:
        name, options = zero_variance, {"zero_variance": zero_variance}
        for n, width in [(5, 5), (12, 4), (4, 9), (7, 2)]:
            suite.case(f"{name}-{n}x{width}", views(n, width), **options)
        for reduction in REDUCTIONS:
            suite.case(f"{name}-{reduction}", views(8, 4), reduction=reduction, **options)
        for weight in [0.0, 0.05, 1.0]:
            suite.case(f"{name}-lambda-{weight:g}", views(8, 4), **options, **{"lambda": weight})
        suite.case(f"{name}-wide-features", views(8, 4, scale=30.0), **options)
        suite.case(f"{name}-narrow-features", views(8, 4, scale=0.05), **options)
        suite.case(f"{name}-unrelated-views", views(8, 4, noise=20.0), **options)
        suite.case(f"{name}-larger", views(40, 24), **options)
        suite.case(f"{name}-one-feature", views(8, 1), **options)
        suite.case(f"{name}-one-constant-feature", fixed([[1, 2], [1, 3], [1, -1]], [[2, 2], [0, 3.5], [1, -1]]),
                   edge=True, **options)
        suite.case(f"{name}-all-constant", fixed([[1, 2]] * 3, [[2, 0.5]] * 3), edge=True, **options)
    return suite
