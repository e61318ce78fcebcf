"""What ``harness start`` refuses, and what it leaves then; how it runs is in ``tests/e2e``."""

from __future__ import annotations

import signal
import socket
from pathlib import Path

import pytest

from harness.cli import main


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["--in-memory", "--data-dir", "x"], 1, "--in-memory and --data-dir exclude each other"),
        (["--name", "chat"], 1, "--name is the name of a module's database; give a MODULE"),
        (["--listen", "127.0.0.1"], 1, "--listen needs HOST:PORT, as in 127.0.0.1:3000, not"),
        (["--listen", "127.0.0.1:70000"], 1, "--listen needs HOST:PORT"),
        (["--listen", "127.0.0.1:²"], 1, "--listen needs HOST:PORT"),
        (["--listen", f"127.0.0.1:{'9' * 5000}"], 1, "--listen needs HOST:PORT"),
        (["nowhere.py"], 1, "there is no file nowhere.py"),
        (["--publish-from", "the moon"], 2, "'the moon' is not one of"),
        (["--http-to", "the moon"], 2, "'the moon' is not one of"),
        (["--import-timeout", "nan"], 2, "'nan' is no number"),
        (["--colour", "red"], 2, "No such option"),
    ],
)
def test_what_cannot_begin(
    arguments: list[str], code: int, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["start", *arguments]) == code
    out, err = capsys.readouterr()
    assert out == ""
    assert said in err
    assert err.count("\n") == 1 or code == 2, "a sentence; behind usage, if it is about that"


def test_a_port_that_is_taken(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = tmp_path / "data"
    before = signal.getsignal(signal.SIGINT)
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
    assert signal.getsignal(signal.SIGINT) is before, "Ctrl-C is nothing of ours any more"
    # What would be the server's secrets is in no repository that the folder lies in.
    assert (data / ".gitignore").read_text() == "*\n"
