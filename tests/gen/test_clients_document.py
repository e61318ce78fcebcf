"""What CLIENTS.md shows is what works: its code is type-checked, and run against a server."""

from __future__ import annotations

import asyncio
import importlib.util
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

from tests.e2e.server import ServerProcess
from tests.gen import schemas

DOCUMENT = schemas.ROOT / "harness" / "gen" / "CLIENTS.md"


def code() -> str:
    """All pieces of the document, one behind the other: a program."""
    blocks = re.findall(r"```python\n(.*?)```", DOCUMENT.read_text(), re.DOTALL)
    assert len(blocks) > 3
    return "\n\n".join(blocks)


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> ModuleType:
    path = tmp_path_factory.mktemp("document") / "shown.py"
    path.write_text(code())
    spec = importlib.util.spec_from_file_location("shown", path)
    assert spec is not None
    assert spec.loader is not None
    made = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(made)
    return made


@pytest.fixture(scope="module")
def uri() -> Iterator[str]:
    with ServerProcess(["harness.module.examples.chat", "--in-memory"]) as server:
        yield server.http
        assert server.alive(), server.errors()


def test_it_is_typed(tmp_path: Path) -> None:
    (tmp_path / "shown.py").write_text(code())
    done = subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", "--follow-imports", "silent", "shown.py"],
        cwd=tmp_path, env={**os.environ, "MYPYPATH": str(schemas.ROOT)}, capture_output=True,
        text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr


def test_its_code_does_what_it_says(shown: ModuleType, uri: str) -> None:
    async def story() -> None:
        async with shown.DbConnection.connect(uri, "chat") as conn:
            heard: list[str] = []
            await conn.subscribe_to_all_tables()
            shown.listen(conn, heard)
            assert await shown.talk(conn) == "a message must not be empty"
            assert heard == ["None -> Ada", "Ada: hello", "I said 'hello'"]
            assert await shown.next_change(conn) == "inserted once more"
        assert await shown.look(uri) == ["hello", "once more"]

    asyncio.run(asyncio.wait_for(story(), 60))
    assert shown.in_a_thread(uri) == 3
    assert shown.frame_by_frame(uri) == 3


def test_what_it_names_exists(shown: ModuleType) -> None:
    """Options and errors that the text mentions."""
    from inspect import signature

    from harness import client, errors

    for name in ("check_schema", "reconnect", "token"):
        assert name in signature(shown.DbConnection.connect).parameters
    for name in ("ReducerError", "InternalError"):
        assert issubclass(getattr(errors, name), errors.CallError), name
    for name in ("CallTimeout", "ConnectionLost"):
        assert issubclass(getattr(errors, name), errors.HarnessError), name
    for name in ("Backoff", "CredentialsFile", "Transaction", "SubscribeApplied"):
        assert hasattr(client, name)
