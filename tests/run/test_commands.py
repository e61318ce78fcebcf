"""Timing of commands: what is run works, what does not work is told, and nothing is left behind."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from harness.errors import PlanError, TargetError
from harness.records import Scenario, Target, Workload
from harness.run import commands
from harness.run.exchange import Job
from suites import toolchain


def job(what: str) -> Job:
    scenario = Scenario(
        name="x", workload=Workload(kind="command"), live=False,
        options={"what": what, "quick": True},
    )  # fmt: skip
    return Job(scenario=scenario, target=Target(kind=scenario.alone))


def test_a_command_is_timed(monkeypatch: pytest.MonkeyPatch) -> None:
    finding = commands.measure(job("help"))
    found = {metric.name: metric.value for metric in finding.metrics}
    assert found["wall"] >= found["cpu"] * 0.5 > 0
    assert found["of_python"] > 1
    assert all(check.passed for check in finding.checks)


@pytest.mark.parametrize("what", ["generate", "compile"])
def test_what_a_command_leaves_is_looked_at(what: str, tmp_path: Path) -> None:
    make, check = commands.COMMANDS[what]
    commands.run(make(tmp_path), str(tmp_path))
    assert check(tmp_path) == ""
    if what == "generate":  # a file that lacks a table is seen
        path = tmp_path / "made" / "tables.py"
        path.write_text(path.read_text().replace("\nclass Thing7Table", "\nclas Thing7Table"))
        assert check(tmp_path) == "499 tables were written, not 500"
    else:
        (path,) = (tmp_path / "made").glob("*.wasm")
        path.write_bytes(b"no")
        assert check(tmp_path).endswith("is no WebAssembly")


def test_a_command_that_fails_is_an_error(tmp_path: Path) -> None:
    command = [sys.executable, "-c", "import sys; sys.exit('broken')"]
    with pytest.raises(TargetError, match="exit code 1: broken"):
        commands.run(command, str(tmp_path))
    with pytest.raises(PlanError, match="no command 'nothing'"):
        commands.measure(job("nothing"))


def test_an_older_library_is_skipped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(toolchain, "commands", None)
    with pytest.raises(NotImplementedError):
        toolchain.Command().setup_cache()
