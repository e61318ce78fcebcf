"""Is it true? What server and caches hold is compared with what the model says they must hold."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from harness.load.workloads import Row
from harness.records import Check

#: How the counter of committed transactions is called, on real servers too.
TRANSACTIONS = "spacetime_num_txns_total"


def plain(row: Any) -> Row:
    """A row as a tuple of its values, however it came."""
    if isinstance(row, msgspec.Struct):
        return msgspec.structs.astuple(row)
    if isinstance(row, Mapping):
        return tuple(row.values())
    return tuple(row)


def same_rows(where: str, expected: Iterable[Row], found: Iterable[Any]) -> Check:
    """Both sides hold the same rows, each as often. ``where`` names the side that was looked at."""
    wanted, seen = Counter(expected), Counter(map(plain, found))
    name = f"rows {where}"
    if wanted == seen:
        return Check(name=name, passed=True, found=f"{wanted.total()} rows {where}, as expected")
    missing, surplus = wanted - seen, seen - wanted
    examples = [
        f"{word} {next(iter(rows))}"
        for word, rows in (("missing", missing), ("unexpected", surplus))
        if rows
    ]
    return Check(
        name=name,
        passed=False,
        found=f"{where}: {missing.total()} of {wanted.total()} rows missing, "
        f"{surplus.total()} unexpected; {', '.join(examples)}",
    )


def same_count(name: str, expected: int, found: float, what: str) -> Check:
    """A counter agrees with the client's count."""
    return Check(
        name=name,
        passed=found == expected,
        found=f"{what}: {found:,.0f}, expected {expected:,}",
    )


def transactions(metrics: str) -> int | None:
    """Committed transactions that a server has counted, from its Prometheus text; None if none.

    Where the server tells kinds apart, committed reducers alone are counted. Real servers also
    count SQL and their own bookkeeping, and write the coming and going of connections down as
    reducers whose names begin with two underscores.
    """
    found = [
        (labels, float(value))
        for labels, value in re.findall(
            rf"^{TRANSACTIONS}((?:{{.*}})?) (\S+)", metrics, re.MULTILINE
        )
    ]
    if any("txn_type=" in labels for labels, _ in found):
        found = [
            (labels, value)
            for labels, value in found
            if 'txn_type="Reducer"' in labels
            and 'committed="false"' not in labels
            and 'reducer="__' not in labels
        ]
    return int(sum(value for _, value in found)) if found else None
