"""Two targets in one table: the whole of it, in 100 columns, and as Markdown."""

from __future__ import annotations

import io
from typing import Any

import msgspec
import pytest
from rich.console import Console

from harness.cli.rows import rows_of
from harness.cli.table import render
from harness.records import Level, LoadShape, Target, Verdict
from harness.store.sessions import TableRow
from reports.beside import beside, spoken
from reports.printed import as_markdown
from suites import cache, tables, throughput
from suites.claims import CLAIMS
from tests.cli.test_table import NOISY, VALID, VOID, run

NEW = Target(kind="embedded", pid=7, protocols=["v3", "v2", "v1"])
OLD = Target(kind="standalone", version="1.2.0", protocols=["v1"])
LABELS = {"embedded": "embedded", "standalone": "standalone 1.2.0"}
PAIR = ("embedded", "standalone 1.2.0")
BUSY = Verdict(level=Level.NOISY, reasons=["others used 1.9 cores; a core was missing 22%"])


def rows(
    name: str, suite: Any, params: tuple[Any, ...], target: Target, verdict: Verdict,
    protocol: str, **metrics: float,
) -> list[TableRow]:  # fmt: skip
    made = run("a", verdict, metrics, name != "cache.Apply")
    scenario = msgspec.structs.replace(
        made.scenario, protocol=protocol, load=LoadShape(connections=4, in_flight=16)
    )
    made = msgspec.structs.replace(made, target=target, scenario=scenario)
    return rows_of(name, suite, params, made, CLAIMS, LABELS[target.kind])


ROWS = [
    *rows("throughput.Noop", throughput.Noop, ("v3",), NEW, NOISY, "v3", rate=61_416),
    *rows("throughput.Noop", throughput.Noop, ("v2",), NEW, VALID, "v2", rate=40_000),
    *rows("throughput.Noop", throughput.Noop, ("v1",), NEW, VALID, "v1", rate=30_000),
    *rows("throughput.Noop", throughput.Noop, ("v1",), OLD, VALID, "v1", rate=12_600),
    *rows("tables.Update", tables.Update, (), NEW, VALID, "v3", rate=12_890),
    *rows("tables.Update", tables.Update, (), OLD, VOID, "v1", rate=7_700),
    *rows("tables.Insert", tables.Insert, (True,), NEW, BUSY, "v3", rate=9_000),
    *rows("cache.Apply", cache.Apply, (), NEW, VALID, "v3", insert_rate=350_874),
]
ABSENT = {
    ("standalone 1.2.0", "throughput.Noop", "v3"),
    ("standalone 1.2.0", "throughput.Noop", "v2"),
    ("standalone 1.2.0", "tables.Insert", "True"),
}

TABLE = """\
More, through the server
                                                                               standalone
metric                                     load           embedded verdict          1.2.0 verdict
no-op calls: time each                     4 conns ×16     16.3 µs NOISY ±15%     79.4 µs VALID
no-op calls, v2                            4 conns ×16    40,000/s VALID      not offered
no-op calls: time each, v2                 4 conns ×16     25.0 µs VALID      not offered
no-op calls, v1                            4 conns ×16    30,000/s VALID         12,600/s VALID
no-op calls: time each, v1                 4 conns ×16     33.3 µs VALID          79.4 µs VALID
update, one row a call: time each          4 conns ×16     77.6 µs VALID                — VOID [1]
insert, one row a call, confirmed          4 conns ×16     9,000/s NOISY [2]  not offered
insert, one row a call, confirmed: time    4 conns ×16      111 µs NOISY [2]  not offered
each
  [1] transactions: 7, expected 8
  [2] others used 1.9 cores; a core was missing 22%
  embedded over v3; standalone 1.2.0 over v1; ×: calls in flight

More, in process, without a server
metric                                   claim      measured  how (×: calls in flight)    verdict
cache: insert, time                                  2.85 µs  in process, n=52,000        VALID

Claimed, and measured through the server
                                                                               standalone
metric                               claim load           embedded verdict          1.2.0 verdict
no-op calls                      191,984/s 4 conns ×16    61,416/s NOISY ±15%    12,600/s VALID
update, one row a call         3,404,352/s 4 conns ×16    12,890/s VALID                — VOID [1]
  [1] transactions: 7, expected 8
  embedded over v3; standalone 1.2.0 over v1; ×: calls in flight

Claimed, and measured in process, without a server
metric                                   claim      measured  how (×: calls in flight)    verdict
cache: insert                      1,909,250/s     350,874/s  in process, n=52,000        VALID

"""


def printed(rows: list[TableRow], absent: Any = ABSENT) -> str:
    out = io.StringIO()
    render(rows, Console(file=out, width=100, highlight=False), absent)
    return "".join(f"{line.rstrip()}\n" for line in out.getvalue().splitlines())


def test_the_whole_table() -> None:
    shown = printed(ROWS)
    assert shown == TABLE
    assert max(map(len, shown.splitlines())) <= 100


def test_markdown_has_every_reason_in_its_cell() -> None:
    shown = as_markdown(ROWS, ABSENT)
    assert "| metric | claim | load | embedded | verdict | standalone 1.2.0 | verdict |" in shown
    assert (
        "| no-op calls | 191,984/s | 4 conns ×16 | 61,416/s | NOISY: ±15% | 12,600/s | VALID |"
    ) in shown
    assert "| — | VOID: transactions: 7, expected 8 |" in shown
    assert "| no-op calls, v2 |  | 4 conns ×16 | 40,000/s | VALID | not offered |  |" in shown
    assert "\nembedded over v3; standalone 1.2.0 over v1\n" in shown


def test_every_figure_of_both_targets_has_a_line() -> None:
    for claimed in (True, False):
        lines = beside(ROWS, PAIR, ABSENT, claimed=claimed)
        shown = {id(cell) for line in lines for cell in line.cells}
        wanted = [x for x in ROWS if not x.in_process and (x.claim is not None) is claimed]
        assert {id(row) for row in wanted} <= shown


def test_the_order_of_the_targets_is_the_users() -> None:
    turned = PAIR[::-1]
    (line, *_) = beside(ROWS, turned, ABSENT, claimed=True)
    assert [cell.target for cell in line.cells if cell] == list(turned)
    assert spoken(ROWS, turned) == "standalone 1.2.0 over v1; embedded over v3"


def test_three_targets_stand_two_by_two() -> None:
    third = [msgspec.structs.replace(x, target="other:3000") for x in ROWS if x.target == PAIR[1]]
    shown = printed([*ROWS, *third])
    assert max(map(len, shown.splitlines())) <= 100
    heads = [line.split() for line in shown.splitlines() if line.startswith("metric")]
    assert [("other:3000" in head, "embedded" in head) for head in heads if "load" in head] == [
        (False, True), (True, True), (False, True), (True, True),
    ]  # fmt: skip


@pytest.mark.parametrize("absent", [ABSENT, set()])
def test_a_figure_that_is_not_there_is_never_a_number(absent: set[Any]) -> None:
    lines = beside(ROWS, PAIR, absent, claimed=False)
    (confirmed,) = [line for line in lines if line.metric == "insert, one row a call, confirmed"]
    assert confirmed.cells[1] is None
    assert confirmed.absent == (False, bool(absent))
