"""Small functions that all modules share and that lie between compiled code and the library."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.module.compiler.frame import CRASHED, REFUSED
from harness.module.compiler.shapes import LIST_ID, SCHEDULE_ID
from harness.module.wasm.assembler import Assembler, Function

if TYPE_CHECKING:
    from harness.module.compiler.unit import Unit

#: Bytes of the scratch area: words for the host at its start, then a buffer.
SCRATCH, BUFFER = 16_384, 64
#: Bytes of an error's text that are kept at the end of scratch.
LONGEST = 4_096
#: What the host means by a status.
EXHAUSTED, TOO_SMALL, NO_ROW, TAKEN, NO_NUMBER = -1, 11, 15, 12, 16

#: Codes that the library leaves in ``err``, as Python says them.
CODES = {
    3: "OverflowError: the integer has more than 128 bits",
    4: "ZeroDivisionError: integer division or modulo by zero",
    5: "IndexError: list index out of range",
    6: "ValueError: cannot convert float NaN to integer",
    7: "OverflowError: cannot convert float infinity to integer",
    8: "OverflowError: integer division result too large for a float",
    9: "IndexError: string index out of range",
    10: "ZeroDivisionError: float division by zero",
    11: "ValueError: negative shift count",
    12: "ZeroDivisionError: float floor division by zero",
    13: "DecodeError: the host's bytes do not fit",
    14: "ValueError: math domain error",
    15: "ValueError: empty range for randrange()",
    16: "ZeroDivisionError: division by zero",
    17: "IndexError: pop from empty list",
    18: "IndexError: Cannot choose from an empty sequence",
    19: "ValueError: empty separator",
    20: "ZeroDivisionError: float modulo",
    21: "FloatingPointError: nan is in what is compared; compare the numbers themselves",
    23: "IndexError: list assignment index out of range",
    22: "OverflowError: the range of the random number has more than 64 bits",
}
_DIVISION, _PLACE, _RANGE, _POP, _CHOICE, NAN, _WIDTH, ASSIGNED = 16, 5, 15, 17, 18, 21, 22, 23

IMPORTS: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    name: (("i32",) * count, results)
    for name, count, results in (
        ("table_id_from_name", 3, ("i32",)), ("index_id_from_name", 3, ("i32",)),
        ("datastore_table_row_count", 2, ("i32",)), ("datastore_table_scan_bsatn", 2, ("i32",)),
        ("datastore_index_scan_range_bsatn", 9, ("i32",)),
        ("datastore_delete_by_index_scan_range_bsatn", 9, ("i32",)),
        ("datastore_delete_all_by_eq_bsatn", 4, ("i32",)),
        ("row_iter_bsatn_advance", 3, ("i32",)), ("row_iter_bsatn_close", 1, ("i32",)),
        ("datastore_insert_bsatn", 3, ("i32",)), ("datastore_update_bsatn", 4, ("i32",)),
        ("bytes_source_read", 3, ("i32",)), ("bytes_sink_write", 3, ("i32",)),
        ("console_log", 8, ()), ("identity", 1, ()),
    )
}  # fmt: skip
HOST = "spacetime_10.0"


def declare(assembler: Assembler) -> None:
    """The host's functions."""
    for name, (params, results) in IMPORTS.items():
        assembler.import_function(HOST, name, params, results)


def define(unit: Unit) -> None:
    """Everything below."""
    assembler = unit.assembler
    _room(assembler.function("room", ("i32", "i32")))
    _narrow_signed(assembler.function("narrow_s", ("i64", "i64", "i64", "i64", "i32"), ("i64",)))
    _narrow_unsigned(assembler.function("narrow_u", ("i64", "i64", "i32"), ("i64",)))
    _to_f32(assembler.function("to_f32", ("f64", "i32"), ("f32",)))
    _int_div(assembler.function("int_div", ("f64", "f64"), ("f64",)))
    _new_list(assembler.function("new_list", ("i32", "i32"), ("i32",)))
    _new_schedule(assembler.function("new_schedule", ("i32", "i64"), ("i32",)))
    _list_place(assembler.function("list_place", ("i32", "i64"), ("i32", "i32")))
    _list_pop(assembler.function("list_pop", ("i32", "i32"), ("i32", "i32")))
    _forgive(assembler.function("forgive", ("i32",), ("i32",)))
    _close_rows(assembler.function("close_rows", ("i32", "i32")))
    _more_rows(assembler.function("more_rows", ("i32", "i32"), ("i32",)))
    _fetch_one(assembler.function("fetch_one", ("i32",), ("i32",)))
    _host_failed(unit, assembler.function("host_failed", ("i32",)))
    _own_identity(assembler.function("own_identity", (), ("i32",)))
    _read_arguments(assembler.function("read_arguments", ("i32",)))
    _random(assembler)


