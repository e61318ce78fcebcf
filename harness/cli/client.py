"""``harness client``: measure another Python client beside ours, and print the table."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from harness.cli import INTERRUPTED, OK, VOIDED

if TYPE_CHECKING:
    from harness.records import Run
    from harness.run.client_measure import Subject
    from harness.targets.choice import Choice


@click.command()
@click.argument("client", metavar="[PATH_OR_REQUIREMENT[@REVISION]]", required=False)
@click.option("--adapter", required=True, metavar="FILE|NAME", help="The file between the client's "
              "own API and the harness, or the name of one that comes with it.")  # fmt: skip
@click.option("--target", show_default="embedded", metavar="TARGET", help="The "
              "server: embedded, standalone, standalone:VERSION, or the URI of one. The database "
              "`bench` of a URI is emptied; HARNESS_TOKEN may hold the token to come with."
              )  # fmt: skip
@click.option("--server-binary", type=click.Path(path_type=Path), metavar="PATH", help="The "
              "spacetimedb-standalone for the target `standalone`, which is then the default."
              )  # fmt: skip
@click.option("-k", "expression", default="", metavar="EXPR", help="Only rows whose name holds "
              "these words, such as \"insert and 64\".")  # fmt: skip
@click.option("--quick", is_flag=True, help="Fewer rounds and shorter ones.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of the table.")
@click.option("--out", type=click.Path(file_okay=False, path_type=Path), default=Path("results"),
              show_default=True, metavar="DIR", help="Where the run files go.")  # fmt: skip
def client(
    client: str | None, adapter: str, target: str | None, server_binary: Path | None,
    expression: str, quick: bool, as_json: bool, out: Path,
) -> int:  # fmt: skip
    """Measure another Python client of SpacetimeDB beside ours, in turns, at one server.

    The client is a git repository (at REVISION, or at its last commit), a wheel, or what pip takes;
    without one it is the first package that the adapter requires. It is installed into an
    environment of its own, which is kept. Each turn is a fresh process; after it the server's rows
    and its count of transactions are held against what the client claims, and before the first one
    the bytes that it sends are decoded. A client that fails any of this is VOID and says why.

    An adapter is a page of Python: see harness/peers/ADAPTERS.md. With the harness come `own` and
    `seed_sdk`. Both clients are driven by the same process, whose own time is in both figures.

    \b
    Examples:
      harness client ../my-client --adapter my_adapter.py
      harness client ../my-client@v1.2 --adapter my_adapter.py --target standalone:1.2.0
      harness client "my-client==1.2" --adapter my_adapter.py -k "insert and 64"
      harness client ../spacetimedb-python-sdk@b8a9130 --adapter seed_sdk --quick --json

    \b
    Exit codes:
      0  every row is VALID or NOISY
      1  an error      2  a wrong command line      3  some row is VOID      130  stopped by Ctrl-C
    """
    from harness.cli.client_table import as_json_text, render
    from harness.cli.selection import selector
    from harness.cli.signals import ended_by_signals
    from harness.run import client_measure
    from harness.targets.choice import choose

    wanted = selector(expression)
    target = target or ("embedded" if server_binary is None else "standalone")
    if server_binary is not None and not target.startswith("standalone"):
        raise click.UsageError("--server-binary is for --target standalone")
    choice = choose(target, server_binary)
    with ended_by_signals():
        subject = client_measure.subject(client, adapter, progress=_say)
        session = _Session(subject, out)
        stopped = session.run(choice, wanted, quick)
    if as_json:
        click.echo(as_json_text(subject.notes(), session.runs))
    else:
        render(subject.title, session.label, session.runs)
        click.echo(f"Everything about each figure: harness show, or {out / 'runs'}", err=True)
    if stopped:
        click.echo("harness: stopped; the table has what was finished", err=True)
        return INTERRUPTED
    return VOIDED if any(_void(run) for run in session.runs) else OK


class _Session:
    """All rows of one subject, one after the other; ``runs`` are those that were finished."""

    def __init__(self, subject: Subject, out: Path) -> None:
        self._subject, self._out = subject, out
        self.runs: list[Run] = []
        self.label = ""

    def run(self, choice: Choice, wanted: Callable[[str], bool], quick: bool) -> bool:
        """Measure the wanted rows; whether Ctrl-C or a signal to end ended it early."""
        from harness.cli.progress import Steps
        from harness.errors import PlanError
        from harness.run import client_measure
        from harness.run.manager import Manager

        try:
            with Manager(choice, folder=None, share_target=True) as manager:
                protocol = client_measure.protocol(self._subject, manager.offered())
                self.label = f"{protocol}, {choice.label}"
                found = client_measure.scenarios(self._subject, protocol, quick=quick)
                plan = [scenario for scenario in found if wanted(scenario.name)]
                if not plan:
                    names = "; ".join(scenario.name for scenario in found)
                    raise PlanError(f"no row fits -k; there are: {names}")
                with Steps(len(plan)) as steps:
                    for scenario in plan:
                        steps.begin(scenario.name)
                        run = client_measure.measure(manager, self._subject, scenario, self._out)
                        self.runs.append(run)
                        steps.say(_told(run))
                        steps.end()
        except KeyboardInterrupt:
            return True
        return False


def _told(run: Run) -> str:
    """A verdict and, of its reasons, the deepest one."""
    verdict = run.verdict
    return f"{verdict.level.value} ({verdict.reasons[0]})" if verdict.reasons else str(verdict)


def _void(run: Run) -> bool:
    from harness.records import Level

    return run.verdict.level is Level.VOID


def _say(text: str) -> None:
    click.echo(f"        {text}", err=True)
