"""losslab beside PyTorch, torch.compile, pytorch-metric-learning and faiss, in turn, on the same data, on 2 threads.

    python compare/losses.py                      # every case
    python compare/losses.py nt-xent-4096 nearest # some; the record keeps the others
    python compare/losses.py --list

See README.md beside this file.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

import record
from cases import CASES, GIB, THROUGH_BURN

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
THREADS = {name: "2" for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "RAYON_NUM_THREADS")}


class Gone(Exception):
    """A peer ended."""


class Worker:
    """A peer in a process of its own, which runs when it is told to."""

    def __init__(self, name, command):
        self.name, self.times, self.value, self.failure = name, [], None, None
        self.errors = tempfile.TemporaryFile("w+")
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": self.errors, "text": True}
        self.process = subprocess.Popen(command, cwd=HERE, env=os.environ | THREADS, **pipes)

    def answer(self):
        line = self.process.stdout.readline()
        if not line:
            self.process.wait()
            self.errors.seek(0)
            said = self.errors.read().strip().splitlines()
            # The last line of an error may be advice; the one that names the memory says more.
            memory = [line for line in said if "memory" in line.lower()]
            raise Gone((memory or said or [f"ended with {self.process.returncode}"])[-1][:200])
        return line.strip()

    def ask(self, what):
        try:
            self.process.stdin.write(what + "\n")
            self.process.stdin.flush()
        except BrokenPipeError:
            pass
        return self.answer()

    def prepare(self, warm):
        """Waits until the data are there; runs once, so that code is compiled and memory is there."""
        assert self.answer() == "ready"
        self.baseline = self.memory("VmRSS")
        if warm:
            self.warm_up = json.loads(self.ask("run"))["seconds"]
            # The peak from here on.
            Path(f"/proc/{self.process.pid}/clear_refs").write_text("5")

    def run(self):
        found = json.loads(self.ask("run"))
        self.times.append(found["seconds"])
        self.value = found["value"]

    def memory(self, field):
        for line in Path(f"/proc/{self.process.pid}/status").read_text().splitlines():
            if line.startswith(field):
                return int(line.split()[1]) * 1024
        raise Gone("no memory of it is known")

    def result(self):
        if self.failure:
            return {"failure": self.failure}
        return {
            "best": min(self.times),
            "median": float(np.median(self.times)),
            "runs": len(self.times),
            "value": self.value,
            "peak_extra_bytes": self.memory("VmHWM") - self.baseline,
        }

    def end(self):
        self.process.stdin.close()
        self.process.wait()


def each(workers, do):
    """Does something with every worker that is still there."""
    for worker in workers:
        if worker.failure is None:
            try:
                do(worker)
            except Gone as gone:
                worker.failure = str(gone)


def compare(case, args):
    with tempfile.TemporaryDirectory() as folder:
        for name, values in case.data(np.random.default_rng(0)).items():
            values.tofile(Path(folder) / f"{name}.{'i64' if name == 'labels' else 'f32'}")
        options = [f"{name}={value}" for name, value in case.options.items()]
        kernels = lambda name, kernel, options: Worker(name, [args.kernels, folder, kernel, *options])
        limit = str(int(args.memory * GIB))
        python = lambda peer: Worker(peer, [sys.executable, "peers.py", peer, case.name, folder, limit])
        workers = [kernels("losslab", case.kernel, options)]
        if case.product:
            side, width = case.product
            for name, bits in [("gemm-f32", 32), ("gemm-f64", 64)]:
                if case.operations[bits == 64]:
                    workers.append(kernels(name, "product", [f"side={side}", f"width={width}", f"bits={bits}"]))
            workers.append(python("torch-product"))
        workers += [python(peer) for peer in case.peers]
        try:
            each(workers, lambda worker: worker.prepare(case.warm or worker.name in ("gemm-f32", "torch-product")))
            start = time.perf_counter()
            for turn in range(args.turns):
                each(workers, Worker.run)
                if time.perf_counter() - start > args.seconds:
                    break
            results = {worker.name: worker.result() for worker in workers}
            savers = [worker for worker in workers if worker.name in ("losslab", *case.peers)]
            each(savers, lambda worker: worker.ask("save"))
            if case.double:
                workers.append(python("double"))
                each(workers[-1:], lambda worker: worker.prepare(False))
                each(workers[-1:], Worker.run)
                each(workers[-1:], lambda worker: worker.ask("save"))
                results["double"] = workers[-1].result()
            agreement = agree(case, folder, results)
        finally:
            for worker in workers:
                worker.end()
    return {"title": case.title, "peers": results, "agreement": agreement}


def agree(case, folder, results):
    """How far value and gradient of each peer are from those of losslab, the gradient by its largest entry."""
    found = {}
    for peer in (*case.peers, *(["double"] if case.double else [])):
        if "failure" in results[peer]:
            continue
        if case.kernel == "nearest":
            of = lambda name: np.fromfile(Path(folder) / f"{name}.u32", "<u4").reshape(-1, case.options["k"])
            found[peer] = {"same_neighbours": float((of("losslab") == of(peer)).all(1).mean())}
            continue
        ours, theirs = (np.fromfile(Path(folder) / f"{name}.f32", np.float32) for name in ("losslab", peer))
        value = results["losslab"]["value"]
        found[peer] = {
            "value": abs(value - results[peer]["value"]) / abs(value),
            "gradient": float(np.abs(ours - theirs).max() / np.abs(ours).max()),
        }
        judged = peer == "double" if case.double else True
        if judged and max(found[peer].values()) > case.tolerance:
            print(f"  {peer} DIFFERS: {found[peer]}")
    return found


def through_burn(name, args):
    command = [args.losslab, "bench", *THROUGH_BURN[name], "--json"]
    run = subprocess.run(command, capture_output=True, text=True, env=os.environ | THREADS, check=True)
    return {"title": f"`losslab bench {' '.join(THROUGH_BURN[name])}`", "paths": json.loads(run.stdout)}


def build(*what):
    command = ["cargo", "build", "--release", *what, "--message-format=json"]
    out = subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True).stdout
    return [message["executable"] for message in map(json.loads, out.splitlines()) if message.get("executable")][-1]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("cases", nargs="*", help="names of cases; all of them without any")
    parser.add_argument("--list", action="store_true", help="list the cases")
    parser.add_argument("--turns", type=int, default=7, help="how often each peer runs")
    parser.add_argument("--seconds", type=float, default=40, help="no further turn after so many seconds of a case")
    parser.add_argument("--memory", type=float, default=14, help="GiB that a PyTorch process may take")
    parser.add_argument("--record", type=Path, help="the record, without its ending; results/TODAY if not given")
    parser.add_argument("--kernels", help="the built example `compare` of losslab-kernels; built if not given")
    parser.add_argument("--losslab", help="the built program; built if not given")
    parser.add_argument("--commit", help="the commit of built programs that are given; HEAD if not given")
    args = parser.parse_args()
    names = [case.name for case in CASES] + list(THROUGH_BURN)
    if args.list:
        print(*names, sep="\n")
        return
    chosen = args.cases or names
    if unknown := set(chosen) - set(names):
        parser.error(f"no case {', '.join(sorted(unknown))}; --list names them")
    if any(case.name in chosen for case in CASES) and not args.kernels:
        args.kernels = build("-p", "losslab-kernels", "--example", "compare")
    if any(name in chosen for name in THROUGH_BURN) and not args.losslab:
        args.losslab = build("--workspace", "--bin", "losslab")
    path = args.record or HERE / "results" / time.strftime("%Y-%m-%d")
    for name in chosen:
        case = next((case for case in CASES if case.name == name), None)
        found = compare(case, args) if case else through_burn(name, args)
        record.add(path, name, found, args.commit or record.commit())
        print(record.summary(name, found), flush=True)


if __name__ == "__main__":
    main()
