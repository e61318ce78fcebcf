"""What a client makes of the events of its connection.

Rows are applied first, then callbacks run, then whoever caused it is told.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from harness.client.answers import settle
from harness.client.store import News, Store
from harness.client.subscriptions import Phase, Subscription, finish
from harness.errors import (
    ConnectionLost,
    HarnessError,
    InternalError,
    QueryError,
    ReducerError,
    RemoteProtocolError,
)
from harness.protocol.events import (
    Applied,
    Called,
    CalledAlike,
    Changed,
    Connected,
    Died,
    Ended,
    Event,
    Queried,
    Refused,
    Returned,
    TableRows,
)


class Hearing:
    """Events in; rows, callbacks and answers out."""

    def __init__(
        self,
        store: Store,
        greeted: Callable[[Connected], None],
        context: Callable[[Event], Any],
    ) -> None:
        self.store = store
        #: What is subscribed, by set id.
        self.subscriptions: dict[int, Subscription] = {}
        #: While a reconnected client waits for its snapshot.
        self.renewal: Renewal | None = None
        self._greeted = greeted
        self._context = context

    def hear(self, events: list[Event]) -> None:
        """Handle events in order.

        Raises ``RemoteProtocolError`` or ``DecodeError`` if rows are not what they should be. Those
        who were answered by then, but not told, get ``ConnectionLost``: their outcome is unknown.
        """
        handled = 0
        try:
            for event in events:
                if type(event) is Called:
                    self._called(event)
                else:
                    _HANDLERS[type(event)](self, event)
                handled += 1
        except HarnessError as error:
            for event in events[handled:]:
                if isinstance(event, CalledAlike):
                    for waiter in event.waiters:
                        finish(waiter, ConnectionLost(str(error)))
                elif isinstance(event, Called | Queried | Returned):
                    finish(event.waiter, ConnectionLost(str(error)))
            raise

    def _called(self, event: Called) -> None:
        if event.updates:
            self._apply(event.updates, event)
        if self.renewal is not None:
            self.renewal.answers.append(event)  # its rows are not in the cache yet
        else:
            answer(event)

    def _called_alike(self, event: CalledAlike) -> None:
        if self.renewal is not None or not self._applied_quietly(event):
            for called in event.each():
                self._called(called)
            return
        settle(event.waiters)

    def _applied_quietly(self, event: CalledAlike) -> bool:
        """Whether all rows could be applied at once, since nobody hears of them one by one."""
        if event.table is None:
            return True
        if self.store.watched(event.table):
            return False
        try:
            self.store.apply([TableRows(event.table, event.rows, None)])
        except HarnessError:
            return False  # then it is told which of them was wrong, after those before it
        return True

    def _connected(self, event: Connected) -> None:
        self._greeted(event)

    def _changed(self, event: Changed) -> None:
        self._apply(event.updates, event)

    def _applied(self, event: Applied) -> None:
        subscription = self.subscriptions[event.set_id]
        if subscription.phase is Phase.PENDING:
            subscription.phase = Phase.ACTIVE
        self._apply(event.updates, event)
        finish(subscription.applied)
        self._one_less(event.set_id)

    def _ended(self, event: Ended) -> None:
        subscription = self.subscriptions.pop(event.set_id)
        subscription.phase = Phase.ENDED
        self._apply(event.updates, event)
        subscription.over()

    def _refused(self, event: Refused) -> None:
        self.subscriptions.pop(event.set_id).over(QueryError(event.error))
        self._one_less(event.set_id)

    def _died(self, event: Died) -> None:
        """Sets ended without their rows leaving, and nobody tracks rows by set.

        So the cache can no longer be believed: the connection ends. With ``reconnect`` the other
        subscriptions come back, and the rows of the dead ones are gone.
        """
        for set_id in event.set_ids:
            self.subscriptions.pop(set_id).over(QueryError(event.error))
        raise RemoteProtocolError(f"the server gave up a subscription: {event.error}")

    def _queried(self, event: Queried) -> None:
        if event.error is not None:
            finish(event.waiter, QueryError(event.error))
            return
        rows: list[Any] = []
        for table, list_ in event.tables:
            rows += list_.decode(self.store.cache(table).codec)
        if not event.waiter.done():
            event.waiter.set_result(rows)

    def _returned(self, event: Returned) -> None:
        if event.error is not None:
            finish(event.waiter, InternalError(event.error))
        elif not event.waiter.done():
            event.waiter.set_result(event.value)

    def _apply(self, updates: list[TableRows], event: Event) -> None:
        if self.renewal is not None:
            self.renewal.updates += updates
            return
        news = self.store.apply(updates)
        if news:
            self.tell(news, event)

    def tell(self, news: News, event: Event) -> None:
        """Run the callbacks for what an event changed."""
        self.store.tell(news, self._context(event))

    def _one_less(self, set_id: int) -> None:
        if self.renewal is not None:
            self.renewal.answered(set_id)


class Renewal:
    """After a reconnect: what comes until every set is answered, to replace the old rows at once.

    Callbacks then hear only of what is different from before the loss.
    """

    def __init__(self, hearing: Hearing, sets: set[int], loop: asyncio.AbstractEventLoop) -> None:
        self.updates: list[TableRows] = []
        #: Calls that were answered meanwhile.
        self.answers: list[Called] = []
        #: Resolved when the new rows are in place.
        self.done: asyncio.Future[None] = loop.create_future()
        self._hearing = hearing
        self._waiting = sets
        if not sets:
            self._finish()

    def answered(self, set_id: int) -> None:
        """A set was applied or refused."""
        self._waiting.discard(set_id)
        if not self._waiting:
            self._finish()

    def fail(self, error: HarnessError) -> None:
        """The connection was lost again; the old rows stay."""
        self._hearing.renewal = None
        for event in self.answers:
            finish(event.waiter, ConnectionLost(str(error)))
        finish(self.done, error)

    def _finish(self) -> None:
        hearing = self._hearing
        news = hearing.store.replace(self.updates)
        hearing.renewal = None
        hearing.tell(news, Applied(0, []))
        for event in self.answers:
            answer(event)
        finish(self.done)


def answer(event: Called) -> None:
    """Tell who called."""
    waiter = event.waiter
    if waiter.done():
        return
    if event.error is None:
        waiter.set_result(None)
    elif event.by_module:
        waiter.set_exception(ReducerError(event.error))
    else:
        waiter.set_exception(InternalError(event.error))


_HANDLERS: dict[type[Any], Callable[[Hearing, Any], None]] = {
    CalledAlike: Hearing._called_alike,
    Connected: Hearing._connected,
    Changed: Hearing._changed,
    Applied: Hearing._applied,
    Ended: Hearing._ended,
    Refused: Hearing._refused,
    Died: Hearing._died,
    Queried: Hearing._queried,
    Returned: Hearing._returned,
}
