"""What is to be written: the items of a generated package, with their names in Python."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TypeAlias

from harness.wire import types as t


@dataclass(frozen=True, slots=True)
class Named:
    """A type that has a class, or several, in ``types.py``."""

    name: str


Shape: TypeAlias = "t.Scalar | Array | Option | Result | Named | Special"


@dataclass(frozen=True, slots=True)
class Array:
    element: Shape


@dataclass(frozen=True, slots=True)
class Option:
    """``wrapped``: None alone could not tell the two kinds of nothing apart."""

    some: Shape
    wrapped: bool


@dataclass(frozen=True, slots=True)
class Result:
    ok: Shape
    err: Shape


@dataclass(frozen=True, slots=True)
class Special:
    """A type with a class of its own: identities, instants, UUIDs, bytes, nothing, never."""

    type: t.Type


@dataclass(frozen=True, slots=True)
class Field:
    """A field, column or parameter: its name on the wire and in Python."""

    wire: str
    name: str
    shape: Shape


@dataclass(frozen=True, slots=True)
class ProductType:
    name: str
    fields: tuple[Field, ...]
    #: As the module calls it.
    source: str


@dataclass(frozen=True, slots=True)
class EnumType:
    """Of each member the name on the wire and in Python, in the order of the tags."""

    name: str
    members: tuple[tuple[str, str], ...]
    source: str


@dataclass(frozen=True, slots=True)
class VariantType:
    """A variant: its name on the wire, its class, what it carries (None: nothing)."""

    wire: str
    name: str
    payload: Shape | None


@dataclass(frozen=True, slots=True)
class SumType:
    name: str
    variants: tuple[VariantType, ...]
    source: str


@dataclass(frozen=True, slots=True)
class AliasType:
    """Another name for a type that needs no class."""

    name: str
    shape: Shape
    source: str


NamedType: TypeAlias = ProductType | EnumType | SumType | AliasType


@dataclass(frozen=True, slots=True)
class IndexItem:
    """An index that the client can ask; ``columns`` are places, ``shapes`` their types."""

    accessor: str
    columns: tuple[int, ...]
    shapes: tuple[Shape, ...]
    algorithm: str


@dataclass(frozen=True, slots=True)
class TableItem:
    """A table or view. ``unique`` has the places of unique columns, the primary key among them."""

    accessor: str
    name: str
    handle: str
    row: ProductType
    kind: str
    primary_key: int | None = None
    unique: tuple[int, ...] = ()
    indexes: tuple[IndexItem, ...] = ()
    #: Places of columns by which tables can be joined.
    indexed: tuple[int, ...] = ()

    @property
    def cols(self) -> str:
        """The class of its columns in queries."""
        return self.handle.removesuffix("Table") + "Cols"


@dataclass(frozen=True, slots=True)
class ReducerItem:
    """A reducer: its name on the wire, its method, the class of its arguments."""

    wire: str
    name: str
    args: str
    params: tuple[Field, ...]


@dataclass(frozen=True, slots=True)
class ProcedureItem:
    wire: str
    name: str
    params: tuple[Field, ...]
    returns: Shape


@dataclass(frozen=True, slots=True)
class SubmoduleItem:
    """A submodule: its namespace, the name of its package, and what is in it."""

    namespace: str
    name: str
    plan: Plan

    @property
    def alias(self) -> str:
        """What modules of its package are called where they are imported."""
        return inside(self.name)


def inside(name: str) -> str:
    """The alias for modules of the package of a submodule."""
    return f"_in_{name}"


@dataclass(slots=True)
class Plan:
    """All of it. ``exported`` are the names of types that stand at the top of the package."""

    types: list[NamedType] = field(default_factory=list)
    tables: list[TableItem] = field(default_factory=list)
    reducers: list[ReducerItem] = field(default_factory=list)
    procedures: list[ProcedureItem] = field(default_factory=list)
    exported: list[str] = field(default_factory=list)
    submodules: list[SubmoduleItem] = field(default_factory=list)
    #: How many packages there are around this one.
    depth: int = 0
    row_class: str = "msgspec"
    #: Sentences for people: what was left out, and why.
    notices: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)

    def all_of_them(self) -> list[Plan]:
        """This, and those of all submodules."""
        return [self, *(y for x in self.submodules for y in x.plan.all_of_them())]

    def classes(self) -> list[str]:
        """Every public name of ``types.py``, sorted."""
        found = []
        for type_ in self.types:
            found.append(type_.name)
            if isinstance(type_, SumType):
                found += [variant.name for variant in type_.variants]
        return sorted(found)
