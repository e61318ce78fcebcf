"""Two revisions under a profiler in alternating turns, each turn a fresh process."""

from __future__ import annotations

import random
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

from harness.errors import PlanError, TargetError
from harness.records import IN_PROCESS, Scenario, Target
from harness.run import callgrind_graph, counted
from harness.run.compare_turns import ORDERS
from harness.run.manager import WEIGHING
from harness.run.profile_turn import CLIENT, Profiling, Turn
from harness.run.profilers import UNSEEN
from harness.stacks import Grown, Lines, Stacks, added, scaled
from harness.stats import callgraph, growth
from harness.targets.embedded import Embedded

_SIDES = ("base", "head")


class Difference(NamedTuple):
    """Both sides in weight of one operation, and which frames grew.

    ``samples`` and ``operations`` are of base and head, over all their turns. ``stopped`` is true
    if it was ended by hand, with fewer turns than were asked for.
    """

    base: Stacks
    head: Stacks
    lines: Lines
    grown: list[Grown]
    samples: tuple[int, int]
    operations: tuple[int, int]
    pairs: int
    seconds: float
    stopped: bool = False


def taken(
    take: Callable[[tuple[int, ...]], list[Turn]], pairs: int, seed: int,
    say: Callable[[str], None], clock: Callable[[], float] = time.monotonic,
) -> Difference:  # fmt: skip
    """Blocks of two pairs in turns (A B B A, or B A A B by lot), and what they come to.

    ``take`` profiles the sides in the order that it is given. Ctrl-C ends it early with the pairs
    that are complete. Raises ``TargetError`` if a turn fails, or if it was ended without any.
    """
    if pairs < 1:
        raise PlanError(f"{pairs} turns of each side are none")
    lots, began = random.Random(seed), clock()
    found: list[tuple[Turn, Turn]] = []
    stopped = False
    while len(found) < pairs and not stopped:
        order = ORDERS[lots.randrange(2)][: 2 * min(2, pairs - len(found))]
        say(f"turns {len(found) + 1} to {len(found) + len(order) // 2} of {pairs}, "
            f"{_SIDES[order[0]]} first")  # fmt: skip
        try:
            turns = take(order)
        except KeyboardInterrupt:
            stopped = True
            if not found:
                raise
            continue
        for first in range(0, len(order), 2):
            both = dict(zip(order[first : first + 2], turns[first : first + 2], strict=True))
            found.append((both[0], both[1]))
    sides = [[pair[side] for pair in found] for side in (0, 1)]
    base, head = (
        scaled(added(turn.stacks for turn in turns), 1 / len(found)) for turns in sides
    )  # fmt: skip
    samples = [sum(turn.samples for turn in turns) for turns in sides]
    operations = [sum(turn.operations for turn in turns) for turns in sides]
    lines: Lines = {}
    for turns in sides:
        for turn in turns:
            lines |= turn.lines  # those of head, where both know it
    return Difference(
        base, head, lines, _ranked(found),
        (samples[0], samples[1]), (operations[0], operations[1]), len(found),
        clock() - began, stopped,
    )  # fmt: skip


def _ranked(found: Sequence[tuple[Turn, Turn]]) -> list[Grown]:
    """The functions that grew. What no sample saw is none: it follows the number of windows."""
    rows = growth.grown([(base.stacks, head.stacks) for base, head in found])
    return [row for row in rows if row.frame != UNSEEN]


class Revisions:
    """Profiles either side of one scenario; ``pythons`` are the interpreters of both.

    Of the client the server is that of this installation, one for each block of turns; of the
    server the client is.
    """

    def __init__(
        self, scenario: Scenario, profiler: str, of: str, pythons: tuple[str, str]
    ) -> None:
        # Isolated: neither the folder we are in nor PYTHONPATH may stand in for the environment.
        self._sides = [
            Profiling(scenario, profiler, of, python=[python, "-I"]) for python in pythons
        ]
        kind = scenario.workload.kind
        self._shared = of == CLIENT and scenario.live and kind not in WEIGHING

    def __call__(self, order: tuple[int, ...]) -> list[Turn]:
        """The turns of one block. Raises ``TargetError``."""
        with ExitStack() as stack:
            server = stack.enter_context(Embedded()) if self._shared else None
            return [self._one(side, server) for side in order]

    def _one(self, side: int, server: Embedded | None) -> Turn:
        try:
            if server is None:
                return self._sides[side].take()
            with tempfile.TemporaryDirectory(prefix="harness-profile-") as folder:
                return self._sides[side].alone(server, Path(folder))
        except TargetError as error:
            raise TargetError(f"the {_SIDES[side]} side: {error}") from error


def counted_once(benchmark: str, python: str = sys.executable, *,
                 times: int | None = None) -> Turn:  # fmt: skip
    """Instructions of one operation of what does the same each time. Raises as ``callgrind``."""
    graph, operations = callgrind_graph.instructions(python, benchmark, times=times)
    stacks = scaled(callgraph.trimmed(callgraph.unrolled(graph)), 1 / operations)
    return Turn(stacks, {}, round(graph.total), operations, Target(kind=IN_PROCESS))


def counted_twice(
    benchmark: str, pythons: tuple[str, str], *, times: int | None = None,
    clock: Callable[[], float] = time.monotonic,
) -> Difference:  # fmt: skip
    """Both sides once: the counts repeat themselves, so there is no spread to wait for."""
    began = clock()
    base, head = (counted_once(benchmark, python, times=times) for python in pythons)
    threshold = counted.BENCHES[benchmark].threshold
    return Difference(
        base.stacks, head.stacks, {}, growth.exactly(base.stacks, head.stacks, threshold),
        (base.samples, head.samples), (base.operations, head.operations), 1, clock() - began,
    )  # fmt: skip
