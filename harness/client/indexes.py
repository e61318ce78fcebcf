"""Indexes over cached rows: equality through a dictionary, ranges over its keys."""

from __future__ import annotations

from collections.abc import Iterator
from operator import attrgetter
from typing import Any


class Index:
    """Rows by the values of some fields, in order. Kept up row by row."""

    def __init__(self, fields: tuple[str, ...]) -> None:
        self._fields = fields
        get = attrgetter(*fields)
        self._values = (lambda row: (get(row),)) if len(fields) == 1 else get
        self._by_value: dict[tuple[Any, ...], dict[int, Any]] = {}

    def add(self, row: Any) -> None:
        self._by_value.setdefault(self._values(row), {})[id(row)] = row

    def remove(self, row: Any) -> None:
        values = self._values(row)
        rows = self._by_value[values]
        rows.pop(id(row), None)
        if not rows:
            del self._by_value[values]

    def equal(self, values: tuple[Any, ...]) -> Iterator[Any]:
        """Rows whose fields equal all the values."""
        yield from list(self._by_value.get(values, {}).values())

    def filter(self, prefix: tuple[Any, ...], **ends: Any) -> Iterator[Any]:
        """Rows whose first fields equal ``prefix``; ``ge``, ``gt``, ``le``, ``lt`` bound the next.

        A whole prefix is a look-up; else the distinct values are gone through, in their order if
        they have one (members of enums have none).
        Raises ``ValueError`` for more values than fields, or a range without a field for it.
        """
        bounds = {name: value for name, value in ends.items() if value is not None}
        if len(prefix) > len(self._fields) or (bounds and len(prefix) == len(self._fields)):
            raise ValueError(f"an index of {len(self._fields)} fields cannot do that")
        if len(prefix) == len(self._fields):
            yield from self.equal(prefix)
            return
        place = len(prefix)
        for values in self._in_order():
            if values[:place] == prefix and _within(values[place], bounds):
                yield from list(self._by_value[values].values())

    def _in_order(self) -> list[tuple[Any, ...]]:
        try:
            return sorted(self._by_value)
        except TypeError:
            return list(self._by_value)


def _within(value: Any, bounds: dict[str, Any]) -> bool:
    return all(
        (
            "ge" not in bounds or value >= bounds["ge"],
            "gt" not in bounds or value > bounds["gt"],
            "le" not in bounds or value <= bounds["le"],
            "lt" not in bounds or value < bounds["lt"],
        )
    )
