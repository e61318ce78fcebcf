"""What users hold: tables, unique columns, indexes, reducers, subscriptions."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from difflib import get_close_matches
from enum import Enum
from typing import TYPE_CHECKING, Any

from harness.client.cache import TableCache
from harness.errors import LocalProtocolError
from harness.wire.codec import Codec

if TYPE_CHECKING:
    from harness.client.client import Client


class Registration:
    """A callback that is registered; ``cancel`` ends it."""

    __slots__ = ("_callback", "_list", "_registered")

    def __init__(self, list_: list[Callable[..., Any]], callback: Callable[..., Any]) -> None:
        self._list = list_
        self._callback = callback
        self._registered = True
        list_.append(callback)

    def cancel(self) -> None:
        """The callback is not called any more. A second time does nothing."""
        if self._registered:
            self._registered = False
            self._list.remove(self._callback)


class Unique:
    """A unique column of the cached rows."""

    __slots__ = ("_cache", "_column")

    def __init__(self, cache: TableCache, column: int) -> None:
        self._cache = cache
        self._column = column

    def find(self, value: Any) -> Any:
        """The row with this value, or None."""
        return self._cache.find(self._column, value)


class IndexHandle:
    """An index over the cached rows, on the client's side."""

    __slots__ = ("_cache", "_columns")

    def __init__(self, cache: TableCache, columns: tuple[int, ...]) -> None:
        self._cache = cache
        self._columns = columns

    def filter(
        self, *prefix: Any, ge: Any = None, gt: Any = None, le: Any = None, lt: Any = None
    ) -> Iterator[Any]:
        """Rows whose first columns equal the prefix, with a range on the next column."""
        if len(prefix) == 1 and isinstance(prefix[0], tuple):
            prefix = prefix[0]
        index = self._cache.index(self._columns)
        return index.filter(tuple(prefix), ge=ge, gt=gt, le=le, lt=lt)


class TableHandle:
    """The cached rows of one table, and who wants to hear of changes.

    Callbacks get the context first, then the row, or the old and the new one. They run after the
    whole message was applied, and may be coroutine functions, which become tasks.
    """

    def __init__(self, cache: TableCache) -> None:
        self._cache = cache
        self._inserts: list[Callable[..., Any]] = []
        self._deletes: list[Callable[..., Any]] = []
        self._updates: list[Callable[..., Any]] = []
        definition = cache.definition
        for index in definition.indexes:
            if index.accessor is not None and index.accessor not in _TAKEN:
                setattr(self, index.accessor, IndexHandle(cache, index.columns))
        for column in definition.unique_columns():
            if cache.fields[column] not in _TAKEN:
                setattr(self, cache.fields[column], Unique(cache, column))

    def count(self) -> int:
        return len(self._cache.rows)

    def __len__(self) -> int:
        return len(self._cache.rows)

    def __bool__(self) -> bool:
        return True  # a handle is there whether it has rows or not

    def iter(self) -> Iterator[Any]:
        """The rows. Raises ``RuntimeError`` if they change while one goes through them."""
        return iter(self._cache)

    __iter__ = iter

    def on_insert(self, callback: Callable[..., Any]) -> Any:
        """Call ``callback(context, row)`` for rows that appear. Fit for use as a decorator."""
        return Registration(self._inserts, callback)

    def on_delete(self, callback: Callable[..., Any]) -> Any:
        """Call ``callback(context, row)`` for rows that vanish."""
        return Registration(self._deletes, callback)

    def on_update(self, callback: Callable[..., Any]) -> Any:
        """Call ``callback(context, old, new)`` for rows replaced under their primary key.

        Raises ``LocalProtocolError`` for a table without one: it has no updates.
        """
        if self._cache.definition.primary_key is None:
            raise LocalProtocolError(
                f"table {self._cache.name} has no primary key, so its rows are never updated"
            )
        return Registration(self._updates, callback)

    @property
    def wanted(self) -> bool:
        """Whether anybody wants to hear of changes."""
        return bool(self._inserts or self._deletes or self._updates)

    def __getattr__(self, name: str) -> Any:
        raise AttributeError(_unknown("column, index or method", name, vars(self)))


