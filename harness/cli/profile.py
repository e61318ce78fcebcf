"""``harness profile``: where the time goes, and what made it more."""

from __future__ import annotations

from pathlib import Path

import click

from harness.cli import INTERRUPTED, OK
from harness.cli.arguments import Number

PROFILERS = ("sampler", "py-spy", "pyinstrument", "memray", "callgrind", "cprofile")
#: Seconds of the window of one profile, and of each turn of a difference.
SECONDS, TURN_SECONDS = 5.0, 2.0


@click.command()
@click.argument("scenarios", nargs=-1, metavar="[SCENARIO]...")
@click.option(
    "--with",
    "profiler",
    type=click.Choice(PROFILERS),
    default="sampler",
    show_default=True,
    help="The profiler; the default needs nothing installed.",
)
@click.option(
    "--of",
    type=click.Choice(["client", "server"]),
    default="client",
    show_default=True,
    help="Which side is looked at.",
)
@click.option(
    "--diff",
    nargs=2,
    metavar="BASE HEAD",
    help="Profile two git revisions in turns, and show what grew.",
)
@click.option(
    "-k",
    "expression",
    default="",
    metavar="EXPR",
    help="Only scenarios whose name holds these words; and, or, not and parentheses join them.",
)
@click.option(
    "--seconds",
    type=Number(0.05, 600),
    metavar="S",
    help=f"How long is looked at: {SECONDS:g} by default, {TURN_SECONDS:g} in each turn of --diff.",
)
@click.option(
    "--turns",
    type=click.IntRange(1, 100),
    default=8,
    show_default=True,
    metavar="N",
    help="How often --diff profiles each side; three or more give a spread.",
)
@click.option(
    "--target",
    default="embedded",
    show_default=True,
    metavar="TARGET",
    help="What the "
    "client talks to: embedded, standalone, standalone:VERSION, or the URI of a server.",
)
@click.option(
    "--repository",
    type=click.Path(path_type=Path),
    default=Path(),
    metavar="DIR",
    help="The git repository of the revisions; here, by default.",
)
@click.option(
    "--seed",
    type=click.IntRange(0),
    default=1,
    show_default=True,
    help="Seed of workloads and turns.",
)
@click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path("results"),
    show_default=True,
    metavar="DIR",
    help="Where profiles are kept.",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of tables.")
def profile(
    scenarios: tuple[str, ...], profiler: str, of: str, diff: tuple[str, str] | None,
    expression: str, seconds: float | None, turns: int, target: str, repository: Path, seed: int,
    out: Path, as_json: bool,
) -> int:  # fmt: skip
    """Show where the time of SCENARIO goes (throughput without any), as a flame graph.

    SCENARIO is a suite of `harness run`, a benchmark such as throughput.Noop or
    tables.Insert(False), or a scenario's whole name. It runs under the profiler, which looks at the
    window whose CPU time a run would measure; never in a run that yields a number. For each the
    folder profiles/ of --out gets a page that opens from disk, a file for speedscope, collapsed
    stacks, and a record, which `harness show` names with the runs of the same commit.

    With --diff both revisions are built and profiled in turns by fresh processes under the same
    load. Weights are those of one operation; what grew beyond the spread of the turns comes first.

    \b
    Profilers:
      sampler      CPU time, sampled; Python's standard library
      cprofile     every call, traced; Python's standard library
      py-spy       from outside, also of threads        pip install py-spy
      pyinstrument wall time                            pip install pyinstrument
      memray       memory at its most                   pip install memray
      callgrind    instructions of codec, protocol and cache, counted; needs valgrind

    Only the embedded server can be looked into. For others (exit code 1) a sentence says what is
    possible instead.

    \b
    Exit codes:
      0  fine      1  an error, a missing profiler, or a server that none can look into
      2  a wrong command line      130  stopped by Ctrl-C; of --diff, what was finished is kept

    \b
    Examples:
      harness profile throughput
      harness profile tables.Insert --of server --seconds 10
      harness profile codec --with callgrind
      harness profile --diff HEAD~1 HEAD
      harness profile --diff v1.0 HEAD throughput.Noop --of server --turns 10 --json
    """
    from harness.cli import profile_plan
    from harness.cli.profile_session import Session
    from harness.cli.signals import ended_by_signals
    from harness.run import profile_native, profilers

    if of == "server" or diff is not None:
        if of == "server":
            profile_native.refuse(target)
        elif target != "embedded":
            raise click.UsageError("--diff profiles against the embedded server alone")
    profilers.ready(profiler)
    session = Session(profiler, of, out, seed, as_json)
    length = seconds or (SECONDS if diff is None else TURN_SECONDS)
    with ended_by_signals():
        if profiler == "callgrind":
            if of == "server":
                raise click.UsageError("--with callgrind counts codec, protocol and cache, which "
                                       "are no server's")  # fmt: skip
            names = profile_plan.counts(scenarios, expression)
            if diff is None:
                session.count(names)
            else:
                session.count_both(names, diff, repository)
        else:
            plan = profile_plan.scenarios(scenarios, expression, seconds=length, seed=seed)
            if diff is None:
                session.each(plan, target)
            else:
                session.both(plan, diff, repository, turns)
    session.end()
    return INTERRUPTED if session.stopped else OK
