"""``harness run``: measure, and print the table."""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from harness.cli import INTERRUPTED, OK, VOIDED

if TYPE_CHECKING:
    from harness.records import Run


@click.command()
@click.argument("suites", nargs=-1)
@click.option("-k", "expression", default="", metavar="EXPR", help="Only scenarios whose name "
              "holds these words; and, or, not and parentheses join them.")  # fmt: skip
@click.option("--quick", is_flag=True, help="Fewer scenarios and shorter ones: under 30 seconds.")
@click.option("--target", default="embedded", show_default=True, metavar="embedded|URI",
              help="What to measure. The database `bench` of a URI is emptied; the variable "
              "HARNESS_TOKEN may hold the token to come with.")  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of the table.")
@click.option("--markdown", is_flag=True, help="Print Markdown instead of the table.")
@click.option("--out", type=click.Path(file_okay=False, path_type=Path), default=Path("results"),
              show_default=True, metavar="DIR", help="Where the run files go.")  # fmt: skip
@click.option("--seed", type=click.IntRange(0), default=1, show_default=True,
              help="Seed of all workloads.")  # fmt: skip
def run(
    suites: tuple[str, ...], expression: str, quick: bool, target: str, as_json: bool,
    markdown: bool, out: Path, seed: int,
) -> int:  # fmt: skip
    """Measure SUITES (all without any) and print one table.

    Each scenario runs in a fresh process against a server of its own. After it the server's rows
    and the client's cache are compared with a model; a figure that fails any check is not shown,
    its row is VOID and says why.

    \b
    Suites: throughput tables latency memory concurrency connection codec cache peers

    \b
    Exit codes:
      0  every row is VALID or NOISY
      1  an error      2  a wrong command line      3  some row is VOID      130  stopped by Ctrl-C

    \b
    Examples:
      harness run
      harness run --quick
      harness run tables latency -k "insert and not batch"
      harness run --target http://127.0.0.1:3000 --json
    """
    if as_json and markdown:
        raise click.UsageError("--json and --markdown exclude each other")
    session = _Session(suites, expression, quick=quick, target=target, out=out, seed=seed)
    stopped = session.run()
    if as_json:
        _print_json(session.rows)
    elif markdown:
        from harness.cli.table import as_markdown

        click.echo(as_markdown(session.rows))
    else:
        from harness.cli.table import console, render

        render(session.rows, console())
        click.echo(f"Everything about each figure: harness show, or {out / 'runs'}", err=True)
    if stopped:
        click.echo("harness: stopped; the table has what was finished", err=True)
        return INTERRUPTED
    return VOIDED if any(row.void for row in session.rows) else OK


class _Session:
    """All scenarios of one command, one after the other."""

    def __init__(
        self, suites: tuple[str, ...], expression: str, *, quick: bool, target: str,
        out: Path, seed: int,
    ) -> None:  # fmt: skip
        from harness.cli.progress import Steps
        from harness.cli.selection import selector
        from harness.errors import PlanError
        from harness.run import Manager
        from harness.run.suites import combinations, key
        from suites.catalog import classes

        wanted = selector(expression)
        self._quick, self._seed = quick, seed
        self._plan = [
            (name, suite, params)
            for name, suite in classes(suites)
            for params in combinations(suite, quick)
            if wanted(f"{name} {key(params)} {suite.title}")
        ]
        if not self._plan:
            raise PlanError(f"nothing to measure: no scenario fits -k {expression!r}")
        self._steps = Steps(len(self._plan))
        self._manager = Manager(target, folder=out, progress=self._steps.say, share_target=quick)
        self._told: set[str] = set()
        self.rows: list[Any] = []

    def run(self) -> bool:
        """Measure everything; whether Ctrl-C or a signal to end ended it early."""
        try:
            with _ended_by_signals(), self._manager as manager, self._steps as steps:
                for name, suite, params in self._plan:
                    scenario = self._scenario(suite, params)
                    steps.begin(scenario.name)
                    missing = getattr(suite, "missing", lambda: None)()
                    if missing is None:
                        self._keep(name, suite, params, manager.measure(scenario))
                    else:
                        steps.say(f"left out: {missing}")
                    steps.end()
        except KeyboardInterrupt:
            return True
        return False

    def _keep(self, name: str, suite: Any, params: tuple[Any, ...], measured: Run) -> None:
        from harness.cli.rows import rows_of
        from suites.claims import CLAIMS

        self._steps.say(str(measured.verdict))
        if measured.target.kind == "remote":
            for flag in measured.target.flags:
                if flag not in self._told:
                    self._told.add(flag)
                    self._steps.say(flag)
        self.rows += rows_of(name, suite, params, measured, CLAIMS)

    def _scenario(self, suite: Any, params: tuple[Any, ...]) -> Any:
        import msgspec

        from harness.run.suites import quickly

        scenario = suite.scenario(*params)
        if self._quick:
            scenario = quickly(scenario)
        workload = msgspec.structs.replace(scenario.workload, seed=self._seed)
        return msgspec.structs.replace(scenario, workload=workload)


@contextmanager
def _ended_by_signals() -> Iterator[None]:
    """A process that is told to end, or loses its terminal, cleans up as after Ctrl-C."""

    def stop(*_: Any) -> None:
        raise KeyboardInterrupt

    if threading.current_thread() is not threading.main_thread():
        yield  # signals are the main thread's alone
        return
    numbers = [getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name)]
    before = [(number, signal.signal(number, stop)) for number in numbers]
    try:
        yield
    finally:
        for number, handler in before:
            signal.signal(number, handler)


def _print_json(rows: list[Any]) -> None:
    import msgspec

    sys.stdout.write(msgspec.json.format(msgspec.json.encode(rows), indent=1).decode() + "\n")
