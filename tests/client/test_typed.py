"""The parts of generated code's runtime, each by itself."""

from __future__ import annotations

import asyncio
import gc
import logging
import stat
import threading
from pathlib import Path
from typing import Any

import pytest

from harness.client import CredentialsFile, Err, Ok, ReducerError
from harness.client.typed.calls import ProceduresBase, call_procedure
from harness.client.typed.driving import Driver
from harness.client.typed.likeness import differences
from harness.client.typed.pending import Pending
from harness.errors import (
    CallTimeout,
    DecodeError,
    InternalError,
    LocalProtocolError,
    PlanError,
    StoreError,
)
from harness.wire import codec
from harness.wire import schema as s
from harness.wire import types as t


def at_once(callback: Any, *args: Any) -> None:
    callback(*args)


# --- what is not there yet ------------------------------------------------------------------------


def test_a_value_is_awaited_before_and_after_it_comes() -> None:
    async def story() -> None:
        driver = Driver(at_once)
        driver.here()
        pending: Pending[int] = Pending(driver, "it")
        waiting = asyncio.ensure_future(_get(pending))
        await asyncio.sleep(0)
        assert not waiting.done()
        pending.set_result(5)
        assert await waiting == 5
        assert await pending == 5
        assert pending.result() == 5
        assert repr(pending) == "<Pending it: done>"

    asyncio.run(story())


async def _get(pending: Pending[Any]) -> Any:
    return await pending


def test_an_error_is_raised_to_everybody_who_asks() -> None:
    async def story() -> None:
        driver = Driver(at_once)
        driver.here()
        pending: Pending[int] = Pending(driver, "it")
        told: list[Any] = []
        pending.then(told.append)
        error = ReducerError("no")
        pending.set_exception(error)
        pending.then(told.append)
        for _ in range(2):
            with pytest.raises(ReducerError, match="no"):
                await pending
        assert told == [Err(error), Err(error)]
        assert pending.exception() is error

    asyncio.run(story())


def test_waiting_where_the_answer_comes_is_refused() -> None:
    async def story() -> None:
        driver = Driver(at_once)
        driver.here()
        with pytest.raises(LocalProtocolError, match="await it, or use then"):
            Pending(driver, "it").result(1)

    asyncio.run(story())


def test_other_threads_and_loops_wait_too() -> None:
    driver = Driver(at_once)
    driver.in_a_thread()
    try:
        pending: Pending[str] = Pending(driver, "it")
        with pytest.raises(CallTimeout, match="no answer within 0"):
            pending.result(0.01)
        found: list[str] = []
        threads = [threading.Thread(target=lambda: found.append(pending.result(30)))]
        threads += [threading.Thread(target=lambda: found.append(asyncio.run(_get(pending))))]
        for thread in threads:
            thread.start()
        driver.soon(pending.set_result, "here")
        for thread in threads:
            thread.join()
        assert found == ["here", "here"]
    finally:
        driver.end()
    with pytest.raises(LocalProtocolError, match="there is no connection"):
        driver.soon(print)


def test_who_waited_in_a_loop_that_has_ended_is_forgotten() -> None:
    """What they left behind must not break the connection, whose thread it is that tells them."""

    async def give_up(pending: Pending[str]) -> None:
        waiting = asyncio.ensure_future(_get(pending))
        await asyncio.sleep(0)
        waiting.cancel()

    driver = Driver(at_once)
    driver.in_a_thread()
    try:
        pending: Pending[str] = Pending(driver, "it")
        asyncio.run(give_up(pending))
        told: list[Any] = []
        pending.then(told.append)
        pending.set_result("here")
        assert told == [Ok("here")]
    finally:
        driver.end()


@pytest.mark.parametrize("asked", [False, True])
def test_an_error_that_nobody_asks_for_is_logged(
    asked: bool, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.ERROR, "harness.client"):
        pending: Pending[int] = Pending(Driver(at_once), "send_message")
        pending.set_exception(ReducerError("too long"))
        if asked:
            with pytest.raises(ReducerError):
                pending.result()
        del pending
        gc.collect()
    logged = ["send_message failed, and nobody asked: too long"]
    assert [record.message for record in caplog.records] == ([] if asked else logged)


def test_a_driver_is_started_once() -> None:
    driver = Driver(at_once)
    driver.by_hand()
    driver.tick()
    with pytest.raises(LocalProtocolError, match="started already"):
        driver.by_hand()
    driver.end()
    with pytest.raises(LocalProtocolError, match="the connection has ended"):
        driver.tick()
    with pytest.raises(LocalProtocolError, match="frame_tick"):
        Driver(at_once).tick()


# --- procedures -----------------------------------------------------------------------------------


class Asked:
    """Stands in for a client: keeps what was asked of it."""

    def __init__(self) -> None:
        self.waiters: list[Any] = []
        self.sent: list[tuple[str, bytes]] = []

    def procedure_for(self, waiter: Any, name: str, args: bytes) -> None:
        self.waiters.append(waiter)
        self.sent.append((name, args))


class Connection:
    """As much of a connection as calls need."""

    _call_timeout_s = None

    def __init__(self, client: Asked | None) -> None:
        self._driver = Driver(at_once)
        self._client = client

    def _open(self) -> Any:
        if self._client is None:
            raise LocalProtocolError("there is no connection")
        return self._client

    def _procedure(self, name: str) -> Any:
        args = codec.compile(t.product(a=t.U8, b=t.STRING))
        return args.encode, codec.compile(t.option(t.U16)).decode


