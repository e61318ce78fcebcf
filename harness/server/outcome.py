"""What came of a call."""

from __future__ import annotations

from enum import Enum

from harness.server.changes import TableChanges
from harness.wire.values import TimeDuration

#: What a caller is told of a crash; the rest is in the log.
CRASH = "The instance encountered a fatal error."

NO_CHANGES: dict[str, TableChanges] = {}


class OutcomeKind(Enum):
    COMMITTED = "committed"
    #: The module said no, in its own words.
    FAILED = "failed"
    #: The reducer raised something else; its text is in the log.
    CRASHED = "crashed"
    #: The call never ran: unknown or private reducer, bad arguments.
    REJECTED = "rejected"


class Outcome:
    """One call's end. ``changes`` are the net changes by table, empty unless COMMITTED.

    A plain class: one is made for every call.
    """

    __slots__ = ("changes", "error", "kind", "micros")

    def __init__(
        self,
        kind: OutcomeKind,
        error: str = "",
        changes: dict[str, TableChanges] = NO_CHANGES,
        micros: int = 0,
    ) -> None:
        self.kind = kind
        self.error = error
        self.changes = changes
        self.micros = micros

    @property
    def duration(self) -> TimeDuration:
        """How long the reducer ran."""
        return TimeDuration(self.micros)
