"""Queries of whole rows: planned against the schema, run in full, and kept up by differences.

A plan is shared by everybody who asks the same thing. ``rows`` gives its rows now; ``delta`` gives
what a transaction added and removed, looking only at the rows that changed and, for a join, at
their partners by index. Results are bags: a row can stand in them several times.
"""

from __future__ import annotations

import operator
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple, Protocol, TypeAlias

from harness.errors import SqlError
from harness.server import sql
from harness.server.literals import is_comparable, value_of
from harness.wire import codec
from harness.wire import types as t
from harness.wire.schema import ModuleDef, TableDef
from harness.wire.values import Identity

#: A query that looks at more rows than this is refused: it would hold up everybody else.
EXAMINE_LIMIT = 10_000_000

Row: TypeAlias = tuple[Any, ...]
Test: TypeAlias = Callable[[Row], bool]
PairTest: TypeAlias = Callable[[Row, Row], bool]


class Source(NamedTuple):
    """A view as rows are read from it: ``sender`` is None if everybody sees the same."""

    view: str
    sender: Identity | None


class Rows(Protocol):
    """What plans need of a database."""

    def all_rows(self, source: Any, /) -> list[bytes]: ...

    def lookup(self, source: Any, column: int, value: Any, /) -> list[bytes]: ...


class RowChanges(Protocol):
    """The net changes of one table in one transaction, as encoded rows."""

    @property
    def inserts(self) -> list[bytes]: ...

    @property
    def deletes(self) -> list[bytes]: ...


@dataclass(frozen=True, slots=True)
class TableInfo:
    """A table or a view as plans see it: rows are decoded into plain tuples.

    ``source`` is what its rows are read by: a table's name, or a ``Source``.
    """

    definition: TableDef
    columns: dict[str, int]
    types: tuple[t.Type, ...]
    codec: codec.Codec
    indexed: frozenset[int]
    source: str | Source
    is_view: bool = False

    @property
    def name(self) -> str:
        return self.definition.name

    @property
    def is_personal(self) -> bool:
        """Whether it is a view that shows each sender its own rows."""
        return isinstance(self.source, Source) and self.source.sender is not None

    def column(self, name: str) -> int:
        try:
            return self.columns[name]
        except KeyError:
            raise SqlError(f"table {self.name!r} has no column {name!r}") from None


class Catalog:
    """The tables of a module, ready for planning."""

    def __init__(self, definition: ModuleDef) -> None:
        self._tables: dict[str, TableInfo] = {}
        for table in definition.tables:
            row = definition.row_type(table)
            self._tables[table.name] = TableInfo(
                definition=table,
                columns={element.name or "": i for i, element in enumerate(row.elements)},
                types=tuple(definition.typespace.resolve(e.type) for e in row.elements),
                codec=codec.compile(row, definition.typespace),
                indexed=table.found_by(),
                source=table.name,
            )
        self._views: dict[str, TableInfo] = {}
        self._personal = {view.name for view in definition.views if not view.anonymous}
        for view in definition.views:
            looks = definition.view_table(view)
            row = definition.row_type(looks)
            self._views[view.name] = TableInfo(
                definition=looks,
                columns={element.name or "": i for i, element in enumerate(row.elements)},
                types=tuple(definition.typespace.resolve(e.type) for e in row.elements),
                codec=codec.compile(row, definition.typespace),
                indexed=frozenset(),
                source=Source(view.name, None),
                is_view=True,
            )

    def table(self, name: str, sender: Identity, *, owner: bool) -> TableInfo:
        """Private tables exist for the owner only. Raises ``SqlError`` naming the table.

        A view is a table, too, and may be another one for each sender.
        """
        table = self._tables.get(name)
        if table is None and (view := self._views.get(name)) is not None:
            table = view
            if name in self._personal:
                table = replace(view, source=Source(name, sender))
        if table is None or not (owner or table.definition.public):
            raise SqlError(
                f"no such table: `{name}`. If the table exists, it may be marked private."
            )
        return table

    def readable(self, *, owner: bool) -> list[TableInfo]:
        """Every table that the caller may read."""
        return [x for x in self._tables.values() if owner or x.definition.public]


class Changed:
    """One transaction's changes, decoded when a plan first asks."""

    __slots__ = ("_decoded", "tables")

    def __init__(self, tables: dict[Any, Any]) -> None:
        self.tables = tables
        self._decoded: dict[tuple[Any, bool], list[tuple[bytes, Row]]] = {}

    def rows(self, table: TableInfo, inserted: bool) -> list[tuple[bytes, Row]]:
        """(bytes, values) of the rows that came or went."""
        key = (table.source, inserted)
        found = self._decoded.get(key)
        if found is None:
            changes = self.tables.get(table.source)
            raw: list[bytes] = []
            if changes is not None:
                raw = changes.inserts if inserted else changes.deletes
            decode = table.codec.decode
            found = self._decoded[key] = [(data, decode(data)) for data in raw]
        return found

    def signed(self, table: TableInfo) -> Iterator[tuple[bytes, Row, int]]:
        """Inserts as +1, deletes as −1."""
        for data, row in self.rows(table, True):
            yield data, row, 1
        for data, row in self.rows(table, False):
            yield data, row, -1


