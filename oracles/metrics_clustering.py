"""Agreement of labels with clusters: NMI and AMI, with the arithmetic mean of the entropies."""

from fractions import Fraction
from math import comb, log

import numpy as np
import torch
from pytorch_metric_learning.utils.accuracy_calculator import AccuracyCalculator
from sklearn.metrics import adjusted_mutual_info_score, normalized_mutual_info_score

from common import integers
from metrics_common import Group, Library, Metric, Undefined, fixed


def table(inputs):
    """How many samples have each label and each cluster together."""
    if len(inputs["labels"]) == 0:
        raise Undefined("no samples")
    _, rows = np.unique(inputs["labels"], return_inverse=True)
    _, columns = np.unique(inputs["clusters"], return_inverse=True)
    counts = np.zeros((rows.max() + 1, columns.max() + 1), dtype=np.int64)
    np.add.at(counts, (rows, columns), 1)
    return counts


def same_partition(counts):
    return (np.count_nonzero(counts, 0) == 1).all() and (np.count_nonzero(counts, 1) == 1).all()


def entropy(sizes):
    shares = sizes / sizes.sum()
    return -(shares * np.log(shares)).sum()


def information(counts):
    """The mutual information, in nats."""
    n, independent = counts.sum(), np.outer(counts.sum(1), counts.sum(0))
    seen = counts > 0
    return (counts[seen] / n * np.log(n * counts[seen] / independent[seen])).sum()


def expected_information(counts):
    """Its mean over all ways to draw the clusters at random with their sizes, from exact probabilities."""
    n, total = int(counts.sum()), 0.0
    sizes, repeats = np.unique(np.concatenate([counts.sum(1)]), return_counts=True)
    others, times = np.unique(counts.sum(0), return_counts=True)
    for a, repeat in zip(sizes.tolist(), repeats):
        for b, time in zip(others.tolist(), times):
            for both in range(max(1, a + b - n), min(a, b) + 1):
                chance = Fraction(comb(a, both) * comb(n - a, b - both), comb(n, b))
                total += repeat * time * both / n * log(Fraction(n * both, a * b)) * float(chance)
    return total


def nmi(inputs, params):
    """Information over the mean entropy. 1 for one label and one cluster: they agree, though nothing is to be known."""
    counts = table(inputs)
    if counts.size == 1:
        return 1.0
    return information(counts) / ((entropy(counts.sum(1)) + entropy(counts.sum(0))) / 2)


def ami(inputs, params):
    """(Information - expected) / (mean entropy - expected). 1 for equal partitions, where it may be 0 / 0."""
    counts = table(inputs)
    if same_partition(counts):
        return 1.0
    if 1 in counts.shape:
        return 0.0
    expected = expected_information(counts)
    mean = (entropy(counts.sum(1)) + entropy(counts.sum(0))) / 2
    return (information(counts) - expected) / (mean - expected)


def pml(name):
    def compute(inputs, params):
        labels, clusters = (torch.from_numpy(inputs[key]) for key in ("labels", "clusters"))
        return getattr(AccuracyCalculator(include=(name,), kmeans_func=True), f"calculate_{name}")(labels, clusters)

    return Library("pytorch_metric_learning AccuracyCalculator", compute)


METRICS = [
    Metric("nmi", nmi, [
        Library("sklearn.metrics.normalized_mutual_info_score",
                lambda i, p: normalized_mutual_info_score(i["labels"], i["clusters"])), pml("NMI")], {}),
    Metric("ami", ami, [
        Library("sklearn.metrics.adjusted_mutual_info_score",
                lambda i, p: adjusted_mutual_info_score(i["labels"], i["clusters"])), pml("AMI")], {}),
]


def noisy(n, labels, clusters, share=0.6):
    """Clusters that follow the labels for a share of the samples, else at random."""

    def draw(d):
        given = d.labels(n, labels)
        follow = torch.from_numpy(d.random.uniform(size=n) < share)
        return {"labels": given, "clusters": torch.where(follow, given % clusters, d.indices(n, below=clusters))}

    return draw


def clustering():
    group = Group("clustering")
    for metric in METRICS:
        def case(name, draw, **options):
            group.case(metric, name, draw, **options)

        case("defaults", noisy(40, 4, 4), stated=False)
        case("small", noisy(9, 3, 3))
        case("larger", noisy(600, 10, 12))
        case("more-clusters-than-labels", noisy(60, 3, 8))
        case("fewer-clusters-than-labels", noisy(60, 8, 3))
        case("independent", noisy(100, 5, 5, share=0.0))
        case("below-chance", fixed(labels=[0, 0, 0, 1, 1, 1], clusters=[0, 1, 2, 0, 1, 2]))
        case("exactly-independent", fixed(labels=[0, 0, 1, 1], clusters=[0, 1, 0, 1]))
        case("imbalanced", fixed(labels=[0] * 30 + [1] * 3 + [2], clusters=[0] * 25 + [1] * 7 + [2, 0]))
        case("equal", noisy(20, 4, 4, share=1.0))
        case("equal-but-renamed", fixed(labels=[0, 0, 1, 1, 2, 2, 2], clusters=[9, 9, -4, -4, 0, 0, 0]))
        case("split-in-two", fixed(labels=[0] * 6 + [1] * 6, clusters=[0, 0, 0, 1, 1, 1, 2, 2, 2, 3, 3, 3]))
        case("merged", fixed(labels=[0, 0, 0, 1, 1, 1, 2, 2, 2, 3, 3, 3], clusters=[0] * 6 + [1] * 6))
        case("ids-16777216-and-16777217", fixed(
            labels=[16777216, 16777216, 16777217, 16777217, 16777216], clusters=[0, 0, 1, 1, 1]))
        case("ids-beyond-2-to-the-53", fixed(
            labels=[9007199254740992, 9007199254740993, 9007199254740993, 9007199254740992],
            clusters=[-9223372036854775807, -9223372036854775807, 9223372036854775807, 9223372036854775807]))
        case("negative-ids", fixed(labels=[-1, -1, -2, -2, -3], clusters=[5, 5, 5, -7, -7]))
        case("one-label-several-clusters", fixed(labels=[3] * 6, clusters=[0, 0, 1, 1, 2, 2]))
        case("several-labels-one-cluster", fixed(labels=[0, 0, 1, 1, 2, 2], clusters=[3] * 6))
        case("one-label-one-cluster", fixed(labels=[3] * 4, clusters=[8] * 4))
        case("every-sample-its-own-cluster", fixed(labels=[0, 0, 1, 1, 2, 2], clusters=range(6)))
        case("every-sample-its-own-label", fixed(labels=range(6), clusters=[0, 0, 1, 1, 2, 2]))
        case("every-sample-its-own-label-and-cluster", fixed(labels=range(6), clusters=[5, 4, 3, 2, 1, 0]))
        case("one-sample", fixed(labels=[4], clusters=[2]))
        case("two-samples-apart", fixed(labels=[0, 1], clusters=[1, 0]))
        case("empty", lambda d: {"labels": integers([]), "clusters": integers([])})
    return group
