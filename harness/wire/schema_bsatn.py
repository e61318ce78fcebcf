"""Module definitions as bytes: what a WebAssembly module hands to its host."""

from __future__ import annotations

from harness.errors import DecodeError, SchemaError
from harness.wire import schema_raw as raw
from harness.wire import schema_v9
from harness.wire.schema import ModuleDef

#: Tags of the outer sum ``RawModuleDef``.
_V9 = 1
_NAMES = {0: "V8", 2: "V10"}


def to_bsatn(module: ModuleDef) -> bytes:
    """The definition V9 behind its tag: what servers of 1.2 and of 2.x both take."""
    return bytes([_V9]) + raw.bsatn(raw.ModuleV9).encode(schema_v9.to_v9(module))


def from_bsatn(data: bytes) -> ModuleDef:
    """The module of a definition V9.

    Raises ``DecodeError`` for bytes that are no definition, ``SchemaError`` for other versions and
    for columns and rows that are not there.
    """
    if data and data[0] != _V9:
        version = _NAMES.get(data[0], f"tag {data[0]}")
        raise SchemaError(f"a binary module definition {version} is not read; V9 is")
    module, end = raw.bsatn(raw.ModuleV9).decode_from(data, min(1, len(data)))
    if end != len(data):
        raise DecodeError(f"{len(data) - end} bytes are left over", end)
    return schema_v9.from_v9(module)