@dataclass(slots=True)
class _Budget:
    left: int = EXAMINE_LIMIT

    def spend(self, rows: int) -> None:
        self.left -= rows
        if self.left < 0:
            raise SqlError(f"the query looks at more than {EXAMINE_LIMIT:,} rows; use an index")


@dataclass(eq=False, slots=True)
class Side:
    """One table of a plan, with the conditions that concern it alone."""

    table: TableInfo
    tests: list[Test] = field(default_factory=list)
    equal: dict[int, Any] = field(default_factory=dict)

    def accepts(self, row: Row) -> bool:
        return all(test(row) for test in self.tests)

    def fetch(self, rows: Rows, budget: _Budget) -> Iterable[tuple[bytes, Row]]:
        """The rows that pass, through an index if a condition allows."""
        for column, value in self.equal.items():
            if column in self.table.indexed:
                return self.passing(rows.lookup(self.table.source, column, value), budget)
        return self.passing(rows.all_rows(self.table.source), budget)

    def matching(
        self, rows: Rows, column: int, value: Any, budget: _Budget
    ) -> Iterable[tuple[bytes, Row]]:
        """The rows that pass and have ``value`` in an indexed column."""
        return self.passing(rows.lookup(self.table.source, column, value), budget)

    def passing(self, found: list[bytes], budget: _Budget) -> Iterable[tuple[bytes, Row]]:
        """Those of the rows that fulfil the conditions on this table alone."""
        budget.spend(len(found))
        whole = b"".join(found)
        codec = self.table.codec
        # Rows without bytes have no end that ``decode_all`` could see.
        rows = codec.decode_all(whole) if whole else [codec.decode(data) for data in found]
        accepts = self.tests[0] if len(self.tests) == 1 else self.accepts
        return ((data, row) for data, row in zip(found, rows, strict=True) if accepts(row))


class Plan:
    """Rows of one table that pass all conditions."""

    def __init__(self, key: object, side: Side) -> None:
        self.key = key
        self.side = side
        self.table = side.table.name

    @property
    def tables(self) -> tuple[str | Source, ...]:
        """The tables and views whose changes can change the result."""
        return (self.side.table.source,)

    @property
    def anchor(self) -> tuple[int, Any] | None:
        """An equality that every row of the result fulfils: only such changes matter."""
        for column, value in self.side.equal.items():
            return column, value
        return None

    def rows(self, rows: Rows) -> list[bytes]:
        """The result now."""
        if not self.side.tests:
            return rows.all_rows(self.side.table.source)
        return [data for data, _ in self.side.fetch(rows, _Budget())]

    def values(self, rows: Rows) -> list[Row]:
        """The result now, decoded."""
        return [row for _, row in self.side.fetch(rows, _Budget())]

    def delta(self, rows: Rows, changed: Changed) -> tuple[list[bytes], list[bytes]]:
        """(inserts, deletes) that the transaction brought."""
        side = self.side
        if not side.tests:
            changes = changed.tables[side.table.source]
            return changes.inserts, changes.deletes
        accepts = side.accepts
        return (
            [data for data, row in changed.rows(side.table, True) if accepts(row)],
            [data for data, row in changed.rows(side.table, False) if accepts(row)],
        )


