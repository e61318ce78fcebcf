"""Views and procedures through a generated client, from the schema that the live server gives."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

import harness.module.examples
from harness.client import Ok
from harness.gen.generating import package
from tests.e2e.server import PATIENCE_S, ServerProcess
from tests.gen import schemas

INVENTORY = Path(harness.module.examples.__path__[0]) / "inventory"


@pytest.mark.parametrize("protocol", ["v3", "v2", "v1"])
def test_views_are_tables_and_procedures_return(protocol: str, tmp_path: Path) -> None:
    with ServerProcess([str(INVENTORY), "--in-memory"]) as server:
        found = package(schemas.served(server.http, "inventory"))
        assert (
            "def worth(self, store: str) -> _c.Call[_types.Worth]:" in found.files["procedures.py"]
        )
        with schemas.imported(found, tmp_path) as made:
            asyncio.run(asyncio.wait_for(story(made, server.http, protocol), 2 * PATIENCE_S))


async def story(made: Any, uri: str, protocol: str) -> None:
    options = {"protocols": (protocol,), "check_schema": "strict"}
    async with made.DbConnection.connect(uri, "inventory", **options) as conn:
        await conn.subscribe(made.query.mine, made.query.stock, made.query.most_wanted)
        told: list[Any] = []
        conn.db.mine.on_insert(lambda ctx, row: told.append(row))
        await conn.reducers.open_store("north")
        await conn.reducers.define("nail", "Nails", price=5, least=10)
        await conn.reducers.receive("north", "nail", pieces=30)
        (stock,) = conn.db.stock.by_store.filter(("north", "nail"))
        assert stock.pieces == 30
        assert list(conn.db.stock.by_store.filter("south")) == []
        await conn.reducers.borrow("north", "nail", pieces=4)
        while not told:
            await asyncio.sleep(0)
        assert [type(row) for row in told] == [made.types.Loan]
        assert conn.db.mine.id.find(told[0].id) == told[0]
        worth = await conn.procedures.worth(store="north")
        assert type(worth) is made.Worth
        outcomes: list[Any] = []
        assert await conn.procedures.fill_up("north").then(outcomes.append) == 0
        assert outcomes == [Ok(0)]
