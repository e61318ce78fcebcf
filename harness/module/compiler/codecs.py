"""Functions that turn objects into BSATN and back, made for each type that a module uses.

A writer puts bytes behind the heap's top, where nothing is allocated meanwhile, and gives the
address after them. A reader takes bytes from the global ``rd`` and makes objects; nothing collects
garbage while it does.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from harness.module.compiler import kinds as k
from harness.module.compiler.frame import formed
from harness.module.compiler.shapes import HEADER, LIST_ID, SCHEDULE_ID, Field, Shape
from harness.module.compiler.values import steps
from harness.module.wasm.assembler import Function
from harness.wire import types as t

if TYPE_CHECKING:
    from harness.module.compiler.unit import Unit

#: Bits of an integer → what stores and loads it; unsigned loads end in ``_u``.
_STORES = {8: "i64.store8", 16: "i64.store16", 32: "i64.store32", 64: "i64.store"}
_OPAQUE = {k.IDENTITY: 32, k.CONNECTION_ID: 16}
#: Where the contents of a blob begin, and its size stands.
DATA, NBYTES = 8, 4


class Codecs:
    """Makes each function once; they are called by the names given back."""

    def __init__(self, unit: Unit) -> None:
        self._unit = unit
        self._names: dict[tuple[str, t.Type, str], str] = {}

    def writer(self, type_: t.Type, label: str) -> str:
        """``(value, address) -> address``; ``label`` names the place in errors."""
        return self._made("write", type_, label, self._write_function)

    def reader(self, type_: t.Type) -> str:
        """``() -> value``, from ``rd``."""
        return self._made("read", type_, "", self._read_function)

    def _made(
        self, what: str, type_: t.Type, label: str, make: Callable[[str, t.Type, str], None]
    ) -> str:
        key = (what, type_, label)
        if key not in self._names:
            self._names[key] = f"{what}.{len(self._names)}"
            make(self._names[key], type_, label)
        return self._names[key]

    def _kind(self, type_: t.Type) -> k.Kind:
        return self._unit.shapes.kind(type_, "type")

    # --- writing ---------------------------------------------------------------------------------

    def _write_function(self, name: str, type_: t.Type, label: str) -> None:
        kind = self._kind(type_)
        f = self._unit.assembler.function(name, (*kind.wasm, "i32"), ("i32",))
        values = list(range(len(kind.wasm)))
        writer = _Writer(self._unit, f, len(values), fixed_size(type_, self._unit))
        writer.room()
        if isinstance(kind, k.Struct):
            for field in self._unit.shapes.shape(kind.class_).fields:
                load = _field_loader(f, 0, field)
                writer.value(field.type, field.kind, load, f"{kind.class_.__name__}.{field.name}")
        else:
            writer.value(type_, kind, steps(*(partial(f.get, place) for place in values)), label)
        writer.end()

    # --- reading ---------------------------------------------------------------------------------

    def _read_function(self, name: str, type_: t.Type, label: str) -> None:
        kind = self._kind(type_)
        f = self._unit.assembler.function(name, (), kind.wasm)
        reader = _Reader(self._unit, f)
        if not isinstance(kind, k.Struct):
            reader.value(type_, kind)
            results = [f.local(type_) for type_ in kind.wasm]
            for place in reversed(results):
                f.set(place)
            reader.end()
            for place in results:
                f.get(place)
            return
        shape = self._unit.shapes.shape(kind.class_)
        made = f.local("i32")
        new_object(f, shape)
        f.set(made)
        for field in shape.fields:
            store_field(
                f, field, lambda: f.get(made), partial(reader.value, field.type, field.kind)
            )
        reader.end()
        f.get(made)


class _Writer:
    """Writes to an address in a local; ``_offset`` is what has been written since it was set.

    There is always memory for ``fixed`` further bytes, which are all that has no size of its own.
    """

    def __init__(self, unit: Unit, f: Function, at: int, fixed: int) -> None:
        self._unit, self._f, self._at, self._offset = unit, f, at, 0
        self._fixed = fixed

    def room(self, nbytes: int = 0) -> None:
        """Make sure that there is memory for so many more bytes, besides the fixed ones."""
        self._ensure(lambda: self._f.i32(self._offset + nbytes))

    def _ensure(self, more: Callable[[], None]) -> None:
        self._f.get(self._at)
        self._f.global_get("heap_top")
        self._f.op("i32.sub")
        more()
        self._f.op("i32.add")
        self._f.i32(self._fixed)
        self._f.op("i32.add")
        self._f.call("rt.ensure")

    def end(self) -> None:
        """Leave the address after what was written."""
        self._f.get(self._at)
        self._f.i32(self._offset)
        self._f.op("i32.add")

    def _settle(self) -> None:
        """Make the address that of the next byte."""
        self.end()
        self._f.set(self._at)
        self._offset = 0

    def value(self, type_: t.Type, kind: k.Kind, load: Callable[[], object], label: str) -> None:
        """Write what ``load`` leaves on the stack."""
        f = self._f
        width = _width(type_)
        if isinstance(kind, k.Int):
            self._simple(load, _STORES[8 * width], width)
        elif kind == k.FLOAT:
            if width == 8:
                self._simple(load, "f64.store", 8)
            else:
                self._simple(steps(load, lambda: self._to_f32(label)), "f32.store", 4)
        elif kind == k.BOOL or isinstance(kind, k.Enumeration):
            self._simple(load, "i32.store8", 1)
        elif kind in (k.TIMESTAMP, k.DURATION):
            self._simple(load, "i64.store", 8)
        elif kind in _OPAQUE:
            self._copied(load, _OPAQUE[kind])
        elif kind == k.SCHEDULE_AT:
            self._simple(steps(load, lambda: f.memory("i32.load", HEADER)), "i32.store8", 1)
            self._simple(steps(load, lambda: f.memory("i64.load", 8)), "i64.store", 8)
        elif kind in (k.STR, k.BYTES):
            self._text(load)
        elif isinstance(kind, k.Option):
            self._option(type_, kind, load, label)
        elif isinstance(kind, k.List):
            self._list(type_, kind, load, label)
        else:
            self._settle()
            load()
            f.get(self._at)
            f.call(self._unit.codecs.writer(type_, label))
            f.set(self._at)
            self.room()

    def _simple(self, load: Callable[[], object], store: str, width: int) -> None:
        self._f.get(self._at)
        load()
        self._f.memory(store, self._offset)
        self._offset += width

    def _to_f32(self, label: str) -> None:
        self._f.i32(self._unit.text(f"EncodeError: {label}: expected f32, got "))
        self._f.call("to_f32")

    def _copied(self, load: Callable[[], object], nbytes: int) -> None:
        self.end()
        load()
        self._f.i32(DATA)
        self._f.op("i32.add")
        self._f.i32(nbytes)
        self._f.op("memory.copy")
        self._offset += nbytes

    def _text(self, load: Callable[[], object]) -> None:
        f, kept = self._f, self._f.local("i32")
        self._settle()
        load()
        f.set(kept)
        self._ensure(
            steps(
                lambda: f.get(kept),
                lambda: f.memory("i32.load", NBYTES),
                lambda: f.i32(4),
                lambda: f.op("i32.add"),
            )
        )
        f.get(self._at)
        f.get(kept)
        f.call("rt.write_str")
        f.set(self._at)

    def _option(
        self, type_: t.Type, kind: k.Option, load: Callable[[], object], label: str
    ) -> None:
        f, kept = self._f, self._f.local("i32")
        inner = t.option_payload(type_)
        assert inner is not None
        assert kind.inner is not None
        self._settle()
        self.room(1 + fixed_size(inner, self._unit))
        load()
        f.tee(kept)
        with f.if_():
            self._simple(lambda: f.i32(0), "i32.store8", 1)
            self.value(
                inner, kind.inner, steps(lambda: f.get(kept), lambda: unbox(f, kind.inner)), label
            )
            self._settle()
            f.else_()
            self._simple(lambda: f.i32(1), "i32.store8", 1)
            self._settle()
        self.room()

    def _list(self, type_: t.Type, kind: k.List, load: Callable[[], object], label: str) -> None:
        f = self._f
        assert isinstance(type_, t.Array)
        assert kind.element is not None
        element = self._unit.shapes.kind(type_.element, label)
        kept, place, count = (f.local("i32") for _ in range(3))
        self._settle()
        self.room(4)
        load()
        f.tee(kept)
        f.memory("i32.load", HEADER)
        f.set(count)
        self._simple(lambda: f.get(count), "i32.store", 4)
        self._settle()
        f.i32(0)
        f.set(place)
        with f.block() as done, f.loop() as again:
            f.get(place)
            f.get(count)
            f.op("i32.ge_u")
            f.br_if(done)
            self.room(fixed_size(type_.element, self._unit))
            slot = k.stored(kind.element)

            def element_value() -> None:
                f.get(kept)
                f.memory("i32.load", 8)
                f.get(place)
                f.i32(k.SIZES[slot])
                f.op("i32.mul", "i32.add")
                load_stored(f, slot, DATA)
                if isinstance(element, k.Int):
                    self._unit.narrow(f, element, type_.element, label)

            self.value(type_.element, element, element_value, label)
            self._settle()
            f.get(place)
            f.i32(1)
            f.op("i32.add")
            f.set(place)
            f.br(again)
        self.room()


class _Reader:
    """Reads from an address that is taken from ``rd`` and given back to it."""

    def __init__(self, unit: Unit, f: Function) -> None:
        self._unit, self._f, self._offset = unit, f, 0
        self._at = f.local("i32")
        self._begin()

    def _begin(self) -> None:
        self._f.global_get("rd")
        self._f.set(self._at)
        self._offset = 0

    def end(self) -> None:
        """Make ``rd`` the address after what was read."""
        self._f.get(self._at)
        self._f.i32(self._offset)
        self._f.op("i32.add")
        self._f.global_set("rd")

    def value(self, type_: t.Type, kind: k.Kind) -> None:
        """Leave the value on the stack."""
        f, width = self._f, _width(type_)
        if isinstance(kind, k.Int):
            sign = "" if width == 8 else "_s" if kind.lo < 0 else "_u"
            self._simple(f"i64.load{'' if width == 8 else 8 * width}{sign}", width)
        elif kind == k.FLOAT:
            self._simple("f64.load" if width == 8 else "f32.load", width)
            if width == 4:
                f.op("f64.promote_f32")
        elif kind == k.BOOL or isinstance(kind, k.Enumeration):
            self._simple("i32.load8_u", 1)
        elif kind in (k.TIMESTAMP, k.DURATION):
            self._simple("i64.load", 8)
        elif kind in _OPAQUE:
            self._copied(_OPAQUE[kind])
        elif kind == k.SCHEDULE_AT:
            self._simple("i32.load8_u", 1)
            self._simple("i64.load", 8)
            f.call("new_schedule")
        elif isinstance(kind, k.Option):
            self._option(type_, kind)
        else:
            self.end()
            if kind in (k.STR, k.BYTES):
                f.call("rt.read_str")
            elif isinstance(kind, k.List):
                self._list(type_, kind)
            else:
                f.call(self._unit.codecs.reader(type_))
            self._begin()

    def _simple(self, load: str, width: int) -> None:
        self._f.get(self._at)
        self._f.memory(load, self._offset)
        self._offset += width

    def _copied(self, nbytes: int) -> None:
        f, made = self._f, self._f.local("i32")
        f.i32(nbytes)
        f.call("rt.blob")
        f.tee(made)
        f.i32(DATA)
        f.op("i32.add")
        f.get(self._at)
        f.i32(self._offset)
        f.op("i32.add")
        f.i32(nbytes)
        f.op("memory.copy")
        f.get(made)
        self._offset += nbytes

    def _option(self, type_: t.Type, kind: k.Option) -> None:
        f = self._f
        inner = t.option_payload(type_)
        assert inner is not None
        assert kind.inner is not None
        self._simple("i32.load8_u", 1)
        self.end()
        with f.if_("i32"):
            f.i32(0)
            f.else_()
            f.call(self._unit.codecs.reader(inner))
            self._unit.box(f, kind.inner)
        self._begin()

    def _list(self, type_: t.Type, kind: k.List) -> None:
        f = self._f
        assert isinstance(type_, t.Array)
        assert kind.element is not None
        slot = k.stored(kind.element)
        element = self._unit.shapes.kind(type_.element, "list")
        count, place, data = (f.local("i32") for _ in range(3))
        f.global_get("rd")
        f.memory("i32.load")
        f.set(count)
        f.global_get("rd")
        f.i32(4)
        f.op("i32.add")
        f.global_set("rd")
        f.get(count)
        if slot == "ref":
            f.call("rt.pointers")
        else:
            f.i32(k.SIZES[slot])
            f.op("i32.mul")
            f.call("rt.blob")
        f.set(data)
        f.i32(0)
        f.set(place)
        values = [f.local(name) for name in element.wasm]
        with f.block() as done, f.loop() as again:
            f.get(place)
            f.get(count)
            f.op("i32.ge_u")
            f.br_if(done)
            f.call(self._unit.codecs.reader(type_.element))
            for local in reversed(values):
                f.set(local)

            def address() -> None:
                f.get(data)
                f.get(place)
                f.i32(k.SIZES[slot])
                f.op("i32.mul", "i32.add")

            def value() -> None:
                for local in values:
                    f.get(local)
                if isinstance(element, k.Int):
                    formed(f, element.form, "w")

            store_stored(f, slot, DATA, address, value)
            f.get(place)
            f.i32(1)
            f.op("i32.add")
            f.set(place)
            f.br(again)
        f.get(count)
        f.get(data)
        f.call("new_list")


# --- objects -------------------------------------------------------------------------------------


def new_object(f: Function, shape: Shape) -> None:
    """Leave a new object with its header."""
    made = f.local("i32")
    f.i32(shape.size)
    f.call("rt.alloc")
    f.tee(made)
    f.i32(shape.id)
    f.memory("i32.store")
    f.get(made)


def load_stored(f: Function, slot: str, offset: int) -> None:
    """Load what lies at the address on the stack."""
    if slot != "w":
        name = {"s": "i64", "u": "i64", "ref": "i32"}.get(slot, slot)
        f.memory(f"{name}.load", offset)
        return
    kept = f.local("i32")
    f.tee(kept)
    f.memory("i64.load", offset)
    f.get(kept)
    f.memory("i64.load", offset + 8)


def store_stored(
    f: Function,
    slot: str,
    offset: int,
    address: Callable[[], object],
    value: Callable[[], object],
) -> None:
    """Store a value at an address; the value is computed first."""
    types = {"s": ("i64",), "u": ("i64",), "ref": ("i32",), "w": ("i64", "i64")}.get(slot, (slot,))
    value()
    kept = [f.local(type_) for type_ in types]
    for place in reversed(kept):
        f.set(place)
    for number, place in enumerate(kept):
        address()
        f.get(place)
        f.memory(f"{types[0]}.store", offset + 8 * number)


def store_field(
    f: Function, field: Field, address: Callable[[], object], value: Callable[[], object]
) -> None:
    """Store a value in a field of the object at an address."""
    store_stored(f, field.stored, field.offset, address, value)


def unbox(f: Function, kind: k.Kind | None) -> None:
    """What is in the box on the stack."""
    assert kind is not None
    if kind.heap:
        return
    if isinstance(kind, k.Int) and kind.form == "w":
        load_stored(f, "w", DATA)
    else:
        f.memory(f"{kind.wasm[0]}.load", DATA)


def _width(type_: t.Type) -> int:
    return t.WIDTHS.get(type_.kind, 0) if isinstance(type_, t.Scalar) else 0


def fixed_size(type_: t.Type, unit: Unit) -> int:
    """Bytes that a value takes without what makes room for itself: texts, lists, options."""
    kind = unit.shapes.kind(type_, "type")
    if isinstance(kind, k.Struct):
        fields = unit.shapes.shape(kind.class_).fields
        return sum(fixed_size(field.type, unit) for field in fields)
    if kind in _OPAQUE:
        return _OPAQUE[kind]
    if kind == k.SCHEDULE_AT:
        return 9
    if kind in (k.TIMESTAMP, k.DURATION):
        return 8
    if isinstance(kind, k.Enumeration):
        return 1
    return _width(type_)


def _field_loader(f: Function, object_: int, field: Field) -> Callable[[], None]:
    def load() -> None:
        f.get(object_)
        load_stored(f, field.stored, field.offset)

    return load


__all__ = ["DATA", "LIST_ID", "NBYTES", "SCHEDULE_ID", "Codecs"]
