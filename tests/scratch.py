"""A git repository of the harness, as it stands here, with commits that a test makes.

Its package is built by a backend in the tree, out of the files that are there, the compiled ones of
this installation among them: no network, no compiler, a second for each commit.
"""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

HARNESS = Path(__file__).resolve().parent.parent / "harness"

_BACKEND = """
import os, zipfile
NAME = "spacetimedb_harness"
def build_wheel(folder, config=None, metadata=None):
    wheel = f"{NAME}-0.0-py3-none-any.whl"
    info = f"{NAME}-0.0.dist-info"
    with zipfile.ZipFile(f"{folder}/{wheel}", "w") as file:
        for place, _, names in os.walk("harness"):
            for name in names:
                file.write(os.path.join(place, name))
        file.writestr(f"{info}/METADATA",
                      "Metadata-Version: 2.1\\nName: spacetimedb-harness\\nVersion: 0.0\\n")
        file.writestr(f"{info}/WHEEL",
                      "Wheel-Version: 1.0\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n")
        file.writestr(f"{info}/RECORD", "")
    return wheel
"""
_PROJECT = '[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n'

#: What makes encoding many rows slower by a share: the first of them are encoded twice.
_SLOW = '''

class _Slow:
    """A codec that does more than it should."""

    def __init__(self, codec: Any) -> None:
        self._codec = codec

    def __getattr__(self, name: str) -> Any:
        return getattr(self._codec, name)

    def encode_all(self, values: Any) -> bytes:
        self._codec.encode_all(values[: len(values) * {permille} // 1000])
        return self._codec.encode_all(values)


_compile_program = compile_program


def compile_program(program: p.Program) -> Codec:
    return _Slow(_compile_program(program))
'''

_ENCODER = "        return self._reducer(reducer).encode\n"
#: What encodes a call's arguments, but first works for nothing.
_BUSY = """        encode = self._reducer(reducer).encode

        def planted_hot_spot(arguments: tuple[Any, ...]) -> bytes:
            left = {rounds}
            while left:
                left -= 1
            return encode(arguments)

        return planted_hot_spot
"""

_HUB_CALL = "        self._started = micros = self.clock()\n"
_BUSY_SERVER = """

def planted_hot_spot(left: int) -> None:
    while left:
        left -= 1
"""


class Scratch:
    """The repository in an empty folder; ``commit`` returns full hashes."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        shutil.copytree(
            HARNESS, folder / "harness", ignore=shutil.ignore_patterns("__pycache__", "*.c")
        )
        (folder / "pyproject.toml").write_text(_PROJECT)
        (folder / "backend.py").write_text(_BACKEND)
        self.codec = folder / "harness" / "wire" / "codec.py"
        self._original = self.codec.read_text()
        self.git("init", "-q", "-b", "main")

    def busy_calls(self, rounds: int) -> None:
        """From now on each call of the client goes round so often before its encoding."""
        client = self.folder / "harness" / "client" / "client.py"
        text = client.read_text()
        assert _ENCODER in text
        client.write_text(text.replace(_ENCODER, _BUSY.format(rounds=rounds)))

    def busy_server(self, rounds: int) -> None:
        """From now on the server goes round so often before each call."""
        hub = self.folder / "harness" / "server" / "hub.py"
        text = hub.read_text()
        assert text.count(_HUB_CALL) == 1
        busy = text.replace(_HUB_CALL, f"        planted_hot_spot({rounds})\n{_HUB_CALL}")
        hub.write_text(busy + _BUSY_SERVER)

    def git(self, *arguments: str) -> str:
        """Run git there and give what it said."""
        command = ["git", "-C", str(self.folder), "-c", "user.name=A. Tester",
                   "-c", "user.email=tester@localhost", *arguments]  # fmt: skip
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        return done.stdout.strip()

    def commit(self, subject: str) -> str:
        """All that is there, as a commit."""
        self.git("add", "-A", "-f")
        self.git("commit", "-q", "--allow-empty", "-m", subject)
        return self.git("rev-parse", "HEAD")

    def slow_encoding(self, percent: float) -> None:
        """From now on encoding many rows at once costs so much more; 0 takes it back."""
        more = _SLOW.format(permille=round(percent * 10))
        self.codec.write_text(self._original + (more if percent else ""))
