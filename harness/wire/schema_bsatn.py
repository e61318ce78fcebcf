"""Module definitions as bytes: what a WebAssembly module hands to its host."""

from __future__ import annotations

import struct
from dataclasses import replace
from typing import Any

from harness.errors import DecodeError, SchemaError
from harness.wire import codec, schema_v9, schema_v10
from harness.wire import schema_raw as raw
from harness.wire import types as t
from harness.wire.schema import ModuleDef, Submodule
from harness.wire.schema_submodules import check_depth

#: Tags of the outer sum ``RawModuleDef``.
_V9, _V10 = 1, 2
#: Tags of the sections of V10, by name; there are others, which are not modelled.
_TAGS = dict(zip(raw.SECTIONS, (*range(11), 13), strict=True))
_NAMES = {tag: name for name, tag in _TAGS.items()}
_SUBMODULES = 14
_OTHERS = {11: "HttpHandlers", 12: "HttpRoutes"}
_U32 = struct.Struct("<I")
_TEXT = codec.compile(t.STRING, t.Typespace(()))


def to_bsatn(module: ModuleDef) -> bytes:
    """The definition V9 behind its tag: what servers of 1.2 and of 2.x both take."""
    return bytes([_V9]) + raw.bsatn(raw.ModuleV9).encode(schema_v9.to_v9(module))


def to_bsatn_v10(module: ModuleDef) -> bytes:
    """The definition V10 behind its tag: what servers of 2.x take.

    It says that names are meant as they stand: without that a host would change those of columns
    to snake case.
    """
    return bytes([_V10]) + _written(module)


def _written(module: ModuleDef) -> bytes:
    """A module's sections, with their count."""
    payloads = {
        **schema_v10.filled(module), "CaseConversionPolicy": raw.Policy.NONE,
    }  # fmt: skip
    parts = [
        bytes([_TAGS[name]]) + raw.bsatn(raw.SECTIONS[name]).encode(payloads[name])
        for name in sorted(payloads, key=_TAGS.__getitem__)
    ]
    if module.submodules:
        inside = [_TEXT.encode(x.namespace) + _written(x.module) for x in module.submodules]
        parts.append(bytes([_SUBMODULES]) + _U32.pack(len(inside)) + b"".join(inside))
    return _U32.pack(len(parts)) + b"".join(parts)


def from_bsatn(data: bytes) -> ModuleDef:
    """The module of a definition V9 or V10.

    Raises ``DecodeError`` for bytes that are no definition, ``SchemaError`` for other versions and
    sections and for columns and rows that are not there.
    """
    if not data:
        raise DecodeError("a module definition has no bytes", 0)
    if data[0] == _V10:
        module, end = _module(data, 1, 0)
        _check_end(data, end)
        return module
    if data[0] != _V9:
        version = "V8" if data[0] == 0 else f"tag {data[0]}"
        raise SchemaError(f"a binary module definition {version} is not read; V9 and V10 are")
    found, end = raw.bsatn(raw.ModuleV9).decode_from(data, 1)
    _check_end(data, end)
    return schema_v9.from_v9(found)


def _module(data: bytes, at: int, depth: int) -> tuple[ModuleDef, int]:
    """The module whose sections begin at a place, and where they end."""
    check_depth(depth)
    count, at = _count(data, at, "sections")
    found: dict[str, Any] = {}
    submodules: list[Submodule] | None = None
    for _ in range(count):
        if at >= len(data):
            raise DecodeError("a section is missing", at)
        tag = data[at]
        if tag == _SUBMODULES:
            if submodules is not None:
                raise SchemaError("the section Submodules stands twice in the module definition")
            submodules, at = _submodules(data, at + 1, depth)
            continue
        if tag not in _NAMES:
            # Its length is not said, so it cannot be passed over as in JSON.
            name = _OTHERS.get(tag, f"tag {tag}")
            raise SchemaError(f"the section {name} of a binary module definition is not read")
        name = _NAMES[tag]
        if name in found:
            raise SchemaError(f"the section {name} stands twice in the module definition")
        found[name], at = raw.bsatn(raw.SECTIONS[name]).decode_from(data, at + 1)
    module = schema_v10.from_v10(found)
    return (replace(module, submodules=tuple(submodules)) if submodules else module), at


def _submodules(data: bytes, at: int, depth: int) -> tuple[list[Submodule], int]:
    count, at = _count(data, at, "submodules")
    found = []
    for _ in range(count):
        namespace, at = _TEXT.decode_from(data, at)
        module, at = _module(data, at, depth + 1)
        found.append(Submodule(namespace, module))
    return found, at


def _count(data: bytes, at: int, what: str) -> tuple[int, int]:
    if len(data) < at + _U32.size:
        raise DecodeError(f"the count of {what} ends early", len(data))
    (count,) = _U32.unpack_from(data, at)
    return count, at + _U32.size


def _check_end(data: bytes, end: int) -> None:
    if end != len(data):
        raise DecodeError(f"{len(data) - end} bytes are left over", end)
