"""Languages other than Python: the official command does them, with the same arguments."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Sequence

import click

from harness.errors import TargetError

#: The official command, and where people get it.
COMMAND = "spacetime"
INSTALL = "https://spacetimedb.com/install"


def hand_over(what: str, arguments: Sequence[str]) -> int:
    """Run ``spacetime`` with these arguments, and give its exit code.

    ``what`` is what it is asked for, such as ``rust``. Raises ``TargetError`` if there is no such
    command on PATH.
    """
    program = shutil.which(COMMAND)
    if program is None:
        raise TargetError(
            f"{what} needs the official command `{COMMAND}`, which is not on PATH; install it from "
            f"{INSTALL}"
        )
    click.echo(f"{what}: handing over to {program}", err=True)
    try:
        return subprocess.run([program, *arguments], check=False).returncode
    except OSError as error:
        raise TargetError(f"{program} cannot be run: {error.strerror}") from None
