"""Processes of the codec that take turns: real ones, and ones that die, hang or talk nonsense."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from harness.errors import TargetError
from harness.run import compare_codec, compare_slices
from harness.run.compare_slices import Slicer
from suites.codec import Rows

SCENARIO = Rows.scenario("item", 100)
OURS = [sys.executable, "-I"]


def stand_in(path: Path, code: str) -> list[str]:
    """An interpreter that runs this instead of the codec."""
    program = path / "stand_in.py"
    program.write_text(code)
    return [sys.executable, str(program)]


def test_real_processes_give_costs_and_times_of_a_row() -> None:
    found = compare_slices.take([OURS, OURS], SCENARIO, rounds=3)
    assert len(found) == 2
    for figures in found:
        named = {figure.name: figure for figure in figures}
        # Costs first: they decide when enough was measured.
        assert list(named) == ["encode_cpu", "decode_cpu", "encode_time", "decode_time"]
        assert [figure.leading for figure in figures] == [True, True, False, False]
        assert all(len(figure.samples) == 3 for figure in figures)
        assert all(0 < sample < 1e6 for figure in figures for sample in figure.samples)


def test_all_make_as_many_passes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Otherwise a faster side would be measured in longer slices."""
    asked = []
    turn = Slicer.turn
    monkeypatch.setattr(
        Slicer, "turn", lambda self, counts: asked.append(dict(counts)) or turn(self, counts)
    )
    compare_slices.take([OURS, OURS], SCENARIO, rounds=1)
    assert len(asked) == (compare_slices.WARM_UP + 1) * 4
    assert all(counts == asked[0] for counts in asked)


READY = "import sys; print('{\"encode\": 1}', flush=True)\n"


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("raise SystemExit('no rows here')", "the codec failed: no rows here"),
        ("import sys; sys.exit(3)", "the codec failed: exit code 3"),
        ("print('rubbish')", "the codec said no figures"),
        (READY, "the codec failed: exit code 0"),
        (READY + "sys.stdin.readline(); print('[1]', flush=True)", "the codec said no figures"),
        (READY + "sys.stdin.readline(); 1 / 0", "ZeroDivisionError"),
    ],
)
def test_what_fails_is_one_sentence(code: str, words: str, tmp_path: Path) -> None:
    with pytest.raises(TargetError, match=words):
        compare_slices.take([stand_in(tmp_path, code)] * 2, SCENARIO, rounds=1)


def test_what_never_answers_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compare_slices, "START_TIMEOUT_S", 0.2)
    silent = stand_in(tmp_path, "import time; time.sleep(600)")
    with (
        pytest.raises(TargetError, match=r"did not answer within 0\.2 s"),
        Slicer(compare_slices.codec(silent, SCENARIO)) as slicer,
    ):
        slicer.ready()
    assert slicer._process.poll() is not None  # nothing of it is left


def test_a_missing_interpreter_is_one_sentence() -> None:
    with pytest.raises(TargetError, match="/nowhere/python cannot be started"):
        compare_slices.take([["/nowhere/python"]], SCENARIO)


def test_a_slice_is_filled() -> None:
    clock = iter(range(0, 10**12, 5_000))
    calls = []

    def act() -> None:
        calls.append(next(clock))

    count = compare_codec.passes(act, slice_ns=20_000)
    assert 1 <= count < 10**6
    assert len(calls) >= 1
