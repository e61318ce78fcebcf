"""Starts one command and ends it when the one who asked for it is gone, even by ``kill -9``.

``python guard.py FOLDER COMMAND…`` prints the command's process id, waits for its end, and ends
with its exit code (128 + the number of a signal). Its stdin is a pipe of the one who asked: when
that closes, the command's whole group of processes is killed. Unless a dot came first, nobody is
left to clean up, and FOLDER is removed as well.

On Linux the kernel also ends the command when this process dies; elsewhere a command outlives a
guard that is killed by itself. Runs as a plain file with nothing but the standard library, so that
it takes little time and memory beside what is measured.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Callable

#: Seconds that the command gets after SIGTERM.
PATIENCE_S = 5.0
#: From ``linux/prctl.h``.
_PR_SET_PDEATHSIG = 1
#: What a shell says of a command that cannot be started.
CANNOT_START = 127


def main(folder: str, command: list[str]) -> int:
    """See the module's docstring."""
    _many_descriptors()
    try:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            # Both go to the log; our own stdout carries the process id alone.
            stdout=sys.stderr.fileno(),
            stderr=sys.stderr.fileno(),
            start_new_session=True,
            preexec_fn=_die_with(os.getpid()),  # no thread of ours runs yet
        )
    except OSError as error:
        print(error.strerror or str(error), flush=True)
        return CANNOT_START
    print(process.pid, flush=True)
    ending = threading.Event()
    watch = threading.Thread(target=_watch, args=(process, folder, ending), daemon=True)
    watch.start()
    code: int = process.wait()
    if ending.is_set():
        watch.join()
    return code if code >= 0 else 128 - code


def _watch(process: subprocess.Popen[bytes], folder: str, ending: threading.Event) -> None:
    """End the command with stdin; clean up if nobody else will."""
    said = b""
    while piece := os.read(sys.stdin.fileno(), 64):
        said += piece
    ending.set()
    if said:
        _signal(process, signal.SIGTERM)
        try:
            process.wait(PATIENCE_S)
        except subprocess.TimeoutExpired:
            pass
    _signal(process, signal.SIGKILL)
    if not said:
        process.wait()
        shutil.rmtree(folder, ignore_errors=True)


def _signal(process: subprocess.Popen[bytes], number: signal.Signals) -> None:
    try:
        os.killpg(process.pid, number)
    except (ProcessLookupError, PermissionError):
        pass  # it has ended, and its number may be another's by now


def _die_with(parent: int) -> Callable[[], None] | None:
    """What the child does before it becomes the command: ask to be killed with us (Linux)."""
    if sys.platform != "linux":
        return None
    import ctypes

    prctl = ctypes.CDLL(None).prctl

    def ask() -> None:
        prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:
            os._exit(1)

    return ask


def _many_descriptors() -> None:
    """A thousand connections need more than the usual 1,024."""
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = 20_000 if hard == resource.RLIM_INFINITY else min(20_000, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2:]))
