"""A real server as a target: it is measured, it is believed, and it dies without a trace.

The bench module is compiled from its Python source; where nothing but the start matters, a module
that does nothing stands in for it.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import psutil
import pytest

from harness.cli import main
from harness.records import Level, LoadShape, Run, Scenario, Target, Workload
from harness.run.manager import Manager
from harness.targets.choice import Choice
from harness.targets.standalone import Standalone
from tests.e2e import real
from tests.processes import running
from tests.targets import forgetful

pytestmark = pytest.mark.real

#: Checks about speed, which a busy machine may fail without anything being wrong.
ABOUT_SPEED = {"generator", "little", "ordered"}


def scenario(kind: str, rows: int = 0, *, subscribed: bool = False, **load: Any) -> Scenario:
    shape: dict[str, Any] = {"duration_s": 0.5, "warmup_s": 0.0}
    return Scenario(
        name=f"real {kind}",
        workload=Workload(kind=kind, rows=rows, subscribed=subscribed, batch=1),
        load=LoadShape(**(shape | load)),
    )


def choice(wasm: bytes | None = None) -> Choice:
    program = real.server()
    return Choice("real", Target(kind="standalone"), lambda: Standalone(program, wasm=wasm))


def measure(asked: Scenario, wasm: bytes | None = None) -> Run:
    with Manager(choice(wasm), folder=None) as manager:
        return manager.measure(asked)


def failed(run: Run) -> dict[str, str]:
    return {check.name: check.found for check in run.checks if not check.passed}


def test_it_is_known_by_version_program_and_module() -> None:
    run = measure(scenario("noop", in_flight=4, operations=50))
    target = run.target
    assert (target.kind, target.version, target.protocols) == ("standalone", real.VERSION, ["v1"])
    assert target.exe
    assert target.exe_sha256
    assert target.module_sha256
    assert "data on disk" in target.flags
    assert run.scenario.protocol == "v1"
    assert target.pid is not None
    assert not psutil.pid_exists(target.pid)


@pytest.mark.parametrize(
    "asked",
    [
        scenario("noop", in_flight=8, operations=300),
        scenario("insert", in_flight=8, operations=300, subscribed=True),
        scenario("insert_batch", in_flight=2, operations=20, subscribed=True),
        scenario("update", 100, in_flight=8, operations=300, subscribed=True),
        scenario("delete", 300, in_flight=8, operations=300, subscribed=True),
        scenario("transfer", 100, in_flight=8, operations=300, subscribed=True),
        scenario("query_key", 50, in_flight=4, operations=60),
        scenario("query_scan", 50, in_flight=2, operations=20),
        scenario("connect", 50, duration_s=1.0),
        scenario("memory", 10_000),
        scenario("population", connections=30),
    ],
    ids=lambda asked: str(asked.workload.kind),
)
def test_every_exercise_is_true_there_too(asked: Scenario) -> None:
    run = measure(asked)
    assert failed(run).keys() <= ABOUT_SPEED, run.verdict
    passed = {check.name for check in run.checks if check.passed}
    wanted = {
        "transfer": {"transactions", "rows of `account` on the server"},
        "noop": {"transactions"},
        "query_key": {"answers"},
        "query_scan": {"answers"},
    }.get(asked.workload.kind, {"rows of `item` on the server"})
    assert wanted <= passed


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        (scenario("insert", in_flight=4, operations=300), "300 of 300 rows missing"),
        (scenario("memory", 300), "300 of 300 rows missing"),
    ],
    ids=["insert", "memory"],
)
def test_a_module_that_stores_nothing_is_void(asked: Scenario, said: str) -> None:
    run = measure(asked, forgetful.wasm())
    assert run.verdict.level is Level.VOID
    assert said in failed(run)["rows of `item` on the server"]


def test_a_server_killed_in_the_middle_is_void_with_its_last_words_and_the_next_is_fresh() -> None:
    program = real.server()
    started: list[int] = []

    class Dying(Standalone):
        def death(self) -> str | None:
            # The manager asks while the worker runs; this is the moment to strike, once.
            if not started:
                started.append(self.pid)
                os.kill(self.pid, signal.SIGKILL)
            return super().death()

    make = Choice("dying", Target(kind="standalone"), lambda: Dying(program, wasm=forgetful.wasm()))
    with Manager(make, folder=None, share_target=True) as manager:
        first = manager.measure(scenario("noop", in_flight=4, duration_s=20.0))
        second = manager.measure(scenario("noop", in_flight=4, operations=100))
    assert first.verdict.level is Level.VOID
    assert first.verdict.reasons == ["the server died with signal 9"]
    assert any("spacetimedb" in line for line in first.log_tail)
    assert not any("\x1b" in line for line in first.log_tail)
    assert second.target.pid != first.target.pid
    assert failed(second).keys() <= ABOUT_SPEED
    assert not any(map(psutil.pid_exists, [*started, second.target.pid or 0]))


def test_ten_thousand_rows_and_more_are_read_whole() -> None:
    run = measure(scenario("memory", 12_000))
    assert "rows of `item` on the server" not in failed(run)


def test_a_module_that_is_none_is_refused_in_a_sentence() -> None:
    run = measure(scenario("noop"), b"no wasm")
    assert run.verdict.level is Level.VOID
    assert "the server refused the bench module with status 500" in run.verdict.reasons[0]


def test_both_columns_of_one_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    real.server()
    command = [
        "run", "tables", "latency", "-k", "update or oneinflight", "--quick", "--out",
        str(tmp_path), "--target", "embedded", "--target", f"standalone:{real.VERSION}",
    ]  # fmt: skip
    assert main(command) in (0, 3)
    table = capsys.readouterr().out
    assert "embedded over v3; standalone 1.2.0 over v1" in table
    assert max(map(len, table.splitlines())) <= 100
    assert main([*command, "--json"]) in (0, 3)
    rows = json.loads(capsys.readouterr().out)
    assert {(row["target"], row["protocol"]) for row in rows} == {
        ("embedded", "v3"), ("standalone 1.2.0", "v1"),
    }  # fmt: skip


PROGRAM = """
import sys
from harness.cli import main
sys.exit(main(["run", "latency", "--quick", "--target", "standalone:1.2.0", "--out", sys.argv[1]]))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux names processes by /proc")
def test_kill_9_in_the_middle_leaves_nothing(tmp_path: Path) -> None:
    real.server()
    with running(
        [sys.executable, "-c", PROGRAM, str(tmp_path)], stderr=subprocess.PIPE, text=True
    ) as harness:
        assert harness.stderr is not None
        assert harness.stderr.readline().startswith("[ 1/")
        harness_process = psutil.Process(harness.pid)
        helpers, folders = _until_started(harness_process)
        harness.kill()
        harness.communicate(timeout=30)
    psutil.wait_procs(helpers, timeout=30)
    assert not [helper for helper in helpers if _runs(helper)]
    assert folders
    assert not [folder for folder in folders if folder.exists()]


def _until_started(harness: psutil.Process) -> tuple[list[psutil.Process], list[Path]]:
    """All processes below the harness once a worker runs, and the folders of its servers."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        helpers = harness.children(recursive=True)
        commands = [_command(helper) for helper in helpers]
        folders = {
            Path(command[at + 1]).parent
            for command in commands
            for at, word in enumerate(command)
            if word == "--data-dir"
        }
        if folders and any("harness.run.worker" in command for command in commands):
            return helpers, list(folders)
        time.sleep(0.02)
    raise AssertionError("no worker was started")


def _command(process: psutil.Process) -> list[str]:
    try:
        return list(process.cmdline())
    except psutil.Error:
        return []


def _runs(process: psutil.Process) -> bool:
    try:
        return bool(process.is_running() and process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False
