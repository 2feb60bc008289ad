"""What every metric shares: building a case, computing it, checking it against libraries, writing it."""

import contextlib
import io
import json
import math
import warnings
import zlib
from dataclasses import dataclass
from typing import Callable

import numpy as np
import torch

from common import ATTEMPTS, HERE, Draw, Unclear, exact, number, tensor_json


class Undefined(Exception):
    """The metric has no value for this input; the text says why."""


@dataclass
class Result:
    """The mean over the queries that count, and how many count."""

    value: float
    evaluated: int
    excluded: int


@dataclass
class Library:
    """A published function that computes the same thing; `source` names it."""

    source: str
    compute: Callable  # (inputs, params) -> float
    fits: Callable = lambda inputs, params: True  # whether it has these options
    tolerance: float = 1e-9  # relative; 1e-6 for what computes in float32


@dataclass
class Metric:
    """`formula(inputs, params)` is the definition in float64; it returns a float or a `Result`, or raises `Undefined`.

    `clear(inputs, params)` raises `Unclear` for data that a rounding error would change the order or the bins of.
    """

    name: str
    formula: Callable
    libraries: list[Library]
    defaults: dict
    clear: Callable = lambda inputs, params: None
    reference: str = ""  # where the definition is from


class Group:
    """The cases of the metrics of one file."""

    def __init__(self, group):
        self.group, self.cases, self.notes, self.problems = group, [], [], []

    def case(self, metric, name, draw, *, stated=True, differs={}, **params):
        """Adds a case. `draw(Draw)` makes the inputs; `stated=False` leaves the params out, to check the defaults.

        Every library must agree with the formula, except those that `differs` names, by the start of their source, with
        the reason: these must not agree. Where the formula is undefined, a library may return anything.
        """
        assert set(params) <= set(metric.defaults), (name, params)
        full = {**metric.defaults, **params}
        for attempt in range(ATTEMPTS):
            drawn = draw(Draw(zlib.crc32(f"{metric.name}/{name}/{attempt}".encode())))
            inputs = {key: tensor.numpy() for key, tensor in drawn.items()}
            try:
                metric.clear(inputs, full)
                break
            except Unclear as reason:
                last = reason
        else:
            raise AssertionError(f"{metric.name}/{name}: no clear data: {last}")
        record = {"name": f"{metric.name}-{name}", "metric": metric.name, "params": full if stated else {}}
        record["inputs"] = {key: tensor_json(tensor) for key, tensor in drawn.items()}
        try:
            result = metric.formula(inputs, full)
            value = result.value if isinstance(result, Result) else float(result)
            assert math.isfinite(value), (metric.name, name, value)
            record["value"] = number(0.0 if abs(value) < 1e-13 else value)
            if isinstance(result, Result):
                record |= {"evaluated": result.evaluated, "excluded": result.excluded}
        except Undefined as reason:
            value = None
            record |= {"value": None, "error": str(reason)}
        record["source"] = self.compare(metric, record["name"], inputs, full, value, differs)
        self.cases.append({key: record[key] for key in ORDER if key in record})

    def compare(self, metric, name, inputs, params, value, differs):
        agreeing, deviating = [], []
        for library in metric.libraries:
            found = call(library, inputs, params)
            if found is None:
                continue
            reason = next((why for start, why in differs.items() if library.source.startswith(start)), None)
            agrees = value is not None and isinstance(found, float) and close(found, value, library.tolerance)
            if value is not None and agrees == (reason is not None):
                self.problems.append(f"{name}: {library.source} gives {found}, the formula {value}")
            if agrees:
                agreeing.append(library.source)
            elif isinstance(found, float) and not math.isnan(found):
                deviating.append(f"{library.source} gives {found:.6g}" + (f": {reason}" if reason else ""))
                here = "undefined" if value is None else f"{value:.6g}"
                self.notes.append(f"{name}: {deviating[-1]} (here {here})")
        own = f"formula ({metric.reference})" if metric.reference else "formula"
        source = ", ".join(agreeing) or own
        return f"{source}; other than {', '.join(deviating)}" if deviating else source

    def write(self, versions):
        assert not self.problems, "\n".join(["a library agrees or differs unexpectedly:", *self.problems])
        names = [case["name"] for case in self.cases]
        assert len(set(names)) == len(names), [name for name in names if names.count(name) > 1]
        counts = self.counts()
        assert min(counts.values()) >= 15, counts
        lines = [json.dumps(case, allow_nan=False, separators=(",", ":")) for case in self.cases]
        head = f'{{"group":{json.dumps(self.group)},"generated_with":{json.dumps(versions)},"cases":[\n'
        path = HERE / f"metrics-{self.group}.json"
        path.write_text(head + ",\n".join(lines) + "\n]}\n")
        json.loads(path.read_text())
        return path

    def counts(self):
        counts = {}
        for case in self.cases:
            counts[case["metric"]] = counts.get(case["metric"], 0) + 1
        return counts


FLOATS = ["logits", "probabilities", "scores", "embeddings", "gallery"]
ORDER = ["name", "source", "metric", "params", "inputs", "value", "error", "evaluated", "excluded"]


def call(library, inputs, params):
    """What a library returns: a float, the text of its exception, or None where it does not fit."""
    with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
        warnings.simplefilter("ignore")
        try:
            return float(library.compute(inputs, params)) if library.fits(inputs, params) else None
        except Undefined:
            return None
        except (ValueError, RuntimeError, IndexError, AssertionError, ZeroDivisionError) as error:
            return f"{type(error).__name__}: {' '.join(str(error).split())[:100]}"


def close(a, b, tolerance):
    return math.isfinite(a) and abs(a - b) <= tolerance * max(abs(a), abs(b)) + 1e-4 * tolerance


def fixed(**inputs):
    """The inputs of a case that are written out. Relevance is of integers if the values are."""
    tensors = {}
    for key, values in inputs.items():
        array = np.asarray(values)
        whole = array.dtype in (np.int64, np.bool_) and key not in FLOATS
        tensors[key] = torch.from_numpy(array) if whole else exact(array)
    return lambda d: tensors


def torch_inputs(inputs, *names):
    return [torch.from_numpy(inputs[name]) for name in names]
