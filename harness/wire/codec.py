"""One door to the codecs: ``compile`` a type once, then encode and decode with it.

The codec in C runs if it was built, its twin in Python otherwise; ``IMPLEMENTATION`` says which.
Both are total: any bytes either give a value or raise ``DecodeError`` with the offset, in time and
memory bounded by the length of the input.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from typing import Any, Protocol, TypeAlias

from harness.wire import program as p
from harness.wire import types as t

Buffer: TypeAlias = "bytes | bytearray | memoryview"
"""What can be decoded; ``bytes`` is fastest."""


class Codec(Protocol):
    """Encodes and decodes values of one type.

    Rows and messages are built without calling ``__init__`` where the class allows it.
    """

    def encode(self, value: Any) -> bytes:
        """The BSATN bytes. Raises ``EncodeError`` naming ``Class.field`` and the value."""

    def encode_all(self, values: Iterable[Any]) -> bytes:
        """The values' bytes back to back."""

    def encode_rows(self, values: Iterable[Any]) -> list[bytes]:
        """Each value's bytes by themselves."""

    def decode(self, data: Buffer) -> Any:
        """The value that is exactly these bytes. Raises ``DecodeError``, also for leftovers."""

    def decode_from(self, data: Buffer, offset: int) -> tuple[Any, int]:
        """The value that starts at ``offset`` and the offset after it."""

    def decode_all(self, data: Buffer, offset: int = 0) -> list[Any]:
        """Values one after another until the data ends."""

    def decode_rows(self, data: Buffer, offsets: list[int]) -> list[Any]:
        """Values that start at exactly these offsets, without gaps or leftovers."""

    def decode_fixed(self, data: Buffer, size: int) -> list[Any]:
        """Values of exactly ``size`` bytes each."""


def _choose() -> tuple[Any, str]:
    from harness.wire import pycodec

    if os.environ.get("HARNESS_PURE_PYTHON"):
        return pycodec.Codec, "python"
    try:
        from harness.wire import _bsatn
    except ImportError:
        return pycodec.Codec, "python"
    return _bsatn.Codec, "c"


_Codec, IMPLEMENTATION = _choose()


def compile_program(program: p.Program) -> Codec:
    """A codec for a program made by ``harness.wire.program.build``."""
    codec: Codec = _Codec(program)
    return codec


def compile(
    type_: t.Type,
    typespace: t.Typespace = t.Typespace(),  # noqa: B008  (frozen)
    bindings: Mapping[int, p.Binding] | None = None,
) -> Codec:
    """A codec for ``type_``; ``bindings`` maps typespace indexes to Python classes.

    Raises ``SchemaError`` if the type has no finite value or a class does not fit its type.
    """
    return compile_program(p.build(type_, typespace, bindings))
