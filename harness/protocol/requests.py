"""Who waits for which reply: request ids, and the query sets of a connection."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from harness.errors import LocalProtocolError
from harness.protocol.states import (
    FINAL,
    HOLDS_ROWS,
    QUERY_SET,
    SetState,
    SetTrigger,
)

#: Ids are u32 on the wire. 0 is legal, but over v1 it marks a call that was rejected unseen.
FIRST_ID, LAST_ID = 1, 0xFFFF_FFFF


class Requests:
    """Open requests by id. Calls have a table of their own, since they are the hot path."""

    __slots__ = ("_last", "calls", "leaving", "procedures", "queries")

    def __init__(self, last: int = FIRST_ID - 1) -> None:
        self.calls: dict[int, Any] = {}
        self.queries: dict[int, Any] = {}
        self.procedures: dict[int, Any] = {}
        #: Unsubscribe requests whose set failed first: their refusal is expected.
        self.leaving: set[int] = set()
        self._last = last

    def next_id(self) -> int:
        """The next id that no open request has. It wraps around."""
        last = self._last
        while True:
            last = last + 1 if last < LAST_ID else FIRST_ID
            if not (
                last in self.calls
                or last in self.queries
                or last in self.procedures
                or last in self.leaving
            ):
                self._last = last
                return last

    def waiters(self) -> list[Any]:
        """Everybody who waits for an answer, by table and then by age."""
        return [*self.calls.values(), *self.queries.values(), *self.procedures.values()]


@dataclass(slots=True)
class QuerySet:
    """The queries that were subscribed together. ``leave_request`` is the unsubscribe's id."""

    id: int
    queries: tuple[str, ...]
    waiter: Any
    state: SetState = SetState.PENDING
    leave_request: int | None = None


class QuerySets:
    """The query sets that are not over, by id."""

    __slots__ = ("_last", "by_id")

    def __init__(self) -> None:
        self.by_id: dict[int, QuerySet] = {}
        self._last = 0

    def add(self, queries: tuple[str, ...], waiter: Any) -> QuerySet:
        """A new set in the state PENDING."""
        while True:
            self._last = self._last + 1 if self._last < LAST_ID else FIRST_ID
            if self._last not in self.by_id:
                break
        made = self.by_id[self._last] = QuerySet(self._last, queries, waiter)
        return made

    def unsubscribe(self, set_id: int, request_id: int) -> None:
        """Raises ``LocalProtocolError`` unless the set is pending or applied."""
        found = self.by_id.get(set_id)
        if found is None:
            raise LocalProtocolError(f"query set {set_id} is not subscribed, or is over already")
        after = QUERY_SET.get((found.state, SetTrigger.UNSUBSCRIBE))
        if after is None:
            raise LocalProtocolError(f"query set {set_id} was unsubscribed before")
        found.state, found.leave_request = after, request_id

    def advance(self, set_id: int, trigger: SetTrigger) -> tuple[QuerySet, bool] | None:
        """Follow the table. Returns the set and whether it held rows before.

        None: there is no such set, or nothing of the kind is expected of it.
        """
        found = self.by_id.get(set_id)
        if found is None:
            return None
        after = QUERY_SET.get((found.state, trigger))
        if after is None:
            return None
        held_rows = found.state in HOLDS_ROWS
        found.state = after
        if after in FINAL:
            del self.by_id[set_id]
        return found, held_rows
