"""The rows that a client's subscriptions match, counted.

A row that two queries match is delivered twice; it appears once, with two references, and leaves
with the last. All that one message says is merged and applied before anybody is told: an insert
and a delete of the same key are an update, and of the same bytes nothing at all.

The algorithm is the Rust SDK's, as described in SpacetimeDB's `sdks/rust/src/client_cache.rs`, but
tables with a primary key are kept by key: a consistent server holds one row for a key at a time.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from operator import attrgetter
from typing import Any, NamedTuple, TypeGuard

from harness.client.indexes import Index
from harness.errors import RemoteProtocolError
from harness.protocol.events import TableRows
from harness.wire.codec import Codec
from harness.wire.rows import FixedSize, RowList
from harness.wire.schema import TableDef


class Change(NamedTuple):
    """What happened to one row: inserted (no old), deleted (no new), or updated."""

    old: Any
    new: Any


class TableCache:
    """The rows of one table."""

    def __init__(self, definition: TableDef, fields: tuple[str, ...], codec: Codec) -> None:
        self.definition = definition
        self.name = definition.name
        self.fields = fields
        self.codec = codec
        key = definition.primary_key
        self._key: Callable[[Any], Any] | None = None if key is None else attrgetter(fields[key])
        #: Rows by primary key, or by their bytes where there is none.
        self.rows: dict[Any, Any] = {}
        #: References beyond the first.
        self._extra: dict[Any, int] = {}
        self._indexes: dict[tuple[int, ...], Index] = {}
        #: Streams of changes, which end with the connection.
        self.ends: set[Any] = set()

    # --- reading ---------------------------------------------------------------------------------

    def find(self, column: int, value: Any) -> Any:
        """The row with this value in a unique column, or None."""
        if column == self.definition.primary_key:
            return self.rows.get(value)
        return next(self.index((column,)).equal((value,)), None)

    def index(self, columns: tuple[int, ...]) -> Index:
        """An index over columns, made when it is first asked for."""
        index = self._indexes.get(columns)
        if index is None:
            index = Index(tuple(self.fields[column] for column in columns))
            for row in self.rows.values():
                index.add(row)
            self._indexes[columns] = index
        return index

    def clear(self) -> None:
        """Forget everything, telling nobody."""
        self.rows.clear()
        self._extra.clear()
        self._indexes.clear()

    # --- applying --------------------------------------------------------------------------------

    def apply(self, updates: list[TableRows], wanted: bool) -> list[Change]:
        """Apply what one message says of this table; the changes, if they are ``wanted``.

        Raises ``RemoteProtocolError`` if a row leaves that never came, ``DecodeError`` if rows are
        not of the table's type.
        """
        if len(updates) == 1 and not self._extra:
            _, come, gone, event = updates[0]
            if not (event or self.definition.event):
                changes = self._apply_quickly(come, gone, wanted)
                if changes is not None:
                    return changes
        inserts = [x.inserts for x in updates if _holds(x.inserts)]
        deletes = [x.deletes for x in updates if _holds(x.deletes)]
        if updates[0].event or self.definition.event:
            return [Change(None, row) for part in inserts for row in part.decode(self.codec)]
        if self._key is None:
            return self._apply_by_bytes(inserts, deletes, wanted)
        return self._apply_by_key(self._key, inserts, deletes, wanted)

    def _apply_quickly(
        self, inserts: RowList | None, deletes: RowList | None, wanted: bool
    ) -> list[Change] | None:
        """The usual cases: one row, or many that nobody hears of; no row is named twice.

        None, and nothing is done, if it is not that simple.
        """
        come = b"" if inserts is None else _only_row(inserts)
        gone = b"" if deletes is None else _only_row(deletes)
        if come is not None and gone is not None:
            return self._apply_one(come, gone, wanted)
        if wanted or self._indexes:
            return None
        new = inserts.decode(self.codec) if inserts is not None else []
        come_keys = self._keys(inserts, new)
        gone_keys = self._keys(deletes, None)
        return [] if self._apply_many(come_keys, new, gone_keys) else None

    def _apply_one(self, come: bytes, gone: bytes, wanted: bool) -> list[Change] | None:
        """At most one row that comes and one that goes, as bytes."""
        key_of, rows = self._key, self.rows
        if not come:
            return self._remove(gone, wanted) if gone else []
        new = self.codec.decode(come)
        key = come if key_of is None else key_of(new)
        old = rows.get(key)
        if not gone:
            if old is not None:
                return None
        elif key_of is None or old is None or key_of(self.codec.decode(gone)) != key:
            return None
        elif come == gone and self._same(old, new):
            return []
        rows[key] = new
        return self._changed(old, new, wanted) if wanted or self._indexes else []

    def _remove(self, gone: bytes, wanted: bool) -> list[Change]:
        key = gone if self._key is None else self._key(self.codec.decode(gone))
        old = self.rows.pop(key, None)
        if old is None:
            raise self._stray(key)
        return self._changed(old, None, wanted) if wanted or self._indexes else []

    def _keys(self, list_: RowList | None, rows: list[Any] | None) -> list[Any]:
        if not _holds(list_):
            return []
        if self._key is None:
            return list_.slices()
        return list(map(self._key, list_.decode(self.codec) if rows is None else rows))

    def _changed(self, old: Any, new: Any, wanted: bool) -> list[Change]:
        change = Change(old, new)
        self._reindex(change)
        return [change] if wanted else []

    def _apply_many(self, come: list[Any], new: list[Any], gone: list[Any]) -> bool:
        """Rows by their keys, all at once; False, and nothing is done, if one is named twice."""
        rows = self.rows
        if not gone:
            if not rows.keys().isdisjoint(come):
                return False
            before = len(rows)
            rows.update(zip(come, new, strict=True))
            if len(rows) - before == len(come):
                return True
            for key in come:  # a key came twice: take it back
                rows.pop(key, None)
            return False
        coming, going = set(come), set(gone)
        if len(coming) != len(come) or len(going) != len(gone) or not rows.keys() >= going:
            return False
        if not rows.keys().isdisjoint(coming - going):
            return False
        for key in going - coming:
            del rows[key]
        rows.update(zip(come, new, strict=True))
        return True

    def _stray(self, key: Any) -> RemoteProtocolError:
        named = "" if self._key is None else f" with key {key!r}"
        return RemoteProtocolError(f"a row of {self.name}{named} leaves that never came")

    def _apply_by_key(
        self,
        key_of: Callable[[Any], Any],
        inserts: list[RowList],
        deletes: list[RowList],
        wanted: bool,
    ) -> list[Change]:
        come = self._keyed(key_of, inserts)
        gone = self._keyed(key_of, deletes)
        rows, extra = self.rows, self._extra
        changes: list[Change] = []
        for key in come if not gone else {**gone, **come}:
            new = come.get(key)
            went = gone.get(key)
            old = rows.get(key)
            before = 0 if old is None else 1 + extra.get(key, 0)
            after = before + (new[1] if new else 0) - (went[1] if went else 0)
            if after < 0:
                raise self._stray(key)
            if after > 1:
                extra[key] = after - 1
            elif extra:
                extra.pop(key, None)
            if not before:
                if not after:
                    continue
                change = Change(None, new[0])  # type: ignore[index]  # it came
                rows[key] = change.new
            elif not after:
                change = Change(rows.pop(key), None)
            elif new is None or ((went is None or went[2] == new[2]) and self._same(old, new[0])):
                continue
            else:
                change = Change(old, new[0])
                rows[key] = change.new
            if self._indexes:
                self._reindex(change)
            if wanted:
                changes.append(change)
        return changes

    def _same(self, old: Any, new: Any) -> bool:
        """Whether two rows are the same; a NaN is the same as itself here."""
        return bool(old == new) or self.codec.encode(old) == self.codec.encode(new)

    def _keyed(
        self, key_of: Callable[[Any], Any], lists: list[RowList]
    ) -> dict[Any, tuple[Any, int, bytes]]:
        """key → (row, how often it is named, its bytes)."""
        found: dict[Any, tuple[Any, int, bytes]] = {}
        for part in lists:
            for row, data in zip(part.decode(self.codec), part.slices(), strict=True):
                key = key_of(row)
                known = found.get(key)
                found[key] = (row, 1 if known is None else known[1] + 1, data)
        return found

    def _apply_by_bytes(
        self, inserts: list[RowList], deletes: list[RowList], wanted: bool
    ) -> list[Change]:
        counts: Counter[bytes] = Counter()
        for part in inserts:
            counts.update(part.slices())
        for part in deletes:
            counts.subtract(part.slices())
        changes: list[Change] = []
        for data, count in counts.items():
            old = self.rows.get(data)
            before = 0 if old is None else 1 + self._extra.get(data, 0)
            after = before + count
            if after < 0:
                raise self._stray(data)
            if after > 1:
                self._extra[data] = after - 1
            else:
                self._extra.pop(data, None)
            if before and not after:
                change = Change(self.rows.pop(data), None)
            elif after and not before:
                change = Change(None, self.codec.decode(data))
                self.rows[data] = change.new
            else:
                continue
            if self._indexes:
                self._reindex(change)
            if wanted:
                changes.append(change)
        return changes

    def _reindex(self, change: Change) -> None:
        for index in self._indexes.values():
            if change.old is not None:
                index.remove(change.old)
            if change.new is not None:
                index.add(change.new)

    def replace(self, updates: list[TableRows], wanted: bool) -> list[Change]:
        """Let a fresh snapshot take the place of everything; the differences to before."""
        before = dict(self.rows)
        self.clear()
        if updates:
            self.apply(updates, False)
        if not wanted:
            return []
        changes: list[Change] = []
        for key, old in before.items():
            new = self.rows.get(key)
            if new is None or not self._same(old, new):
                changes.append(Change(old, new))
        changes += [Change(None, row) for key, row in self.rows.items() if key not in before]
        return changes

    def __iter__(self) -> Iterator[Any]:
        return iter(self.rows.values())


def _holds(list_: RowList | None) -> TypeGuard[RowList]:
    """Whether there are rows, or bytes, which have to be rows then. A row may have no bytes."""
    return list_ is not None and bool(list_.rows_data or len(list_))


def _only_row(list_: RowList) -> bytes | None:
    """The only row of a list, ``b""`` for an empty list, None for more rows or a strange hint.

    Also None for a row without bytes, which would look like no row.
    """
    data, hint = list_.rows_data, list_.size_hint
    if type(hint) is FixedSize:
        return data if hint.size == len(data) or not data else None
    offsets = hint.offsets  # type: ignore[union-attr]  # the other hint
    return data if (offsets == _START if data else not offsets) else None


_START = [0]
