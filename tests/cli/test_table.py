"""The whole printed table, and what a run file says when it is shown."""

from __future__ import annotations

import io
from pathlib import Path

import msgspec
import pytest
from rich.console import Console

from harness.cli import main
from harness.cli.rows import rows_of
from harness.cli.show import describe
from harness.cli.table import render
from harness.records import (
    FORM,
    Check,
    Environment,
    Level,
    LoadShape,
    Metric,
    Pauses,
    ResourceUse,
    Run,
    Scenario,
    Target,
    Verdict,
    Workload,
)
from harness.store import runs
from reports.printed import brief
from suites import cache, tables, toolchain
from suites.claims import CLAIMS

ENVIRONMENT = Environment(
    python="3.11.7", implementation="CPython", platform="Linux x86_64", kernel="6.1",
    cpu_model="Some CPU", cpu_count=2, governor=None, load_average=0.5, memory_bytes=8_000_000_000,
    packages={"numpy": "2.0"}, wire_codec="c", harness_version="0.1.0",
)  # fmt: skip


def run(name: str, verdict: Verdict, metrics: dict[str, float], live: bool = True) -> Run:
    return Run(
        id=f"2025-{name}",
        form=FORM,
        scenario=Scenario(
            name=name,
            workload=Workload(kind="insert"),
            load=LoadShape(in_flight=64),
            live=live,
        ),
        target=Target(kind="embedded", pid=7, uri="http://127.0.0.1:5"),
        environment=ENVIRONMENT,
        verdict=verdict,
        started_at="2025-01-31T09:45:00+00:00",
        metrics=[
            Metric(name=key, value=value, unit="1/s", count=52_000, interval=(value - 1, value + 1))
            for key, value in metrics.items()
        ],
        checks=[
            Check(name="little", passed=True, found="64.0 of 64"),
            Check(name="transactions", passed=False, found="7, expected 8"),
        ],
        client=ResourceUse(
            wall_ns=10**9,
            cpu_ns=5 * 10**8,
            rss_bytes=60_000_000,
            waited_ns=2 * 10**8,
            uss_bytes=45_000_000,
        ),
        others_cores=0.9,
        gc=Pauses(count=3, total_ns=3_000_000, max_ns=2_000_000),
        log_tail=["last words"],
    )


VALID = Verdict(level=Level.VALID)
VOID = Verdict(level=Level.VOID, reasons=["transactions: 7, expected 8"])
NOISY = Verdict(level=Level.NOISY, reasons=["±15%"])

TABLE = """\
More, through the server
metric                                   claim      measured  how (×: calls in flight)    verdict
insert, one row a call: time each                    80.1 µs  embedded v3 ×64, n=52,000   NOISY ±15%
update, one row a call: time each                          —  embedded v3 ×64, n=52,000   VOID [1]
insert, 10 rows a call                              48,180/s  embedded v3 ×64, n=52,000   VALID
insert, 10 rows a call: time each                    20.8 µs  embedded v3 ×64, n=52,000   VALID
  [1] transactions: 7, expected 8

More, in process, without a server
metric                                   claim      measured  how (×: calls in flight)    verdict
cache: insert, time                                  2.85 µs  in process, n=52,000        VALID

Claimed, and measured through the server
metric                                   claim      measured  how (×: calls in flight)    verdict
insert, one row a call             1,909,250/s      12,490/s  embedded v3 ×64, n=52,000   NOISY ±15%
update, one row a call             3,404,352/s             —  embedded v3 ×64, n=52,000   VOID [1]
  [1] transactions: 7, expected 8

Claimed, and measured in process, without a server
metric                                   claim      measured  how (×: calls in flight)    verdict
cache: insert                      1,909,250/s     350,874/s  in process, n=52,000        VALID

"""


