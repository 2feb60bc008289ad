"""ArcFace and CosFace: classifiers by cosines, with a margin for the true class."""

import math

import torch
from pytorch_metric_learning import losses

from common import REDUCTIONS, Library, Outcome, Suite, exact, integers, reduce, softplus
from distances import nearest, unit
from pairs import pml_reducer


def formula(inputs, params, margin):
    """Cross-entropy where `margin(u, v)` takes the place of the cosine of an embedding and the vector of its class."""
    x, weights = unit(inputs["embeddings"]), unit(inputs["weights"])
    terms, clearance = [], float("inf")
    for u, target in zip(x, inputs["targets"].tolist()):
        own, clear = margin(u, weights[target])
        clearance = min(clearance, clear)
        others = torch.cat([weights[:target], weights[target + 1:]]) @ u
        terms.append(softplus((params["scale"] * others).logsumexp(0) - params["scale"] * own)
                     if len(others) else own * 0)
    terms = torch.stack(terms)
    return Outcome(reduce(terms, params["reduction"]), terms, clearance)


def arc_face_formula(inputs, params):
    m = params["margin"]

    def length(x):
        squared = (x * x).sum()
        return squared.sqrt() if squared > 0 else squared

    def margin(u, v):
        cos = u @ v
        # Half of the product of these two chords is the sine; a zero vector is at a right angle to everything.
        sin = length(u - v) * length(u + v) / 2 if (u * u).sum() > 0 and (v * v).sum() > 0 else torch.ones_like(cos)
        shifted = cos * math.cos(m) - sin * math.sin(m)
        if params["beyond"] == "formula":
            return shifted, float("inf")
        if params["beyond"] == "easy-margin":
            return (shifted if cos > 0 else cos), nearest(cos)
        return (shifted if cos >= -math.cos(m) else cos - m * math.sin(m)), nearest(cos + math.cos(m))

    return formula(inputs, params, margin)


def cos_face_formula(inputs, params):
    return formula(inputs, params, lambda u, v: (u @ v - params["margin"], float("inf")))


def by_library(loss, margin, inputs, params):
    classes, width = inputs["weights"].shape
    function = loss(classes, width, margin=margin, scale=params["scale"],
                    reducer=pml_reducer(params["reduction"], True))
    del function.W  # its own parameter
    function.W = inputs["weights"].T
    return Outcome(function(inputs["embeddings"], inputs["targets"]))


def arc_face_library(inputs, params):
    if params["beyond"] != "monotone":
        return None
    return Library("pytorch_metric_learning.losses.ArcFaceLoss",
                   lambda i, p: by_library(losses.ArcFaceLoss, math.degrees(p["margin"]), i, p))


def cos_face_library(inputs, params):
    return Library("pytorch_metric_learning.losses.CosFaceLoss",
                   lambda i, p: by_library(losses.CosFaceLoss, p["margin"], i, p))


def data(targets, classes, width, near=0.0):
    """With `near`, the part of its class vector in each embedding."""
    def draw(d):
        embeddings, weights = d.normal(len(targets), width), d.normal(classes, width)
        embeddings = exact(embeddings * (1 - abs(near)) + near * weights[targets])
        return {"embeddings": embeddings, "weights": weights, "targets": integers(targets)}
    return draw


def fixed(embeddings, weights, targets):
    return lambda d: {"embeddings": exact(embeddings), "weights": exact(weights), "targets": integers(targets)}


def common_cases(suite, name, options):
    for n, classes, width in [(6, 4, 5), (5, 2, 3), (1, 3, 4), (9, 7, 2)]:
        targets = [(3 * i + 1) % classes for i in range(n)]
        suite.case(f"{name}-{n}x{classes}x{width}", data(targets, classes, width), **options)
    for reduction in REDUCTIONS:
        suite.case(f"{name}-{reduction}", data([0, 2, 1, 1, 0], 3, 4), reduction=reduction, **options)
    suite.case(f"{name}-near-its-class", data([0, 2, 1, 3], 4, 6, near=0.8), **options)
    suite.case(f"{name}-far-from-its-class", data([0, 2, 1, 3], 4, 6, near=-0.8), **options)
    suite.case(f"{name}-larger", data([(7 * i) % 20 for i in range(24)], 20, 16), **options)
    suite.case(f"{name}-one-class-is-zero", data([0, 0, 0], 1, 4), edge=True, **options)


def edge_cases(suite, name, options):
    """Embeddings along their class, opposite to it, and zero; and a class vector that is zero."""
    suite.case(f"{name}-along-its-class", fixed([[2, 0], [0, 3]], [[1, 0], [0, 1], [1, 1]], [0, 1]), edge=True,
               **options)
    suite.case(f"{name}-opposite-to-its-class", fixed([[-2, 0], [1, -3]], [[1, 0], [0, 1], [1, 1]], [0, 1]), edge=True,
               **options)
    suite.case(f"{name}-zero-embedding", fixed([[0, 0], [1, 2]], [[1, 0], [0, 1], [1, 1]], [0, 1]), edge=True,
               lattice=True, **options)
    suite.case(f"{name}-zero-class-vector", fixed([[1, 3], [1, 2]], [[1, 0], [0, 0], [1, 1]], [0, 1]), edge=True,
               lattice=True, **options)


def arc_face():
    defaults = {"margin": 0.5, "scale": 64.0, "beyond": "monotone", "reduction": "mean"}
    suite = Suite("arc-face", defaults, arc_face_formula, arc_face_library)
    suite.case("defaults", data([0, 2, 1, 3, 1], 4, 5), stated=False)
    for beyond in ["monotone", "easy-margin", "formula"]:
        common_cases(suite, beyond, {"beyond": beyond, "scale": 8.0})
        edge_cases(suite, beyond, {"beyond": beyond, "scale": 4.0})
    for margin, scale in [(0.0, 16.0), (0.1, 64.0), (0.3, 30.0), (1.0, 8.0), (1.5, 2.0)]:
        suite.case(f"margin-{margin:g}-scale-{scale:g}", data([0, 2, 1, 3, 1], 4, 5), margin=margin, scale=scale)
    return suite


def cos_face():
    defaults = {"margin": 0.35, "scale": 64.0, "reduction": "mean"}
    suite = Suite("cos-face", defaults, cos_face_formula, cos_face_library)
    suite.case("defaults", data([0, 2, 1, 3, 1], 4, 5), stated=False)
    common_cases(suite, "mild", {"scale": 8.0})
    common_cases(suite, "sharp", {"scale": 64.0})
    edge_cases(suite, "mild", {"scale": 4.0})
    for margin, scale in [(0.0, 16.0), (0.1, 64.0), (0.4, 30.0), (1.0, 8.0), (2.0, 2.0)]:
        suite.case(f"margin-{margin:g}-scale-{scale:g}", data([0, 2, 1, 3, 1], 4, 5), margin=margin, scale=scale)
    return suite
