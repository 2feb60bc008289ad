"""What every loss shares: building a case, computing it, checking it, writing it."""

import json
import math
import zlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Callable

import numpy as np
import torch

HERE = Path(__file__).resolve().parent
REDUCTIONS = ["mean", "mean-per-sample", "mean-active", "sum"]
ATTEMPTS = 200  # seeds to try for data that is clear of kinks and ties


class Unclear(Exception):
    """The drawn data lies too near a kink, a tie or what float32 can resolve: draw again."""


@dataclass
class Outcome:
    """What a definition gives for one input. `clearance` is the least distance to a kink or a change of choice."""

    value: torch.Tensor
    terms: torch.Tensor | None = None
    clearance: float = math.inf
    leaves: dict = field(default_factory=dict)  # further tensors to differentiate by: name -> leaf


@dataclass
class Library:
    """A published function that computes the same thing; `source` names it."""

    source: str
    compute: Callable  # (inputs, params) -> Outcome


class Draw:
    """Seeded test data. All floats are exact float32 numbers with a short decimal form."""

    def __init__(self, seed):
        self.random = np.random.default_rng(seed)

    def normal(self, *shape, scale=1.0, decimals=3):
        return exact(np.round(self.random.standard_normal(shape) * scale, decimals))

    def uniform(self, *shape, low=0.0, high=1.0, decimals=3):
        return exact(np.round(self.random.uniform(low, high, shape), decimals))

    def lattice(self, *shape, reach=3):
        """Integers as floats: their squared distances are exact, so equal distances are exactly equal."""
        return exact(self.random.integers(-reach, reach + 1, shape))

    def indices(self, *shape, below):
        return torch.from_numpy(np.asarray(self.random.integers(0, below, shape), dtype=np.int64))

    def booleans(self, *shape):
        return torch.from_numpy(self.random.integers(0, 2, shape).astype(bool))

    def labels(self, count, classes):
        """Shuffled labels in which every class occurs about equally often."""
        return torch.from_numpy(self.random.permutation(np.arange(count) % classes).astype(np.int64))


def exact(values):
    """Values rounded to float32, as a float64 tensor."""
    return torch.from_numpy(np.asarray(values, dtype=np.float32).astype(np.float64))


def integers(values):
    return torch.tensor(values, dtype=torch.int64)


def reduce(terms, reduction, weights=None, valid=None):
    """The reductions of the losses. `terms` is 0 where not valid; a mean over nothing is 0 with gradient 0."""
    terms = terms.flatten()
    weights = torch.ones_like(terms) if weights is None else weights
    valid = torch.ones_like(terms, dtype=torch.bool) if valid is None else valid
    count = {
        "sum": lambda: 1.0,
        "mean": lambda: weights[valid].sum().item(),
        "mean-per-sample": lambda: float(valid.sum()),
        "mean-active": lambda: float((terms > 0).sum()),
    }[reduction]()
    if reduction == "mean-active" and ((terms > 0) & (terms < 1e-6)).any():
        raise Unclear("float32 may round an active term to 0")
    return terms.sum() / count if count > 0 else (terms * 0.0).sum()


def softplus(x):
    """log(1 + exp(x)) without a threshold, exact to the last digits for every x."""
    return torch.logaddexp(x, torch.zeros_like(x))


def evaluate(compute, inputs, params, dtype=torch.float64):
    """The outcome of a definition and its gradients by autograd, all detached."""
    given = {n: t.to(dtype).clone().requires_grad_() if t.is_floating_point() else t for n, t in inputs.items()}
    outcome = compute(given, params)
    wanted = {n: t for n, t in given.items() if t.is_floating_point()} | outcome.leaves
    if outcome.value.requires_grad:
        found = torch.autograd.grad(outcome.value, list(wanted.values()), allow_unused=True)
    else:
        found = [None] * len(wanted)
    gradients = {n: torch.zeros_like(t) if g is None else g for (n, t), g in zip(wanted.items(), found)}
    outcome.value = outcome.value.detach()
    outcome.terms = None if outcome.terms is None else outcome.terms.detach()
    return outcome, gradients


def relative_gaps(a, b):
    """The relative difference of the values, and of the terms and each gradient against their largest entry."""
    (outcome_a, grads_a), (outcome_b, grads_b) = a, b

    def gap(x, y):
        x, y = x.double().flatten(), y.double().flatten()
        difference = (x - y).abs()
        if torch.isnan(difference).any():
            return math.inf
        worst = max(difference.tolist(), default=0.0)
        return worst and worst / max(y.abs().max().item(), 5e-324)

    values = gap(outcome_a.value, outcome_b.value)
    if outcome_a.terms is not None and outcome_b.terms is not None:
        values = max(values, gap(outcome_a.terms, outcome_b.terms))
    return values, max([0.0] + [gap(grads_a[name], grads_b[name]) for name in grads_b if name in grads_a])


