"""The peers of `losses.py`, a process each: `python peers.py PEER CASE FOLDER`.

It says `ready`, and then obeys the lines of its input: `run` goes forward and back once and prints seconds and value;
`save` writes the gradient, or the neighbours.
"""

import json
import resource
import sys
import time
from pathlib import Path

import numpy as np

from cases import CASES


def load(folder, name, dtype, shape):
    path = Path(folder) / name
    return np.fromfile(path, dtype).reshape(shape) if path.exists() else None


# The losses as one writes them in PyTorch. Those over pairs keep to matrix products, which are faster than `cdist`.


def info_nce(torch, options):
    F = torch.nn.functional

    def loss(x, y, labels):
        logits = F.normalize(x) @ F.normalize(y).T / options["temperature"]
        places = torch.arange(len(x))
        return 0.5 * (F.cross_entropy(logits, places) + F.cross_entropy(logits.T, places))

    return loss


def self_contrastive(torch, options):
    F = torch.nn.functional

    def loss(x, y, labels):
        unit = F.normalize(x)
        logits = unit @ unit.T / options["temperature"]
        itself = torch.eye(len(x), dtype=torch.bool)
        positive = (labels[:, None] == labels) & ~itself
        log_sum = torch.logsumexp(logits.masked_fill(itself, -torch.inf), 1)
        means = logits.masked_fill(~positive, 0.0).sum(1) / positive.sum(1)
        return (log_sum - means).mean()

    return loss


def distances(torch, x):
    unit = torch.nn.functional.normalize(x)
    squares = (unit * unit).sum(1)
    squared = (squares[:, None] + squares - 2 * unit @ unit.T).clamp(min=0)
    # The root of 0, an anchor's distance from itself, has no gradient.
    return torch.where(squared > 0, squared, 1.0).sqrt() * (squared > 0)


def mean_active(torch, violations, valid):
    terms = torch.where(valid, violations.relu(), 0.0)
    return terms.sum() / (terms > 0).sum().clamp(min=1)


def pairs_of_a_label(torch, labels):
    same = labels[:, None] == labels
    positive = same & ~torch.eye(len(labels), dtype=torch.bool)
    return same, positive, positive.nonzero(as_tuple=True)


def triplet_all(torch, options):
    def prepare(labels):
        same, _, (anchors, positives) = pairs_of_a_label(torch, labels)
        negative = ~same[anchors]

        def loss(x, y, labels):
            apart = distances(torch, x)
            return mean_active(torch, apart[anchors, positives][:, None] - apart[anchors] + options["margin"], negative)

        return loss

    return prepare


def triplet_hard(torch, options):
    def prepare(labels):
        same, positive, _ = pairs_of_a_label(torch, labels)

        def loss(x, y, labels):
            apart = distances(torch, x)
            farthest = apart.masked_fill(~positive, -torch.inf).amax(1)
            nearest = apart.masked_fill(same, torch.inf).amin(1)
            return mean_active(torch, farthest - nearest + options["margin"], torch.tensor(True))

        return loss

    return prepare


def triplet_semi_hard(torch, options):
    def prepare(labels):
        same, _, (anchors, positives) = pairs_of_a_label(torch, labels)

        def loss(x, y, labels):
            apart = distances(torch, x)
            near = apart[anchors, positives]
            with torch.no_grad():
                negatives = apart.masked_fill(same, torch.inf)[anchors]
                beyond, place = negatives.masked_fill(negatives <= near[:, None], torch.inf).min(1)
                last = apart.masked_fill(same, -torch.inf).argmax(1)[anchors]
                chosen = torch.where(beyond.isinf(), last, place)
            return mean_active(torch, near - apart[anchors, chosen] + options["margin"], torch.tensor(True))

        return loss

    return prepare


def sigmoid_focal(torch, options):
    from torchvision.ops import sigmoid_focal_loss

    return lambda x, y, labels: sigmoid_focal_loss(x, y, alpha=0.25, gamma=2.0, reduction="mean")


def cross_entropy(torch, options):
    F = torch.nn.functional
    return lambda x, y, labels: F.cross_entropy(x, labels, label_smoothing=options["smoothing"])


LOSSES = {
    "info-nce": info_nce,
    "self-contrastive": self_contrastive,
    "triplet-all": triplet_all,
    "triplet-hard": triplet_hard,
    "triplet-semi-hard": triplet_semi_hard,
    "sigmoid-focal": sigmoid_focal,
    "cross-entropy": cross_entropy,
}


