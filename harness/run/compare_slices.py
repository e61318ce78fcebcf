"""A block of the codec: its processes live side by side and take turns of a few milliseconds.

One runs at a time. So close together they see the same machine, whose pace is then taken out
(``harness.stats.pacing``): on a shared core the spread of a block falls from a sixth to a
hundredth.
"""

from __future__ import annotations

import json
import os
import selectors
import subprocess
import time
from collections.abc import Sequence
from contextlib import ExitStack, suppress
from pathlib import Path
from types import TracebackType
from typing import IO, Self

import msgspec
import numpy as np

from harness.errors import TargetError
from harness.records import Scenario
from harness.run import compare_codec
from harness.run.compare_figures import Figure, ordered
from harness.stats.pacing import evened

#: Rounds that count, and those before. In each every process has two turns, there and back. Who
#: begins and who is last has a turn after its own one, with warm caches; the next round begins with
#: the next process, so that all have that equally often.
ROUNDS = 40
WARM_UP = 2
#: Seconds for a process to begin, and for each of its turns.
START_TIMEOUT_S = 60.0
TURN_TIMEOUT_S = 20.0
_TAIL = 300
_PIECE = 1 << 16


class Slicer:
    """A process that acts a turn at a time; a context manager, which ends it.

    ``command`` starts it. It says on stdout how many passes fill a slice, then answers each line on
    stdin, as ``compare_codec`` does.
    """

    def __init__(self, command: Sequence[str]) -> None:
        self._command = list(command)
        self._buffer = b""

    def __enter__(self) -> Self:
        try:
            self._process = subprocess.Popen(
                self._command, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                stderr=subprocess.PIPE, start_new_session=True,
            )  # fmt: skip
        except OSError as error:
            raise TargetError(f"{self._command[0]} cannot be started: {error}") from error
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        if self._process.poll() is None:
            self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout, self._process.stderr):
            if pipe is not None:
                with suppress(BrokenPipeError):  # what it was still to be told
                    pipe.close()

    def ready(self) -> dict[str, int]:
        """How many passes fill a slice. Raises ``TargetError``, as ``turn`` does."""
        return {name: int(count) for name, count in self._said(START_TIMEOUT_S).items()}

    def turn(self, counts: dict[str, int]) -> dict[str, float]:
        """The figures of one slice. Raises ``TargetError`` if the process ends or says no such."""
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(json.dumps(counts).encode() + b"\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            pass  # why it ended stands in what it said
        return self._said(TURN_TIMEOUT_S)

    def _said(self, timeout_s: float) -> dict[str, float]:
        stdout = self._process.stdout
        assert stdout is not None
        end = time.monotonic() + timeout_s
        with selectors.DefaultSelector() as selector:
            selector.register(stdout, selectors.EVENT_READ)
            while b"\n" not in self._buffer:
                if not selector.select(max(0.0, end - time.monotonic())):
                    raise TargetError(f"the codec did not answer within {timeout_s:g} s")
                piece = os.read(stdout.fileno(), _PIECE)
                if not piece:
                    raise TargetError(f"the codec failed: {self._last_words()}")
                self._buffer += piece
        line, _, self._buffer = self._buffer.partition(b"\n")
        try:
            return msgspec.json.decode(line, type=dict[str, float])
        except msgspec.MsgspecError as error:
            raise TargetError(f"the codec said no figures: {error}") from error

    def _last_words(self) -> str:
        self._process.wait()
        stderr: IO[bytes] | None = self._process.stderr
        said = stderr.read().decode(errors="replace").strip() if stderr is not None else ""
        return said[-_TAIL:] or f"exit code {self._process.returncode}"


def codec(python: Sequence[str], scenario: Scenario) -> list[str]:
    """The command of a process of the codec, for the library of that Python."""
    row, rows = str(scenario.options["row"]), scenario.workload.rows
    return [*python, str(Path(compare_codec.__file__)), row, str(rows), core()]


def core() -> str:
    """The core on which all of them run, since one may be half as fast as another; or nothing."""
    try:
        return str(max(os.sched_getaffinity(0)))
    except AttributeError:
        return ""  # this system does not let us choose


def take(
    commands: Sequence[Sequence[str]], scenario: Scenario, rounds: int = ROUNDS
) -> list[list[Figure]]:
    """The figures of fresh processes, one for each command, in that order.

    All of them make as many passes in a slice as the first one found fitting. Raises
    ``TargetError`` if one does not answer or ends.
    """
    with ExitStack() as stack:
        slicers = [stack.enter_context(Slicer(codec(command, scenario))) for command in commands]
        counts, *_ = [slicer.ready() for slicer in slicers]
        found: list[list[dict[str, float]]] = [[] for _ in slicers]
        for number in range(WARM_UP + rounds):
            places = [(number + at) % len(slicers) for at in range(len(slicers))]
            turns: list[list[dict[str, float]]] = [[] for _ in slicers]
            for at in places + places[::-1]:
                turns[at].append(slicers[at].turn(counts))
            if number >= WARM_UP:
                for at, (first, second) in enumerate(turns):
                    found[at].append({name: (first[name] + second[name]) / 2 for name in first})
    names = list(found[0][0])
    samples = {
        name: evened(np.array([[figures[name] for figures in each] for each in found]))
        for name in names
    }
    return [
        ordered([
            Figure(name=name, unit="ns", samples=tuple(samples[name][at].tolist()))
            for name in names
        ])
        for at in range(len(slicers))
    ]  # fmt: skip
