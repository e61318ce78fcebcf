"""One scenario under a profiler: real processes, either side, and what is refused."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from harness.errors import PlanError, TargetError
from harness.records import Check, LoadShape, Metric, Scenario, Workload
from harness.run import profile_marks, profile_turn, profilers
from harness.run.exchange import Finding
from harness.run.process import Outcome
from harness.run.profile_turn import Profiling, each_by_its_own
from harness.run.profilers import Raw
from harness.stacks import Frame, Stacks, frames, weight

SHORT = LoadShape(connections=1, in_flight=16, duration_s=1.0, warmup_s=0.1)
NOOP = Scenario(name="noop", workload=Workload(kind="noop"), load=SHORT)
INSERT = Scenario(name="insert", workload=Workload(kind="insert", subscribed=True), load=SHORT)


@pytest.mark.parametrize(
    ("of", "file", "stranger"),
    [("client", "harness/client/", "harness/server/"),
     ("server", "harness/server/", "harness/client/")],
)  # fmt: skip
def test_either_side_is_seen_doing_its_work(of: str, file: str, stranger: str) -> None:
    turn = Profiling(INSERT, "sampler", of).take()
    files = {frame.file for frame in frames(turn.stacks)}
    assert any(name.startswith(file) for name in files)
    assert not any(name.startswith(stranger) for name in files)
    assert not any("profiled" in name or "runpy" in name for name in files)
    assert turn.operations > 10
    # One operation costs between a microsecond and ten milliseconds, on any machine.
    assert 1e3 < weight(turn.stacks) < 1e7
    assert turn.target.kind == "embedded"


@pytest.mark.parametrize("of", ["client", "server"])
def test_py_spy_sees_it_from_outside(of: str) -> None:
    if profilers.pyspy() is None:
        pytest.skip("pip install py-spy")
    try:
        turn = Profiling(NOOP, "py-spy", of).take()
    except TargetError as error:
        if "ptrace is refused" not in str(error):
            raise
        pytest.skip(str(error))
    assert any(f.file.startswith(f"harness/{of}/") for f in frames(turn.stacks))


def test_each_exercise_of_the_cache_has_its_own_cost() -> None:
    scenario = Scenario(
        name="cache", workload=Workload(kind="cache", rows=200), live=False,
        load=LoadShape(duration_s=0.15, warmup_s=0.01),
    )  # fmt: skip
    turn = Profiling(scenario, "sampler", "client").take()
    groups = {stack[0].name for stack in turn.stacks}
    assert groups <= {"insert", "update", "delete", "find", "scan"}
    assert len(groups) >= 4
    # What checks the exercises lies between them, and is not seen.
    assert not any(frame.file == "harness/run/oracle.py" for frame in frames(turn.stacks))


def test_weights_of_groups_are_of_their_own_operations() -> None:
    leaf = Frame(name="f")
    raw = Raw({"fast": {(leaf,): 100.0}, "slow": {(leaf,): 300.0}}, {}, 2,
              {"fast": 10, "slow": 3})  # fmt: skip
    assert each_by_its_own(raw, 99) == {
        (Frame(name="fast"), leaf): 10.0, (Frame(name="slow"), leaf): 100.0,
    }  # fmt: skip
    one: dict[str, Stacks] = {"": {(leaf,): 100.0}}
    assert each_by_its_own(Raw(one, {}, 1, {}), 50) == {(leaf,): 2.0}
    assert each_by_its_own(Raw(one, {}, 1, {}), 0) == {(leaf,): 100.0}


@pytest.mark.parametrize(
    ("scenario", "profiler", "of", "words"),
    [
        (Scenario(name="p", workload=Workload(kind="peer")), "sampler", "client",
         "p compares two programs itself"),
        (Scenario(name="c", workload=Workload(kind="cache"), live=False), "sampler", "server",
         "c happens in one process: there is no server in it"),
        (NOOP, "callgrind", "client", "instructions are counted of codec, cache and protocol"),
        (NOOP, "perf", "client", "no profiler `perf`"),
    ],
)  # fmt: skip
def test_what_cannot_be_profiled(scenario: Scenario, profiler: str, of: str, words: str) -> None:
    with pytest.raises(PlanError, match=words):
        Profiling(scenario, profiler, of)


def finding(check: str, passed: bool) -> Outcome:
    return Outcome(
        Finding(
            metrics=[Metric(name="rate", value=1.0, unit="1/s", count=10)],
            checks=[Check(name=check, passed=passed, found="2 rows instead of 3")],
        )
    )


@pytest.mark.parametrize(
    ("outcome", "words"),
    [
        (finding("rows", False), "failed: rows: 2 rows instead of 3"),
        (Outcome(None, "the worker crashed with exit code 1", ["KeyError: 'x'\n"]),
         r"failed: the worker crashed with exit code 1 \(KeyError: 'x'\)"),
    ],
)  # fmt: skip
def test_a_run_that_failed_gives_no_profile(
    outcome: Outcome, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(profile_turn, "work", lambda *job, **more: outcome)
    with pytest.raises(TargetError, match=f"the run under the profiler {words}"):
        Profiling(NOOP, "sampler", "client").take()


class Program:
    """A stand-in for py-spy that does what a shell script says."""

    def __init__(self, path: Path, script: str) -> None:
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(0o755)
        self.path = str(path)


@pytest.mark.parametrize(
    ("script", "words"),
    [
        ("echo 'Error: Permission Denied: Try running again with elevated permissions' >&2; exit 1",
         "py-spy may not look into another process here .ptrace is refused.: run it as root"),
        ("echo 'Error: Failed to find python version' >&2; exit 1",
         "py-spy wrote nothing: Error: Failed to find python version"),
    ],
)  # fmt: skip
def test_a_refused_py_spy_says_what_to_do(
    script: str, words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = Program(tmp_path / "py-spy", script)
    monkeypatch.setattr(profilers, "pyspy", lambda: program.path)
    with pytest.raises(TargetError, match=words):
        Profiling(NOOP, "py-spy", "client").take()


def test_nobody_is_left_looking(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A py-spy that does not end when asked is ended."""
    program = Program(tmp_path / "py-spy", f"trap '' INT; echo $$ > {tmp_path}/pid; sleep 600")
    monkeypatch.setattr(profilers, "pyspy", lambda: program.path)
    monkeypatch.setattr(profile_marks, "SPY_S", 0.2)
    with pytest.raises(TargetError, match="py-spy wrote nothing"):
        Profiling(NOOP, "py-spy", "client").take()
    pid = int((tmp_path / "pid").read_text())
    assert not Path(f"/proc/{pid}").exists()


def test_the_profiled_python_is_the_one_that_is_given(tmp_path: Path) -> None:
    missing = Profiling(NOOP, "sampler", "client", python=[str(tmp_path / "no-python")])
    with pytest.raises(TargetError, match="no-python cannot be started"):
        missing.take()
    assert Profiling(NOOP, "sampler", "client", python=[sys.executable, "-I"]).take().samples
