"""The tree of everything that this project raises on purpose.

HarnessError                    what the command line turns into one sentence and an exit code
├── WireError                   bytes or values are not what the type says
│   ├── DecodeError             ... while reading; has the offset
│   └── EncodeError             ... while writing; has the path to the value
├── ProtocolError               a connection broke a rule
│   ├── LocalProtocolError      we broke it: a caller's mistake
│   └── RemoteProtocolError     they broke it: the peer's mistake
├── ConnectError                no connection came about; has the HTTP status if there was one
├── ConnectionLost              a connection ended under a caller who was waiting
├── CallError                   a reducer, query or subscription was answered with a refusal
│   ├── ReducerError            the module refused, with its text
│   ├── InternalError           the host refused, or the reducer crashed
│   └── QueryError              SQL was refused
├── HttpError                   a module's own HTTP request got no whole answer
├── CallTimeout                 no answer within the caller's limit
├── SchemaError                 a module or schema is not valid
├── SqlError                    a statement is not in the grammar, or does not fit the schema
├── TargetError                 what was to be measured could not be started or died
├── PlanError                   a scenario or an option makes no sense
└── StoreError                  a stored file is missing, damaged or of another version
"""

from __future__ import annotations


class HarnessError(Exception):
    """Base of all expected errors; ``str()`` is a sentence for people."""


class WireError(HarnessError):
    """Bytes do not decode, or a value does not encode, at the expected type."""


class DecodeError(WireError):
    """Bytes are not a value of the type.

    ``offset`` is the position in bytes, from the start of the buffer handed in, of the first
    byte that could not be accepted.
    """

    def __init__(self, message: str, offset: int) -> None:
        super().__init__(f"{message} at byte {offset}")
        self.offset = offset


class EncodeError(WireError):
    """A Python value does not fit the type. ``path`` names the place, such as ``Item.hp``."""

    def __init__(self, message: str, path: str = "") -> None:
        super().__init__(f"{path}: {message}" if path else message)
        self.path = path


class ProtocolError(HarnessError):
    """A rule of the connection was broken."""


class LocalProtocolError(ProtocolError):
    """The caller asked for something that the connection's state does not allow."""


class RemoteProtocolError(ProtocolError):
    """The peer sent something that the protocol does not allow."""


class ConnectError(HarnessError):
    """No connection came about. ``status`` and ``body`` are those of the HTTP answer that refused,
    if there was one."""

    def __init__(self, message: str, status: int | None = None, body: str = "") -> None:
        super().__init__(message)
        self.status = status
        self.body = body


class ConnectionLost(HarnessError):
    """The connection ended while an answer was outstanding: the outcome is unknown."""


class CallError(HarnessError):
    """The server answered, and the answer was no."""


class ReducerError(CallError):
    """The module refused the call; ``str()`` is the module's own text.

    A module raises it to roll back and to tell the caller why; a client gets it raised from the
    call that was refused.
    """


class InternalError(CallError):
    """The host could not run the call: unknown reducer, bad arguments, or a crash inside."""


class QueryError(CallError):
    """The server refused a query or a subscription."""


class HttpError(HarnessError):
    """A procedure's HTTP request got no whole answer, or may not be sent. For modules to catch."""


class CallTimeout(HarnessError):
    """No answer came within the caller's limit; the outcome is unknown."""


class SchemaError(HarnessError):
    """A module or a module definition is not valid; says which entity and where."""


class SqlError(HarnessError):
    """A statement is outside the grammar, or names what does not exist."""


class TargetError(HarnessError):
    """The target could not be started, did not answer, or died."""


class PlanError(HarnessError):
    """A scenario, suite or option that makes no sense."""


class StoreError(HarnessError):
    """A stored file is missing, damaged, or written by a newer version."""
