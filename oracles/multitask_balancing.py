"""Combinations of task gradients (PCGrad, CAGrad, MGDA, UPGrad, GradDrop) and weights of task losses (GradNorm, DWA)."""

import itertools
import json
import zlib

import cvxpy
import numpy as np
import qpsolvers
import scipy.optimize
import torch
from torchjd.aggregation import MGDA, CAGrad, GradDrop, PCGrad, UPGrad
from torchjd.linalg import QuadprogProjector

from common import ATTEMPTS, HERE, Draw, Unclear, exact, number, tensor_json


class Method:
    """The cases of one method. `expected(inputs, params)` gives named arrays; it asserts that the sources agree."""

    def __init__(self, name, source, defaults, expected):
        self.name, self.source, self.defaults, self.expected = name, source, defaults, expected
        self.cases, self.notes = [], []

    def case(self, name, draw, *, stated=True, **params):
        assert set(params) <= set(self.defaults), (name, params)
        full = {**self.defaults, **params}
        for attempt in range(ATTEMPTS):
            inputs = draw(Draw(zlib.crc32(f"{self.name}/{name}/{attempt}".encode())))
            try:
                found = self.expected({key: tensor.numpy() for key, tensor in inputs.items()}, full)
                break
            except Unclear as reason:
                last = reason
        else:
            raise AssertionError(f"{self.name}/{name}: no clear data: {last}")
        self.cases.append({
            "name": name, "source": self.source, "params": full if stated else {},
            "inputs": {key: tensor_json(tensor) for key, tensor in inputs.items()},
            **{key: [number(x) for x in np.ravel(values)] for key, values in found.items()},
        })

    def write(self, versions):
        names = [case["name"] for case in self.cases]
        assert len(set(names)) == len(names) >= 12, names
        lines = [json.dumps(case, allow_nan=False, separators=(",", ":")) for case in self.cases]
        head = f'{{"method":{json.dumps(self.name)},"generated_with":{json.dumps(versions)},"cases":[\n'
        path = HERE / f"{self.name}.json"
        path.write_text(head + ",\n".join(lines) + "\n]}\n")
        json.loads(path.read_text())
        return path


def agree(found, expected, tolerance):
    scale = max(np.linalg.norm(expected), 1e-12)
    gap = np.linalg.norm(np.asarray(found) - expected) / scale
    assert gap <= tolerance, (gap, found, expected)


# --- gradients to combine ----------------------------------------------------------------------------------------


def gradients(tasks, size, scales=None):
    """Normal entries; `scales` stretches the gradient of each task."""

    def draw(d):
        stretch = np.ones(tasks) if scales is None else np.asarray(scales)
        return {"gradients": exact(d.normal(tasks, size).numpy() * stretch[:, None])}

    return draw


def conflicting(tasks, size, strength):
    """Gradients with a common direction and a part that sums to nearly nothing."""

    def draw(d):
        apart = d.normal(tasks, size).numpy()
        apart -= strength * apart.mean(0)
        return {"gradients": exact(np.round(apart + 0.1 * d.normal(1, size).numpy(), 3))}

    return draw


def fixed(rows):
    return lambda d: {"gradients": exact(np.asarray(rows, dtype=np.float64))}


def add_gradient_cases(method, wrap=lambda draw: draw):
    for tasks in [2, 3, 4, 6]:
        method.case(f"{tasks}-tasks", wrap(gradients(tasks, 7)))
        method.case(f"{tasks}-conflicting", wrap(conflicting(tasks, 9, 0.95)))
    method.case("2-different-scale", wrap(gradients(2, 5, [100.0, 0.01])))
    method.case("3-different-scale", wrap(gradients(3, 5, [10.0, 1.0, 0.1])))
    method.case("5-in-a-plane", wrap(gradients(5, 2)))
    method.case("many-parameters", wrap(gradients(3, 200)))
    method.case("one-task", wrap(gradients(1, 4)))
    method.case("no-conflict", wrap(fixed([[1, 2, 0.5], [2, 1, 0.25], [0.5, 0.5, 3]])))
    method.case("orthogonal", wrap(fixed([[2, 0, 0], [0, 3, 0], [0, 0, 0.5]])))
    method.case("identical", wrap(fixed([[1, -2, 3], [1, -2, 3], [1, -2, 3]])))
    method.case("one-zero", wrap(fixed([[1, -2], [0, 0], [-1, 0.5]])))
    method.case("collinear", wrap(fixed([[1, 2], [-3, -6]])))


# --- pcgrad ------------------------------------------------------------------------------------------------------


