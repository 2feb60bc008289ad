"""Accuracy, balanced accuracy, MCC, F-beta, precision and recall of the most probable class."""

import numpy as np
import sklearn.metrics as sk
import torch

from common import exact
from metrics_common import Group, Library, Metric, Undefined, fixed

# --- what the inputs mean ----------------------------------------------------------------------------------------


def check_classes(targets, classes):
    if len(targets) == 0:
        raise Undefined("no samples")
    if ((targets < 0) | (targets >= classes)).any():
        raise Undefined("a target is not the index of a class")


def class_scores(inputs):
    """The logits or probabilities. Probabilities are in [0, 1] and their rows sum to 1 within 1e-4."""
    if "logits" in inputs:
        return inputs["logits"]
    rows = inputs["probabilities"]
    if ((rows < 0) | (rows > 1)).any() or (np.abs(rows.sum(1) - 1) > 1e-4).any():
        raise Undefined("a row of probabilities does not sum to 1")
    return rows


def log_softmax(logits):
    shifted = logits - logits.max(1, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(1, keepdims=True))


def class_probabilities(inputs):
    return np.exp(log_softmax(inputs["logits"])) if "logits" in inputs else class_scores(inputs)


def predictions(inputs):
    """Targets and the classes with the highest score, the lowest index among equals."""
    scores = class_scores(inputs)
    check_classes(inputs["targets"], scores.shape[1])
    return inputs["targets"], scores.argmax(1)  # numpy's argmax is the first of the highest


def confusion(inputs):
    """counts[t, p]: samples of class t predicted as class p."""
    targets, predicted = predictions(inputs)
    classes = class_scores(inputs).shape[1]
    counts = np.zeros((classes, classes))
    np.add.at(counts, (targets, predicted), 1)
    return counts


# --- the metrics -------------------------------------------------------------------------------------------------


def accuracy(inputs, params):
    counts = confusion(inputs)
    return np.trace(counts) / counts.sum()


def balanced_accuracy(inputs, params):
    """The mean recall of the classes that occur among the targets."""
    counts = confusion(inputs)
    size = counts.sum(1)
    return np.mean((np.diag(counts)[size > 0]) / size[size > 0])


def mcc(inputs, params):
    """Gorodkin 2004. Its denominator is 0 if the targets or the predictions are all of one class."""
    counts = confusion(inputs)
    n, correct, true, predicted = counts.sum(), np.trace(counts), counts.sum(1), counts.sum(0)
    spread_true, spread_predicted = n * n - true @ true, n * n - predicted @ predicted
    if spread_true == 0:
        raise Undefined("all targets are of one class")
    if spread_predicted == 0:
        raise Undefined("all predictions are of one class")
    return (correct * n - true @ predicted) / np.sqrt(spread_true) / np.sqrt(spread_predicted)


def averaged(inputs, params, numerator, denominator):
    """A quotient of (tp, fp, fn). macro: the mean over the classes that occur among the targets or the predictions, a
    quotient 0/0 counted as 0. micro: the quotient of the sums."""
    counts = confusion(inputs)
    hits = np.diag(counts)
    numbers = np.stack([hits, counts.sum(0) - hits, counts.sum(1) - hits])
    if params["average"] == "micro":
        numbers = numbers.sum(1, keepdims=True)
    numbers = numbers[:, numbers.sum(0) > 0]
    above, below = numerator(*numbers), denominator(*numbers)
    return np.mean(np.where(below > 0, above / np.where(below > 0, below, 1), 0))


def f_beta(inputs, params):
    if params["beta"] < 0:
        raise Undefined("beta is negative")
    weight = params["beta"] ** 2
    return averaged(
        inputs, params, lambda tp, fp, fn: (1 + weight) * tp, lambda tp, fp, fn: (1 + weight) * tp + weight * fn + fp
    )


def precision(inputs, params):
    return averaged(inputs, params, lambda tp, fp, fn: tp, lambda tp, fp, fn: tp + fp)


def recall(inputs, params):
    return averaged(inputs, params, lambda tp, fp, fn: tp, lambda tp, fp, fn: tp + fn)


def sklearn_on_predictions(name, *options):
    """A function of scikit-learn on targets and predictions, with our params of the same name."""

    def compute(inputs, params):
        return getattr(sk, name)(*predictions(inputs), **{option: params[option] for option in options})

    return Library(f"sklearn.metrics.{name}", compute)


METRICS = [
    Metric("accuracy", accuracy, [sklearn_on_predictions("accuracy_score")], {}),
    Metric("balanced-accuracy", balanced_accuracy, [sklearn_on_predictions("balanced_accuracy_score")], {}),
    Metric("mcc", mcc, [sklearn_on_predictions("matthews_corrcoef")], {}),
    Metric(
        "f1", f_beta, [sklearn_on_predictions("fbeta_score", "beta", "average")], {"beta": 1.0, "average": "macro"}
    ),
    Metric("precision", precision, [sklearn_on_predictions("precision_score", "average")], {"average": "macro"}),
    Metric("recall", recall, [sklearn_on_predictions("recall_score", "average")], {"average": "macro"}),
]


