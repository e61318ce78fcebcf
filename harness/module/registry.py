"""Modules and the decorators that fill them.

The bare decorators register with the module of the file they stand in; ``Module("name")`` has the
same decorators as methods. Almost nothing is checked here: ``Module.definition`` does, all at once.
"""

from __future__ import annotations

import dataclasses
import inspect
import re
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from types import FrameType
from typing import TYPE_CHECKING, Any, Never, TypeVar, Union, dataclass_transform, overload

from harness.errors import SchemaError
from harness.module.columns import MISSING, Column, Index, column
from harness.wire.schema import Lifecycle

if TYPE_CHECKING:
    from harness.module.definition import Compiled
    from harness.wire.schema import ModuleDef

C = TypeVar("C", bound=type[Any])
F = TypeVar("F", bound=Callable[..., Any])


@dataclass(frozen=True, slots=True)
class Table:
    """A declared table. ``where`` is ``file:line`` of the declaration."""

    row: type[Any]
    accessor: str
    name: str
    public: bool
    event: bool
    columns: dict[str, Column]
    indexes: tuple[Index, ...]
    where: str


@dataclass(frozen=True, slots=True)
class Reducer:
    """A declared reducer. ``on_schedule`` is the row class of the table that calls it."""

    function: Callable[..., Any]
    accessor: str
    name: str
    lifecycle: Lifecycle | None
    on_schedule: type[Any] | None
    where: str


@dataclass(frozen=True, slots=True)
class View:
    """A declared view. ``primary_key`` is a field of its rows."""

    function: Callable[..., Any]
    accessor: str
    name: str
    public: bool
    primary_key: str | None
    where: str


@dataclass(frozen=True, slots=True)
class Procedure:
    """A declared procedure. ``on_schedule`` is the row class of the table that calls it."""

    function: Callable[..., Any]
    accessor: str
    name: str
    on_schedule: type[Any] | None
    where: str


@dataclass(frozen=True, slots=True)
class SumType:
    """A declared sum of product classes, in tag order."""

    name: str
    classes: tuple[type[Any], ...]
    where: str


@dataclass(slots=True, weakref_slot=True)
class _Contents:
    tables: list[Table] = field(default_factory=list)
    reducers: list[Reducer] = field(default_factory=list)
    sums: list[SumType] = field(default_factory=list)
    views: list[View] = field(default_factory=list)
    procedures: list[Procedure] = field(default_factory=list)


