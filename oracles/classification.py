"""Focal (both forms), cross-entropy and label smoothing."""

import torch
import torch.nn.functional as F
from torchvision.ops import sigmoid_focal_loss

from common import REDUCTIONS, Library, Outcome, Suite, exact, integers, reduce, softplus

GAMMAS = [0.0, 0.3, 0.5, 1.0, 2.0, 5.0]


def optional(value):
    return None if value == "none" else value


# --- focal-sigmoid -----------------------------------------------------------------------------------------------


def focal_sigmoid_formula(inputs, params):
    x, t = inputs["logits"], inputs["targets"]
    gamma, alpha = params["gamma"], optional(params["alpha"])
    ce = (1 - t) * softplus(x) + t * softplus(-x)
    q = torch.sigmoid(x) * (1 - t) + torch.sigmoid(-x) * t
    if gamma == 0:
        factor = torch.ones_like(q)
    else:
        above = q > 0  # 0 only where exp(-|x|) is below the smallest number
        factor = torch.where(above, torch.where(above, q, 1.0) ** gamma, 0.0)
    terms = sigmoid_alpha(alpha, params["alpha_mode"], t) * factor * ce
    return Outcome(reduce(terms, params["reduction"]), terms)


def sigmoid_alpha(alpha, mode, t):
    if alpha is None:
        return 1.0
    return alpha * t + (1 - alpha) * (1 - t) if mode == "balanced" else alpha


def focal_sigmoid_library(inputs, params):
    alpha, gamma, balanced = optional(params["alpha"]), params["gamma"], params["alpha_mode"] == "balanced"

    def torchvision(inputs, params):
        given = alpha if alpha is not None and balanced else -1  # -1: no weight
        terms = sigmoid_focal_loss(inputs["logits"], inputs["targets"], given, gamma, reduction="none")
        terms = terms if alpha is None or balanced else alpha * terms
        return Outcome(reduce(terms, params["reduction"]), terms)

    def bce(inputs, params):
        terms = F.binary_cross_entropy_with_logits(inputs["logits"], inputs["targets"], reduction="none")
        return Outcome(reduce(terms, params["reduction"]), terms)

    if gamma == 0 and alpha is None:
        return Library("torch.nn.functional.binary_cross_entropy_with_logits", bce)
    return Library("torchvision.ops.sigmoid_focal_loss", torchvision)


def focal_sigmoid():
    defaults = {"gamma": 2.0, "alpha": 0.25, "alpha_mode": "balanced", "reduction": "mean"}

    def relevant(inputs, params):
        return {k: v for k, v in params.items() if k != "alpha_mode" or params["alpha"] != "none"}

    suite = Suite("focal-sigmoid", defaults, focal_sigmoid_formula, focal_sigmoid_library, relevant)

    def hard(*shape, scale=2.0):
        return lambda d: {"logits": d.normal(*shape, scale=scale), "targets": d.booleans(*shape).double()}

    def soft(*shape, scale=2.0):
        return lambda d: {"logits": d.normal(*shape, scale=scale), "targets": d.uniform(*shape)}

    def fixed(logits, targets):
        return lambda d: {"logits": exact(logits), "targets": exact(targets)}

    suite.case("defaults", hard(4, 3), stated=False)
    for gamma in GAMMAS:
        suite.case(f"gamma-{gamma:g}-hard", hard(7, 5), gamma=gamma)
        suite.case(f"gamma-{gamma:g}-soft-no-alpha", soft(3, 11), gamma=gamma, alpha="none")
    for reduction in REDUCTIONS:
        suite.case(f"balanced-{reduction}", soft(5, 4), alpha=0.75, reduction=reduction)
        suite.case(f"uniform-{reduction}", soft(13), alpha=0.25, alpha_mode="uniform", gamma=1.5, reduction=reduction)
    suite.case("one-element", soft(1, 1))
    suite.case("rank-1", hard(9))
    suite.case("rank-3", soft(2, 3, 5), gamma=0.5)
    suite.case("rank-4", hard(2, 2, 3, 3), gamma=5.0, reduction="sum")
    suite.case("larger", soft(48, 50, scale=4.0))
    suite.case("larger-imbalanced", lambda d: {
        "logits": exact(d.normal(40, 50, scale=3.0) - 4.0),
        "targets": (d.uniform(40, 50) < 0.02).double()}, reduction="sum")
    suite.case("alpha-0", soft(6, 2), alpha=0.0)
    suite.case("alpha-1-mean-active", hard(6, 3), alpha=1.0, reduction="mean-active")
    suite.case("alpha-1-no-positive-mean-active",
               lambda d: {"logits": d.normal(6, 3), "targets": exact([[0.0] * 3] * 6)},
               alpha=1.0, reduction="mean-active", edge=True)
    suite.case("uniform-alpha-1-equals-no-alpha", soft(4, 4), alpha=1.0, alpha_mode="uniform")
    suite.case("all-positive", lambda d: {"logits": d.normal(5, 3), "targets": exact([[1.0] * 3] * 5)})
    suite.case("all-targets-one-half", lambda d: {"logits": d.normal(5, 3), "targets": exact([[0.5] * 3] * 5)},
               gamma=0.3)
    suite.case("zero-logits", fixed([0, 0, 0, 0], [0, 1, 0.5, 0.25]))
    logits, targets = [30, -30, 30, -30, 30, -30, 0.5], [1, 0, 0, 1, 0.5, 0.125, 1]
    for gamma in GAMMAS:
        suite.case(f"logits-30-gamma-{gamma:g}", fixed(logits, targets), gamma=gamma, edge=True)
    logits = [1e4, -1e4, 1e4, -1e4, 1e4, -1e4, -0.5]
    for gamma in GAMMAS:
        suite.case(f"logits-1e4-gamma-{gamma:g}", fixed(logits, targets), gamma=gamma, edge=True)
    suite.case("confident-and-right-30-gamma-0.5", fixed([30, 30], [1, 1]), gamma=0.5, alpha="none", edge=True)
    suite.case("confident-and-right-1e4-is-zero", fixed([1e4, -1e4], [1, 0]), gamma=0.5, edge=True)
    suite.case("confident-and-wrong-1e4", fixed([1e4, -1e4], [0, 1]), alpha="none", reduction="sum", edge=True)
    suite.case("logits-90-beyond-float32-exp", fixed([90, -90, 90, -90, 1], [1, 0, 0, 1, 0]), gamma=0.3, edge=True)
    return suite


