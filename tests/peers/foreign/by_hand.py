"""A client that speaks v1 for the bench module by hand: the standard library and `websockets`.

An honest one; `tests/peers/foreign/clients.py` makes the others of it by changing a few lines each.
"""

from __future__ import annotations

import itertools
import struct
import threading
from concurrent.futures import Future
from typing import Any
from urllib.parse import urlsplit

from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

_STRUCT = {"u64": "<Q", "f32": "<f", "i32": "<i", "bool": "<?"}
_COLUMNS = ("u64", "f32", "f32", "f32", "i32", "bool", "string")
#: The type's number in the algebraic type system.
_TAGS = {"u64": 13, "f32": 17, "i32": 10, "bool": 5, "string": 4}


def text(value: str) -> bytes:
    data = value.encode()
    return struct.pack("<I", len(data)) + data


def value(kind: str, given: Any) -> bytes:
    return text(given) if kind == "string" else struct.pack(_STRUCT[kind], given)


def call_message(reducer: str, arguments: tuple[Any, ...], request: int) -> bytes:
    packed = b"".join(value(kind, x) for kind, x in zip(_COLUMNS, arguments, strict=False))
    head = b"\x00" + text(reducer) + struct.pack("<I", len(packed))
    return head + packed + struct.pack("<IB", request, 0)


class Reader:
    """Bytes from front to back."""

    def __init__(self, data: bytes) -> None:
        self.data, self.at = data, 0

    def number(self, form: str) -> Any:
        (found,) = struct.unpack_from(form, self.data, self.at)
        self.at += struct.calcsize(form)
        return found

    def bytes(self) -> bytes:
        size = self.number("<I")
        self.at += size
        return self.data[self.at - size : self.at]

    def rows(self) -> list[tuple[Any, ...]]:
        """A row list: a size hint, then the rows without anything between them."""
        if self.number("<B") == 0:
            self.number("<H")
        else:
            offsets = self.number("<I")
            self.at += 8 * offsets
        data, rows = Reader(self.bytes()), []
        while data.at < len(data.data):
            rows.append(
                tuple(
                    data.bytes().decode() if kind == "string" else data.number(_STRUCT[kind])
                    for kind in _COLUMNS
                )
            )
        return rows

    def database_update(self) -> tuple[list[tuple[Any, ...]], list[tuple[Any, ...]]]:
        """Deleted and inserted rows of `item`, which is the only table that is subscribed."""
        deleted, inserted = [], []
        for _ in range(self.number("<I")):
            self.number("<I")
            self.bytes()
            self.number("<Q")
            for _ in range(self.number("<I")):
                if self.number("<B") != 0:
                    raise ValueError("a compressed update, though none was asked for")
                deleted += self.rows()
                inserted += self.rows()
        return deleted, inserted


class Connection:
    """One connection, with a thread that reads."""

    def __init__(self, uri: str, database: str, token: str | None) -> None:
        self._requests = itertools.count(1)
        self._waiting: dict[int, Future[None]] = {}
        self._rows: dict[int, tuple[Any, ...]] = {}
        self._socket = connect(
            f"ws://{urlsplit(uri).netloc}/v1/database/{database}/subscribe?compression=None",
            subprotocols=["v1.bsatn.spacetimedb"],
            additional_headers={"Authorization": f"Bearer {token}"} if token else None,
            compression=None,
            max_size=None,
        )
        self._greeted: Future[None] = Future()
        self._applied: Future[None] = Future()
        threading.Thread(target=self._read, daemon=True).start()
        self._greeted.result(10)

    def call(self, reducer: str, arguments: tuple[Any, ...]) -> Future[None]:
        request = next(self._requests)
        answer = self._waiting[request] = Future()
        self._socket.send(call_message(reducer, arguments, request))
        return answer

    def subscribe(self, query: str) -> None:
        message = b"\x04" + struct.pack("<I", 1) + text(query) + struct.pack("<II", 1, 1)
        self._socket.send(message)
        self._applied.result(10)

    def rows(self) -> list[tuple[Any, ...]]:
        return list(self._rows.values())

    def close(self) -> None:
        self._socket.close()

    def _read(self) -> None:
        try:
            for message in self._socket:
                assert isinstance(message, bytes)
                self._hear(Reader(message))
        except (ConnectionClosed, ValueError, struct.error) as error:
            for waiting in [self._greeted, self._applied, *self._waiting.values()]:
                if not waiting.done():
                    waiting.set_exception(error)

    def _hear(self, data: Reader) -> None:
        if data.number("<B") != 0:
            raise ValueError("a compressed message, though none was asked for")
        tag = data.number("<B")
        if tag == 3:
            self._greeted.set_result(None)
        elif tag == 8:
            data.at += 16
            self._keep(data)
            self._applied.set_result(None)
        elif tag == 1:
            self._answered(data)

    def _answered(self, data: Reader) -> None:
        status, why = data.number("<B"), ""
        if status == 0:
            self._keep(data)
        elif status == 1:
            why = data.bytes().decode()
        data.at += 8 + 32 + 16
        data.bytes()
        data.number("<I")
        data.bytes()
        request = data.number("<I")
        # A call that was refused before it ran has lost its number; it is the oldest one.
        answer = self._waiting.pop(request or min(self._waiting))
        if status == 0:
            answer.set_result(None)
        else:
            answer.set_exception(RuntimeError(why or "out of energy"))

    def _keep(self, data: Reader) -> None:
        deleted, inserted = data.database_update()
        for row in deleted:
            self._rows.pop(row[0], None)
        for row in inserted:
            self._rows[row[0]] = row
