"""The mock host itself: what it grants, and, for each of its checks, a module that it catches."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from harness.module import Module, auto_inc, btree, column, i64, u32, u64
from harness.module.wasm.assembler import Assembler, Function
from harness.wire import codec as codecs
from harness.wire import schema_bsatn
from harness.wire import types as t
from harness.wire.schema import ModuleDef
from harness.wire.values import ConnectionId, Identity, Timestamp
from tests.module.wasm_host import (
    EXPORTS,
    IMPORTS,
    MODULE,
    HostRefused,
    Logged,
    MockHost,
    Outcome,
)

MADE = Module("handmade")


@MADE.table(public=True, indexes=[btree("by_place", "group", "place")])
class Thing:
    id: u64 = auto_inc(primary_key=True)
    group: u32
    place: i64
    name: str = column(unique=True)


@MADE.table()
class Bag:
    group: u32
    place: i64


@MADE.reducer
def act(ctx: Any, data: bytes) -> None:
    """Its code is written by each test."""


@MADE.reducer
def bare(ctx: Any) -> None:
    """Without arguments, and so without a source."""


DEFINITION = MADE.definition()
THING = codecs.compile(t.Ref(DEFINITION.table("thing").row), DEFINITION.typespace)

# Addresses in the memory of handmade modules.
NAME, OUT, LENGTH, BUFFER, ARGS = 64, 16, 24, 4096, 1 << 17
ROOM = 1 << 16


class Hand:
    """The body of ``__call_reducer__``, written instruction by instruction."""

    def __init__(self, asm: Assembler, body: Function) -> None:
        self.asm, self.f, self._at = asm, body, 1024

    def put(self, data: bytes) -> int:
        """Bytes in memory; their address."""
        at, self._at = self._at, self._at + len(data) + 8
        self.asm.data(at, data)
        return at

    def call(self, name: str, *args: int | str) -> None:
        """Call an import; a text among the arguments is a local, or what an address holds."""
        for arg in args:
            if isinstance(arg, int):
                self.f.i32(arg)
            elif arg.startswith("*"):
                self.f.i32(int(arg[1:]))
                self.f.memory("i32.load")
            else:
                self.f.get(int(arg))
        self.f.call(name)

    def store(self, at: int, value: int) -> None:
        self.f.i32(at)
        self.f.i32(value)
        self.f.memory("i32.store")

    def drop(self, name: str, *args: int | str) -> None:
        self.call(name, *args)
        self.f.op("drop")

    def table(self, name: str) -> str:
        """Look a table up; where its id is."""
        data = name.encode()
        out = self.put(bytes(4))
        self.drop("table_id_from_name", self.put(data), len(data), out)
        return f"*{out}"

    def index(self, name: str) -> str:
        data = name.encode()
        out = self.put(bytes(4))
        self.drop("index_id_from_name", self.put(data), len(data), out)
        return f"*{out}"

    def say(self, at: int, length: str) -> None:
        """Write to the log: four bytes of the length, or so many bytes."""
        self.call("console_log", 2, 0, 0, 0, 0, 0xFFFF_FFFF, at, length)

    def fail(self) -> None:
        """Return what is on the stack."""
        self.f.op("return")


SINK = "9"
SOURCE = "8"


def assembled(
    write: Callable[[Hand], None],
    *,
    definition: ModuleDef = DEFINITION,
    imports: dict[str, tuple[int, str]] = IMPORTS,
    module: str = MODULE,
) -> bytes:
    """A module whose every reducer does what ``write`` writes, and then returns 0."""
    asm = Assembler()
    for name, (count, result) in imports.items():
        asm.import_function(module, name, ["i32"] * count, ["i32"] if result else [])
    description = schema_bsatn.to_bsatn(definition)
    describe = asm.function("__describe_module__", *EXPORTS["__describe_module__"])
    asm.data(200_000, description)
    asm.data(100, len(description).to_bytes(4, "little"))
    describe.get(0)
    describe.i32(200_000)
    describe.i32(100)
    describe.call("bytes_sink_write")
    describe.op("drop")
    body = asm.function("__call_reducer__", *EXPORTS["__call_reducer__"])
    write(Hand(asm, body))
    body.i32(0)
    asm.export("__describe_module__")
    asm.export("__call_reducer__")
    return asm.build(1 << 18)


def host(write: Callable[[Hand], None], **options: Any) -> MockHost:
    return MockHost(assembled(write), DEFINITION, **options)


def thing(id: int, group: int, place: int, name: str) -> bytes:
    return THING.encode((id, group, place, name))


def read_all(hand: Hand) -> None:
    """Read the arguments to ARGS, piece by piece; the number of bytes is then at OUT."""
    f = hand.f
    hand.store(OUT, 0)
    with f.loop() as again:
        f.i32(LENGTH)
        f.i32(ROOM)
        f.memory("i32.store")
        f.get(8)
        f.i32(ARGS)
        f.i32(OUT)
        f.memory("i32.load")
        f.op("i32.add")
        f.i32(LENGTH)
        f.call("bytes_source_read")
        f.i32(OUT)
        f.i32(OUT)
        f.memory("i32.load")
        f.i32(LENGTH)
        f.memory("i32.load")
        f.op("i32.add")
        f.memory("i32.store")
        f.op("i32.eqz")
        f.br_if(again)


def insert_args(hand: Hand) -> None:
    """Insert what the argument's bytes are: the array's count stands before them."""
    read_all(hand)
    f = hand.f
    table = hand.table("thing")
    f.i32(LENGTH)
    f.i32(ARGS)
    f.memory("i32.load")
    f.memory("i32.store")
    hand.call("datastore_insert_bsatn", table, ARGS + 4, LENGTH)
    hand.fail()


# --- what it grants ------------------------------------------------------------------------------


def test_a_row_is_inserted_and_its_number_generated() -> None:
    database = host(insert_args)
    row = thing(0, 7, -5, "a")
    assert database.call("act", row) == Outcome("committed")
    assert database.rows("thing") == [thing(1, 7, -5, "a")]


@pytest.mark.parametrize("sizes", [(1,), (3, 0, 5), (7, 2), (1 << 20,)])
def test_arguments_may_come_in_pieces(sizes: tuple[int, ...]) -> None:
    database = host(insert_args, read_sizes=sizes)
    assert database.call("act", thing(0, 7, -5, "a longer name")) == Outcome("committed")
    assert database.rows("thing") == [thing(1, 7, -5, "a longer name")]


def test_failure_rolls_back_and_tells_the_text() -> None:
    def write(hand: Hand) -> None:
        row = thing(0, 1, 1, "gone")
        hand.store(LENGTH, len(row))
        hand.drop("datastore_insert_bsatn", hand.table("thing"), hand.put(row), LENGTH)
        hand.store(LENGTH, 3)
        hand.drop("bytes_sink_write", SINK, hand.put("né".encode()), LENGTH)
        hand.f.i32(1)
        hand.fail()

    database = host(write)
    assert database.call("bare") == Outcome("failed", "né")
    assert database.rows("thing") == []


def test_a_trap_rolls_back_and_replaces_the_instance() -> None:
    def write(hand: Hand) -> None:
        row = thing(0, 1, 1, "gone")
        hand.store(LENGTH, len(row))
        hand.drop("datastore_insert_bsatn", hand.table("thing"), hand.put(row), LENGTH)
        hand.f.op("unreachable")

    database = host(write)
    assert database.call("bare").kind == "trapped"
    assert database.rows("thing") == []
    assert database.instances == 2


def test_an_endless_loop_is_a_trap() -> None:
    def write(hand: Hand) -> None:
        with hand.f.loop() as again:
            hand.f.br(again)

    assert host(write, fuel=100_000).call("bare").kind == "trapped"


def test_the_unique_key_of_another_row_is_an_errno_and_the_same_row_is_none() -> None:
    database = host(insert_args)
    assert database.call("act", thing(5, 1, 1, "a")) == Outcome("committed")
    assert database.call("act", thing(5, 1, 1, "a")) == Outcome("committed")
    assert len(database.rows("thing")) == 1
    for other in (thing(5, 1, 1, "b"), thing(6, 1, 1, "a")):
        with pytest.raises(HostRefused, match="returned 12"):
            database.call("act", other)
    assert len(database.rows("thing")) == 1


def scanner(
    prefix: bytes, elements: int, low: bytes, high: bytes, room: int = ROOM
) -> Callable[[Hand], None]:
    """Scan an index and log the rows that come, once for each advance."""

    def write(hand: Hand) -> None:
        f = hand.f
        index = hand.index("thing_group_place_idx_btree")
        at = hand.put(prefix) if elements else 0
        hand.drop(
            "datastore_index_scan_range_bsatn", index, at, len(prefix), elements,
            hand.put(low), len(low), hand.put(high), len(high), OUT,
        )  # fmt: skip
        with f.loop() as again:
            hand.store(LENGTH, room)
            hand.call("row_iter_bsatn_advance", f"*{OUT}", BUFFER, LENGTH)
            hand.say(BUFFER, f"*{LENGTH}")
            f.op("i32.eqz")
            f.br_if(again)

    return write


def some_things(database: MockHost) -> dict[tuple[int, int], bytes]:
    found = {}
    table = database.tables.table("thing")
    for group in (1, 2, 3):
        for place in (-300, -1, 0, 1, 255, 256, 300):
            data = thing(0, group, place, f"{group}/{place}")
            table.insert(data)
            found[group, place] = thing(len(found) + 1, group, place, f"{group}/{place}")
    return found


def u32_of(value: int) -> bytes:
    return value.to_bytes(4, "little")


def i64_of(value: int) -> bytes:
    return value.to_bytes(8, "little", signed=True)


SCANS = [
    # prefix, low, high, what must come
    (None, b"\x02", b"\x02", lambda group, place: True),
    (2, b"\x02", b"\x02", lambda group, place: group == 2),
    (2, b"\x00" + i64_of(-1), b"\x02", lambda group, place: group == 2 and place >= -1),
    (2, b"\x01" + i64_of(-1), b"\x02", lambda group, place: group == 2 and place > -1),
    (3, b"\x02", b"\x01" + i64_of(256), lambda group, place: group == 3 and place < 256),
    (3, b"\x00" + i64_of(0), b"\x00" + i64_of(0), lambda group, place: (group, place) == (3, 0)),
    (4, b"\x02", b"\x02", lambda group, place: False),
    (None, b"\x01" + u32_of(1), b"\x00" + u32_of(2), lambda group, place: group == 2),
]


@pytest.mark.parametrize(("prefix", "low", "high", "wanted"), SCANS)
@pytest.mark.parametrize("chunk", [1, 100, 32 * 1024])
def test_ranges_follow_values_and_not_bytes(
    prefix: int | None, low: bytes, high: bytes, wanted: Callable[[int, int], bool], chunk: int
) -> None:
    encoded = b"" if prefix is None else u32_of(prefix)
    database = host(scanner(encoded, 0 if prefix is None else 1, low, high), chunk=chunk)
    things = some_things(database)
    assert database.call("bare") == Outcome("committed")
    shown = "".join(record.message for record in database.log)
    expected = b"".join(data for key, data in sorted(things.items()) if wanted(*key))
    assert shown == expected.decode(errors="replace")


@pytest.mark.parametrize(
    ("low", "high"),
    [
        (b"\x00" + i64_of(5), b"\x00" + i64_of(-5)),
        (b"\x01" + i64_of(5), b"\x00" + i64_of(5)),
        (b"\x00" + i64_of(5), b"\x01" + i64_of(5)),
    ],
)
def test_a_range_that_ends_before_it_begins_is_noticed(low: bytes, high: bytes) -> None:
    """A server of 1.2 dies of it, with all of its databases: no module may ask for one."""
    database = host(scanner(u32_of(2), 1, low, high))
    some_things(database)
    with pytest.raises(AssertionError, match="would die of this range"):
        database.call("bare")


def test_a_chunk_that_does_not_fit_says_how_much_room_it_needs() -> None:
    def write(hand: Hand) -> None:
        hand.drop("datastore_table_scan_bsatn", hand.table("thing"), OUT)
        hand.store(LENGTH, 1)
        hand.drop("row_iter_bsatn_advance", f"*{OUT}", BUFFER, LENGTH)
        hand.say(BUFFER, f"*{LENGTH}")
        hand.drop("row_iter_bsatn_close", f"*{OUT}")

    database = host(write, chunk=100)
    some_things(database)
    assert database.call("bare") == Outcome("committed")
    assert 100 < len(database.log[0].message) < 200


def test_context_reaches_the_module() -> None:
    def write(hand: Hand) -> None:
        for place in range(1, 8):
            hand.f.i32(BUFFER)
            hand.f.get(place)
            hand.f.memory("i64.store", 8 * (place - 1))
        hand.store(LENGTH, 56)
        hand.drop("bytes_sink_write", SINK, BUFFER, LENGTH)
        hand.f.i32(1)
        hand.fail()

    sender = Identity(bytes(range(32)))
    connection = ConnectionId(bytes(range(32, 48)))
    outcome = host(write).call(
        "bare", sender=sender, connection_id=connection, timestamp=Timestamp(77)
    )
    assert outcome.error.encode() == sender.data + connection.data + i64_of(77)


def test_log() -> None:
    def write(hand: Hand) -> None:
        target, file, text = hand.put(b"here"), hand.put(b"a.py"), hand.put(b"hello")
        hand.call("console_log", 101, target, 4, file, 4, 12, text, 5)

    database = host(write)
    database.call("bare")
    assert database.log == [Logged("Panic", "hello", "here", "a.py", 12)]


# --- what it refuses -----------------------------------------------------------------------------


def _leaves_an_iterator(hand: Hand) -> None:
    hand.drop("datastore_table_scan_bsatn", hand.table("thing"), OUT)


def _closes_twice(hand: Hand) -> None:
    _leaves_an_iterator(hand)
    hand.drop("row_iter_bsatn_close", f"*{OUT}")
    hand.drop("row_iter_bsatn_close", f"*{OUT}")


def _advances_after_the_end(hand: Hand) -> None:
    _leaves_an_iterator(hand)
    for _ in range(2):
        hand.store(LENGTH, ROOM)
        hand.drop("row_iter_bsatn_advance", f"*{OUT}", BUFFER, LENGTH)


def _closes_after_the_end(hand: Hand) -> None:
    _leaves_an_iterator(hand)
    hand.store(LENGTH, ROOM)
    hand.drop("row_iter_bsatn_advance", f"*{OUT}", BUFFER, LENGTH)
    hand.drop("row_iter_bsatn_close", f"*{OUT}")


def _unknown_table(hand: Hand) -> None:
    hand.table("things")


def _unknown_index(hand: Hand) -> None:
    hand.index("by_place")  # the accessor: a server wants the full name


def _null(hand: Hand) -> None:
    hand.drop("table_id_from_name", 0, 0, OUT)


def _outside(hand: Hand) -> None:
    hand.drop("datastore_table_row_count", hand.table("thing"), (1 << 18) - 7)


def _half_a_row(hand: Hand) -> None:
    hand.store(LENGTH, 5)
    hand.drop("datastore_insert_bsatn", hand.table("thing"), BUFFER, LENGTH)


def _a_row_too_long(hand: Hand) -> None:
    hand.store(LENGTH, 13)
    hand.drop("datastore_insert_bsatn", hand.table("bag"), BUFFER, LENGTH)


def _updates_by_no_unique_index(hand: Hand) -> None:
    hand.store(LENGTH, len(thing(0, 1, 1, "")))
    index = hand.index("thing_group_place_idx_btree")
    hand.drop("datastore_update_bsatn", hand.table("thing"), index, BUFFER, LENGTH)


def _updates_by_the_index_of_another_table(hand: Hand) -> None:
    hand.store(LENGTH, 12)
    index = hand.index("thing_id_idx_btree")
    hand.drop("datastore_update_bsatn", hand.table("bag"), index, BUFFER, LENGTH)


def _returns_a_number(hand: Hand) -> None:
    hand.f.i32(2)
    hand.fail()


def _says_something_and_succeeds(hand: Hand) -> None:
    hand.store(LENGTH, 3)
    hand.drop("bytes_sink_write", SINK, BUFFER, LENGTH)


def _reads_no_arguments(hand: Hand) -> None:
    hand.store(LENGTH, 3)
    hand.drop("bytes_source_read", SOURCE, BUFFER, LENGTH)


def _writes_to_sink_1(hand: Hand) -> None:
    hand.store(LENGTH, 3)
    hand.drop("bytes_sink_write", 1, BUFFER, LENGTH)


def _deletes_more_than_rows(hand: Hand) -> None:
    rows = (1).to_bytes(4, "little") + bytes(12) + b"?"
    hand.drop("datastore_delete_all_by_eq_bsatn", hand.table("bag"), hand.put(rows), len(rows), OUT)


REFUSED: list[tuple[Callable[[Hand], None], str]] = [
    (_leaves_an_iterator, "1 iterators are open after bare"),
    (_closes_twice, "to be closed"),
    (_advances_after_the_end, "after its end"),
    (_closes_after_the_end, "to be closed"),
    (_unknown_table, "no table 'things'"),
    (_unknown_index, "no index 'by_place'"),
    (_null, "null pointer"),
    (_outside, "not in memory"),
    (_half_a_row, "_datastore_insert_bsatn"),
    (_a_row_too_long, "_datastore_insert_bsatn"),
    (_updates_by_no_unique_index, "no unique index"),
    (_updates_by_the_index_of_another_table, "no unique index of bag"),
    (_returns_a_number, "returned 2"),
    (_says_something_and_succeeds, "succeeded and yet said"),
    (_reads_no_arguments, "no source 0"),
    (_writes_to_sink_1, "no sink 1"),
    (_deletes_more_than_rows, "1 bytes are behind"),
    (scanner(b"\0\0\0\0\0", 1, b"\x02", b"\x02"), "1 bytes are behind the prefix"),
    (scanner(b"", 0, b"\x02\0", b"\x02"), "1 bytes are behind an open bound"),
    (scanner(b"", 0, b"\x03", b"\x02"), "no bound"),
    (scanner(b"", 0, b"\x00\0\0", b"\x02"), "_datastore_index_scan_range_bsatn"),
    (scanner(b"\0" * 12, 2, b"\x02", b"\x02"), "leaves none"),
]


@pytest.mark.parametrize(("write", "why"), REFUSED, ids=[why for _, why in REFUSED])
def test_faults_of_a_module_fail_the_test(write: Callable[[Hand], None], why: str) -> None:
    database = host(write)
    some_things(database)
    with pytest.raises(HostRefused, match=why):
        database.call("bare")


def test_tables_are_out_of_reach_while_the_module_describes_itself() -> None:
    asm = Assembler()
    asm.import_function(MODULE, "table_id_from_name", ["i32"] * 3, ["i32"])
    describe = asm.function("__describe_module__", ["i32"])
    for number in (64, 1, 16):
        describe.i32(number)
    describe.call("table_id_from_name")
    describe.op("drop")
    asm.function("__call_reducer__", *EXPORTS["__call_reducer__"]).i32(0)
    asm.export("__describe_module__")
    asm.export("__call_reducer__")
    with pytest.raises(HostRefused, match="outside of a transaction"):
        MockHost(asm.build(1000), DEFINITION)


def test_another_definition_is_noticed() -> None:
    wasm = assembled(lambda hand: None, definition=ModuleDef(DEFINITION.typespace))
    with pytest.raises(HostRefused, match="describes itself"):
        MockHost(wasm, DEFINITION)


def test_imports_of_a_later_minor_are_refused() -> None:
    wasm = assembled(lambda hand: None, module="spacetime_10.1")
    with pytest.raises(HostRefused, match=r"unknown import spacetime_10\.1"):
        MockHost(wasm, DEFINITION)


def test_imports_of_another_type_are_refused() -> None:
    wrong = {**IMPORTS, "bytes_sink_write": (3, "")}
    asm = Assembler()
    for name, (count, result) in wrong.items():
        asm.import_function(MODULE, name, ["i32"] * count, ["i32"] if result else [])
    describe = asm.function("__describe_module__", ["i32"])
    for number in (64, 1, 16):
        describe.i32(number)
    describe.call("bytes_sink_write")
    asm.export("__describe_module__")
    with pytest.raises(HostRefused, match="bytes_sink_write has another type"):
        MockHost(asm.build(1000), DEFINITION)


@pytest.mark.parametrize("missing", list(EXPORTS))
def test_exports_must_be_there_with_their_types(missing: str) -> None:
    asm = Assembler()
    asm.import_function(MODULE, "identity", ["i32"])
    body = asm.function("g", ["i32", "i64"], ["i32"])
    body.i32(16)
    body.call("identity")
    body.i32(0)
    asm.export("g", missing)
    with pytest.raises(HostRefused, match="is missing or has another type"):
        MockHost(asm.build(1000), DEFINITION)
