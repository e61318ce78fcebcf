"""``harness compare``: did it become slower?"""

from __future__ import annotations

import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from harness.cli import INTERRUPTED, OK, SLOWER, UNTOLD
from harness.cli.arguments import Number

if TYPE_CHECKING:
    from harness.records import Run
    from harness.run.callgrind import Counted
    from harness.run.compare_result import Comparison
    from harness.run.compare_turns import Bench, Effort, Taken
    from harness.stats.comparison import Rules


@click.command()
@click.argument("base")
@click.argument("head")
@click.argument("suites", nargs=-1)
@click.option("-k", "expression", default="", metavar="EXPR", help="Only scenarios whose name "
              "holds these words; and, or, not and parentheses join them.")  # fmt: skip
@click.option("--full", is_flag=True, help="All parameters of the suites, not the few of a quick "
              "run.")  # fmt: skip
@click.option("--budget", type=Number(0, min_open=True), default=300.0,
              show_default=True, metavar="SECONDS", help="Take turns no longer.")  # fmt: skip
@click.option("--precision", type=Number(0, 100, min_open=True), default=1.0,
              show_default=True, metavar="PERCENT", help="Stop when intervals reach no further "
              "than this to either side.")  # fmt: skip
@click.option("--margin", type=Number(0, 100, min_open=True), default=2.0,
              show_default=True, metavar="PERCENT", help="A change within this does not matter: "
              "it is called the same.")  # fmt: skip
@click.option(
    "--level",
    type=Number(0, 0.5, min_open=True),
    default=0.05,
    show_default=True,
    help="The share of what is called changed that may be false.",
)
@click.option("--dependent", is_flag=True, help="Correct for figures that depend on each other in "
              "any way (Benjamini-Yekutieli).")  # fmt: skip
@click.option("--seed", type=click.IntRange(0), default=1, show_default=True,
              help="Seed of workloads, turns and intervals.")  # fmt: skip
@click.option(
    "--repository",
    type=click.Path(path_type=Path),
    default=Path(),
    metavar="DIR",
    help="The git repository of the revisions; here, by default.",
)
@click.option("--instructions/--no-instructions", default=True, show_default=True, help="Also "
              "count the instructions of codec, protocol and cache, which finds 1 %; needs "
              "valgrind, and half a minute for each.")  # fmt: skip
@click.option("--across-machines", is_flag=True, help="Compare runs of different machines or "
              "Pythons all the same, and say so.")  # fmt: skip
@click.option("--out", type=click.Path(file_okay=False, path_type=Path), default=Path("results"),
              show_default=True, metavar="DIR", help="Where results are kept.")  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of the table.")
@click.option("--markdown", is_flag=True, help="Print Markdown instead of the table.")
def compare(
    base: str, head: str, suites: tuple[str, ...], expression: str, full: bool, budget: float,
    precision: float, margin: float, level: float, dependent: bool, seed: int, repository: Path,
    instructions: bool, across_machines: bool, out: Path, as_json: bool, markdown: bool,
) -> int:  # fmt: skip
    """Say whether HEAD is slower than BASE: two git revisions, two stored runs, or two folders.

    Revisions are each built once into an environment of their own, and measured in turns by fresh
    processes against the same server, until every cost is known to --precision or --budget is
    spent; SUITES are those of `harness run` (codec, cache and throughput without any). Stored runs
    are judged as they are, and refused if their machines or Pythons differ.

    The unit of all that is said is the process, not the sample. harness/stats/METHOD.md says more.

    \b
    Exit codes:
      0  nothing is slower          1  an error      2  a wrong command line
      3  something is slower        4  could not tell: too little time, or too much noise
      130  stopped by Ctrl-C; the table has what was finished

    \b
    Examples:
      harness compare main HEAD
      harness compare HEAD~1 HEAD codec --budget 60 --precision 0.5
      harness compare v1.0 HEAD throughput latency -k "insert and v3" --markdown
      harness compare results-before results-after
    """
    if as_json and markdown:
        raise click.UsageError("--json and --markdown exclude each other")
    from harness.cli.compare_plan import benches, counted
    from harness.cli.compare_sides import stored
    from harness.cli.progress import say
    from harness.cli.signals import ended_by_signals
    from harness.run.compare_result import save
    from harness.run.compare_turns import Effort
    from harness.stats.comparison import Rules

    rules = Rules(level=level, margin=margin / 100, dependent=dependent, seed=seed)
    found = stored(base, head, repository, out)
    if found is not None:
        comparison = _runs(base, head, found, _named(suites, expression), rules,
                           across_machines=across_machines, out=out)  # fmt: skip
    else:
        effort = Effort(budget_s=budget, precision=precision / 100, level=level, seed=seed)
        plan = benches(suites, expression, seed=seed, full=full)
        with ended_by_signals():
            comparison = revisions(
                base, head, plan, effort, rules, repository, out,
                counted(suites, expression, full=full) if instructions else [],
            )  # fmt: skip
    path = save(comparison, out)
    show(comparison, as_json, markdown)
    say(f"all of it: {path}")
    if comparison.taking is not None and comparison.taking.stopped:
        return INTERRUPTED
    if comparison.slower:
        return SLOWER
    return OK if comparison.told else UNTOLD


