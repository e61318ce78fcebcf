"""Our default against other tools' defaults on public series that people have labelled: a table.

    git clone https://github.com/alan-turing-institute/TCPD
    python -m tests.stats.labelled TCPD [--each] [--same ROCKSDB]

The Turing change point dataset (van den Burg and Williams, "An evaluation of change point detection
algorithms", 2020) has the change points that five people saw in each series. Judged as they judge:
F1 with a margin of five points, its precision over the points of all annotators and its recall the
mean over annotators; covering, the mean overlap of each annotated stretch with the best found one.
The first point counts as a change point on both sides. Series of one dimension that are in the
repository itself are taken, missing values left out; nothing here was fitted to them.

``--same`` takes the folder that github.com/nyrkio/nyrkio has packed as datasets/rocksdb.2023.tgz:
runs of one commit each, of which series with any change are counted. ``--each`` prints the series
one by one. Tools are those of ``tests.stats.scoring``.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Sequence
from itertools import groupby, pairwise
from pathlib import Path
from typing import NamedTuple

import numpy as np

from tests.stats import noises
from tests.stats.scoring import Tool, available

#: Points by which a change may be off.
MARGIN = 5
#: The figures of RocksDB's runs that are taken, and the fewest runs of a commit.
FIGURES = (
    "ops_sec",
    "mb_sec",
    "usec_op",
    "p50",
    "p99",
    "p99.9",
    "u_cpu",
    "s_cpu",
    "c_wsecs",
    "rss",
)
LONG = 12


class Labelled(NamedTuple):
    """A series, and for each annotator the first points of the stretches that they saw."""

    name: str
    values: noises.Values
    annotations: list[list[int]]
    #: Where the values stand among all points, also those without one.
    places: list[int]
    count: int


# --- the measures --------------------------------------------------------------------------------


def true_positives(annotated: Iterable[int], found: Iterable[int], margin: int = MARGIN) -> int:
    """How many annotated points have a found one near by, each of which counts once."""
    left, hits = sorted(found), 0
    for wanted in sorted(annotated):
        near = [place for place in left if abs(place - wanted) <= margin]
        if near:
            left.remove(min(near, key=lambda place: abs(place - wanted)))
            hits += 1
    return hits


def f1(annotations: Sequence[Sequence[int]], found: Sequence[int], margin: int = MARGIN) -> float:
    """The harmonic mean of precision over all annotators together and of their mean recall."""
    told = {0, *found}
    each = [{0, *places} for places in annotations]
    precision = true_positives(set().union(*each), told, margin) / len(told)
    recall = float(np.mean([true_positives(places, told, margin) / len(places) for places in each]))
    return 2 * precision * recall / (precision + recall)


def covering(annotations: Sequence[Sequence[int]], found: Sequence[int], count: int) -> float:
    """The mean over annotators of how well their stretches are covered by the found ones."""
    told = _stretches(found, count)
    scores = []
    for places in annotations:
        total = 0.0
        for stretch in _stretches(places, count):
            best = max(len(stretch & other) / len(stretch | other) for other in told)
            total += len(stretch) * best
        scores.append(total / count)
    return float(np.mean(scores))


def _stretches(places: Sequence[int], count: int) -> list[set[int]]:
    bounds = sorted({0, *places, count})
    return [set(range(a, b)) for a, b in pairwise(bounds)]


# --- the series ----------------------------------------------------------------------------------


def read(folder: Path) -> list[Labelled]:
    """The series of one dimension in a clone of the dataset, by name."""
    labels = json.loads((folder / "annotations.json").read_text())
    made = []
    for path in sorted((folder / "datasets").glob("*/*.json")):
        found = json.loads(path.read_text())
        if found["n_dim"] != 1 or found["name"] not in labels:
            continue
        raw = found["series"][0]["raw"]
        places = [at for at, value in enumerate(raw) if value is not None]
        made.append(
            Labelled(
                found["name"],
                np.array([raw[at] for at in places], dtype=np.float64),
                list(labels[found["name"]].values()),
                places,
                len(raw),
            )
        )
    return made


def of_one_commit(folder: Path) -> list[noises.Values]:
    """Figures of runs of one commit, by the time of the run: each stretch that is long enough."""
    found = []
    for test in sorted(path for path in folder.iterdir() if path.is_dir()):
        runs = [json.loads(path.read_text())[0] for path in sorted(test.glob("*.json"))]
        runs.sort(key=lambda run: run["timestamp"])
        for figure in FIGURES:
            for _, stretch in groupby(runs, key=lambda run: run["attributes"]["git_commit"]):
                each = [{x["name"]: x["value"] for x in run["metrics"]} for run in stretch]
                values = np.array([one[figure] for one in each if one.get(figure, -1) >= 0])
                if len(values) >= LONG and np.ptp(values) > 0:
                    found.append(values.astype(np.float64))
    return found


def asked(tool: Tool, one: Labelled) -> list[int]:
    """What a tool finds, as places among all points."""
    return sorted({one.places[at] for at in tool(one.values) if 0 < at < len(one.places)})


def main() -> None:
    """Print the table as Markdown."""
    given = [word for word in sys.argv[1:] if word != "--each"]
    same = Path(given.pop(at + 1)) if (at := _place(given, "--same")) >= 0 else None
    arguments = [word for word in given if word != "--same"]
    if len(arguments) != 1 or not (Path(arguments[0]) / "annotations.json").is_file():
        sys.exit(__doc__)
    series = read(Path(arguments[0]))
    tools: dict[str, Tool] = {"nothing": lambda values: [], **available()}
    found = {name: [asked(tool, one) for one in series] for name, tool in tools.items()}
    if "--each" in sys.argv:
        for number, one in enumerate(series):
            print(f"{one.name}, {one.count} points, annotated {one.annotations}")
            for name, told in found.items():
                print(
                    f"  {f1(one.annotations, told[number]):.3f}"
                    f" {covering(one.annotations, told[number], one.count):.3f} {name}"
                    f" {told[number]}"
                )
    print(f"| {len(series)} series | F1 | covering | points told |")
    print("|---|--:|--:|--:|")
    for name, told in found.items():
        pairs = list(zip(series, told, strict=True))
        print(
            f"| {name} | {np.mean([f1(one.annotations, x) for one, x in pairs]):.3f}"
            f" | {np.mean([covering(one.annotations, x, one.count) for one, x in pairs]):.3f}"
            f" | {sum(map(len, told))} |"
        )
    if same is not None:
        still = of_one_commit(same)
        print(f"of one commit, {len(still)} series; with any change:")
        for name, tool in tools.items():
            print(f"  {np.mean([bool(tool(values)) for values in still]):.1%} {name}")


def _place(words: list[str], word: str) -> int:
    return words.index(word) if word in words[:-1] else -1


if __name__ == "__main__":
    main()
