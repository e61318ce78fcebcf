"""How scalars, arrays and products are read from JSON and written to it.

A form is three functions for one type: read either style, write named, write positional. They are
made once for each type by ``satsjson``, which also says what the styles are.
"""

from __future__ import annotations

import binascii
import math
import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NoReturn, TypeAlias

from harness.wire import types as t
from harness.wire import values as v
from harness.wire.program import DEPTH_LIMIT

Convert: TypeAlias = Callable[[Any, int], Any]
"""From a value or object at a depth to the other form."""

_F32 = struct.Struct("<f")


class Misfit(Exception):
    """What is wrong; the path is gathered, last part first, while the stack unwinds."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.parts: list[str] = []


def expected(what: str, got: object) -> NoReturn:
    try:
        shown = repr(got)
    except ValueError:  # a number of thousands of digits
        shown = object.__repr__(got)
    raise Misfit(f"expected {what}, got {shown if len(shown) <= 60 else shown[:57] + '...'}")


def deeper_than(depth: int) -> int:
    if depth >= DEPTH_LIMIT:
        raise Misfit(f"values are nested deeper than {DEPTH_LIMIT}")
    return depth + 1


@dataclass(frozen=True, slots=True)
class Form:
    """How one type is read and written."""

    read: Convert
    named: Convert
    positional: Convert


# --- scalars -------------------------------------------------------------------------------------


def _both(read: Callable[[Any], Any], write: Callable[[Any], Any]) -> Form:
    """A form that has no inside, so that depth and style do not matter."""

    def written(value: Any, depth: int) -> Any:
        return write(value)

    return Form(lambda json, depth: read(json), written, written)


def scalar(kind: t.Kind) -> Form:
    if kind is t.Kind.BOOL:
        return _both(_check_bool, _check_bool)
    if kind is t.Kind.STRING:
        return _both(_check_text, _check_text)
    if kind in (t.Kind.F32, t.Kind.F64):
        is_f32 = kind is t.Kind.F32
        return _both(_read_f32, _write_f32) if is_f32 else _both(_read_float, _write_float)
    check = _range_check(kind)
    if t.WIDTHS[kind] <= 16:
        return _both(check, check)
    return _both(lambda json: check(_from_hex(json)), lambda value: hex(check(value)))


def _check_bool(value: Any) -> bool:
    return value if isinstance(value, bool) else expected("bool", value)


def _check_text(value: Any) -> str:
    if not isinstance(value, str):
        expected("text", value)
    if not value.isascii():
        try:
            value.encode()
        except UnicodeEncodeError:
            expected("text without lone surrogates", value)
    return value


def _range_check(kind: t.Kind) -> Callable[[Any], int]:
    bits, signed = t.INTEGERS[kind]
    low, high = (-(1 << (bits - 1)), 1 << (bits - 1)) if signed else (0, 1 << bits)
    name = kind.name.lower()

    def check(value: Any) -> int:
        if type(value) is not int and (isinstance(value, bool) or not isinstance(value, int)):
            expected(name, value)
        if not low <= value < high:
            expected(name, value)
        return int(value)

    return check


def _from_hex(json: Any) -> int:
    if not isinstance(json, str):
        expected('text such as "0x1f"', json)
    digits = json.removeprefix("-")
    # 256 bits are 64 digits; int() would take underscores and spaces, too.
    if not digits.startswith("0x") or len(digits) > 66 or not digits[2:].isalnum():
        expected('text such as "0x1f"', json)
    try:
        number = int(digits[2:], 16)
    except ValueError:
        expected('text such as "0x1f"', json)
    return number if digits == json else -number


def _read_float(json: Any) -> float:
    if json is None:
        return math.nan
    if isinstance(json, bool) or not isinstance(json, int | float):
        expected("a number", json)
    try:
        return float(json)
    except OverflowError:
        return math.inf if json > 0 else -math.inf


def _read_f32(json: Any) -> float:
    number = _read_float(json)
    try:
        rounded: float = _F32.unpack(_F32.pack(number))[0]
    except OverflowError:  # beyond the largest f32: infinity, as servers read it
        return math.copysign(math.inf, number)
    return rounded


def _write_float(value: Any) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        expected("a number", value)
    return value if math.isfinite(value) else None


def _write_f32(value: Any) -> float | None:
    """The number of fewest digits that is this f32: 0.1, not 0.10000000149011612."""
    number = _write_float(value)
    if number is None or not math.isfinite(number := _read_f32(number)):
        return None
    # Nine digits tell any two f32 apart, and six are enough for most numbers that people write.
    for digits in range(6, 10):
        shorter = float(f"{number:.{digits}g}")
        if _read_f32(shorter) == number:
            return shorter
    return number


def _read_bytes(json: Any) -> bytes:
    try:
        if isinstance(json, str):
            return binascii.unhexlify(json)
        if isinstance(json, list) and not any(isinstance(item, bool) for item in json):
            return bytes(json)
    except (ValueError, TypeError):
        pass
    expected("hexadecimal text or an array of bytes", json)


def _write_bytes(value: Any) -> str:
    if not isinstance(value, bytes | bytearray | memoryview):
        expected("bytes", value)
    return bytes(value).hex()


BYTES = _both(_read_bytes, _write_bytes)


def _number_form(kind: t.Kind) -> Form:
    """Identity and ConnectionId hold little-endian bytes; in JSON they are numbers."""
    width, inner = t.WIDTHS[kind], scalar(kind)

    def read(json: Any) -> bytes:
        number: int = inner.read(json, 0)
        return number.to_bytes(width, "little")

    def write(value: Any) -> Any:
        if not isinstance(value, bytes) or len(value) != width:
            expected(f"{width} bytes", value)
        return inner.named(int.from_bytes(value, "little"), 0)

    return _both(read, write)


NUMBERS: dict[Any, Form] = {
    v.Identity: _number_form(t.Kind.U256),
    v.ConnectionId: _number_form(t.Kind.U128),
}


# --- arrays and products -------------------------------------------------------------------------


def array(element: Form) -> Form:
    def through(convert: Convert) -> Convert:
        def each(items: Any, depth: int) -> list[Any]:
            if not isinstance(items, list | tuple):
                expected("an array", items)
            deeper = deeper_than(depth)
            done: list[Any] = []
            try:
                for item in items:
                    done.append(convert(item, deeper))
            except Misfit as misfit:
                misfit.parts.append(f"[{len(done)}]")
                raise
            return done

        return each

    return Form(through(element.read), through(element.named), through(element.positional))


def _convert_fields(
    converts: Sequence[Convert], names: Sequence[str | None], items: Sequence[Any], depth: int
) -> list[Any]:
    done: list[Any] = []
    try:
        for convert, item in zip(converts, items, strict=True):
            done.append(convert(item, depth))
    except Misfit as misfit:
        name = names[len(done)]
        misfit.parts.append(f"[{len(done)}]" if name is None else f".{name}")
        raise
    return done


def product(
    names: Sequence[str | None],
    forms: Sequence[Form],
    class_: type[Any] | None,
    attributes: tuple[str, ...],
) -> Form:
    count = len(names)
    keys = [name for name in names if name is not None]
    has_names = len(keys) == count and count > 0
    readers = [form.read for form in forms]

    def items_of(json: Any) -> Sequence[Any]:
        if isinstance(json, list):
            if len(json) != count:
                raise Misfit(f"expected {count} fields, got {len(json)}")
            return json
        if not isinstance(json, dict) or not (has_names or count == 0):
            expected("an object" if has_names else f"an array of {count}", json)
        for key in json:
            if key not in keys:
                raise Misfit(f"there is no field {key!r}")
        for key in keys:
            if key not in json:
                raise Misfit(f"the field {key!r} is missing")
        return [json[key] for key in keys]

    def read(json: Any, depth: int) -> Any:
        deeper = deeper_than(depth)
        fields = _convert_fields(readers, names, items_of(json), deeper)
        if class_ is None:
            return tuple(fields)
        return class_(**dict(zip(attributes, fields, strict=True)))

    def writer(converts: Sequence[Convert]) -> Convert:
        def write(value: Any, depth: int) -> list[Any]:
            deeper = deeper_than(depth)
            items = _fields_of(value, class_, attributes, count)
            return _convert_fields(converts, names, items, deeper)

        return write

    positional = writer([form.positional for form in forms])
    in_order = writer([form.named for form in forms])

    def named(value: Any, depth: int) -> Any:
        return dict(zip(keys, in_order(value, depth), strict=True))

    return Form(read, named if has_names else in_order, positional)


def _fields_of(
    value: Any, class_: type[Any] | None, attributes: tuple[str, ...], count: int
) -> Sequence[Any]:
    if isinstance(value, tuple):
        if len(value) != count:
            expected(f"{count} fields", value)
        return value
    if class_ is None or not isinstance(value, class_):
        expected("tuple" if class_ is None else class_.__name__, value)
    try:
        return [getattr(value, attribute) for attribute in attributes]
    except AttributeError as error:
        raise Misfit(f"the field {error.name!r} is not set") from None
