"""Instructions: read from callgrind's file, subtracted, judged; and counted by real valgrind."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import pytest

from harness.errors import PlanError, TargetError
from harness.run import callgrind, counted
from harness.run.callgrind import Counted, compare_counts, count
from harness.run.environments import Environments
from harness.stats import counts
from harness.stats.comparison import Word
from tests.scratch import Scratch

ENCODE = "codec.encode(item, 1000)"
needs_valgrind = pytest.mark.skipif(
    shutil.which("valgrind") is None, reason="needs valgrind: apt-get install valgrind"
)


@pytest.mark.parametrize(
    ("text", "total"),
    [
        (b"events: Ir\nfn=main\n1 5\n\ntotals: 612102762\n", 612_102_762),
        (b"events: Ir\nsummary: 99\nfn=main\n", 99),
        (b"x" * 10_000 + b"\ntotals: 7\n", 7),
        (b"fn=totals: 8\ntotals: 9\n", 9),
    ],
)
def test_the_total_is_read_from_the_end(text: bytes, total: int, tmp_path: Path) -> None:
    path = tmp_path / "out"
    path.write_bytes(text)
    assert callgrind.total(path) == total


@pytest.mark.parametrize("text", [b"", b"totals: \n", b"fn=totals: 8\n"])
def test_a_file_without_a_total_is_refused(text: bytes, tmp_path: Path) -> None:
    path = tmp_path / "out"
    path.write_bytes(text)
    with pytest.raises(TargetError, match="has no total"):
        callgrind.total(path)
    with pytest.raises(TargetError, match="callgrind left no file"):
        callgrind.total(tmp_path / "nowhere")


def pretended(costs: dict[str, float], start: int = 600_000_000) -> object:
    """Runs that cost so much an act, by interpreter, whatever their start costs."""

    def run(python: str, name: str, times: int, most: int, file: Path, timeout_s: float) -> int:
        file.write_bytes(b"a graph")
        assert most >= times
        return round(start + costs[python] * times)

    return run


def test_what_starting_costs_cancels(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(callgrind, "version", lambda: "3.0")
    monkeypatch.setattr(callgrind, "_run", pretended({"a": 900_000}))
    graph = tmp_path / "graphs" / "a.callgrind"
    found = count("a", ENCODE, keep=graph)
    assert found.instructions == 900.0
    assert found.operation == "row"
    # The call graph is kept.
    assert graph.read_bytes() == b"a graph"


@pytest.mark.parametrize(
    ("head", "word"), [(1.01, Word.SLOWER), (0.99, Word.FASTER), (1.001, Word.SAME)]
)
def test_sides_are_judged_with_a_threshold_near_zero(
    head: float, word: Word, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(callgrind, "version", lambda: "3.0")
    monkeypatch.setattr(callgrind, "_run", pretended({"a": 900_000, "b": 900_000 * head}))
    (found,) = compare_counts(("a", "b"), [ENCODE])
    assert found.word is word
    assert found.ratio == pytest.approx(head)


def test_acts_that_cost_nothing_are_a_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(callgrind, "version", lambda: "3.0")
    monkeypatch.setattr(callgrind, "_run", pretended({"a": 0}))
    with pytest.raises(TargetError, match="40 acts took no more than 20"):
        count("a", ENCODE)


def test_a_name_that_there_is_not_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(callgrind, "version", lambda: "3.0")
    with pytest.raises(PlanError, match="nothing is counted under the name x; there are: codec"):
        count("a", "x")


def test_without_valgrind_it_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda name: None)
    callgrind.version.cache_clear()
    with pytest.raises(PlanError, match="apt-get install valgrind"):
        callgrind.version()


@pytest.mark.parametrize("name", counted.BENCHES)
def test_every_act_can_be_done_again_and_again(name: str) -> None:
    act = counted.BENCHES[name].prepare(2)
    for time in range(counted.WARM_UP + 2):
        act(time)


@needs_valgrind
def test_a_run_that_fails_is_one_sentence(tmp_path: Path) -> None:
    callgrind.version.cache_clear()
    broken = tmp_path / "python"
    broken.write_text("#!/bin/sh\necho no harness here >&2; exit 7\n")
    broken.chmod(0o755)
    with pytest.raises(TargetError, match=r"codec.* failed under valgrind: no harness here"):
        count(str(broken), ENCODE)
    with pytest.raises(TargetError, match=r"took more than 0\.5 s under valgrind"):
        count(sys.executable, ENCODE, timeout_s=0.5)


@needs_valgrind
def test_one_percent_is_found_and_nothing_is_nothing(tmp_path: Path) -> None:
    """Real counts: the encode path with 1 % more to do, and with something else written nearby."""
    callgrind.version.cache_clear()
    scratch = Scratch(tmp_path / "repository")
    scratch.slow_encoding(0.0001)
    base = scratch.commit("base")
    scratch.codec.write_text(scratch.codec.read_text() + "\nUNRELATED = 'x' * 100\n")
    other = scratch.commit("something else")
    scratch.slow_encoding(1)
    slow = scratch.commit("1 % slower")
    made = Environments(scratch.folder, tmp_path / "cache")
    found = {
        name: compare_counts((made.python(base), made.python(head)), [ENCODE])[0]
        for name, head in (("other", other), ("slow", slow))
    }
    assert found["other"].word is Word.SAME
    assert found["slow"].word is Word.SLOWER
    assert found["slow"].ratio == pytest.approx(1.01, abs=0.003)


@pytest.mark.parametrize("counts_", [(0.0, 1.0), (1.0, 0.0), (-1.0, 1.0)])
def test_counts_begin_at_one(counts_: tuple[float, float]) -> None:
    with pytest.raises(ValueError, match="counted from 1"):
        counts.word_of(*counts_, 0.01)


def test_a_record_has_its_ratio() -> None:
    record = Counted(benchmark="x", operation="row", base=50.0, head=100.0, word=Word.SLOWER,
                     threshold=0.002, fixed_layout=True)  # fmt: skip
    assert record.ratio == 2.0
