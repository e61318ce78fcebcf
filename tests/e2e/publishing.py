"""An embedded server with its data and its user's configuration in one temporary folder."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from harness.client import credentials, running
from harness.module import collecting
from harness.module.program import CONTENT_TYPE, Program
from tests.e2e.http_client import JSON, Answer, ask
from tests.e2e.server import ServerProcess


@dataclass
class Home:
    """A user's folder, where the commands are run; ``data`` is for the server."""

    path: Path
    data: Path = field(init=False)

    def __post_init__(self) -> None:
        self.data = self.path / "data"

    def server(self, *more: str) -> ServerProcess:
        return ServerProcess(["--data-dir", str(self.data), "--import-timeout", "5", *more])

    def write(self, name: str, text: str) -> Path:
        path = self.path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return path

    def harness(self, *arguments: str, config: str = "config") -> tuple[int, str, str]:
        """Run a command; no token is ever in what it says."""
        kept = {k: v for k, v in os.environ.items() if k not in credentials.VARIABLES}
        done = subprocess.run(
            [sys.executable, "-m", "harness", *arguments],
            cwd=self.path, env={**kept, "XDG_CONFIG_HOME": str(self.path / config)},
            stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert "eyJ" not in done.stdout + done.stderr
        assert "Traceback" not in done.stderr
        return done.returncode, done.stdout, done.stderr

    def publish(self, server: ServerProcess, name: str, module: str, *more: str) -> str:
        """Publish, which must succeed; what it says."""
        code, out, err = self.harness("publish", name, "-m", module, "-s", server.http, *more)
        assert code == 0, err
        return out


@contextmanager
def served(folder: Path, program: Program, *more: str) -> Iterator[tuple[ServerProcess, Home]]:
    """A server for many tests, which has a program as its database `chat` from the start."""
    patch, place = pytest.MonkeyPatch(), Home(folder)
    patch.setenv("XDG_CONFIG_HOME", str(folder / "config"))
    try:
        with place.server(*more) as server:
            assert put(server, "chat", program).status == 200
            yield server, place
            assert server.stop() == 0, server.errors()
            assert "Traceback" not in server.errors()
    finally:
        patch.undo()


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    return Home(tmp_path)


def owner(server: ServerProcess) -> dict[str, str]:
    """The header that makes a request the owner's."""
    found = running.owner_of(server.uri)
    assert found is not None
    return {"authorization": f"Bearer {found.token}"}


def put(
    server: ServerProcess,
    name: str,
    program: Program | Path | bytes,
    query: str = "",
    **headers: str,
) -> Answer:
    """Publish over HTTP as the owner, with other headers where given; "" leaves one out."""
    if isinstance(program, Path):
        program = collecting.collect(program)
    body = program if isinstance(program, bytes) else program.encoded()
    given = {"content-type": CONTENT_TYPE, **owner(server)}
    given |= {name.replace("_", "-"): value for name, value in headers.items()}
    sent = {name: value for name, value in given.items() if value}
    return ask(server, "PUT", f"/v1/database/{name}{query}", body, sent)


def plan(server: ServerProcess, name: str, program: Program | Path, **headers: str) -> Answer:
    """What publishing would do, asked over HTTP as the owner."""
    if isinstance(program, Path):
        program = collecting.collect(program)
    given = {"content-type": CONTENT_TYPE, **owner(server), **headers}
    sent = {name: value for name, value in given.items() if value}
    return ask(server, "POST", f"/v1/database/{name}/pre_publish", program.encoded(), sent)


def agreed(server: ServerProcess, name: str, program: Program | Path) -> str:
    """The query that agrees to an update which breaks clients."""
    found = plan(server, name, program).json["AutoMigrate"]
    assert found["break_clients"]
    return f"?policy=BreakClients&token={found['token']}"


def call(server: ServerProcess, database: str, reducer: str, *args: Any) -> Answer:
    body = json.dumps(args)
    return ask(server, "POST", f"/v1/database/{database}/call/{reducer}", body, JSON)


def rows(server: ServerProcess, database: str, query: str) -> list[list[Any]]:
    answer = ask(server, "POST", f"/v1/database/{database}/sql", query, owner(server))
    assert answer.status == 200, answer.text
    return sorted(answer.json[0]["rows"])