#: Which of them may leave an error.
MAY_FAIL = frozenset({"int_div", "list_place", "list_pop", "random_between", "random_place"})


def fail(f: Function, code: int) -> None:
    f.i32(code)
    f.global_set("err")


def _room(f: Function) -> None:
    """Memory for so many bytes from an address on."""
    f.get(0)
    f.global_get("heap_top")
    f.op("i32.sub")
    f.get(1)
    f.op("i32.add")
    f.call("rt.ensure")


def _misfit(f: Function, text: int) -> None:
    """Fail with a text and the text on the stack behind it.

    A row may be written where new objects lie, so the text goes where it is safe.
    """
    kept, nbytes = f.local("i32"), f.local("i32")
    f.set(kept)
    f.get(text)
    f.get(kept)
    f.call("rt.str_concat")
    f.tee(kept)
    f.memory("i32.load", 4)
    f.tee(nbytes)
    f.i32(LONGEST)
    f.get(nbytes)
    f.i32(LONGEST)
    f.op("i32.lt_u", "select")
    f.set(nbytes)
    _safe(f)
    f.get(kept)
    f.get(nbytes)
    f.i32(8)
    f.op("i32.add", "memory.copy")
    _safe(f)
    f.get(nbytes)
    f.memory("i32.store", 4)
    _safe(f)
    f.global_set("err_text")
    fail(f, CRASHED)


def _safe(f: Function) -> None:
    """The place of the text of an error."""
    f.global_get("scratch")
    f.i32(SCRATCH - LONGEST - 8)
    f.op("i32.add")


def _narrow_signed(f: Function) -> None:
    """Two words as one that lies between two numbers."""
    f.get(1)
    f.get(0)
    f.i64(63)
    f.op("i64.shr_s", "i64.eq")
    f.get(0)
    f.get(2)
    f.op("i64.ge_s", "i32.and")
    f.get(0)
    f.get(3)
    f.op("i64.le_s", "i32.and", "i32.eqz")
    with f.if_():
        f.get(0)
        f.get(1)
        f.call("rt.str_w")
        _misfit(f, 4)
    f.get(0)


def _narrow_unsigned(f: Function) -> None:
    """Two words as one without a sign."""
    f.get(1)
    f.i64(0)
    f.op("i64.ne")
    with f.if_():
        f.get(0)
        f.get(1)
        f.call("rt.str_w")
        _misfit(f, 2)
    f.get(0)


def _to_f32(f: Function) -> None:
    made = f.local("f32")
    f.get(0)
    f.op("f32.demote_f64")
    f.tee(made)
    f.op("f32.abs")
    f.f32(float("inf"))
    f.op("f32.eq")
    f.get(0)
    f.op("f64.abs")
    f.f64(float("inf"))
    f.op("f64.ne", "i32.and")
    with f.if_():
        f.get(0)
        f.call("rt.str_f64")
        _misfit(f, 1)
    f.get(made)


def _int_div(f: Function) -> None:
    f.get(1)
    f.f64(0.0)
    f.op("f64.eq")
    with f.if_():
        fail(f, _DIVISION)
    f.get(0)
    f.get(1)
    f.op("f64.div")


def _object(f: Function, id_: int) -> int:
    """A new object of 16 bytes in a local."""
    made = f.local("i32")
    f.i32(16)
    f.call("rt.alloc")
    f.tee(made)
    f.i32(id_)
    f.memory("i32.store")
    return made


def _new_list(f: Function) -> None:
    made = _object(f, LIST_ID)
    for place, offset in ((0, 4), (1, 8)):
        f.get(made)
        f.get(place)
        f.memory("i32.store", offset)
    f.get(made)


def _new_schedule(f: Function) -> None:
    made = _object(f, SCHEDULE_ID)
    f.get(made)
    f.get(0)
    f.memory("i32.store", 4)
    f.get(made)
    f.get(1)
    f.memory("i64.store", 8)
    f.get(made)


