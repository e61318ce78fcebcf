"""Blocks of fresh processes of two sides in turns, until enough is known or the time is over.

Which side begins a block is drawn by lot. All benchmarks take turns, block by block, so that none
has the machine's good hour to itself. When to stop is decided by ``harness.stats.stopping``, which
cannot see who is ahead.
"""

from __future__ import annotations

import math
import random
import time
from collections.abc import Callable, Sequence
from typing import TypeAlias

from harness.errors import PlanError, TargetError
from harness.records import Record, Scenario
from harness.run.compare_figures import Figure
from harness.stats import stopping
from harness.stats.blocks import Block, table
from harness.stats.comparison import Measured

#: A B B A and B A A B.
ORDERS = ((0, 1, 1, 0), (1, 0, 0, 1))
#: A benchmark of which so many blocks failed one after the other is given up.
_MOST_FAILURES = 2

#: Runs a process for each entry of an order, one after the other, and gives the figures of each.
#: Raises ``TargetError`` if one does not give true figures.
TakeBlock: TypeAlias = Callable[["Bench", tuple[int, ...]], list[list[Figure]]]


class Bench(Record, frozen=True):
    """What is measured: the scenario, under its name in tables."""

    name: str
    scenario: Scenario


class Effort(Record, frozen=True):
    """How long is measured. ``precision`` is the relative half width that is aimed at."""

    budget_s: float = 300.0
    precision: float = 0.01
    level: float = 0.05
    #: No benchmark gets more blocks; fewer only if precision or budget end it.
    most_blocks: int = 60
    seed: int = 1


class Taken(Record, frozen=True):
    """What was measured; ``left_out`` says of what nothing or too little, and why.

    ``stopped`` is true if it was ended by hand.
    """

    report: list[Measured]
    left_out: list[str]
    seconds: float
    stopped: bool = False


class _Course:
    """One benchmark on its way."""

    def __init__(self, bench: Bench) -> None:
        self.bench = bench
        self.blocks: dict[str, list[Block]] = {}
        self.kinds: dict[str, Figure] = {}
        self.taken = self.failures = 0
        self.seconds = 0.0
        self.ended = ""

    @property
    def cost_s(self) -> float:
        """Seconds of one block, by those that were taken."""
        return self.seconds / max(1, self.taken + self.failures)

    def add(self, order: tuple[int, ...], found: Sequence[Sequence[Figure]]) -> None:
        """A block. Figures that not every process of it has are left out."""
        named = [{figure.name: figure for figure in each} for each in found]
        for figure in found[0]:
            if not all(figure.name in each for each in named):
                continue
            sides: list[list[tuple[float, ...]]] = [[], []]
            for side, each in zip(order, named, strict=True):
                sides[side].append(each[figure.name].samples)
            block = Block(base=tuple(sides[0]), head=tuple(sides[1]))
            self.blocks.setdefault(figure.name, []).append(block)
            self.kinds[figure.name] = figure
        self.taken += 1

    def enough(self, tests: int, effort: Effort) -> bool:
        """Whether its leading figures are known as well as was asked for."""
        if self.taken >= effort.most_blocks:
            return True
        leading = [name for name, figure in self.kinds.items() if figure.leading]
        return bool(leading) and all(
            stopping.enough(table(self.blocks[name]), tests, effort.precision, effort.level)
            for name in leading
        )

    def measured(self) -> list[Measured]:
        return [
            Measured(
                benchmark=self.bench.name,
                metric=name,
                blocks=tuple(blocks),
                unit=self.kinds[name].unit,
                better=self.kinds[name].better,
            )
            for name, blocks in self.blocks.items()
        ]


class Turns:
    """The courses of all benchmarks; ``run`` once.

    ``clock`` gives seconds. Raises ``PlanError`` for nothing to measure.
    """

    def __init__(
        self,
        benches: Sequence[Bench],
        take: TakeBlock,
        effort: Effort,
        *,
        clock: Callable[[], float] = time.monotonic,
        progress: Callable[[str], None] = lambda text: None,
    ) -> None:
        if not benches:
            raise PlanError("nothing to measure")
        self._courses = [_Course(bench) for bench in benches]
        self._take, self._effort = take, effort
        self._clock, self._say = clock, progress
        self._lots = random.Random(effort.seed)
        self._end = math.inf
        self.left_out: list[str] = []

    def run(self) -> Taken:
        """Measure. Ctrl-C ends it early with what is complete, and is told in ``left_out``."""
        began = self._clock()
        self._end = began + self._effort.budget_s
        stopped = False
        try:
            for course in self._courses:
                self._block(course)
            self._afford()
            self._rounds()
        except KeyboardInterrupt:
            self.left_out.append("stopped by hand: there are fewer blocks than asked for")
            stopped = True
        report = [measured for course in self._courses for measured in course.measured()]
        seconds = self._clock() - began
        return Taken(report=report, left_out=self.left_out, seconds=seconds, stopped=stopped)

    @property
    def _going(self) -> list[_Course]:
        return [course for course in self._courses if not course.ended]

    @property
    def _tests(self) -> int:
        return sum(len(course.blocks) for course in self._courses)

    def _afford(self) -> None:
        """Give up benchmarks, the longest first, until the rest can be told within the budget.

        What a block costs says nothing of who is ahead, so the choice does not favour a verdict.
        """
        left = self._end - self._clock()
        kept = sorted(self._going, key=lambda course: course.cost_s)
        needed = self._needed(kept)
        while len(kept) > 1 and needed > left:
            course = kept.pop()
            blocks = stopping.least(self._tests, self._effort.level)
            course.ended = (
                f"{course.bench.name}: no time for it: {blocks} blocks of "
                f"{course.cost_s:.1f} s each are needed; allow more with --budget"
            )
            course.blocks.clear()
            self.left_out.append(course.ended)
            needed = self._needed(kept)
        if needed > left:
            self.left_out.append(
                f"the budget is short: what is needed takes about {needed:.0f} s more, "
                f"{max(0.0, left):.0f} s are left; allow more with --budget"
            )

    def _needed(self, courses: Sequence[_Course]) -> float:
        blocks = stopping.least(max(1, self._tests), self._effort.level)
        return sum(course.cost_s * (blocks - course.taken) for course in courses)

    def _rounds(self) -> None:
        while self._going:
            for course in self._going:
                if course.enough(self._tests, self._effort):
                    course.ended = "known"
                    self._say(f"{course.bench.name}: known after {course.taken} blocks")
                elif self._clock() + course.cost_s > self._end:
                    course.ended = "no time left"
                else:
                    self._block(course)

    def _block(self, course: _Course) -> None:
        order = ORDERS[self._lots.randrange(2)]
        began = self._clock()
        self._say(f"{course.bench.name}: block {course.taken + 1}, {'AB'[order[0]]} first")
        try:
            found = self._take(course.bench, order)
        except TargetError as error:
            course.seconds += self._clock() - began
            course.failures += 1
            self._say(f"{course.bench.name}: a block failed: {error}")
            if course.failures >= _MOST_FAILURES and course.failures > course.taken:
                course.ended = f"{course.bench.name}: given up: {error}"
                course.blocks.clear()
                self.left_out.append(course.ended)
            return
        course.seconds += self._clock() - began
        course.add(order, found)
