"""Two revisions in turns: fair order, sums of turns, Ctrl-C, and a hot spot that was planted."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from harness.errors import PlanError, TargetError
from harness.records import LoadShape, Scenario, Target, Workload
from harness.run.environments import Environments
from harness.run.profile_turn import Turn
from harness.run.profile_turns import Revisions, taken
from harness.run.profilers import UNSEEN
from harness.stacks import Frame, weight
from tests.scratch import Scratch

LEAF, HOT = Frame(name="leaf"), Frame(name="hot")
#: Of the planted loop: some 50 µs, more than all the rest of a call, however few samples there are.
ROUNDS = 3_000
SHORT = LoadShape(connections=1, in_flight=16, duration_s=0.4, warmup_s=0.1)
NOOP = Scenario(name="noop", workload=Workload(kind="noop"), load=SHORT)


class Sides:
    """Gives turns of either side, and remembers the order."""

    def __init__(self, most: int | None = None) -> None:
        self.orders: list[tuple[int, ...]] = []
        self._most = most

    def __call__(self, order: tuple[int, ...]) -> list[Turn]:
        if self._most is not None and len(self.orders) >= self._most:
            raise KeyboardInterrupt
        self.orders.append(order)
        number = len(self.orders)
        return [
            Turn({(LEAF,): 100.0 + number} | ({(HOT,): 50.0 + number} if side else {}),
                 {LEAF: 1 + side}, 10, 1_000, Target(kind="embedded"))
            for side in order
        ]  # fmt: skip


def test_sides_take_turns_and_neither_is_always_first() -> None:
    sides, said = Sides(), list[str]()
    found = taken(sides, 20, 1, said.append, clock=lambda: 0.0)
    assert found.pairs == 20
    assert set(sides.orders) == {(0, 1, 1, 0), (1, 0, 0, 1)}
    assert said[0].startswith("turns 1 to 2 of 20, ")
    assert found.samples == (200, 200)
    assert found.operations == (20_000, 20_000)
    assert found.lines == {LEAF: 2}  # that of head
    assert (found.grown[0].frame, found.grown[0].word) == (HOT, "grown")
    assert weight(found.head) - weight(found.base) == pytest.approx(50 + 5.5)


def test_what_no_sample_saw_is_no_function_that_grew() -> None:
    def take(order: tuple[int, ...]) -> list[Turn]:
        return [Turn({(LEAF,): 100.0, (UNSEEN,): 500.0 * side + 1}, {}, 1, 1,
                     Target(kind="embedded")) for side in order]  # fmt: skip

    found = taken(take, 4, 1, lambda text: None)
    assert [row.frame for row in found.grown] == [LEAF]
    assert weight(found.head) == 601


@pytest.mark.parametrize(("pairs", "lengths"), [(1, [2]), (2, [4]), (3, [4, 2]), (5, [4, 4, 2])])
def test_odd_numbers_of_turns(pairs: int, lengths: list[int]) -> None:
    sides = Sides()
    assert taken(sides, pairs, 1, lambda text: None).pairs == pairs
    assert [len(order) for order in sides.orders] == lengths


def test_ctrl_c_keeps_the_turns_that_are_complete() -> None:
    found = taken(Sides(most=2), 10, 1, lambda text: None)
    assert (found.pairs, found.stopped) == (4, True)
    with pytest.raises(KeyboardInterrupt):
        taken(Sides(most=0), 10, 1, lambda text: None)
    with pytest.raises(PlanError):
        taken(Sides(), 0, 1, lambda text: None)


@pytest.mark.parametrize("of", ["client", "server"])
def test_a_side_that_fails_is_named(of: str, tmp_path: Path) -> None:
    pythons = sys.executable, str(tmp_path / "missing")
    with pytest.raises(TargetError, match="the head side: "):
        Revisions(NOOP, "sampler", of, pythons)((1,))


@pytest.mark.parametrize("of", ["client", "server"])
def test_a_planted_hot_spot_is_the_top_grown_frame(of: str, tmp_path: Path) -> None:
    """Real revisions, built and profiled in turns by real processes."""
    scratch = Scratch(tmp_path / "repository")
    scratch.commit("before")
    if of == "client":
        scratch.busy_calls(ROUNDS)
    else:
        scratch.busy_server(ROUNDS)
    scratch.commit("after")
    made = Environments(scratch.folder, folder=tmp_path / "environments")
    take = Revisions(NOOP, "sampler", of, (made.python("main~1"), made.python("main")))
    found = taken(take, 3, 1, lambda text: None)
    top = found.grown[0]
    assert top.frame.name.endswith("planted_hot_spot")
    assert top.frame.file.startswith(f"harness/{of}/")
    assert top.base.own == 0
    assert top.own > 0.3 * (weight(found.head) - weight(found.base))
