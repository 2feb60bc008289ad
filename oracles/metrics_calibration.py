"""Calibration errors by bins, Brier score, negative log-likelihood."""

import calibration as kumar
import numpy as np
import sklearn.metrics as sk
import torch
import torch.nn.functional as F
from torchmetrics.functional.classification import binary_calibration_error, multiclass_calibration_error

from common import Unclear, exact, integers
from metrics_classification import (
    check_classes,
    class_probabilities,
    class_scores,
    log_softmax,
    one_hot,
    predictions,
    sampled,
)
from metrics_common import Group, Library, Metric, Undefined, fixed, torch_inputs
from metrics_curves import split

FLOAT32 = 1e-5  # torchmetrics rounds confidences to float32

# --- bins --------------------------------------------------------------------------------------------------------


def equal_width(confidence, bins):
    """Bin i is [i / bins, (i + 1) / bins), and the last one is closed at 1."""
    at_least_one(bins)
    return np.minimum(np.searchsorted(np.arange(1, bins + 1) / bins, confidence, side="right"), bins - 1)


def equal_mass(confidence, bins):
    """A sample with l lower confidences among n is in bin floor(l * bins / n): equal confidences share a bin."""
    at_least_one(bins)
    lower = np.searchsorted(np.sort(confidence), confidence, side="left")
    return lower * bins // len(confidence)


def at_least_one(bins):
    if bins < 1:
        raise Undefined("no bins")


def gaps(confidence, hit, index):
    """Per bin that is not empty: its share of the samples, |mean confidence - accuracy|, accuracy, count."""
    table = []
    for i in np.unique(index):
        own = index == i
        table.append((own.mean(), abs(confidence[own].mean() - hit[own].mean()), hit[own].mean(), own.sum()))
    return np.array(table).T


def expected(confidence, hit, index):
    share, gap, _, _ = gaps(confidence, hit, index)
    return share @ gap


# --- the metrics -------------------------------------------------------------------------------------------------


def top_label(inputs):
    """The confidence in the predicted class, and whether it is the target."""
    targets, predicted = predictions(inputs)
    return class_probabilities(inputs).max(1), (predicted == targets).astype(float)


def binary(inputs):
    """The probability of the positive class, and whether the target is positive."""
    scores, positive = split(inputs)
    if ((scores < 0) | (scores > 1)).any():
        raise Undefined("a score is outside [0, 1]")
    return scores, positive.astype(float)


def ece(inputs, params):
    confidence, hit = top_label(inputs)
    return expected(confidence, hit, equal_width(confidence, params["bins"]))


def ece_equal_mass(inputs, params):
    confidence, hit = top_label(inputs)
    return expected(confidence, hit, equal_mass(confidence, params["bins"]))


def ece_binary(inputs, params):
    confidence, hit = binary(inputs)
    return expected(confidence, hit, equal_width(confidence, params["bins"]))


def mce(inputs, params):
    confidence, hit = top_label(inputs)
    return gaps(confidence, hit, equal_width(confidence, params["bins"]))[1].max()


def ece_classwise(inputs, params):
    """The mean over the classes of the binary ECE of that class's probability."""
    check_classes(inputs["targets"], class_scores(inputs).shape[1])
    errors = []
    for k, confidence in enumerate(class_probabilities(inputs).T):
        hit = (inputs["targets"] == k).astype(float)
        errors.append(expected(confidence, hit, equal_width(confidence, params["bins"])))
    return np.mean(errors)


def ece_debiased(inputs, params):
    """Kumar et al. 2019: the root of sum share * (gap^2 - accuracy * (1 - accuracy) / (count - 1)), of 0 if that is
    negative. A bin of one sample adds 0; without any other bin it is undefined."""
    confidence, hit = top_label(inputs)
    share, gap, accuracy, count = gaps(confidence, hit, equal_width(confidence, params["bins"]))
    several = count > 1
    if not several.any():
        raise Undefined("no bin holds two samples")
    terms = share * (gap**2 - accuracy * (1 - accuracy) / np.where(several, count - 1, 1))
    return np.sqrt(max(terms[several].sum(), 0.0))


def brier(inputs, params):
    """The mean of the sum over the classes of (probability - [class is the target])^2, from 0 to 2."""
    check_classes(inputs["targets"], class_scores(inputs).shape[1])
    rows = class_probabilities(inputs)
    return np.mean(((rows - one_hot(inputs["targets"], rows.shape[1])) ** 2).sum(1))


