"""The types of a module: of its sums and rows, and of all that they are made of."""

from __future__ import annotations

import dataclasses
import typing
from functools import partial
from typing import Any

from harness.errors import SchemaError
from harness.module import unions
from harness.module.problems import Problems
from harness.module.registry import Module, SumType, Table, place_of
from harness.wire import program
from harness.wire import types as t
from harness.wire.annotations import TypeBuilder


class RowTypes(Problems):
    """Builds types; ``rows`` has the type of each row class, None where it makes none."""

    def __init__(self, module: Module) -> None:
        super().__init__()
        self.module = module
        #: Sums that are not declared, but bound to a name.
        self.unions = unions.named(module)
        self.builder = self.a_builder()
        self.rows: dict[type[Any], t.Ref | None] = {}

    def a_builder(self) -> TypeBuilder:
        """One that has no types yet."""
        return TypeBuilder(unions={key: (x.name, x.classes) for key, x in self.unions.items()})

    def sum(self, declared: SumType) -> None:
        name, classes, where = declared.name, declared.classes, declared.where
        for class_ in classes:
            if not (isinstance(class_, type) and dataclasses.is_dataclass(class_)):
                shown = getattr(class_, "__name__", class_)
                self.problem(f"{shown} of the sum {name!r} is not a @product class", where)
                return
        if len(set(classes)) < max(2, len(classes)):
            # The union of one class is the class itself: no annotation could mean the sum.
            self.problem(f"the sum {name!r} needs two or more different classes", where)
            return
        for other in self.module.contents.sums:
            if other is declared:
                break
            if set(other.classes) == set(classes):
                self.problem(
                    f"the sum {name!r} has the classes of the sum {other.name!r}, declared at "
                    f"{other.where}; no annotation could tell them apart",
                    where,
                )
                return
        variants = [(class_.__name__, class_) for class_ in classes]
        self.attempt(where, partial(self.builder.sum, name, variants))

    def row(self, table: Table) -> t.Ref | None:
        """The type of a row, with the columns' names on the wire."""
        class_ = table.row
        if class_ in self.rows:
            return self.rows[class_]
        self.rows[class_] = None
        try:
            ref = self.builder.product(class_)
        except Exception:  # said by the check of each column, which finds all that is wrong
            self.row_problems(table)
            return None
        row = self.builder.types[ref.index]
        assert isinstance(row, t.Product)
        self.builder.types[ref.index] = t.Product(
            tuple(
                t.Element(table.columns[element.name or ""].name or element.name, element.type)
                for element in row.elements
            )
        )
        self.rows[class_] = ref
        return ref

    def row_problems(self, table: Table) -> None:
        before = len(self.problems)
        class_ = table.row
        hints = self.attempt(
            table.where, lambda: typing.get_type_hints(class_, include_extras=True)
        )
        for name in table.columns if hints else ():
            scratch = self.a_builder()
            for declared in self.module.contents.sums:
                try:
                    scratch.sum(declared.name, [(x.__name__, x) for x in declared.classes])
                except Exception:  # noqa: S112  (its own declaration says so)
                    continue
            place = f"{class_.__name__}.{name}"
            self.attempt(table.where, partial(scratch.type_of, hints[name], place))
        if len(self.problems) == before:
            self.problem(f"the columns of {class_.__name__} make no type", table.where)

    def column_names(self, table: Table, row: t.Product) -> None:
        seen: set[str] = set()
        for element in row.elements:
            name = element.name or ""
            what = f"column {name!r} of table {table.name!r}"
            self.identifier(what, name, table.where)
            if name in seen:
                self.problem(f"{what}: another column has this name", table.where)
            seen.add(name)

    def types(self) -> None:
        """What holds for all named types: their names, their parts' names, and a finite size."""
        declared = [*self.unions.values(), *self.module.contents.sums]
        sums = {one.name: one.where for one in declared}
        seen: dict[str, str] = {}
        sound = not self.problems
        rows = {ref.index for ref in self.rows.values() if ref is not None}
        for place, name in enumerate(self.builder.names):
            bound = self.builder.bindings[place]
            where = place_of(bound) if isinstance(bound, type) else sums.get(name, "?")
            if name in seen:
                self.problem(
                    f"two types are called {name!r}, the first at {seen[name]}; rename one", where
                )
            seen.setdefault(name, where)
            type_ = self.builder.types[place]
            if place not in rows:
                self.parts(name, type_, where)
            if sound:
                self.attempt(where, partial(self.finite, name, place))

    def parts(self, name: str, type_: t.Type, where: str) -> None:
        parts: tuple[t.Element, ...] | tuple[t.Variant, ...] = ()
        if isinstance(type_, t.Product):
            parts = type_.elements
        elif isinstance(type_, t.Sum):
            parts = type_.variants
        for part in parts:
            self.identifier(f"{part.name!r} of type {name!r}", part.name or "", where)

    def finite(self, name: str, place: int) -> None:
        try:
            program.least_size(t.Ref(place), self.builder.typespace)
        except SchemaError as error:
            raise SchemaError(f"type {name!r}: {error}") from error
