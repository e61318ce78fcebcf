"""Calls: of the module's own functions and classes, of built-ins, and of methods."""

from __future__ import annotations

import ast
import dataclasses
import inspect
import sys
import typing
from collections.abc import Callable, Hashable, Mapping
from types import FunctionType
from typing import Any

from harness.errors import SchemaError
from harness.module.compiler import kinds as k
from harness.module.compiler.shapes import default
from harness.module.compiler.source import Untold, refuse
from harness.module.compiler.tables import Tables
from harness.module.compiler.values import (
    UNKNOWN,
    Checked,
    ColumnRef,
    Context,
    IndexRef,
    Known,
    Method,
    TableRef,
    Value,
    show,
    told_of,
)
from harness.module.schedule import ScheduleAt
from harness.wire import values as v
from harness.wire.annotations import is_struct

_LEVELS = {"error": 0, "warn": 1, "info": 2, "debug": 3, "trace": 4}
#: What to use instead of functions of these modules of Python.
_INSTEAD = {
    "time": "; ctx.timestamp is when the call was made",
    "datetime": "; ctx.timestamp is when the call was made",
    "random": "; ctx.rng has random numbers",
    "secrets": "; ctx.rng has random numbers",
    "logging": "; ctx.log is the module's log",
    "math": "; of math there are floor, ceil, trunc, sqrt, fabs, copysign, isnan, isinf, isfinite",
    "builtins": "; it is not compiled",
    "json": "; use columns and parameters with types",
    "re": "; texts have in, find, startswith, endswith, replace and split",
    "posix": "; a reducer reads its arguments and rows, and nothing outside",
    "os": "; a reducer reads its arguments and rows, and nothing outside",
}
#: The same for single functions.
_INSTEADS: dict[Any, str] = {
    sorted: "; give the table an index, whose rows come in order, or sort in a loop",
    open: "; a reducer reads its arguments and rows, and nothing outside",
    input: "; a reducer reads its arguments and rows, and nothing outside",
    divmod: "; write // and %",
    pow: "; write **",
    repr: "; write str(…)",
    dict: "; use a table or a list",
    set: "; use a list",
    tuple: "; use a list",
    map: "; write a list comprehension",
    filter: "; write a list comprehension",
}
_SPAN = {"micros": k.Int(*k.S64)}