def of_library(case):
    """The loss of pytorch-metric-learning."""
    from pytorch_metric_learning import losses, miners

    if case.kernel == "self-contrastive":
        loss = losses.SupConLoss(temperature=case.options["temperature"])
        return lambda x, y, labels: loss(x, labels)
    loss = losses.TripletMarginLoss(margin=case.options["margin"])
    miner = {
        "triplet-all": lambda x, labels: None,
        "triplet-hard": miners.BatchHardMiner(),
        "triplet-semi-hard": miners.TripletMarginMiner(case.options["margin"], "semihard"),
    }[case.kernel]
    return lambda x, y, labels: loss(x, labels, miner(x, labels))


class Torch:
    def __init__(self, peer, case, folder):
        import torch

        torch.set_num_threads(2)
        width = case.options.get("width") or case.options.get("classes")
        shape = (-1, width) if width else (-1,)
        tensor = lambda name, dtype, shape: (a := load(folder, name, dtype, shape)) is not None and torch.from_numpy(a)
        self.x, self.y = (tensor(name, np.float32, shape) for name in ("x.f32", "y.f32"))
        if peer == "double":
            self.x = self.x.double()
        self.labels = tensor("labels.i64", np.int64, (-1,))
        self.tracked = [self.x] + ([self.y] if case.kernel == "info-nce" else [])
        for tracked in self.tracked:
            tracked.requires_grad_(True)
        loss = of_library(case) if peer == "pml" else LOSSES[case.kernel](torch, case.options)
        if peer != "pml" and case.kernel.startswith("triplet"):
            loss = loss(self.labels)
        self.loss = torch.compile(loss, dynamic=False) if peer == "compile" else loss

    def run(self):
        # As after `zero_grad`, which lets gradients go.
        for tracked in self.tracked:
            tracked.grad = None
        start = time.perf_counter()
        loss = self.loss(self.x, self.y, self.labels)
        loss.backward()
        return {"seconds": time.perf_counter() - start, "value": loss.item()}

    def save(self, folder, peer):
        self.x.grad.float().numpy().tofile(Path(folder) / f"{peer}.f32")


class Product(Torch):
    """The three products of a loss over similarities, by PyTorch."""

    def __init__(self, peer, case, folder):
        import torch

        torch.set_num_threads(2)
        side, width = case.product
        self.torch = torch
        self.rows, self.matrix = torch.full((side, width), 0.5), torch.full((side, side), 0.01)
        self.out = torch.full((side, width), 1.0)

    def run(self):
        start = time.perf_counter()
        self.torch.mm(self.rows, self.rows.T, out=self.matrix)
        self.torch.mm(self.matrix, self.rows, out=self.out)
        self.torch.mm(self.matrix.T, self.rows, out=self.out)
        return {"seconds": time.perf_counter() - start, "value": 0.0}


class Faiss:
    def __init__(self, peer, case, folder):
        import faiss

        faiss.omp_set_num_threads(2)
        self.faiss, self.k = faiss, case.options["k"]
        self.x = load(folder, "x.f32", np.float32, (-1, case.options["width"]))

    def run(self):
        start = time.perf_counter()
        index = self.faiss.IndexFlatIP(self.x.shape[1])
        index.add(self.x)
        _, self.neighbours = index.search(self.x, self.k)
        return {"seconds": time.perf_counter() - start, "value": 0.0}

    def save(self, folder, peer):
        self.neighbours.astype("<u4").tofile(Path(folder) / f"{peer}.u32")


def main():
    peer, name, folder, limit = sys.argv[1:]
    # A peer that needs more memory than there is ends with an error, and takes nothing else with it.
    resource.setrlimit(resource.RLIMIT_DATA, (int(limit), int(limit)))
    case = next(case for case in CASES if case.name == name)
    kind = {"faiss": Faiss, "torch-product": Product}.get(peer, Torch)
    worker = kind(peer, case, folder)
    print("ready", flush=True)
    for line in sys.stdin:
        if line.strip() == "run":
            print(json.dumps(worker.run()), flush=True)
        else:
            worker.save(folder, peer)
            print("saved", flush=True)


if __name__ == "__main__":
    main()