class Module:
    """Tables and reducers that belong together: what becomes a database."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.contents = _Contents()

    @property
    def tables(self) -> Sequence[Table]:
        return self.contents.tables

    @property
    def reducers(self) -> Sequence[Reducer]:
        return self.contents.reducers

    @property
    def views(self) -> Sequence[View]:
        return self.contents.views

    @property
    def procedures(self) -> Sequence[Procedure]:
        return self.contents.procedures

    @property
    def functions(self) -> Sequence[Reducer | Procedure | View]:
        """All that share the namespace of functions."""
        return [*self.reducers, *self.procedures, *self.views]

    @property
    def is_empty(self) -> bool:
        """Whether nothing is declared that a database could be made of."""
        return not (self.tables or self.reducers or self.views or self.procedures)

    @cached_property
    def compiled(self) -> Compiled:
        """The definition with the Python classes and functions bound to it.

        Raises ``SchemaError`` that lists everything that is wrong.
        """
        from harness.module.definition import compile_module

        return compile_module(self)

    def definition(self) -> ModuleDef:
        """The schema. Raises ``SchemaError`` that lists everything that is wrong."""
        return self.compiled.definition

    @classmethod
    def together(cls, name: str, parts: Sequence[Module]) -> Module:
        """One module of several: what the files of a package declare."""
        made = cls(name)
        for part in parts:
            made.contents.tables.extend(part.contents.tables)
            made.contents.reducers.extend(part.contents.reducers)
            made.contents.sums.extend(part.contents.sums)
            made.contents.views.extend(part.contents.views)
            made.contents.procedures.extend(part.contents.procedures)
        return made

    # --- decorators ------------------------------------------------------------------------------

    @dataclass_transform(kw_only_default=True, field_specifiers=(column,))
    def table(
        self,
        *,
        accessor: str | None = None,
        public: bool = False,
        event: bool = False,
        name: str | None = None,
        indexes: Sequence[Index] = (),
    ) -> Callable[[C], C]:
        """Make a class the row of a table: a dataclass with slots and keyword-only fields.

        ``accessor`` is the attribute of ``ctx.db``, the class name in snake case by default;
        ``name`` is the name on the wire and in SQL; ``public`` lets clients read it; an ``event``
        table keeps nothing and only tells its subscribers.
        """

        def declare(class_: C) -> C:
            columns = _columns(class_)
            row = _row_class(class_, columns)
            short = accessor or snake_case(class_.__name__)
            declared = Table(
                row, short, name or snake_case(short), public, event, columns,
                tuple(indexes), place_of(class_),
            )  # fmt: skip
            self.contents.tables.append(declared)
            self.__dict__.pop("compiled", None)
            return row

        return declare

    def reducer(
        self,
        function: F | None = None,
        *,
        name: str | None = None,
        on_schedule: type[Any] | None = None,
    ) -> Any:
        """Make a function callable by clients; it stays an ordinary function.

        With ``on_schedule`` it is called for the rows of that table when their time comes.
        """
        return self._add(function, name, None, on_schedule)

    def view(
        self,
        function: F | None = None,
        *,
        name: str | None = None,
        public: bool = False,
        primary_key: str | None = None,
    ) -> Any:
        """Make a function's result a table that can be read and subscribed to, but not changed.

        It takes a ``ViewContext``, or an ``AnonymousViewContext`` if everybody sees the same, and
        nothing else: SpacetimeDB's views have no arguments. It returns ``list[Row]``,
        ``Row | None`` or a query of a table, ``Query[Row]``. One that returns rows is called again
        when rows change that it has looked at; of one that returns a query, what
        changes is found from the rows that changed, however many there are. ``primary_key`` is a
        field of its rows that tells them apart, so that clients see updates; a query has that of
        its table.
        """

        def declare(function: F) -> F:
            accessor = function.__name__
            self.contents.views.append(
                View(
                    function, accessor, name or snake_case(accessor), public, primary_key,
                    place_of(function),
                )
            )  # fmt: skip
            self.__dict__.pop("compiled", None)
            return function

        return declare if function is None else declare(function)

    def procedure(
        self,
        function: F | None = None,
        *,
        name: str | None = None,
        on_schedule: type[Any] | None = None,
    ) -> Any:
        """Make a function callable by clients that returns a value and is no transaction.

        It takes a ``ProcedureContext``, which runs transactions. An ``async`` one may wait for the
        world outside, as for ``ctx.http``, while others are served.

        With ``on_schedule`` it is called for the rows of that table when their time comes, and no
        client but the owner may call it. A row with a single time is deleted before the call: what
        a procedure has done outside of the database cannot be undone, so it is not tried twice. For
        an interval the next call begins when this one has ended, at the earliest. What it returns
        nobody gets; if it fails, the log says so.
        """

        def declare(function: F) -> F:
            accessor = function.__name__
            self.contents.procedures.append(
                Procedure(
                    function,
                    accessor,
                    name or snake_case(accessor),
                    on_schedule,
                    place_of(function),
                )
            )
            self.__dict__.pop("compiled", None)
            return function

        return declare if function is None else declare(function)

    def init(self, function: F) -> F:
        """Run once, when the database is made; if it fails there is no database."""
        added: F = self._add(function, None, Lifecycle.INIT, None)
        return added

    def client_connected(self, function: F) -> F:
        """Run when a client connects; if it fails the client is turned away."""
        added: F = self._add(function, None, Lifecycle.ON_CONNECT, None)
        return added

    def client_disconnected(self, function: F) -> F:
        """Run when a client has gone."""
        added: F = self._add(function, None, Lifecycle.ON_DISCONNECT, None)
        return added

    def sum_type(self, name: str, *classes: type[Any]) -> Any:
        """Declare a sum of ``@product`` classes; the result is their union, for annotations."""
        return self._sum_type(name, classes, sys._getframe(1))

    def _sum_type(self, name: str, classes: tuple[type[Any], ...], caller: FrameType) -> Any:
        where = f"{caller.f_code.co_filename}:{caller.f_lineno}"
        self.contents.sums.append(SumType(name, classes, where))
        self.__dict__.pop("compiled", None)
        return Union[classes] if classes else Never  # noqa: UP007  (as many as were given)

    def _add(
        self,
        function: Any,
        name: str | None,
        lifecycle: Lifecycle | None,
        on_schedule: type[Any] | None,
    ) -> Any:
        def declare(function: F) -> F:
            accessor = function.__name__
            self.contents.reducers.append(
                Reducer(
                    function,
                    accessor,
                    name or snake_case(accessor),
                    lifecycle,
                    on_schedule,
                    place_of(function),
                )
            )
            self.__dict__.pop("compiled", None)
            return function

        return declare if function is None else declare(function)


# --- the bare decorators -------------------------------------------------------------------------

_DEFAULTS: dict[str, Module] = {}
_PLACE = "_harness_module"


def default_module(python_module: str) -> Module:
    """The module that the bare decorators in this Python module fill.

    It hangs on the import that is under way, or was: a reload starts afresh, and nothing is
    declared twice.
    """
    spec = getattr(sys.modules.get(python_module), "__spec__", None)
    kept = _DEFAULTS if spec is None else vars(spec)  # __main__ has no spec
    place = python_module if spec is None else _PLACE
    found: Module | None = kept.get(place)
    if found is None:
        found = kept[place] = Module(python_module.rpartition(".")[2])
    return found


@dataclass_transform(kw_only_default=True, field_specifiers=(column,))
def table(
    *,
    accessor: str | None = None,
    public: bool = False,
    event: bool = False,
    name: str | None = None,
    indexes: Sequence[Index] = (),
) -> Callable[[C], C]:
    """``Module.table`` of the file's own module."""

    def declare(class_: C) -> C:
        declared = default_module(class_.__module__).table(
            accessor=accessor, public=public, event=event, name=name, indexes=indexes
        )
        return declared(class_)

    return declare


