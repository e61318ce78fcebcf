"""Which types a key can have."""

from __future__ import annotations

from harness.wire import types as t


def is_key(type_: t.Type) -> bool:
    """Whether a resolved type can be that of a unique or indexed column."""
    if isinstance(type_, t.Scalar):
        return type_.kind not in (t.Kind.F32, t.Kind.F64)
    return type_ in (t.IDENTITY, t.CONNECTION_ID, t.UUID) or t.is_plain_enum(type_)