def nll(inputs, params):
    """The mean of -ln of the target's probability."""
    scores, targets = class_scores(inputs), inputs["targets"]
    check_classes(targets, scores.shape[1])
    picked = np.arange(len(targets)), targets
    if "logits" in inputs:
        return -log_softmax(scores)[picked].mean()
    if (scores[picked] == 0).any():
        raise Undefined("infinite: a target has the probability 0")
    return -np.log(scores[picked]).mean()


# --- libraries ---------------------------------------------------------------------------------------------------


def several_classes(inputs, params):
    return class_width(inputs) > 1


def class_width(inputs):
    return inputs["logits" if "logits" in inputs else "probabilities"].shape[1]


def torchmetrics_multiclass(norm):
    def compute(inputs, params):
        scores, targets = torch_inputs(inputs, "logits" if "logits" in inputs else "probabilities", "targets")
        return multiclass_calibration_error(scores, targets, scores.shape[1], params["bins"], norm)

    return Library("torchmetrics.functional.multiclass_calibration_error", compute, several_classes, FLOAT32)


def torchmetrics_binary(inputs, params):
    scores, targets = torch_inputs(inputs, "scores", "targets")
    return binary_calibration_error(scores, targets.long(), params["bins"])


def published_by_kumar(name, mode, fits=lambda inputs, params: True, **options):
    def compute(inputs, params):
        rows = inputs["scores"] if "scores" in inputs else class_probabilities(inputs)
        targets = inputs["targets"].astype(np.int64)
        return getattr(kumar, name)(rows, targets, num_bins=params["bins"], mode=mode, **options)

    return Library(f"uncertainty-calibration {name}", compute, fits)


def even_masses(inputs, params):
    """Bins of equal size, and no two equal confidences: nothing for a convention to decide."""
    confidence = class_probabilities(inputs).max(1)
    return len(np.unique(confidence)) == len(confidence) and len(confidence) % params["bins"] == 0


def sklearn_brier(inputs, params):
    rows = class_probabilities(inputs)
    return sk.brier_score_loss(inputs["targets"], rows, labels=range(rows.shape[1]), scale_by_half=False)


def torch_nll(inputs, params):
    scores, targets = torch_inputs(inputs, "logits", "targets")
    return F.cross_entropy(scores, targets)


def sklearn_nll(inputs, params):
    rows = class_probabilities(inputs)
    return sk.log_loss(inputs["targets"], rows, labels=range(rows.shape[1]))


# --- data that is clear of the bins' edges ---------------------------------------------------------------------------


def clear_of_edges(confidences):
    """No confidence is so near to an inner edge that rounding decides; one that was given may be the edge exactly."""

    def clear(inputs, params):
        if params["bins"] < 1 or not all(len(values) for values in inputs.values()):
            return
        try:
            confidence, bins = confidences(inputs), params["bins"]
        except Undefined:
            return
        place = confidence * bins
        edge = np.round(place)
        reach = 1e-6 if "logits" in inputs else 1e-9
        near = (np.abs(place - edge) < reach) & (edge > 0) & (edge < bins)
        if "logits" not in inputs:
            near &= (place != edge) | (edge / bins != confidence)
        if near.any():
            raise Unclear("near an edge of a bin")

    return clear


def clear_of_order(inputs, params):
    if not all(len(values) for values in inputs.values()):
        return
    try:
        steps = np.diff(np.sort(class_probabilities(inputs).max(1)))
    except Undefined:
        return
    if ((steps > 0) & (steps < 1e-8)).any():
        raise Unclear("near a tie")


TOP = clear_of_edges(lambda inputs: class_probabilities(inputs).max(1))
ALL = clear_of_edges(lambda inputs: class_probabilities(inputs).flatten())
BINARY = clear_of_edges(lambda inputs: inputs["scores"])
BINS = {"bins": 15}
MANY = several_classes

ECE = Metric("ece", ece, [torchmetrics_multiclass("l1"), published_by_kumar("get_ece", "top-label")], BINS, TOP)
ECE_EQUAL_MASS = Metric(
    "ece-equal-mass", ece_equal_mass, [published_by_kumar("get_ece_em", "top-label", even_masses)], BINS, clear_of_order
)
MCE = Metric("mce", mce, [torchmetrics_multiclass("max")], BINS, TOP)
ECE_CLASSWISE = Metric("ece-classwise", ece_classwise, [published_by_kumar("get_ece", "marginal", MANY)], BINS, ALL)
ECE_DEBIASED = Metric(
    "ece-debiased", ece_debiased,
    [published_by_kumar("lower_bound_scaling_ce", "top-label", p=2, debias=True,
                        binning_scheme=kumar.get_equal_prob_bins)],
    BINS, TOP,
)
ECE_BINARY = Metric(
    "ece-binary", ece_binary,
    [Library("torchmetrics.functional.binary_calibration_error", torchmetrics_binary, tolerance=FLOAT32),
     published_by_kumar("get_ece", "top-label")],
    BINS, BINARY,
)
BRIER = Metric("brier", brier, [Library("sklearn.metrics.brier_score_loss", sklearn_brier, MANY)], {})
NLL = Metric("nll", nll, [
    Library("torch.nn.functional.cross_entropy", torch_nll, lambda i, p: "logits" in i),
    Library("sklearn.metrics.log_loss", sklearn_nll, MANY),
], {})


