"""``harness selfcheck``: what can this machine tell apart?"""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from harness.cli import OK, UNTOLD
from harness.cli.arguments import Number

if TYPE_CHECKING:
    from harness.run.compare_selfcheck import SelfCheck


@click.command()
@click.argument("suites", nargs=-1)
@click.option("-k", "expression", default="", metavar="EXPR", help="Only scenarios whose name "
              "holds these words; and, or, not and parentheses join them.")  # fmt: skip
@click.option("--full", is_flag=True, help="All parameters of the suites, not the few of a quick "
              "run.")  # fmt: skip
@click.option("--revision", metavar="REV", default="HEAD", show_default=True,
              help="What both sides are.")  # fmt: skip
@click.option("--repository", type=click.Path(path_type=Path), default=Path(), metavar="DIR",
              help="The git repository of the revision; here, by default.")  # fmt: skip
@click.option("--budget", type=Number(0, min_open=True), default=600.0,
              show_default=True, metavar="SECONDS", help="Measure so long.")  # fmt: skip
@click.option("--seed", type=click.IntRange(0), default=1, show_default=True,
              help="Seed of workloads and turns.")  # fmt: skip
@click.option("--out", type=click.Path(file_okay=False, path_type=Path), default=Path("results"),
              show_default=True, metavar="DIR", help="Where it is kept.")  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of the table.")
@click.option("--last", is_flag=True, help="Print the last one of this machine; measure nothing.")
def selfcheck(
    suites: tuple[str, ...], expression: str, full: bool, revision: str, repository: Path,
    budget: float, seed: int, out: Path, as_json: bool, last: bool,
) -> int:  # fmt: skip
    """Compare a revision with itself, and say how often that looks like a change.

    For each figure of SUITES (those of `harness compare` without any): the smallest change that a
    comparison on this machine finds four times in five. It is kept, printed beside the verdicts of
    every later comparison here, and an interval has to lie beyond it to be called a change.

    \b
    Exit codes:
      0  measured      1  an error      2  a wrong command line
      4  too little was measured to say anything

    \b
    Examples:
      harness selfcheck
      harness selfcheck codec throughput --budget 300
      harness selfcheck --last --json
    """
    from harness.cli.progress import say
    from harness.errors import PlanError
    from harness.measure.environment import environment
    from harness.run import compare_selfcheck as checks

    if last:
        check = checks.newest(out, environment())
        if check is None:
            raise PlanError(
                f"{out} has no self-check of this machine with this Python; `harness selfcheck` "
                "makes one"
            )
    else:
        check = _measured(suites, expression, full, revision, repository, budget, seed)
        say(f"kept: {checks.save(check, out)}")
    if as_json:
        import msgspec

        sys.stdout.write(msgspec.json.format(msgspec.json.encode(check), indent=1).decode() + "\n")
    else:
        _render(check)
    return OK if check.comparisons else UNTOLD


def _measured(
    suites: tuple[str, ...], expression: str, full: bool, revision: str, repository: Path,
    budget: float, seed: int,
) -> SelfCheck:  # fmt: skip
    from harness.cli.compare_plan import benches
    from harness.cli.progress import say
    from harness.cli.signals import ended_by_signals
    from harness.measure.environment import environment
    from harness.run.compare_process import Processes
    from harness.run.compare_selfcheck import evaluate
    from harness.run.compare_turns import Effort, Turns
    from harness.run.environments import Environments
    from harness.stats import stopping

    plan = benches(suites, expression, seed=seed, full=full)
    made = Environments(repository, progress=say)
    python = made.python(revision)
    began = datetime.now(UTC).isoformat(timespec="seconds")
    # As exact as the time allows: more blocks know better what can be told apart.
    effort = Effort(budget_s=budget, precision=0.0005, seed=seed)
    with ended_by_signals():
        taken = Turns(plan, Processes((python, python)), effort, progress=say).run()
    for text in taken.left_out:
        say(f"left out: {text}")
    return evaluate(
        taken.report, blocks=stopping.least(max(1, len(taken.report))),
        environment=environment(), revision=made.commit(revision), made_at=began,
    )  # fmt: skip


def _render(check: SelfCheck) -> None:
    from rich.table import Table
    from rich.text import Text

    from harness.cli.table import console
    from harness.units import change

    drawn = Table(box=None, pad_edge=False, title_justify="left", title_style="bold",
                  title="What a comparison on this machine tells apart, 4 times in 5")  # fmt: skip
    for name in ("benchmark", "figure", "detects", "equal code seemed", "95 % interval", "blocks"):
        drawn.add_column(name, justify="left" if name in ("benchmark", "figure") else "right")
    name = ""
    for told in check.tells:
        low, high = told.interval or (float("nan"), float("nan"))
        cells = (
            "" if told.benchmark == name else told.benchmark,
            told.metric.replace("_", " "),
            "nothing" if told.detectable is None else f"{told.detectable:.1%}",
            change(1 + told.seemed),
            f"{change(low)} to {change(high)}" if told.interval else "unknown",
            str(told.blocks),
        )
        name = told.benchmark
        drawn.add_row(*map(Text, cells))
    out = console()
    out.print(drawn)
    low, high = check.rate_interval
    if check.comparisons:
        out.print(
            f"{check.false_alarms} of {check.comparisons} comparisons of {check.blocks_per_report} "
            f"blocks called equal code changed: {check.rate:.1%} ({low:.1%} to {high:.1%}), in "
            f"{check.false_reports} of {check.reports} reports"
        )
    else:
        out.print(f"no false-alarm rate: a report needs {check.blocks_per_report} blocks of each "
                  "figure; allow more with --budget")  # fmt: skip
