"""Weighted sum of task losses, and learned uncertainty weights."""

import torch
import torch.nn.functional as F

from common import Library, Outcome, Suite, exact


# --- weighted-sum ------------------------------------------------------------------------------------------------


def weighted_sum_formula(inputs, params):
    losses = inputs["losses"]
    terms = losses * numbers_or_ones(params["weights"], losses) / numbers_or_ones(params["initial"], losses)
    return Outcome(terms.sum(), terms)


def weighted_sum_library(inputs, params):
    def dot(inputs, params):
        losses = inputs["losses"]
        return Outcome(torch.dot(losses, numbers_or_ones(params["weights"], losses)))

    return Library("torch.dot", dot) if params["initial"] == "none" else None


def numbers_or_ones(values, like):
    return torch.ones_like(like) if values == "none" else torch.tensor(values, dtype=like.dtype)


def weighted_sum():
    suite = Suite("weighted-sum", {"weights": "none", "initial": "none"}, weighted_sum_formula, weighted_sum_library)

    def data(count, high=3.0):
        return lambda d: {"losses": d.uniform(count, low=0.01, high=high)}

    def fixed(losses):
        return lambda d: {"losses": exact(losses)}

    weights = {1: [0.5], 2: [1.0, 0.1], 3: [0.2, 0.3, 0.5], 5: [1.0, 2.0, 0.0, 0.25, 10.0]}
    initial = {1: [4.0], 2: [0.7, 2.3], 3: [1.0, 0.01, 100.0], 5: [0.5, 1.5, 2.5, 3.5, 4.5]}
    suite.case("defaults", data(3), stated=False)
    for count in [1, 2, 3, 5]:
        suite.case(f"{count}-plain", data(count))
        suite.case(f"{count}-weights", data(count), weights=weights[count])
        suite.case(f"{count}-initial", data(count), initial=initial[count])
        suite.case(f"{count}-both", data(count), weights=weights[count], initial=initial[count])
    suite.case("all-weights-zero", data(3), weights=[0.0, 0.0, 0.0])
    suite.case("losses-zero", fixed([0, 0, 0]), weights=[1.0, 2.0, 3.0], initial=[1.0, 2.0, 3.0])
    suite.case("one-loss-zero", fixed([0, 1.5]), initial=[0.5, 3.0])
    suite.case("negative-loss", fixed([-1.5, 2, -0.25]), weights=[1.0, 0.5, 2.0])
    suite.case("equal-to-initial", fixed([0.5, 2, 8]), initial=[0.5, 2.0, 8.0])
    suite.case("scales-far-apart", fixed([1e-6, 1.0, 1e6]), initial=[1e-6, 1.0, 1e6], weights=[1.0, 2.0, 3.0])
    suite.case("large-losses", data(4, high=1e5), weights=[1.0, 1.0, 0.5, 0.25])
    many = [round(0.1 * i, 1) for i in range(64)]
    suite.case("64-tasks", data(64), weights=many, initial=[1.0 + w for w in many])
    return suite


# --- uncertainty -------------------------------------------------------------------------------------------------


def uncertainty_formula(inputs, params):
    """Each task: a * exp(-s) * L + b * s, with (a, b) by the form."""
    losses = inputs["losses"]
    s = inputs.get("log_vars", torch.zeros_like(losses))
    terms = []
    for index, (loss, log_var) in enumerate(zip(losses, s)):
        kind = params["likelihoods"][index] if params["form"] == "per-likelihood" else params["form"]
        a, b = {"unscaled": (1.0, 1.0), "halved": (0.5, 0.5), "gaussian": (0.5, 0.5), "categorical": (1.0, 0.5)}[kind]
        terms.append(a * torch.exp(-log_var) * loss + b * log_var)
    terms = torch.stack(terms)
    return Outcome(terms.sum(), terms)


def uncertainty_library(inputs, params):
    """PyTorch's Gaussian likelihood of a residual whose square is the loss is the halved form."""

    def gaussian(inputs, params):
        residual, variance = inputs["losses"].sqrt(), inputs["log_vars"].exp()
        terms = F.gaussian_nll_loss(residual, torch.zeros_like(residual), variance, eps=1e-30, reduction="none")
        return Outcome(terms.sum(), terms)

    halved = params["form"] == "halved" or (
        params["form"] == "per-likelihood" and set(params["likelihoods"]) == {"gaussian"})
    if halved and "log_vars" in inputs and (inputs["losses"] > 0).all():
        return Library("torch.nn.functional.gaussian_nll_loss", gaussian)
    return None


def uncertainty():
    def relevant(inputs, params):
        return {k: v for k, v in params.items() if k != "likelihoods" or params["form"] == "per-likelihood"}

    suite = Suite("uncertainty", {"form": "unscaled", "likelihoods": []}, uncertainty_formula, uncertainty_library,
                  relevant)

    def data(count, spread=1.0, high=3.0):
        return lambda d: {"losses": d.uniform(count, low=0.01, high=high), "log_vars": d.normal(count, scale=spread)}

    def losses_only(count):
        return lambda d: {"losses": d.uniform(count, low=0.01, high=3.0)}

    def fixed(losses, log_vars):
        return lambda d: {"losses": exact(losses), "log_vars": exact(log_vars)}

    kinds = ["gaussian", "categorical", "categorical", "gaussian", "categorical"]
    forms = {
        "unscaled": lambda count: {"form": "unscaled"},
        "halved": lambda count: {"form": "halved"},
        "mixed": lambda count: {"form": "per-likelihood", "likelihoods": (kinds * 13)[:count]},
        "gaussian": lambda count: {"form": "per-likelihood", "likelihoods": ["gaussian"] * count},
        "categorical": lambda count: {"form": "per-likelihood", "likelihoods": ["categorical"] * count},
    }
    suite.case("defaults", data(3), stated=False)
    suite.case("defaults-without-log-vars", losses_only(2), stated=False)
    for name, form in forms.items():
        for count in [1, 2, 5]:
            suite.case(f"{name}-{count}", data(count), **form(count))
        suite.case(f"{name}-without-log-vars", losses_only(3), **form(3))
        suite.case(f"{name}-zero-log-vars", fixed([0.5, 2.0], [0, 0]), **form(2))
        suite.case(f"{name}-wide-log-vars", fixed([0.5, 2.0, 1e-3, 40.0], [-10, 10, -5, 8]), **form(4))
        suite.case(f"{name}-zero-losses", fixed([0, 0, 1], [0.5, -1.5, 0.25]), **form(3))
        suite.case(f"{name}-two-at-the-optimum", fixed([1, 4, 3], [0, 1.3862944, 0.5]), **form(3))
        suite.case(f"{name}-64-tasks", data(64), **form(64))
    suite.case("negative-loss", fixed([-0.5, 1.5], [0.25, -0.5]))
    return suite
