"""``harness client``: its table, its exit codes, its sentences, and what Ctrl-C leaves: nothing."""

from __future__ import annotations

import functools
import io
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

from harness.cli import FAILED, OK, USAGE, VOIDED, main
from harness.cli.client_table import render, row_of
from harness.cli.table import WIDTH, console
from harness.records import (
    Environment,
    Level,
    LoadShape,
    Metric,
    Run,
    Scenario,
    Target,
    Verdict,
    Workload,
)
from harness.run import client_measure
from harness.store import runs
from tests.peers.foreign.clients import ADAPTER, repository
from tests.peers.test_environments import git
from tests.processes import running

#: As `harness client`, in environments made of what is installed here.
PROGRAM = """
import functools, signal, sys
from pathlib import Path
signal.signal(signal.SIGINT, signal.default_int_handler)
from harness.run import client_measure
client_measure.subject = functools.partial(
    client_measure.subject, folder=Path(sys.argv[1]), borrow=True)
from harness.cli import main
sys.exit(main(["client", *sys.argv[2:]]))
"""


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("clients")
    repository(folder / "client")
    return folder


@pytest.fixture
def offline(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = functools.partial(client_measure.subject, folder=place / "environments", borrow=True)
    monkeypatch.setattr(client_measure, "subject", made)


def asked(place: Path, client: str, *more: str) -> list[str]:
    out = str(place / "results")
    found = [f"{place / 'client'}@{client}", "--adapter", str(ADAPTER), "--out", out, "--quick"]
    return ["client", *found, *more]


@pytest.mark.usefixtures("offline")
def test_an_honest_client_has_figures(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(asked(place, "right", "-k", "noop and 64", "--json")) == OK
    out, err = capsys.readouterr()
    found = json.loads(out)
    assert found["client"]["commit"] == git(place / "client", "rev-parse", "right^{commit}")
    (row,) = found["rows"]
    assert row["verdict"] in ("VALID", "NOISY")
    assert (row["call"], row["in_flight"], row["protocol"]) == ("noop", 64, "v1")
    figures = {"rate", "cpu", "p50", "p99", "rss"}
    for side in ("client", "own", "ratio", "ratio_interval"):
        assert set(row[side]) == figures
    assert "[ 1/1] client noop ×64" in err
    assert runs.find(row["run"], place / "results").verdict.level in (Level.VALID, Level.NOISY)


@pytest.mark.usefixtures("offline")
def test_a_dishonest_client_is_void(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(asked(place, "sleeps", "-k", "noop and 64")) == VOIDED
    out, _ = capsys.readouterr()
    assert "VOID [1]" in out
    said = " ".join(out.split())
    assert (
        "[1] no call reached the server: the client claims 22 calls, the server counted 0" in said
    )


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["{place}/client@nonsense", "--adapter", "{adapter}"], "has no revision nonsense"),
        (["{place}/nothing", "--adapter", "{adapter}"], "there is nothing at"),
        (["{place}/client", "--adapter", "nothing.py"], "there is no adapter at nothing.py"),
        (["{place}/client", "--adapter", "nothing"], "give a file, a module, or one of own"),
        (["--adapter", "own"], "the adapter requires no package; name the client"),
        (["{place}/client", "--adapter", "{adapter}", "--target", "moon"], "a target is"),
        (["{place}/client@right", "--adapter", "{adapter}", "--target", "http://127.0.0.1:9"],
         "no server answers at"),
        (["{place}/client@right", "--adapter", "{adapter}", "-k", "delete"],
         "no row fits -k; there are: client noop ×1;"),
        (["{place}/broken", "--adapter", "{adapter}"], "pip install"),
    ],
)  # fmt: skip
@pytest.mark.usefixtures("offline")
def test_what_cannot_be_done_is_one_sentence(
    place: Path, arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    if not (place / "broken").exists():
        (place / "broken").mkdir()
        (place / "broken" / "pyproject.toml").write_text("[build-system\n")
        for words in (["init", "-q"], ["add", "-A"], ["commit", "-q", "-m", "broken"]):
            git(place / "broken", *words)
    filled = [word.format(place=place, adapter=ADAPTER) for word in arguments]
    assert main(["client", *filled, "--quick", "--out", str(place / "none")]) == FAILED
    out, err = capsys.readouterr()
    assert out == ""
    last = err.strip().splitlines()[-1]
    assert last.startswith("harness: ")
    assert said in last
    assert "Traceback" not in err
    assert not (place / "none").exists()


@pytest.mark.parametrize(
    "arguments",
    [
        ["somewhere"],
        ["x", "--adapter", "own", "--target", "embedded", "--server-binary", "/bin/true"],
    ],
)
def test_what_is_no_command_line(arguments: list[str]) -> None:
    assert main(["client", *arguments]) == USAGE


def test_help_has_examples(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["client", "--help"]) == OK
    out = capsys.readouterr().out
    assert out.count("\n  harness client ") + out.count("\n    harness client ") >= 3
    assert max(map(len, out.splitlines())) <= WIDTH


def _descendants(pid: int) -> list[psutil.Process]:
    try:
        return psutil.Process(pid).children(recursive=True)
    except psutil.NoSuchProcess:
        return []


def _runs(process: psutil.Process) -> bool:
    try:
        return bool(process.is_running() and process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def _words(process: psutil.Process) -> list[str]:
    try:
        return list(process.cmdline())
    except psutil.Error:
        return []


@pytest.mark.skipif(os.name == "nt", reason="signals are sent to processes")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_who_stops_it_leaves_no_process(place: Path, number: signal.Signals) -> None:
    """Not even one that the client itself has started."""
    command = [sys.executable, "-c", PROGRAM, str(place / "environments")]
    with running(
        [*command, *asked(place, "spawns", "-k", "noop")[1:]],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    ) as harness:  # fmt: skip
        started: list[psutil.Process] = []
        until = time.monotonic() + 60
        while not any(_words(one)[:1] == ["sleep"] for one in started):
            assert time.monotonic() < until
            assert harness.poll() is None
            time.sleep(0.05)
            started = _descendants(harness.pid)
        harness.send_signal(number)
        _, said = harness.communicate(timeout=60)
    assert harness.returncode == 130
    assert "Traceback" not in said
    assert said.rstrip().endswith("harness: stopped; the table has what was finished")
    until = time.monotonic() + 20
    while any(_runs(one) for one in started) and time.monotonic() < until:
        time.sleep(0.05)
    assert not [one for one in started if _runs(one)]


# --- the table -----------------------------------------------------------------------------------


def run(name: str, depth: int, level: Level, *reasons: str, **figures: Any) -> Run:
    metrics = []
    units = {"rate": "1/s", "cpu": "ns", "p50": "ns", "p99": "ns", "rss": "bytes"}
    for figure, (client, own, low, high) in figures.items():
        unit = units[figure]
        metrics += [
            Metric(name=f"{figure}_client", value=client, unit=unit),
            Metric(name=f"{figure}_own", value=own, unit=unit),
            Metric(name=f"{figure}_ratio", value=client / own, unit="ratio", interval=(low, high)),
        ]
    return Run(
        id="x", form=1, started_at="", target=Target(kind="embedded"),
        environment=Environment(
            python="", implementation="", platform="", kernel="", cpu_model="", cpu_count=1,
            governor=None, load_average=0.0, memory_bytes=1, packages={}, wire_codec="",
            harness_version="",
        ),
        scenario=Scenario(
            name=f"client {name} ×{depth}", workload=Workload(kind="client"), protocol="v1",
            load=LoadShape(in_flight=depth),
        ),
        verdict=Verdict(level=level, reasons=list(reasons)), metrics=metrics,
    )  # fmt: skip


FIGURES = {
    "rate": (1_000.0, 2_000.0, 0.45, 0.55),
    "cpu": (300_000.0, 150_000.0, 1.9, 2.1),
    "p50": (900_000, 450_000, 1.8, 2.2),
    "p99": (2_000_000, 1_000_000, 1.5, 2.5),
    "rss": (30_000_000, 45_000_000, 0.66, 0.67),
}
TABLE = """\
tiny 1.0 beside our client: v1, embedded
call (×: in flight)               calls/s    CPU/call         p50         p99         RSS verdict
noop ×1                client     1,000/s      300 µs      900 µs     2.00 ms     30.0 MB NOISY ±20%
                       ours       2,000/s      150 µs      450 µs     1.00 ms     45.0 MB
                       ratio       0.500×       2.00×       2.00×       2.00×      0.667×
                       95 %   0.450–0.550   1.90–2.10   1.80–2.20   1.50–2.50 0.660–0.670
insert subscribed ×64                   —           —           —           —           — VOID [1]
  [1] the first reason (and 1 more: harness show)

"""


def test_the_table() -> None:
    to = console()
    to.file = io.StringIO()
    found = [
        run("noop", 1, Level.NOISY, "±20%", **FIGURES),
        run("insert subscribed", 64, Level.VOID, "the first reason", "the second", **FIGURES),
    ]
    render("tiny 1.0", "v1, embedded", found, to)
    lines = to.file.getvalue().split("\n")
    assert max(map(len, lines)) <= WIDTH
    assert "\n".join(line.rstrip() for line in lines) == TABLE


def test_void_rows_have_no_figures() -> None:
    row = row_of(run("noop", 1, Level.VOID, "why", **FIGURES))
    assert (row.client, row.own, row.ratio, row.ratio_interval) == ({}, {}, {}, {})