class JoinPlan(Plan):
    """Rows of ``side`` once for every partner in ``other`` with equal join columns."""

    def __init__(
        self, key: object, side: Side, other: Side, on: tuple[int, int], pairs: list[PairTest]
    ) -> None:
        super().__init__(key, side)
        self.other = other
        self.on = on
        self.pairs = pairs

    @property
    def tables(self) -> tuple[str | Source, ...]:
        return (self.side.table.source, self.other.table.source)

    @property
    def anchor(self) -> tuple[int, Any] | None:
        return None  # a change of the other table can matter, whatever this side says

    def rows(self, rows: Rows) -> list[bytes]:
        return [data for data, _ in self._pairs(rows)]

    def values(self, rows: Rows) -> list[Row]:
        return [row for _, row in self._pairs(rows)]

    def _pairs(self, rows: Rows) -> Iterator[tuple[bytes, Row]]:
        mine, theirs = self.on
        budget = _Budget()
        if self.other.equal and not self.side.equal:
            for _, partner in self.other.fetch(rows, budget):
                for data, row in self.side.matching(rows, mine, partner[theirs], budget):
                    if self._fits(row, partner):
                        yield data, row
            return
        for data, row in self.side.fetch(rows, budget):
            for _, partner in self.other.matching(rows, theirs, row[mine], budget):
                if self._fits(row, partner):
                    yield data, row

    def _fits(self, row: Row, partner: Row) -> bool:
        return all(test(row, partner) for test in self.pairs)

    def delta(self, rows: Rows, changed: Changed) -> tuple[list[bytes], list[bytes]]:
        # Δ(R ⋈ L) = ΔR ⋈ L′ + R′ ⋈ ΔL − ΔR ⋈ ΔL, where ′ is the state after the transaction.
        mine, theirs = self.on
        budget = _Budget()
        counts: Counter[bytes] = Counter()
        changes = [x for x in changed.signed(self.side.table) if self.side.accepts(x[1])]
        for data, row, sign in changes:
            for _, partner in self.other.matching(rows, theirs, row[mine], budget):
                if self._fits(row, partner):
                    counts[data] += sign
        by_value: dict[Any, list[tuple[bytes, Row, int]]] = {}
        for change in changes:
            by_value.setdefault(change[1][mine], []).append(change)
        for _, partner, sign in changed.signed(self.other.table):
            if not self.other.accepts(partner):
                continue
            value = partner[theirs]
            for data, row in self.side.matching(rows, mine, value, budget):
                if self._fits(row, partner):
                    counts[data] += sign
            for data, row, row_sign in by_value.get(value, ()):
                if self._fits(row, partner):
                    counts[data] -= sign * row_sign
        inserts = [data for data, count in counts.items() for _ in range(count)]
        deletes = [data for data, count in counts.items() for _ in range(-count)]
        return inserts, deletes


def plan(select: sql.Select, catalog: Catalog, sender: Identity, *, owner: bool) -> Plan:
    """A plan for the rows that a SELECT is about, whatever it projects from them.

    Raises ``SqlError`` for unknown tables and columns, literals that do not fit, and joins whose
    columns have no index.
    """
    first = catalog.table(select.table, sender, owner=owner)
    # Two texts share a plan if they parse alike; who asks matters only where :sender stands, and
    # in a view that shows each sender its own rows.
    personal = _mentions_sender(select.where) or first.is_personal
    key = (select, sender if personal else None, owner)
    if select.join is None:
        if select.star not in (None, "", select.alias):
            raise SqlError(f"{select.star!r} is not a table of this query")
        side = Side(first)
        for part in _conjuncts(select.where):
            side.tests.append(_compile(part, {select.alias: (first, 0)}, sender, _row_leaf))
            _note_equality(side, part, sender)
        return Plan(key, side)
    return _plan_join(select, select.join, first, catalog, sender, owner, key)


def _plan_join(
    select: sql.Select,
    join: sql.Join,
    first: TableInfo,
    catalog: Catalog,
    sender: Identity,
    owner: bool,
    key: object,
) -> Plan:
    second = catalog.table(join.table, sender, owner=owner)
    if select.alias == join.alias:
        raise SqlError(f"both tables of the join are called {join.alias!r}; give one an alias")
    scope = {select.alias: (first, 0), join.alias: (second, 1)}
    if select.star not in scope:
        raise SqlError("a join needs to say whose rows it returns, as in SELECT t.*")
    on = [_resolve(join.left, scope), _resolve(join.right, scope)]
    if {place for _, place, _ in on} != {0, 1}:
        raise SqlError("the two columns of a JOIN must be of its two tables")
    if on[0][0].types[on[0][2]] != on[1][0].types[on[1][2]]:
        raise SqlError("the two columns of a JOIN must have the same type")
    for table, _, column in on:
        if column not in table.indexed:
            name = table.definition.name
            raise SqlError(f"the join column {column} of table {name!r} needs an index")
    mine = scope[select.star][1]
    sides = [Side(first), Side(second)]
    pairs: list[PairTest] = []
    for part in _conjuncts(select.where):
        places = {_resolve(column, scope)[1] for column in _columns(part)}
        if len(places) == 1:
            place = places.pop()
            sides[place].tests.append(_compile(part, scope, sender, _row_leaf))
            _note_equality(sides[place], part, sender)
        else:
            test = _compile(part, scope, sender, _pair_leaf)
            pairs.append(_on_pair(test, mine == 0))
    columns = {place: column for _, place, column in on}
    return JoinPlan(key, sides[mine], sides[1 - mine], (columns[mine], columns[1 - mine]), pairs)


# --- conditions → functions over the tuple of the query's rows -----------------------------------

_Scope: TypeAlias = dict[str, tuple[TableInfo, int]]


def _on_pair(test: Callable[[Any], bool], first_is_mine: bool) -> PairTest:
    if first_is_mine:
        return lambda row, partner: test((row, partner))
    return lambda row, partner: test((partner, row))