class Calls(Tables):
    """Checks and emits calls."""

    def _call(self, node: ast.Call) -> Checked:
        for argument in node.args:
            if isinstance(argument, ast.Starred):
                refuse(node, "starred arguments are not compiled; name each")
        if any(keyword.arg is None for keyword in node.keywords):
            refuse(node, "** arguments are not compiled; name each")
        of = self.check(node.func)
        if isinstance(of, Method):
            return self._method(of, node)
        if isinstance(of, Known):
            return self._known(of.object, node)
        refuse(node, f"{show(of)} cannot be called")

    # --- methods ---------------------------------------------------------------------------------

    def _method(self, method: Method, node: ast.Call) -> Checked:
        of, name = method.of, method.name
        if isinstance(of, TableRef | ColumnRef | IndexRef):
            return self.table_call(of, name, node)
        if isinstance(of, Context):
            return self._log(name, node) if of.part == "log" else self.random(name, node)
        if not isinstance(of, Value):
            refuse(node, f"{show(of)} has no method {name!r}")
        if isinstance(of.kind, k.Struct):
            function = getattr(of.kind.class_, name)
            if not isinstance(function, FunctionType):
                refuse(node, f"{of.kind}.{name} cannot be compiled; write it as a method with self")
            static = isinstance(inspect.getattr_static(of.kind.class_, name), staticmethod)
            if static:
                refuse(node, f"{name} is static; call it as {of.kind}.{name}(…)")
            return self.function(function, node, of)
        if isinstance(of.kind, k.List):
            return self._list_method(of, name, node)
        if of.kind == k.STR:
            return self._text_method(of, name, node)
        if of.kind in (k.IDENTITY, k.CONNECTION_ID) and name == "to_hex":
            self.none(node, name)
            return self.text_of(of, node)
        refuse(node, f"{of.kind} has no method {name!r} here")

    def _log(self, name: str, node: ast.Call) -> Value:
        if name not in _LEVELS:
            refuse(node, f"the log has {', '.join(_LEVELS)}, not {name!r}")
        text = self.text_of(self.value(self.one(node, f"ctx.log.{name}")), node)

        def emit() -> None:
            text.emit()
            self.f.i32(_LEVELS[name])
            self.frame.place(self.line(node))
            self.f.call("log")

        return Value(k.NOTHING, emit, text.calls)

    def random(self, name: str, node: ast.Call) -> Value:
        """A method of ``ctx.rng``, which is ``random.Random`` seeded with the timestamp."""
        limit = k.Int(*k.S64)
        arguments = [self.value(argument) for argument in node.args]
        if node.keywords:
            refuse(node, "arguments of ctx.rng go by their places")

        def ints(count: int) -> list[Value]:
            if len(arguments) != count:
                refuse(node, f"ctx.rng.{name} takes {count} arguments here")
            return [
                self.coerce(self.number(a, node), limit, "an end", None, node) for a in arguments
            ]

        if name == "random":
            self.none(node, name)
            return Value(k.FLOAT, lambda: self.f.call("random_float"))
        if name == "getrandbits":
            (bits,) = ints(1)
            if bits.constant is UNKNOWN or not 1 <= bits.constant <= 64:
                refuse(node, "getrandbits is compiled for a constant from 1 to 64")
            count = int(bits.constant)

            def some() -> None:
                self.f.i32(count)
                self.f.call("random_bits")

            return Value(k.Int(0, (1 << count) - 1), some)
        if name in ("randint", "randrange"):
            one = name == "randrange" and len(arguments) == 1
            ends = [self.integer(0, node), *ints(1)] if one else ints(2)
            lo, hi = ends
            assert isinstance(lo.kind, k.Int)
            assert isinstance(hi.kind, k.Int)

            def between() -> None:
                self.frame.push(*(self.same(end, limit) for end in ends))
                self.f.i32(int(name == "randint"))
                self.frame.call("random_between", self.line(node))

            calls = any(end.calls for end in ends)
            return Value(k.Int(lo.kind.lo, max(lo.kind.lo, hi.kind.hi)), between, calls)
        if name == "uniform":
            if len(arguments) != 2:
                refuse(node, "ctx.rng.uniform takes 2 arguments")
            a, b = (self.floating(argument, node) for argument in arguments)

            def uniform() -> None:
                self.frame.push(a, b)
                self.f.call("random_uniform")

            return Value(k.FLOAT, uniform, a.calls or b.calls)
        if name == "choice" and len(arguments) == 1 and isinstance(arguments[0].kind, k.List):
            items = arguments[0]
            element = self.element(items, node)

            def choose() -> None:
                items.emit()
                kept = self.frame.keep(items.kind)
                self.frame.load(kept)
                self.frame.load(kept)
                self.frame.call("random_place", self.line(node))
                self.item(element)

            return Value(element, choose, items.calls)
        if name == "shuffle" and len(arguments) == 1 and isinstance(arguments[0].kind, k.List):
            shuffled = arguments[0]
            size = k.SIZES[k.stored(self.element(shuffled, node))]

            def shuffle() -> None:
                shuffled.emit()
                self.f.i32(size)
                self.f.call("random_shuffle")

            return Value(k.NOTHING, shuffle, shuffled.calls)
        refuse(node, "ctx.rng has random, randint, randrange, uniform, getrandbits, and choice and "
                     f"shuffle of a list here, not {name!r}")  # fmt: skip

    def element(self, list_: Value, node: ast.AST) -> k.Kind:
        """What a list holds."""
        assert isinstance(list_.kind, k.List)
        if list_.kind.element is None:
            refuse(node, "nothing is known of this list's items yet; append one before")
        return list_.kind.element

    def _list_method(self, of: Value, name: str, node: ast.Call) -> Value:
        assert isinstance(of.kind, k.List)
        element = of.kind.element
        f, frame = self.f, self.frame
        if name == "append":
            value = self.value(self.one(node, "append"))
            if element is None:
                self._learn(node, value)
                element = k.listed(value.kind).element
                assert element is not None
            item = self.coerce(value, element, "an item of this list", None, node)
            wanted = element

            def append() -> None:
                frame.push(of, item)
                self.unit.append(f, wanted)

            return Value(k.NOTHING, append, of.calls or item.calls)
        if element is None:
            refuse(node, "nothing is known of this list's items yet; append one before")
        if name == "pop":
            self.none(node, "pop (without a place)")

            def pop() -> None:
                of.emit()
                kept = frame.keep(of.kind)
                frame.load(kept)
                frame.load(kept)
                frame.call("list_pop", self.line(node))
                self.item(element)

            return Value(element, pop, of.calls)
        if name == "clear":
            self.none(node, name)

            def clear() -> None:
                of.emit()
                f.i32(0)
                f.memory("i32.store", 4)

            return Value(k.NOTHING, clear, of.calls)
        refuse(node, f"lists have append, pop and clear here, not {name!r}")

    def _learn(self, node: ast.Call, value: Value) -> None:
        """The first item that is appended says what a list holds."""
        assert isinstance(node.func, ast.Attribute)
        holder = node.func.value
        if not isinstance(holder, ast.Name):
            refuse(node, "nothing is known of this list's items; give it a name first")
        self.names[holder.id] = k.listed(value.kind)
        self.grown = True

    def _text_method(self, of: Value, name: str, node: ast.Call) -> Value:
        arguments = [
            self.some(value, f"TypeError: {name}() argument must be str, not None", node)
            if value.kind == k.Option(k.STR)
            else value
            for value in map(self.value, node.args)
        ]
        kinds: list[k.Kind] = [argument.kind for argument in arguments]
        texts: list[k.Kind] = [k.STR] * len(kinds)
        methods: dict[tuple[str, int], tuple[str, k.Kind]] = {
            ("startswith", 1): ("str_starts", k.BOOL), ("endswith", 1): ("str_ends", k.BOOL),
            ("strip", 0): ("str_strip", k.STR), ("replace", 2): ("str_replace", k.STR),
            ("find", 1): ("str_find", k.Int(-1, (1 << 32) - 1)),
            ("split", 1): ("str_split", k.List(k.STR)),
        }  # fmt: skip
        found = methods.get((name, len(kinds)))
        calls = of.calls or any(argument.calls for argument in arguments)
        if name == "join" and kinds == [k.List(k.STR)]:
            found, texts = ("str_join", k.STR), kinds
        if found is None or kinds != texts or node.keywords:
            refuse(
                node,
                "texts have startswith, endswith, strip, replace, find, split with a separator and "
                f"join of a list here; not {name!r} with these arguments",
            )
        function, kind = found

        def emit() -> None:
            self.frame.push(of, *arguments)
            self.frame.call(f"rt.{function}", self.line(node))

        return Value(kind, emit, calls)

    # --- functions and classes -------------------------------------------------------------------

    def _known(self, found: Any, node: ast.Call) -> Checked:
        from harness.module.compiler.builtins import BUILTINS

        handler: Callable[..., Checked] | None = None
        try:
            handler = BUILTINS.get(found)
        except TypeError:
            pass  # not hashable, so none of them
        if handler is not None:
            return handler(self, node)
        if found in (v.Timestamp, v.TimeDuration):
            kind = k.TIMESTAMP if found is v.Timestamp else k.DURATION
            (micros,) = self._arguments_of(["micros"], _SPAN, found, node).values()
            return Value(kind, micros.emit, micros.calls)
        if found in (v.Interval, v.Time):
            wanted = k.DURATION if found is v.Interval else k.TIMESTAMP
            (value,) = self._arguments_of(["value"], {"value": wanted}, found, node).values()
            return self._schedule(int(found is v.Time), value)
        special = self._special(found, node)
        if special is not None:
            return special
        if isinstance(found, FunctionType) and not _of_python(found):
            return self.function(found, node, None)
        if isinstance(found, type) and is_struct(found):
            return self._object(found, node)
        holder = getattr(found, "__self__", None)
        if isinstance(holder, list | dict | set | tuple):
            refuse(node, f"{told_of(holder)}")
        module = _home(found)
        name = getattr(found, "__qualname__", None) or str(found)
        if module not in ("", "builtins") and not name.startswith("_") and "." not in name:
            name = f"{module}.{name}"
        hint = _INSTEADS.get(found) if isinstance(found, Hashable) else None
        refuse(node, f"{name!r} cannot be called here{hint or _INSTEAD.get(module, '')}")

    def _special(self, found: Any, node: ast.Call) -> Value | None:
        """Class methods that are known."""
        if found == v.TimeDuration.from_seconds:
            return self._from_seconds(self.value(self.one(node, "from_seconds")), node)
        if found == ScheduleAt.__origin__.interval:  # type: ignore[attr-defined]  # Annotated, when it runs
            span = self._from_seconds(self.value(self.one(node, "interval")), node)
            return self._schedule(0, span)
        if found == ScheduleAt.__origin__.time:  # type: ignore[attr-defined]  # Annotated, when it runs
            when = self.value(self.one(node, "time"))
            return self._schedule(1, self.coerce(when, k.TIMESTAMP, "the time", None, node))
        return None

    def _from_seconds(self, seconds: Value, node: ast.AST) -> Value:
        if seconds.constant is not UNKNOWN:
            micros = self.integer(round(seconds.constant * 1_000_000), node)
        else:
            from harness.module.compiler.builtins import rounded

            product = self.binary(ast.Mult(), seconds, self.integer(1_000_000, node), node)
            micros = rounded(self, product, node)
        fitting = self.coerce(micros, k.Int(*k.S64), "the microseconds", None, node)
        return Value(k.DURATION, fitting.emit, fitting.calls)

    def _schedule(self, tag: int, value: Value) -> Value:
        def emit() -> None:
            self.f.i32(tag)
            value.emit()
            self.f.call("new_schedule")

        return Value(k.SCHEDULE_AT, emit, value.calls)

    def _arguments_of(
        self, order: list[str], wanted: Mapping[str, k.Kind], what: Any, node: ast.Call
    ) -> dict[str, Value]:
        """Arguments by name, coerced, in the order in which they are written."""
        name = getattr(what, "__name__", str(what))
        if len(node.args) > len(order):
            few = f"at most {len(order)} of them" if order else "none"
            named = ", ".join(f"{key}=…" for key in wanted)
            refuse(node, f"{name} takes {few} by their places; name them: {name}({named})")
        written: list[tuple[str, ast.expr]] = list(zip(order, node.args, strict=False))
        written += [(str(keyword.arg), keyword.value) for keyword in node.keywords]
        found: dict[str, Value] = {}
        for key, expression in written:
            if key not in wanted:
                refuse(node, f"{name} has no {key!r}; it has {', '.join(wanted)}")
            if key in found:
                refuse(node, f"{name}: {key!r} is given twice")
            type_ = self.unit.field_type(what, key)
            found[key] = self.coerce(
                self.value(expression), wanted[key], f"{name}.{key}", type_, expression
            )
        return found

    def _object(self, class_: Any, node: ast.Call) -> Value:
        """A new object of one of the module's classes."""
        try:
            shape = self.unit.shapes.shape(class_)
        except SchemaError as error:
            refuse(node, str(error))
        if "__post_init__" in vars(class_):
            refuse(node, f"{class_.__name__} has a __post_init__, which is not compiled")
        names = [field.name for field in shape.fields]
        positional = names
        if dataclasses.is_dataclass(class_):
            positional = [f.name for f in dataclasses.fields(class_) if not f.kw_only]
        wanted = {field.name: field.kind for field in shape.fields}
        given = self._arguments_of(positional, wanted, class_, node)
        for field in shape.fields:
            if field.name in given:
                continue
            standard = default(class_, field.name)
            if standard is dataclasses.MISSING:
                refuse(node, f"{class_.__name__} needs {field.name!r}")
            given[field.name] = self.coerce(
                self.constant(standard, node), field.kind, f"{class_.__name__}.{field.name}",
                field.type, node,
            )  # fmt: skip
        return self.construct(k.Struct(class_), given, node)

    def function(self, function: FunctionType, node: ast.Call, self_: Value | None) -> Value:
        """A call of one of the module's own functions."""
        signature = self.unit.signature(function)
        values: list[Value] = []
        taken: dict[str, Value | None] = {}
        names = list(signature.parameters)
        if self_ is not None:
            taken[names[0]] = self_
        places = [name for name in names if name not in taken]
        written: list[tuple[str, ast.expr]] = list(zip(places, node.args, strict=False))
        if len(node.args) > len(places):
            refuse(node, f"{function.__name__} takes {len(places)} arguments, not {len(node.args)}")
        written += [(str(keyword.arg), keyword.value) for keyword in node.keywords]
        for name, expression in written:
            if name not in signature.parameters:
                refuse(node, f"{function.__name__} has no parameter {name!r}")
            if name in taken:
                refuse(node, f"{function.__name__}: {name!r} is given twice")
            kind = signature.parameters[name]
            if kind is None:
                found = self.check(expression)
                if found != Context("ctx"):
                    refuse(node, f"{function.__name__}: {name!r} is the context; give ctx itself")
                taken[name] = None
                continue
            label = f"{function.__name__}({name})"
            taken[name] = self.coerce(self.value(expression), kind, label, None, expression)
        for name in names:
            if name not in taken:
                standard = inspect.signature(function).parameters[name].default
                if standard is inspect.Parameter.empty:
                    refuse(node, f"{function.__name__} needs {name!r}")
                kind = signature.parameters[name]
                assert kind is not None
                label = f"{function.__name__}({name})"
                taken[name] = self.coerce(self.constant(standard, node), kind, label, None, node)
        if signature.result == k.UNTOLD:
            raise Untold
        values = [value for name in taken if (value := taken[name]) is not None]
        ordered = [value for name in names if (value := taken[name]) is not None]

        def emit() -> None:
            if [id(x) for x in values] == [id(x) for x in ordered]:
                self.frame.push(*values)
            else:
                self._reordered(values, ordered)
            self.f.call(signature.name)
            self.frame.check()

        return Value(signature.result, emit, True)

    def _reordered(self, values: list[Value], ordered: list[Value]) -> None:
        """Compute in the order of writing, push in that of the parameters."""
        kept = {}
        for value in values:
            value.emit()
            kept[id(value)] = self.frame.keep(value.kind)
        for value in ordered:
            self.frame.load(kept[id(value)])


def _of_python(function: FunctionType) -> bool:
    """Whether it belongs to Python's own library, which is not written in the subset."""
    return str(function.__module__).partition(".")[0] in sys.stdlib_module_names


def _home(found: Any) -> str:
    """The module of Python that something belongs to, such as ``random`` for ``random.random``."""
    of = found
    if not getattr(found, "__module__", None):
        of = getattr(found, "__self__", found)
        of = of if isinstance(of, type) else type(of)
    module = str(getattr(of, "__module__", ""))
    return module.partition(".")[0].lstrip("_")


def hints_of(function: Any) -> dict[str, Any]:
    """The annotations of a function. Raises ``SchemaError``."""
    try:
        return typing.get_type_hints(function, include_extras=True)
    except Exception as error:  # annotations are code, and can fail in any way
        raise SchemaError(f"{function.__name__}: an annotation fails: {error}") from error