def pcgrad_expected(inputs, params):
    """Algorithm 1, the others in ascending order; torchjd agrees if its random order is ascending too."""
    rows = inputs["gradients"].astype(np.float64)
    combined = np.zeros(rows.shape[1])
    for i, gradient in enumerate(rows):
        projected = gradient.copy()
        for j, other in enumerate(rows):
            product = projected @ other
            if i != j and 0 < abs(product) < 1e-9 * np.linalg.norm(other) * np.linalg.norm(gradient):
                raise Unclear("rounding decides whether there is a conflict")
            if i != j and product < 0:
                projected -= product / (other @ other) * other
        combined += projected
    ascending, random = torch.arange, torch.randperm
    torch.randperm = lambda count: ascending(count)
    try:
        agree(PCGrad()(torch.from_numpy(rows)).numpy(), combined, 1e-9)
    finally:
        torch.randperm = random
    return {"combined": combined}


def pcgrad():
    method = Method("pcgrad", "torchjd.aggregation.PCGrad", {"order": "ascending"}, pcgrad_expected)
    add_gradient_cases(method)
    method.case("opposed", fixed([[1, 2], [-1, -2]]))
    return method


# --- cagrad ------------------------------------------------------------------------------------------------------


def cagrad_expected(inputs, params):
    """The dual problem by scipy, as the authors solve it. Two others agree within what their solvers resolve: torchjd, and
    the problem as it is stated, the best worst case in the ball."""
    rows, c = inputs["gradients"].astype(np.float64), params["c"]
    tasks, total = len(rows), rows.sum(0)
    radius = c * np.linalg.norm(total)
    rows_by_total = rows @ total

    def value(w):
        return w @ rows_by_total + radius * np.linalg.norm(w @ rows)

    def slope(w):
        return rows_by_total + radius * rows @ (w @ rows) / max(np.linalg.norm(w @ rows), 1e-300)

    scale = value(np.ones(tasks) / tasks)
    simplex = {"type": "eq", "fun": lambda w: w.sum() - 1, "jac": lambda w: np.ones(tasks)}
    w = scipy.optimize.minimize(
        lambda w: value(w) / scale, np.ones(tasks) / tasks, jac=lambda w: slope(w) / scale, bounds=[(0, 1)] * tasks,
        constraints=[simplex], method="SLSQP", options={"ftol": 1e-16, "maxiter": 1000}).x
    if np.linalg.norm(w @ rows) < 2e-5 * np.linalg.norm(rows, axis=1).max() and tasks > 1:
        raise Unclear("the direction of the worst case is hardly determined")
    gain = slope(w)
    assert w @ gain - gain.min() <= 1e-7 * scale, "not the minimum"
    combined = total + radius * (w @ rows) / np.linalg.norm(w @ rows)
    agree(stated_problem(rows, total, radius), combined, 3e-4)
    if c > 0:
        agree(CAGrad(c=c, norm_eps=1e-8)(torch.from_numpy(rows)).numpy() * tasks, combined, 3e-4)
    return {"combined": combined}


def stated_problem(rows, total, radius):
    scale = np.linalg.norm(rows, axis=1).max()
    combined, worst = cvxpy.Variable(rows.shape[1]), cvxpy.Variable()
    problem = cvxpy.Problem(
        cvxpy.Maximize(worst), [rows / scale @ combined >= worst, cvxpy.norm(combined - total / scale) <= radius / scale])
    problem.solve(cvxpy.CLARABEL, tol_gap_abs=1e-10, tol_gap_rel=1e-10, tol_feas=1e-10)
    return combined.value * scale


def cagrad():
    method = Method("cagrad", "scipy.optimize.minimize, torchjd.aggregation.CAGrad, cvxpy", {"c": 0.4}, cagrad_expected)
    method.case("defaults", gradients(3, 6), stated=False)
    add_gradient_cases(method)
    for c in [0.0, 0.1, 0.5, 0.9, 0.99]:
        method.case(f"2-c-{c}", conflicting(2, 4, 0.9), c=c)
        method.case(f"4-c-{c}", conflicting(4, 8, 0.9), c=c)
    return method


# --- mgda --------------------------------------------------------------------------------------------------------