def binary_sampled(n, decimals=3, kind=np.bool_):
    def draw(d):
        scores = d.uniform(n, decimals=decimals)
        hit = d.random.uniform(size=n) < scores.numpy() ** 1.5
        return {"scores": scores, "targets": torch.from_numpy(hit.astype(kind))}

    return draw


PERFECT = fixed(probabilities=one_hot([0, 1, 2, 1], 3), targets=[0, 1, 2, 1])
WRONG = fixed(probabilities=one_hot([1, 2, 0, 2], 3), targets=[0, 1, 2, 1])
CERTAIN_AND_95 = fixed(  # an implementation that gives confidence 1 a bin of its own says 0.525
    probabilities=[[1, 0], [1, 0], [0.05, 0.95], [0.05, 0.95]], targets=[1, 1, 1, 1])
LOGITS_IN_0_1 = fixed(logits=[[0.9, 0.1], [0.2, 0.8], [0.6, 0.1], [0.3, 0.7]], targets=[0, 1, 0, 1])
ON_EDGES = fixed(probabilities=[[0.5, 0.5], [0.75, 0.25], [0.25, 0.75], [0.625, 0.375], [0.125, 0.875], [0, 1]],
                 targets=[0, 1, 1, 0, 1, 0])
DUPLICATES = fixed(probabilities=[[0.7, 0.3]] * 4 + [[0.4, 0.6]] * 4 + [[0.1, 0.9]] * 3,
                   targets=[0, 0, 1, 0, 1, 0, 1, 1, 1, 1, 0])
ALL_TIES = fixed(probabilities=[[0.6, 0.3, 0.1]] * 7, targets=[0, 1, 0, 0, 2, 0, 1])
TIED_CLASSES = fixed(logits=[[1, 1, 0], [0, 2, 2], [3, 3, 3], [-1, -1, -2]], targets=[1, 1, 0, 0])
SATURATED = fixed(logits=[[100, -100, 0], [0, 1000, -1000], [-10000, 10000, 0], [0.5, 0.25, -0.5]],
                  targets=[0, 1, 0, 2])
EMPTY = lambda d: {"logits": torch.zeros(0, 3, dtype=torch.float64), "targets": integers([])}  # noqa: E731


BIN_OF_1 = {"torchmetrics": "a bin of its own for confidence 1"}
UPPER_EDGE = {"uncertainty-calibration": "bins closed at the upper edge"}
AS_PROBABILITIES = {"torchmetrics": "it takes logits in [0, 1] for probabilities"}


