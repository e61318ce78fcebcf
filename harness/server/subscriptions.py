"""Who watches what: live plans, and what a transaction means for them.

Plans are shared: however many clients ask the same thing, a transaction is evaluated for it once
and its rows are encoded once. A change looks only at the plans that can match: those of its table,
and among plans with an equality only those whose value the changed row has.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from typing import Any, Generic, TypeVar

from harness.errors import SqlError
from harness.server.plans import Changed, Plan, Rows

S = TypeVar("S")

_FIXED = struct.Struct("<BHI")
_U32 = struct.Struct("<I")
_EMPTY_LIST = b"\x01" + bytes(8)


def row_list_bytes(rows: list[bytes]) -> bytes:
    """The BSATN of a row list (see ``harness.wire.rows``), joined without intermediate objects."""
    if not rows:
        return _EMPTY_LIST
    size = len(rows[0])
    if len(rows) == 1 and 0 < size <= 0xFFFF:
        return _FIXED.pack(0, size, size) + rows[0]
    if 0 < size <= 0xFFFF and all(len(row) == size for row in rows):
        return _FIXED.pack(0, size, size * len(rows)) + b"".join(rows)
    starts, at = [], 0
    for row in rows:
        starts.append(at)
        at += len(row)
    count = len(rows)
    return b"".join(
        (b"\x01", _U32.pack(count), struct.pack(f"<{count}Q", *starts), _U32.pack(at), *rows)
    )


def text_bytes(text: str) -> bytes:
    """A BSATN string."""
    data = text.encode()
    return _U32.pack(len(data)) + data


class PlanDelta:
    """What one transaction changed in one plan's result. Encodings are made once, when asked."""

    __slots__ = ("cache", "deletes", "event", "inserts", "name_bytes", "table")

    def __init__(self, live: LivePlan[Any], inserts: list[bytes], deletes: list[bytes]) -> None:
        self.table = live.plan.table
        self.name_bytes = live.name_bytes
        self.event = live.event
        self.inserts = inserts
        self.deletes = deletes
        self.cache: dict[Any, bytes] = {}

    def encoded(self, key: Any, make: Callable[[PlanDelta], bytes]) -> bytes:
        """``make(self)``, remembered under ``key``."""
        found = self.cache.get(key)
        if found is None:
            found = self.cache[key] = make(self)
        return found


class LivePlan(Generic[S]):
    """A plan and its subscribers: (session, query set id) in the order they came."""

    __slots__ = ("event", "name_bytes", "plan", "subscribers")

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.event = plan.side.table.definition.event
        self.name_bytes = text_bytes(plan.table)
        self.subscribers: dict[tuple[S, int], None] = {}


def _nothing(source: Any) -> None:
    """Tables are there whether anybody watches them or not."""


class Watchers(Generic[S]):
    """The live plans of one table, sorted by how a change finds them."""

    __slots__ = ("anchored", "every")

    def __init__(self) -> None:
        self.every: dict[LivePlan[S], None] = {}
        self.anchored: dict[int, dict[Any, dict[LivePlan[S], None]]] = {}

    def all(self) -> list[LivePlan[S]]:
        """Every plan, however a change would find it."""
        places = (place for by_value in self.anchored.values() for place in by_value.values())
        return [*self.every, *(live for place in places for live in place)]


class Registry(Generic[S]):
    """All live plans of a database."""

    def __init__(
        self,
        watch: Callable[[Any], None] = _nothing,
        unwatch: Callable[[Any], None] = _nothing,
    ) -> None:
        """``watch`` and ``unwatch`` are told of views that are in use from now on, and no more."""
        self._plans: dict[object, LivePlan[S]] = {}
        self._watchers: dict[Any, Watchers[S]] = {}
        self._watch = watch
        self._unwatch = unwatch

    def __len__(self) -> int:
        return len(self._plans)

    def add(self, plan: Plan, session: S, set_id: int) -> LivePlan[S]:
        """Let the session watch the plan, or the equal plan that is already live."""
        live = self._plans.get(plan.key)
        if live is None:
            live = self._plans[plan.key] = LivePlan(plan)
            for place in self._places(live, create=True):
                place[live] = None
        live.subscribers[(session, set_id)] = None
        return live

    def remove(self, live: LivePlan[S], session: S, set_id: int) -> None:
        """End it; the plan goes with its last subscriber."""
        live.subscribers.pop((session, set_id), None)
        if not live.subscribers and self._plans.pop(live.plan.key, None) is not None:
            for place in self._places(live, create=False):
                place.pop(live, None)
            self._sweep(live)

    def deltas(
        self, rows: Rows, changed: Changed, died: list[tuple[LivePlan[S], str]]
    ) -> Iterator[tuple[LivePlan[S], PlanDelta]]:
        """The plans whose results the transaction changed, with the changes.

        Plans that could not be evaluated are added to ``died`` with the reason.
        """
        seen: set[LivePlan[S]] = set()
        for name in changed.tables:
            watchers = self._watchers.get(name)
            if watchers is None:
                continue
            if not isinstance(name, str) and (reason := changed.tables[name].failure):
                died.extend((live, reason) for live in watchers.all())
                continue
            for live in self._candidates(watchers, changed, name):
                if live in seen:
                    continue
                seen.add(live)
                try:
                    inserts, deletes = live.plan.delta(rows, changed)
                except SqlError as error:
                    died.append((live, str(error)))
                    continue
                if inserts or deletes:
                    yield live, PlanDelta(live, inserts, deletes)

    def _candidates(
        self, watchers: Watchers[S], changed: Changed, name: Any
    ) -> Iterator[LivePlan[S]]:
        yield from watchers.every
        for column, by_value in watchers.anchored.items():
            some = next(iter(next(iter(by_value.values()))))
            table = some.plan.side.table
            for _, row, _ in changed.signed(table):
                yield from by_value.get(row[column], ())

    def _places(self, live: LivePlan[S], create: bool) -> Iterator[dict[LivePlan[S], None]]:
        anchor = live.plan.anchor
        for name in dict.fromkeys(live.plan.tables):
            if create:
                if name not in self._watchers:
                    if not isinstance(name, str):
                        self._watch(name)
                    self._watchers[name] = Watchers()
                watchers = self._watchers[name]
            elif name in self._watchers:
                watchers = self._watchers[name]
            else:
                continue
            if anchor is None:
                yield watchers.every
            else:
                column, value = anchor
                yield watchers.anchored.setdefault(column, {}).setdefault(value, {})

    def _sweep(self, live: LivePlan[S]) -> None:
        """Drop the empty places that a removed plan leaves."""
        anchor = live.plan.anchor
        for name in live.plan.tables:
            watchers = self._watchers.get(name)
            if watchers is None:
                continue
            if anchor is not None and (by_value := watchers.anchored.get(anchor[0])) is not None:
                if not by_value.get(anchor[1]):
                    by_value.pop(anchor[1], None)
                if not by_value:
                    del watchers.anchored[anchor[0]]
            if not watchers.every and not watchers.anchored:
                del self._watchers[name]
                if not isinstance(name, str):
                    self._unwatch(name)
