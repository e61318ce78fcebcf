"""Instructions of one act, counted by valgrind's callgrind.

Two runs that differ in the number of acts alone are subtracted, so that starting and preparing
cancel. Hashes have a fixed seed, memory is laid out the same each time, variables are left out. A
count says nothing of memory's speed, of the kernel or of waiting; it repeats itself where a clock
does not.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from functools import lru_cache
from pathlib import Path

from harness.errors import PlanError, TargetError
from harness.records import Record
from harness.run import counted
from harness.stats import counts
from harness.stats.comparison import Word

#: Seconds for one run under valgrind, which is some fifty times slower than without.
TIMEOUT_S = 600.0
_TOTALS = re.compile(rb"^(?:totals|summary): (\d+)", re.MULTILINE)
_TAIL = 300
#: The totals stand in the last lines of callgrind's file.
_END = 4096


class Count(Record, frozen=True):
    """Instructions of one operation. ``fixed_layout`` is false where memory could not be fixed."""

    benchmark: str
    instructions: float
    operation: str
    acts: int
    fixed_layout: bool
    valgrind: str


class Counted(Record, frozen=True):
    """Both sides of one benchmark: instructions of an operation, and what that comes to."""

    benchmark: str
    operation: str
    base: float
    head: float
    word: Word
    threshold: float
    fixed_layout: bool

    @property
    def ratio(self) -> float:
        """Head over base."""
        return self.head / self.base


@lru_cache(maxsize=1)
def version() -> str:
    """Valgrind's version. Raises ``PlanError`` where there is none."""
    path = shutil.which("valgrind")
    if path is None:
        raise PlanError("instructions are counted by valgrind: apt-get install valgrind")
    try:
        done = subprocess.run([path, "--version"], capture_output=True, text=True, timeout=60,
                              check=False, stdin=subprocess.DEVNULL)  # fmt: skip
    except (OSError, subprocess.TimeoutExpired) as error:
        raise PlanError(f"valgrind does not run here: {error}") from error
    if done.returncode:
        raise PlanError(f"valgrind does not run here: {done.stderr.strip()[-_TAIL:]}")
    return done.stdout.strip().removeprefix("valgrind-")


@lru_cache(maxsize=1)
def _layout() -> tuple[str, ...]:
    """The command that fixes where memory lies, if the system lets us."""
    command = ("setarch", os.uname().machine, "-R")
    try:
        subprocess.run([*command, "true"], check=True, capture_output=True, timeout=60)
    except (OSError, subprocess.SubprocessError):
        return ()
    return command


def count(
    python: str, benchmark: str, *, times: int | None = None, keep: Path | None = None,
    timeout_s: float = TIMEOUT_S,
) -> Count:  # fmt: skip
    """Count what one operation costs with the library that ``python`` has installed.

    ``times`` are the acts of the shorter run; the longer one has twice as many.
    ``keep`` is where the call graph of the longer run goes: a file of callgrind's. Raises
    ``PlanError`` without valgrind or for a benchmark that there is not, ``TargetError`` if a run
    fails or takes too long.
    """
    known = version()
    if benchmark not in counted.BENCHES:
        names = ", ".join(counted.BENCHES)
        raise PlanError(f"nothing is counted under the name {benchmark}; there are: {names}")
    bench = counted.BENCHES[benchmark]
    acts = bench.acts if times is None else times
    with tempfile.TemporaryDirectory() as folder:
        less, more = runs(python, benchmark, acts, Path(folder), timeout_s)
        before, after = total(less), total(more)
        if keep is not None:
            keep.parent.mkdir(parents=True, exist_ok=True)
            shutil.move(more, keep)
    if after <= before:
        raise TargetError(f"{benchmark}: {2 * acts} acts took no more than {acts}: {after}")
    return Count(
        benchmark=benchmark,
        instructions=(after - before) / acts / bench.operations,
        operation=bench.operation,
        acts=acts,
        fixed_layout=bool(_layout()),
        valgrind=known,
    )


