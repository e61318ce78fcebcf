"""A bench module that says it has done everything and does nothing: a few hundred bytes by hand.

Real servers publish and run it, so the machinery around them can be tried without the compiler, and
whoever compares tables afterwards must find them empty.
"""

from __future__ import annotations

from harness.module import load
from harness.module.wasm.assembler import PAGE, Assembler
from harness.wire.schema_bsatn import to_bsatn

_LENGTH_AT = 8
_DATA_AT = 16


def wasm() -> bytes:
    """The module."""
    definition = to_bsatn(load("harness.module.bench").definition())
    made = Assembler()
    made.import_function("spacetime_10.0", "bytes_sink_write", ("i32",) * 3, ("i32",))
    made.data(_LENGTH_AT, len(definition).to_bytes(4, "little"))
    made.data(_DATA_AT, definition)
    describe = made.function("__describe_module__", ("i32",))
    describe.get(0)
    describe.i32(_DATA_AT)
    describe.i32(_LENGTH_AT)
    describe.call("bytes_sink_write")
    describe.op("drop")
    arguments = ("i32", *("i64",) * 7, "i32", "i32")
    made.function("__call_reducer__", arguments, ("i32",)).i32(0)
    made.export("__describe_module__")
    made.export("__call_reducer__")
    return made.build(PAGE + len(definition))
