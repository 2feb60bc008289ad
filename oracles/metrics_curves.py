"""Areas under the ROC curve and the precision-recall curve, exact at ties."""

import numpy as np
import sklearn.metrics as sk
import torch

from common import exact, integers
from metrics_common import Group, Library, Metric, Undefined, fixed


def split(inputs):
    """Scores and whether each is positive. The targets are booleans, or the integers 0 and 1."""
    scores, targets = inputs["scores"], inputs["targets"]
    if len(scores) == 0:
        raise Undefined("no samples")
    if targets.dtype != np.bool_ and not np.isin(targets, [0, 1]).all():
        raise Undefined("a target is neither 0 nor 1")
    return scores, targets.astype(bool)


def auroc(inputs, params):
    """The share of (positive, negative) pairs in which the positive scores higher; a tie counts half."""
    scores, positive = split(inputs)
    if positive.all() or not positive.any():
        raise Undefined("all targets are of one class")
    above, below = scores[positive][:, None], scores[~positive][None, :]
    return np.mean((above > below) + 0.5 * (above == below))


def auprc(inputs, params):
    """Average precision: the sum of (recall - recall before) * precision over the distinct scores, from the highest."""
    scores, positive = split(inputs)
    if not positive.any():
        raise Undefined("no target is positive")
    total, before = 0.0, 0.0
    for threshold in np.unique(scores)[::-1]:
        accepted = positive[scores >= threshold]
        recall = accepted.sum() / positive.sum()
        total += (recall - before) * accepted.mean()
        before = recall
    return total


METRICS = [
    Metric("auroc", auroc, [
        Library("sklearn.metrics.roc_auc_score", lambda i, p: sk.roc_auc_score(i["targets"], i["scores"]))], {}),
    Metric("auprc", auprc, [
        Library("sklearn.metrics.average_precision_score",
                lambda i, p: sk.average_precision_score(i["targets"], i["scores"]))], {}),
]


def sampled(n, share=0.5, decimals=3, signal=1.0, kind=bool):
    """Scores that favour the positives by `signal`; few `decimals` make ties."""

    def draw(d):
        positive = np.zeros(n, dtype=bool)
        positive[: max(1, round(share * n))] = True
        positive = d.random.permutation(positive)
        scores = exact(np.round(d.random.standard_normal(n) + signal * positive, decimals))
        return {"scores": scores, "targets": torch.from_numpy(positive.astype(kind))}

    return draw


def curves():
    group = Group("curves")
    for metric in METRICS:
        def case(name, draw, **options):
            group.case(metric, name, draw, **options)

        case("defaults", sampled(30), stated=False)
        case("integer-targets", sampled(30, kind=np.int64))
        case("larger", sampled(700, decimals=5))
        case("rare-positives", sampled(400, share=0.02, signal=2.0))
        case("rare-negatives", sampled(200, share=0.97))
        case("many-ties", sampled(60, decimals=0))
        case("ties-and-singles", sampled(80, decimals=1))
        case("inverted", sampled(40, signal=-1.5))
        case("one-positive", sampled(25, share=0.01))
        case("two-samples", fixed(scores=[0.2, 0.7], targets=[False, True]))
        case("two-samples-inverted", fixed(scores=[0.7, 0.2], targets=[False, True]))
        case("perfect", fixed(scores=[3, 2, 1, 0, -1], targets=[True, True, False, False, False]))
        case("worst", fixed(scores=[-3, -2, 1, 0, 5], targets=[True, True, False, False, False]))
        case("all-ties", fixed(scores=[0.5] * 7, targets=[1, 0, 0, 1, 0, 0, 0]))
        case("tie-between-classes", fixed(scores=[0.9, 0.5, 0.5, 0.5, 0.1], targets=[1, 0, 1, 0, 1]))
        case("scores-exactly-0-and-1", fixed(scores=[0, 1, 1, 0, 1, 0, 0], targets=[0, 1, 0, 0, 1, 1, 0]))
        case("duplicated-samples", lambda d: {
            key: torch.cat([value, value]) for key, value in sampled(20)(d).items()})
        case("neighbouring-floats", fixed(
            scores=np.float32(1) + np.arange(5) * np.finfo(np.float32).eps, targets=[0, 1, 0, 1, 1]))
        case("huge-and-tiny-scores", fixed(scores=[3e38, -3e38, 1e-45, 0, -1e-45, 1e30], targets=[1, 0, 1, 0, 1, 0]))
        case("all-positive", fixed(scores=[0.1, 0.4, 0.4], targets=[True, True, True]))
        case("all-negative", fixed(scores=[0.1, 0.4, 0.4], targets=[False, False, False]))
        case("one-sample", fixed(scores=[0.3], targets=[True]))
        case("empty", lambda d: {"scores": exact([]), "targets": integers([])})
        case("target-2", fixed(scores=[0.3, 0.2, 0.5], targets=[0, 1, 2]))
    return group
