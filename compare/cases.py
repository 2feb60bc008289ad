"""What is compared: data, the losslab kernel with its options, the peers, and the targets."""

from dataclasses import dataclass, field
from typing import Callable

import numpy as np

GIB, MIB = 1 << 30, 1 << 20
TILES = 256 * MIB  # what the contrastive kernels may keep where nothing else is said


@dataclass(frozen=True)
class Target:
    """`what` of `peer` is at least, or at most, `limit`."""

    what: str  # "faster", "share", "products" or "memory"
    limit: float
    peer: str = ""

    def text(self):
        return {
            "faster": f"{self.limit:g} x faster than {self.peer}",
            "share": f"{100 * self.limit:.0f} % of the matrix-multiply rate",
            "products": f"at most {self.limit:g} x its matrix products",
            "memory": f"at most {self.limit / MIB:.0f} MiB",
        }[self.what]


@dataclass(frozen=True)
class Case:
    name: str
    title: str
    data: Callable  # a generator of random numbers -> {"x": …, "y": …, "labels": …}
    kernel: str
    options: dict
    peers: tuple = ()
    targets: tuple = ()
    # Operations of its matrix products in f32 and f64, and the shape on which the machine's rate is measured.
    operations: tuple = (0.0, 0.0)
    product: tuple = ()
    warm: bool = True
    tolerance: float = 1e-3
    # Whether peers in f32 may choose other pairs, so that PyTorch in f64 says what is right.
    double: bool = False
    notes: tuple = field(default=())


def normal(random, *shape):
    return random.standard_normal(shape, dtype=np.float32)


def pairs(rows, width):
    return lambda random: {"x": normal(random, rows, width), "y": normal(random, rows, width)}


def labelled(rows, width, samples):
    """Rows at random, in classes of `samples` that are mixed."""
    labels = np.arange(rows, dtype=np.int64) % (rows // samples)
    return lambda random: {"x": normal(random, rows, width), "labels": labels}


def detections(count):
    """Logits of detections, one in a hundred of them positive."""
    return lambda random: {
        "x": 2 * normal(random, count),
        "y": (random.random(count, dtype=np.float32) < 0.01).astype(np.float32),
    }


def classes(rows, count):
    return lambda random: {"x": 2 * normal(random, rows, count), "labels": random.integers(0, count, rows)}


TORCH = ("eager", "compile")


def info_nce(rows, width, peers=TORCH):
    kept = min(TILES / (4 * rows * rows), 1.0)
    targets = [Target("share", 0.85), Target("memory", TILES + 4 * 4 * rows * width)]
    if peers:
        targets = [Target("faster", 1.3, "compile"), Target("faster", 2.5, "eager"), *targets]
    return Case(
        f"info-nce-{rows}",
        f"symmetric InfoNCE, B = {rows:,}, D = {width}",
        pairs(rows, width),
        "info-nce",
        {"width": width, "temperature": 0.07},
        peers,
        tuple(targets),
        ((8 - 2 * kept) * rows * rows * width, 0.0),
        (4096, width),
        warm=rows <= 16_384,
    )


def within_one_set(name, title, rows, width, samples):
    kept = min(TILES / (2 * rows * rows), 1.0)
    return Case(
        f"{name}-{rows}",
        f"{title}, B = {rows:,}, D = {width}",
        labelled(rows, width, samples),
        "self-contrastive",
        {"width": width, "temperature": 0.1},
        (*TORCH, "pml"),
        (Target("faster", 4.0, "pml"), Target("memory", TILES + 4 * 4 * rows * width)),
        ((4 - kept) * rows * rows * width, 0.0),
        (4096, width),
    )


def triplet(kind, title, rows, peers, targets, operations):
    width = 128
    return Case(
        f"triplet-{kind}-{rows}",
        f"{title}, B = {rows:,}, D = {width}, 8 a class",
        labelled(rows, width, 8),
        f"triplet-{kind}",
        {"width": width, "margin": 0.2, "normalize": 1},
        peers,
        targets,
        operations,
        (4096, width),
        double=kind == "semi-hard",
        notes=(("pml takes every semi-hard triplet, not the nearest one of each pair: its value is another",)
               if kind == "semi-hard" else ()),
    )


def smoothing(rows, count):
    return Case(
        f"label-smoothing-{count}",
        f"label-smoothed cross-entropy, {rows:,} x {count:,}",
        classes(rows, count),
        "cross-entropy",
        {"classes": count, "smoothing": 0.1},
        TORCH,
        (Target("faster", 1.5, "compile"), Target("faster", 3.0, "eager"), Target("memory", 4 * rows * count + 4 * MIB)),
    )


def square(rows, factor):
    return factor * rows * rows * 128


CASES = (
    info_nce(4096, 256),
    info_nce(8192, 512),
    info_nce(16_384, 256),
    info_nce(65_536, 256, peers=()),
    within_one_set("nt-xent", "NT-Xent", 4096, 128, 2),
    within_one_set("nt-xent", "NT-Xent", 16_384, 128, 2),
    within_one_set("sup-con", "SupCon, 8 a class", 4096, 128, 8),
    within_one_set("sup-con", "SupCon, 8 a class", 16_384, 128, 8),
    triplet("all", "batch-all triplet", 1024, (*TORCH, "pml"), (Target("faster", 100.0, "pml"),),
            (square(1024, 2.0), square(1024, 1.0))),
    triplet("all", "batch-all triplet", 16_384, (), (Target("products", 2.5), Target("memory", 200 * MIB)),
            (square(16_384, 2.0), square(16_384, 1.0))),
    triplet("hard", "batch-hard triplet", 4096, (*TORCH, "pml"),
            tuple(Target("faster", 3.0, peer) for peer in ("compile", "eager", "pml")), (square(4096, 2.0), 0.0)),
    triplet("semi-hard", "semi-hard triplet", 4096, (*TORCH, "pml"),
            tuple(Target("faster", 3.0, peer) for peer in ("compile", "eager", "pml")), (square(4096, 2.0), 0.0)),
    Case("sigmoid-focal", "sigmoid focal, 10 M logits", detections(10_000_000), "sigmoid-focal", {}, TORCH,
         (Target("faster", 3.0, "compile"), Target("faster", 20.0, "eager"))),
    smoothing(4096, 1000),
    smoothing(1024, 50_257),
    Case("nearest", "exact 10 nearest neighbours, 60,000 x 60,000, D = 128", lambda random: {"x": normal(random, 60_000, 128)},
         "nearest", {"width": 128, "k": 10}, ("faiss",), (Target("faster", 1.0, "faiss"),),
         (2.0 * 60_000 * 60_000 * 128, 0.0), (4096, 128), warm=False),
)  # fmt: skip

# Losses through Burn beside the bare kernel and plain tensor operations, by `losslab bench`.
THROUGH_BURN = {
    "burn-info-nce": ["info-nce", "--rows", "4096", "--dim", "256"],
    "burn-sup-con": ["sup-con", "--rows", "4096", "--dim", "128"],
    "burn-triplet": ["triplet", "--rows", "1024", "--dim", "128", "--plain-limit", "20"],
    "burn-focal-sigmoid": ["focal-sigmoid", "--rows", "4096", "--classes", "1000"],
    "burn-label-smoothing": ["label-smoothing", "--rows", "4096", "--classes", "1000"],
}
