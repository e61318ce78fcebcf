"""The example module on a real server: the same calls leave the same rows as natively."""

from __future__ import annotations

from dataclasses import replace

import pytest

from harness.module import Module, compiler, load
from harness.server.outcome import CRASH
from harness.server.testing import TestDatabase
from harness.targets.standalone import Standalone
from tests.e2e import real, real_world
from tests.module.differential.agree import Call, Native
from tests.module.differential.world_calls import Player
from tests.module.wasm_host import START

pytestmark = pytest.mark.real

CALLS = 10_000
#: Tables that follow from the calls alone; the others depend on connections and on time.
FROM_CALLS = ("account", "entry", "body", "world", "throw")


@pytest.fixture(scope="module")
def module() -> Module:
    return load("harness.module.examples.world")


def natively(module: Module, calls: list[Call], left: real_world.Left) -> Native:
    """Play the calls natively: by the same identity, and with the server's time where one shows.

    A throw's dice depend on its timestamp, which its row tells; nothing else does.
    """
    native = Native(module)
    assert native.start().kind == "committed"
    assert native.database is not None
    throws = map(native.database.stores["throw"].decode, left.rows["throw"])
    times = iter([throw.at for throw in sorted(throws, key=lambda throw: throw.id)])
    for call, text in zip(calls, left.texts, strict=True):
        at = next(times) if call.reducer == "throw" and not text else START
        seen = native.run(replace(call, sender=left.identity), at)
        assert seen.text == text, call
    assert next(times, None) is None
    return native


def test_ten_thousand_calls_leave_the_same_rows(module: Module) -> None:
    program = real.server()
    calls = Player(module, seed=11).calls(CALLS)
    with Standalone(program, wasm=compiler.build(module).wasm) as server:
        left = real_world.play(server, module, calls)
    native = natively(module, calls, left)
    assert native.database is not None
    decoders = {name: store.decode for name, store in native.database.stores.items()}
    for table in FROM_CALLS:
        assert left.rows[table] == native.rows(table), table
    native.close()
    assert len(left.rows["entry"]) > 100
    assert len(left.rows["throw"]) > 500
    assert any(text.startswith("there is no account") for text in left.texts)
    assert CRASH in left.texts

    # The caller's own connection is the only one, and the clock has moved the comet.
    (session,) = map(decoders["session"], left.rows["session"])
    assert (session.player, session.connection) == (left.identity, left.connection_id)
    (comet,) = map(decoders["comet"], left.rows["comet"])
    assert comet.ticks > 0
    with TestDatabase(module) as database:
        database.advance(0.1 * comet.ticks + 0.05)
        assert database.table("comet").id.find(0) == comet
