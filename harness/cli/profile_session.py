"""What `harness profile` does with each scenario: profile, keep, print."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec

from harness.cli.profile_report import heaviest, render, render_difference
from harness.cli.progress import say
from harness.cli.table import console
from harness.measure.environment import environment
from harness.records import IN_PROCESS
from harness.run.compare_turns import Bench
from harness.run.environments import Environments
from harness.run.profile_turn import Profiling, Turn
from harness.run.profile_turns import Difference, Revisions, counted_once, counted_twice, taken
from harness.run.profilers import PROFILERS
from harness.stacks import Lines, Stack, weight
from harness.stats.growth import LEAST_PAIRS
from harness.store import profiles, stack_formats
from harness.store.profiles import BASE, FORM, HEAD, ONE, Profile
from harness.store.runs import new_id
from harness.targets.choice import choose
from reports import flamegraph

#: Rows of a difference that its record keeps.
_KEPT = 200


class Session:
    """Profiles, keeps, prints."""

    def __init__(self, profiler: str, of: str, out: Path, seed: int, as_json: bool) -> None:
        self._profiler, self._of = profiler, of
        self._out, self._seed, self._as_json = out, seed, as_json
        self._told: list[dict[str, Any]] = []
        self.stopped = False

    def each(self, plan: list[Bench], target: str) -> None:
        """One profile of each scenario. Raises ``PlanError`` and ``TargetError``."""
        choice = choose(target)
        for bench in plan:
            say(f"{bench.name}: the {self._of} under {self._profiler}, "
                f"{bench.scenario.load.duration_s:g} s")  # fmt: skip
            taking = Profiling(bench.scenario, self._profiler, self._of, server=choice.factory)
            self._keep_one(bench.name, taking.take(), bench)

    def count(self, names: list[str]) -> None:
        """Instructions of each. Raises ``PlanError`` and ``TargetError``."""
        for name in names:
            say(f"{name}: counting instructions, which takes half a minute")
            self._keep_one(name, counted_once(name), None)

    def both(
        self, plan: list[Bench], revisions: tuple[str, str], repository: Path, turns: int
    ) -> None:
        """A difference of each scenario. Raises ``PlanError`` and ``TargetError``."""
        commits, pythons = _built(revisions, repository)
        for bench in plan:
            if self.stopped:
                return
            take = Revisions(bench.scenario, self._profiler, self._of, pythons)
            found = taken(take, turns, self._seed, _said_of(bench.name))
            self.stopped = found.stopped
            self._keep_difference(bench.name, found, commits, bench)

    def count_both(self, names: list[str], revisions: tuple[str, str], repository: Path) -> None:
        """Instructions of each on both sides. Raises ``PlanError`` and ``TargetError``."""
        commits, pythons = _built(revisions, repository)
        for name in names:
            say(f"{name}: counting instructions of both sides, which takes a minute")
            self._keep_difference(name, counted_twice(name, pythons), commits, None)

    def end(self) -> None:
        """Print the JSON of all, if that was asked for."""
        if self._as_json:
            text = msgspec.json.format(msgspec.json.encode(self._told), indent=1).decode()
            sys.stdout.write(text + "\n")

    def _keep_one(self, name: str, turn: Turn, bench: Bench | None) -> None:
        here = environment()
        made = self._record(
            name, bench,
            target=turn.target.kind, commit=here.git_commit, dirty=here.git_dirty,
            total=weight(turn.stacks), samples=turn.samples, operations=turn.operations,
        )  # fmt: skip
        made = self._keep(made, {ONE: turn.stacks}, turn.lines)
        if self._as_json:
            top = [{"frame": frame, "own": weights.own, "total": weights.total}
                   for frame, weights in heaviest(turn.stacks, _KEPT)]  # fmt: skip
            self._told[-1]["frames"] = top
        else:
            render(made, turn.stacks, console())

    def _keep_difference(
        self, name: str, found: Difference, commits: tuple[str, str], bench: Bench | None
    ) -> None:
        notes = []
        if commits[0] == commits[1]:
            notes.append("both sides are the same commit: whatever differs is noise")
        if found.stopped:
            notes.append("stopped by hand: there are fewer turns than asked for")
        if found.pairs < LEAST_PAIRS and self._profiler != "callgrind":
            notes.append(f"{found.pairs} turns of each side have no spread: nothing is sure; "
                         f"take {LEAST_PAIRS} or more")  # fmt: skip
        if not any(row.word == "grown" for row in found.grown):
            notes.append("no function grew for sure")
        made = self._record(
            name, bench,
            target=IN_PROCESS if bench is None else
                   "embedded" if bench.scenario.live else bench.scenario.alone,
            base=commits[0], commit=commits[1], dirty=False,
            total=weight(found.head), base_total=weight(found.base),
            samples=found.samples[1], base_samples=found.samples[0],
            operations=found.operations[1], base_operations=found.operations[0],
            pairs=found.pairs, seconds=round(found.seconds, 1), notes=notes,
            grown=found.grown[:_KEPT],
        )  # fmt: skip
        made = self._keep(made, {BASE: found.base, HEAD: found.head}, found.lines, found)
        if not self._as_json:
            render_difference(made, found.grown, console())

    def _record(self, name: str, bench: Bench | None, **facts: Any) -> Profile:

        now, what = datetime.now(UTC), PROFILERS[self._profiler]
        return Profile(
            form=FORM, id=new_id(f"{name} {self._of} {self._profiler}", now), benchmark=name,
            profiler=self._profiler, of=self._of, unit=what.unit,
            per_operation=what.per_operation and bool(facts["operations"]),
            made_at=now.isoformat(timespec="seconds"),
            scenario=None if bench is None else bench.scenario, environment=environment(), **facts,
        )  # fmt: skip

    def _keep(
        self, made: Profile, sides: Mapping[str, Mapping[Stack, float]], lines: Lines,
        found: Difference | None = None,
    ) -> Profile:  # fmt: skip

        scale = _scale(made)
        collapsed = {
            ("collapsed" if side == profiles.ONE else f"collapsed {side}"):
            ("stacks.txt" if side == profiles.ONE else f"stacks.{side}.txt", stacks)
            for side, stacks in sides.items()
        }  # fmt: skip
        files = {"page": profiles.PAGE, "speedscope": profiles.SPEEDSCOPE}
        files |= {kind: name for kind, (name, _) in collapsed.items()}
        made = msgspec.structs.replace(made, files=files, run=profiles.newest_run(made, self._out))
        page = flamegraph.page(
            made, sides, lines, grown=[] if found is None else found.grown,
            seen=PROFILERS[self._profiler].seen,
        )  # fmt: skip
        contents = {
            profiles.PAGE: page.encode(),
            profiles.SPEEDSCOPE: stack_formats.speedscope(made.title, made.unit, sides, lines),
        } | {
            name: stack_formats.collapsed(stacks, scale).encode()
            for name, stacks in collapsed.values()
        }
        place = profiles.save(made, contents, self._out)
        say(f"the page: {place / profiles.PAGE}")
        say(f"for speedscope: {place / profiles.SPEEDSCOPE}")
        self._told.append({"profile": made, "folder": str(place)})
        return made


def _said_of(name: str) -> Callable[[str], None]:
    return lambda text: say(f"{name}: {text}")


def _scale(made: Profile) -> float:
    """Collapsed stacks are whole numbers; those of one operation would lose their fractions."""
    return float(made.operations or 1) if made.per_operation else 1.0


def _built(revisions: tuple[str, str], repository: Path) -> tuple[tuple[str, str], tuple[str, str]]:
    """Commits and interpreters of both. Raises ``PlanError`` and ``TargetError``."""

    made = Environments(repository, progress=say)
    base, head = revisions
    commits = made.commit(base), made.commit(head)
    return commits, (made.python(base), made.python(head))
