"""JSON text ⇄ plain Python objects, as SATS-JSON needs it.

Numbers go beyond 64 bits and must survive, a key may stand only once in an object, and neither
NaN nor infinity is a number. ``msgspec`` is quicker and writes wherever the numbers allow it.
"""

from __future__ import annotations

import json
from typing import Any, NoReturn

import msgspec

from harness.errors import DecodeError


def loads(text: str | bytes) -> Any:
    """The object that the text says.

    Raises ``DecodeError`` for what is no JSON, with the position of the mistake in characters, and
    for a key that stands twice in one object.
    """
    try:
        if isinstance(text, bytes):
            text = text.decode()
        return json.loads(text, object_pairs_hook=_object, parse_constant=_constant)
    except json.JSONDecodeError as error:
        raise DecodeError(f"not JSON: {error.msg}", error.pos) from None
    except UnicodeDecodeError as error:
        raise DecodeError("JSON text is not UTF-8", error.start) from None
    except RecursionError:
        raise DecodeError("JSON text is nested too deeply", 0) from None
    except ValueError as error:  # a number of thousands of digits
        raise DecodeError(f"not JSON: {error}", 0) from None


def dumps(value: Any) -> str:
    """The shortest text. ``value`` holds no NaN and no infinity."""
    try:
        return msgspec.json.encode(value).decode()
    except OverflowError:  # an integer beyond 64 bits
        return json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        keys = [key for key, _ in pairs]
        twice = next(key for key in keys if keys.count(key) > 1)
        raise DecodeError(f"the key {twice!r} stands twice in an object", 0)
    return found


def _constant(name: str) -> NoReturn:
    raise DecodeError(f"{name} is not a number of JSON", 0)
