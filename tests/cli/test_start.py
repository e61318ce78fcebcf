"""``harness start`` where it cannot start: what it says, and what it leaves."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from harness.cli import main


def test_a_port_that_is_taken(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = tmp_path / "data"
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        place = f"127.0.0.1:{other.getsockname()[1]}"
        assert main(["start", "--listen", place, "--data-dir", str(data)]) == 1
    assert capsys.readouterr() == (
        "",
        f"harness: cannot listen on {place}: Address already in use; --listen HOST:0 takes a free "
        "port\n",
    )
    # What would be the server's secrets is in no repository that the folder lies in.
    assert (data / ".gitignore").read_text() == "*\n"
