"""Reducers, procedures and views → their definitions, and all that can be wrong with them."""

from __future__ import annotations

import dataclasses
import inspect
import typing
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from harness.module.context import (
    AnonymousViewContext,
    ProcedureContext,
    ReducerContext,
    ViewContext,
)
from harness.module.keys import is_key
from harness.module.queries import Query
from harness.module.registry import Procedure, Reducer, View
from harness.module.rowtypes import RowTypes
from harness.wire import types as t
from harness.wire.schema import Lifecycle, ProcedureDef, ReducerDef, ViewDef, query_of

_SQL_WORDS = """
add all alter and any as asc begin between by case cast check column commit constraint create cross
default delete desc distinct drop else end except exists false for foreign from full group having
if in index inner insert intersect into is join key left like limit natural not null offset on or
order outer primary references right rollback select set table then to true union unique update
using values view when where with
"""
_RESERVED = frozenset(_SQL_WORDS.split())


class Functions(RowTypes):
    """Checks the module's functions."""

    def relation(self, kind: str, name: str, where: str) -> None:
        """The name of a table or a view, which share what SQL and clients call them."""
        what = f"{kind} {name!r}"
        self.identifier(what, name, where)
        if name.startswith("st_"):
            self.problem(f"{what}: names with st_ are for system tables", where)
        if name.lower() in _RESERVED:
            self.problem(f"{what} is a word of SQL; give it another name", where)
        self.claim(name, what, where)

    def reducer(self, reducer: Reducer) -> ReducerDef | None:
        what, where = f"reducer {reducer.name!r}", reducer.where
        self.identifier(what, reducer.name, where)
        if inspect.iscoroutinefunction(reducer.function):
            self.problem(f"{what} is async; reducers run to their end", where)
        signature = self.signature(what, reducer.function, where, (ReducerContext,))
        if signature is None:
            return None
        hints, parameters = signature
        if hints.get("return", type(None)) is not type(None):
            self.problem(f"{what} returns something; it must return None", where)
        if reducer.lifecycle is not None and parameters:
            self.problem(
                f"{reducer.lifecycle.value} reducer {reducer.name!r} takes no arguments", where
            )
        params = self.parameters(what, reducer.name, parameters, hints, where)
        private = reducer.lifecycle is not None or reducer.on_schedule is not None
        return ReducerDef(reducer.name, reducer.accessor, params, reducer.lifecycle, private)

    def procedure(self, procedure: Procedure) -> ProcedureDef | None:
        what, where = f"procedure {procedure.name!r}", procedure.where
        self.identifier(what, procedure.name, where)
        signature = self.signature(what, procedure.function, where, (ProcedureContext,))
        if signature is None:
            return None
        hints, parameters = signature
        params = self.parameters(what, procedure.name, parameters, hints, where)
        private = procedure.on_schedule is not None
        returned = hints.get("return")
        if returned in (None, type(None)):
            return ProcedureDef(procedure.name, procedure.accessor, params, t.UNIT, private)
        place = f"what {procedure.name} returns"
        returns = self.attempt(where, partial(self.builder.type_of, returned, place))
        if returns is None:
            return None
        return ProcedureDef(procedure.name, procedure.accessor, params, returns, private)

    def views(self) -> list[ViewDef]:
        """All views; those for everybody are counted apart from those for each sender."""
        found: list[ViewDef] = []
        counts = {True: 0, False: 0}
        for view in self.module.views:
            made = self.view(view, counts)
            if made is not None:
                counts[made.anonymous] += 1
                found.append(made)
        return found

    def view(self, view: View, counts: dict[bool, int]) -> ViewDef | None:
        what, where = f"view {view.name!r}", view.where
        self.relation("view", view.name, where)
        if inspect.iscoroutinefunction(view.function):
            self.problem(f"{what} is async; views only look and return", where)
        contexts = (ViewContext, AnonymousViewContext)
        signature = self.signature(what, view.function, where, contexts)
        if signature is None:
            return None
        hints, parameters = signature
        for parameter in parameters:
            self.problem(
                f"{what} takes no arguments, but for its context: {parameter.name!r}", where
            )
        row = self.view_row(what, hints.get("return"), where)
        if row is None:
            return None
        annotation, class_, type_ = row
        first = next(iter(inspect.signature(view.function).parameters))
        anonymous = hints.get(first) is AnonymousViewContext
        key = self.view_key(what, view, class_, type_)
        returns: t.Type = t.option(type_)
        if typing.get_origin(annotation) is list:
            returns = t.Array(type_)
        elif typing.get_origin(annotation) is Query:
            returns = query_of(type_)
        return ViewDef(
            view.name, view.accessor, counts[anonymous], view.public, anonymous, t.Product(()),
            returns, key,
        )  # fmt: skip

    def view_row(self, what: str, returned: Any, where: str) -> tuple[Any, type[Any], t.Ref] | None:
        """What a view returns, the class of its rows and their type."""
        arguments = typing.get_args(returned)
        is_query = typing.get_origin(returned) is Query
        is_list = typing.get_origin(returned) is list
        inner = [x for x in arguments if x is not type(None)]
        is_option = len(inner) == 1 and len(arguments) == 2
        if not (is_query or is_list or is_option) or not isinstance(inner[0], type):
            self.problem(
                f"{what} must return list[Row] or Row | None, where Row is the row of a table or a "
                "@product class, or Query[Row] of a table",
                where,
            )
            return None
        class_: type[Any] = inner[0]
        if is_query and class_ not in self.rows:
            self.problem(
                f"{what} returns a query of {class_.__name__}, which is no row of a table", where
            )
            return None
        known = self.rows.get(class_)
        type_ = known or self.attempt(
            where, partial(self.builder.type_of, class_, f"what {what} returns")
        )
        if type_ is None:
            return None
        if not isinstance(type_, t.Ref) or not isinstance(
            self.builder.types[type_.index], t.Product
        ):
            self.problem(
                f"{what}: its rows are {class_.__name__}, which is no row of a table and no "
                "@product class",
                where,
            )
            return None
        return returned, class_, type_

    def view_key(self, what: str, view: View, class_: type[Any], row: t.Ref) -> tuple[str, ...]:
        """The wire name of the primary key's column, if there is one."""
        name = view.primary_key
        if name is None:
            return ()
        names = [field.name for field in dataclasses.fields(class_)]
        if name not in names:
            self.problem(
                f"{what}: the primary key {name!r} is no field of {class_.__name__}, which has "
                f"{', '.join(names) or 'none'}",
                view.where,
            )
            return ()
        product = self.builder.types[row.index]
        assert isinstance(product, t.Product)
        element = product.elements[names.index(name)]
        if not is_key(self.builder.typespace.resolve(element.type)):
            self.problem(
                f"{what}: {name!r} cannot be a key: keys are integers, bool, str, Identity, "
                "ConnectionId, UUID and plain enums",
                view.where,
            )
            return ()
        return (element.name or "",)

    # --- what they have in common ----------------------------------------------------------------

    def signature(
        self, what: str, function: Callable[..., Any], where: str, contexts: Sequence[type[Any]]
    ) -> tuple[dict[str, Any], list[inspect.Parameter]] | None:
        """The annotations of a function, and its parameters behind the context."""
        if inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function):
            self.problem(f"{what} yields: calling it would run nothing", where)
        try:
            hints = typing.get_type_hints(function, include_extras=True)
        except NameError as error:
            self.problem(f"{what}: the annotation {error.name!r} is unknown", where)
            return None
        except Exception as error:  # annotations are code, and can fail in any way
            self.problem(f"{what}: an annotation fails: {error}", where)
            return None
        parameters = list(inspect.signature(function).parameters.values())
        if not parameters:
            self.problem(f"{what} needs a first parameter for its context", where)
            return None
        context = hints.get(parameters[0].name, contexts[0])
        if context not in (*contexts, Any):
            wanted = " or ".join(x.__name__ for x in contexts)
            self.problem(
                f"{what}: the first parameter is the {wanted}, "
                f"{parameters[0].name!r} is declared as {getattr(context, '__name__', context)}",
                where,
            )
        return hints, parameters[1:]

    def parameters(
        self,
        what: str,
        name: str,
        parameters: list[inspect.Parameter],
        hints: dict[str, Any],
        where: str,
    ) -> t.Product:
        """The product of a function's arguments."""
        elements = []
        for parameter in parameters:
            if parameter.kind is not parameter.POSITIONAL_OR_KEYWORD:
                self.problem(f"{what}: *{parameter.name} is not possible", where)
            elif parameter.name not in hints:
                self.problem(f"{what}: parameter {parameter.name!r} has no type", where)
            else:
                place = f"{name}({parameter.name})"
                hint = hints[parameter.name]
                type_ = self.attempt(where, partial(self.builder.type_of, hint, place))
                if type_ is not None:
                    elements.append(t.Element(parameter.name, type_))
        return t.Product(tuple(elements))

    def unique_functions(self) -> None:
        """Reducers, procedures and views share their names, and each lifecycle has one reducer."""
        seen: dict[str, str] = {}
        for declared in self.module.functions:
            kind = type(declared).__name__.lower()
            if declared.name in seen:
                self.problem(
                    f"{kind} {declared.name!r} is declared twice, first at {seen[declared.name]}",
                    declared.where,
                )
            seen.setdefault(declared.name, declared.where)
        lifecycles: dict[Lifecycle, str] = {}
        for reducer in self.module.reducers:
            if reducer.lifecycle is None:
                continue
            if reducer.lifecycle in lifecycles:
                self.problem(
                    f"reducer {reducer.name!r} is a second {reducer.lifecycle.value} reducer; "
                    f"the first is at {lifecycles[reducer.lifecycle]}",
                    reducer.where,
                )
            lifecycles.setdefault(reducer.lifecycle, reducer.where)
