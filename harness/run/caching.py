"""The client's cache by itself, in process: changes applied to it, and queries on it."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np

from harness.bindings.bench import REMOTE_MODULE
from harness.client.cache import TableCache
from harness.load.workloads import Row, item
from harness.protocol.events import TableRows
from harness.records import Check, LoadShape, Metric
from harness.run import oracle
from harness.run.exchange import Finding, Job
from harness.stats import consistency
from harness.wire.program import field_names
from harness.wire.rows import RowList, row_list

#: Fewest repetitions from which a rate is taken.
_REPETITIONS = 5
#: A scan walks over all rows, so fewer of them are timed at once.
_SCANS = 20


class Bench:
    """A cache of the table `item`, and encoded rows to feed it with."""

    def __init__(self, rows: int) -> None:
        types = REMOTE_MODULE.codecs
        table = types.schema.table("item")
        row_class = types.row_class(table)
        self.codec = types.row_codec(table)
        self.cache = TableCache(table, field_names(row_class), self.codec)
        self.old: list[Row] = [item(id) for id in range(rows)]
        self.new: list[Row] = [item(id, 1) for id in range(rows)]
        old = [self._list(row_class(*row)) for row in self.old]
        new = [self._list(row_class(*row)) for row in self.new]
        self.inserts = [[TableRows("item", rows, None)] for rows in old]
        self.updates = [
            [TableRows("item", after, before)] for before, after in zip(old, new, strict=True)
        ]
        self.deletes = [[TableRows("item", None, rows)] for rows in old]
        self.checks: list[Check] = []

    def _list(self, row: Any) -> RowList:
        return row_list([self.codec.encode(row)])

    def fill(self) -> None:
        """The cache holds the old rows."""
        self.cache.clear()
        self.apply(self.inserts)

    def apply(self, messages: list[list[TableRows]]) -> None:
        """Each message by itself."""
        apply = self.cache.apply
        for updates in messages:
            apply(updates, False)

    def expect(self, what: str, rows: list[Row]) -> None:
        """The cache holds exactly these rows; the first difference is kept."""
        check = oracle.same_rows(f"in the cache after {what}", rows, self.cache)
        if not check.passed or not any(known.name == check.name for known in self.checks):
            self.checks.append(check)

    def find(self) -> None:
        """Each row by its primary key."""
        find = self.cache.find
        for id in range(len(self.old)):
            if find(0, id) is None:
                self.checks.append(Check(name="find", passed=False, found=f"item {id} not found"))

    def scan(self) -> None:
        """The rows with one value in a column without an index."""
        for wanted in self.old[:_SCANS]:
            hp = wanted[4]
            found = [row for row in self.cache if row.hp == hp]
            if wanted[0] not in {row.id for row in found}:
                self.checks.append(
                    Check(name="scan", passed=False, found=f"item {wanted[0]} not among hp {hp}")
                )


def measure(job: Job) -> Finding:
    """Rates of one change or query after the other."""
    rows, shape = job.scenario.workload.rows, job.scenario.load
    bench = Bench(rows)
    metrics, spreads = [], []
    for name, before, act, after, count in _exercises(bench, rows):
        rates = repeated(before, act, after, count, shape)
        limits = consistency.interval(rates)
        spreads.append(consistency.spread(limits))
        metrics.append(
            Metric(
                name=f"{name}_rate",
                value=float(rates.mean()),
                unit="1/s",
                interval=limits,
                count=len(rates) * count,
            )
        )
    return Finding(metrics=metrics, checks=bench.checks, spread=max(spreads))


def _exercises(bench: Bench, rows: int) -> list[tuple[str, Any, Any, Any, int]]:
    """Name, what is done before the clock runs, what is timed, what is checked, how many."""

    def nothing() -> None:
        pass

    return [
        ("insert", bench.cache.clear, lambda: bench.apply(bench.inserts),
         lambda: bench.expect("inserts", bench.old), rows),
        ("update", bench.fill, lambda: bench.apply(bench.updates),
         lambda: bench.expect("updates", bench.new), rows),
        ("delete", bench.fill, lambda: bench.apply(bench.deletes),
         lambda: bench.expect("deletes", []), rows),
        ("find", bench.fill, bench.find, nothing, rows),
        ("scan", nothing, bench.scan, nothing, min(_SCANS, rows)),
    ]  # fmt: skip


def repeated(
    before: Callable[[], None],
    act: Callable[[], None],
    after: Callable[[], None],
    count: int,
    shape: LoadShape,
    clock: Callable[[], int] = time.perf_counter_ns,
) -> Any:
    """Operations per second of each repetition after the warm-up; ``count`` in one repetition."""
    warm = clock() + int(shape.warmup_s * 1e9)
    end = warm + int(shape.duration_s * 1e9)
    rates: list[float] = []
    while clock() < end or len(rates) < _REPETITIONS:
        before()
        began = clock()
        act()
        spent = clock() - began
        after()
        if began >= warm:
            rates.append(count / max(spent, 1) * 1e9)
    return np.array(rates)
