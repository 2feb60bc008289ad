"""Ranked lists: the losses of losslab beside LightGBM's lambdarank and regression, on the same parts.

    pip install lightgbm numpy scipy
    python compare/ranking.py [--losslab target/release/losslab] [--seeds 6] [--data-dir DIR]

Runs `losslab run ranking` (on MQ2008 too, if DIR has a folder mq2008-fold1) and LightGBM on the very same data: the
generated searches are written by `losslab data searches`. Leaves, step size and number of trees of LightGBM are chosen for
each seed on the validation part by NDCG@10, as losslab chooses its step size and epoch. All measures are those of losslab:
means over the queries with a relevant item, exponential gain, equal scores by the mean over their orders. Prints a table
and writes it to compare/results/ranking-DATE.md.
"""

import argparse
import datetime
import gzip
import itertools
import json
import platform
import subprocess
import tempfile
import time
from importlib.metadata import version
from pathlib import Path

import lightgbm
import numpy as np
from scipy.stats import ttest_rel

HERE = Path(__file__).resolve().parent
MEASURES = {"ndcg_at_1": "NDCG@1", "ndcg_at_5": "NDCG@5", "ndcg_at_10": "NDCG@10", "map": "MAP"}
LEAVES, STEPS, TREES, PATIENCE = [7, 15, 31], [0.05, 0.1], 500, 40
OBJECTIVES = {"lambdarank": "LightGBM lambdarank", "regression": "LightGBM regression"}


def read(folder, part):
    """Features, grades and the number of items of each query of a LETOR file."""
    file = folder / f"{part}.txt"
    text = file.read_text() if file.exists() else gzip.open(f"{file}.gz", "rt").read()
    grades, queries, rows = [], [], []
    for line in text.splitlines():
        grade, query, *features = line.split("#")[0].split()
        grades.append(float(grade))
        queries.append(query)
        rows.append([float(feature.split(":")[1]) for feature in features])  # both sets name all features, in order
    lengths = [len(list(group)) for _, group in itertools.groupby(queries)]
    return np.array(rows), np.array(grades), lengths


def ndcg(scores, grades, k):
    """With equal scores sharing the mean of their gains."""
    gains, discounts = 2.0**grades - 1, np.where(np.arange(len(grades)) < k, 1 / np.log2(np.arange(len(grades)) + 2), 0)
    _, group = np.unique(-scores, return_inverse=True)
    mean = (np.bincount(group, gains) / np.bincount(group))[np.sort(group)]
    return mean @ discounts / (np.sort(gains)[::-1] @ discounts)


def average_precision(scores, grades):
    """The mean over all orders of equal scores."""
    total, before, rank = 0.0, 0.0, 0
    for score in np.unique(scores)[::-1]:
        tied = grades[scores == score] > 0
        n, relevant = len(tied), tied.sum()
        beside = (relevant - 1) / (n - 1) if relevant > 1 else 0.0
        total += relevant / n * sum((before + i * beside + 1) / (rank + i + 1) for i in range(n))
        before, rank = before + relevant, rank + n
    return total / before


def measure(scores, grades, lengths):
    """Means over the queries with a relevant item."""
    ends = np.cumsum(lengths)[:-1]
    lists = [(s, y) for s, y in zip(np.split(scores, ends), np.split(grades, ends)) if (y > 0).any()]
    of = lambda value: float(np.mean([value(s, y) for s, y in lists]))
    found = {f"ndcg_at_{k}": of(lambda s, y, k=k: ndcg(s, y, k)) for k in (1, 5, 10)}
    return found | {"map": of(average_precision)}


def boosted(objective, parts, seed):
    """The measures on the test part of the trees that are best on the validation part."""
    train, valid, test = parts
    best = None
    for leaves, step in itertools.product(LEAVES, STEPS):
        params = {
            "objective": objective, "metric": "ndcg", "eval_at": [10], "num_leaves": leaves, "learning_rate": step,
            "bagging_fraction": 0.8, "bagging_freq": 1, "feature_fraction": 0.8, "seed": seed, "deterministic": True,
            "num_threads": 2, "verbosity": -1,
        }
        data = lightgbm.Dataset(train[0], train[1], group=train[2])
        watched = lightgbm.Dataset(valid[0], valid[1], group=valid[2], reference=data)
        model = lightgbm.train(params, data, TREES, valid_sets=[watched],
                               callbacks=[lightgbm.early_stopping(PATIENCE, verbose=False)])
        on_valid = measure(model.predict(valid[0]), *valid[1:])["ndcg_at_10"]
        if best is None or on_valid > best[0]:
            best = on_valid, model
    return measure(best[1].predict(test[0]), *test[1:])


def losslab(program, arguments):
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "out"
        subprocess.run([program, "run", "ranking", "--out", out, *arguments], check=True, capture_output=True)
        return json.loads((out / "outcome.json").read_text())


