"""Subscriptions of generated code: handles, and the builder of the official SDKs."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Generic, Self, TypeVar

from harness.client.query import AnyQuery
from harness.client.subscriptions import Subscription
from harness.client.typed.events import SubscribeApplied, SubscribeError
from harness.client.typed.pending import Pending
from harness.errors import HarnessError, LocalProtocolError, QueryError

if TYPE_CHECKING:
    from harness.client.typed.connection import DbConnectionBase

Ctx = TypeVar("Ctx")


def texts(queries: tuple[str | AnyQuery, ...]) -> list[str]:
    """Queries as SQL. Raises ``TypeError`` for what is none."""
    found = []
    for query in queries:
        if isinstance(query, AnyQuery):
            found.append(query.to_sql())
        elif isinstance(query, str):
            found.append(query)
        else:
            raise TypeError(f"a query is query.<table> or SQL, not {query!r}")
    return found


class SubscriptionHandle(Pending["SubscriptionHandle"]):
    """Queries that are subscribed together: ``await`` it until their rows are in the cache.

    Raises ``QueryError`` there if the server refuses, ``ConnectionLost`` if the connection ends.
    """

    __slots__ = ("__weakref__", "_connection", "_ended", "_subscription", "queries")

    def __init__(self, connection: DbConnectionBase[Any], queries: list[str]) -> None:
        super().__init__(connection._driver, f"the subscription to {'; '.join(queries)}")
        self.queries = queries
        self._connection = connection
        self._subscription: Subscription | None = None
        self._ended: Pending[None] = Pending(connection._driver, f"the end of {self.what}")
        if connection._driver.is_here():
            self._start()
        else:
            connection._driver.soon(self._start_there)

    def _start(self) -> None:
        subscription = self._connection._open().subscribe_soon(*self.queries)
        self._subscription = subscription

        def applied(_: Any) -> None:
            error = subscription.applied.exception()
            if error is None:
                self.set_result(self)
            else:
                self.set_exception(error)

        subscription.applied.add_done_callback(applied)
        subscription.ended.add_done_callback(lambda _: self._ended.set_result(None))

    def _start_there(self) -> None:
        try:
            self._start()
        except HarnessError as error:
            self.set_exception(error)

    @property
    def is_active(self) -> bool:
        """Whether its rows are in the cache and nobody has asked to end it."""
        return self._subscription is not None and self._subscription.is_active

    @property
    def is_ended(self) -> bool:
        """Whether it is over: it ended as asked, was refused, or died with the connection."""
        if self._subscription is None:
            return self.done()
        return self._subscription.is_ended

    def unsubscribe(self) -> Pending[None]:
        """End it; what is returned is there when its rows have left the cache.

        Raises ``LocalProtocolError`` if it has ended or is ending already.
        """
        driver = self._connection._driver
        if driver.is_here():
            if self._subscription is None:
                raise LocalProtocolError("the subscription was never made")
            self._subscription.unsubscribe_soon()
            return self._ended
        ended = self._ended

        def unsubscribe() -> None:
            try:
                assert self._subscription is not None
                self._subscription.unsubscribe_soon()
            except HarnessError as error:
                if not ended.done():
                    ended.set_exception(error)

        if self.is_ended:
            raise LocalProtocolError("the subscription has ended or is ending already")
        driver.soon(unsubscribe)
        return ended

    def unsubscribe_then(self, callback: Callable[[], Any]) -> None:
        """End it, and call ``callback`` when its rows have left the cache."""
        run = self._connection._driver.run
        self.unsubscribe().when_done(lambda: run(callback))


class SubscriptionBuilder(Generic[Ctx]):
    """``conn.subscription_builder().on_applied(f).on_error(g).subscribe(query.user)``."""

    def __init__(self, connection: DbConnectionBase[Any]) -> None:
        self._connection = connection
        self._applied: list[Callable[[Ctx], Any]] = []
        self._errors: list[Callable[[Ctx, QueryError], Any]] = []

    def on_applied(self, callback: Callable[[Ctx], Any]) -> Self:
        """Call ``callback(ctx)`` when the rows are in the cache."""
        self._applied.append(callback)
        return self

    def on_error(self, callback: Callable[[Ctx, Exception], Any]) -> Self:
        """Call ``callback(ctx, error)`` if the server refuses, or the connection ends before."""
        self._errors.append(callback)
        return self

    def subscribe(self, *queries: str | AnyQuery) -> SubscriptionHandle:
        """Subscribe to all of them together."""
        connection = self._connection
        handle = SubscriptionHandle(connection, texts(queries))

        def done() -> None:
            error = handle.exception() if self._errors else handle._error
            event = SubscribeApplied() if error is None else SubscribeError(str(error))
            context = connection._context(event)
            if error is None:
                for applied in self._applied:
                    connection._driver.run(applied, context)
            else:
                for failed in self._errors:
                    connection._driver.run(failed, context, error)

        handle.when_done(done)
        return handle

    def subscribe_to_all_tables(self) -> SubscriptionHandle:
        """Subscribe to every row of every table that the generated code knows."""
        return self.subscribe(*self._connection._all_tables())
