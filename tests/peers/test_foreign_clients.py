"""Foreign clients from a git revision to a verdict: who is honest is measured, who is not is VOID.

The controls for what is checked: each dishonest client differs from the honest one in one thing.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from harness.records import Level, Run
from harness.run import client_measure
from harness.run.manager import Manager
from harness.store import runs
from tests.peers.foreign.clients import repository, subject
from tests.peers.test_environments import git


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("foreign")
    repository(folder / "client")
    return folder


@pytest.fixture(scope="module")
def manager() -> Iterator[Manager]:
    with Manager("embedded", folder=None, share_target=True) as manager:
        yield manager


def measure(manager: Manager, place: Path, client: str, row: str) -> Run:
    made = subject(place / "client", client, place / "environments")
    protocol = client_measure.protocol(made, manager.offered())
    (scenario,) = [
        scenario
        for scenario in client_measure.scenarios(made, protocol, quick=True)
        if scenario.name == f"client {row}"
    ]
    options = {**scenario.options, "rounds": 2}
    scenario = msgspec.structs.replace(scenario, options=options)
    return client_measure.measure(manager, made, scenario, place / "results")


@pytest.mark.parametrize("row", ["noop ×64", "insert ×1", "insert subscribed ×64"])
def test_an_honest_client_is_measured_beside_ours(manager: Manager, place: Path, row: str) -> None:
    run = measure(manager, place, "right", row)
    assert run.verdict.level is not Level.VOID, run.verdict
    for figure in ("rate", "cpu", "p50", "p99", "rss"):
        for side in ("client", "own", "ratio"):
            assert math.isfinite(run.value(f"{figure}_{side}")), figure
        ratio = run.metric(f"{figure}_ratio")
        assert ratio is not None
        assert ratio.interval is not None
        assert ratio.interval[0] <= ratio.value <= ratio.interval[1]
    names = {check.name for check in run.checks}
    assert {f"{x} of the client" for x in ("bytes", "calls", "answers", "CPU time")} <= names
    assert {f"{x} of our client" for x in ("calls", "answers", "CPU time")} <= names
    assert ("rows of the client" in names) == ("subscribed" in row)
    assert set(run.histograms) == {"latency of client", "latency of own"}
    stored = runs.find(run.id, place / "results")
    assert stored.verdict == run.verdict


def test_a_run_says_what_was_measured(manager: Manager, place: Path) -> None:
    run = measure(manager, place, "right", "noop ×1")
    told = run.notes["client"]
    assert told["commit"] == git(place / "client", "rev-parse", "right^{commit}")
    assert (told["package"], told["version"], told["name"]) == ("tiny-client", "0.1", "by hand")
    assert told["python_version"]
    assert len(told["adapter_sha256"]) == 64
    assert str(place) not in msgspec.json.encode(run).decode()


@pytest.mark.parametrize(
    ("client", "row", "first", "also"),
    [
        ("deaf", "noop ×1", "the client did not connect: TimeoutError", []),
        ("json", "insert ×1", "the client's bytes are not BSATN: message 1 (binary, ",
         ["beginning 7b 22 43 61 6c 6c 52 65 64 75 63 65 72 22 3a 20", "no call reached the server",
          "the client answered 0 of "]),
        ("sleeps", "noop ×64", "no call reached the server: the client claims 22 calls, the server "
         "counted 0", []),
        ("sleeps", "insert subscribed ×1", "no call reached the server: the client claims 22",
         ["the client's rows differ from the server's"]),
        ("tagged", "insert ×64", "the client's bytes are not BSATN: message 1 (binary, ",
         ["has arguments of insert_item that are not BSATN: 0d "]),
        ("loses", "insert subscribed ×1", "the client's rows differ from the server's: its cache "
         "holds 99, the server 122", []),
        ("forgets", "noop ×1", "the client answered 20 of 22 calls: RuntimeError: mislaid", []),
    ],
)  # fmt: skip
def test_a_dishonest_client_is_void_for_its_own_reason(
    manager: Manager, place: Path, client: str, row: str, first: str, also: list[str]
) -> None:
    run = measure(manager, place, client, row)
    assert run.verdict.level is Level.VOID
    reasons = run.verdict.reasons
    assert reasons[0].startswith(first), reasons
    for said in also:
        assert said in " ".join(reasons)
    assert not run.metrics
    if not also:
        assert len(reasons) == 1, reasons
