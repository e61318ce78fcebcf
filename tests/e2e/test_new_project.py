"""As a new user would: init, pip install, build, start, publish, call, generate, and the client.

Each step is a command in a process of its own, in an environment of its own.
"""

from __future__ import annotations

import json
import os
import signal
import site
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from harness.cli import COMMANDS
from harness.client import credentials
from harness.targets.standalone import Standalone
from tests.e2e import real
from tests.e2e.publishing import Home, home
from tests.e2e.server import PATIENCE_S, ServerProcess

__all__ = ["home"]

WITHOUT_GENERATE = pytest.mark.skipif(
    "generate" not in COMMANDS, reason="there is no `harness generate` in this version"
)


@dataclass
class User:
    """Somebody with a virtual environment, who works in ``folder``."""

    folder: Path
    python: Path

    def run(self, *words: str, code: int = 0) -> str:
        """What a module of Python says; it ends with this exit code and without a traceback."""
        return self._ended([str(self.python), "-m", *words], code)

    def install(self) -> None:
        """``pip install -e .``, with what is installed here in place of the network."""
        program = [sys.executable, "-m", "pip", "--python", str(self.python)]
        more = ["install", "--quiet", "--no-build-isolation", "-e", "."]
        self._ended([*program, *more], 0)

    def _ended(self, arguments: list[str], code: int) -> str:
        done = subprocess.run(
            arguments, cwd=self.folder, env=self.environment(), text=True,
            stdin=subprocess.DEVNULL, capture_output=True, check=False,
        )  # fmt: skip
        assert done.returncode == code, done.stdout + done.stderr
        assert "Traceback" not in done.stderr
        assert "eyJ" not in done.stdout + done.stderr  # how tokens begin
        return done.stdout

    def environment(self, **more: str) -> dict[str, str]:
        kept = {k: v for k, v in os.environ.items() if k not in credentials.VARIABLES}
        return {**kept, "PIP_DISABLE_PIP_VERSION_CHECK": "1", "PYTHONUNBUFFERED": "1", **more}


@pytest.fixture
def user(home: Home) -> User:
    """The environment sees what is installed here, so that nothing has to be fetched."""
    environment = home.path / "env"
    venv = [sys.executable, "-m", "venv", "--without-pip", str(environment)]
    subprocess.run(venv, check=True)
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    lines = "".join(f"import site; site.addsitedir({path!r})\n" for path in site.getsitepackages())
    (environment / "lib" / version / "site-packages" / "_tests.pth").write_text(lines)
    return User(home.path, environment / "bin" / "python")


@pytest.fixture(params=["embedded", pytest.param("standalone", marks=pytest.mark.real)])
def uri(request: pytest.FixtureRequest, home: Home) -> Iterator[str]:
    server: ServerProcess | Standalone
    server = home.server() if request.param == "embedded" else Standalone(real.server())
    with server:
        yield server.uri


def begin(user: User, *more: str) -> None:
    user.run("harness", "init", "--lang", "python", "my-app", *more)
    user.folder = user.folder / "my-app"
    user.install()


def test_from_nothing_to_a_message(user: User, uri: str) -> None:
    begin(user)
    assert user.run("harness", "build").startswith("built build/my_app.wasm: 2 tables, 4 reducers")
    assert user.run("harness", "publish", "-s", uri).startswith("Created new database my-app")
    assert user.run("harness", "publish", "-s", uri).startswith("Updated database my-app")
    user.run("harness", "call", "send_message", "Hello", "-s", uri)
    rows = json.loads(user.run("harness", "sql", "SELECT * FROM message", "-s", uri, "--json"))
    assert [row["text"] for row in rows] == ["Hello"]
    assert "table message  [public]" in user.run("harness", "describe", "-s", uri)


@WITHOUT_GENERATE
def test_a_client_sends_stores_and_receives(user: User, uri: str) -> None:
    begin(user)
    user.run("harness", "build")
    user.run("harness", "publish", "-s", uri)
    user.run("harness", "generate", "--lang", "python")
    assert (user.folder / "src" / "my_app" / "module_bindings" / "__init__.py").is_file()
    os.environ["SPACETIMEDB_HOST"] = uri
    try:
        said = user.run("my_app.client", "Hello", "there")
    finally:
        del os.environ["SPACETIMEDB_HOST"]
    lines = said.splitlines()
    assert lines[0] == "refused, as it should be: Messages must not be empty"
    assert lines[1].endswith(": Hello there")
    assert lines[2].endswith("was sent, stored and received back")
    rows = json.loads(user.run("harness", "sql", "SELECT * FROM message", "-s", uri, "--json"))
    assert [row["text"] for row in rows] == ["Hello there"]


def test_dev_follows_changes(user: User, uri: str) -> None:
    """A change is published; a mistake is told, and what ran before goes on; Ctrl-C ends all."""
    begin(user, "--server-only")
    main = user.folder / "src" / "my_app" / "main.py"
    before = main.read_text()
    log = user.folder / "dev.log"
    with log.open("w") as output:
        process = subprocess.Popen(
            [user.python, "-m", "harness", "dev", "-s", uri, "-y"], cwd=user.folder,
            env=user.environment(), stdin=subprocess.DEVNULL, stdout=output, stderr=output,
        )  # fmt: skip
        try:
            _until(log, "dev: watching for changes")
            assert "send_message" in user.run("harness", "describe", "-s", uri)
            main.write_text(before.replace("def send_message", "def shout"))
            _until(log, "dev: watching for changes", 2)
            assert "shout" in user.run("harness", "describe", "-s", uri)
            main.write_text(before.replace("def send_message", "def send_message("))
            _until(log, "dev: build failed; what ran before goes on; waiting for a change")
            assert "main.py:" in log.read_text()
            assert "shout" in user.run("harness", "describe", "-s", uri)
            main.write_text(before)
            _until(log, "dev: watching for changes", 3)
            user.run("harness", "call", "send_message", "again", "-s", uri)
            process.send_signal(signal.SIGINT)
            assert process.wait(PATIENCE_S) == 130
        finally:
            process.kill()
            process.wait()
    assert "Traceback" not in log.read_text()


@WITHOUT_GENERATE
def test_dev_runs_the_client_again(user: User, home: Home) -> None:
    """With fresh bindings after each change, and told by its environment where the database is."""
    begin(user)
    client = user.folder / "src" / "my_app" / "client.py"
    log = user.folder / "dev.log"
    with home.server() as server, log.open("w") as output:
        process = subprocess.Popen(
            [user.python, "-m", "harness", "dev", "-s", server.uri], cwd=user.folder,
            env=user.environment(), stdin=subprocess.DEVNULL, stdout=output, stderr=output,
        )  # fmt: skip
        try:
            _until(log, "was sent, stored and received back")
            client.write_text(client.read_text().replace("Hello from", "Once more from"))
            _until(log, "dev: changed: client.py")
            _until(log, ": Once more from my_app!")
            process.send_signal(signal.SIGTERM)
            assert process.wait(PATIENCE_S) == 130
        finally:
            process.kill()
            process.wait()
    assert "Traceback" not in log.read_text()


def _until(log: Path, text: str, times: int = 1) -> None:
    deadline = time.monotonic() + 2 * PATIENCE_S
    while log.read_text().count(text) < times:
        assert time.monotonic() < deadline, log.read_text()
        time.sleep(0.05)