# --- softmax losses ----------------------------------------------------------------------------------------------


def class_nll(logits):
    """-log p and log(1 - p) of every class, exact near p = 0 and p = 1; log(1 - p) is None for one class."""
    classes = logits.shape[1]
    if classes == 1:
        return logits * 0, None
    logits = logits - logits.amax(1, keepdim=True).detach()  # a common offset changes nothing
    own = torch.eye(classes, dtype=torch.bool)
    others = logits.unsqueeze(1).expand(-1, classes, -1).masked_fill(own, -torch.inf).logsumexp(2)
    odds = others - logits
    return softplus(odds), -softplus(-odds)


def valid_targets(inputs, params):
    """The mask of valid samples, and targets with 0 in place of the ignored ones."""
    targets, ignored = inputs["targets"], optional(params["ignore_index"])
    valid = torch.ones_like(targets, dtype=torch.bool) if ignored is None else targets != ignored
    return valid, torch.where(valid, targets, 0)


def class_weights(weights, logits):
    return torch.ones_like(logits[0]) if weights is None else torch.tensor(weights, dtype=logits.dtype)


def pick(table, targets):
    return table.gather(1, targets.unsqueeze(1)).squeeze(1)


def torch_cross_entropy(inputs, params, weights, smoothing=0.0):
    """F.cross_entropy with our reductions: its own where it has them, else over its reduction="none"."""
    logits, targets, ignored = inputs["logits"], inputs["targets"], optional(params["ignore_index"])
    options = {
        "weight": None if weights is None else torch.tensor(weights, dtype=logits.dtype),
        "ignore_index": -(10**6) if ignored is None else ignored,
        "label_smoothing": smoothing,
    }
    terms = F.cross_entropy(logits, targets, reduction="none", **options)
    if params["reduction"] in ("mean", "sum"):
        return Outcome(F.cross_entropy(logits, targets, reduction=params["reduction"], **options), terms)
    valid, _ = valid_targets(inputs, params)
    return Outcome(reduce(terms, params["reduction"], valid=valid), terms)


