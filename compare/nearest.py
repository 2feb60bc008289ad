"""Exact nearest neighbours: losslab-kernels beside faiss-cpu's flat index, in turn, on the same rows.

    pip install numpy faiss-cpu
    python compare/nearest.py [--rows 60000] [--width 128] [--k 10] [--runs 3] [--similarity dot] [--data normal]

Builds the example `nearest`, runs both in turns, prints the seconds of each run by the clock and of the processors (to
go by on a machine that does other things too), the ratios of the best ones, and the share of queries with the same
neighbours.
"""

import argparse
import json
import resource
import subprocess
import tempfile
import time
from pathlib import Path

import faiss
import numpy as np

ROOT = Path(__file__).resolve().parent.parent


def rows(data, count, width):
    random = np.random.default_rng(0)
    if data == "normal":
        return random.standard_normal((count, width), dtype=np.float32)
    if data == "classes":  # ten clusters, as trained embeddings have
        centers = random.standard_normal((10, width))
        return (centers[np.arange(count) % 10] + 0.3 * random.standard_normal((count, width))).astype(np.float32)
    # All embeddings nearly the same.
    return (1 + 1e-4 * random.standard_normal((count, width))).astype(np.float32)


def faiss_search(x, k, similarity):
    start = time.perf_counter()
    if similarity == "cosine":
        x = x / np.linalg.norm(x, axis=1, keepdims=True)
    index = faiss.IndexFlatL2(x.shape[1]) if similarity == "euclidean" else faiss.IndexFlatIP(x.shape[1])
    index.add(x)
    _, neighbours = index.search(x, k)
    return time.perf_counter() - start, neighbours


def cpu(who):
    usage = resource.getrusage(who)
    return usage.ru_utime + usage.ru_stime


def build():
    command = ["cargo", "build", "--release", "-p", "losslab-kernels", "--example", "nearest", "--message-format=json"]
    out = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout
    return next(m["executable"] for m in map(json.loads, out.splitlines()) if m.get("executable"))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=60_000)
    parser.add_argument("--width", type=int, default=128)
    parser.add_argument("--k", type=int, default=10)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--similarity", choices=["cosine", "dot", "euclidean"], default="dot")
    parser.add_argument("--data", choices=["normal", "classes", "collapsed"], default="normal")
    args = parser.parse_args()
    program = build()
    x = rows(args.data, args.rows, args.width)
    ours, theirs = [], []  # (clock, processors)
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "rows").write_bytes(x.tobytes())
        command = [program, f"{folder}/rows", str(args.width), str(args.k), args.similarity, f"{folder}/out"]
        for _ in range(args.runs):
            before = cpu(resource.RUSAGE_CHILDREN)
            seconds = float(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
            ours.append((seconds, cpu(resource.RUSAGE_CHILDREN) - before))
            before = cpu(resource.RUSAGE_SELF)
            seconds, neighbours = faiss_search(x, args.k, args.similarity)
            theirs.append((seconds, cpu(resource.RUSAGE_SELF) - before))
        found = np.fromfile(f"{folder}/out", dtype="<u4").reshape(args.rows, args.k)
    same = np.mean((found == neighbours).all(axis=1))
    threads = faiss.omp_get_max_threads()
    print(f"{args.rows} x {args.rows}, d={args.width}, k={args.k}, {args.similarity}, {args.data}; {threads} threads")
    for name, runs in [("losslab", ours), (f"faiss {faiss.__version__}", theirs)]:
        print(f"{name:13}", ", ".join(f"{clock:.2f} s ({processors:.2f} s of processors)" for clock, processors in runs))
    clock, processors = (min(t[i] for t in theirs) / min(t[i] for t in ours) for i in (0, 1))
    print(f"faiss / losslab = {clock:.2f} by the clock, {processors:.2f} by the processors")
    print(f"{100 * same:.2f} % of the queries have the same neighbours")


if __name__ == "__main__":
    main()