def add_hull_cases(method):
    """More for methods that are about cones and hulls."""
    add_gradient_cases(method)
    method.case("opposed", fixed([[1, 2], [-1, -2]]))
    method.case("8-tasks", gradients(8, 12))
    method.case("8-conflicting", conflicting(8, 12, 0.99))
    method.case("8-in-3-dimensions", gradients(8, 3))
    method.case("dominated", fixed([[1, 0, 0], [0, 1, 0], [3, 3, 1], [2, 2, 0]]))
    method.case("weakly-stationary", fixed([[1, 0, 0], [-1, 0, 0], [0, 1, 0]]))
    method.case("strongly-stationary", fixed([[1, 0], [-1, 1], [-1, -2]]))
    method.case("duplicates", fixed([[1, -2, 0.5], [-1, 1, 1], [1, -2, 0.5], [-1, 1, 1]]))
    method.case("6-different-scale", gradients(6, 20, [100.0, 30.0, 10.0, 1.0, 0.5, 0.1]))


def near(found, expected, rows, tolerance):
    gap = np.linalg.norm(np.asarray(found) - expected)
    assert gap <= tolerance * np.linalg.norm(rows, axis=1).max(), (gap, found, expected)


def mgda_expected(inputs, params):
    """The shortest of the points that are nearest to 0 on the hulls of all subsets. quadprog agrees, and torchjd as far as
    the steps of Frank and Wolfe get."""
    rows = inputs["gradients"].astype(np.float64)
    tasks = len(rows)
    shortest = None
    for size in range(1, tasks + 1):
        for subset in itertools.combinations(range(tasks), size):
            first, others = rows[subset[0]], rows[list(subset[1:])]
            # Affine coordinates from the first point.
            along = np.linalg.lstsq((others - first).T, -first, rcond=None)[0] if size > 1 else np.zeros(0)
            weights = np.concatenate([[1 - along.sum()], along])
            point = weights @ rows[list(subset)]
            if (weights >= -1e-12).all() and (shortest is None or np.linalg.norm(point) < np.linalg.norm(shortest)):
                shortest = point
    longest = np.linalg.norm(rows, axis=1).max()
    assert (rows @ shortest >= shortest @ shortest - 1e-10 * longest**2).all(), "not the minimum"
    products = rows @ rows.T
    weights = qpsolvers.solve_qp(
        products / np.trace(products) + 1e-13 * np.eye(tasks), np.zeros(tasks), A=np.ones((1, tasks)), b=np.ones(1),
        lb=np.zeros(tasks), solver="quadprog")
    near(weights @ rows, shortest, rows, 1e-5)
    near(MGDA(epsilon=1e-9, max_iters=20000)(torch.from_numpy(rows)).numpy(), shortest, rows, 1e-2)
    if np.linalg.norm(shortest) < 1e-12 * longest:
        shortest = np.zeros_like(shortest)
    return {"combined": tasks * shortest}


def mgda():
    method = Method("mgda", "numpy.linalg.lstsq on every face, quadprog, torchjd.aggregation.MGDA", {}, mgda_expected)
    add_hull_cases(method)
    return method


# --- upgrad ------------------------------------------------------------------------------------------------------


def upgrad_expected(inputs, params):
    """Each gradient and what non-negative least squares adds to it. torchjd agrees if it regularises next to nothing."""
    rows = inputs["gradients"].astype(np.float64)
    projections = [gradient + scipy.optimize.nnls(rows.T, -gradient, maxiter=1000)[0] @ rows for gradient in rows]
    combined = np.sum(projections, axis=0)
    lengths = np.linalg.norm(rows, axis=1)
    assert (rows @ combined >= -1e-10 * lengths * lengths.max()).all(), "a task is harmed"
    exact_projector = QuadprogProjector(norm_eps=0.0, reg_eps=1e-13)
    near(UPGrad(projector=exact_projector)(torch.from_numpy(rows)).numpy() * len(rows), combined, rows, 1e-5)
    if np.linalg.norm(combined) < 1e-12 * lengths.max():
        combined = np.zeros_like(combined)
    return {"combined": combined}


def upgrad():
    method = Method("upgrad", "scipy.optimize.nnls, torchjd.aggregation.UPGrad", {}, upgrad_expected)
    add_hull_cases(method)
    return method


# --- graddrop ----------------------------------------------------------------------------------------------------


def graddrop_expected(inputs, params):
    """torchjd with the random numbers that are given."""
    rows, draws = (torch.from_numpy(inputs[key].astype(np.float64)) for key in ["gradients", "draws"])
    purity = 0.5 * (1 + rows.sum(0) / rows.abs().sum(0))
    if ((purity - draws).abs() < 1e-6).any():
        raise Unclear("rounding decides which side is kept")
    random = torch.rand
    torch.rand = lambda shape, **_: draws.reshape(shape)
    try:
        combined = GradDrop(leak=torch.full_like(rows[:, 0], params["leak"]))(rows)
    finally:
        torch.rand = random
    return {"combined": combined.numpy()}


