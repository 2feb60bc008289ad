"""Writes one JSON file of expected values per loss. See README.md.

    python generate.py               # all losses
    python generate.py triplet focal # only these
"""

import sys
from importlib.metadata import version

import torch

import classification
import contrastive
import info_nce
import multitask
import triplet

LOSSES = {
    "focal-sigmoid": classification.focal_sigmoid,
    "focal": classification.focal,
    "cross-entropy": classification.cross_entropy,
    "label-smoothing": classification.label_smoothing,
    "contrastive": contrastive.contrastive,
    "contrastive-batch": contrastive.contrastive_batch,
    "triplet-aligned": triplet.triplet_aligned,
    "triplet": triplet.triplet,
    "info-nce": info_nce.info_nce,
    "weighted-sum": multitask.weighted_sum,
    "uncertainty": multitask.uncertainty,
}


def main():
    torch.set_num_threads(1)
    versions = {name: version(name) for name in ["torch", "torchvision", "pytorch-metric-learning"]}
    for name in sys.argv[1:] or LOSSES:
        suite = LOSSES[name]()
        path = suite.write(versions)
        sources = {}
        for case in suite.cases:
            sources[case["source"]] = sources.get(case["source"], 0) + 1
        print(f"{path.name}: {len(suite.cases)} cases, {path.stat().st_size:,} bytes, {sources}")
        for note in suite.notes:
            print("   differs:", note)


if __name__ == "__main__":
    main()
