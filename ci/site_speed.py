"""How fast is our site made beside asv's, out of the same results, in one run?

``python -m ci.site_speed`` makes a history of 2,000 commits and 100 benchmarks (``synthetic.py``),
lets ``asv publish`` and ``harness report build`` make their sites of it in turns, adds one commit
and builds again. CPU time is that of whole processes; the goals are printed as reached or missed.
Exit code 3 if one is missed.
"""

from __future__ import annotations

import argparse
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

from ci import synthetic

#: Our CPU time over asv's, our peak memory, and seconds of a rebuild after one new commit.
GOAL_RATIO, GOAL_BYTES, GOAL_REBUILD_S = 0.1, 300e6, 1.0
#: The most bytes that one page may load of its own.
GOAL_PAGE_BYTES = 2e6
_PAIRS = 3


class Cost(NamedTuple):
    """What one process took."""

    cpu_s: float
    wall_s: float
    peak_bytes: int


def main() -> int:
    """The command of the module's docstring."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else "")
    parser.add_argument("--commits", type=int, default=2000)
    parser.add_argument("--benchmarks", type=int, default=100)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--without-asv", action="store_true", help="Build ours alone.")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        print(f"making {given.commits:,} commits x {given.benchmarks} benchmarks", file=sys.stderr)
        made = synthetic.make(Path(folder), given.commits, given.benchmarks, given.seed)
        met = [_whole(made, given.without_asv), _again(made, given.benchmarks), _pages(made)]
    return 0 if all(met) else 3


def _whole(made: synthetic.Made, alone: bool) -> bool:
    """Both sites from nothing, in turns: A B A B."""
    ours, theirs = [], []
    for turn in range(_PAIRS):
        if not alone:
            theirs.append(_cost([sys.executable, "-m", "asv", "publish"], made.folder))
        ours.append(_cost(_build(made, f"site-{turn}"), made.folder))
        print(f"turn {turn + 1}: ours {ours[-1].cpu_s:.2f} s of CPU"
              + (f", asv {theirs[-1].cpu_s:.2f} s" if theirs else ""), file=sys.stderr)  # fmt: skip
    cpu, peak = _middle([x.cpu_s for x in ours]), max(x.peak_bytes for x in ours)
    met = peak <= GOAL_BYTES
    print(f"ours: {cpu:.2f} s of CPU, {peak / 1e6:.0f} MB at the most; {_word(met)} 300 MB")
    if not theirs:
        return met
    ratio = _middle([a.cpu_s / b.cpu_s for a, b in zip(ours, theirs, strict=True)])
    print(f"ours over asv publish: {ratio:.3f} of its CPU time; {_word(ratio <= GOAL_RATIO)} 0.1")
    return met and ratio <= GOAL_RATIO


def _again(made: synthetic.Made, benchmarks: int) -> bool:
    """One commit more, and the site again."""
    rebuilds = []
    for _ in range(_PAIRS):
        values, _ = synthetic.drawn(len(made.commits) + 1, benchmarks, 1)
        hashes = synthetic.add_commits(made, benchmarks, values[:, -1:])
        made.commits.extend(hashes)
        rebuilds.append(_cost(_build(made, "site-0"), made.folder))
    cpu = _middle([x.cpu_s for x in rebuilds])
    wall = min(x.wall_s for x in rebuilds)
    met = cpu <= GOAL_REBUILD_S
    print(f"one commit more: {cpu:.2f} s of CPU, {wall:.2f} s at best; {_word(met)} 1 s")
    return met


def _pages(made: synthetic.Made) -> bool:
    """The largest file that a page loads; it loads one of each kind at a time."""
    files = [path for path in (made.folder / "site-0").rglob("*") if ".memory" not in path.parts]
    largest = max((path for path in files if path.is_file()), key=lambda x: x.stat().st_size)
    size = largest.stat().st_size
    met = size <= GOAL_PAGE_BYTES
    name = largest.relative_to(made.folder / "site-0")
    print(f"largest file of a page: {size / 1e3:.0f} kB ({name}); {_word(met)} 2 MB")
    return met


def _build(made: synthetic.Made, site: str) -> list[str]:
    return [sys.executable, "-m", "harness", "report", "build", "--asv", str(made.results),
            "--out", str(made.folder / site)]  # fmt: skip


def _cost(command: list[str], folder: Path) -> Cost:
    """Run it to its end. Raises ``CalledProcessError`` if it fails."""
    began = time.monotonic()
    process = subprocess.Popen(
        command, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
        env=os.environ | {"PYTHONPATH": str(Path(__file__).resolve().parent.parent)},
    )  # fmt: skip
    assert process.stderr is not None
    said = process.stderr.read()
    _, status, use = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, command, stderr=said)
    return Cost(use.ru_utime + use.ru_stime, time.monotonic() - began, _peak(use))


def _peak(use: resource.struct_rusage) -> int:
    """Linux counts in KiB, macOS in bytes."""
    return use.ru_maxrss if sys.platform == "darwin" else use.ru_maxrss * 1024


def _middle(values: list[float]) -> float:
    return sorted(values)[len(values) // 2]


def _word(met: bool) -> str:
    return "within the goal of" if met else "MISSED the goal of"


if __name__ == "__main__":
    raise SystemExit(main())
