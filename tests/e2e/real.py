"""Real servers for tests: found where users have them, or a sentence that says what is missing.

`python -m tests.e2e.real` installs the version that the tests are about, ahead of them.
"""

from __future__ import annotations

import sys

import pytest

from harness.cli import main
from harness.errors import TargetError
from harness.targets import program
from harness.targets.program import Program

#: The server that the tests are about.
VERSION = "1.2.0"


def server() -> Program:
    """The real server; skips the test, saying how to come by one, if there is none."""
    try:
        return program.chosen(VERSION)
    except TargetError as error:
        pytest.skip(str(error))


if __name__ == "__main__":
    sys.exit(main(["server", "install", VERSION]))
