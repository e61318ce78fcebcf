"""Typed handles of tables: what generated classes derive from."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Generic, TypeAlias, TypeVar

from harness.client.cache import TableCache
from harness.client.names import nearest
from harness.client.tables import Callback, IndexHandle, Registration, Unique, Watched
from harness.client.typed.events import Deleted, Inserted, Updated
from harness.errors import ConnectionLost, HarnessError

Row = TypeVar("Row")
Ctx = TypeVar("Ctx")
Key = TypeVar("Key")
First = TypeVar("First")
Prefix = TypeVar("Prefix", bound="tuple[Any, ...]")

OnRow: TypeAlias = Callable[[Ctx, Row], object]
OnUpdate: TypeAlias = Callable[[Ctx, Row, Row], object]


class EventTable(Watched, Generic[Row, Ctx]):
    """A table whose rows are only told of, never kept."""

    def on_insert(self, callback: OnRow[Ctx, Row]) -> Registration:
        """Call ``callback(ctx, row)`` for each row, after the whole message was applied.

        Fit for use as a decorator. Coroutine functions become tasks. What a callback raises is
        logged, or goes to ``conn.on_callback_error``.
        """
        return Registration(self._inserts, callback)

    def remove_on_insert(self, callback: OnRow[Ctx, Row]) -> None:
        """Do not call it any more."""
        _remove(self._inserts, callback)


class Table(EventTable[Row, Ctx]):
    """The rows of a table that the subscriptions of a connection match."""

    def iter(self) -> Iterator[Row]:
        """The rows. Raises ``RuntimeError`` if they change while one goes through them."""
        return iter(self._cache)

    def __iter__(self) -> Iterator[Row]:
        return iter(self._cache)

    def on_delete(self, callback: OnRow[Ctx, Row]) -> Registration:
        """Call ``callback(ctx, row)`` for rows that vanish."""
        return Registration(self._deletes, callback)

    def remove_on_delete(self, callback: OnRow[Ctx, Row]) -> None:
        """Do not call it any more."""
        _remove(self._deletes, callback)

    def changes(self, *, limit: int = 100_000) -> Changes[Row]:
        """Changes from now on, for ``async for``; at most ``limit`` may wait to be taken."""
        return Changes(self, limit)


class PkTable(Table[Row, Ctx]):
    """A table with a primary key: its rows can be updated."""

    def on_update(self, callback: OnUpdate[Ctx, Row]) -> Registration:
        """Call ``callback(ctx, old, new)`` for rows replaced under their primary key."""
        return Registration(self._updates, callback)

    def remove_on_update(self, callback: OnUpdate[Ctx, Row]) -> None:
        """Do not call it any more."""
        _remove(self._updates, callback)

    def __contains__(self, row: object) -> bool:
        cache = self._cache
        key = cache.definition.primary_key
        assert key is not None
        held = cache.rows.get(getattr(row, cache.fields[key], None))
        return held is not None and bool(held == row)


def _remove(registrations: list[Registration], callback: Callback) -> None:
    for registration in registrations:
        if registration.callback == callback:
            registration.cancel()
            return
    raise ValueError(f"{callback!r} is not registered here")


# --- look-ups -------------------------------------------------------------------------------------

if TYPE_CHECKING:
    # What ``harness.client.tables`` has, with types. Generated classes only annotate with these.

    class UniqueIndex(Generic[Row, Key]):
        """A unique column of the cached rows."""

        def find(self, value: Key) -> Row | None:
            """The row with this value, or None."""

    class Index(Generic[Row, First, Prefix]):
        """An index over the cached rows: equality on the first columns, a range on the next."""

        def filter(
            self,
            prefix: First | Prefix | tuple[()] = (),
            /,
            *,
            ge: Any = None,
            gt: Any = None,
            le: Any = None,
            lt: Any = None,
        ) -> Iterator[Row]:
            """Rows whose first columns equal ``prefix``: a value, or a tuple of some.

            ``ge``, ``gt``, ``le`` and ``lt`` bound the column behind the prefix. It is a search of
            the client's cache, not of the server's table. Raises ``ValueError`` for more values
            than the index has columns.
            """

else:
    Index, UniqueIndex = IndexHandle, Unique


class TablesBase:
    """Base of the generated ``Tables``: ``conn.db``, a handle for each table.

    Handles of a submodule's tables come with its name in front, and are in an object of their own.
    """

    _submodules: ClassVar[Mapping[str, type[TablesBase]]] = {}

    def __init__(self, handles: Mapping[str, Watched]) -> None:
        inside: dict[str, dict[str, Watched]] = {name: {} for name in self._submodules}
        for name, handle in handles.items():
            submodule, dot, rest = name.partition(".")
            if dot:
                inside[submodule][rest] = handle
            else:
                setattr(self, name, handle)
        for name, own in inside.items():
            setattr(self, name, self._submodules[name](own))

    if not TYPE_CHECKING:  # a type checker must not believe in every name

        def __getattr__(self, name: str) -> Any:
            raise AttributeError(nearest("table", name, vars(self)))


# --- changes as a stream --------------------------------------------------------------------------


class Changes(Generic[Row]):
    """The changes of a table as they come; ends with the connection.

    ``async for change in conn.db.user.changes(): match change: case Inserted(row): …``. It listens
    until ``close``, the end of ``with``, or the end of the connection. In the connection's event
    loop alone.
    """

    def __init__(self, table: Table[Row, Any], limit: int) -> None:
        self._waiting: deque[Inserted[Row] | Updated[Row] | Deleted[Row]] = deque()
        self._limit = limit
        self._ended: HarnessError | None = None
        self._waiter: asyncio.Future[None] | None = None
        self._registrations: list[Registration] = []
        add = Registration
        self._registrations = [
            add(table._inserts, lambda _, row: self._put(Inserted(row))),
            add(table._deletes, lambda _, row: self._put(Deleted(row))),
            add(table._updates, lambda _, old, new: self._put(Updated(old, new))),
        ]
        self._ends = table._cache.ends
        self._ends.add(self)

    def __enter__(self) -> Changes[Row]:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def __aiter__(self) -> AsyncIterator[Inserted[Row] | Updated[Row] | Deleted[Row]]:
        return self

    async def __anext__(self) -> Inserted[Row] | Updated[Row] | Deleted[Row]:
        while not self._waiting:
            if self._ended is not None:
                if isinstance(self._ended, ConnectionLost):
                    raise StopAsyncIteration
                raise self._ended
            self._waiter = asyncio.get_running_loop().create_future()
            await self._waiter
        return self._waiting.popleft()

    def close(self) -> None:
        """Listen no more; what has come can still be taken."""
        self.end(ConnectionLost("nobody listens any more"))

    def end(self, error: HarnessError) -> None:
        """Nothing will come any more."""
        if self._ended is None:
            self._ended = error
            for registration in self._registrations:
                registration.cancel()
            self._ends.discard(self)
            self._wake()

    def _put(self, change: Inserted[Row] | Updated[Row] | Deleted[Row]) -> None:
        if len(self._waiting) >= self._limit:
            self.end(
                HarnessError(
                    f"{self._limit} changes wait to be taken: more are not kept; take them faster, "
                    "or ask for a larger limit"
                )
            )
            return
        self._waiting.append(change)
        self._wake()

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)


def end_all(caches: Iterable[TableCache], error: HarnessError) -> None:
    """End the streams of these tables."""
    for cache in caches:
        for stream in list(cache.ends):
            stream.end(error)
