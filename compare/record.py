"""The dated record of `losses.py`: a JSON file with all numbers, and a Markdown file that is made from it."""

import importlib.metadata
import json
import platform
import subprocess
from pathlib import Path

from cases import CASES, GIB, MIB, THROUGH_BURN

HERE = Path(__file__).resolve().parent
PEERS = {"eager": "PyTorch eager", "compile": "torch.compile", "pml": "pytorch-metric-learning", "faiss": "faiss flat"}
PACKAGES = ("torch", "torchvision", "pytorch-metric-learning", "faiss-cpu", "numpy")


def machine():
    fields = {}
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        name, _, value = line.partition(":")
        fields.setdefault(name.strip(), value.strip())
    wide = [name for name in ("avx2", "avx512f", "avx512_bf16") if name in fields.get("flags", "").split()]
    return f"{fields.get('model name', platform.processor())} ({', '.join(wide)}), {platform.system()}, 2 threads"


def run(*command):
    return subprocess.run(command, cwd=HERE, capture_output=True, text=True).stdout.strip()


def versions():
    of = lambda package: importlib.metadata.version(package)
    return {"python": platform.python_version(), "rustc": run("rustc", "--version").removeprefix("rustc ")} | {p: of(p) for p in PACKAGES}


def commit():
    """Of the code, whatever other files have changed since."""
    changed = run("git", "status", "--porcelain", "--", "../crates", "../Cargo.lock", "*.py")
    return run("git", "rev-parse", "--short", "HEAD") + (" with changes" if changed else "")


def add(path, name, found, commit):
    """Puts a case into the record, in place of what it said about that case."""
    file = path.with_suffix(".json")
    record = json.loads(file.read_text()) if file.exists() else {"cases": {}}
    record |= {"machine": machine(), "versions": versions()}
    record["cases"][name] = found | {"commit": commit}
    names = [case.name for case in CASES] + list(THROUGH_BURN)
    record["cases"] = {name: record["cases"][name] for name in names if name in record["cases"]}
    file.parent.mkdir(exist_ok=True)
    file.write_text(json.dumps(record, indent=1) + "\n")
    path.with_suffix(".md").write_text(markdown(path, record))


def ratio(found, peer):
    results = found["peers"]
    if peer not in results or "failure" in results[peer] or "failure" in results["losslab"]:
        return None
    return results[peer]["best"] / results["losslab"]["best"]


def products(case, found):
    """The seconds that the matrix products of a case take by themselves, at the rates of this run."""
    if not case.product or "failure" in found["peers"]["losslab"]:
        return None
    side, width = case.product
    once = 2.0 * side * side * width
    seconds = 0.0
    for operations, peer in zip(case.operations, ("gemm-f32", "gemm-f64")):
        # In f64 the first of the three products is the one that is needed.
        count = once * (3 if peer == "gemm-f32" else 1)
        seconds += operations * found["peers"][peer]["best"] / count if operations else 0.0
    return seconds


def rates(case, found):
    """GFLOP/s of matrix products, by gemm and by PyTorch."""
    side, width = case.product
    rate = lambda peer: 6e-9 * side * side * width / found["peers"][peer]["best"]
    return [rate(peer) for peer in ("gemm-f32", "torch-product") if "best" in found["peers"].get(peer, {})]


def outcomes(case, found):
    """Each target with what was measured, and whether it is met; nothing where it couldn't be measured."""
    ours = found["peers"]["losslab"]
    for target in case.targets:
        if target.what == "faster":
            value = ratio(found, target.peer)
            yield target, value and f"{value:.2f} x", value and value >= target.limit
        elif "failure" in ours:
            yield target, None, None
        elif target.what == "memory":
            peak = ours["peak_extra_bytes"]
            yield target, f"{peak / MIB:.0f} MiB", peak <= target.limit
        else:
            share = products(case, found) / ours["best"]
            met = share >= target.limit if target.what == "share" else 1 / share <= target.limit
            yield target, f"{100 * share:.0f} %" if target.what == "share" else f"{1 / share:.2f} x", met


def seconds(value):
    return f"{value:.2f} s" if value >= 1 else f"{1e3 * value:.2f} ms"


def size(count):
    return f"{count / GIB:.2f} GiB" if count >= GIB else f"{count / MIB:.0f} MiB"