def calibration():
    group = Group("calibration")

    def add(metric, differs={}):
        """The cases that every metric on class scores has; `differs`: which library differs in which case."""
        binned = "bins" in metric.defaults

        def case(name, draw, **options):
            group.case(metric, name, draw, differs=differs.get(name, {}), **options)

        case("defaults", sampled(60, 4), stated=False)
        case("logits", sampled(90, 3, scale=2.5))
        case("probabilities", sampled(75, 5, "probabilities"))
        case("binary", sampled(45, 2, "probabilities", scale=3.0))
        case("larger", sampled(300, 4, signal=2.0))
        case("wide", sampled(30, 12, scale=3.0))
        if binned:
            for bins in [1, 2, 5, 10, 20, 100]:
                case(f"bins-{bins}", sampled(60, 3, scale=3.0), bins=bins)
            for bins in [4, 8]:
                case(f"confidence-on-edges-of-{bins}-bins", ON_EDGES, bins=bins)
            case("duplicates", DUPLICATES, bins=5)
            case("confidence-1-beside-0.95", CERTAIN_AND_95, bins=10)
            case("more-bins-than-samples", sampled(7, 3, "probabilities"), bins=25)
            case("bins-0", sampled(7, 3), bins=0)
        case("all-ties", ALL_TIES)
        case("tied-classes", TIED_CLASSES, **({"bins": 7} if binned else {}))
        case("confident-and-right", PERFECT)
        case("confident-and-wrong", WRONG)
        case("logits-that-lie-in-0-1", LOGITS_IN_0_1)
        case("saturated-logits", SATURATED)
        case("targets-of-one-class", fixed(
            probabilities=[[0.9, 0.1], [0.3, 0.7], [0.55, 0.45], [0.8, 0.2]], targets=[0, 0, 0, 0]))
        case("one-class", fixed(probabilities=[[1.0], [1.0]], targets=[0, 0]))
        case("one-sample", fixed(probabilities=[[0.2, 0.8]], targets=[1]))
        case("rows-sum-to-1-within-1e-4", fixed(probabilities=[[0.33333, 0.33333, 0.33333], [0.3, 0.30005, 0.4]],
                                                targets=[0, 2]))
        case("empty", EMPTY)
        case("rows-do-not-sum-to-1", fixed(probabilities=[[0.9, 0.1], [0.2, 0.7]], targets=[0, 1]))
        case("target-is-no-class", fixed(logits=[[0.9, 0.1], [0.2, 0.7]], targets=[0, 2]))

    add(ECE, differs={
        "confidence-on-edges-of-4-bins": UPPER_EDGE,
        "confidence-on-edges-of-8-bins": UPPER_EDGE | BIN_OF_1,
        "confidence-1-beside-0.95": BIN_OF_1,
        "logits-that-lie-in-0-1": AS_PROBABILITIES,
    })
    add(ECE_EQUAL_MASS)
    add(MCE, differs={
        "confidence-on-edges-of-4-bins": BIN_OF_1,
        "confidence-on-edges-of-8-bins": BIN_OF_1,
        "confidence-1-beside-0.95": BIN_OF_1,
        "logits-that-lie-in-0-1": AS_PROBABILITIES,
    })
    add(ECE_CLASSWISE)
    add(ECE_DEBIASED, differs={"confidence-on-edges-of-4-bins": UPPER_EDGE})
    add(BRIER)
    add(NLL, differs={"saturated-logits": {"sklearn": "it clips probabilities"}})

    def case(name, draw, **options):
        group.case(ECE_BINARY, name, draw, **options)

    case("defaults", binary_sampled(60), stated=False)
    case("integer-targets", binary_sampled(60, kind=np.int64))
    case("larger", binary_sampled(500))
    for bins in [1, 2, 5, 10, 20, 100]:
        case(f"bins-{bins}", binary_sampled(60, decimals=5), bins=bins)
    edges = fixed(scores=[0, 0.25, 0.5, 0.75, 1, 0.125, 0.875, 0.5], targets=[0, 0, 1, 1, 1, 0, 0, 0])
    case("scores-on-edges-of-4-bins", edges, bins=4, differs=UPPER_EDGE)
    case("scores-on-edges-of-8-bins", edges, bins=8)
    case("scores-exactly-0-and-1", fixed(scores=[0, 1, 1, 0, 1, 0, 0], targets=[0, 1, 0, 0, 1, 1, 0]))
    # An implementation that gives score 1 a bin of its own says 0.525.
    case("score-1-beside-0.95", fixed(scores=[1, 1, 0.95, 0.95], targets=[0, 0, 1, 1]), bins=10, differs=BIN_OF_1)
    case("all-wrong", fixed(scores=[0, 1, 1], targets=[True, False, False]))
    case("duplicates", fixed(scores=[0.3] * 4 + [0.6] * 5, targets=[0, 0, 1, 0, 1, 1, 0, 1, 1]), bins=5)
    case("all-ties", fixed(scores=[0.4] * 6, targets=[0, 1, 0, 0, 1, 0]))
    case("one-class", fixed(scores=[0.9, 0.2, 0.7], targets=[True, True, True]))
    case("one-sample", fixed(scores=[0.2], targets=[0]))
    case("more-bins-than-samples", binary_sampled(5), bins=40)
    case("not-the-confidence-of-the-top-label", fixed(scores=[0.1, 0.2, 0.8, 0.3], targets=[0, 0, 1, 1]))
    case("empty", lambda d: {"scores": exact([]), "targets": integers([])})
    case("score-above-1", fixed(scores=[0.2, 1.5], targets=[0, 1]))
    case("score-below-0", fixed(scores=[-0.2, 0.5], targets=[0, 1]))
    case("target-2", fixed(scores=[0.2, 0.5], targets=[0, 2]))
    case("bins-0", fixed(scores=[0.2, 0.5], targets=[0, 1]), bins=0)
    return group