def _list_place(f: Function) -> None:
    """The list and the place of an item, counted from the end if it is negative."""
    length = f.local("i64")
    f.get(0)
    f.memory("i32.load", 4)
    f.op("i64.extend_i32_u")
    f.set(length)
    f.get(1)
    f.i64(0)
    f.op("i64.lt_s")
    with f.if_():
        f.get(1)
        f.get(length)
        f.op("i64.add")
        f.set(1)
    f.get(1)
    f.get(length)
    f.op("i64.ge_u")
    with f.if_():
        fail(f, _PLACE)
    f.get(0)
    f.get(1)
    f.op("i32.wrap_i64")


def _list_pop(f: Function) -> None:
    """The list and the place of its last item, which it has no more."""
    length = f.local("i32")
    f.get(0)
    f.memory("i32.load", 4)
    f.tee(length)
    f.op("i32.eqz")
    with f.if_():
        fail(f, _POP)
        f.get(0)
        f.i32(0)
        f.op("return")
    f.get(0)
    f.get(length)
    f.i32(1)
    f.op("i32.sub")
    f.tee(length)
    f.memory("i32.store", 4)
    f.get(0)
    f.get(length)


def _forgive(f: Function) -> None:
    """None instead of the row if its key was taken."""
    f.global_get("taken")
    with f.if_():
        f.i32(0)
        f.global_set("taken")
        fail(f, 0)
        f.i32(0)
        f.op("return")
    f.get(0)


def _close_rows(f: Function) -> None:
    f.get(1)
    with f.if_():
        f.get(0)
        f.call("row_iter_bsatn_close")
        f.op("drop")


def _advance(f: Function, handle: int, buffer: int, nbytes: int, status: int) -> None:
    """Ask for rows; the status is kept, and how many bytes came stands in scratch."""
    f.global_get("scratch")
    f.get(nbytes)
    f.memory("i32.store")
    f.get(handle)
    f.get(buffer)
    f.global_get("scratch")
    f.call("row_iter_bsatn_advance")
    f.set(status)


def _scratch(f: Function, *names: str) -> None:
    """The first word of scratch."""
    f.global_get("scratch")
    f.memory("i32.load")
    f.op(*names)


def _more_rows(f: Function) -> None:
    """Fill a buffer, a larger one if need be; whether there is more stands in a global."""
    nbytes, status, buffer = f.local("i32"), f.local("i32"), f.local("i32")
    f.get(1)
    f.op("i32.eqz")
    with f.if_():
        f.i32(2048)
        f.call("rt.blob")
        f.set(1)
    with f.loop() as again:
        f.get(1)
        f.memory("i32.load", 4)
        f.set(nbytes)
        f.get(1)
        f.i32(8)
        f.op("i32.add")
        f.set(buffer)
        _advance(f, 0, buffer, nbytes, status)
        f.get(status)
        f.i32(TOO_SMALL)
        f.op("i32.eq")
        with f.if_():
            _scratch(f)
            f.call("rt.blob")
            f.set(1)
            f.br(again)
    _unless_ok(f, status)
    f.get(status)
    f.op("i32.eqz")
    f.global_set("rows_more")
    _scratch(f)
    f.i32(8)
    f.op("i32.add")
    f.global_set("rows_end")
    f.get(1)


def _unless_ok(f: Function, status: int) -> None:
    f.get(status)
    f.i32(0)
    f.op("i32.gt_s")
    with f.if_():
        f.get(status)
        f.call("host_failed")


def _fetch_one(f: Function) -> None:
    """Whether an iterator has a row; ``rd`` is where it is then. The iterator is gone."""
    nbytes, status, buffer = f.local("i32"), f.local("i32"), f.local("i32")
    f.global_get("scratch")
    f.i32(BUFFER)
    f.op("i32.add")
    f.set(buffer)
    f.i32(SCRATCH - BUFFER)
    f.set(nbytes)
    _advance(f, 0, buffer, nbytes, status)
    f.get(status)
    f.i32(TOO_SMALL)
    f.op("i32.eq")
    with f.if_():
        _scratch(f)
        f.tee(nbytes)
        f.call("rt.blob")
        f.i32(8)
        f.op("i32.add")
        f.set(buffer)
        _advance(f, 0, buffer, nbytes, status)
    f.get(status)
    f.op("i32.eqz")
    with f.if_():
        f.get(0)
        f.call("row_iter_bsatn_close")
        f.op("drop")
    _unless_ok(f, status)
    f.get(buffer)
    f.global_set("rd")
    _scratch(f)
    f.i32(0)
    f.op("i32.ne")


def _host_failed(unit: Unit, f: Function) -> None:
    """The host said no with a number that no module can be blamed for."""
    f.i32(unit.text("HostError: the server answered errno "))
    f.get(0)
    f.op("i64.extend_i32_s")
    f.call("rt.str_s")
    f.call("rt.str_concat")
    f.global_set("err_text")
    fail(f, CRASHED)