def _conjuncts(where: sql.Condition | None) -> list[sql.Condition]:
    if where is None:
        return []
    if isinstance(where, sql.And):
        return [part for whole in where.parts for part in _conjuncts(whole)]
    return [where]


def _columns(condition: sql.Condition) -> Iterator[sql.ColumnRef]:
    match condition:
        case sql.Compare(_, column, value):
            yield column
            if isinstance(value, sql.ColumnRef):
                yield value
        case sql.And(parts) | sql.Or(parts):
            for part in parts:
                yield from _columns(part)
        case sql.Not(part):
            yield from _columns(part)


def _mentions_sender(condition: sql.Condition | None) -> bool:
    match condition:
        case sql.Compare():
            return isinstance(condition.value, sql.Literal) and condition.value.kind == "sender"
        case sql.And(parts) | sql.Or(parts):
            return any(map(_mentions_sender, parts))
        case sql.Not(part):
            return _mentions_sender(part)
        case _:
            return False


def _resolve(column: sql.ColumnRef, scope: _Scope) -> tuple[TableInfo, int, int]:
    """(table, its place in the query, column number)."""
    if column.table is not None:
        if column.table not in scope:
            raise SqlError(f"{column.table!r} is not a table of this query")
        table, place = scope[column.table]
        return table, place, table.column(column.name)
    if len(scope) > 1:
        raise SqlError(f"column {column.name!r} needs its table's name in a join")
    ((table, place),) = scope.values()
    return table, place, table.column(column.name)


#: Makes the test of one comparison: (place in the query, column, operator, value).
_Leaf: TypeAlias = Callable[[int, int, str, Any], Callable[[Any], bool]]


def _row_leaf(place: int, column: int, op: str, value: Any) -> Test:
    """A test of one row. Written out, since a scan runs it for every row."""
    match op:
        case "=":
            return lambda row: bool(row[column] == value)
        case "<>":
            return lambda row: bool(row[column] != value)
        case "<":
            return lambda row: bool(row[column] < value)
        case "<=":
            return lambda row: bool(row[column] <= value)
        case ">":
            return lambda row: bool(row[column] > value)
        case _:
            return lambda row: bool(row[column] >= value)


def _pair_leaf(place: int, column: int, op: str, value: Any) -> Callable[[Any], bool]:
    """A test of the rows of a join, in the order of the query's tables."""
    test = _row_leaf(place, column, op, value)
    return lambda rows: test(rows[place])


_SIGNS: dict[str, Callable[[Any, Any], Any]] = {
    "=": operator.eq, "<>": operator.ne, "<": operator.lt, "<=": operator.le, ">": operator.gt,
    ">=": operator.ge,
}  # fmt: skip


def _columns_test(
    op: str, left: sql.ColumnRef, right: sql.ColumnRef, scope: _Scope, *, alone: bool
) -> Callable[[Any], bool]:
    """A test of two columns, of one row if it is ``alone``, or of the rows of a join."""
    table, mine, number = _resolve(left, scope)
    other, theirs, second = _resolve(right, scope)
    types = table.types[number], other.types[second]
    if types[0] != types[1] or not is_comparable(types[0]):
        raise SqlError(
            f"columns {left.name!r} and {right.name!r} cannot be compared: both have to be of one"
            " type, and that is no list, option or type of the module's own"
        )
    sign = _SIGNS[op]
    if alone:
        return lambda row: bool(sign(row[number], row[second]))
    return lambda rows: bool(sign(rows[mine][number], rows[theirs][second]))


def _compile(
    condition: sql.Condition, scope: _Scope, sender: Identity, leaf: _Leaf
) -> Callable[[Any], bool]:
    match condition:
        case sql.Constant(value):
            return lambda rows: value
        case sql.Not(part):
            inner = _compile(part, scope, sender, leaf)
            return lambda rows: not inner(rows)
        case sql.And(parts):
            tests = [_compile(part, scope, sender, leaf) for part in parts]
            return lambda rows: all(test(rows) for test in tests)
        case sql.Or(parts):
            tests = [_compile(part, scope, sender, leaf) for part in parts]
            return lambda rows: any(test(rows) for test in tests)
        case sql.Compare(op, column, other):
            if isinstance(other, sql.ColumnRef):
                return _columns_test(op, column, other, scope, alone=leaf is _row_leaf)
            table, place, number = _resolve(column, scope)
            value = value_of(other, table.types[number], sender, column.name)
            return leaf(place, number, op, value)


def _note_equality(side: Side, part: sql.Condition, sender: Identity) -> None:
    if isinstance(part, sql.Compare) and part.op == "=" and isinstance(part.value, sql.Literal):
        column = side.table.column(part.column.name)
        type_ = side.table.types[column]
        side.equal[column] = value_of(part.value, type_, sender, part.column.name)