def summary(name, found):
    """What a case has given, for the terminal."""
    if name in THROUGH_BURN:
        return f"{name}\n" + "\n".join(f"  {path['path']}: {seconds(path['seconds'])}" for path in found["paths"])
    case = next(case for case in CASES if case.name == name)
    lines = [f"{name}: {case.title}"]
    for peer, result in found["peers"].items():
        if "failure" in result:
            lines.append(f"  {peer}: {result['failure']}")
            continue
        times = f"best {seconds(result['best'])}, median {seconds(result['median'])} of {result['runs']}"
        lines.append(f"  {peer}: {times}, peak {size(result['peak_extra_bytes'])}, value {result['value']:.7g}")
    lines += [f"  {peer} apart: {apart}" for peer, apart in found["agreement"].items()]
    for target, measured, met in outcomes(case, found):
        verdict = "not measured" if met is None else "met" if met else "MISSED"
        lines.append(f"  {target.text()}: {measured or ''} {verdict}")
    return "\n".join(lines)


def markdown(path, record):
    lines = [
        f"# losslab beside others, {path.name}",
        "",
        "Made by `python compare/losses.py`. Forward and backward in f32 on the same data, in turn, in one run a case; the",
        "best of the turns. Memory is the peak beside the inputs, gradients included.",
        "",
        f"- Machine: {record['machine']}",
        "- Versions: " + ", ".join(f"{name} {version}" for name, version in record["versions"].items()),
        "- Commit: " + ", ".join(sorted({case["commit"] for case in record["cases"].values()})),
        "",
        "| case | losslab | " + " | ".join(PEERS.values()) + " | of the rate of products |",
        "|---|---|" + "---|" * len(PEERS) + "---|",
    ]
    measured = [(case, record["cases"][case.name]) for case in CASES if case.name in record["cases"]]
    for case, found in measured:
        cells = [case.title]
        for peer in ("losslab", *PEERS):
            result = found["peers"].get(peer)
            if result is None:
                cells.append("")
            elif "failure" in result:
                cells.append(f"fails: {result['failure']}")
            else:
                times = ratio(found, peer)
                text = f"{seconds(result['best'])}, {size(result['peak_extra_bytes'])}"
                cells.append(text if peer == "losslab" or times is None else f"**{times:.2f} x**, {text}")
        share = products(case, found)
        rate = ""
        if share:
            both = " and ".join(f"{rate:.0f}" for rate in rates(case, found))
            rate = f"{100 * share / found['peers']['losslab']['best']:.0f} % (products: {both} GFLOP/s)"
        lines.append("| " + " | ".join([*cells, rate]) + " |")
    lines += [
        "",
        "`**n x**` is how many times the time of losslab a peer takes. The rate of products is that of the crate `gemm`, which",
        "the kernels use, on products of the same width (in brackets with PyTorch's); a share counts the operations that a",
        "kernel needs, those in f64 at the rate of f64.",
        "",
        "## Targets",
        "",
        "| case | target | measured | |",
        "|---|---|---|---|",
    ]
    for case, found in measured:
        for target, value, met in outcomes(case, found):
            verdict = "not measured" if met is None else "met" if met else "missed"
            lines.append(f"| {case.title} | {target.text()} | {value or ''} | {verdict} |")
    lines += ["", "## Agreement", "", "| case | peer | value apart | gradient apart, of its largest entry |", "|---|---|---|---|"]
    for case, found in measured:
        for peer, apart in found["agreement"].items():
            if "same_neighbours" in apart:
                cells = (f"{100 * apart['same_neighbours']:.2f} % of the queries have the same neighbours", "")
            else:
                cells = (f"{apart['value']:.1e}", f"{apart['gradient']:.1e}")
            note = f" ({'; '.join(case.notes)})" if peer == "pml" and case.notes else ""
            if case.double and peer in ("eager", "compile"):
                note = " (in f32 it chooses another negative where two are nearly as far)"
            lines.append(f"| {case.title} | {PEERS.get(peer, 'PyTorch in f64')}{note} | {cells[0]} | {cells[1]} |")
    through = [record["cases"][name] for name in THROUGH_BURN if name in record["cases"]]
    if through:
        lines += ["", "## Through Burn", "", "| | bare kernel | through Burn | plain operations |", "|---|---|---|---|"]
        for found in through:
            times = {entry["path"]: entry["seconds"] for entry in found["paths"]}
            kernel, burn, plain = (times.get(name) for name in ("kernel", "fused", "plain"))
            over = f"{100 * (burn / kernel - 1):+.1f} %, {1e6 * (burn - kernel):+.0f} µs"
            plain = f"{seconds(plain)}, {plain / burn:.1f} x" if plain else "left out"
            cells = [found["title"], seconds(kernel), f"{seconds(burn)} ({over})", plain]
            lines.append("| " + " | ".join(cells) + " |")
    notes = path.with_suffix(".notes.md")
    if notes.exists():
        lines += ["", notes.read_text().strip()]
    return "\n".join(lines) + "\n"
