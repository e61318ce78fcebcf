"""The embedded server with the bench module, started for one scenario."""

from __future__ import annotations

import sys
from pathlib import Path

from harness.measure.environment import filesystem
from harness.targets.process import ServerProcess, folder_for_data

DATABASE = "bench"


class Embedded(ServerProcess):
    """``python -m harness start`` with its data in a folder that is deleted at the end."""

    def __init__(self) -> None:
        self._folder = folder_for_data()
        place = Path(self._folder.name)
        super().__init__(
            "embedded",
            [
                sys.executable, "-m", "harness", "start", "harness.module.bench",
                "--listen", "127.0.0.1:0", "--data-dir", str(place / "data"),
                "--publish-from", "nowhere",
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