@overload
def reducer(function: F) -> F: ...


@overload
def reducer(
    *, name: str | None = None, on_schedule: type[Any] | None = None
) -> Callable[[F], F]: ...


def reducer(
    function: F | None = None,
    *,
    name: str | None = None,
    on_schedule: type[Any] | None = None,
) -> Any:
    """``Module.reducer`` of the file's own module."""

    def declare(function: F) -> F:
        module = default_module(function.__module__)
        declared: F = module.reducer(function, name=name, on_schedule=on_schedule)
        return declared

    return declare if function is None else declare(function)


@overload
def view(function: F) -> F: ...


@overload
def view(
    *, name: str | None = None, public: bool = False, primary_key: str | None = None
) -> Callable[[F], F]: ...


def view(
    function: F | None = None,
    *,
    name: str | None = None,
    public: bool = False,
    primary_key: str | None = None,
) -> Any:
    """``Module.view`` of the file's own module."""

    def declare(function: F) -> F:
        module = default_module(function.__module__)
        declared: F = module.view(function, name=name, public=public, primary_key=primary_key)
        return declared

    return declare if function is None else declare(function)


@overload
def procedure(function: F) -> F: ...


@overload
def procedure(
    *, name: str | None = None, on_schedule: type[Any] | None = None
) -> Callable[[F], F]: ...


def procedure(
    function: F | None = None,
    *,
    name: str | None = None,
    on_schedule: type[Any] | None = None,
) -> Any:
    """``Module.procedure`` of the file's own module."""

    def declare(function: F) -> F:
        module = default_module(function.__module__)
        declared: F = module.procedure(function, name=name, on_schedule=on_schedule)
        return declared

    return declare if function is None else declare(function)


def init(function: F) -> F:
    """``Module.init`` of the file's own module."""
    return default_module(function.__module__).init(function)


def client_connected(function: F) -> F:
    """``Module.client_connected`` of the file's own module."""
    return default_module(function.__module__).client_connected(function)


def client_disconnected(function: F) -> F:
    """``Module.client_disconnected`` of the file's own module."""
    return default_module(function.__module__).client_disconnected(function)


def sum_type(name: str, *classes: type[Any]) -> Any:
    """``Module.sum_type`` of the calling file's own module."""
    caller = sys._getframe(1)
    return default_module(caller.f_globals["__name__"])._sum_type(name, classes, caller)


@dataclass_transform(kw_only_default=True)
def product(class_: C) -> C:
    """Make a class a type of its own, for columns and parameters."""
    made = dataclasses.dataclass(slots=True, kw_only=True)(class_)
    return made  # type: ignore[return-value]  # the same class, with slots


# --- classes -------------------------------------------------------------------------------------


def snake_case(name: str) -> str:
    """``PurgeTimer`` → ``purge_timer``, ``HTTPServer`` → ``http_server``; snake case stays."""
    split = re.sub(r"([A-Z]+)([A-Z][a-z])", r"\1_\2", name)
    return re.sub(r"([a-z0-9])([A-Z])", r"\1_\2", split).lower()


def _columns(class_: type[Any]) -> dict[str, Column]:
    """What was said about each column; a row class that is used again keeps its own."""
    kept: dict[str, Column] | None = class_.__dict__.get("__columns__")
    if kept is not None:
        return kept
    found = {}
    if dataclasses.is_dataclass(class_):  # its own fields, or those of the class it extends
        found = {inherited.name: Column() for inherited in dataclasses.fields(class_)}
    for name in inspect.get_annotations(class_):
        said = class_.__dict__.get(name, MISSING)
        found[name] = said if isinstance(said, Column) else Column()
    untyped = [n for n, said in vars(class_).items() if isinstance(said, Column) and n not in found]
    if untyped:
        # A dataclass would take it for something that all rows share, and say nothing.
        raise SchemaError(
            f"column {untyped[0]!r} of {class_.__name__} has no type ({place_of(class_)})"
        )
    return found


def _row_class(class_: C, columns: dict[str, Column]) -> C:
    if "__dataclass_fields__" in class_.__dict__:
        return class_
    for name, said in columns.items():
        if said.auto_inc:
            setattr(class_, name, 0)
        elif isinstance(class_.__dict__.get(name), Column):
            delattr(class_, name)
    made: Any = dataclasses.dataclass(slots=True, kw_only=True)(class_)
    made.__columns__ = columns
    return made  # type: ignore[no-any-return]  # the same class, with slots


def place_of(what: Any) -> str:
    """``file:line`` of a class or function; ``?`` if its source is not there."""
    try:
        file = inspect.getsourcefile(what) or "?"
        line = inspect.getsourcelines(what)[1]
    except (OSError, TypeError):
        return "?"
    return f"{file}:{line}"
