"""Every type of SpacetimeDB's client tests goes to a server and comes back, as generated classes.

The same story on the embedded server, over each protocol, and on a real one.
"""

from __future__ import annotations

import asyncio
import dataclasses
import random
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from harness.gen.generating import package
from harness.gen.planning import Options
from harness.module import compiler, load
from harness.project.entries import ROW_CLASSES
from harness.targets.standalone import Standalone
from harness.wire import types as t
from harness.wire import values as v
from harness.wire.program import SumBinding, field_names
from tests.e2e import real
from tests.e2e.server import PATIENCE_S, ServerProcess
from tests.gen import schemas, sdk_test


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("module") / "bench.py"  # its name is the database's
    path.write_text(sdk_test.source())
    return path


@pytest.fixture(scope="module")
def server(source: Path) -> Iterator[ServerProcess]:
    with ServerProcess([str(source), "--in-memory"]) as process:
        yield process
        assert process.alive(), process.errors()


@pytest.fixture(scope="module")
def wasm(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    path = tmp_path_factory.mktemp("module") / "bench.py"
    path.write_text(sdk_test.source(compiled=True))
    return compiler.build(load(path)).wasm


@pytest.fixture
def standalone(wasm: bytes) -> Iterator[Standalone]:
    """A new one each time: 1.2.0 does not say how many rows without bytes there were before."""
    with Standalone(real.server(), wasm=wasm) as running:
        yield running


class Values:
    """Seeded values of the types of a schema, as the classes that are bound to them."""

    def __init__(self, bindings: ModuleType, seed: int) -> None:
        module = bindings.REMOTE_MODULE
        self.space = module.definition.typespace
        self.classes = module.codecs.bindings
        self.rng = random.Random(seed)

    def of(self, type_: t.Type) -> Any:
        rng = self.rng
        if isinstance(type_, t.Ref):
            return self.bound(type_.index)
        if type_ == t.BYTES:
            return rng.randbytes(rng.randrange(4))
        if type_ in (t.IDENTITY, t.CONNECTION_ID):
            class_ = v.Identity if type_ == t.IDENTITY else v.ConnectionId
            return class_(rng.randbytes(class_.WIDTH))
        if type_ in (t.TIMESTAMP, t.TIME_DURATION):
            class_ = v.Timestamp if type_ == t.TIMESTAMP else v.TimeDuration
            return class_(rng.randrange(-(1 << 50), 1 << 50))
        if isinstance(type_, t.Array):
            return [self.of(type_.element) for _ in range(rng.randrange(4))]
        some = t.option_payload(type_)
        if some is not None:
            return self.of(some) if rng.random() < 0.7 else None
        assert isinstance(type_, t.Scalar), type_
        return self.scalar(type_)

    def scalar(self, type_: t.Scalar) -> Any:
        rng = self.rng
        if type_.kind in t.INTEGERS:
            bits, signed = t.INTEGERS[type_.kind]
            least = -(1 << (bits - 1)) if signed else 0
            most = least + (1 << bits) - 1
            return rng.choice([least, most, 0, rng.randrange(least, most)])
        if type_.kind is t.Kind.BOOL:
            return rng.random() < 0.5
        if type_.kind is t.Kind.STRING:
            return "".join(rng.choices("aé'\"\\\n\0 東🙂", k=rng.randrange(6)))
        return rng.choice([0.5, -0.0, float("inf"), rng.randrange(1 << 20) / 64])

    def bound(self, index: int) -> Any:
        class_, type_ = self.classes[index], self.space.types[index]
        if isinstance(class_, SumBinding):
            assert isinstance(type_, t.Sum)
            place = self.rng.randrange(len(type_.variants))
            return class_.classes[place](self.of(type_.variants[place].type))
        if isinstance(type_, t.Sum):
            return self.rng.choice(list(class_))
        assert isinstance(type_, t.Product)
        return class_(*(self.of(element.type) for element in type_.elements))


async def story(bindings: ModuleType, uri: str, protocol: str, seed: int, rows: int = 3) -> int:
    """Insert rows into every table, and see them come back to another connection."""
    connect = bindings.DbConnection.connect
    options = {"protocols": (protocol,), "check_schema": "strict", "call_timeout_s": 60.0}
    values = Values(bindings, seed)
    count = 0
    async with connect(uri, "bench", **options) as ours, connect(uri, "bench", **options) as other:
        await other.subscribe_to_all_tables()
        for table in bindings.REMOTE_MODULE.tables:
            heard: list[Any] = []
            handle = getattr(other.db, table.accessor)
            registration = handle.on_insert(lambda ctx, row, heard=heard: heard.append(row))
            row_class = getattr(bindings, table.row)
            place = list(bindings.REMOTE_MODULE.types).index(table.row)
            keys = {key_of(first(row) if table.unique else row) for row in handle}
            sent = []
            for row in (values.bound(place) for _ in range(rows)):
                key = key_of(first(row) if table.unique else row)
                if key not in keys:  # a row that is there already would be told to nobody
                    keys.add(key)
                    sent.append(row)
                    await getattr(ours.reducers, f"insert_{table.accessor}")(*fields(row))
            new = {key_of(row): row for row in sent}
            await until(lambda heard=heard, new=new: len(heard) == len(new), table.accessor)
            assert {key_of(row) for row in heard} == set(new)
            assert all(type(row) is row_class for row in heard)
            assert {key_of(row) for row in handle} >= set(new)
            for row in sent if table.unique else ():
                found = getattr(handle, field_names(row_class)[0]).find(first(row))
                assert key_of(found) == key_of(row)
            registration.cancel()
            count += len(new)
    return count


async def until(reached: Callable[[], bool], what: str) -> None:
    """Let the loop turn until it is so; the limit bounds liveness only."""
    try:
        async with asyncio.timeout(PATIENCE_S):
            while not reached():
                await asyncio.sleep(0)
    except TimeoutError:
        raise AssertionError(f"{what}: it never came") from None


def fields(row: Any) -> list[Any]:
    return [getattr(row, name) for name in field_names(type(row))]


def first(row: Any) -> Any:
    return fields(row)[0]


def key_of(row: Any) -> str:
    """What tells rows apart, minus zero and not-a-number included."""
    if dataclasses.is_dataclass(row) or hasattr(row, "__attrs_attrs__"):
        return f"{type(row).__name__}{[key_of(x) for x in fields(row)]}"
    return repr(row)


@pytest.mark.parametrize("row_class", ROW_CLASSES)
@pytest.mark.parametrize("protocol", ["v3", "v2", "v1"])
def test_every_type_round_trips(
    server: ServerProcess, row_class: str, protocol: str, tmp_path: Path
) -> None:
    json = schemas.served(server.http, "bench")
    assert "sections" in json
    with schemas.imported(package(json, Options(row_class)), tmp_path) as bindings:
        seed = len(ROW_CLASSES) * int(protocol[1]) + ROW_CLASSES.index(row_class)
        assert asyncio.run(story(bindings, server.http, protocol, seed)) > 100


@pytest.mark.real
@pytest.mark.parametrize("row_class", ROW_CLASSES)
def test_every_type_round_trips_on_a_real_server(
    standalone: Standalone, row_class: str, tmp_path: Path
) -> None:
    json = schemas.served(standalone.uri, "bench")
    assert "typespace" in json  # 1.2.0 knows V9 alone
    with schemas.imported(package(json, Options(row_class)), tmp_path) as bindings:
        seed = ROW_CLASSES.index(row_class)
        assert asyncio.run(story(bindings, standalone.uri, "v1", seed)) > 80
