"""One client connection without I/O: messages in, messages out.

A session reads client messages, asks its hub to act, and collects answers in its outbox. At the end
of a tick the outbox becomes payloads. With confirmed reads they are held, in order, until what they
tell of is on disk.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from harness.server.subscriptions import LivePlan, PlanDelta
from harness.wire.compression import Compression
from harness.wire.values import ConnectionId, Identity

if TYPE_CHECKING:
    from harness.server.hub import Hub, Transaction

#: So many client messages are handled before others get their turn.
SLICE = 256
#: A session with more bytes of answers than this handles no further message until they have left.
PENDING_LIMIT = 1024 * 1024


class Session(ABC):
    """What the hub knows of a connection. One subclass for each protocol family."""

    subprotocol: str
    #: Whether payloads are text.
    text = False
    #: Whether the protocol can tell of event tables.
    events = True

    def __init__(
        self,
        hub: Hub,
        identity: Identity,
        connection_id: ConnectionId,
        token: str,
        *,
        owner: bool,
        compression: Compression = Compression.NONE,
        confirmed: bool = False,
        light: bool = False,
    ) -> None:
        self.hub = hub
        self.identity = identity
        self.connection_id = connection_id
        self.token = token
        self.owner = owner
        self.compression = compression
        self.confirmed = confirmed
        self.light = light
        self.outbox: list[Any] = []
        #: Bytes received and not yet handled.
        self.backlog = 0
        #: About how many bytes the outbox will make.
        self.pending = 0
        #: Payloads that wait for durability: (commit sequence, payload), and their bytes.
        self.held: deque[tuple[int, bytes]] = deque()
        self.held_bytes = 0
        self.closed = False
        #: Where payloads go.
        self.sink: Callable[[list[bytes]], None] = _nowhere

    @abstractmethod
    def receive(self, payload: bytes | str) -> None:
        """Take one WebSocket message. Raises ``WireError`` if it is not understood."""

    @abstractmethod
    def work(self) -> bool:
        """Handle up to ``SLICE`` of the messages received; whether some are left.

        Stops early when the answers exceed ``PENDING_LIMIT``.
        Raises ``WireError`` if one is not understood; those before it were handled.
        """

    @abstractmethod
    def greet(self) -> None:
        """Say who the client is: the first message."""

    @abstractmethod
    def committed(
        self, transaction: Transaction, mine: list[tuple[int, PlanDelta]], *, caller: bool
    ) -> None:
        """A transaction changed these plans of this session; or the session called it."""

    @abstractmethod
    def refused(self, transaction: Transaction) -> None:
        """The session's own call was rolled back or never ran."""

    @abstractmethod
    def payloads(self, shared: dict[Any, bytes]) -> list[bytes]:
        """The outbox as WebSocket payloads; empties it.

        ``shared`` remembers payloads of this tick that other sessions need as well.
        """

    @abstractmethod
    def live_plans(self) -> list[tuple[LivePlan[Session], int]]:
        """Everything that the session watches, with the set ids."""

    @property
    @abstractmethod
    def has_work(self) -> bool:
        """Whether messages were received that are not handled yet."""

    @property
    def full(self) -> bool:
        """Whether answers must leave before more are made."""
        return self.pending + self.held_bytes > PENDING_LIMIT

    @abstractmethod
    def died(self, set_id: int, reason: str) -> None:
        """A subscription could not be kept up: it ends now."""

    def say(self, message: Any, size: int) -> None:
        """Put a message of about ``size`` bytes into the outbox; it leaves at the tick's end."""
        self.outbox.append(message)
        self.pending += size
        self.hub.ready(self)


def _nowhere(payloads: list[bytes]) -> None:
    """Before the handshake is done nothing can be sent."""
