"""Turns of two sides, with processes and a clock made up: order by lot, ends, what is given up."""

from __future__ import annotations

import math
import random

import pytest

from harness.errors import PlanError, TargetError
from harness.records import Scenario, Workload
from harness.run.compare_figures import Figure
from harness.run.compare_turns import ORDERS, Bench, Effort, Taken, Turns
from harness.stats.comparison import Word, judge


class World:
    """A machine: blocks take time, sides differ by a ratio, some benchmarks fail."""

    def __init__(
        self, *, ratio: float = 1.0, noise: float = 0.003, seconds: float = 1.0,
        failing: tuple[str, ...] = (), slow: tuple[str, ...] = (), stop_at: int | None = None,
    ) -> None:  # fmt: skip
        self.now = 0.0
        self.orders: list[tuple[int, ...]] = []
        self.names: list[str] = []
        self._ratio, self._noise, self._seconds = ratio, noise, seconds
        self._failing, self._slow, self._stop_at = failing, slow, stop_at
        self._draw = random.Random(5)

    def take(self, bench: Bench, order: tuple[int, ...]) -> list[list[Figure]]:
        self.orders.append(order)
        self.names.append(bench.name)
        if len(self.orders) == self._stop_at:
            raise KeyboardInterrupt
        self.now += self._seconds * (50 if bench.name in self._slow else 1)
        if bench.name in self._failing:
            raise TargetError("the head side: it crashed")
        return [self._figures(side) for side in order]

    def _figures(self, side: int) -> list[Figure]:
        cost = 100.0 * (self._ratio if side else 1.0) * math.exp(self._draw.gauss(0, self._noise))
        wall = cost * math.exp(self._draw.gauss(0, 0.3))
        return [
            Figure(name="encode_cpu", unit="ns", samples=(cost,)),
            Figure(name="encode_time", unit="ns", samples=(wall,), leading=False),
        ]

    def run(self, names: tuple[str, ...] = ("a",), **effort: float) -> Taken:
        benches = [Bench(name=name, scenario=scenario(name)) for name in names]
        made = Effort(**{"budget_s": 1_000.0, **effort})  # type: ignore[arg-type]  # numbers alone
        return Turns(benches, self.take, made, clock=lambda: self.now).run()


def scenario(name: str) -> Scenario:
    return Scenario(name=name, workload=Workload(kind="codec"), live=False)


def test_both_orders_are_drawn_and_each_side_is_in_each_block_twice() -> None:
    world = World(noise=0.05)
    taken = world.run(precision=0.001)
    assert set(world.orders) == set(ORDERS)
    assert all(sorted(order) == [0, 0, 1, 1] for order in world.orders)
    for measured in taken.report:
        assert len(measured.blocks) == len(world.orders)
        assert all(len(block.base) == len(block.head) == 2 for block in measured.blocks)


def test_samples_go_to_the_side_that_gave_them() -> None:
    taken = World(ratio=1.5, noise=0.0).run()
    costs = next(measured for measured in taken.report if measured.metric == "encode_cpu")
    assert {process for block in costs.blocks for process in block.base} == {(100.0,)}
    assert {process for block in costs.blocks for process in block.head} == {(150.0,)}
    assert judge([costs])[0].word is Word.SLOWER


def test_it_ends_when_the_leading_figure_is_known_and_not_before() -> None:
    quiet, loud = World(noise=0.003), World(noise=0.02)
    quiet.run(precision=0.01)
    loud.run(precision=0.01)
    # Two figures at 5 % need 7 blocks to be believed at all; the noisy wall time asks for nothing.
    assert len(quiet.orders) == 7
    assert len(loud.orders) > 2 * len(quiet.orders)


def test_what_is_ahead_does_not_decide_when_to_end() -> None:
    """The stopping rule is blind: the same noise ends at the same block whatever the ratio."""
    counts = set()
    for ratio in (0.5, 1.0, 1.03, 2.0):
        world = World(ratio=ratio, noise=0.02)
        world.run(precision=0.01)
        counts.add(len(world.orders))
    assert len(counts) == 1


def test_benchmarks_take_turns() -> None:
    world = World(noise=0.02)
    world.run(("a", "b", "c"))
    assert world.names[:9] == ["a", "b", "c"] * 3


def test_the_budget_ends_it() -> None:
    world = World(noise=0.5, seconds=1.0)
    taken = world.run(budget_s=20.0)
    assert world.now <= 20.0
    assert taken.seconds == world.now
    assert len(world.orders) == 20


def test_what_the_budget_cannot_pay_for_is_given_up_the_longest_first() -> None:
    world = World(slow=("b",))
    taken = world.run(("a", "b", "c"), budget_s=120.0)
    assert {measured.benchmark for measured in taken.report} == {"a", "c"}
    assert len(taken.left_out) == 1
    assert taken.left_out[0].startswith("b: no time for it: ")
    assert "of 50.0 s each are needed; allow more with --budget" in taken.left_out[0]


def test_a_budget_too_short_for_anything_is_told() -> None:
    taken = World().run(("a",), budget_s=3.0)
    assert "the budget is short" in taken.left_out[0]
    assert all(judged.word is Word.UNSURE for judged in judge(taken.report))


def test_what_fails_is_given_up_and_told() -> None:
    world = World(failing=("b",))
    taken = world.run(("a", "b"))
    assert {measured.benchmark for measured in taken.report} == {"a"}
    assert taken.left_out == ["b: given up: the head side: it crashed"]
    assert world.names.count("b") == 2


def test_ctrl_c_keeps_what_is_complete() -> None:
    world = World(noise=0.5, stop_at=9)
    taken = world.run()
    assert {len(measured.blocks) for measured in taken.report} == {8}
    assert taken.left_out == ["stopped by hand: there are fewer blocks than asked for"]


def test_nothing_to_measure_is_refused() -> None:
    with pytest.raises(PlanError, match="nothing to measure"):
        World().run(())
