"""Instructions: read from callgrind's file, subtracted, judged; and counted by real valgrind."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from harness.errors import PlanError, TargetError
from harness.run import callgrind, counted
from harness.run.callgrind import Counted, compare, compare_all, count
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

    def runs(
        python: str, name: str, acts: int, folder: Path, timeout_s: float
    ) -> tuple[Path, Path]:
        files = folder / "less", folder / "more"
        for file, times in zip(files, (acts, 2 * acts), strict=True):
            file.write_text(f"a graph\ntotals: {round(start + costs[python] * times)}\n")
        return files

    return runs


def test_what_starting_costs_cancels(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(callgrind, "version", lambda: "3.0")
    monkeypatch.setattr(callgrind, "runs", pretended({"a": 900_000}))
    graph = tmp_path / "graphs" / "a.callgrind"
    found = count("a", ENCODE, keep=graph)
    assert found.instructions == 900.0
    assert found.operation == "row"
    # The call graph is kept.
    assert graph.read_text() == "a graph\ntotals: 636000000\n"


@pytest.mark.parametrize(
    ("head", "word"), [(1.01, Word.SLOWER), (0.99, Word.FASTER), (1.001, Word.SAME)]
)
def test_sides_are_judged_with_a_threshold_near_zero(
    head: float, word: Word, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(callgrind, "version", lambda: "3.0")
    monkeypatch.setattr(callgrind, "runs", pretended({"a": 900_000, "b": 900_000 * head}))
    found = compare(("a", "b"), ENCODE)
    assert found.word is word
    assert found.ratio == pytest.approx(head)


def test_acts_that_cost_nothing_are_a_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(callgrind, "version", lambda: "3.0")
    monkeypatch.setattr(callgrind, "runs", pretended({"a": 0}))
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


def test_what_a_revision_lacks_does_not_hide_the_rest(monkeypatch: pytest.MonkeyPatch) -> None:
    def count(python: str, name: str, **more: object) -> callgrind.Count:
        if name.startswith("protocol"):
            raise TargetError(f"{name} failed under valgrind: AttributeError")
        return callgrind.Count(benchmark=name, instructions=1.0, operation="row", acts=1,
                               fixed_layout=True, valgrind="3.0")  # fmt: skip

    monkeypatch.setattr(callgrind, "version", lambda: "3.0")
    monkeypatch.setattr(callgrind, "count", count)
    found, failed = compare_all(("a", "b"), [ENCODE, "protocol.calls(64)", "cache.apply(100)"])
    assert [each.benchmark for each in found] == [ENCODE, "cache.apply(100)"]
    assert failed == ["not counted: protocol.calls(64) failed under valgrind: AttributeError"]


@needs_valgrind
def test_ctrl_c_leaves_no_process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first wait is broken off; both runs have to be gone afterwards."""
    callgrind.version.cache_clear()
    begun: list[subprocess.Popen[bytes]] = []
    waited = subprocess.Popen.wait

    class Process(subprocess.Popen):  # type: ignore[type-arg]  # bytes
        def __init__(self, *given: object, **more: object) -> None:
            super().__init__(*given, **more)  # type: ignore[call-overload]  # whatever is given
            begun.append(self)

        def wait(self, timeout: float | None = None) -> int:
            if timeout is not None and len(begun) == 2:
                raise KeyboardInterrupt
            return waited(self, timeout)

    callgrind._layout()  # asked before, once
    monkeypatch.setattr(subprocess, "Popen", Process)
    with pytest.raises(KeyboardInterrupt):
        callgrind.runs(sys.executable, ENCODE, 20, tmp_path, 60.0)
    assert [process.poll() for process in begun] == [-9, -9]


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
        name: compare((made.python(base), made.python(head)), ENCODE)
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


@needs_valgrind
@pytest.mark.slow
def test_lines_that_moved_stay_within_the_thresholds(tmp_path: Path) -> None:
    """All that is counted, in two commits that differ elsewhere; prints the table of METHOD.md."""
    callgrind.version.cache_clear()
    scratch = Scratch(tmp_path / "repository")
    base = scratch.commit("base")
    errors = scratch.folder / "harness" / "errors.py"
    for file, more in ((scratch.codec, "\nUNRELATED = 'x' * 100\n"),
                       (errors, "\n\nclass Another(HarnessError):\n    pass\n")):  # fmt: skip
        file.write_text(file.read_text() + more)
    head = scratch.commit("something else")
    made = Environments(scratch.folder, tmp_path / "cache")
    print()
    for name in counted.BENCHES:
        again = count(made.python(base), name).instructions
        found = compare((made.python(base), made.python(head)), name)
        print(f"| {name} | {found.base:,.1f} | {again / found.base - 1:+.5%} "
              f"| {found.ratio - 1:+.3%} | {found.threshold:.1%} |", flush=True)  # fmt: skip
        assert found.word is Word.SAME, name
