"""What is counted: acts that do the same each time. Run as a file by any environment's Python.

``python -s -P counted.py BENCH TIMES MOST`` prepares once and acts TIMES times. Two runs that
differ in TIMES alone differ in the acts alone, so all that depends on a number of acts is made for
MOST of them. It measures whatever library that Python has installed, and so asks for public names
alone.
"""

from __future__ import annotations

import gc
import sys
from collections.abc import Callable
from typing import Any, NamedTuple, TypeAlias

#: What is done each time; it is given the number of the time, from 0.
Act: TypeAlias = Callable[[int], Any]

#: Acts before those that count: caches of the interpreter are warm after them.
WARM_UP = 4
_CALLS = 64
_ROWS = 100
_UPDATED = 1_000
#: A relative change within this is none, where an act is long.
THRESHOLD = 0.002


def _encode(rows: int) -> Callable[[int], Act]:
    def prepare(most: int) -> Act:
        codec, values = _items(rows)
        encode = codec.encode_all
        return lambda time: encode(values)

    return prepare


def _decode(rows: int) -> Callable[[int], Act]:
    def prepare(most: int) -> Act:
        codec, values = _items(rows)
        data = codec.encode_all(values)
        decode = codec.decode_all
        return lambda time: decode(data)

    return prepare


def _items(count: int) -> tuple[Any, list[Any]]:
    from harness.client.rows import Types
    from harness.load.workloads import item
    from harness.module import load

    definition = load("harness.module.bench").definition()
    types = Types(definition)
    table = next(table for table in definition.tables if table.name == "item")
    row_class = types.row_class(table)
    return types.row_codec(table), [row_class(*item(id)) for id in range(count)]


def _calls(most: int) -> Act:
    """64 calls are asked in one message and answered in one."""
    from harness.wire import v2
    from harness.wire.values import Timestamp

    connection, now = _connected(), Timestamp(1_700_000_000_000_000)
    done = v2.ReducerOk(b"", v2.TransactionUpdate([]))
    first = connection.call_reducer("noop", b"", None)
    answers = [
        b"\x00" + v2.SERVER.encode_all(
            [v2.ReducerResult(first + _CALLS * time + place, now, done) for place in range(_CALLS)]
        )
        for time in range(most + WARM_UP)
    ]  # fmt: skip
    pending = [1]  # the first call of the first act is made already

    def act(time: int) -> None:
        for _ in range(pending[0], _CALLS):
            connection.call_reducer("noop", b"", None)
        pending[0] = 0
        connection.data_to_send()
        connection.receive(answers[time])

    return act


def _update(most: int) -> Act:
    """A message that brings 1,000 rows."""
    from harness.wire import v2
    from harness.wire.rows import row_list

    codec, values = _items(_UPDATED)
    rows = row_list(codec.encode_rows(values))
    table = v2.TableUpdate("item", [v2.PersistentTable(rows, row_list([]))])
    message = v2.TransactionUpdate([v2.QuerySetUpdate(1, [table])])
    payload, connection = b"\x00" + v2.SERVER.encode(message), _connected()
    return lambda time: connection.receive(payload)


def _connected() -> Any:
    """A connection of v3 that was greeted."""
    from harness.protocol import SUBPROTOCOLS, open_connection
    from harness.wire import v2
    from harness.wire.values import ConnectionId, Identity

    connection = open_connection(SUBPROTOCOLS["v3"])
    hello = v2.InitialConnection(Identity.from_int(7), ConnectionId.from_int(17), "token")
    connection.receive(b"\x00" + v2.SERVER.encode(hello))
    return connection


def _cache(most: int) -> Act:
    """100 rows come, change and go, each in a message of its own."""
    from harness.run.caching import Bench

    bench = Bench(_ROWS)

    def act(time: int) -> None:
        bench.fill()
        bench.apply(bench.updates)

    return act


def _compiler(most: int) -> Act:
    from harness.module import compiler, load

    module = load("harness.module.bench")
    return lambda time: compiler.build(module)


class Bench(NamedTuple):
    """How it is prepared for so many acts, operations in one, what one is, acts that are counted.

    Enough acts are counted for ten million instructions and more: what starting and ending two
    processes differ in, some hundreds, is nothing beside that. ``threshold`` is the relative change
    up to which the same code was seen to differ after lines elsewhere had moved: the interpreter
    finds attributes in a table by their addresses, and so an act itself may cost 20 to 220 more.
    """

    prepare: Callable[[int], Act]
    operations: int
    operation: str
    acts: int
    threshold: float = THRESHOLD


BENCHES: dict[str, Bench] = {
    "codec.encode(item, 1)": Bench(_encode(1), 1, "row", 5_000, 0.02),
    "codec.encode(item, 1000)": Bench(_encode(1000), 1000, "row", 20),
    "codec.decode(item, 1)": Bench(_decode(1), 1, "row", 5_000, 0.02),
    "codec.decode(item, 1000)": Bench(_decode(1000), 1000, "row", 10),
    "protocol.calls(64)": Bench(_calls, _CALLS, "call", 100),
    "protocol.update(1000)": Bench(_update, _UPDATED, "row", 50, 0.005),
    "cache.apply(100)": Bench(_cache, 2 * _ROWS, "row", 10),
    "compiler.build(bench)": Bench(_compiler, 1, "module", 2),
}


def main() -> None:
    """Prepare, warm up, act."""
    name, times, most = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    act = BENCHES[name].prepare(most)
    for time in range(WARM_UP):
        act(time)
    gc.collect()
    gc.disable()
    for time in range(WARM_UP, WARM_UP + times):
        act(time)


if __name__ == "__main__":
    main()
