"""Error rates of whole reports, the opponents' own rules, and the smallest change to be found."""

from __future__ import annotations

import math

import numpy as np
import pytest

from harness.series import Better
from harness.stats import opponents, simulate
from harness.stats.blocks import Block
from harness.stats.comparison import Measured, Word, judge
from harness.stats.power import detectable
from harness.stats.weather import Weather, report

SMALL = Weather(benchmarks=40, blocks=12)


def test_few_reports_have_a_false_alarm_where_a_pooled_t_has_many() -> None:
    found = {x.name: x for x in simulate.simulate(12, 3, SMALL)}
    ours, pyperf = found["harness compare"], found["pyperf: pooled t, 95 %"]
    assert ours.false_reports.hits <= 1
    assert pyperf.false_reports.hits >= 6
    assert ours.power["10%"].hits >= 0.9 * ours.power["10%"].trials
    text = simulate.lines(list(found.values()), SMALL, 12)
    assert max(map(len, text)) <= 100
    assert any(line.startswith("harness compare") for line in text)


@pytest.mark.slow
def test_one_report_in_twenty_at_the_most_has_a_false_alarm() -> None:
    found = {x.name: x for x in simulate.simulate()}
    assert found["harness compare"].false_reports.hits <= 0.05 * simulate.REPORTS
    assert found["harness compare"].power["5%"].hits >= 0.8 * simulate.PLANTED_REPORTS * 10
    assert found["pyperf: pooled t, 95 %"].false_reports.hits > 0.5 * simulate.REPORTS


def test_the_quick_judge_is_the_real_one() -> None:
    changes = np.zeros(SMALL.benchmarks)
    changes[:5] = 0.08
    samples = report(SMALL, 3, changes)
    real = judge([
        Measured(
            benchmark=str(number),
            metric="time",
            better=Better.LESS,
            blocks=tuple(
                Block(
                    base=tuple(tuple(p.tolist()) for p in block[0]),
                    head=tuple(tuple(p.tolist()) for p in block[1]),
                )
                for block in benchmark
            ),
        )
        for number, benchmark in enumerate(samples)
    ])  # fmt: skip
    quick = simulate.ours(samples)
    assert [x.word is Word.SLOWER for x in real] == quick.tolist()
    assert quick[:5].sum() >= 3


def test_the_weather_is_seeded_and_has_its_planted_change() -> None:
    changes = np.full(SMALL.benchmarks, 0.5)
    assert np.array_equal(report(SMALL, 1), report(SMALL, 1))
    samples = report(SMALL, 1, changes)
    ratios = np.median(samples[:, :, 1], axis=(1, 2, 3)) / np.median(
        samples[:, :, 0], axis=(1, 2, 3)
    )
    assert np.median(ratios) == pytest.approx(1.5, rel=0.02)


def test_mann_whitney_of_a_textbook() -> None:
    # Without overlap U is 0: z = (0 - 12.5) / sqrt(25 * 11 / 12) = -2.611.
    base, head = np.arange(5.0), np.arange(5.0) + 10
    assert opponents.mann_whitney(base, head) == pytest.approx(0.00902, abs=1e-5)
    assert opponents.mann_whitney(base, base + 0.5) > 0.3


def test_pooled_t_of_a_textbook() -> None:
    # Means 2 and 5, common variance 1: t = 3 / sqrt(2/3).
    base, head = np.array([1.0, 2.0, 3.0]), np.array([4.0, 5.0, 6.0])
    assert opponents.pooled_t(base, head) == pytest.approx(3 / math.sqrt(2 / 3))
    assert opponents.t_p_value(base, head) == pytest.approx(0.0213, abs=1e-4)
    assert opponents.pyperf_slower(base, head)
    assert not opponents.pyperf_slower(head, base)


def test_asv_wants_both_the_p_and_the_factor() -> None:
    base = np.linspace(1, 1.01, 50)
    assert opponents.asv_slower(base, base * 1.2)
    assert not opponents.asv_slower(base, base * 1.05)
    assert not opponents.asv_slower(base[:2], base[:2] * 2)


def test_the_smallest_change_is_the_one_that_is_found_in_four_of_five() -> None:
    draw = np.random.default_rng(1)
    logs = 0.01 * draw.standard_normal((200, 2, 2))
    logs -= np.median(logs, axis=0)
    found = detectable(logs, blocks=12)
    # Two-sided at 5 %, 80 %: (1.96 + 0.84) σ / √12, and a little for so few blocks.
    assert found == pytest.approx(2.8 * 0.01 / math.sqrt(12), rel=0.25)
    assert detectable(logs, blocks=27) == pytest.approx(found / 1.5, rel=0.25)
    assert detectable(logs, blocks=12, tests=50) > 1.2 * found
    assert math.isinf(detectable(logs, blocks=5, tests=50))
    assert math.isinf(detectable(logs[:2], blocks=12))


def test_what_equal_sides_differ_by_is_added() -> None:
    logs = 0.001 * np.random.default_rng(2).standard_normal((60, 2, 2))
    before = detectable(logs, blocks=12)
    logs[:, 1] += 0.03
    assert detectable(logs, blocks=12) == pytest.approx(before + 0.03, abs=0.002)
