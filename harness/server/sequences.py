"""Auto-increment columns: numbers that are never given twice, not even across a crash.

Numbers are reserved in blocks. The reservation is written before the first number of a block is
given out, in the transaction of that tick; after a restart the numbers go on behind the block, so
that ids may jump but never repeat.
"""

from __future__ import annotations

from dataclasses import dataclass

from harness.module.handles import AutoIncOverflow
from harness.server.engine import Engine
from harness.wire import types as t

#: So many numbers are reserved at a time; fewer where a column holds few numbers at all.
BLOCK = 4096

CREATE = "CREATE TABLE harness_sequences (name TEXT PRIMARY KEY, reserved TEXT NOT NULL)"


@dataclass(slots=True)
class Sequence:
    """``next`` up to ``reserved`` may be given out without writing anything."""

    name: str
    column: int
    field: str
    last: int
    next: int = 1
    reserved: int = 1

    @classmethod
    def of(cls, name: str, column: int, field: str, type_: t.Type) -> Sequence:
        """A sequence that starts at 1 and ends where the integer type does."""
        assert isinstance(type_, t.Scalar)
        bits, signed = t.INTEGERS[type_.kind]
        return cls(name, column, field, (1 << (bits - 1 if signed else bits)) - 1)

    def start(self, number: int) -> None:
        """Go on with this number."""
        self.next = self.reserved = number

    def take(self, engine: Engine) -> int:
        """The next number. Raises ``AutoIncOverflow``."""
        number = self.next
        if number > self.last:
            raise AutoIncOverflow(f"{self.name} has no number left after {self.last}")
        if number >= self.reserved:
            block = min(BLOCK, max(1, self.last >> 8))
            reserved = min(number + block, self.last + 1)
            engine.write(
                "INSERT OR REPLACE INTO harness_sequences (name, reserved) VALUES (?, ?)",
                (self.name, str(reserved)),  # text: SQLite's numbers end at 63 bits
            )
            # Only now: a block that is not written is not ours.
            self.reserved = reserved
        self.next = number + 1
        return number


def stored(engine: Engine) -> dict[str, int]:
    """Where each sequence goes on, by its name."""
    found = engine.fetch("SELECT name, reserved FROM harness_sequences")
    return {name: int(reserved) for name, reserved in found}
