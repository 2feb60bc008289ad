"""Writes one JSON file of expected values per loss, per group of metrics, and per way to balance tasks. See README.md.

    python generate.py               # all
    python generate.py triplet focal metrics-curves # only these
"""

import sys
from importlib.metadata import version

import torch

import classification
import contrastive
import info_nce
import margin
import metrics_calibration
import metrics_classification
import metrics_clustering
import metrics_curves
import metrics_embedding
import metrics_ranking
import metrics_retrieval
import metrics_verification
import multitask
import multitask_balancing
import quadruplet
import pairs
import ranking
import redundancy
import self_contrastive
import siglip
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
    "quadruplet-aligned": quadruplet.quadruplet_aligned,
    "quadruplet": quadruplet.quadruplet,
    "info-nce": info_nce.info_nce,
    "siglip": siglip.siglip,
    "multi-similarity": pairs.multi_similarity,
    "circle": pairs.circle,
    "arc-face": margin.arc_face,
    "cos-face": margin.cos_face,
    "vicreg": redundancy.vicreg,
    "barlow-twins": redundancy.barlow_twins,
    "dcl": self_contrastive.dcl,
    "nt-xent": self_contrastive.nt_xent,
    "sup-con": self_contrastive.sup_con,
    "weighted-sum": multitask.weighted_sum,
    "uncertainty": multitask.uncertainty,
    "rank-net": ranking.rank_net,
    "lambda-loss": ranking.lambda_loss,
    "list-net": ranking.list_net,
    "list-mle": ranking.list_mle,
    "approx-ndcg": ranking.approx_ndcg,
}

METRICS = {
    "metrics-classification": metrics_classification.classification,
    "metrics-curves": metrics_curves.curves,
    "metrics-calibration": metrics_calibration.calibration,
    "metrics-retrieval": metrics_retrieval.retrieval,
    "metrics-verification": metrics_verification.verification,
    "metrics-embedding": metrics_embedding.embedding,
    "metrics-clustering": metrics_clustering.clustering,
    "metrics-ranking": metrics_ranking.ranking,
}

BALANCING = {
    "pcgrad": multitask_balancing.pcgrad,
    "cagrad": multitask_balancing.cagrad,
    "mgda": multitask_balancing.mgda,
    "upgrad": multitask_balancing.upgrad,
    "graddrop": multitask_balancing.graddrop,
    "gradnorm": multitask_balancing.gradnorm,
    "dwa": multitask_balancing.dwa,
}

LOSS_LIBRARIES = ["torch", "torchvision", "pytorch-metric-learning"]
METRIC_LIBRARIES = [
    "numpy", "scipy", "scikit-learn", "torch", "torchmetrics", "pytorch-metric-learning", "pytrec_eval-terrier",
    "uncertainty-calibration",
]
BALANCING_LIBRARIES = ["numpy", "scipy", "torch", "torchjd", "cvxpy"]


def main():
    torch.set_num_threads(1)
    kinds = [(LOSSES, LOSS_LIBRARIES), (METRICS, METRIC_LIBRARIES), (BALANCING, BALANCING_LIBRARIES)]
    for name in sys.argv[1:] or [name for suites, _ in kinds for name in suites]:
        suites, libraries = next(kind for kind in kinds if name in kind[0])
        suite = suites[name]()
        path = suite.write({library: version(library) for library in libraries})
        sources = {}
        for case in suite.cases:
            source = case["source"].split("; other than")[0]
            sources[source] = sources.get(source, 0) + 1
        print(f"{path.name}: {len(suite.cases)} cases, {path.stat().st_size:,} bytes, {sources}")
        for note in suite.notes:
            print("   differs:", note)


if __name__ == "__main__":
    main()