_TAKEN = {"count", "iter", "on_insert", "on_delete", "on_update", "wanted"}


class Tables:
    """``conn.db``: a handle for each table."""

    def __init__(self, handles: dict[str, TableHandle]) -> None:
        for name, handle in handles.items():
            setattr(self, name, handle)

    def __getattr__(self, name: str) -> Any:
        raise AttributeError(_unknown("table", name, vars(self)))


class Reducer:
    """A reducer to call: ``conn.reducers.transfer(1, 2, amount=30)``."""

    __slots__ = ("_client", "_codec", "_name", "_parameters", "encode")

    def __init__(
        self, client: Client, name: str, parameters: tuple[str, ...], codec: Codec
    ) -> None:
        self._client = client
        self._name = name
        self._parameters = parameters
        self._codec = codec
        #: The arguments in order, as bytes.
        self.encode: Callable[[tuple[Any, ...]], bytes] = codec.encode

    def __call__(self, *args: Any, **kwargs: Any) -> asyncio.Future[None]:
        """Send the call in this tick; awaiting the result gives None or raises.

        Raises ``TypeError`` for wrong arguments and ``EncodeError`` for values that do not fit.
        """
        if kwargs or len(args) != len(self._parameters):
            args = self._bind(args, kwargs)
        return self._client.call_encoded(self._name, self._codec.encode(args))

    def _bind(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[Any, ...]:
        rest = self._parameters[len(args) :]
        unknown = [name for name in kwargs if name not in rest]
        missing = [name for name in rest if name not in kwargs]
        if len(args) > len(self._parameters) or unknown or missing:
            signature = f"{self._name}({', '.join(self._parameters)})"
            problems = [f"missing {name!r}" for name in missing]
            problems += [f"unknown or repeated {name!r}" for name in unknown]
            problems = problems or [f"{len(args)} arguments"]
            raise TypeError(f"{signature}: {', '.join(problems)}")
        return (*args, *(kwargs[name] for name in rest))


class Reducers:
    """``conn.reducers``: one callable for each reducer."""

    def __init__(self, reducers: dict[str, Reducer]) -> None:
        for name, reducer in reducers.items():
            setattr(self, name, reducer)

    def __getattr__(self, name: str) -> Any:
        raise AttributeError(_unknown("reducer", name, vars(self)))


def _unknown(what: str, name: str, known: dict[str, Any]) -> str:
    names = [x for x in known if not x.startswith("_")]
    near = get_close_matches(name, names, 1)
    return f"there is no {what} {name!r}" + (f"; did you mean {near[0]!r}?" if near else "")


class Phase(Enum):
    """Of a subscription."""

    PENDING = "pending"
    ACTIVE = "active"
    ENDING = "ending"
    ENDED = "ended"


class Subscription:
    """Queries that were subscribed together."""

    def __init__(self, client: Client, queries: list[str], set_id: int) -> None:
        self.queries = queries
        self.set_id = set_id
        self.phase = Phase.PENDING
        self.applied: asyncio.Future[None] = client.loop.create_future()
        self.ended: asyncio.Future[None] = client.loop.create_future()
        #: Why it ended, if it was not asked to.
        self.error: str | None = None
        self._client = client

    @property
    def is_active(self) -> bool:
        """Whether its rows are in the cache and nobody has asked to end it."""
        return self.phase is Phase.ACTIVE

    @property
    def is_ended(self) -> bool:
        return self.phase is Phase.ENDED

    async def unsubscribe(self) -> None:
        """End it; returns when its rows have left the cache.

        Raises ``LocalProtocolError`` if it has ended or is ending already.
        """
        self._client.unsubscribe(self)
        await self.ended


def finish(future: asyncio.Future[None], error: Exception | None = None) -> None:
    """Resolve a future unless its owner has given up."""
    if not future.done():
        if error is None:
            future.set_result(None)
        else:
            future.set_exception(error)
            # Not everybody awaits both futures of a subscription.
            future.exception()