def test_procedures_give_typed_values() -> None:
    asked = Asked()
    procedures = ProceduresBase(Connection(asked))  # type: ignore[arg-type]  # as much as is needed
    calls = [call_procedure(procedures, "count", 7, "x") for _ in range(4)]
    assert asked.sent == [("count", b"\x07\x01\0\0\0x")] * 4
    told: list[Any] = []
    calls[0].then(told.append)
    for waiter, data in zip(asked.waiters, [b"\0\x05\0", b"\x01", b"\x09"], strict=False):
        waiter.set_result(data)
    assert (calls[0].result(), calls[1].result(), told) == (5, None, [Ok(5)])
    with pytest.raises(DecodeError):
        calls[2].result()
    asked.waiters[3].set_exception(InternalError("it broke"))
    with pytest.raises(InternalError, match="it broke"):
        calls[3].result()


@pytest.mark.parametrize("timeout", [-1, float("nan")])
def test_what_is_no_time_is_said_before_anything_is_sent(timeout: float) -> None:
    procedures = ProceduresBase(Connection(Asked()))  # type: ignore[arg-type]  # as much as is needed
    with pytest.raises(ValueError, match="timeout is a number of seconds from 0 on, or None"):
        procedures.with_options(timeout=timeout)


def test_without_a_connection_a_call_is_an_error_at_once() -> None:
    with pytest.raises(LocalProtocolError, match="there is no connection"):
        call_procedure(ProceduresBase(Connection(None)), "count", 7, "x")  # type: ignore[arg-type]  # as much as is needed


# --- the schema of code and server ----------------------------------------------------------------

ROW = t.product(id=t.U64, tree=t.Ref(1), maybe=t.option(t.STRING))
TREE = t.sum_of(Leaf=t.U32, Node=t.Array(t.Ref(1)))


def known(**changes: Any) -> s.ModuleDef:
    parts: dict[str, Any] = {
        "typespace": t.Typespace((ROW, TREE)),
        "tables": (s.TableDef("user", "user", 0, 0),),
        "reducers": (s.ReducerDef("set", "set", t.product(x=t.Ref(1))),),
        "procedures": (s.ProcedureDef("count", "count", t.UNIT, t.U8),),
    }
    return s.ModuleDef(**(parts | changes))


@pytest.mark.parametrize(
    ("served", "said"),
    [
        (known(), []),
        # Other numbers, an alias, a type without a name where the code has one: the same bytes.
        (known(typespace=t.Typespace((
            t.product(id=t.U64, tree=t.Ref(3), maybe=t.option(t.STRING)), t.Ref(3), t.U8,
            t.sum_of(leaf=t.U32, node=t.Array(t.Ref(1)))))), []),
        (known(reducers=(*known().reducers, s.ReducerDef("new", "new", t.UNIT))), []),
        (known(tables=()), ["table 'user' is gone"]),
        (known(tables=(s.TableDef("user", "user", 0, None),)),
         ["table 'user' has another primary key"]),
        (known(reducers=()), ["reducer 'set' is gone"]),
        (known(reducers=(s.ReducerDef("set", "set", t.product(y=t.Ref(1))),)),
         ["reducer 'set': (x) here, (y) there"]),
        (known(procedures=(s.ProcedureDef("count", "count", t.UNIT, t.U16),)),
         ["the result of procedure 'count': U8 here, U16 there"]),
        (known(typespace=t.Typespace((ROW, t.sum_of(Leaf=t.U64, Node=t.Array(t.Ref(1)))))),
         ["table 'user', tree.Leaf: U32 here, U64 there"]),
        (known(typespace=t.Typespace((t.product(id=t.U64, tree=t.Ref(1), maybe=t.STRING), TREE))),
         ["table 'user', maybe: a sum here, String there"]),
    ],
)  # fmt: skip
def test_differences(served: s.ModuleDef, said: list[str]) -> None:
    assert differences(known(), served) == said


@pytest.mark.parametrize(
    "returns", [t.Array(t.Ref(0)), t.option(t.Ref(0)), s.query_of(t.Ref(0))], ids=repr
)
def test_a_view_is_there_whatever_it_returns_its_rows_as(returns: t.Type) -> None:
    """Code knows it as a table, with a key that a view says nowhere in V9."""
    view = s.ViewDef("user", "user", 0, True, True, t.UNIT, returns)
    assert differences(known(), known(tables=(), views=(view,))) == []
    other = known(tables=(), views=(view,), typespace=t.Typespace((t.product(id=t.U64), TREE)))
    assert differences(known(), other) == ["table 'user': (id, tree, maybe) here, (id) there"]


# --- tokens ---------------------------------------------------------------------------------------


def test_a_token_is_kept_for_our_eyes_only(tmp_path: Path) -> None:
    file = CredentialsFile("chat-1", tmp_path / "kept")
    assert file.load() is None
    file.save(None)
    assert file.load() is None
    file.save("abc.def.ghi")
    assert file.load() == "abc.def.ghi"
    file.save("new")
    assert file.load() == "new"
    (path,) = (tmp_path / "kept").iterdir()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert "new" not in repr(file)
    path.write_text("{")
    with pytest.raises(StoreError, match="is damaged; delete it to get a new identity"):
        file.load()


@pytest.mark.parametrize("name", ["", "../x", "a/b", "a\0", ".hidden", "x" * 101])
def test_names_that_are_no_files(name: str) -> None:
    with pytest.raises(ValueError, match="a name of letters"):
        CredentialsFile(name)


def test_what_is_no_token_is_not_kept(tmp_path: Path) -> None:
    with pytest.raises(PlanError) as caught:
        CredentialsFile("x", tmp_path).save("two words")
    assert "two words" not in str(caught.value)
    assert list(tmp_path.iterdir()) == []