def test_the_whole_table() -> None:
    measured = [
        ("tables.Insert", tables.Insert, (False,), run("a", NOISY, {"rate": 12_490})),
        ("tables.Update", tables.Update, (), run("b", VOID, {"rate": 5})),
        ("tables.InsertBatch", tables.InsertBatch, (10,), run("d", VALID, {"rate": 48_180})),
        ("cache.Apply", cache.Apply, (), run("c", VALID, {"insert_rate": 350_874}, False)),
    ]
    rows = [row for one in measured for row in rows_of(*one, CLAIMS)]
    out = io.StringIO()
    render(rows, Console(file=out, width=100, highlight=False))
    shown = "".join(f"{line.rstrip()}\n" for line in out.getvalue().splitlines())
    assert shown == TABLE
    assert max(map(len, TABLE.splitlines())) <= 100
    assert {row.metric for row in rows if row.void} == {
        "update, one row a call",
        "update, one row a call: time each",
    }


def test_commands_stand_apart() -> None:
    """Each is a process of its own, which is not "in process"."""
    scenario = toolchain.Command.scenario("help")
    taken = msgspec.structs.replace(
        run("h", VALID, {"wall": 310e6, "cpu": 250e6}, False),
        scenario=scenario, target=Target(kind=scenario.alone),
    )  # fmt: skip
    rows = rows_of("toolchain.Command", toolchain.Command, ("help",), taken, CLAIMS)
    out = io.StringIO()
    render(rows, Console(file=out, width=100, highlight=False))
    lines = [line.rstrip() for line in out.getvalue().splitlines()]
    assert lines[0] == "More, of commands, each in a fresh process"
    assert "a fresh process each" in lines[2]
    assert "in process" not in out.getvalue()
    assert {row.target for row in rows} == {"fresh-process"}


def test_notes_are_brief() -> None:
    assert brief([]) == ""
    assert brief(["a", "b"]) == "a; b"
    assert brief(["a", "b", "c", "d"]) == "a; b; and 2 more"
    assert brief(["x" * 201]) == "x" * 199 + "…"


def test_rows_become_json() -> None:
    rows = rows_of("tables.Update", tables.Update, (), run("b", VOID, {"rate": 5}), CLAIMS)
    row, time = msgspec.json.decode(msgspec.json.encode(rows))
    assert (time["unit"], time["claim"]) == ("ns", None)
    assert row["value"] is None
    assert row["claim"] == 3_404_352
    assert row["run"] == "2025-b"
    assert row["reasons"] == ["transactions: 7, expected 8"]


def test_show_tells_everything(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    stored = run("b", VOID, {"rate": 5})
    runs.save(stored, tmp_path)
    assert main(["show", "2025-b", "--out", str(tmp_path)]) == 0
    shown = capsys.readouterr().out
    assert shown.splitlines() == describe(stored)
    for part in (
        "verdict  VOID (transactions: 7, expected 8)",
        "rate  5.00/s  (4.00/s to 6.00/s)  n=52,000",
        "little        ok: 64.0 of 64",
        "transactions  FAILED: 7, expected 8",
        "500 ms CPU in 1.00 s (0.50 cores, waited for one 20%), 60.0 MB (45.0 MB its own)",
        "others       0.90 cores kept busy by everything else",
        "3 in the client, 3.00 ms together, 2.00 ms at the most",
        "workload.kind        insert",
        "cpu_model",
        "packages.numpy   2.0",
        "last words",
    ):
        assert part in shown


def test_show_lists_what_is_stored(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    runs.save(run("a", VALID, {}), tmp_path)
    assert main(["show", "--out", str(tmp_path)]) == 0
    assert capsys.readouterr().out == "2025-a\n"
    assert main(["show", "--json", "2025-a", "--out", str(tmp_path)]) == 0
    assert msgspec.json.decode(capsys.readouterr().out, type=Run) == run("a", VALID, {})


def test_a_run_that_is_not_there(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["show", "x", "--out", str(tmp_path)]) == 1
    assert "has `x` in its id" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["run", "dance"], "no suite `dance`; there are: throughput"),
        (["run", "-k", "nothing"], "no scenario fits -k 'nothing'"),
        (["run", "--target", "dance"], "a target is `embedded`, `standalone`, "),
    ],
)
def test_plans_that_make_no_sense(
    capsys: pytest.CaptureFixture[str], arguments: list[str], said: str
) -> None:
    assert main(arguments) == 1
    assert said in capsys.readouterr().err


def test_the_help_of_run_explains_exit_codes(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", "--help"]) == 0
    shown = capsys.readouterr().out
    assert "3  some row is VOID" in shown
    assert "harness run --quick" in shown
