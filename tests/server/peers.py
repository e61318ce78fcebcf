"""Client ends of sessions without any wire: messages in, decoded messages out."""

from __future__ import annotations

from typing import Any

from harness.module import load
from harness.server.database import Database
from harness.server.hub import Hub
from harness.server.session import Session
from harness.server.session_v1 import SessionV1, SessionV1Json
from harness.server.session_v2 import SessionV2, SessionV3
from harness.wire import codec as codecs
from harness.wire import satsjson, v1, v1_json, v2
from harness.wire import types as t
from harness.wire.compression import unpack
from harness.wire.rows import RowList
from harness.wire.values import ConnectionId, Identity, Timestamp
from tests.server.databases import OWNER, SELF, open_database

NOW = 1_700_000_000_000_000


def bench_hub() -> Hub:
    """A hub over the bench module in memory, whose clock stands still."""
    return Hub("bench", open_database(load("harness.module.bench")), clock=lambda: NOW)


class Schema:
    """Rows and arguments of one database as Python values."""

    def __init__(self, database: Database) -> None:
        definition = database.definition
        space = definition.typespace
        looks = (*definition.tables, *map(definition.view_table, definition.views))
        self.rows = {x.name: codecs.compile(t.Ref(x.row), space) for x in looks}
        self.json = {
            x.name: satsjson.compile_json(definition.row_type(x), space, positional=True)
            for x in definition.tables
        }
        self.params = {x.name: codecs.compile(x.params, space) for x in definition.reducers}

    def args(self, reducer: str, *values: Any) -> bytes:
        encoded: bytes = self.params[reducer].encode(values)
        return encoded

    def decoded(self, table: str, found: RowList) -> list[Any]:
        rows = [self.rows[table].decode(data) for data in found.slices()]
        try:
            return sorted(rows)
        except TypeError:  # sums have no order
            return sorted(rows, key=repr)

    def row_from_json(self, table: str, row: Any) -> bytes:
        encoded: bytes = self.rows[table].encode(self.json[table].from_json(row))
        return encoded


class Peer:
    """One connection. ``received`` gives what came since it was asked last."""

    made: type[Session]

    def __init__(self, hub: Hub, number: int = 1, **options: Any) -> None:
        self.hub = hub
        self.schema = Schema(hub.database)
        self.identity = options.pop("identity", Identity.from_int(number))
        self.connection_id = ConnectionId.from_int(number)
        self.payloads: list[bytes] = []
        options.setdefault("owner", self.identity == OWNER)
        self.session = self.made(
            hub, self.identity, self.connection_id, f"token {number}", **options
        )
        self.session.sink = self.payloads.extend
        self.refusal = hub.connect(self.session)

    def send(self, *messages: Any) -> None:
        """Hand messages in and let them be handled; the tick goes on."""
        self.hand_in(*messages)
        while self.session.work():
            pass

    def hand_in(self, *messages: Any) -> None:
        for message in messages:
            self.session.receive(self.encode(message))

    def received(self, *, tick: bool = True) -> list[Any]:
        if tick:
            self.hub.end_tick()
        payloads, self.payloads[:] = list(self.payloads), []
        return [message for payload in payloads for message in self.decode(payload)]

    def ask(self, *messages: Any) -> list[Any]:
        """Send, end the tick, and take the answers."""
        self.send(*messages)
        return self.received()

    def encode(self, message: Any) -> bytes | str:
        raise NotImplementedError

    def decode(self, payload: bytes) -> list[Any]:
        raise NotImplementedError


class PeerV2(Peer):
    made = SessionV2

    def encode(self, message: Any) -> bytes | str:
        encoded: bytes = v2.CLIENT.encode(message)
        return encoded

    def decode(self, payload: bytes) -> list[Any]:
        message, end = v2.SERVER.decode_from(unpacked := bytes(unpack(payload)), 0)
        assert end == len(unpacked), "v2 has one message in a payload"
        return [message]

    def call(self, reducer: str, *values: Any, request_id: int = 1) -> Any:
        return v2.CallReducer(request_id, 0, reducer, self.schema.args(reducer, *values))

    def rows(self, found: v2.QueryRows) -> list[tuple[str, list[Any]]]:
        return [(x.table, self.schema.decoded(x.table, x.rows)) for x in found.tables]

    def sets(self, update: v2.TransactionUpdate) -> dict[int, Any]:
        """Set id → [(table, inserts, deletes)]."""
        return {
            one.query_set_id: [
                (
                    table.table_name,
                    self.schema.decoded(table.table_name, part.inserts),
                    self.schema.decoded(table.table_name, part.deletes),
                )
                for table in one.tables
                for part in table.rows
                if isinstance(part, v2.PersistentTable)
            ]
            for one in update.query_sets
        }


class PeerV3(PeerV2):
    made = SessionV3

    def decode(self, payload: bytes) -> list[Any]:
        return list(v2.SERVER.decode_all(bytes(unpack(payload))))


class PeerV1(Peer):
    made = SessionV1

    def encode(self, message: Any) -> bytes | str:
        encoded: bytes = v1.CLIENT.encode(message)
        return encoded

    def decode(self, payload: bytes) -> list[Any]:
        return [v1.SERVER.decode(bytes(unpack(payload)))]

    def call(self, reducer: str, *values: Any, request_id: int = 1, flags: int = 0) -> Any:
        return v1.CallReducer(reducer, self.schema.args(reducer, *values), request_id, flags)

    def tables(self, update: v1.DatabaseUpdate) -> list[tuple[str, Any]]:
        """[(table, [(inserts, deletes)])], with the count of rows checked."""
        found = []
        for table in update.tables:
            parts = []
            for part in table.updates:
                assert isinstance(part, v1.QueryUpdate)
                inserts = self.schema.decoded(table.table_name, part.inserts)
                parts.append((inserts, self.schema.decoded(table.table_name, part.deletes)))
            assert table.num_rows == sum(len(i) + len(d) for i, d in parts)
            found.append((table.table_name, parts))
        return found


class PeerV1Json(PeerV1):
    made = SessionV1Json

    def encode(self, message: Any) -> bytes | str:
        return v1_json.encode_client(message, self.hub.args_to_json)

    def decode(self, payload: bytes) -> list[Any]:
        return [v1_json.decode_server(payload, self.schema.row_from_json)]


def database_identity() -> Identity:
    return SELF


def moment() -> Timestamp:
    return Timestamp(NOW)