def _own_identity(f: Function) -> None:
    made = f.local("i32")
    f.i32(32)
    f.call("rt.blob")
    f.tee(made)
    f.i32(8)
    f.op("i32.add")
    f.call("identity")
    f.get(made)


def _read_arguments(f: Function) -> None:
    """Read all of a source; ``rd`` is where it begins."""
    at, used, size, status = (f.local("i32") for _ in range(4))
    larger = f.local("i32")
    f.global_get("scratch")
    f.i32(BUFFER)
    f.op("i32.add")
    f.tee(at)
    f.global_set("rd")
    f.get(0)
    f.op("i32.eqz")
    with f.if_():
        f.op("return")
    f.i32(SCRATCH - BUFFER)
    f.set(size)
    with f.block() as done, f.loop() as again:
        f.global_get("scratch")
        f.get(size)
        f.get(used)
        f.op("i32.sub")
        f.memory("i32.store")
        f.get(0)
        f.get(at)
        f.get(used)
        f.op("i32.add")
        f.global_get("scratch")
        f.call("bytes_source_read")
        f.set(status)
        f.get(used)
        _scratch(f, "i32.add")
        f.set(used)
        f.get(status)
        f.br_if(done)
        f.get(used)
        f.get(size)
        f.op("i32.lt_u")
        f.br_if(again)
        f.get(size)
        f.i32(1)
        f.op("i32.shl")
        f.tee(size)
        f.call("rt.blob")
        f.i32(8)
        f.op("i32.add")
        f.tee(larger)
        f.get(at)
        f.get(used)
        f.op("memory.copy")
        f.get(larger)
        f.set(at)
        f.br(again)
    _unless_ok(f, status)
    f.get(at)
    f.global_set("rd")


def _random(assembler: Assembler) -> None:
    """``random.Random(timestamp)``, seeded when it is first asked."""
    f = assembler.function("random_ready")
    f.global_get("seeded")
    f.op("i32.eqz")
    with f.if_():
        f.global_get("now")
        f.call("rt.rng_seed")
        f.i32(1)
        f.global_set("seeded")
    f = assembler.function("random_float", (), ("f64",))
    f.call("random_ready")
    f.call("rt.rng_random")
    f = assembler.function("random_bits", ("i32",), ("i64",))
    f.call("random_ready")
    f.get(0)
    f.call("rt.rng_bits")
    f = assembler.function("random_uniform", ("f64", "f64"), ("f64",))
    f.get(0)
    f.get(1)
    f.get(0)
    f.op("f64.sub")
    f.call("random_float")
    f.op("f64.mul", "f64.add")
    f = assembler.function("random_between", ("i64", "i64", "i32"), ("i64",))
    width = f.local("i64")
    f.get(1)
    f.get(0)
    f.op("i64.sub")
    f.get(2)
    f.op("i64.extend_i32_u", "i64.add")
    f.set(width)
    f.get(1)
    f.get(0)
    f.op("i64.lt_s")
    f.get(0)
    f.get(1)
    f.op("i64.eq")
    f.get(2)
    f.op("i32.eqz", "i32.and", "i32.or")
    with f.if_():
        fail(f, _RANGE)
        f.i64(0)
        f.op("return")
    f.get(width)
    f.op("i64.eqz")
    with f.if_():
        fail(f, _WIDTH)
        f.i64(0)
        f.op("return")
    f.call("random_ready")
    f.get(0)
    f.get(width)
    f.call("rt.rng_below")
    f.op("i64.add")
    f = assembler.function("random_shuffle", ("i32", "i32"))
    f.call("random_ready")
    f.get(0)
    f.get(1)
    f.call("rt.rng_shuffle")
    f = assembler.function("random_place", ("i32", "i32"), ("i32", "i32"))
    f.get(0)
    f.memory("i32.load", 4)
    f.op("i32.eqz")
    with f.if_():
        fail(f, _CHOICE)
        f.get(0)
        f.i32(0)
        f.op("return")
    f.call("random_ready")
    f.get(0)
    f.get(0)
    f.memory("i32.load", 4)
    f.op("i64.extend_i32_u")
    f.call("rt.rng_below")
    f.op("i32.wrap_i64")


__all__ = ["CODES", "CRASHED", "IMPORTS", "MAY_FAIL", "REFUSED", "declare", "define", "fail"]
