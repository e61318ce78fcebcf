"""What all parts of the function compiler share: names, coercions, constants."""

from __future__ import annotations

import ast
from collections.abc import Callable
from enum import Enum
from typing import TYPE_CHECKING, Any

from harness.module.compiler import kinds as k
from harness.module.compiler.frame import Frame
from harness.module.compiler.source import Source, Untold, local_names, refuse
from harness.module.compiler.values import (
    UNKNOWN,
    Checked,
    Context,
    Known,
    Static,
    Value,
    show,
    steps,
    told_of,
)
from harness.wire import types as t
from harness.wire import values as v

if TYPE_CHECKING:
    from harness.module.compiler.unit import Unit

_CONSTANTS = (bool, int, float, str, bytes, type(None), v.Timestamp, v.TimeDuration)


class Base:
    """One function: what is known of its names while its code is gone through.

    The code is checked again and again until the kinds of all variables stand still; what is
    emitted is what the last check made.
    """

    def __init__(self, unit: Unit, source: Source, frame: Frame) -> None:
        self.unit = unit
        self.source = source
        self.frame = frame
        self.f = frame.f
        #: Variables by name: their kind, or what is known of them beforehand.
        self.names: dict[str, k.Kind | Static] = {}
        self.made: dict[str, Any] = {}
        #: Variables that have a value here for certain; None where no code gets.
        self.assigned: set[str] | None = set()
        self.grown = False
        self.rounds = 0
        self.first_lines: dict[str, int] = {}
        #: What the function gives a value to anywhere: its local variables.
        self.own = local_names(source.tree.body)

    # --- what the other parts give ---------------------------------------------------------------

    def check(self, node: ast.expr) -> Checked:
        """A value, or something that is known beforehand."""
        raise NotImplementedError

    def truth(self, value: Value, node: ast.expr) -> Callable[[], None]:
        """Leaves 1 on the stack if Python takes the value for true, else 0."""
        raise NotImplementedError

    # --- values ----------------------------------------------------------------------------------

    def value(self, node: ast.expr) -> Value:
        """A value, or a refusal."""
        found = self.check(node)
        if isinstance(found, Value):
            return found
        if isinstance(found, Known) and isinstance(found.object, list | dict | set | tuple):
            refuse(node, told_of(found.object))
        refuse(node, f"{show(found)} cannot be used as a value here")

    def constant(self, constant: Any, node: ast.AST) -> Value:
        """A constant of the source or of the module."""
        f = self.f
        if isinstance(constant, Enum):
            members = list(type(constant))
            place = members.index(constant)
            return Value(k.Enumeration(type(constant)), lambda: f.i32(place), constant=constant)
        if constant is None:
            return Value(k.NONE, lambda: f.i32(0), constant=None)
        if isinstance(constant, bool):
            return Value(k.BOOL, lambda: f.i32(int(constant)), constant=constant)
        if isinstance(constant, int):
            return self.integer(constant, node)
        if isinstance(constant, float):
            return Value(k.FLOAT, lambda: f.f64(constant), constant=constant)
        if isinstance(constant, str):
            try:
                constant.encode()
            except UnicodeEncodeError:
                refuse(node, "half a character of Unicode (a lone surrogate) is no text")
            return Value(k.STR, lambda: f.i32(self.unit.text(constant)), constant=constant)
        if isinstance(constant, bytes):
            return Value(k.BYTES, lambda: f.i32(self.unit.blob(constant)), constant=constant)
        if isinstance(constant, v.Timestamp | v.TimeDuration):
            kind = k.TIMESTAMP if isinstance(constant, v.Timestamp) else k.DURATION
            micros = self.integer(constant.micros, node)
            label = f"the microseconds of a {kind}"
            return Value(kind, self.coerce(micros, k.Int(*k.S64), label, None, node).emit)
        refuse(node, f"{constant!r} is no constant of the subset")

    def integer(self, number: int, node: ast.AST) -> Value:
        if not k.W128[0] <= number <= k.W128[1]:
            refuse(node, "the number has more than 128 bits; numbers have at most 64 in tables")
        kind = k.Int(number, number)

        def emit() -> None:
            self.f.i64(number % (1 << 64))
            if kind.form == "w":
                self.f.i64(number >> 64)

        return Value(kind, emit, constant=number)

    def line(self, node: ast.AST) -> int:
        return getattr(node, "lineno", 0)

    # --- coercion --------------------------------------------------------------------------------

    def coerce(
        self, value: Value, kind: k.Kind, label: str, type_: t.Type | None, node: ast.AST
    ) -> Value:
        """The value as one of another kind, checked while running where it must be.

        ``label`` and ``type_`` name the place in the error that Python would raise when the value
        is encoded. Refuses what can never fit.
        """
        if kind in (value.kind, k.UNTOLD):
            return value
        if isinstance(value.kind, k.Int) and isinstance(kind, k.Int):
            return self._ranged(value, value.kind, kind, label, type_, node)
        if isinstance(kind, k.Option):
            if value.kind == k.NONE:
                return Value(kind, value.emit, value.calls)
            assert kind.inner is not None
            if isinstance(value.kind, k.Option):
                return self._option(value, kind, label, type_, node)
            inner_type = t.option_payload(type_) if type_ is not None else None
            inner = self.coerce(value, kind.inner, label, inner_type, node)
            return Value(kind, steps(inner.emit, lambda: self.frame.box(inner.kind)), inner.calls)
        if isinstance(value.kind, k.Option) and value.kind.inner is not None:
            some = self.some(value, f"EncodeError: {label}: expected {kind}, got None", node)
            return self.coerce(some, kind, label, type_, node)
        if value.kind == k.List(None) and isinstance(kind, k.List):
            return Value(kind, value.emit, value.calls)
        hint = ""
        if kind == k.FLOAT and isinstance(value.kind, k.Int):
            hint = "; write it with a point, or float(…): Python would keep the int"
        refuse(node, f"{label} is {kind}, not {value.kind}{hint}")

    def _option(
        self, value: Value, kind: k.Option, label: str, type_: t.Type | None, node: ast.AST
    ) -> Value:
        """Another option: what is in it is checked if there is something."""
        assert isinstance(value.kind, k.Option)
        have, want = value.kind.inner, kind.inner
        assert have is not None
        assert want is not None
        if have.heap and have == want:
            return Value(kind, value.emit, value.calls)
        if have.heap or want.heap or isinstance(have, k.Int) != isinstance(want, k.Int):
            refuse(node, f"{label} is {kind}, not {value.kind}")
        inner_type = t.option_payload(type_) if type_ is not None else None
        places: list[int] = []
        inside = Value(have, steps(lambda: self.f.get(places[-1]), lambda: self.frame.unbox(have)))
        fitting = self.coerce(inside, want, label, inner_type, node)

        def emit() -> None:
            value.emit()
            kept = self.frame.temp("i32")
            self.f.tee(kept)
            with self.f.if_("i32"):
                places.append(kept)
                fitting.emit()
                places.pop()
                self.frame.box(want)
                self.f.else_()
                self.f.i32(0)

        return Value(kind, emit, value.calls)

    def _ranged(
        self,
        value: Value,
        have: k.Int,
        want: k.Int,
        label: str,
        type_: t.Type | None,
        node: ast.AST,
    ) -> Value:
        if have.within(want):
            convert = steps(value.emit, lambda: self.frame.convert(have, want))
            return Value(want, convert, value.calls, value.constant)
        if value.constant is not UNKNOWN:
            refuse(node, f"{label} lies between {want.lo} and {want.hi}; {value.constant} does not")
        if have.hi < want.lo or have.lo > want.hi:
            refuse(node, f"{label} lies between {want.lo} and {want.hi}; this never does: it lies "
                         f"between {have.lo} and {have.hi}")  # fmt: skip

        def emit() -> None:
            value.emit()
            self.frame.convert(have, k.Int(*k.W128))
            self.unit.narrow(self.f, want, type_, label)
            self.frame.check(self.line(node))

        return Value(want, emit, value.calls)

    def some(self, value: Value, text: str, node: ast.AST) -> Value:
        """What is in an option; fails with the text if it is None."""
        kind = value.kind
        if not isinstance(kind, k.Option):
            return value
        if kind.inner is None:
            refuse(node, "the value is always None here")
        inner = kind.inner

        def emit() -> None:
            value.emit()
            kept = self.frame.temp("i32")
            self.f.tee(kept)
            self.f.op("i32.eqz")
            self.frame.crash_if(text, self.line(node))
            self.f.get(kept)
            self.frame.unbox(inner)

        return Value(inner, emit, value.calls)

    def same(self, value: Value, kind: k.Kind) -> Value:
        """The value as one of a kind that is known to hold it."""
        return Value(
            kind, steps(value.emit, lambda: self.frame.convert(value.kind, kind)), value.calls
        )

    # --- names -----------------------------------------------------------------------------------

    def name(self, node: ast.Name) -> Checked:
        """What a name means here."""
        found = self.names.get(node.id)
        if found is None:
            return self._outer(node)
        if not isinstance(found, k.Kind):
            return found
        if found == k.UNTOLD:
            raise Untold
        if self.assigned is not None and node.id not in self.assigned:
            refuse(
                node,
                f"{node.id!r} may not have a value here; give it one before, on every way",
            )
        return Value(found, lambda: self.frame.load(self.variable(node.id)))

    def variable(self, name: str) -> Any:
        """The place of a variable, made when it is first needed."""
        kind = self.names[name]
        if name not in self.made:
            self.made[name] = self.frame.variable(kind)  # type: ignore[arg-type]  # of a kind
        return self.made[name]

    def _outer(self, node: ast.Name) -> Checked:
        if node.id in self.own:
            # To Python it is a local variable everywhere, whatever the module has of that name.
            refuse(
                node,
                f"{node.id!r} has no value here; it is given one in this function, so it is none "
                "of the module's: give it one before, or use two names",
            )
        found = self.unit.outer(self.source.function, node.id)
        if found is UNKNOWN:
            refuse(node, f"the name {node.id!r} is unknown")
        return self.known(found, node)

    def known(self, found: Any, node: ast.AST) -> Checked:
        """A Python object that exists while compiling."""
        if isinstance(found, Enum) or type(found) in _CONSTANTS:
            return self.constant(found, node)
        return Known(found)

    def assign(self, name: str, value: Checked, node: ast.AST) -> Callable[[], None]:
        """Give a variable a value."""
        line = self.first_lines.setdefault(name, self.line(node))
        have = self.names.get(name)
        if have == k.UNTOLD:
            if self.assigned is not None:
                self.assigned.add(name)
            return lambda: None
        if not isinstance(value, Value):
            if isinstance(value, Context) and value.part == "ctx":
                refuse(node, "the context cannot be assigned; use ctx itself")
            if have is not None and have != value:
                refuse(node, f"{name!r} stands for something else at line {line}; use two names")
            self.names[name] = value
            return lambda: None
        if have is not None and not isinstance(have, k.Kind):
            refuse(node, f"{name!r} stands for {show(have)} at line {line}; use two names")
        if have is None:
            self.names[name] = value.kind
        elif have != value.kind:
            both = k.join(have, value.kind)
            if both is None:
                refuse(
                    node,
                    f"{name!r} is {have} at line {line} and {value.kind} here; use two names",
                )
            if both != have:
                self.names[name] = k.widen(have, both) if self.rounds > 2 else both
                self.grown = True
        if self.assigned is not None:
            self.assigned.add(name)
        kind = self.names[name]
        assert isinstance(kind, k.Kind)

        def emit() -> None:
            value.emit()
            self.convert_to(value.kind, kind)
            self.frame.store(self.variable(name))

        return emit

    def convert_to(self, have: k.Kind, want: k.Kind) -> None:
        """What is on the stack, as a kind that holds it; options of other contents included."""
        self.frame.convert(have, want)
