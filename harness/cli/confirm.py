"""``harness confirm``: is a suspected change real?"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from harness.cli import INTERRUPTED, OK, SLOWER, UNTOLD
from harness.cli.arguments import Number

if TYPE_CHECKING:
    from harness.cli.suspects import Event
    from harness.run.compare_turns import Bench
    from harness.run.confirming import Answer, Suspect
    from harness.store.confirmations import Confirmation

#: The same number as of what is slower.
CONFIRMED = SLOWER


@click.command()
@click.argument("suspects", nargs=-1)
@click.option(
    "--from",
    "source",
    type=click.Path(path_type=Path),
    metavar="PLACE",
    help="A folder of results, or the JSON of `harness changes`: SUSPECTS are ids of its events.",
)
@click.option("--base", metavar="REV", help="The revision before the change, for a named suspect.")
@click.option("--head", metavar="REV", help="The revision after it.")
@click.option("--most", type=click.IntRange(1), default=5, show_default=True, metavar="N",
              help="Without SUSPECTS: the newest so many that became worse.")  # fmt: skip
@click.option("--budget", type=Number(0, min_open=True), default=300.0,
              show_default=True, metavar="SECONDS", help="Take turns no longer, for each pair of "
              "revisions.")  # fmt: skip
@click.option("--margin", type=Number(0, 100, min_open=True), metavar="PERCENT",
              help="A change within this is refuted. Half of what is suspected by default, 2 at "
              "most.")  # fmt: skip
@click.option(
    "--level",
    type=Number(0, 0.5, min_open=True),
    default=0.05,
    show_default=True,
    help="The share of what is confirmed that may be false.",
)
@click.option("--seed", type=click.IntRange(0), default=1, show_default=True,
              help="Seed of workloads, turns and intervals.")  # fmt: skip
@click.option("--repository", type=click.Path(path_type=Path), default=Path(), metavar="DIR",
              help="The git repository of the revisions; here, by default.")  # fmt: skip
@click.option("--out", type=click.Path(file_okay=False, path_type=Path), default=Path("results"),
              show_default=True, metavar="DIR", help="Where comparisons are kept, and answers to "
              "named suspects.")  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def confirm(
    suspects: tuple[str, ...], source: Path | None, base: str | None, head: str | None, most: int,
    budget: float, margin: float | None, level: float, seed: int, repository: Path, out: Path,
    as_json: bool,
) -> int:  # fmt: skip
    """Measure a suspected change again, and say: confirmed, refuted or unsure.

    A suspect is a benchmark with --base and --head, as `harness compare`, asv or a stored run calls
    it; or an event of `harness changes`, by its id, with --from. Both revisions are measured in
    turns by fresh processes, as `harness compare` does; of an event those at the ends of the
    interval in which it began. The suspected figures alone are tested, with one correction for all.

    Answers are kept beside the events (--from FOLDER) or in --out. `harness changes` then shows the
    event as confirmed or refuted, and what was refuted is no longer worse for its --fail and
    --worse; `ci/gate.py` shows them too.

    \b
    Exit codes:
      0  nothing is confirmed     1  an error     2  a wrong command line
      3  something is confirmed   4  nothing is confirmed, and something is unsure
      130  stopped by Ctrl-C; nothing of what was under way is kept

    \b
    Examples:
      harness confirm "codec.Rows(item, 1000):encode_cpu" --base HEAD~1 --head HEAD
      harness confirm --from .asv/results
      harness confirm 1f0c22ab90 --from .asv/results --budget 120
      harness changes .asv/results --json > changes.json && harness confirm --from changes.json
    """
    from harness.cli.progress import say
    from harness.cli.signals import ended_by_signals

    wanted = _suspects(suspects, source, base, head, most, seed)
    if not wanted:
        say("nothing is suspected: no event became worse and still is")
        _print([], as_json)
        return OK
    kept = source if source is not None and source.is_dir() else out
    pairs = dict.fromkeys((one.base, one.head) for one in wanted)
    told: list[Confirmation] = []
    with ended_by_signals():
        for pair in pairs:
            asked = [one for one in wanted if (one.base, one.head) == pair]
            found = _measure(asked, budget, margin, level, seed, repository, out)
            if found is None:
                say("stopped by hand")
                return INTERRUPTED
            told += found
            say(f"kept in {_keep(kept, found)}")
    _print(told, as_json)
    return _code(told)


def _code(told: Sequence[Confirmation]) -> int:
    from harness.store.confirmations import Word

    words = {one.word for one in told}
    if Word.CONFIRMED in words:
        return CONFIRMED
    return UNTOLD if Word.UNSURE in words else OK


def _keep(folder: Path, found: Sequence[Confirmation]) -> Path:
    from harness.store import confirmations

    return confirmations.add(folder, found)


# --- who is suspected ----------------------------------------------------------------------------


def _suspects(
    names: Sequence[str], source: Path | None, base: str | None, head: str | None, most: int,
    seed: int,
) -> list[Suspect]:  # fmt: skip
    from harness.cli.suspects import of_event, of_name

    if source is None:
        if not names:
            raise click.UsageError("name a suspect with --base and --head, or events with --from")
        if base is None or head is None:
            raise click.UsageError("a named suspect needs --base and --head")
        known = _benches(seed)
        return [of_name(name, base, head, known) for name in names]
    if base is not None or head is not None:
        raise click.UsageError("events know their revisions: --from excludes --base and --head")
    events = _events(source)
    if names:
        return [of_event(event, _benches(seed)) for event in _chosen(names, events, source)]
    worse = [one for one in events if one.direction == "worse" and one.state == "open"]
    return _measurable(worse, most, seed)


def _measurable(events: Sequence[Event], most: int, seed: int) -> list[Suspect]:
    """The first so many that can be measured again; what cannot is told."""
    from harness.cli.progress import say
    from harness.cli.suspects import of_event
    from harness.errors import PlanError

    known = _benches(seed)
    found: list[Suspect] = []
    refused: PlanError | None = None
    for event in events:
        try:
            found.append(of_event(event, known))
        except PlanError as error:
            refused = error
            say(f"left out: {error}")
        if len(found) == most:
            say(f"the newest {most} of {len(events)}; --most takes more")
            break
    if refused is not None and not found:
        raise refused
    return found


def _events(source: Path) -> list[Event]:
    from harness.cli import suspects

    if not source.is_dir():
        return suspects.read(source)
    import msgspec

    from harness.cli.changes_report import of_folder
    from harness.cli.judging import remembered
    from harness.store.judgements import default_file

    with remembered(default_file()) as memory:
        report = of_folder(source, "", 0.05, memory)
    plain = report.plain(report.chosen())["events"]
    return msgspec.convert(plain, list[suspects.Event])


def _chosen(ids: Sequence[str], events: Sequence[Event], source: Path) -> list[Event]:
    from harness.errors import PlanError

    known = {event.id: event for event in events}
    for wanted in ids:
        if wanted not in known:
            shown = ", ".join(list(known)[:5]) or "none"
            raise PlanError(f"{source} has no event {wanted}; the latest are: {shown}")
    return [known[wanted] for wanted in dict.fromkeys(ids)]


def _benches(seed: int) -> dict[str, Bench]:
    from harness.cli.compare_plan import every

    return {bench.name: bench for bench in every(seed)}


# --- measuring and telling -----------------------------------------------------------------------


def _measure(
    asked: Sequence[Suspect], budget: float, margin: float | None, level: float, seed: int,
    repository: Path, out: Path,
) -> list[Confirmation] | None:  # fmt: skip
    """Answers for suspects of one pair of revisions; None if it was stopped by hand."""
    from harness.cli.compare import revisions
    from harness.run import compare_result, confirming
    from harness.run.compare_turns import Effort
    from harness.stats.comparison import Rules

    wide = confirming.margin(asked) if margin is None else margin / 100
    plan = {one.bench.name: one.bench for one in asked if one.bench is not None}
    counted = list(dict.fromkeys(one.benchmark for one in asked if one.bench is None))
    comparison = revisions(
        asked[0].base, asked[0].head,
        list(plan.values()),
        Effort(budget_s=budget, precision=wide / 2, level=level, seed=seed),
        Rules(level=level, margin=wide, seed=seed), repository, out, counted,
        only=lambda taken: confirming.asked(taken, asked),
    )  # fmt: skip
    compare_result.save(comparison, out)
    taking = comparison.taking
    assert taking is not None  # revisions always say how they were measured
    if taking.stopped:
        return None
    about = taking.environment
    return [
        _kept(one, taking.commits, comparison.id, comparison.made_at,
              f"{about.cpu_model} x{about.cpu_count}")
        for one in confirming.answers(
            asked, comparison.rows, comparison.counts, [*comparison.left_out, *comparison.notes]
        )
    ]  # fmt: skip


def _kept(
    answer: Answer, commits: tuple[str, str], comparison: str, made_at: str, machine: str
) -> Confirmation:
    from harness.store.confirmations import Confirmation

    suspect = answer.suspect
    return Confirmation(
        word=answer.word,
        event=suspect.event,
        series=suspect.series,
        benchmark=suspect.benchmark,
        metric=answer.metric,
        commits=commits,
        suspected=suspect.ratio,
        ratio=answer.ratio,
        interval=answer.interval,
        why=answer.why,
        made_at=made_at,
        machine=machine,
        comparison=comparison,
    )


def _print(told: Sequence[Confirmation], as_json: bool) -> None:
    if as_json:
        import msgspec

        data = msgspec.json.encode({"confirmations": told})
        sys.stdout.write(msgspec.json.format(data, indent=1).decode() + "\n")
        return
    for one in told:
        click.echo(sentence(one))


def sentence(one: Confirmation) -> str:
    """An answer as people read it, in two lines."""
    from harness.units import change

    base, head = (commit[:10] for commit in one.commits)
    name = f"{one.benchmark} {one.metric.replace('_', ' ')}".strip()
    size = "not measured" if one.ratio is None else change(one.ratio)
    if one.interval is not None:
        size += f" ({change(one.interval[0])} to {change(one.interval[1])})"
    if one.suspected is not None:
        size += f", suspected {change(one.suspected)}"
    return f"{one.word.value}: {name}, {base}..{head}: {size}\n  {one.why}"