def revisions(
    base: str, head: str, plan: list[Bench], effort: Effort, rules: Rules, repository: Path,
    out: Path, counted: list[str], only: Callable[[Taken], Taken] = lambda taken: taken,
) -> Comparison:  # fmt: skip
    """Build both, take turns, count, judge. Raises ``PlanError`` and ``TargetError``.

    ``only`` chooses which of the figures that were measured are judged. Without a plan nothing is
    measured by the clock.
    """
    from harness.cli.progress import say
    from harness.measure.environment import environment
    from harness.run import callgrind
    from harness.run.compare_process import Processes
    from harness.run.compare_result import Taking, of_revisions
    from harness.run.compare_turns import Taken, Turns
    from harness.run.environments import Environments

    made = Environments(repository, progress=say)
    commits = made.commit(base), made.commit(head)
    pythons = made.python(base), made.python(head)
    about = environment()
    began = _now()
    taken = Taken(report=[], left_out=[], seconds=0.0)
    if plan:
        taken = only(Turns(plan, Processes(pythons), effort, progress=say).run())
    stopped = taken.stopped
    counts: list[Counted] = []
    remarks: list[str] = []
    if counted and not stopped:
        graphs = out / "callgrind" / "".join(x for x in began[:19] if x.isalnum())
        try:
            counts, remarks = callgrind.compare_all(pythons, counted, keep=graphs, progress=say)
        except KeyboardInterrupt:
            stopped, remarks = True, ["stopped by hand: no instructions were counted"]
    live = any(bench.scenario.live for bench in plan)
    taking = Taking(
        commits=commits, environment=about, effort=effort, seconds=taken.seconds,
        stopped=stopped,
        server="the embedded server of this installation" if live else "no server",
    )  # fmt: skip
    return of_revisions(
        base, head, taken, taking, rules, folder=out, made_at=began, counts=counts, remarks=remarks
    )


def _runs(
    base: str, head: str, found: tuple[list[Run], list[Run]], wanted: Callable[[str], bool],
    rules: Rules, *, across_machines: bool, out: Path,
) -> Comparison:  # fmt: skip
    from harness.run.compare_result import of_runs
    from harness.run.compare_stored import pair

    return of_runs(
        base, head, pair(*found, wanted), rules,
        across_machines=across_machines, folder=out, made_at=_now(),
    )  # fmt: skip


def _named(suites: tuple[str, ...], expression: str) -> Callable[[str], bool]:
    from harness.cli.selection import selector

    wanted = selector(expression)
    return lambda name: wanted(name) and (not suites or name.split()[0] in suites)


def show(comparison: Comparison, as_json: bool, markdown: bool) -> None:
    """Print it on stdout."""
    if as_json:
        import msgspec

        sys.stdout.write(msgspec.json.format(msgspec.json.encode(comparison), indent=1).decode())
        sys.stdout.write("\n")
        return
    from harness.cli.compare_report import as_markdown, render
    from harness.cli.table import console

    if markdown:
        click.echo(as_markdown(comparison), nl=False)
    else:
        render(comparison, console())


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
