"""Runs one worker process to its end, whatever end that is."""

from __future__ import annotations

import os
import selectors
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import IO

import msgspec

from harness.run.exchange import Finding, Job, decode_said, encode

#: Seconds beyond warm-up and window that a worker may take to connect, fill, drain and compare.
GRACE_S = 60.0
#: Seconds that a worker gets to notice that its server died.
_AFTER_DEATH_S = 3.0
_LOOK_EVERY_S = 0.2
_LOG_BYTES = 64 * 1024


class Outcome(msgspec.Struct, frozen=True):
    """How a worker ended: with a finding, or with the reason why there is none."""

    finding: Finding | None
    reason: str = ""
    log_tail: list[str] = []


def work(
    job: Job,
    *,
    death: Callable[[], str | None],
    progress: Callable[[str], None],
    python: Sequence[str] = (sys.executable,),
    linger_s: float = 0.0,
) -> Outcome:
    """Run a job in a fresh worker process.

    ``death`` tells why the server has died, or None. ``python`` is the interpreter with its
    options: that of another environment measures the library which is installed there. A worker
    that has said its finding may take ``linger_s`` to end by itself: what profiles it writes then.
    The worker is gone when this returns or raises, Ctrl-C included.
    """
    shape = job.scenario.load
    deadline = time.monotonic() + shape.warmup_s + shape.duration_s + GRACE_S
    with tempfile.TemporaryFile() as log:
        worker = subprocess.Popen(
            [*python, "-m", "harness.run.worker"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            # Ctrl-C is the manager's to handle.
            start_new_session=True,
        )
        try:
            finding, reason = _listen(worker, job, deadline, death, progress)
            if finding is not None and linger_s:
                with suppress(subprocess.TimeoutExpired):
                    worker.wait(linger_s)
        finally:
            if worker.poll() is None:
                worker.kill()
            worker.wait()
            for pipe in (worker.stdin, worker.stdout):
                if pipe is not None:
                    with suppress(BrokenPipeError):  # what it did not stay to hear
                        pipe.close()
        if finding is None and not reason:
            code = worker.returncode
            how = f"signal {-code}" if code < 0 else f"exit code {code}"
            reason = death() or f"the worker crashed with {how}"
        return Outcome(finding, reason, _tail(log) if reason else [])


def _listen(
    worker: subprocess.Popen[bytes],
    job: Job,
    deadline: float,
    death: Callable[[], str | None],
    progress: Callable[[str], None],
) -> tuple[Finding | None, str]:
    assert worker.stdin is not None
    assert worker.stdout is not None
    try:
        worker.stdin.write(encode(job))
        worker.stdin.flush()
    except BrokenPipeError:
        return None, ""
    buffer, died = b"", ""
    with selectors.DefaultSelector() as selector:
        selector.register(worker.stdout, selectors.EVENT_READ)
        while True:
            if selector.select(_LOOK_EVERY_S):
                piece = os.read(worker.stdout.fileno(), 1 << 16)
                if not piece:
                    worker.wait()
                    return None, died
                *lines, buffer = (buffer + piece).split(b"\n")
                for line in lines:
                    said = decode_said(line)
                    if said.progress is not None:
                        progress(said.progress)
                    if said.error is not None:
                        return None, died or death() or said.error
                    if said.finding is not None:
                        return said.finding, ""
            if not died and (why := death()) is not None:
                died = why
                deadline = min(deadline, time.monotonic() + _AFTER_DEATH_S)
            if time.monotonic() > deadline:
                return None, died or "the worker did not finish in time"


def _tail(log: IO[bytes]) -> list[str]:
    size = log.seek(0, os.SEEK_END)
    log.seek(max(0, size - _LOG_BYTES))
    return log.read().decode(errors="replace").splitlines()[-20:]
