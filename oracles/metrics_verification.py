"""Same or different? EER, the best accuracy, TAR@FAR of scored pairs."""

import numpy as np
import sklearn.metrics as sk
import torch
from scipy.optimize import brentq

from common import exact
from metrics_common import Group, Library, Metric, Undefined, fixed


def rates(inputs, params):
    """FAR and FRR of every threshold, from the one that accepts no pair to the one that accepts all. A pair is accepted
    if it is at least as alike as the threshold; equal scores are accepted together."""
    scores, same = alike(inputs, params), inputs["same"]
    thresholds = np.concatenate([[np.inf], np.unique(scores)[::-1]])
    accepted = scores[None, :] >= thresholds[:, None]
    return accepted[:, ~same].mean(1), 1 - accepted[:, same].mean(1)


def alike(inputs, params):
    """The scores, higher for pairs more alike."""
    if len(inputs["scores"]) == 0:
        raise Undefined("no pairs")
    if inputs["same"].all() or not inputs["same"].any():
        raise Undefined("all pairs are of one kind")
    return inputs["scores"] if params["orientation"] == "similarity" else -inputs["scores"]


def eer(inputs, params):
    """Where FAR = FRR, on the straight lines between neighbouring points (FAR, FRR)."""
    far, frr = rates(inputs, params)
    after = np.argmax(far - frr >= -1e-15)
    before = after - 1
    way = (frr[before] - far[before]) / (frr[before] - far[before] + far[after] - frr[after])
    return far[before] + way * (far[after] - far[before])


def verification_accuracy(inputs, params):
    """The highest share of pairs that are accepted if the same and rejected if different, over all thresholds."""
    far, frr = rates(inputs, params)
    same = inputs["same"].mean()
    return (same * (1 - frr) + (1 - same) * (1 - far)).max()


def tar_at_far(inputs, params):
    """The largest TAR = 1 - FRR of a threshold whose FAR is at most `far`."""
    if not 0 <= params["far"] <= 1:
        raise Undefined("far is outside [0, 1]")
    far, frr = rates(inputs, params)
    return (1 - frr)[far <= params["far"]].max()


def sklearn_roc(inputs, params):
    """FAR and TAR, as FPR and TPR of scikit-learn."""
    far, tar, _ = sk.roc_curve(inputs["same"], alike(inputs, params), drop_intermediate=False)
    return far, tar


def crossing(inputs, params):
    far, tar = sklearn_roc(inputs, params)
    along = np.arange(len(far))
    place = brentq(lambda at: np.interp(at, along, 1 - tar - far), 0, len(far) - 1, xtol=1e-14, rtol=1e-14)
    return np.interp(place, along, far)


def best_accuracy(inputs, params):
    far, tar = sklearn_roc(inputs, params)
    same, different = inputs["same"].sum(), (~inputs["same"]).sum()
    return ((tar * same + (1 - far) * different) / (same + different)).max()


def best_tar(inputs, params):
    far, tar = sklearn_roc(inputs, params)
    return tar[far <= params["far"]].max()


ORIENTATION = {"orientation": "similarity"}
METRICS = [
    Metric("eer", eer, [Library("sklearn.metrics.roc_curve, scipy.optimize.brentq", crossing)], ORIENTATION),
    Metric("verification-accuracy", verification_accuracy, [Library("sklearn.metrics.roc_curve", best_accuracy)],
           ORIENTATION),
    Metric("tar-at-far", tar_at_far,
           [Library("sklearn.metrics.roc_curve", best_tar, lambda i, p: 0 <= p["far"] <= 1)],
           ORIENTATION | {"far": 0.001}),
]


def pairs(n, share=0.5, decimals=3, signal=1.5, sign=1):
    """Scores of n pairs, of which a share is the same and scores higher (`sign` 1) or lower (-1)."""

    def draw(d):
        same = np.zeros(n, dtype=bool)
        same[: max(1, round(share * n))] = True
        same = d.random.permutation(same)
        scores = exact(np.round(sign * (d.random.standard_normal(n) + signal * same), decimals))
        return {"scores": scores, "same": torch.from_numpy(same)}

    return draw


def verification():
    group = Group("verification")
    for metric in METRICS:
        def case(name, draw, **options):
            group.case(metric, name, draw, **options)

        fars = [{"far": far} for far in (0.0, 0.001, 0.01, 0.1, 0.25, 1.0)] if metric.name == "tar-at-far" else [{}]
        case("defaults", pairs(60), stated=False)
        for params in fars:
            suffix = "".join(f"-far-{far:g}" for far in params.values())
            case("similarity" + suffix, pairs(80), **params)
            case("distance" + suffix, pairs(80, sign=-1), orientation="distance", **params)
            case("larger" + suffix, pairs(400, share=0.3, decimals=4), **params)
            case("many-ties" + suffix, pairs(70, decimals=0), **params)
            case("tie-at-the-top" + suffix, fixed(
                scores=[0.9, 0.9, 0.9, 0.5, 0.4, 0.3, 0.3],
                same=[True, False, True, True, False, True, False]), **params)
        case("few-same", pairs(120, share=0.03))
        case("few-different", pairs(120, share=0.97))
        case("wrong-orientation", pairs(50, sign=-1))
        case("separable", fixed(scores=[3, 2, 1, 0, -1], same=[True, True, False, False, False]))
        case("inverted", fixed(scores=[3, 2, 1, 0, -1], same=[False, False, False, True, True]))
        case("two-pairs", fixed(scores=[0.2, 0.7], same=[False, True]))
        case("two-pairs-inverted", fixed(scores=[0.7, 0.2], same=[False, True]))
        case("all-ties", fixed(scores=[0.5] * 6, same=[True, False, True, False, False, False]))
        case("all-ties-mostly-same", fixed(scores=[0.5] * 5, same=[True, True, True, True, False]),
             orientation="distance")
        case("crosses-at-a-point", fixed(
            scores=[4, 3, 2, 1, 0, -1], same=[True, True, False, True, False, False]))
        case("crosses-between-points", fixed(scores=[4, 3, 3, 3, 2, 1, 0],
                                             same=[True, True, False, False, True, False, False]))
        case("negative-distances-allowed", fixed(scores=[-2, -1, 0, 1.5], same=[True, False, True, False]),
             orientation="distance")
        case("duplicated-pairs", lambda d: {
            key: torch.cat([value, value]) for key, value in pairs(30)(d).items()})
        case("all-same", fixed(scores=[0.1, 0.4, 0.4], same=[True, True, True]))
        case("all-different", fixed(scores=[0.1, 0.4, 0.4], same=[False, False, False]))
        case("empty", lambda d: {"scores": exact([]), "same": torch.zeros(0, dtype=torch.bool)})
        if metric.name == "tar-at-far":
            tenth = fixed(scores=range(20, 0, -1), same=([True] * 4 + [False]) * 2 + [True, False] * 4 + [False] * 2)
            for far in (0.124, 0.125, 0.126, 0.25):
                case(f"exactly-one-in-eight-far-{far:g}", tenth, far=far)
            case("far-negative", pairs(10), far=-0.1)
            case("far-above-1", pairs(10), far=1.5)
    return group