class Suite:
    """The cases of one loss.

    `formula` is the definition written out so that it is safe at every edge. `library_for(inputs, params)` gives the
    published function that fits the options, or None. Unless a case is an `edge` (where that function is NaN, less
    accurate, or differs by convention), both must agree, and the published function's value and gradients are stored;
    the terms are the formula's, which keeps its digits in small terms too. `held(inputs, params)` gives further params
    with what is constant for the gradient, which then stays the same in finite differences.
    """

    def __init__(self, loss, defaults, formula, library_for=lambda inputs, params: None, relevant=lambda i, p: p,
                 held=lambda inputs, params: {}):
        self.loss, self.defaults, self.formula = loss, defaults, formula
        self.library_for, self.relevant, self.held = library_for, relevant, held
        self.cases, self.notes = [], []

    def case(self, name, draw, *, edge=False, lattice=False, stated=True, **params):
        """Adds a case. `draw(Draw)` makes the inputs; `lattice`: ties are intended and exact in float32;
        `stated=False` leaves all params out of the file, so that it checks the defaults."""
        assert set(params) <= set(self.defaults), (name, params)
        full = {**self.defaults, **params}
        for attempt in range(ATTEMPTS):
            try:
                inputs = draw(Draw(zlib.crc32(f"{self.loss}/{name}/{attempt}".encode())))
                record = self.compute(name, inputs, full, edge, lattice)
                break
            except Unclear as reason:
                last = reason
        else:
            raise AssertionError(f"{self.loss}/{name}: no clear data: {last}")
        record["params"] = self.relevant(inputs, full) if stated else {}
        self.cases.append({key: record[key] for key in ORDER if key in record})

    def compute(self, name, inputs, params, edge, lattice):
        safe = evaluate(self.formula, inputs, params)
        if not lattice and safe[0].clearance < 1e-4:
            raise Unclear("near a kink or a tie")
        self.check_float32(inputs, params, safe)
        outcome, gradients, source = *safe, "formula"
        library = self.library_for(inputs, params)
        if library is None and not edge and not lattice:
            self.check_slope(name, inputs, params, gradients)
        if library is not None:
            try:
                published = evaluate(library.compute, inputs, params)
                gaps = relative_gaps(published, safe)
            except (RuntimeError, ValueError, IndexError) as error:
                published, gaps = None, (math.inf, math.inf)
                assert edge, error
            agrees = gaps[0] < 1e-9 and gaps[1] < 1e-9
            if not edge:
                assert agrees, f"{self.loss}/{name}: {library.source} differs from the formula by {gaps}"
            if agrees:
                source = library.source
                outcome.value = published[0].value
                gradients = gradients | published[1]
            else:
                self.note(name, library, published, safe, gaps)
        return self.record(name, source, inputs, outcome, gradients)

    def check_float32(self, inputs, params, safe):
        """A case is of use only if a careful float32 implementation can reach it."""
        single = evaluate(self.formula, inputs, params, torch.float32)
        values, gradients = relative_gaps(
            (Outcome(single[0].value), single[1]), (Outcome(safe[0].value), safe[1])
        )
        if values > 3e-6 or gradients > 3e-5:
            raise Unclear(f"float32 reaches only {values:.1e} in value and {gradients:.1e} in gradient")

    def check_slope(self, name, inputs, params, gradients):
        """Where no published function applies: the gradients against a central difference along random directions."""
        random = np.random.default_rng(len(self.cases))
        params = params | self.held(inputs, params)
        step = 1e-6
        for key in (key for key, value in inputs.items() if value.is_floating_point()):
            way = torch.from_numpy(random.standard_normal(tuple(inputs[key].shape)))
            ahead, back = (
                self.formula({**inputs, key: inputs[key] + sign * step * way}, params).value.item() for sign in (1, -1)
            )
            slope, expected = (ahead - back) / (2 * step), (gradients[key] * way).sum().item()
            scale = (gradients[key] * way).abs().sum().item() + abs(ahead)
            assert abs(slope - expected) <= 1e-6 * scale, f"{self.loss}/{name}: slope of {key}: {slope} != {expected}"

    def note(self, name, library, published, safe, gaps):
        told = "raises" if published is None else (
            f"value {published[0].value.item():.6g} (here {safe[0].value.item():.6g}), "
            f"relative gaps {gaps[0]:.1e} in values, {gaps[1]:.1e} in gradients"
        )
        self.notes.append(f"{self.loss}/{name}: {library.source}: {told}")

    def record(self, name, source, inputs, outcome, gradients):
        record = {
            "name": name,
            "source": source,
            "inputs": {key: tensor_json(value) for key, value in inputs.items()},
            "value": number(outcome.value.item()),
            "gradients": {key: numbers(gradients[key]) for key in inputs if key in gradients},
        }
        if outcome.terms is not None:
            record["terms"] = numbers(outcome.terms)
        for extra in outcome.leaves:
            record[f"{extra}_gradient"] = number(gradients[extra].item())
        return record

    def write(self, versions):
        names = [case["name"] for case in self.cases]
        assert len(set(names)) == len(names) >= 24, (self.loss, len(names))
        lines = [json.dumps(case, allow_nan=False, separators=(",", ":")) for case in self.cases]
        head = f'{{"loss":{json.dumps(self.loss)},"generated_with":{json.dumps(versions)},"cases":[\n'
        path = HERE / f"{self.loss}.json"
        path.write_text(head + ",\n".join(lines) + "\n]}\n")
        json.loads(path.read_text())
        return path


ORDER = ["name", "source", "params", "inputs", "value", "terms", "gradients", "log_scale_gradient",
         "bias_gradient"]


def number(x):
    """Twelve significant digits; integers and zeros in their short form."""
    x = float(f"{x:.12g}")
    return int(x) if x == int(x) and abs(x) < 1e15 else x


def numbers(tensor):
    return [number(x) for x in tensor.flatten().tolist()]


def tensor_json(tensor):
    if tensor.is_floating_point():
        data = [shortest(x) for x in tensor.flatten().tolist()]
    else:
        data = tensor.flatten().tolist()
    dtype = {torch.float64: "f32", torch.int64: "i64", torch.bool: "bool"}[tensor.dtype]
    return {"dtype": dtype, "shape": list(tensor.shape), "data": data}


def shortest(x):
    """The shortest decimal that reads back as the same float32."""
    single = np.float32(x)
    assert float(single) == x
    text = float(np.format_float_scientific(single, unique=True, trim="0"))
    assert np.float32(text) == single
    return number(text)
