"""What stands behind the ``=`` of a table's field, and indexes over several columns."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from harness.wire.schema import IndexAlgorithm


class _Missing:
    """Marks a column without a default."""

    def __repr__(self) -> str:
        return "no default"


MISSING = _Missing()


@dataclass(frozen=True, slots=True)
class Column:
    """What was said about one column."""

    primary_key: bool = False
    unique: bool = False
    auto_inc: bool = False
    index: IndexAlgorithm | None = None
    default: Any = MISSING
    name: str | None = None


@dataclass(frozen=True, slots=True)
class Index:
    """An index over columns, in order; ``accessor`` is the attribute that reads it."""

    accessor: str
    algorithm: IndexAlgorithm
    columns: tuple[str, ...]


def column(
    *,
    primary_key: bool = False,
    unique: bool = False,
    index: str | None = None,
    default: Any = MISSING,
    name: str | None = None,
) -> Any:
    """A column of a table.

    ``index`` is ``"btree"``, ``"hash"`` or ``"direct"``; ``default`` is the value that rows stored
    before the column existed get; ``name`` is its name on the wire and in SQL. Raises
    ``ValueError`` for another index.
    """
    algorithm = None if index is None else _algorithm(index)
    return Column(primary_key, unique, False, algorithm, default, name)


def auto_inc(*, primary_key: bool = False, unique: bool = False, name: str | None = None) -> Any:
    """An integer column for which 0 means: take the next number. Rows may leave it out."""
    return Column(primary_key, unique, True, None, MISSING, name)


def btree(accessor: str, *columns: str) -> Index:
    """An ordered index: equality on the first columns, and a range on the next."""
    return Index(accessor, IndexAlgorithm.BTREE, columns)


def hash_index(accessor: str, *columns: str) -> Index:
    """An index for equality only."""
    return Index(accessor, IndexAlgorithm.HASH, columns)


def direct(accessor: str, column: str) -> Index:
    """An index on small dense unsigned integers."""
    return Index(accessor, IndexAlgorithm.DIRECT, (column,))


def _algorithm(index: str) -> IndexAlgorithm:
    try:
        return IndexAlgorithm[index.upper()]
    except KeyError:
        raise ValueError(f"an index is btree, hash or direct, not {index!r}") from None
