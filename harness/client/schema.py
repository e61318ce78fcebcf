"""What generated code says about a module: ``from harness.client import schema as _s``.

A generated ``_schema.py`` is one call of ``module``. Each field, parameter and column is a triple:
the name on the wire, the name in Python, and the type. Types refer to each other by name, so that
they can be recursive, and so that a new one does not renumber the others.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import Enum
from functools import cached_property
from typing import Any, TypeAlias

from harness.client.rows import Types
from harness.wire import codec, program
from harness.wire import schema as s
from harness.wire import types as t

STRING, BOOL = t.STRING, t.BOOL
I8, U8, I16, U16 = t.I8, t.U8, t.I16, t.U16
I32, U32, I64, U64 = t.I32, t.U32, t.I64, t.U64
I128, U128, I256, U256 = t.I128, t.U128, t.I256, t.U256
F32, F64, BYTES = t.F32, t.F64, t.BYTES
UNIT, NEVER = t.UNIT, t.NEVER
IDENTITY, CONNECTION_ID, UUID = t.IDENTITY, t.CONNECTION_ID, t.UUID
TIMESTAMP, TIME_DURATION, SCHEDULE_AT = t.TIMESTAMP, t.TIME_DURATION, t.SCHEDULE_AT


@dataclass(frozen=True, slots=True)
class Named:
    """A type of the module, by its name."""

    name: str


#: A type in which named ones are not numbered yet.
Open: TypeAlias = "t.Type | Named"
Field: TypeAlias = "tuple[str, str, Open]"


def ref(name: str) -> Any:
    """The named type."""
    return Named(name)


def array(element: Any) -> Any:
    """Any number of elements."""
    return t.Array(element)


def option(some: Any) -> Any:
    """A value, or None."""
    return t.option(some)


def result(ok: Any, err: Any) -> Any:
    """One of two values."""
    return t.result(ok, err)


@dataclass(frozen=True, slots=True)
class NamedType:
    """A product, enum or sum, and what of Python it is."""

    type: t.Type
    binding: program.Binding | None
    names: tuple[str, ...] = ()


def product(class_: type[Any], *fields: Field) -> NamedType:
    """A class with fields."""
    elements = (t.Element(wire, type_) for wire, _, type_ in fields)  # type: ignore[arg-type]  # numbered later
    return NamedType(t.Product(tuple(elements)), class_, tuple(name for _, name, _ in fields))


def enum(class_: type[Enum], *variants: str) -> NamedType:
    """A sum whose variants carry nothing; the members of the class in their order."""
    return NamedType(t.Sum(tuple(t.Variant(name, t.UNIT) for name in variants)), class_)


def sum_of(*variants: tuple[str, type[Any], Open]) -> NamedType:
    """A sum: of each variant its name, its class, and the type of its ``value``."""
    made = (t.Variant(wire, type_) for wire, _, type_ in variants)  # type: ignore[arg-type]  # numbered later
    classes = tuple(class_ for _, class_, _ in variants)
    return NamedType(t.Sum(tuple(made)), program.SumBinding(classes, (False,) * len(classes)))


@dataclass(frozen=True, slots=True)
class Index:
    """An index: its name in Python and its columns, by their places."""

    accessor: str
    columns: tuple[int, ...]
    algorithm: str = "BTree"


index = Index


@dataclass(frozen=True, slots=True)
class Table:
    """A table or view."""

    accessor: str
    name: str
    row: str
    handle: Callable[[Any], Any]
    primary_key: int | None = None
    unique: tuple[int, ...] = ()
    indexes: tuple[Index, ...] = ()
    indexed: tuple[int, ...] = ()
    event: bool = False
    view: bool = False


def table(
    accessor: str,
    name: str,
    row: str,
    handle: Callable[[Any], Any],
    *,
    primary_key: int | None = None,
    unique: Sequence[int] = (),
    indexes: Sequence[Index] = (),
    indexed: Sequence[int] = (),
    event: bool = False,
    view: bool = False,
) -> Table:
    """A table or view.

    Args:
        accessor: its attribute of ``conn.db``.
        name: on the wire and in SQL.
        row: the named type of its rows.
        handle: the class of ``conn.db.<accessor>``.
        primary_key: the place of the column.
        unique: the places of columns that are unique by themselves.
        indexes: those that can be asked on the client's side.
        indexed: the places of columns that a semijoin can use.
        event: whether its rows are only told of, never kept.
        view: whether it is computed by a function of the module.
    """
    return Table(
        accessor, name, row, handle, primary_key, tuple(unique), tuple(indexes), tuple(indexed),
        event, view,
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Reducer:
    """A reducer, and the class that holds its arguments."""

    name: str
    args: type[Any]
    params: tuple[Field, ...]


def reducer(name: str, args: type[Any], *params: Field) -> Reducer:
    """A reducer, by its name on the wire."""
    return Reducer(name, args, params)


@dataclass(frozen=True, slots=True)
class Procedure:
    """A procedure: the names and types of its arguments, and the type of its result."""

    name: str
    returns: Open
    params: tuple[Field, ...]


def procedure(name: str, returns: Any, *params: Field) -> Procedure:
    """A procedure, by its name on the wire."""
    return Procedure(name, returns, params)


@dataclass(frozen=True)
class Module:
    """What a database declares that generated code is for."""

    types: Mapping[str, NamedType] = field(default_factory=dict)
    tables: Sequence[Table] = ()
    reducers: Sequence[Reducer] = ()
    procedures: Sequence[Procedure] = ()

    @cached_property
    def _places(self) -> dict[str, int]:
        return {name: place for place, name in enumerate(self.types)}

    @cached_property
    def definition(self) -> s.ModuleDef:
        """The module as far as this code knows it. Accessors are those of Python."""
        places = self._places

        def numbered(type_: Any) -> t.Type:
            match type_:
                case Named(name):
                    return t.Ref(places[name])
                case t.Array(element):
                    return t.Array(numbered(element))
                case t.Product(elements):
                    return t.Product(tuple(t.Element(x.name, numbered(x.type)) for x in elements))
                case t.Sum(variants):
                    return t.Sum(tuple(t.Variant(x.name, numbered(x.type)) for x in variants))
                case _:
                    known: t.Type = type_
                    return known

        def params(of: Reducer | Procedure) -> t.Product:
            return t.Product(tuple(t.Element(wire, numbered(x)) for wire, _, x in of.params))

        named = [numbered(x.type) for x in self.types.values()]
        return s.ModuleDef(
            # Behind the named types, the arguments of reducers: they have classes as well.
            t.Typespace((*named, *map(params, self.reducers))),
            tuple(_table(x, places[x.row]) for x in self.tables),
            tuple(s.ReducerDef(x.name, x.name, params(x)) for x in self.reducers),
            tuple(s.TypeDef((), name, place) for name, place in places.items()),
            tuple(
                s.ProcedureDef(x.name, x.name, params(x), numbered(x.returns))
                for x in self.procedures
            ),
        )

    @cached_property
    def codecs(self) -> Types:
        """Codecs whose values are the generated classes."""
        definition = self.definition
        bound = (x.binding for x in self.types.values())
        bindings = {place: binding for place, binding in enumerate(bound) if binding is not None}
        bindings |= {place: x.args for place, x in enumerate(self.reducers, len(self.types))}
        return Types.bound(definition, bindings)

    def encoder(self, args: type[Any]) -> Callable[[Any], bytes]:
        """What encodes the arguments of a reducer, given as an object of their class."""
        place = len(self.types) + self._numbers[args]
        return codec.compile(t.Ref(place), self.definition.typespace, self.codecs.bindings).encode

    @cached_property
    def handles(self) -> dict[str, Callable[[Any], Any]]:
        """What makes the handle of each table, by its name on the wire."""
        return {x.name: x.handle for x in self.tables}

    @cached_property
    def _numbers(self) -> dict[type[Any], int]:
        return {x.args: number for number, x in enumerate(self.reducers)}

    def reducer(self, args: type[Any]) -> Reducer:
        """The reducer whose arguments are of this class."""
        return self.reducers[self._numbers[args]]

    @cached_property
    def by_name(self) -> dict[str, Procedure]:
        """Procedures by their name on the wire."""
        return {x.name: x for x in self.procedures}

    def columns(self, table: Table) -> list[tuple[str, str, t.Type]]:
        """Of each column the name on the wire, the name in Python, and the type."""
        row = self.definition.typespace.types[self._places[table.row]]
        assert isinstance(row, t.Product)
        names = self.types[table.row].names
        return [
            (element.name or "", name, element.type)
            for element, name in zip(row.elements, names, strict=True)
        ]


def _table(table: Table, row: int) -> s.TableDef:
    indexes = (
        s.IndexDef(
            f"{table.name} {x.accessor}", x.accessor, s.IndexAlgorithm(x.algorithm), x.columns
        )
        for x in table.indexes
    )
    return s.TableDef(
        table.name,
        table.accessor,
        row,
        table.primary_key,
        tuple(indexes),
        tuple(s.UniqueDef(f"{table.name} {column}", (column,)) for column in table.unique),
        public=True,
        event=table.event,
    )


def module(
    *,
    types: Mapping[str, NamedType],
    tables: Sequence[Table],
    reducers: Sequence[Reducer],
    procedures: Sequence[Procedure],
    submodules: Mapping[str, Module] | None = None,
) -> Module:
    """What a generated package is for: its own, and all that is in its submodules.

    ``submodules`` maps their names in Python to what their packages say. Names on the wire are
    whole in these already; types and accessors get the name in front, with a dot.
    """
    parts = [Module(types, tables, reducers, procedures)]
    parts += [_inside(name, inner) for name, inner in (submodules or {}).items()]
    return Module(
        {name: type_ for part in parts for name, type_ in part.types.items()},
        [x for part in parts for x in part.tables],
        [x for part in parts for x in part.reducers],
        [x for part in parts for x in part.procedures],
    )


def _inside(name: str, inner: Module) -> Module:
    return Module(
        {
            f"{name}.{key}": replace(x, type=_prefixed(x.type, name))
            for key, x in inner.types.items()
        },
        [replace(x, accessor=f"{name}.{x.accessor}", row=f"{name}.{x.row}") for x in inner.tables],
        [replace(x, params=_params(x.params, name)) for x in inner.reducers],
        [
            replace(x, params=_params(x.params, name), returns=_prefixed(x.returns, name))
            for x in inner.procedures
        ],
    )


def _params(params: tuple[Field, ...], name: str) -> tuple[Field, ...]:
    return tuple((wire, shown, _prefixed(type_, name)) for wire, shown, type_ in params)


def _prefixed(type_: Any, name: str) -> Any:
    """A type whose named ones have the name of a submodule in front."""
    match type_:
        case Named(inner):
            return Named(f"{name}.{inner}")
        case t.Array(element):
            return t.Array(_prefixed(element, name))
        case t.Product(elements):
            return t.Product(tuple(t.Element(x.name, _prefixed(x.type, name)) for x in elements))
        case t.Sum(variants):
            return t.Sum(tuple(t.Variant(x.name, _prefixed(x.type, name)) for x in variants))
        case _:
            return type_