def softmax_cases(suite, weights_name, **fixed_params):
    """Cases that all softmax losses share."""

    def data(count, classes, scale=2.0):
        return lambda d: {"logits": d.normal(count, classes, scale=scale), "targets": d.indices(count, below=classes)}

    def ignoring(count, classes, ignored, share=0.4):
        def draw(d):
            targets = d.indices(count, below=classes)
            targets[d.uniform(count) < share] = ignored
            targets[0] = ignored
            return {"logits": d.normal(count, classes, scale=2.0), "targets": targets}
        return draw

    def fixed(logits, targets):
        return lambda d: {"logits": exact(logits), "targets": integers(targets)}

    def case(name, draw, edge=False, weights=None, **params):
        chosen = {**fixed_params, **params} | ({} if weights is None else {weights_name: weights})
        suite.case(name, draw, edge=edge, **chosen)

    suite.case("defaults", data(4, 3), stated=False)
    case("one-row", data(1, 5))
    case("two-classes", data(7, 2))
    case("one-class", data(3, 1))
    case("odd-sizes", data(13, 7))
    case("larger", data(64, 100))
    for reduction in REDUCTIONS:
        case(f"{reduction}", data(6, 4), reduction=reduction)
        case(f"weights-{reduction}", data(9, 4), weights=[0.5, 2.0, 1.0, 0.1], reduction=reduction)
        case(f"weights-with-zero-{reduction}", data(11, 3), weights=[0.0, 1.5, 3.0], reduction=reduction)
        case(f"ignore-minus-100-{reduction}", ignoring(10, 5, -100), ignore_index=-100, reduction=reduction)
        case(f"weights-and-ignored-class-{reduction}", ignoring(12, 4, 2), weights=[1.0, 0.25, 9.0, 2.0],
             ignore_index=2, reduction=reduction)
        case(f"all-ignored-{reduction}", ignoring(4, 3, 0, share=1.1), edge=reduction != "sum", ignore_index=0,
             reduction=reduction)
    case("ignore-255", ignoring(8, 6, 255), ignore_index=255)
    case("ignore-set-but-absent", data(5, 3), ignore_index=-1)
    case("all-weights-of-the-batch-zero-mean", fixed([[1, 2, 3], [0.5, -1, 0.25]], [0, 0]), edge=True,
         weights=[0.0, 1.0, 1.0])
    case("equal-logits", fixed([[0.0] * 4, [2.5] * 4, [-7.0] * 4], [0, 3, 1]))
    case("duplicate-rows", fixed([[1, -1, 0.5]] * 4, [0, 0, 1, 2]), weights=[1.0, 2.0, 0.5])
    case("logits-30", fixed([[30, 0, -30], [-30, 30, 0], [0, -30, 30], [30, 30, -30]], [0, 0, 1, 1]), edge=True)
    case("logits-1e4", fixed([[1e4, 0, -1e4], [-1e4, 1e4, 0], [0, -1e4, 1e4], [1e4, 1e4, -1e4]], [0, 0, 1, 1]),
         edge=True)
    case("logits-1e4-all-right", fixed([[1e4, 0, -1e4], [-1e4, 1e4, 0]], [0, 1]), edge=True)
    case("large-common-offset", lambda d: {"logits": d.normal(5, 4, decimals=0) + 4096.0,
                                           "targets": d.indices(5, below=4)}, edge=True)
    return case, data, ignoring, fixed


# --- focal (softmax) ---------------------------------------------------------------------------------------------


def focal_formula(inputs, params):
    nll, log_q = class_nll(inputs["logits"])
    valid, targets = valid_targets(inputs, params)
    weights = class_weights(optional(params["alpha"]), inputs["logits"])[targets] * valid
    terms = weights * pick(nll, targets)
    if params["gamma"] > 0 and log_q is not None:
        terms = terms * torch.exp(params["gamma"] * pick(log_q, targets))
    return Outcome(reduce(terms, params["reduction"], weights, valid), terms)


def focal_library(inputs, params):
    """F.cross_entropy itself at gamma 0; otherwise its terms, scaled by the focal factor."""
    alpha = optional(params["alpha"])

    def scaled(inputs, params):
        valid, targets = valid_targets(inputs, params)
        nll = torch_cross_entropy(inputs, {**params, "reduction": "sum"}, None).terms
        weights = class_weights(alpha, inputs["logits"])[targets] * valid
        terms = weights * (1 - torch.exp(-nll)) ** params["gamma"] * nll
        return Outcome(reduce(terms, params["reduction"], weights, valid), terms)

    if params["gamma"] == 0:
        return Library("torch.nn.functional.cross_entropy", lambda i, p: torch_cross_entropy(i, p, alpha))
    return Library("formula (focal factor times torch.nn.functional.cross_entropy)", scaled)


def focal():
    defaults = {"gamma": 2.0, "alpha": "none", "ignore_index": "none", "reduction": "mean"}
    suite = Suite("focal", defaults, focal_formula, focal_library)
    case, data, ignoring, fixed = softmax_cases(suite, "alpha")
    for gamma in GAMMAS:
        case(f"gamma-{gamma:g}", data(7, 5), gamma=gamma)
        case(f"gamma-{gamma:g}-weights-and-ignore", ignoring(9, 3, -100), gamma=gamma, ignore_index=-100,
             weights=[0.25, 1.0, 4.0])
        case(f"gamma-{gamma:g}-logits-30", fixed([[30, 0, 0], [0, 30, 0], [1, 0, -1]], [0, 2, 1]), gamma=gamma,
             edge=True)
        case(f"gamma-{gamma:g}-logits-1e4", fixed([[1e4, 0, 0], [0, 1e4, 0], [1, 0, -1]], [0, 2, 1]), gamma=gamma,
             edge=True)
    case("gamma-0.5-confident-and-right", fixed([[30, 0], [0, 30]], [0, 1]), gamma=0.5, edge=True)
    case("gamma-0-one-class", data(3, 1), gamma=0.0)
    case("gamma-0.5-one-class", data(3, 1), gamma=0.5, edge=True)
    return suite


