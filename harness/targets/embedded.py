"""The embedded server with the bench module, started for one scenario."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from harness.measure.environment import filesystem
from harness.targets.process import ServerProcess, folder_for_data

DATABASE = "bench"


class Embedded(ServerProcess):
    """``python -m harness start`` with its data in a folder that is deleted at the end.

    ``python`` is the interpreter with its options: that of another environment serves with the
    library which is installed there, of whatever revision. So it is told only what all know.
    """

    def __init__(self, python: Sequence[str] = (sys.executable,)) -> None:
        self._folder = folder_for_data()
        place = Path(self._folder.name)
        closed = ["--publish-from", "nowhere"] if python[0] == sys.executable else []
        super().__init__(
            "embedded",
            [
                *python, "-m", "harness", "start", "harness.module.bench",
                "--listen", "127.0.0.1:0", "--data-dir", str(place / "data"),
                *closed,
            ],
            flags=["data on disk", f"file system {filesystem(place)}"],
        )  # fmt: skip

    def close(self) -> None:
        """End the server and delete its data."""
        super().close()
        self._folder.cleanup()


class Null(ServerProcess):
    """The null target: acknowledges everything and does nothing."""

    def __init__(self) -> None:
        super().__init__("null", [sys.executable, "-m", "harness.targets.null"])
