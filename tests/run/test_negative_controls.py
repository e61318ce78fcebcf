"""Whoever breaks the measurement sees VOID: each check is made to fire.

The broken parts are preloaded into the workers, which is a thing of the Python API alone.
"""

from __future__ import annotations

import json
import math
import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest

from harness.cli import main
from harness.errors import TargetError
from harness.records import Level, LoadShape, Run, Scenario, Workload
from harness.run import validity
from harness.run.manager import Manager
from harness.store import runs
from harness.targets.embedded import Embedded, Null

HERE = "tests.run"


def scenario(kind: str, **load: Any) -> Scenario:
    shape: dict[str, Any] = {"in_flight": 4, "operations": 200, "duration_s": 5.0, "warmup_s": 0.0}
    return Scenario(
        name=f"control {kind}",
        workload=Workload(kind=kind, rows=0 if kind == "insert" else 100, subscribed=True),
        load=LoadShape(**(shape | load)),
    )


def measure(what: Scenario, target: str | Callable[[], Any] = "embedded", preload: str = "") -> Run:
    modules = [f"{HERE}.{preload}"] if preload else []
    with Manager(target, folder=None, preload=modules) as manager:
        return manager.measure(what)


def failed(run: Run) -> dict[str, str]:
    return {check.name: check.found for check in run.checks if not check.passed}


@pytest.mark.parametrize("kind", ["insert", "update", "delete", "transfer"])
def test_an_honest_run_passes_the_oracle(kind: str) -> None:
    """The control of the controls: whatever else is noisy here, truth is not in question."""
    run = measure(scenario(kind))
    assert failed(run).keys() <= {"generator", "little", "ordered"}
    passed = {check.name for check in run.checks if check.passed}
    table = "account" if kind == "transfer" else "item"
    assert {
        "transactions",
        f"rows of `{table}` on the server",
        f"rows of `{table}` in cache 0",
        "succeeded",
        "adds-up",
    } <= passed


def test_a_client_that_sends_nothing_is_void() -> None:
    run = measure(scenario("insert"), preload="sabotage_send")
    assert run.verdict.level is Level.VOID
    assert "0, expected 200" in failed(run)["transactions"]
    assert "200 of 200 rows missing" in failed(run)["rows of `item` on the server"]


def test_a_server_that_stores_nothing_is_void() -> None:
    run = measure(scenario("insert"), target=Null)
    assert run.target.kind == "null"
    assert run.verdict.level is Level.VOID
    assert "200 of 200 rows missing" in failed(run)["rows of `item` on the server"]
    assert "0, expected 200" in failed(run)["transactions"]


def test_a_broadcast_that_nobody_hears_is_void_and_no_crash() -> None:
    asked = scenario("population", connections=5, operations=None)
    run = measure(asked, target=Null, preload="sabotage_broadcast")
    assert run.verdict.level is Level.VOID
    assert failed(run)["messages in caches"].startswith("5 of 5 caches")


def test_a_cache_that_loses_one_update_is_void() -> None:
    run = measure(scenario("insert"), preload="sabotage_row")
    assert run.verdict.level is Level.VOID
    wrong = failed(run)
    assert "1 of 200 rows missing" in wrong["rows of `item` in cache 0"]
    assert "rows of `item` on the server" not in wrong


def test_a_generator_that_is_the_limit_is_void(monkeypatch: pytest.MonkeyPatch) -> None:
    """It uses no CPU time, so only the null target can tell; whoever else works here cannot."""
    monkeypatch.setattr(validity, "OTHERS_CORES", math.inf)
    slow = scenario("noop", operations=None, duration_s=1.0, in_flight=8)
    run = measure(slow, preload="sabotage_slow")
    assert run.verdict.level is Level.VOID
    assert "generator-bound: " in failed(run)["generator"]
    assert "against the null target" in failed(run)["generator"]
    assert math.isnan(run.value("rate"))


def test_a_worker_that_crashes_is_void_with_its_last_words() -> None:
    run = measure(scenario("insert"), preload="sabotage_crash")
    assert run.verdict.level is Level.VOID
    assert run.verdict.reasons == ["the worker crashed with exit code 9"]
    assert "last words of the worker" in run.log_tail


def test_a_server_that_dies_is_void_with_the_reason() -> None:
    class Dying(Embedded):
        def death(self) -> str | None:
            # The manager asks while the worker runs; this is the moment to strike.
            if self.alive():
                os.kill(self.pid, signal.SIGKILL)
                os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOWAIT)
            return super().death()

    run = measure(scenario("noop", operations=None, duration_s=20.0), target=Dying)
    assert run.verdict.level is Level.VOID
    assert run.verdict.reasons == ["the server died with signal 9"]


def test_a_server_that_cannot_be_reached_is_void_as_what_it_is() -> None:
    with Null() as server:
        uri = server.uri
    run = measure(scenario("noop"), target=uri)
    assert run.verdict.level is Level.VOID
    assert f"no server answers at {uri}" in run.verdict.reasons[0]
    assert (run.target.kind, run.target.uri, run.target.pid) == ("remote", uri, None)


def test_a_server_that_does_not_start_is_void_as_what_it_is(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fails(self: Embedded) -> Embedded:
        self.close()
        raise TargetError("the embedded server said nothing")

    monkeypatch.setattr(Embedded, "__enter__", fails)
    run = measure(scenario("noop"))
    assert run.verdict.reasons == ["the embedded server said nothing"]
    assert run.target.kind == "embedded"


def test_a_machine_without_room_for_data_is_void_with_the_reason(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def full(**_: Any) -> Any:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("tempfile.TemporaryDirectory", full)
    run = measure(scenario("noop"))
    assert run.verdict.level is Level.VOID
    assert run.verdict.reasons == ["no folder for the server's data: No space left on device"]


@pytest.mark.parametrize(
    ("target", "preload", "reason"),
    [
        ("embedded", "sabotage_send", "transactions counted by the server: 0"),
        ("embedded", "sabotage_row", "of `item` in cache 0: 1 of"),
        (Null, "", "of `item` on the server:"),
    ],
)
def test_the_command_says_void_and_returns_3(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    target: Any,
    preload: str,
    reason: str,
) -> None:
    def broken(ignored: str, **options: Any) -> Manager:
        return Manager(target, preload=[f"{HERE}.{preload}"] if preload else [], **options)

    monkeypatch.setattr("harness.run.Manager", broken, raising=False)
    code = main(["run", "tables", "-k", "insert", "--quick", "--json", "--out", str(tmp_path)])
    rows = json.loads(capsys.readouterr().out)
    assert code == 3
    assert {row["verdict"] for row in rows} == {"VOID"}
    assert {row["value"] for row in rows} == {None}
    assert any(reason in said for said in rows[0]["reasons"])


def test_nothing_runs_on_after_a_measurement(tmp_path: Path) -> None:
    before = {child.pid for child in psutil.Process().children(recursive=True)}
    with Manager("embedded", folder=tmp_path, share_target=True) as manager:
        run = manager.measure(scenario("insert"))
    left = {child.pid for child in psutil.Process().children(recursive=True)} - before
    assert not left
    assert run.target.pid is not None
    assert not psutil.pid_exists(run.target.pid)
    assert runs.find(run.id, tmp_path) == run
