"""The codec beside a yardstick: real processes, and ones that do as they are told."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from harness.errors import TargetError
from harness.run import yardstick
from suites import common, paced
from suites import yardstick as kernel

SCENARIO = paced.Rows.scenario("item", 100)


def test_real_processes_give_a_sample_for_each_pair() -> None:
    found = yardstick.beside(Path(kernel.__file__), SCENARIO, pairs=2, rounds=3)
    assert set(found) == {"encode", "decode", "yardstick"}
    assert all(len(samples) == 2 and min(samples) > 0 for samples in found.values())


def test_the_yardstick_does_the_same_each_time() -> None:
    """A history is measured with it: whoever changes it raises the version of its suites."""
    import hashlib

    assert hashlib.sha256(kernel.act(kernel.rows())).hexdigest()[:16] == "089672b6c798e905"


def test_a_kernel_that_ends_is_told(tmp_path: Path) -> None:
    broken = tmp_path / "broken.py"
    broken.write_text("raise SystemExit('no yardstick here')\n")
    with pytest.raises(TargetError, match="no yardstick here"):
        yardstick.beside(broken, SCENARIO, pairs=1, rounds=1)


class Told:
    """Stands in for a process: a machine that is half as fast in every other round."""

    paces = (1.0, 2.0)
    turns = 0

    def __init__(self, command: Any) -> None:
        self.name = "codec" if "compare_codec" in str(command) else "yardstick"

    def __enter__(self) -> Told:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def ready(self) -> dict[str, int]:
        return {self.name: 10}

    def turn(self, counts: dict[str, int]) -> dict[str, float]:
        assert counts == {self.name: 10}
        pace = self.paces[(Told.turns // 4) % 2]
        Told.turns += 1
        if self.name == "yardstick":
            return {"yardstick_time": 1000.0 * pace, "yardstick_cpu": 1.0}
        return {"encode_time": 50.0 * pace, "encode_cpu": 1.0}


def test_the_pace_of_the_machine_cancels(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(yardstick, "Slicer", Told)
    found = yardstick.beside(Path("kernel.py"), SCENARIO, pairs=2, rounds=6)
    assert found["encode"] == [0.05, 0.05]
    assert found["yardstick"] == [1500.0, 1500.0]


def test_samples_are_in_the_form_that_asv_keeps() -> None:
    suite = paced.Rows()
    found = {"item": {"encode": [1.0, 2.0, 3.0], "decode": [2.0], "yardstick": [9.0]}}
    assert suite.track_encode(found, "item", 1000) == {"samples": [1.0, 2.0, 3.0], "number": 1}
    assert common.sampled([4.0])["number"] == 1