# --- cross-entropy -----------------------------------------------------------------------------------------------


def cross_entropy_formula(inputs, params):
    nll, _ = class_nll(inputs["logits"])
    valid, targets = valid_targets(inputs, params)
    weights = class_weights(optional(params["weights"]), inputs["logits"])[targets] * valid
    terms = weights * pick(nll, targets)
    return Outcome(reduce(terms, params["reduction"], weights, valid), terms)


def cross_entropy_library(inputs, params):
    weights = optional(params["weights"])
    return Library("torch.nn.functional.cross_entropy", lambda i, p: torch_cross_entropy(i, p, weights))


def cross_entropy():
    defaults = {"weights": "none", "ignore_index": "none", "reduction": "mean"}
    suite = Suite("cross-entropy", defaults, cross_entropy_formula, cross_entropy_library)
    softmax_cases(suite, "weights")
    return suite


# --- label-smoothing ---------------------------------------------------------------------------------------------


def label_smoothing_formula(inputs, params):
    nll, _ = class_nll(inputs["logits"])
    valid, targets = valid_targets(inputs, params)
    table = class_weights(optional(params["weights"]), inputs["logits"])
    smoothing, classes = params["smoothing"], nll.shape[1]
    weighted = nll * table
    own = pick(weighted, targets)
    if params["convention"] == "uniform":
        spread = smoothing / classes * weighted.sum(1)
    else:
        others = torch.ones_like(nll).scatter(1, targets.unsqueeze(1), 0.0)
        spread = smoothing / (classes - 1) * (weighted * others).sum(1)
    terms = ((1 - smoothing) * own + spread) * valid
    return Outcome(reduce(terms, params["reduction"], table[targets] * valid, valid), terms)


def label_smoothing_library(inputs, params):
    weights, smoothing = optional(params["weights"]), params["smoothing"]

    def by_probabilities(inputs, params):
        """The other convention as class probabilities, which F.cross_entropy takes as they are."""
        logits, (valid, targets) = inputs["logits"], valid_targets(inputs, params)
        classes = logits.shape[1]
        probabilities = torch.full_like(logits, smoothing / (classes - 1)).detach()
        probabilities.scatter_(1, targets.unsqueeze(1), 1 - smoothing)
        table = class_weights(weights, logits)
        terms = F.cross_entropy(logits, probabilities, weight=table, reduction="none") * valid
        return Outcome(reduce(terms, params["reduction"], table[targets] * valid, valid), terms)

    if params["convention"] == "uniform":
        return Library("torch.nn.functional.cross_entropy",
                       lambda i, p: torch_cross_entropy(i, p, weights, smoothing))
    return Library("torch.nn.functional.cross_entropy", by_probabilities)


def label_smoothing():
    defaults = {"smoothing": 0.1, "convention": "uniform", "weights": "none", "ignore_index": "none",
                "reduction": "mean"}
    suite = Suite("label-smoothing", defaults, label_smoothing_formula, label_smoothing_library)
    case, data, ignoring, fixed = softmax_cases(suite, "weights")
    for smoothing in [0.0, 0.05, 0.3, 0.9, 1.0]:
        for convention in ["uniform", "others"]:
            case(f"{convention}-smoothing-{smoothing:g}", data(6, 5), smoothing=smoothing, convention=convention)
    for reduction in REDUCTIONS:
        case(f"others-{reduction}", data(6, 4), convention="others", reduction=reduction)
        case(f"others-weights-{reduction}", data(9, 4), convention="others", weights=[0.5, 2.0, 0.0, 0.1],
             reduction=reduction)
        case(f"others-weights-and-ignore-{reduction}", ignoring(12, 4, -100), convention="others", smoothing=0.2,
             weights=[1.0, 0.25, 9.0, 2.0], ignore_index=-100, reduction=reduction)
        case(f"others-all-ignored-{reduction}", ignoring(4, 3, 1, share=1.1), convention="others", ignore_index=1,
             reduction=reduction)
    case("others-two-classes", data(5, 2), convention="others", smoothing=0.2)
    case("others-larger", data(32, 60), convention="others")
    case("others-logits-30", fixed([[30, 0, -30], [-30, 30, 0], [30, 30, -30]], [0, 0, 1]), convention="others",
         edge=True)
    case("others-logits-1e4", fixed([[1e4, 0, -1e4], [-1e4, 1e4, 0], [1e4, 1e4, -1e4]], [0, 0, 1]),
         convention="others", edge=True)
    case("uniform-zero-weight-of-the-true-class", fixed([[1, 2, 3], [3, 1, 0.5]], [0, 1]), weights=[0.0, 1.0, 2.0])
    return suite
