"""What MODULES.md shows is what works: its module is loaded, used and type-checked."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import types
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.errors import ReducerError
from harness.module import Identity, Module, load
from harness.module.http import HttpRequest, HttpResponse
from harness.server.testing import TestDatabase
from harness.wire.values import ConnectionId

ROOT = Path(__file__).resolve().parents[2]
DOCUMENT = ROOT / "harness" / "module" / "MODULES.md"
ADA = Identity.from_int(7)


def pieces() -> tuple[str, str]:
    """The module that the document makes, and the test that it has of it."""
    *module, test = re.findall(r"```python\n(.*?)```", DOCUMENT.read_text(), re.DOTALL)
    assert len(module) > 3
    assert test.startswith("def test_")
    return "\n\n".join(module), test


@pytest.fixture(scope="module")
def module(tmp_path_factory: pytest.TempPathFactory) -> Module:
    path = tmp_path_factory.mktemp("document") / "shown.py"
    path.write_text(pieces()[0])
    return load(str(path))


@pytest.fixture
def db(module: Module) -> Iterator[TestDatabase]:
    with TestDatabase(module) as made:
        yield made


def test_its_own_test(module: Module) -> None:
    made = types.ModuleType("shown_test")
    vars(made).update(module=module, Identity=Identity)
    exec(pieces()[1], vars(made))
    (test,) = [made.__dict__[name] for name in dir(made) if name.startswith("test_")]
    test()


def test_a_player(db: TestDatabase) -> None:
    with pytest.raises(ReducerError, match="who are you"):
        db.call("level_up", sender=ADA)
    db.connect(ADA, ConnectionId.from_int(1))
    assert db.view("best")[0].level == 1
    for _ in range(9):
        db.call("level_up", sender=ADA)
    (player,) = db.table("player").iter()
    assert (player.level, player.rank.name, player.motto) == (10, "MEMBER", None)
    assert db.view("experts") == [player]
    db.disconnect(ADA, ConnectionId.from_int(1))
    assert db.view("experts") == []
    with pytest.raises(ReducerError, match="a message must not be empty"):
        db.call("send", 1, "")


def test_what_a_call_tells_of(db: TestDatabase, module: Module) -> None:
    changes = db.call("send", 2, "hello", sender=ADA)
    assert set(changes) == {"message", "ping"}  # the event is told of, and not kept
    assert db.table("ping").count() == 0
    assert db.log == ["5 letters in room 2"]
    shown = module.compiled.functions["put"].__globals__
    db.call("put", shown["Circle"](radius=1.5), ["round"])
    (thing,) = db.table("thing").iter()
    assert (thing.id, thing.shape, thing.tags) == (1, shown["Circle"](radius=1.5), ["round"])


def test_a_motto_comes_from_elsewhere(module: Module) -> None:
    asked: list[str] = []

    async def fetch(request: HttpRequest) -> HttpResponse:
        asked.append(request.url)
        return HttpResponse(200, body=b"onwards")

    with TestDatabase(module, fetch=fetch) as db:
        db.connect(ADA, ConnectionId.from_int(1))
        assert db.procedure("fetch_motto", "https://example.org/", sender=ADA) == "onwards"
        assert [player.motto for player in db.table("player").iter()] == ["onwards"]
    assert asked == ["https://example.org/"]


def test_it_is_typed(tmp_path: Path) -> None:
    (tmp_path / "shown.py").write_text(pieces()[0])
    done = subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", "--follow-imports", "silent", "shown.py"],
        cwd=tmp_path, env={**os.environ, "MYPYPATH": str(ROOT)}, capture_output=True, text=True,
        check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
