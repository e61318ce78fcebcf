"""Runs one peer to its end, whatever end that is, within bounds of time and output."""

from __future__ import annotations

import os
import selectors
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import IO

import msgspec

from harness.errors import TargetError
from harness.measure.processes import cpu_ns
from harness.peers.exchange import MOST_BYTES, MOST_TIMES, Request, Result, decode_said, encode
from harness.records import Check

#: Seconds that a peer gets to end by itself after its result.
END_S = 5.0
#: What a peer says of its CPU time may differ by this from what was seen: the two moments are not
#: quite the same, by the delay until a mark is read.
CPU_TOLERANCE = 0.2
CPU_SLACK_NS = 50_000_000
_LOG_BYTES = 4096
_SHOWN = 200


@dataclass(frozen=True, slots=True)
class Peer:
    """A client to measure: how it is called in figures and sentences, and how it is started.

    ``env`` is added to our own environment. ``warm`` is how many times the usual calls before the
    measured ones its runtime needs until it has compiled what is hot, and runs at its own pace.
    """

    name: str
    command: Sequence[str]
    env: Mapping[str, str] = field(default_factory=dict)
    warm: int = 1


class Answer(msgspec.Struct, frozen=True):
    """A peer's result, and its CPU time over the window as seen from outside, if it was."""

    result: Result
    seen_cpu_ns: int | None


def ask(
    peer: Peer, request: Request, progress: Callable[[str], None] = lambda text: None
) -> Answer:
    """Have a fresh process do what is asked. It is gone when this returns or raises.

    Raises ``TargetError``, one sentence with the end of its log, for a peer that cannot be started,
    dies, says what it should not, says too much, does not end in time, or reports an error.
    """
    with tempfile.TemporaryFile() as log:
        try:
            process = subprocess.Popen(
                peer.command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                env={**os.environ, **peer.env},
                start_new_session=True,
            )
        except OSError as error:
            raise TargetError(f"the peer {peer.name} cannot be started: {error}") from error
        try:
            return _Hearing(peer, process, request, progress).listen()
        except _Broken as broken:
            _end(process)
            tail = _tail(log)
            said = f"the peer {peer.name} {broken}" + (f"; its log ends: {tail}" if tail else "")
            raise TargetError(said) from None
        finally:
            _end(process)


class _Broken(Exception):
    """What a peer did wrong, as the end of a sentence."""


class _Hearing:
    """Reads what one peer says until its result."""

    def __init__(
        self,
        peer: Peer,
        process: subprocess.Popen[bytes],
        request: Request,
        progress: Callable[[str], None],
    ) -> None:
        self._process, self._request, self._progress = process, request, progress
        self._peer = peer
        self._deadline = time.monotonic() + request.timeout_s
        self._marks: dict[str, int] = {}
        self._result: Result | None = None

    def listen(self) -> Answer:
        """The answer. Raises ``_Broken``."""
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(encode(self._request))
            self._process.stdin.flush()
        except BrokenPipeError:
            raise _Broken(f"did not take its request; {self._how_it_ended()}") from None
        self._read()
        assert self._result is not None
        _plausible(self._request, self._result)
        try:
            self._process.wait(END_S)
        except subprocess.TimeoutExpired:
            pass  # it has said all; it is ended by us
        begin, end = self._marks.get("begin"), self._marks.get("end")
        seen = end - begin if begin is not None and end is not None else None
        return Answer(self._result, seen)

    def _read(self) -> None:
        assert self._process.stdout is not None
        pipe = self._process.stdout.fileno()
        rest, size = b"", 0
        with selectors.DefaultSelector() as selector:
            selector.register(pipe, selectors.EVENT_READ)
            while self._result is None:
                if not selector.select(max(0.0, self._deadline - time.monotonic())):
                    raise _Broken(f"did not end within {self._request.timeout_s:g} s")
                piece = os.read(pipe, 1 << 16)
                size += len(piece)
                if not piece:
                    raise _Broken(f"gave no result; {self._how_it_ended()}")
                if size > MOST_BYTES:
                    raise _Broken(f"printed more than {MOST_BYTES:,} bytes")
                *lines, rest = (rest + piece).split(b"\n")
                for line in lines:
                    self._hear(line)

    def _hear(self, line: bytes) -> None:
        if self._result is not None or not line.strip():
            return
        try:
            said = decode_said(line)
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            shown = line[:_SHOWN].decode(errors="replace")
            raise _Broken(f"printed {shown!r}, which is no answer: {error}") from None
        if said.mark is not None:
            try:
                self._marks.setdefault(said.mark, cpu_ns(self._process.pid))
            except ProcessLookupError:
                pass  # it has ended already; then there is nothing to compare
        if said.progress is not None:
            self._progress(f"{self._peer.name}: {said.progress[:_SHOWN]}")
        if said.error is not None:
            raise _Broken(f"reports: {said.error[:_SHOWN]}")
        self._result = said.result

    def _how_it_ended(self) -> str:
        try:
            code = self._process.wait(END_S)
        except subprocess.TimeoutExpired:
            return "it closed its output and went on"
        return f"it died with signal {-code}" if code < 0 else f"it ended with exit code {code}"


def _plausible(request: Request, result: Result) -> None:
    """Raises ``_Broken`` for figures that cannot be."""
    numbers = {
        name: getattr(result, name)
        for name in ("calls", "all_calls", "errors", "rss_before", "rss_after", "cpu_ns")
    }
    for name, value in numbers.items():
        if value < 0:
            raise _Broken(f"says {name} {value:,}")
    if result.wall_ns <= 0:
        raise _Broken(f"says that its window took {result.wall_ns} ns")
    if result.wall_ns > request.timeout_s * 1e9:
        raise _Broken(f"says that its window took {result.wall_ns / 1e9:.1f} s, longer than it ran")
    if len(result.times_ns) > MOST_TIMES or any(time <= 0 for time in result.times_ns):
        raise _Broken("gives times that cannot be")
    if not result.protocol or not result.versions.get("package"):
        raise _Broken("does not say what it is: protocol and versions are missing")


def cpu_check(name: str, answer: Answer) -> Check:
    """Whether the CPU time that a peer reports is what was seen from outside."""
    told, seen = answer.result.cpu_ns, answer.seen_cpu_ns
    label = f"CPU time of {name}"
    if seen is None:
        return Check(name=label, passed=False, found=f"{name} did not mark its window")
    passed = abs(told - seen) <= max(told, seen) * CPU_TOLERANCE + CPU_SLACK_NS
    found = (
        f"{name} says {told / 1e9:.3f} s of CPU time in its window, seen were {seen / 1e9:.3f} s"
    )
    return Check(name=label, passed=passed, found=found)


def _end(process: subprocess.Popen[bytes]) -> None:
    """Its whole group, so that nothing it started stays."""
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        pass
    process.wait()
    for pipe in (process.stdin, process.stdout):
        if pipe is not None and not pipe.closed:
            try:
                pipe.close()
            except BrokenPipeError:
                pass  # what it did not read is lost


def _tail(log: IO[bytes]) -> str:
    size = log.seek(0, os.SEEK_END)
    log.seek(max(0, size - _LOG_BYTES))
    lines = log.read().decode(errors="replace").strip().splitlines()
    return lines[-1][:_SHOWN] if lines else ""
