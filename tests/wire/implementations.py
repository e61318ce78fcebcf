"""Both codecs under one name, for tests that must hold for either."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from harness.errors import DecodeError, WireError
from harness.wire import program, pycodec
from harness.wire import types as t

try:
    from harness.wire._bsatn import Codec as CCodec
except ImportError:  # no compiler was at hand
    CCodec = None

IMPLEMENTATIONS: list[Any] = [
    pytest.param(pycodec.Codec, id="python"),
    pytest.param(
        CCodec, id="c", marks=pytest.mark.skipif(CCodec is None, reason="the C codec is not built")
    ),
]

both = pytest.mark.parametrize("implementation", IMPLEMENTATIONS)
needs_c = pytest.mark.skipif(CCodec is None, reason="the C codec is not built")


def make(
    implementation: Any,
    type_: t.Type,
    typespace: t.Typespace = t.Typespace(),  # noqa: B008  (frozen)
    bindings: Mapping[int, program.Binding] | None = None,
) -> Any:
    return implementation(program.build(type_, typespace, bindings))


def outcome(function: Any, *arguments: Any) -> tuple[str, ...]:
    """What a call comes to, in a form that compares: NaN equals NaN, -0.0 does not equal 0.0."""
    try:
        return ("value", repr(function(*arguments)))
    except WireError as error:
        offset = error.offset if isinstance(error, DecodeError) else None
        return (type(error).__name__, str(error), str(offset))
