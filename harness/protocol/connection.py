"""One connection without I/O: calls in, payloads out; payloads in, events out.

No socket, no event loop and no clock: a shell feeds it and writes what it wants written. What a
caller waits with (a future, a callback) travels through as an opaque ``waiter``, so that no shell
needs a second table of who waits for what.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from enum import Enum
from typing import Any

from harness.errors import DecodeError, LocalProtocolError, RemoteProtocolError
from harness.protocol.events import Event
from harness.protocol.outbox import LAST_ID, Outbox

#: Servers refuse longer messages (`subscribe.rs` of SpacetimeDB 1.2 and 2.8), in bytes.
MAX_MESSAGE = 32 * 1024 * 1024


class State(Enum):
    """Of a connection. Sending is possible from the start; the greeting makes it CONNECTED."""

    OPENING = "opening"
    CONNECTED = "connected"
    #: We have said goodbye: nothing more is asked, answers still count.
    CLOSING = "closing"
    CLOSED = "closed"


class Turn(Enum):
    """What can happen to a connection."""

    GREETED = "greeted"
    GOODBYE = "goodbye"
    LOST = "lost"


#: state, turn → next state. What is not here is a violation.
TURNS: dict[tuple[State, Turn], State] = {
    (State.OPENING, Turn.GREETED): State.CONNECTED,
    (State.OPENING, Turn.GOODBYE): State.CLOSING,
    (State.OPENING, Turn.LOST): State.CLOSED,
    (State.CONNECTED, Turn.GOODBYE): State.CLOSING,
    (State.CONNECTED, Turn.LOST): State.CLOSED,
    (State.CLOSING, Turn.GOODBYE): State.CLOSING,
    (State.CLOSING, Turn.GREETED): State.CLOSING,
    (State.CLOSING, Turn.LOST): State.CLOSED,
    (State.CLOSED, Turn.GOODBYE): State.CLOSED,
    (State.CLOSED, Turn.LOST): State.CLOSED,
}


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
    #: How its messages are written: as in v1 or as in v2.
    version: int

    def __init__(self) -> None:
        self.state = State.OPENING
        self._outbox = Outbox(self.version, self._call_slowly)
        #: Queue a call: the reducer's name, the BSATN product of the arguments, who waits; gives
        #: its request id. Raises ``LocalProtocolError``.
        self.call_reducer: Callable[[str, bytes, Any], int] = self._outbox.call
        #: What the peer broke after the last event that ``receive`` returned; the end of it all.
        self.violation: DecodeError | RemoteProtocolError | None = None
        #: Calls that wait for an answer, by request id.
        self.calls: dict[int, Any] = self._outbox.waiting
        self._sets: dict[int, SetState] = {}
        #: Sets that were refused although an unsubscribe is on its way: it will be refused as well.
        self._given_up: set[int] = set()
        self._queries: dict[int, Any] = {}
        self._procedures: dict[int, Any] = {}
        self._greeted = False
        self._last_set = 0

    # --- asking ----------------------------------------------------------------------------------

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
    def call_procedure(self, name: str, args: bytes, waiter: Any) -> int:
        """Queue a call of a procedure; its request id. ``args`` as for a reducer."""

    @abstractmethod
    def data_to_send(self) -> list[bytes]:
        """The payloads of all that was queued since the last call."""

    # --- hearing ---------------------------------------------------------------------------------

    def receive(self, payload: bytes) -> list[Event]:
        """What a payload says.

        A rule that is broken by a later message of a payload does not undo the earlier ones: their
        events are returned, and what was broken stands in ``violation``.

        Raises ``WireError`` or ``RemoteProtocolError``, and nothing else, if there is nothing to
        return; then too the connection is over.
        """
        if self.violation is not None:
            raise self.violation
        if self.state is State.CLOSED:
            raise RemoteProtocolError("the server sent something after the end")
        found: list[Event] = []
        try:
            self._hear(payload, found)
        except (DecodeError, RemoteProtocolError) as error:
            self.violation = error
            if not found:
                raise
        return found

    def goodbye(self) -> None:
        """Nothing more will be asked; what was asked may still be answered."""
        self.state = TURNS[self.state, Turn.GOODBYE]
        self._outbox.plain = False

    def close(self) -> list[Any]:
        """The connection is over; the waiters that will get no answer any more."""
        self.state = TURNS[self.state, Turn.LOST]
        self._outbox.plain = False
        waiting: list[Any] = []
        for asked in (self.calls, self._queries, self._procedures):
            waiting += asked.values()
            asked.clear()
        self._sets.clear()
        self._given_up.clear()
        self._outbox.names.clear()
        self._outbox.queue.clear()
        return waiting

    def forget(self, request_id: int, instead: Any) -> None:
        """Let another waiter have the answer to a call, which may still come."""
        if request_id in self.calls:
            self.calls[request_id] = instead

    def calls_made(self) -> int:
        """How many calls were made since this was asked."""
        made, self._outbox.made = self._outbox.made, 0
        return made

    @property
    def queued(self) -> int:
        """How many messages wait to be sent."""
        return len(self._outbox.queue)

    # --- for the protocols -----------------------------------------------------------------------

    @abstractmethod
    def _hear(self, payload: bytes, found: list[Event]) -> None:
        """Append what a payload says, event by event, until a rule is broken."""

    @abstractmethod
    def _call(self, request_id: int, name: str, args: bytes) -> bytes:
        """The message of a call."""

    def _call_slowly(self, name: str, args: bytes, waiter: Any) -> int:
        """What the outbox does not do by itself."""
        self._check_open()
        self._check_size(args)
        request_id = self._request_id()
        self._outbox.say(self._call(request_id, name, args))
        self.calls[request_id] = waiter
        self._outbox.made += 1
        return request_id

    def _check_open(self) -> None:
        if self.state is State.CLOSED or self.state is State.CLOSING:
            raise LocalProtocolError(f"the connection is {self.state.value}")

    def _check_size(self, args: bytes) -> None:
        if len(args) > MAX_MESSAGE - 1024:
            raise LocalProtocolError(
                f"a call with {len(args)} bytes of arguments; messages may have {MAX_MESSAGE} bytes"
            )

    def _check_greeted(self) -> None:
        if not self._greeted:
            raise RemoteProtocolError("the server sent something before its greeting")

    def _request_id(self) -> int:
        """The next id that is not in flight. Ids start at 1, since v1 gives 0 a meaning."""
        number = self._outbox.last_id
        while True:
            if number >= LAST_ID:
                # From now on an id may still be in flight when its turn comes again.
                number, self._outbox.plain = 0, False
            number += 1
            if not any(number in x for x in (self.calls, self._queries, self._procedures)):
                self._outbox.last_id = number
                return number

    def _new_set(self) -> int:
        self._check_open()
        number = self._last_set
        while True:
            number = 1 if number >= LAST_ID else number + 1
            if number not in self._sets and number not in self._given_up:
                self._last_set = number
                self._sets[number] = SetState.PENDING
                return number

    def _greet(self) -> None:
        if self._greeted:
            raise RemoteProtocolError("the server greeted twice")
        self._greeted = True
        self.state = TURNS[self.state, Turn.GREETED]

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

    def _procedure_waiter(self, request_id: int) -> Any:
        if request_id not in self._procedures:
            raise RemoteProtocolError(
                f"an answer came to procedure call {request_id}, which nobody made"
            )
        return self._procedures.pop(request_id)