def runs(
    python: str, benchmark: str, acts: int, folder: Path, timeout_s: float
) -> tuple[Path, Path]:
    """Callgrind's files of two runs side by side: of ``acts`` acts, and of twice as many.

    Both are gone when this returns or raises, Ctrl-C included.
    """
    # Without -I, which would also ignore the hash seed. No folder of ours is on the path either.
    program = [python, "-s", "-P", str(Path(counted.__file__)), benchmark]
    # Threads of numpy's libraries wait in loops, some times more and some times less.
    variables = {"PATH": os.environ.get("PATH", os.defpath), "PYTHONHASHSEED": "0",
                 "PYTHONDONTWRITEBYTECODE": "1", "LC_ALL": "C.UTF-8",
                 "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1",
                 "MKL_NUM_THREADS": "1"}  # fmt: skip
    files = folder / "less", folder / "more"
    deadline = time.monotonic() + timeout_s
    with ExitStack() as stack:
        started = []
        for file, times in zip(files, (acts, 2 * acts), strict=True):
            log = stack.enter_context(tempfile.TemporaryFile())
            command = [
                *_layout(), "valgrind", "--quiet", "--tool=callgrind",
                f"--callgrind-out-file={file}", *program, str(times), str(2 * acts),
            ]  # fmt: skip
            try:
                process = subprocess.Popen(
                    command, env=variables, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                    stderr=log, start_new_session=True, cwd="/",
                )  # fmt: skip
            except OSError as error:
                raise TargetError(f"valgrind cannot be started: {error}") from error
            stack.callback(_end, process)
            started.append((process, log))
        for process, log in started:
            try:
                process.wait(max(0.0, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                raise TargetError(
                    f"{benchmark} took more than {timeout_s:g} s under valgrind"
                ) from None
            if process.returncode:
                log.seek(0)
                said = " ".join(log.read().decode(errors="replace").split())
                raise TargetError(f"{benchmark} failed under valgrind: {said[-_TAIL:]}")
    return files


def _end(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        process.kill()
    process.wait()


def total(file: Path) -> int:
    """The instructions that callgrind's file counts. Raises ``TargetError`` if it has no total."""
    try:
        with file.open("rb") as opened:
            opened.seek(0, os.SEEK_END)
            opened.seek(max(0, opened.tell() - _END))
            found = _TOTALS.findall(opened.read())
    except OSError as error:
        raise TargetError(f"callgrind left no file: {error.strerror}") from error
    if not found:
        raise TargetError(f"{file.name} has no total: callgrind did not end well")
    return int(found[-1])


def compare(
    pythons: tuple[str, str], benchmark: str, *, times: int | None = None, keep: Path | None = None
) -> Counted:  # fmt: skip
    """Count a benchmark on both sides and say what it comes to.

    With ``keep`` the call graphs go there, as ``<benchmark>.<base|head>.callgrind``. Raises what
    ``count`` raises.
    """
    graphs = [None if keep is None else keep / f"{_file(benchmark)}.{side}.callgrind"
              for side in ("base", "head")]  # fmt: skip
    base, head = (
        count(python, benchmark, times=times, keep=graph)
        for python, graph in zip(pythons, graphs, strict=True)
    )
    threshold = counted.BENCHES[benchmark].threshold
    return Counted(
        benchmark=benchmark,
        operation=base.operation,
        base=base.instructions,
        head=head.instructions,
        word=counts.word_of(base.instructions, head.instructions, threshold),
        threshold=threshold,
        fixed_layout=base.fixed_layout and head.fixed_layout,
    )


def compare_all(
    pythons: tuple[str, str], benchmarks: Sequence[str], *, keep: Path | None = None,
    progress: Callable[[str], None] = lambda text: None,
) -> tuple[list[Counted], list[str]]:  # fmt: skip
    """Each benchmark as far as it can be counted, and in sentences what could not.

    A revision may lack what one of them calls; the others are counted all the same.
    """
    try:
        version()
    except PlanError as error:
        return [], [f"no instructions were counted: {error}"]
    found, failed = [], []
    for name in benchmarks:
        progress(f"{name}: counting instructions")
        try:
            found.append(compare(pythons, name, keep=keep))
        except TargetError as error:
            failed.append(f"not counted: {error}")
    return found, failed


def _file(name: str) -> str:
    return re.sub(r"[^A-Za-z0-9]+", "-", name).strip("-")
