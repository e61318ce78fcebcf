"""A project that never was: a repository, and asv's results for each of its commits.

``python -m ci.synthetic FOLDER --commits 2000 --benchmarks 100 --seed 1`` writes
``FOLDER/repo`` (git), ``FOLDER/results`` and ``FOLDER/asv.conf.json``: what ``asv publish`` and
``harness report build`` read. The same arguments give the same bytes.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

MACHINE = "synthetic"
ENVIRONMENT = "virtualenv-py3.11"
#: The first commit's date, in seconds since 1970, and the seconds between two commits.
_BEGAN_S, _APART_S = 1_577_836_800, 5_000
_SUITES = ("codec", "cache", "tables", "latency", "throughput", "memory")
_UNITS = ("seconds", "seconds", "seconds", "1/s", "bytes", "ns")
_SUBJECTS = (
    "Decode rows in one call", "Keep the names of columns", "Restore the order of events",
    "Count what was left out", "Say why a run is void", "Read answers without copying them",
    "Let a worker end by itself", "Write the index first", "Mend the test of time-outs",
)  # fmt: skip


@dataclass(frozen=True)
class Made:
    """Where it lies, and what was planted: benchmark → first commit of its new level."""

    folder: Path
    commits: list[str]
    planted: dict[str, str]

    @property
    def results(self) -> Path:
        return self.folder / "results"


def make(folder: Path, commits: int, benchmarks: int, seed: int = 1) -> Made:
    """Write all of it. Every fourth benchmark has a step of 4 to 20 % somewhere."""
    folder.mkdir(parents=True, exist_ok=True)
    repo = folder / "repo"
    hashes = _history(repo, commits, seed)
    _settings(folder)
    names = [_name(number) for number in range(benchmarks)]
    values, planted = drawn(len(hashes), benchmarks, seed)
    machine = folder / "results" / MACHINE
    machine.mkdir(parents=True, exist_ok=True)
    about = {"arch": "x86_64", "cpu": "a processor", "machine": MACHINE, "num_cpu": "2",
             "os": "Linux 6.1", "ram": "24000000000", "version": 1}  # fmt: skip
    (machine / "machine.json").write_text(json.dumps(about, indent=4))
    (folder / "results" / "benchmarks.json").write_text(json.dumps(_benchmarks(names), indent=4))
    for at, commit in enumerate(hashes):
        add_result(folder, commit, at, names, values[:, at])
    return Made(folder, hashes, {names[b]: hashes[at] for b, at in planted.items()})


def add_commits(made: Made, benchmarks: int, values: np.ndarray, seed: int = 1) -> list[str]:
    """More commits after the last one, with one column of values each; their hashes."""
    more = values.shape[1]
    hashes = _history(made.folder / "repo", len(made.commits) + more, seed)
    names = [_name(number) for number in range(benchmarks)]
    for number, commit in enumerate(hashes[len(made.commits) :]):
        add_result(made.folder, commit, len(made.commits) + number, names, values[:, number])
    return hashes[len(made.commits) :]


def add_result(folder: Path, commit: str, place: int, names: list[str], values: np.ndarray) -> None:
    """One file of asv: a commit with a value and an interval for each benchmark."""
    columns = ["result", "params", "version", "started_at", "duration", "stats_ci_99_a",
               "stats_ci_99_b", "stats_q_25", "stats_q_75", "stats_number",
               "stats_repeat"]  # fmt: skip
    date = (_BEGAN_S + place * _APART_S) * 1000
    results: dict[str, Any] = {}
    for name, value in zip(names, values.tolist(), strict=True):
        results[name] = [
            [value], [], _version(name), date, 1.5, [value * 0.98], [value * 1.02],
            [value * 0.99], [value * 1.01], [1], [10],
        ]  # fmt: skip
    file = {
        "commit_hash": commit, "env_name": ENVIRONMENT, "date": date,
        "params": {"arch": "x86_64", "cpu": "a processor", "machine": MACHINE, "num_cpu": "2",
                   "os": "Linux 6.1", "python": "3.11", "ram": "24000000000"},
        "python": "3.11", "requirements": {}, "env_vars": {}, "result_columns": columns,
        "results": results, "durations": {}, "version": 2,
    }  # fmt: skip
    path = folder / "results" / MACHINE / f"{commit[:8]}-{ENVIRONMENT}.json"
    path.write_text(json.dumps(file))


def drawn(commits: int, benchmarks: int, seed: int) -> tuple[np.ndarray, dict[int, int]]:
    """Noise of 2 % that is passed on in part, spikes, and the planted steps."""
    draw = np.random.default_rng(seed)
    noise = draw.normal(0, 0.02, (benchmarks, commits))
    for at in range(1, commits):
        noise[:, at] += 0.3 * noise[:, at - 1]
    spikes = draw.random((benchmarks, commits)) < 0.004
    noise[spikes] += draw.uniform(0.2, 0.8, int(spikes.sum()))
    level = np.exp(draw.uniform(np.log(1e-6), np.log(1e-1), benchmarks))
    values = level[:, None] * (1 + noise)
    planted = {}
    for benchmark in range(0, benchmarks, 4):
        at = int(draw.integers(commits // 5, commits - commits // 10)) if commits > 10 else 0
        if at:
            values[benchmark, at:] *= 1 + draw.uniform(0.04, 0.2)
            planted[benchmark] = at
    for benchmark in range(benchmarks):
        if _unit(benchmark) == "bytes":
            values[benchmark] = np.round(values[benchmark] * 1e9)
        if _unit(benchmark) == "1/s":
            values[benchmark] = 1 / values[benchmark]
    return values, planted


def _name(number: int) -> str:
    suite = _SUITES[number % len(_SUITES)]
    kind = {"seconds": "time", "bytes": "peakmem"}.get(_unit(number), "track")
    return f"{suite}.{suite.title()}{number // len(_SUITES):03}.{kind}_case_{number:03}"


def _unit(number: int) -> str:
    return _UNITS[number % len(_UNITS)]


def _version(name: str) -> str:
    return hashlib.sha256(name.encode()).hexdigest()


def _benchmarks(names: list[str]) -> dict[str, Any]:
    found: dict[str, Any] = {"version": 2}
    for number, name in enumerate(names):
        kind = name.rpartition(".")[2].partition("_")[0]
        found[name] = {
            "code": "pass", "name": name, "param_names": [], "params": [], "timeout": 60.0,
            "type": {"time": "time", "peakmem": "peakmemory"}.get(kind, "track"),
            "unit": _unit(number), "version": _version(name), "number": 0, "repeat": 0,
            "min_run_count": 2, "rounds": 2, "sample_time": 0.01, "warmup_time": -1,
        }  # fmt: skip
    return found


def _settings(folder: Path) -> None:
    settings = {
        "version": 1, "project": "synthetic", "project_url": "https://example.org/",
        "repo": "repo", "branches": ["main"], "dvcs": "git", "pythons": ["3.11"],
        "environment_type": "virtualenv", "benchmark_dir": "benchmarks", "env_dir": "env",
        "results_dir": "results", "html_dir": "html",
        "show_commit_url": "https://example.org/commit/",
    }  # fmt: skip
    (folder / "asv.conf.json").write_text(json.dumps(settings, indent=4))
    (folder / "benchmarks").mkdir(exist_ok=True)
    (folder / "benchmarks" / "__init__.py").write_text("")


def _history(repo: Path, commits: int, seed: int) -> list[str]:
    """A branch of so many commits, by git's own importer; their hashes, the oldest first."""
    if not (repo / ".git").exists():
        subprocess.run(["git", "init", "-q", "-b", "main", str(repo)], check=True)
    draw = np.random.default_rng(seed)
    choice = draw.integers(0, len(_SUBJECTS), commits)
    lines: list[str] = []
    for at in range(commits):
        said = f"{_SUBJECTS[choice[at]]} ({at})\n"
        text = f"{at}\n"
        who = f"A Developer <developer@example.org> {_BEGAN_S + at * _APART_S} +0000"
        lines.append(
            f"commit refs/heads/main\nmark :{at + 1}\nauthor {who}\ncommitter {who}\n"
            f"data {len(said)}\n{said}"
            + (f"from :{at}\n" if at else "")
            + f"M 100644 inline number\ndata {len(text)}\n{text}\n"
        )
    subprocess.run(
        ["git", "-C", str(repo), "fast-import", "--quiet", "--force"],
        input="".join(lines).encode(), check=True,
    )  # fmt: skip
    listed = subprocess.run(
        ["git", "-C", str(repo), "rev-list", "--reverse", "main"],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    return listed.stdout.split()


def main() -> None:
    """The command of the module's docstring."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--commits", type=int, default=2000)
    parser.add_argument("--benchmarks", type=int, default=100)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    began = time.monotonic()
    made = make(given.folder, given.commits, given.benchmarks, given.seed)
    took = time.monotonic() - began
    print(
        f"{len(made.commits):,} commits, {given.benchmarks} benchmarks, {len(made.planted)} steps"
    )
    print(f"in {took:.1f} s: {made.folder}")


if __name__ == "__main__":
    main()
