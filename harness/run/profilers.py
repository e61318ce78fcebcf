"""Which profilers there are, what each can see, and what to do where one is missing."""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import sys
from pathlib import Path
from typing import NamedTuple

import msgspec

from harness.errors import PlanError, StoreError, TargetError
from harness.run import callgrind
from harness.stacks import Frame, Lines, Stack, Stacks
from harness.stats import callgraph
from harness.store import files


class Profiler(NamedTuple):
    """A profiler by what has to be known of it.

    ``package`` is what pip installs; None for the standard library. ``unit`` is that of its
    weights. ``per_operation`` says whether those are divided by the operations of the window.
    ``seen`` is a sentence for the page.
    """

    package: str | None
    unit: str
    seen: str
    per_operation: bool = True


PROFILERS: dict[str, Profiler] = {
    "sampler": Profiler(
        None, "ns",
        "CPU time, sampled at ticks of the process' CPU clock; each sample weighs the CPU time "
        "that its thread used since the last one. Time in C counts for the Python that called it.",
    ),
    "py-spy": Profiler(
        "py-spy", "ns",
        "Time of threads that do not sleep, sampled by py-spy from outside at ticks of the wall "
        "clock, without stopping the process. Being ready and having no core counts as well, and "
        "waiting may show as the event loop's own; C counts for the Python that called it.",
    ),
    "pyinstrument": Profiler(
        "pyinstrument", "wall_ns",
        "Wall time of the main thread, sampled by pyinstrument when functions are called. Waiting "
        "in the event loop counts for what runs next.",
    ),
    "memray": Profiler(
        "memray", "bytes",
        "Memory by what had allocated it when the process held most of it, its start included, "
        "by memray.", per_operation=False,
    ),
    "callgrind": Profiler(
        None, "instructions",
        "Instructions, counted by valgrind: a run of twice as many acts less a run of as many. It "
        "knows callers, not whole stacks: below two calls that share a function, its cost is "
        "shared out in proportion. Functions are those of C, the interpreter's among them.",
    ),
    "cprofile": Profiler(
        None, "ns",
        "CPU time of the main thread, traced call by call by cProfile, which makes small functions "
        "seem dearer. It knows callers, not whole stacks: below two functions that call the same "
        "one, its time is shared out in proportion. Functions in C have boxes of their own.",
    ),
}  # fmt: skip
DEFAULT = "sampler"
_NO_LINE = 0
#: Files whose calls surround a profiled program.
_OURS = ("run/profiled.py", "run/recorders.py", "runpy.py", "<frozen runpy>")
#: CPU time of the process that is in no sample: told from this share on.
_WORTH_TELLING = 0.01
UNSEEN = Frame(name="(in no sample: threads without Python, and the sampler itself)")


class Raw(NamedTuple):
    """What one process was seen to do: stacks by group of operations."""

    groups: dict[str, Stacks]
    lines: Lines
    samples: int
    operations: dict[str, int]
    #: CPU time that the process used in the window, where the profiler knows.
    cpu_ns: int = 0


def ready(name: str) -> Profiler:
    """The profiler of this name, which can be used here.

    Raises ``PlanError`` with what to do for one that is not there.
    """
    if name not in PROFILERS:
        raise PlanError(f"no profiler `{name}`; there are: {', '.join(PROFILERS)}")
    found = PROFILERS[name]
    if name == "callgrind":
        callgrind.version()
    missing = pyspy() is None if name == "py-spy" else (
        found.package is not None and importlib.util.find_spec(found.package) is None
    )  # fmt: skip
    if missing:
        raise PlanError(
            f"{found.package} is not installed here: pip install {found.package}, or "
            f"pip install 'spacetimedb-harness[profile]' for all; without --with nothing is needed"
        )
    return found


def pyspy() -> str | None:
    """The program py-spy: that of this environment, or the one on PATH."""
    beside = Path(sys.executable).parent / "py-spy"
    return str(beside) if os.access(beside, os.X_OK) else shutil.which("py-spy")


class _Written(msgspec.Struct):
    """What ``profiled.py`` writes."""

    unit: str
    samples: int
    windows: int = 0
    operations: dict[str, int] = {}
    frames: list[tuple[str, str, int]] = []
    stacks: list[tuple[str, list[int], float, int]] = []
    calls: list[tuple[str, int, int | None, int, float, float]] = []
    memray: str = ""
    cpu_ns: int = 0


