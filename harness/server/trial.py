"""A program's first import, in a process of its own: whatever it does, the server goes on.

``python -P -m harness.server.trial FOLDER ENTRY SECONDS FD`` imports the program and checks what
it declares; the problems, or nothing, go to the descriptor as JSON.
"""

from __future__ import annotations

import asyncio
import json
import math
import os
import signal
import sys
from pathlib import Path

#: Seconds that a module's import may take, unless the server is told otherwise.
IMPORT_S = 10.0
#: Seconds beyond that for the process to start, and to end by itself.
_GRACE_S = 20.0
#: The most bytes of problems: what fits into a pipe that nobody reads yet.
_MOST = 32 * 1024
#: Environment variables that are no business of a module.
_SECRETS = ("SPACETIMEDB_TOKEN", "HARNESS_TOKEN")
#: Bytes of memory that the process may take.
_MEMORY = 8 * 1024**3


async def problem_of(folder: Path, entry: str, limit_s: float = IMPORT_S) -> str | None:
    """Import the program below ``folder`` in another process; what is wrong with it, or None."""
    read, write = os.pipe()
    try:
        command = [sys.executable, "-P", "-m", __name__]
        process = await asyncio.create_subprocess_exec(
            *command, str(folder), entry, str(limit_s), str(write),
            cwd=folder, env=_environment(), pass_fds=(write,), start_new_session=True,
            stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
        )  # fmt: skip
        try:
            await asyncio.wait_for(process.wait(), limit_s + _GRACE_S)
        except TimeoutError:
            return f"{entry}: the import of the module did not end within {limit_s:g} s"
        finally:
            _end(process.pid)
            await process.wait()
        os.set_blocking(read, False)
        try:
            said = os.read(read, 2 * _MOST)
        except BlockingIOError:
            said = b""
    finally:
        os.close(read)
        os.close(write)
    if not said:
        return f"{entry}: the module ends the program when it is imported"
    problem: str | None = json.loads(said)
    return problem


def _environment() -> dict[str, str]:
    """Ours, with the same places to import from, and without secrets."""
    kept = {name: value for name, value in os.environ.items() if name not in _SECRETS}
    return {
        **kept,
        "PYTHONPATH": os.pathsep.join(place for place in sys.path if os.path.isabs(place)),
        "PYTHONDONTWRITEBYTECODE": "1",
    }


def _end(process: int) -> None:
    """End the process and what it has started."""
    try:
        os.killpg(process, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        pass  # it has ended, and left nobody behind


def main(folder: str, entry: str, limit: str, descriptor: str) -> None:
    """The process's side."""
    import resource

    from harness.errors import SchemaError
    from harness.module import checking, isolated

    limit_s = float(limit)
    seconds = math.ceil(limit_s) + 5
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    hard = resource.getrlimit(resource.RLIMIT_AS)[1]
    if hard == resource.RLIM_INFINITY or hard > _MEMORY:
        resource.setrlimit(resource.RLIMIT_AS, (_MEMORY, hard))
    problem = None
    try:
        checking.valid(entry, isolated.below(Path(folder)), limit_s)
    except SchemaError as error:
        problem = str(error)
    except BaseException as error:  # a module's own code can raise anything
        problem = f"{entry}: the module cannot be imported: {type(error).__name__}"
    text = problem if problem is None or len(problem) <= _MOST // 8 else problem[: _MOST // 8] + "…"
    os.write(int(descriptor), json.dumps(text).encode())
    # Threads that the module has started would keep the process alive.
    os._exit(0)


if __name__ == "__main__":
    main(*sys.argv[1:])