def searches(program, seed, config):
    with tempfile.TemporaryDirectory() as folder:
        settings = [f"--{name}={config[name]}" for name in ("queries", "sessions", "bias")]
        command = [program, "data", "searches", "--seed", str(seed), "--out", folder, *settings]
        subprocess.run(command, check=True, capture_output=True)
        return [read(Path(folder), part) for part in ("train", "vali", "test")]


def spread(values):
    return f"{100 * np.mean(values):.1f} ± {100 * np.std(values, ddof=1) if len(values) > 1 else 0:.1f}"


def table(rows):
    """Markdown; the best mean of a column is bold."""
    best = {metric: max(np.mean(values[metric]) for values in rows.values()) for metric in MEASURES}
    lines = ["| ranked by | " + " | ".join(MEASURES.values()) + " |", "|---|" + "---|" * len(MEASURES)]
    for name, values in rows.items():
        cell = lambda m: f"**{spread(values[m])}**" if np.mean(values[m]) == best[m] else spread(values[m])
        lines.append(f"| {name} | " + " | ".join(map(cell, MEASURES)) + " |")
    return "\n".join(lines)


def verdicts(rows):
    """LightGBM's lambdarank minus each of losslab's losses in NDCG@10, paired by seed."""
    lines = []
    trees = np.array(rows[OBJECTIVES["lambdarank"]]["ndcg_at_10"])
    for name, values in rows.items():
        if name.startswith("LightGBM"):
            continue
        difference = trees - np.array(values["ndcg_at_10"])
        p = ttest_rel(trees, values["ndcg_at_10"]).pvalue if len(trees) > 1 else float("nan")
        shown = "p < 0.001" if p < 0.001 else f"p = {p:.3f}"
        word = shown if p < 0.05 else f"no significant difference, {shown}"
        lines.append(f"- {name}: {100 * difference.mean():+.1f} points ({word})")
    return "\n".join(lines)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--losslab", default=HERE.parent / "target/release/losslab", type=Path)
    parser.add_argument("--seeds", type=int, default=6)
    parser.add_argument("--data-dir", type=Path)
    arguments = parser.parse_args()
    program = arguments.losslab.resolve()
    flags = ["--seeds", str(arguments.seeds)] + (["--data-dir", arguments.data_dir] if arguments.data_dir else [])
    start = time.perf_counter()
    outcome = losslab(program, flags)
    of_losslab = time.perf_counter() - start
    config, seeds = outcome["config"], outcome["seeds"]

    sets = {"searches": ("Generated searches with clicks", lambda seed: searches(program, seed, config))}
    folder = arguments.data_dir and arguments.data_dir / "mq2008-fold1"
    if folder and folder.is_dir():
        parts = [read(folder, part) for part in ("train", "vali", "test")]
        sets["mq2008"] = ("MQ2008, fold 1", lambda seed: parts)
    text, of_trees = [], 0.0
    for key, (title, draw) in sets.items():
        rows = {name: {metric: [] for metric in MEASURES} for name in OBJECTIVES.values()}
        for seed in seeds:
            drawn = draw(seed)
            start = time.perf_counter()
            for objective, name in OBJECTIVES.items():
                for metric, value in boosted(objective, drawn, seed).items():
                    rows[name][metric].append(value)
            of_trees += time.perf_counter() - start
        for row in outcome["rows"]:
            of, name = row["name"].split("/", 1)
            if of == key:
                rows[f"losslab, {name}"] = {metric: row["metrics"][metric]["values"] for metric in MEASURES}
        text += [f"## {title}", table(rows), "LightGBM's lambdarank minus, in NDCG@10, paired by seed:", verdicts(rows)]

    date = datetime.date.today().isoformat()
    head = [
        f"# Ranked lists beside LightGBM, {date}",
        f"LightGBM {version('lightgbm')}, numpy {version('numpy')}, Python {platform.python_version()}; losslab as of this "
        f"commit, one hidden layer of {config['hidden']}. `python compare/ranking.py --seeds {arguments.seeds}"
        f"{' --data-dir DIR' if arguments.data_dir else ''}`.",
        f"Per cent on the test part, mean ± standard deviation over {len(seeds)} seeds, over the queries with a relevant "
        "item. On MQ2008 the parts are the same for every seed, and the spread is that of the training alone. LightGBM: "
        f"leaves of {LEAVES}, step sizes of {STEPS}, up to {TREES} trees, chosen on the validation part; losslab: step size "
        f"of {config['lr']}, up to {config['epochs']} epochs.",
        f"The runs took {of_losslab:.0f} s (losslab, {len(config['losses'])} losses) and {of_trees:.0f} s (LightGBM).",
    ]
    record = "\n\n".join(head + text) + "\n"
    print(record)
    path = HERE / f"results/ranking-{date}.md"
    path.parent.mkdir(exist_ok=True)
    path.write_text(record)


if __name__ == "__main__":
    main()