def graddrop():
    method = Method("graddrop", "torchjd.aggregation.GradDrop", {"leak": 0.0}, graddrop_expected)

    def with_draws(draw):
        def both(d):
            inputs = draw(d)
            return {**inputs, "draws": d.uniform(inputs["gradients"].shape[1], low=0.001, high=0.999)}

        return both

    add_gradient_cases(method, with_draws)
    for leak in [0.1, 0.5, 1.0]:
        for tasks in [2, 5]:
            method.case(f"{tasks}-leak-{leak}", with_draws(gradients(tasks, 12)), leak=leak)
    return method


# --- gradnorm ----------------------------------------------------------------------------------------------------


def gradnorm_expected(inputs, params):
    """The paper's objective by autograd, and a step of torch.optim.SGD. For relative steps the parameter is ln w, and the
    objective is divided by the mean norm."""
    losses, norms = (torch.from_numpy(inputs[key].astype(np.float64)) for key in ["losses", "norms"])
    tasks = losses.shape[1]
    initial = losses[0] if params["initial"] == "none" else torch.tensor(params["initial"], dtype=torch.float64)
    weights, path = torch.ones(tasks, dtype=torch.float64), []
    for loss, norm in zip(losses, norms):
        relative = params["step"] == "relative"
        leaf = (weights.log() if relative else weights).clone().requires_grad_()
        optimizer = torch.optim.SGD([leaf], lr=params["learning_rate"])
        length = (leaf.exp() if relative else leaf) * norm
        ratio = loss / initial
        target = (length.mean() * (ratio / ratio.mean()) ** params["alpha"]).detach()
        gap = (length - target).abs()
        if ((gap > 0) & (gap < 1e-6 * target)).any():
            raise Unclear("rounding decides the direction of a step")
        objective = gap.sum()
        (objective / length.mean().detach() if relative else objective).backward()
        optimizer.step()
        weights = leaf.detach().exp() if relative else leaf.detach().clamp_min(1e-4)
        weights = weights * tasks / weights.sum()
        path.append(weights.numpy())
    return {"weights": np.stack(path)}


def gradnorm():
    defaults = {"alpha": 1.5, "learning_rate": 0.025, "step": "relative", "initial": "none"}
    method = Method("gradnorm", "torch.autograd, torch.optim.SGD", defaults, gradnorm_expected)

    def course(tasks, steps, scales=1.0):
        return lambda d: {
            "losses": d.uniform(steps, tasks, low=0.1, high=3.0),
            "norms": exact(d.uniform(steps, tasks, low=0.2, high=2.0).numpy() * np.asarray(scales)),
        }

    method.case("defaults", course(2, 12), stated=False)
    for tasks in [1, 2, 3, 5]:
        for step in ["relative", "additive"]:
            method.case(f"{tasks}-{step}", course(tasks, 8), step=step)
    method.case("alpha-0", course(3, 10), alpha=0.0)
    method.case("alpha-0.5", course(3, 10), alpha=0.5)
    method.case("alpha-4-additive", course(3, 10), alpha=4.0, step="additive")
    method.case("fast", course(2, 10), learning_rate=0.3)
    method.case("initial", course(3, 6), initial=[2.3, 1.0, 0.5])
    method.case("scales-apart", course(2, 10, [100.0, 0.01]))
    method.case("to-the-floor", course(2, 6, [50.0, 1.0]), step="additive", learning_rate=0.1)
    return method


# --- dwa ---------------------------------------------------------------------------------------------------------


def dwa_expected(inputs, params):
    losses = torch.from_numpy(inputs["losses"].astype(np.float64))
    tasks = losses.shape[1]
    path = [torch.ones(tasks, dtype=torch.float64)]
    for before, now in zip(losses, losses[1:]):
        path.append(tasks * torch.softmax(now / before / params["temperature"], 0))
    return {"weights": torch.stack(path).numpy()}


def dwa():
    method = Method("dwa", "torch.softmax", {"temperature": 2.0}, dwa_expected)

    def course(tasks, epochs, scales=1.0):
        return lambda d: {"losses": exact(d.uniform(epochs, tasks, low=0.1, high=3.0).numpy() * np.asarray(scales))}

    method.case("defaults", course(2, 6), stated=False)
    for tasks in [1, 2, 3, 8]:
        for temperature in [0.5, 2.0]:
            method.case(f"{tasks}-temperature-{temperature}", course(tasks, 5), temperature=temperature)
    method.case("one-epoch", course(3, 1))
    method.case("scales-apart", course(3, 5, [1000.0, 1.0, 0.001]))
    method.case("cold", course(2, 5), temperature=0.01)
    method.case("hot", course(2, 5), temperature=100.0)
    return method
