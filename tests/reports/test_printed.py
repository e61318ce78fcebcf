"""A session's tables as data: the same parts that a terminal shows, as Markdown and as CSV."""

from __future__ import annotations

from harness.store.sessions import TableRow
from reports import printed


def row(
    metric: str, value: float | None, claim: float | None = None, *, target: str = "embedded",
    in_process: bool = False, verdict: str = "VALID", reasons: tuple[str, ...] = (),
) -> TableRow:  # fmt: skip
    return TableRow(
        metric=metric, suite="tables.Insert", params="", place="",
        target="in-process" if in_process else target, protocol="v3", claim=claim,
        claim_unit="1/s", value=value, unit="1/s", interval=None, how="embedded v3 ×64",
        load="×64", verdict=verdict, reasons=list(reasons), in_process=in_process, run="r1",
    )  # fmt: skip


ROWS = [
    row("insert", 17_280.0, 1_909_250.0),
    row("insert: CPU", 9.5),
    row("cache: insert", 669_644.0, 1_909_250.0, in_process=True),
    row("delete", None, 4_601_562.0, verdict="VOID", reasons=("rows | differ", "b", "c")),
]


def test_claims_come_first_and_in_process_apart() -> None:
    assert [(table.title, len(table.rows)) for table in printed.tables(ROWS)] == [
        ("Claimed, and measured through the server", 2),
        ("Claimed, and measured in process, without a server", 1),
        ("More, through the server", 1),
    ]


def test_a_void_row_has_no_figure_and_its_reasons() -> None:
    table = printed.tables(ROWS)[0]
    assert table.rows[1] == ["delete", "4,601,562/s", "—", "embedded v3 ×64",
                             "VOID: rows | differ; b; and 1 more"]  # fmt: skip
    assert table.levels == ["VALID", "VOID"]


def test_markdown() -> None:
    assert printed.as_markdown(ROWS[:1]) == (
        "**Claimed, and measured through the server**\n\n"
        "| metric | claim | measured | how (×: calls in flight) | verdict |\n"
        "|---|--:|--:|---|---|\n"
        "| insert | 1,909,250/s | 17,280/s | embedded v3 ×64 | VALID |\n"
    )


def test_csv() -> None:
    assert printed.as_csv(printed.tables(ROWS[3:])) == (
        "table,metric,claim,measured,how (×: calls in flight),verdict\n"
        '"Claimed, and measured through the server",delete,"4,601,562/s",—,embedded v3 ×64,'
        "VOID: rows | differ; b; and 1 more\n"
    )


def test_two_targets_stand_side_by_side() -> None:
    rows = [row("insert", 10.0, 5.0), row("insert", 20.0, 5.0, target="standalone 1.2.0")]
    (table,) = printed.tables(rows)
    assert table.headers == [
        "metric", "claim", "load", "embedded", "verdict", "standalone 1.2.0", "verdict",
    ]  # fmt: skip
    assert table.rows == [["insert", "5.00/s", "×64", "10.0/s", "VALID", "20.0/s", "VALID"]]
    assert table.note == "embedded over v3; standalone 1.2.0 over v3"
