"""Limits that a team has agreed on: ``ci/budgets.toml``, each with its reason, owner and date."""

from __future__ import annotations

import datetime as dt
import fnmatch
import tomllib
from pathlib import Path
from typing import Any

from harness.errors import PlanError
from harness.records import Record

#: Key -> its type and how people call that; the first ones are needed.
_NEEDED: dict[str, tuple[type, str]] = {
    "benchmark": (str, 'a text such as "codec.*"'),
    "reason": (str, "a text"),
    "owner": (str, "a text"),
    "date": (dt.date, "a date such as 2026-01-31"),
}
_OPTIONAL: dict[str, tuple[Any, str]] = {
    "metric": (str, "a text such as \"encode_cpu\""),
    "slower_percent": ((int, float), "a number of percent"),
    "limit": ((int, float), "a number in the metric's unit, such as nanoseconds"),
    "expires": (dt.date, "a date such as 2026-01-31"),
}  # fmt: skip


class Budget(Record, frozen=True):
    """What a benchmark may cost. ``benchmark`` and ``metric`` are patterns with ``*`` and ``?``.

    ``slower_percent`` allows a change to be so much slower; ``limit`` is never to be exceeded,
    whatever changed. A budget has one of them. After ``expires`` it allows nothing.
    """

    benchmark: str
    reason: str
    owner: str
    date: dt.date
    metric: str = "*"
    slower_percent: float | None = None
    limit: float | None = None
    expires: dt.date | None = None

    def fits(self, benchmark: str, metric: str) -> bool:
        """Whether it is about this figure."""
        return fnmatch.fnmatchcase(benchmark, self.benchmark) and fnmatch.fnmatchcase(
            metric, self.metric
        )

    def expired(self, today: dt.date) -> bool:
        """Whether its last day is over."""
        return self.expires is not None and today > self.expires


def read(path: Path) -> list[Budget]:
    """The budgets of a file. Raises ``PlanError`` naming the file, the budget and the key."""
    try:
        told = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise PlanError(f"cannot read {path}: {error.strerror}") from error
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise PlanError(f"{path} is not TOML: {error}") from error
    unknown = sorted(set(told) - {"budget"})
    if unknown:
        raise PlanError(f"{path}: `{unknown[0]}` is unknown; budgets stand under [[budget]]")
    entries = told.get("budget", [])
    if not isinstance(entries, list):
        raise PlanError(f"{path}: write [[budget]] with two brackets, once for each")
    return [_budget(f"{path}, budget {number}", one) for number, one in enumerate(entries, 1)]


def _budget(where: str, told: Any) -> Budget:
    if not isinstance(told, dict):
        raise PlanError(f"{where} is no table; write [[budget]] above its keys")
    allowed = {**_NEEDED, **_OPTIONAL}
    for key, value in told.items():
        if key not in allowed:
            raise PlanError(f"{where}: `{key}` is unknown; there are: {', '.join(allowed)}")
        kind, words = allowed[key]
        # A time stamp is a date to Python, and True a number.
        if not isinstance(value, kind) or isinstance(value, bool | dt.datetime):
            raise PlanError(f"{where}: `{key}` has to be {words}, not {value!r}")
    for key, (_, words) in _NEEDED.items():
        if not told.get(key):
            raise PlanError(f"{where}: `{key}` is missing; it is {words}")
    if ("slower_percent" in told) == ("limit" in told):
        raise PlanError(f"{where}: it needs either `slower_percent` or `limit`")
    if told.get("slower_percent", 1) <= 0 or told.get("limit", 1) <= 0:
        raise PlanError(f"{where}: what is allowed has to be more than 0")
    return Budget(**told)
