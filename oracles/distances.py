"""Distances between rows, and labelled batches to measure them in: what contrastive and triplet losses share."""

import torch
import torch.nn.functional as F

from common import exact, integers

DISTANCES = ["euclidean", "squared-euclidean", "cosine"]


def unit(x):
    """x / |x|; a zero vector stays zero, with gradient 0."""
    squared = (x * x).sum(-1, keepdim=True)
    nonzero = squared > 0
    return torch.where(nonzero, x / torch.where(nonzero, squared, 1.0).sqrt(), 0.0)


def distance(x, y, params):
    """The distance over the last dimension, with gradient 0 at distance 0 and at zero vectors."""
    if params["normalize"]:
        x, y = unit(x), unit(y)
    if params["distance"] == "cosine":
        return 1 - (unit(x) * unit(y)).sum(-1)
    squared = ((x - y) ** 2).sum(-1)
    if params["distance"] == "squared-euclidean":
        return squared
    apart = squared > 0
    return torch.where(apart, torch.where(apart, squared, 1.0).sqrt(), 0.0)


def distance_matrix(x, params):
    return distance(x.unsqueeze(1), x.unsqueeze(0), params)


def torch_distance(x, y, params):
    """The same distance by PyTorch's own functions, without their small constants."""
    if params["normalize"]:
        x, y = F.normalize(x, eps=0.0), F.normalize(y, eps=0.0)
    if params["distance"] == "cosine":
        return F.cosine_similarity(x, y, eps=1e-300).neg() + 1
    plain = F.pairwise_distance(x, y, eps=0.0)
    return plain**2 if params["distance"] == "squared-euclidean" else plain


def torch_distance_name(params):
    function = "cosine_similarity" if params["distance"] == "cosine" else "pairwise_distance"
    return f"torch.nn.functional.{function}"


def nearest(values):
    """The least distance of the values from 0."""
    return values.detach().abs().min().item() if values.numel() else float("inf")


def batch(count, width, classes, scale=0.5):
    """Random embeddings with labels of about equal frequency."""
    return lambda d: {"embeddings": d.normal(count, width, scale=scale), "labels": d.labels(count, classes)}


def fixed_batch(rows, labels, width=None):
    """Given labels with given rows, or with random ones where `rows` is None."""
    return lambda d: {
        "embeddings": d.normal(len(labels), width, scale=0.5) if rows is None else exact(rows),
        "labels": integers(labels),
    }
