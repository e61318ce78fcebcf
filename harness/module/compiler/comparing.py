"""Functions made for each kind: are two values equal, what is their text, is one in a list."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from harness.module.compiler import helpers
from harness.module.compiler import kinds as k
from harness.module.compiler.codecs import DATA, load_stored, store_stored, unbox
from harness.module.compiler.values import steps
from harness.module.wasm.assembler import Function

if TYPE_CHECKING:
    from harness.module.compiler.unit import Unit

_BLOBS = (k.STR, k.BYTES, k.IDENTITY, k.CONNECTION_ID)
#: The C type of each way of storing, for the parameters of ``append``.
_WORDS = {"s": ("i64",), "u": ("i64",), "w": ("i64", "i64"), "ref": ("i32",)}


class Comparing:
    """Makes each function once."""

    def __init__(self, unit: Unit) -> None:
        self._unit = unit
        self._names: dict[tuple[str, k.Kind], str] = {}

    def _made(
        self,
        what: str,
        kind: k.Kind,
        params: tuple[str, ...],
        results: tuple[str, ...],
        make: Callable[[Function], None],
    ) -> str:
        name = self._names.get((what, kind))
        if name is None:
            name = self._names[what, kind] = f"{what}.{len(self._names)}"
            make(self._unit.assembler.function(name, params, results))
        return name

    # --- equality --------------------------------------------------------------------------------

    def may_fail(self, kind: k.Kind) -> bool:
        """Whether comparing two of a kind leaves an error if they are nan at the same place.

        Within lists and rows Python takes the same object for equal before it looks at the number,
        and versions of Python differ in it. Numbers are no objects here: neither answer is right.
        """
        inner = kind.inner if isinstance(kind, k.Option) else kind
        return isinstance(inner, k.Struct | k.List) and _has_float(inner, self._unit)

    def alike(self, f: Function, kind: k.Kind) -> None:
        """As ``equal``, of what is in a list or row."""
        if kind == k.FLOAT:
            f.call(self._made("alike", kind, ("f64", "f64"), ("i32",), _alike_floats))
        elif isinstance(kind, k.Option) and _has_float(kind, self._unit):
            within = partial(self._equal_option, kind=kind, within=self.alike)
            f.call(self._made("alike", kind, ("i32", "i32"), ("i32",), within))
        else:
            self.equal(f, kind)

    def equal(self, f: Function, kind: k.Kind) -> None:
        """1 if the two values on the stack are equal."""
        if isinstance(kind, k.Int) and kind.form == "w":
            f.call("rt.w_cmp")
            f.op("i32.eqz")
        elif isinstance(kind, k.Int) or kind in (k.TIMESTAMP, k.DURATION):
            f.op("i64.eq")
        elif kind == k.FLOAT:
            f.op("f64.eq")
        elif kind == k.BOOL or isinstance(kind, k.Enumeration):
            f.op("i32.eq")
        elif kind in _BLOBS:
            f.call("rt.str_eq")
        else:
            f.call(self._made("equal", kind, ("i32", "i32"), ("i32",), self._equal(kind)))

    def _equal(self, kind: k.Kind) -> Callable[[Function], None]:
        def make(f: Function) -> None:
            if not _has_float(kind, self._unit):
                f.get(0)
                f.get(1)
                f.op("i32.eq")
                with f.if_():
                    f.i32(1)
                    f.op("return")
            if isinstance(kind, k.Struct):
                self._equal_struct(f, kind)
            elif isinstance(kind, k.Option):
                self._equal_option(f, kind, self.equal)
            elif isinstance(kind, k.List):
                self._equal_list(f, kind)
            else:
                self._equal_schedule(f)

        return make

    def _equal_struct(self, f: Function, kind: k.Struct) -> None:
        for field in self._unit.shapes.shape(kind.class_).fields:
            for place in (0, 1):
                f.get(place)
                load_stored(f, field.stored, field.offset)
            self.alike(f, field.kind)
            f.op("i32.eqz")
            with f.if_():
                f.i32(0)
                f.op("return")
        f.i32(1)

    def _equal_option(
        self, f: Function, kind: k.Option, within: Callable[[Function, k.Kind], None]
    ) -> None:
        assert kind.inner is not None
        f.get(0)
        f.op("i32.eqz")
        f.get(1)
        f.op("i32.eqz", "i32.or")
        with f.if_("i32"):
            f.get(0)
            f.get(1)
            f.op("i32.eq")
            f.else_()
            for place in (0, 1):
                f.get(place)
                unbox(f, kind.inner)
            within(f, kind.inner)

    def _equal_list(self, f: Function, kind: k.List) -> None:
        at = f.local("i32")
        for place in (0, 1):
            f.get(place)
            f.memory("i32.load", 4)
        f.op("i32.ne")
        with f.if_():
            f.i32(0)
            f.op("return")
        if kind.element is None:
            f.i32(1)
            return
        slot = k.stored(kind.element)
        with f.block() as done, f.loop() as again:
            f.get(at)
            f.get(0)
            f.memory("i32.load", 4)
            f.op("i32.ge_u")
            f.br_if(done)
            for place in (0, 1):
                self._item(f, place, at, slot)
            self.alike(f, kind.element)
            f.op("i32.eqz")
            with f.if_():
                f.i32(0)
                f.op("return")
            f.get(at)
            f.i32(1)
            f.op("i32.add")
            f.set(at)
            f.br(again)
        f.i32(1)

    def _equal_schedule(self, f: Function) -> None:
        for load, offset in (("i32.load", 4), ("i64.load", 8)):
            for place in (0, 1):
                f.get(place)
                f.memory(load, offset)
            f.op("i32.eq" if offset == 4 else "i64.eq")
        f.op("i32.and")

    def _item(self, f: Function, list_: int, at: int, slot: str) -> None:
        f.get(list_)
        f.memory("i32.load", 8)
        f.get(at)
        f.i32(k.SIZES[slot])
        f.op("i32.mul", "i32.add")
        load_stored(f, slot, DATA)

    def contains(self, f: Function, element: k.Kind) -> None:
        """1 if the value below the list on the stack is in it."""
        slot = k.stored(element)
        words = _WORDS.get(slot, (slot,))

        def make(g: Function) -> None:
            list_, at = len(words), g.local("i32")
            with g.block() as done, g.loop() as again:
                g.get(at)
                g.get(list_)
                g.memory("i32.load", 4)
                g.op("i32.ge_u")
                g.br_if(done)
                self._item(g, list_, at, slot)
                for place in range(len(words)):
                    g.get(place)
                self.alike(g, element)
                with g.if_():
                    g.i32(1)
                    g.op("return")
                g.get(at)
                g.i32(1)
                g.op("i32.add")
                g.set(at)
                g.br(again)
            g.i32(0)

        f.call(self._made("contains", element, (*words, "i32"), ("i32",), make))

    # --- lists -----------------------------------------------------------------------------------

    def append(self, f: Function, element: k.Kind) -> None:
        """Append the value on the stack to the list below it."""
        slot = k.stored(element)
        words = _WORDS.get(slot, (slot,))

        def make(g: Function) -> None:
            g.get(0)
            g.i32(k.SIZES[slot])
            g.i32(int(slot == "ref"))
            g.call("rt.list_reserve")

            def address() -> None:
                g.get(0)
                g.memory("i32.load", 8)
                g.get(0)
                g.memory("i32.load", 4)
                g.i32(k.SIZES[slot])
                g.op("i32.mul", "i32.add")

            store_stored(
                g, slot, DATA, address, steps(*(partial(g.get, 1 + x) for x in range(len(words))))
            )
            g.get(0)
            g.get(0)
            g.memory("i32.load", 4)
            g.i32(1)
            g.op("i32.add")
            g.memory("i32.store", 4)

        representatives: dict[str, k.Kind] = {
            "s": k.Int(*k.S64), "u": k.Int(*k.U64), "w": k.Int(*k.W128), "f64": k.FLOAT,
            "i32": k.BOOL, "ref": k.STR,
        }  # fmt: skip
        f.call(self._made("append", representatives[slot], ("i32", *words), (), make))

    # --- texts -----------------------------------------------------------------------------------

    def text(self, f: Function, kind: k.Kind) -> None:
        """``str`` of the value on the stack."""
        if isinstance(kind, k.Int):
            f.call(f"rt.str_{kind.form}")
        elif kind == k.BOOL:
            f.call("rt.str_bool")
        elif kind == k.FLOAT:
            f.call("rt.str_f64")
        elif kind in (k.IDENTITY, k.CONNECTION_ID):
            f.i32(DATA)
            f.op("i32.add")
            f.i32(32 if kind == k.IDENTITY else 16)
            f.call("rt.hex_reversed")
        elif kind in (k.TIMESTAMP, k.DURATION):
            f.call(self._made("text", kind, ("i64",), ("i32",), self._text_of_time(kind)))
        elif isinstance(kind, k.Enumeration):
            texts = [self._unit.text(str(member)) for member in kind.class_]
            table = self._unit.table_of(texts)
            f.i32(4)
            f.op("i32.mul")
            f.memory("i32.load", table)
        elif isinstance(kind, k.Option):
            f.call(self._made("text", kind, ("i32",), ("i32",), self._text_of_option(kind)))

    def _text_of_time(self, kind: k.Kind) -> Callable[[Function], None]:
        def make(f: Function) -> None:
            f.i32(self._unit.text(f"{kind}(micros="))
            f.get(0)
            f.call("rt.str_s")
            f.call("rt.str_concat")
            f.i32(self._unit.text(")"))
            f.call("rt.str_concat")

        return make

    def _text_of_option(self, kind: k.Option) -> Callable[[Function], None]:
        def make(f: Function) -> None:
            f.get(0)
            f.op("i32.eqz")
            with f.if_("i32"):
                f.i32(self._unit.text("None"))
                f.else_()
                f.get(0)
                if kind.inner is not None:
                    unbox(f, kind.inner)
                    self.text(f, kind.inner)

        return make


def _alike_floats(f: Function) -> None:
    """Equal numbers; fails if both are nan."""
    for place in (0, 1):
        f.get(place)
        f.get(place)
        f.op("f64.ne")
    f.op("i32.and")
    with f.if_():
        helpers.fail(f, helpers.NAN)
    f.get(0)
    f.get(1)
    f.op("f64.eq")


def _has_float(kind: k.Kind, unit: Unit) -> bool:
    """Whether there is a float in it: nan is not equal to itself."""
    if isinstance(kind, k.Struct):
        fields = unit.shapes.shape(kind.class_).fields
        return any(_has_float(field.kind, unit) for field in fields)
    if isinstance(kind, k.List | k.Option):
        inner = kind.element if isinstance(kind, k.List) else kind.inner
        return inner is not None and _has_float(inner, unit)
    return kind == k.FLOAT
