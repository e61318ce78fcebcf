"""`harness start` as a process: what it prints, how it ends, what it finds in its way.

What it refuses before it begins is in ``tests/cli/test_start.py``.
"""

from __future__ import annotations

import re
import signal
from pathlib import Path

import pytest

from tests.e2e.http_client import JSON, ask, call
from tests.e2e.peer import Peer
from tests.e2e.server import BENCH, ServerProcess

COUNTER = """
from __future__ import annotations

from harness.module import ReducerContext, ReducerError, column, reducer, table, u32


@table(public=True)
class Counter:
    name: str = column(primary_key=True)
    value: u32


@reducer
def count(ctx: ReducerContext, name: str, by: u32) -> None:
    if not by:
        raise ReducerError("count by what?")
    old = ctx.db.counter.name.find(name)
    if old is None:
        ctx.db.counter.insert(Counter(name=name, value=by))
    else:
        ctx.db.counter.name.update(Counter(name=name, value=old.value + by))
"""


def test_the_first_line_is_where_it_listens() -> None:
    with ServerProcess() as server:
        assert re.fullmatch(r"http://127\.0\.0\.1:\d+", server.uri)
        assert ask(server, "GET", "/v1/ping").status == 200


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_cleanly(number: signal.Signals) -> None:
    with ServerProcess() as server, Peer(server.address) as peer:
        peer.upgrade()
        assert server.stop(number) == 0
        assert peer.ended().code == 1001
        assert "Traceback" not in server.errors()


def test_a_module_of_ones_own(tmp_path: Path) -> None:
    (tmp_path / "counter.py").write_text(COUNTER)
    arguments = [str(tmp_path / "counter.py"), "--name", "my-counters"]
    with ServerProcess(arguments) as server:
        base = "/v1/database/my-counters"
        for by in (2, 3):
            assert ask(server, "POST", f"{base}/call/count", f'["x", {by}]', JSON).status == 200
        refused = ask(server, "POST", f"{base}/call/count", '["x", 0]', JSON)
        assert (refused.status, refused.text) == (530, "count by what?")
        answer = ask(server, "POST", f"{base}/sql", "SELECT * FROM counter")
        assert answer.json[0]["rows"] == [["x", 5]]
        assert call(server, "noop").status == 404  # there is no bench database then


def test_a_port_that_is_taken_is_one_sentence() -> None:
    with ServerProcess() as first:
        host, port = first.address
        with ServerProcess([BENCH, "--listen", f"{host}:{port}"], wait=False) as second:
            assert second.ends() != 0
            assert str(port) in second.errors()
            assert "Traceback" not in second.errors()


def test_a_module_that_does_not_load_says_why(tmp_path: Path) -> None:
    (tmp_path / "broken.py").write_text(
        "from harness.module import table\n\n@table(public=True)\nclass A:\n    x: dict\n"
    )
    with ServerProcess([str(tmp_path / "broken.py")], wait=False) as server:
        assert server.ends() != 0
        assert "dict" in server.errors()
        assert "A.x" in server.errors() or "x" in server.errors()
