"""``harness bisect``: which commit made it worse?"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from harness.cli import OK, UNTOLD
from harness.cli.arguments import Number

if TYPE_CHECKING:
    from harness.run.bisecting import Found
    from harness.run.compare_turns import Bench
    from harness.run.environments import Environments

#: Nothing to find: the ends do not differ.
NOTHING = 5


@click.command()
@click.argument("series")
@click.option("--good", required=True, metavar="REV", help="A revision before it became worse.")
@click.option("--bad", default="HEAD", show_default=True, metavar="REV", help="One after that.")
@click.option("--confidence", type=Number(0.5, 0.999), default=0.95, show_default=True,
              help="Stop when a commit is as likely as this.")  # fmt: skip
@click.option("--budget", type=Number(0, min_open=True), default=1800.0,
              show_default=True, metavar="SECONDS", help="Begin no look after this.")  # fmt: skip
@click.option("--repository", type=click.Path(path_type=Path), default=Path(), metavar="DIR",
              help="The git repository; here, by default.")  # fmt: skip
@click.option("--seed", type=click.IntRange(0), default=1, show_default=True,
              help="Seed of workloads and turns.")  # fmt: skip
@click.option("--resume", is_flag=True, help="Go on with what an earlier search measured.")
@click.option("--out", type=click.Path(file_okay=False, path_type=Path), default=Path("results"),
              show_default=True, metavar="DIR", help="Where searches are kept.")  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def bisect(
    series: str, good: str, bad: str, confidence: float, budget: float, repository: Path, seed: int,
    resume: bool, out: Path, as_json: bool,
) -> int:  # fmt: skip
    """Find the commit between two revisions that changed a figure.

    SERIES is a benchmark of `harness compare`, and after a colon one of its figures (its first cost
    without one). Each look builds a commit, if it is not built yet, and measures it in turns with
    the good revision; it moves a probability, and the next look goes where that splits in halves.
    So a wrong look is put right by later ones. A commit that cannot be built is skipped. Commits
    are those of the first parents.

    \b
    Exit codes:
      0  found       1  an error      2  a wrong command line
      4  not sure within the budget   5  the two revisions do not differ

    \b
    Examples:
      harness bisect "codec.Rows(item, 1000):encode_cpu" --good v1.0
      harness bisect "throughput.Noop(v3)" --good HEAD~40 --budget 3600 --resume
    """
    from harness.cli.progress import say
    from harness.cli.signals import ended_by_signals
    from harness.run import bisecting
    from harness.run.environments import Environments
    from harness.store.commits import between

    made = Environments(repository, progress=say)
    bench, metric = _bench(series, seed)
    commits = between(repository, made.commit(good), made.commit(bad))
    search = bisecting.begin(bench.name, metric, commits)
    if resume:
        search = bisecting.resumed(search, out)
    end = time.monotonic() + budget
    say(f"{len(commits) - 1} commits may have done it")
    with ended_by_signals():
        found = bisecting.run(
            search, _measure(made, bench, metric, seed), confidence=confidence,
            time_left=lambda: time.monotonic() < end,
            keep=lambda now: bisecting.save(now, out), known=made.built, progress=say,
        )  # fmt: skip
    _print(found, series, repository, as_json)
    return {"found": OK, "unsure": UNTOLD, "nothing": NOTHING}[found.kind]


def _bench(series: str, seed: int) -> tuple[Bench, str]:
    """The benchmark and the figure that are named."""
    from harness.cli.compare_plan import benches
    from harness.errors import PlanError

    name, _, metric = series.partition(":")
    suite = name.partition(".")[0]
    found = {bench.name: bench for bench in benches((suite,), seed=seed, full=True)}
    if name not in found:
        raise PlanError(f"no benchmark {name!r}; of the suite there are: {'; '.join(found)}")
    return found[name], metric


def _measure(
    made: Environments, bench: Bench, metric: str, seed: int
) -> Callable[[str, str, int], list[float]]:
    """Measures blocks of two commits, and gives by how much the second one exceeds the first."""
    import random

    from harness.errors import PlanError
    from harness.run.compare_figures import Figure
    from harness.run.compare_process import Processes
    from harness.run.compare_turns import ORDERS
    from harness.stats.blocks import Block, differences, table

    lots = random.Random(seed)

    def measure(good: str, commit: str, count: int) -> list[float]:
        take = Processes((made.python(good), made.python(commit)))
        blocks = []
        for _ in range(count):
            order = ORDERS[lots.randrange(2)]
            sides: list[list[tuple[float, ...]]] = [[], []]
            for side, figures in zip(order, take(bench, order), strict=True):
                sides[side].append(chosen(figures).samples)
            blocks.append(Block(base=tuple(sides[0]), head=tuple(sides[1])))
        return [float(x) for x in differences(table(blocks))]

    def chosen(figures: list[Figure]) -> Figure:
        for figure in figures:
            if figure.name == metric or not metric:
                return figure
        names = ", ".join(figure.name for figure in figures)
        raise PlanError(f"{bench.name} has no figure {metric!r}; there are: {names}")

    return measure


def _print(found: Found, series: str, repository: Path, as_json: bool) -> None:
    import msgspec

    from harness.store.commits import spoken

    if as_json:
        sys.stdout.write(msgspec.json.format(msgspec.json.encode(found), indent=1).decode() + "\n")
        return
    low, high = found.interval
    size = f"{found.change:+.1%} ({low:+.1%} to {high:+.1%})"
    if found.kind == "nothing":
        click.echo(f"{series}: the two revisions do not differ: {size} after {found.looks} looks")
        return
    word = "it is" if found.kind == "found" else "not sure yet; likeliest is"
    click.echo(
        f"{series}: {size}; {word}, with {found.probability:.1%}, after {found.looks} looks:"
    )
    for commit in found.commits:
        click.echo(f"  {spoken(repository, commit)}")
    for commit in found.skipped:
        click.echo(f"  skipped, it could not be measured: {commit[:10]}")
