"""One connection without I/O: calls in, payloads out; payloads in, events out.

No socket, no event loop and no clock: a shell feeds it and writes what it wants written. What a
caller waits with (a future, a callback) travels through as an opaque ``waiter``, so that no shell
needs a second table of who waits for what.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from enum import Enum
from typing import Any

from harness.errors import LocalProtocolError, RemoteProtocolError
from harness.protocol.events import Event

_LAST_ID = (1 << 32) - 1

#: Servers refuse longer messages (`subscribe.rs` of SpacetimeDB 1.2 and 2.8), in bytes.
MAX_MESSAGE = 32 * 1024 * 1024


class State(Enum):
    """Of a connection. Sending is possible from the start; the greeting makes it CONNECTED."""

    OPENING = "opening"
    CONNECTED = "connected"
    CLOSED = "closed"


class SetState(Enum):
    """Of a subscription."""

    PENDING = "pending"
    APPLIED = "applied"
    #: Unsubscribed before the answer to the subscribe came.
    GIVEN_UP = "given up"
    #: Unsubscribed; its rows are still here.
    LEAVING = "leaving"


class Step(Enum):
    """What can happen to a subscription."""

    APPLIED = "applied"
    REFUSED = "refused"
    UNSUBSCRIBE = "unsubscribe"
    ENDED = "ended"
    DIED = "died"


#: state, step → next state; None: the subscription is over. What is not here is a violation.
#: An unsubscribe may be sent before the answer to the subscribe has come: then applied follows.
SET_STEPS: dict[tuple[SetState, Step], SetState | None] = {
    (SetState.PENDING, Step.APPLIED): SetState.APPLIED,
    (SetState.PENDING, Step.REFUSED): None,
    (SetState.PENDING, Step.UNSUBSCRIBE): SetState.GIVEN_UP,
    (SetState.APPLIED, Step.UNSUBSCRIBE): SetState.LEAVING,
    (SetState.APPLIED, Step.DIED): None,
    (SetState.GIVEN_UP, Step.APPLIED): SetState.LEAVING,
    (SetState.GIVEN_UP, Step.REFUSED): None,
    (SetState.LEAVING, Step.ENDED): None,
    (SetState.LEAVING, Step.DIED): None,
}


class Connection(ABC):
    """What the protocols have in common. Made by ``harness.protocol.open_connection``."""

    #: The short name: v1, v2 or v3.
    protocol: str

    def __init__(self) -> None:
        self.state = State.OPENING
        #: Calls that wait for an answer, by request id.
        self.calls: dict[int, Any] = {}
        self._sets: dict[int, SetState] = {}
        #: Sets that were refused although an unsubscribe is on its way: it will be refused as well.
        self._given_up: set[int] = set()
        self._queries: dict[int, Any] = {}
        self._queue: list[bytes] = []
        self._last_id = 0
        self._last_set = 0

    # --- asking ----------------------------------------------------------------------------------

    @abstractmethod
    def call_reducer(self, name: str, args: bytes, waiter: Any) -> int:
        """Queue a call; its request id. ``args`` is the BSATN product of the arguments."""

    @abstractmethod
    def subscribe(self, queries: list[str]) -> int:
        """Queue a subscription; its set id."""

    @abstractmethod
    def unsubscribe(self, set_id: int) -> None:
        """Queue its end. Raises ``LocalProtocolError`` if it has ended or is ending."""

    @abstractmethod
    def query(self, sql: str, waiter: Any) -> int:
        """Queue a one-off query; its request id."""

    @abstractmethod
    def data_to_send(self) -> list[bytes]:
        """The payloads of all that was queued since the last call."""

    # --- hearing ---------------------------------------------------------------------------------

    @abstractmethod
    def receive(self, payload: bytes) -> list[Event]:
        """What a payload says. Raises ``DecodeError`` or ``RemoteProtocolError``, nothing else."""

    def close(self) -> list[Any]:
        """The connection is over; the waiters that will get no answer any more."""
        self.state = State.CLOSED
        waiting = [*self.calls.values(), *self._queries.values()]
        self.calls.clear()
        self._queries.clear()
        self._sets.clear()
        return waiting

    def forget(self, request_id: int, instead: Any) -> None:
        """Let another waiter have the answer to a call, which may still come."""
        if request_id in self.calls:
            self.calls[request_id] = instead

    @property
    def has_data(self) -> bool:
        """Whether something waits to be sent."""
        return bool(self._queue)

    # --- for the protocols -----------------------------------------------------------------------

    def _check_open(self) -> None:
        if self.state is State.CLOSED:
            raise LocalProtocolError("the connection is closed")

    def _check_size(self, args: bytes) -> None:
        if len(args) > MAX_MESSAGE - 1024:
            raise LocalProtocolError(
                f"a call with {len(args)} bytes of arguments; messages may have {MAX_MESSAGE} bytes"
            )

    def _check_greeted(self) -> None:
        if self.state is State.OPENING:
            raise RemoteProtocolError("the server sent something before its greeting")

    def _request_id(self) -> int:
        """The next id that is not in flight. Ids start at 1, since v1 gives 0 a meaning."""
        number = self._last_id
        while True:
            number = 1 if number >= _LAST_ID else number + 1
            if number not in self.calls and number not in self._queries:
                self._last_id = number
                return number

    def _new_set(self) -> int:
        self._check_open()
        number = self._last_set
        while True:
            number = 1 if number >= _LAST_ID else number + 1
            if number not in self._sets and number not in self._given_up:
                self._last_set = number
                self._sets[number] = SetState.PENDING
                return number

    def _greet(self) -> None:
        if self.state is not State.OPENING:
            raise RemoteProtocolError("the server greeted twice")
        self.state = State.CONNECTED

    def _set_step(self, set_id: int, step: Step) -> None:
        state = self._sets.get(set_id)
        if state is None or (state, step) not in SET_STEPS:
            known = "unknown" if state is None else state.value
            what = f"subscription {set_id} is {known}; {step.value} makes no sense"
            if step is Step.UNSUBSCRIBE:
                raise LocalProtocolError(what)
            raise RemoteProtocolError(what)
        following = SET_STEPS[state, step]
        if following is None:
            del self._sets[set_id]
            if state is SetState.GIVEN_UP:
                self._given_up.add(set_id)
        else:
            self._sets[set_id] = following

    def _query_waiter(self, request_id: int) -> Any:
        if request_id not in self._queries:
            raise RemoteProtocolError(f"an answer came to query {request_id}, which nobody asked")
        return self._queries.pop(request_id)