def read(path: Path, name: str) -> Raw:
    """What a profiler inside a process has written. Raises ``TargetError`` if that is nothing."""
    try:
        found = msgspec.json.decode(files.read(path), type=_Written)
    except (StoreError, msgspec.MsgspecError) as error:
        raise TargetError(f"{name} left no profile: {error}") from error
    if not found.windows:
        raise TargetError(
            f"{name} saw no window: this revision does not meter the scenario as later ones do"
        )
    if found.memray:
        stacks, lines, samples = memory(path.parent / found.memray)
        groups = {"": stacks}
    elif found.calls:
        groups, lines, samples = _called(found), _lines(found), found.samples
    else:
        groups, lines, samples = _stacks(found), _lines(found), found.samples
    return Raw(groups, lines, samples, found.operations, found.cpu_ns)


def _frames(found: _Written) -> list[Frame]:
    return [Frame(name=name, file=file) for name, file, _ in found.frames]


def _lines(found: _Written) -> Lines:
    return {Frame(name=name, file=file): line for name, file, line in found.frames if line}


def _stacks(found: _Written) -> dict[str, Stacks]:
    frames, groups = _frames(found), dict[str, Stacks]()
    for group, numbers, value, _ in found.stacks:
        stacks = groups.setdefault(group, {})
        stack: Stack = tuple(frames[number] for number in numbers)
        if stack or group:  # a group has a frame of its own, which C may be called from
            stacks[stack] = stacks.get(stack, 0.0) + value
    rest = found.cpu_ns - sum(value for _, _, value, _ in found.stacks)
    if rest > _WORTH_TELLING * found.cpu_ns and set(groups) == {""}:
        groups[""][(UNSEEN,)] = rest
    return groups


def _called(found: _Written) -> dict[str, Stacks]:
    frames, graphs = _frames(found), dict[str, callgraph.Graph]()
    for group, caller, callee, _, own, together in found.calls:
        graph = graphs.setdefault(group, callgraph.Graph())
        if callee is None:
            graph.spend(frames[caller], own)
        else:
            graph.call(frames[caller], frames[callee], together)
    return {group: callgraph.unrolled(graph) for group, graph in graphs.items()}


def memory(path: Path) -> tuple[Stacks, Lines, int]:
    """What memray's file holds: bytes by stack when there were most, and how many allocations.

    Raises ``TargetError`` if it cannot be read.
    """
    import memray

    stacks: Stacks = {}
    lines: Lines = {}
    count = 0
    try:
        with memray.FileReader(os.fspath(path)) as reader:
            for record in reader.get_high_watermark_allocation_records(merge_threads=True):
                stack = []
                for name, file, line in reversed(record.stack_trace()):
                    if not file.endswith(_OURS):
                        frame = Frame(name=name, file=shortened(file))
                        lines.setdefault(frame, line)
                        stack.append(frame)
                key = tuple(stack) or (Frame(name="(no Python)"),)
                stacks[key] = stacks.get(key, 0.0) + record.size
                count += record.n_allocations
    except (OSError, ValueError) as error:
        raise TargetError(f"memray's file cannot be read: {error}") from error
    return stacks, {}, count


_SPY = re.compile(r"(.*) \(([^()]*?)(?::(\d+))?\)")


def spied(text: str, rate: int) -> tuple[Stacks, Lines, int]:
    """py-spy's raw format: a line for each stack, and how many samples it had."""
    stacks: Stacks = {}
    lines: Lines = {}
    count = 0
    for line in text.splitlines():
        path, _, times = line.rpartition(" ")
        if not times.isdigit():
            continue
        stack = []
        for part in path.split(";"):
            match = _SPY.fullmatch(part)
            name, file, number = match.groups() if match else (part, "", None)
            if file.endswith(_OURS):
                continue
            frame = Frame(name=name, file=shortened(file))
            lines.setdefault(frame, int(number or _NO_LINE))
            stack.append(frame)
        count += int(times)
        if stack:
            key = tuple(stack)
            stacks[key] = stacks.get(key, 0.0) + int(times) * 1e9 / rate
    return stacks, lines, count


def shortened(file: str) -> str:
    """A path within its package, whatever environment it lies in."""
    parts = file.replace("\\", "/").split("/")
    for mark in ("site-packages", "dist-packages", "lib-dynload"):
        if mark in parts:
            return "/".join(parts[parts.index(mark) + 1 :])
    if "harness" in parts:
        return "/".join(parts[parts.index("harness") :])
    for at, part in enumerate(parts):
        if re.fullmatch(r"python3\.\d+", part):
            return "/".join(parts[at + 1 :])
    return file if not file.startswith("/") else parts[-1]
