"""What an expression is to the compiler: a value to be computed, or something known beforehand."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeAlias

from harness.module.compiler.kinds import Kind
from harness.wire.schema import IndexDef, TableDef

Emit: TypeAlias = Callable[[], None]

#: Stands for "no constant", since None is one.
UNKNOWN: Any = object()


@dataclass(frozen=True, slots=True)
class Value:
    """``emit`` leaves the value on the stack.

    ``calls`` says that computing it may collect garbage, so that references that were computed
    before it must not wait on the stack. ``constant`` is the Python value, if it is known.
    """

    kind: Kind
    emit: Callable[[], None]
    calls: bool = False
    constant: Any = UNKNOWN


@dataclass(frozen=True, slots=True)
class Known:
    """A Python object that exists while compiling: a class, a function, a module."""

    object: Any


@dataclass(frozen=True, slots=True)
class Context:
    """``ctx`` and what hangs on it: ``ctx``, ``db``, ``log`` or ``rng``."""

    part: str


@dataclass(frozen=True, slots=True)
class TableRef:
    """A table, as ``ctx.db.item``."""

    table: TableDef


@dataclass(frozen=True, slots=True)
class ColumnRef:
    """A unique column of a table, as ``ctx.db.item.id``."""

    table: TableDef
    column: int


@dataclass(frozen=True, slots=True)
class IndexRef:
    """An index of a table."""

    table: TableDef
    index: IndexDef


@dataclass(frozen=True, slots=True)
class Method:
    """A method of something, to be called."""

    of: Value | Static
    name: str


@dataclass(frozen=True, slots=True)
class Rows:
    """Rows of a table that a loop can go through: what ``iter`` and ``filter`` give.

    ``open`` leaves the host's handle on the stack, or -1 for no rows at all.
    """

    table: TableDef
    open: Callable[[], None]
    calls: bool


Static: TypeAlias = Known | Context | TableRef | ColumnRef | IndexRef | Method | Rows
Checked: TypeAlias = Value | Static


def told_of(holder: object) -> str:
    """Why a list or the like of the module is no value."""
    name = type(holder).__name__
    loops = "; a loop can go through it" if isinstance(holder, list | tuple) else ""
    return (
        f"a {name} of the module is not compiled{loops}: what changes, or is looked up, belongs "
        "into a table, or into a list within the function"
    )


def show(what: Checked) -> str:
    """What a person would call it."""
    if isinstance(what, Value):
        return str(what.kind)
    if isinstance(what, Known):
        return getattr(what.object, "__name__", repr(what.object))
    if isinstance(what, Context):
        return "ctx" if what.part == "ctx" else f"ctx.{what.part}"
    if isinstance(what, Method):
        return f"the method {what.name!r}"
    if isinstance(what, Rows):
        return "rows to loop over"
    return f"the table {what.table.name!r}" if isinstance(what, TableRef) else "an index"


def steps(*emits: Callable[[], object]) -> Emit:
    """One after the other."""

    def emit() -> None:
        for each in emits:
            each()

    return emit