# --- data --------------------------------------------------------------------------------------------------------


def sampled(n, classes, kind="logits", scale=1.5, signal=1.0, weights=None):
    """Class scores that favour the target by `signal`; the targets follow `weights`."""

    def draw(d):
        targets = torch.from_numpy(d.random.choice(classes, n, p=weights).astype(np.int64))
        noise, favoured = d.normal(n, classes, scale=scale).numpy(), one_hot(targets.numpy(), classes)
        logits = exact(np.round(noise + signal * favoured, 3))
        if kind == "logits":
            return {"logits": logits, "targets": targets}
        return {"probabilities": exact(rounded_rows(np.exp(log_softmax(logits.numpy())))), "targets": targets}

    return draw


def rounded_rows(rows, steps=1000):
    """Rows of multiples of 1 / steps, above 0 and with sum 1: the highest entry takes up what rounding leaves."""
    counts = np.maximum(np.round(rows * steps), 1)
    counts[np.arange(len(rows)), counts.argmax(1)] += steps - counts.sum(1)
    return counts / steps


def one_hot(predicted, classes):
    return np.eye(classes)[predicted]


TIES = {
    "logits": [[1, 1, 0], [0, 2, 2], [3, 3, 3], [-1, -1, -2], [0.5, 0, 0.5]],
    "targets": [1, 1, 0, 0, 2],
}


def classification():
    group = Group("classification")
    for metric in METRICS:
        variants = {
            "accuracy": [{}], "balanced-accuracy": [{}], "mcc": [{}],
            "f1": [{}, {"average": "micro"}, {"beta": 0.5}, {"beta": 2.0}],
        }.get(metric.name, [{}, {"average": "micro"}])

        def case(name, draw, **options):
            group.case(metric, name, draw, **options)

        case("defaults", sampled(40, 4), stated=False)
        for params in variants:
            suffix = "".join(f"-{key}-{value}" for key, value in params.items())
            case("binary" + suffix, sampled(30, 2), **params)
            case("several-classes" + suffix, sampled(60, 5, "probabilities"), **params)
            case("imbalanced" + suffix, sampled(120, 4, signal=2.0, weights=[0.85, 0.1, 0.03, 0.02]), **params)
            case("ties-lowest-index-wins" + suffix, fixed(**TIES), **params)
            case("all-logits-equal" + suffix, fixed(logits=[[2.0] * 3] * 5, targets=[0, 0, 1, 2, 2]), **params)
            case("class-never-predicted" + suffix,
                 fixed(logits=one_hot([0, 0, 1, 1, 0, 1], 3), targets=[0, 2, 1, 1, 2, 0]), **params)
            case("class-predicted-but-not-a-target" + suffix,
                 fixed(logits=one_hot([0, 2, 1, 2, 0, 1], 4), targets=[0, 0, 1, 1, 0, 1]), **params)
        if metric.name == "f1":
            case("beta-0-is-precision", sampled(30, 3), beta=0.0)
            case("beta-10-is-nearly-recall", sampled(30, 3), beta=10.0)
            case("beta-negative", sampled(30, 3), beta=-1.0)
        case("perfect", fixed(logits=one_hot([0, 1, 2, 1], 3), targets=[0, 1, 2, 1]))
        case("all-wrong", fixed(logits=one_hot([1, 2, 0, 2], 3), targets=[0, 1, 2, 1]))
        case("confidence-0-and-1", fixed(probabilities=one_hot([0, 1, 0, 1, 1], 2), targets=[0, 1, 1, 0, 1]))
        case("one-sample", fixed(logits=[[0.5, -1.0]], targets=[0]))
        case("targets-of-one-class", fixed(logits=one_hot([1, 1, 0, 2, 1], 3), targets=[1, 1, 1, 1, 1]))
        case("predictions-of-one-class", fixed(logits=one_hot([1, 1, 1, 1, 1], 3), targets=[0, 1, 2, 1, 1]))
        case("one-class", fixed(logits=[[0.5], [-2.0]], targets=[0, 0]))
        case("wide", sampled(15, 40, signal=3.0))
        case("huge-logits", fixed(logits=[[1e30, -1e30, 0], [0, 3e38, -3e38], [1e-30, 0, 0]], targets=[0, 1, 1]))
        case("probabilities-barely-apart",
             fixed(probabilities=[[0.5, 0.49999997], [0.49999997, 0.5], [0.5, 0.5]], targets=[0, 1, 1]))
        case("empty", lambda d: {"logits": torch.zeros(0, 3, dtype=torch.float64),
                                 "targets": torch.zeros(0, dtype=torch.int64)})
        case("target-16777217-is-no-class", fixed(logits=one_hot([0, 1, 0], 2), targets=[0, 1, 16777217]))
        case("target-negative", fixed(logits=one_hot([0, 1, 0], 2), targets=[0, 1, -1]))
        case("rows-do-not-sum-to-1", fixed(probabilities=[[0.5, 0.5], [0.9, 0.3]], targets=[0, 1]))
    return group
