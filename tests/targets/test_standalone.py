"""A server of ours from start to end: what it is started with, and what is left when it is gone.

The server is a script; real ones have their own tests in tests/e2e.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest

from harness.errors import TargetError
from harness.targets import standalone
from harness.targets.program import given
from harness.targets.standalone import Standalone
from tests.targets import fake_server

WASM = b"\0asm\1\0\0\0"
#: Bounds liveness only.
PATIENCE_S = 30.0


def server(folder: Path, mode: str = "") -> Standalone:
    return Standalone(given(fake_server.write(folder, mode)), wasm=WASM)


def starts(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / "starts").read_text().splitlines()]


def gone(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def until(true: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + PATIENCE_S
    while not true() and time.monotonic() < deadline:
        time.sleep(0.02)
    return true()


def test_a_start_and_an_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HARNESS_TOKEN", "secret")
    with server(tmp_path) as running:
        (start,) = starts(tmp_path)
        found = running.describe()
        folder = Path(start["--data-dir"]).parent
        assert folder.stat().st_mode & 0o777 == 0o700
        assert running.alive()
        assert running.log_tail() == ["warning of the fake server"]
    assert start["--listen-addr"] == found.uri.removeprefix("http://")
    assert start["--listen-addr"].startswith("127.0.0.1:")
    assert set(start["modes"].values()) == {"600"}
    assert start["token"] is None
    assert (found.kind, found.pid, found.version) == ("standalone", start["pid"], "9.8.7")
    assert found.protocols == ["v1"]
    assert found.exe == str(tmp_path / "spacetimedb-standalone")
    assert found.exe_sha256
    assert found.module_sha256
    assert "data on disk" in found.flags
    assert gone(start["pid"])
    assert not folder.exists()


@pytest.mark.parametrize(
    ("mode", "said"),
    [
        ("ends", "ended with exit code 1 before it answered; it said last: cannot go on"),
        ("silent", "did not answer within 1 s; it said last: warning of the fake server"),
        ("refuses", "refused the bench module with status 500: no such import"),
        ("taken", "5 free ports in turn were taken by others"),
    ],
)
def test_a_server_that_does_not_start_says_why_and_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mode: str, said: str
) -> None:
    if mode == "silent":
        monkeypatch.setattr(standalone, "START_TIMEOUT_S", 1.0)
    with pytest.raises(TargetError) as caught, server(tmp_path, mode):
        pass
    assert said in str(caught.value)
    for start in starts(tmp_path):
        assert gone(start["pid"])
        assert not Path(start["--data-dir"]).parent.exists()


def test_a_port_that_is_taken_in_between_is_left_to_others(tmp_path: Path) -> None:
    with server(tmp_path, "taken once") as running:
        first, second = starts(tmp_path)
        assert first["--listen-addr"] != second["--listen-addr"]
        assert running.uri.endswith(second["--listen-addr"])


def test_somebody_else_who_answers_on_the_port_is_not_taken_for_ours(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other, mine = tmp_path / "other", tmp_path / "mine"
    other.mkdir()
    mine.mkdir()
    free = standalone.free_port
    with server(other) as first:
        ports = iter([int(first.uri.rpartition(":")[2])])
        monkeypatch.setattr(standalone, "free_port", lambda: next(ports, None) or free())
        with server(mine) as second:
            assert second.uri != first.uri
            assert len(starts(mine)) == 2


def test_its_death_is_noticed_with_the_reason(tmp_path: Path) -> None:
    with server(tmp_path) as running:
        assert running.death() is None
        os.kill(running.pid, signal.SIGKILL)
        assert until(lambda: running.death() is not None)
        assert running.death() == "the server died with signal 9"
        assert not running.alive()


def test_no_room_for_keys(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opened = os.open

    def full(path: Any, *arguments: Any, **options: Any) -> int:
        if str(path).endswith("key"):
            raise OSError(28, "No space left on device")
        return opened(path, *arguments, **options)

    running = server(tmp_path)
    monkeypatch.setattr(os, "open", full)
    with pytest.raises(TargetError, match="no room for the server's keys: No space left"):
        running.__enter__()


PROGRAM = """
import sys, time
from pathlib import Path
from harness.targets.program import given
from harness.targets.standalone import Standalone
with Standalone(given(Path(sys.argv[1])), wasm=b"\\0asm") as server:
    print("up", flush=True)
    time.sleep(600)
"""


def test_kill_9_of_the_harness_leaves_no_process_and_no_data(tmp_path: Path) -> None:
    path = fake_server.write(tmp_path)
    with subprocess.Popen([sys.executable, "-c", PROGRAM, str(path)], stdout=subprocess.PIPE) as us:
        assert us.stdout is not None
        assert us.stdout.readline() == b"up\n"
        (start,) = starts(tmp_path)
        assert not gone(start["pid"])
        us.kill()
    assert until(lambda: gone(start["pid"]))
    assert until(lambda: not Path(start["--data-dir"]).parent.exists())


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux ends a child with its parent")
def test_kill_9_of_the_guard_ends_the_server_too(tmp_path: Path) -> None:
    with server(tmp_path) as running:
        guard = psutil.Process(running.pid).parent()
        assert guard is not None
        guard.kill()
        assert until(lambda: gone(running.pid))


def test_a_free_port_is_free() -> None:
    port = standalone.free_port()
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", port))
