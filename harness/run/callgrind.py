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
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
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
        files = [Path(folder) / f"callgrind.{n}" for n in (1, 2)]
        with ThreadPoolExecutor(len(files)) as pool:
            less, more = pool.map(
                lambda file, n: _run(python, benchmark, n * acts, 2 * acts, file, timeout_s),
                files, (1, 2),
            )  # fmt: skip
        if keep is not None:
            keep.parent.mkdir(parents=True, exist_ok=True)
            shutil.move(files[1], keep)
    if more <= less:
        raise TargetError(f"{benchmark}: {2 * acts} acts took no more than {acts}: {more}")
    return Count(
        benchmark=benchmark,
        instructions=(more - less) / acts / bench.operations,
        operation=bench.operation,
        acts=acts,
        fixed_layout=bool(_layout()),
        valgrind=known,
    )


def _run(python: str, benchmark: str, times: int, most: int, file: Path, timeout_s: float) -> int:
    """All instructions of one run."""
    # Without -I, which would also ignore the hash seed. No folder of ours is on the path either.
    program = [python, "-s", "-P", str(Path(counted.__file__)), benchmark, str(times), str(most)]
    command = [
        *_layout(), "valgrind", "--quiet", "--tool=callgrind", f"--callgrind-out-file={file}",
        "--error-exitcode=0", *program,
    ]  # fmt: skip
    # Threads of numpy's libraries wait in loops, some times more and some times less.
    variables = {"PATH": os.environ.get("PATH", os.defpath), "PYTHONHASHSEED": "0",
                 "PYTHONDONTWRITEBYTECODE": "1", "LC_ALL": "C.UTF-8",
                 "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1",
                 "MKL_NUM_THREADS": "1"}  # fmt: skip
    try:
        done = subprocess.run(
            command, env=variables, capture_output=True, timeout=timeout_s, check=False,
            stdin=subprocess.DEVNULL, start_new_session=True, cwd="/",
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        raise TargetError(f"{benchmark} took more than {timeout_s:g} s under valgrind") from None
    except OSError as error:
        raise TargetError(f"valgrind cannot be started: {error}") from error
    if done.returncode:
        said = " ".join(done.stderr.decode(errors="replace").split())
        raise TargetError(f"{benchmark} failed under valgrind: {said[-_TAIL:]}")
    return total(file)


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


def compare_counts(
    pythons: tuple[str, str], benchmarks: Sequence[str], *, times: int | None = None,
    keep: Path | None = None, progress: Callable[[str], None] = lambda text: None,
) -> list[Counted]:  # fmt: skip
    """Count each benchmark on both sides and say what it comes to.

    With ``keep`` the call graphs go there, as ``<benchmark>.<base|head>.callgrind``. Raises what
    ``count`` raises.
    """
    found = []
    for name in benchmarks:
        progress(f"{name}: counting instructions")
        graphs = [None if keep is None else keep / f"{_file(name)}.{side}.callgrind"
                  for side in ("base", "head")]  # fmt: skip
        base, head = (
            count(python, name, times=times, keep=graph)
            for python, graph in zip(pythons, graphs, strict=True)
        )
        threshold = counted.BENCHES[name].threshold
        found.append(
            Counted(
                benchmark=name,
                operation=base.operation,
                base=base.instructions,
                head=head.instructions,
                word=counts.word_of(base.instructions, head.instructions, threshold),
                threshold=threshold,
                fixed_layout=base.fixed_layout,
            )
        )
    return found


def _file(name: str) -> str:
    return re.sub(r"[^A-Za-z0-9]+", "-", name).strip("-")
