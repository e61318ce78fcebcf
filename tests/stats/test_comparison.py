"""Verdicts: each word, each reason, the metric's own sense, and all benchmarks together."""

from __future__ import annotations

import math

import numpy as np
import pytest

from harness.series import Better
from harness.stats.blocks import Block
from harness.stats.bootstrap import Interval
from harness.stats.comparison import Judged, Measured, Rules, Word, judge, word_of


def measured(
    change: float, *, noise: float = 0.005, blocks: int = 12, seed: int = 1, name: str = "x", **more
) -> Measured:  # type: ignore[no-untyped-def]  # whatever fields a test wants to set
    draw = np.random.default_rng(seed)

    def process(ratio: float) -> tuple[float, ...]:
        offset = math.exp(noise * draw.standard_normal())
        return tuple(float(100 * ratio * offset * math.exp(x))
                     for x in 0.001 * draw.standard_t(3, 5))  # fmt: skip

    return Measured(
        benchmark=name,
        metric="cpu",
        blocks=tuple(
            Block(
                base=(process(1.0), process(1.0)), head=(process(1 + change), process(1 + change))
            )
            for _ in range(blocks)
        ),
        **more,
    )


def only(found: list[Judged]) -> Judged:
    (judged,) = found
    return judged


@pytest.mark.parametrize(
    ("change", "better", "word"),
    [
        (0.10, Better.LESS, Word.SLOWER),
        (-0.10, Better.LESS, Word.FASTER),
        (0.10, Better.MORE, Word.FASTER),
        (-0.10, Better.MORE, Word.SLOWER),
        (0.0, Better.LESS, Word.SAME),
        (0.0, Better.MORE, Word.SAME),
    ],
)
def test_words_follow_the_metrics_own_sense(change: float, better: Better, word: Word) -> None:
    judged = only(judge([measured(change, better=better)]))
    assert judged.word is word
    assert judged.interval is not None
    assert judged.interval[0] < 1 + change < judged.interval[1]
    assert judged.processes == (24, 24)


def test_noise_is_unsure_and_says_why() -> None:
    judged = only(judge([measured(0.0, noise=0.1)]))
    assert judged.word is Word.UNSURE
    assert "wider than ±2.0%" in judged.why


def test_few_blocks_are_unsure_and_say_why() -> None:
    judged = only(judge([measured(0.5, blocks=3)]))
    assert (judged.word, judged.why) == (Word.UNSURE, "fewer than 4 blocks")
    assert judged.interval is None
    assert judged.ratio == pytest.approx(1.5, rel=0.05)


def test_what_the_machine_cannot_tell_apart_is_no_change() -> None:
    sure = only(judge([measured(0.05, detectable=0.02)]))
    unsure = only(judge([measured(0.05, detectable=0.08)]))
    assert sure.word is Word.SLOWER
    assert unsure.word is Word.UNSURE
    assert "not beyond what this machine tells apart" in unsure.why


def test_what_does_not_matter_is_the_same_however_sure() -> None:
    quiet = measured(0.01, noise=0.0005)
    assert only(judge([quiet])).word is Word.SAME
    assert only(judge([quiet], Rules(margin=0.005))).word is Word.SLOWER


def test_many_benchmarks_ask_for_more() -> None:
    # Six blocks give p = 1/32 at the best: enough alone, not among forty.
    lone = measured(0.10, blocks=6)
    others = [measured(0.0, blocks=6, seed=k + 2, name=str(k)) for k in range(39)]
    assert only(judge([lone])).word is Word.SLOWER
    together = judge([lone, *others])
    assert together[0].word is Word.UNSURE
    assert together[0].q > 0.05


def test_dependence_costs_power() -> None:
    report = [measured(0.1 * (k == 0), blocks=9, seed=k, name=str(k)) for k in range(8)]
    assert judge(report)[0].word is Word.SLOWER
    assert judge(report, Rules(dependent=True))[0].word is Word.UNSURE


def apart(base: list[float], head: list[float]) -> Measured:
    block = Block(base=tuple((x,) for x in base), head=tuple((x,) for x in head))
    return Measured(benchmark="x", metric="cpu", blocks=(block,), paired=False)


def test_processes_that_were_not_taken_in_turns() -> None:
    base = [100, 101, 99, 100.5, 99.5]
    slower = only(judge([apart(base, [x * 1.2 for x in base])]))
    assert slower.word is Word.SLOWER
    assert slower.p == pytest.approx(2 / math.comb(10, 5))
    assert (slower.blocks, slower.processes) == (0, (5, 5))
    single = only(judge([apart([100], [200])]))
    assert (single.word, single.p) == (Word.UNSURE, 1.0)
    assert single.why == "fewer than 4 processes of each side"


def test_sides_with_themselves_are_the_same() -> None:
    base = [100, 101, 99, 100.5, 99.5]
    assert only(judge([apart(base, base)])).word is Word.SAME


def test_an_unknown_interval_and_its_ends() -> None:
    rules = Rules()
    assert word_of(Interval(value=1.0), 0.0, Better.LESS, rules) is Word.UNSURE
    touching = Interval(value=0.1, low=0.0, high=0.2)
    assert word_of(touching, 0.0, Better.LESS, rules) is Word.UNSURE
    edge = math.log1p(0.02)
    whole = Interval(value=0.0, low=-edge, high=edge)
    assert word_of(whole, 1.0, Better.LESS, rules) is Word.UNSURE


def test_a_report_of_nothing() -> None:
    assert judge([]) == []
