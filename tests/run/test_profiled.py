"""What runs inside a profiled process: it sees what is busy, in the window and nowhere else."""

from __future__ import annotations

import inspect
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import msgspec
import pytest

from harness.client.cache import TableCache
from harness.errors import TargetError
from harness.measure.processes import Meter
from harness.run import caching, codec_bench, profiled, profilers, recorders
from harness.stacks import frames

#: Two functions, one three times as busy as the other; by turns, so that any window has both.
BUSY = """
import sys, time

def spin(rounds):
    while rounds:
        rounds -= 1

def less(): spin(20_000)
def more(): spin(60_000)

def work(seconds):
    end = time.process_time() + seconds
    while time.process_time() < end:
        less()
        more()
"""


def run(tmp_path: Path, program: str, *options: str) -> Path:
    """Run a program as module `busy` under the profiler; where it wrote."""
    (tmp_path / "busy.py").write_text(program)
    out = tmp_path / "out.json"
    command = [
        sys.executable,
        "-P",
        profiled.__file__,
        str(out),
        *options,
        "-m",
        "busy",
        "an argument",
    ]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return out


WHOLE = (
    BUSY + "if __name__ == '__main__':\n    assert sys.argv[1:] == ['an argument']\n    work(0.6)\n"
)


@pytest.mark.parametrize("how", ["sampler", "cprofile"])
def test_weights_are_in_proportion_to_what_was_used(how: str, tmp_path: Path) -> None:
    found = profilers.read(run(tmp_path, WHOLE, "--with", how), how)
    assert found.samples > 20
    seen = {frame.name: weights for frame, weights in frames(found.groups[""]).items()}
    assert seen["work"].total >= seen["more"].total > 1.5 * seen["less"].total
    assert seen["spin"].own == pytest.approx(seen["spin"].total)
    assert seen["work"].total == pytest.approx(0.6e9, rel=0.3)  # as long as it worked
    names = {(frame.name, frame.file) for frame in frames(found.groups[""])}
    assert ("more", "busy.py") in names
    assert not [file for _, file in names if "profiled" in file or "runpy" in file]


def test_a_sample_weighs_what_the_process_used(tmp_path: Path) -> None:
    """All samples together are the process' CPU time, by the system's own clock."""
    out = run(tmp_path, WHOLE)
    written = msgspec.json.decode(out.read_bytes())
    assert sum(value for _, _, value, _ in written["stacks"]) == pytest.approx(
        written["cpu_ns"], rel=0.1
    )


THREADS = (
    BUSY
    + """
import threading
def other(): work(0.5)
if __name__ == "__main__":
    thread = threading.Thread(target=other)
    thread.start()
    while thread.is_alive():
        thread.join(0.002)
"""
)


def test_other_threads_are_seen(tmp_path: Path) -> None:
    found = profilers.read(run(tmp_path, THREADS), "sampler")
    seen = {frame.name: weights for frame, weights in frames(found.groups[""]).items()}
    assert seen["other"].total > 0.2e9


METERED = (
    BUSY
    + """
from harness.measure.processes import Meter
import os

def before(): work(0.2)
def within(): work(0.3)
def after(): work(0.2)

if __name__ == "__main__":
    other, own = Meter(os.getppid()), Meter(os.getpid())
    other.start()
    before()
    own.start()
    within()
    own.stop()
    after()
    other.stop()
"""
)


@pytest.mark.parametrize("how", ["sampler", "cprofile", "pyinstrument"])
def test_the_window_is_the_one_that_is_metered(how: str, tmp_path: Path) -> None:
    if how == "pyinstrument":
        pytest.importorskip("pyinstrument")
    marks = tmp_path / "marks"
    out = run(tmp_path, METERED, "--with", how, "--window", "meter", "--marks", str(marks))
    seen = {frame.name for frame in frames(profilers.read(out, how).groups[""])}
    assert "within" in seen
    assert not seen & {"before", "after"}
    first, *others = marks.read_text().splitlines()
    assert first.startswith("pid ")
    assert others[:2] == ["begin", "end"]


SIGNALLED = (
    BUSY
    + """
import os, signal

def before(): work(0.2)
def within(): work(0.3)
def after(): work(0.2)

if __name__ == "__main__":
    before()
    os.kill(os.getpid(), signal.SIGUSR2)
    within()
    os.kill(os.getpid(), signal.SIGUSR2)
    after()
"""
)


def test_the_window_of_a_server_lies_between_two_signals(tmp_path: Path) -> None:
    out = run(tmp_path, SIGNALLED, "--window", "signals")
    seen = {frame.name for frame in frames(profilers.read(out, "sampler").groups[""])}
    assert "within" in seen
    assert not seen & {"before", "after"}


def test_a_window_that_never_came_is_told(tmp_path: Path) -> None:
    out = run(tmp_path, WHOLE, "--window", "meter")
    with pytest.raises(TargetError, match="sampler saw no window: this revision does not meter"):
        profilers.read(out, "sampler")


def test_a_crash_leaves_what_was_seen_and_its_own_exit_code(tmp_path: Path) -> None:
    (tmp_path / "busy.py").write_text(BUSY + "work(0.3)\nraise SystemExit(7)\n")
    out = tmp_path / "out.json"
    command = [sys.executable, "-P", profiled.__file__, str(out), "-m", "busy"]
    assert subprocess.run(command, cwd=tmp_path, check=False).returncode == 7
    assert profilers.read(out, "sampler").samples


MEMORY = """
def hoard(): return [bytes(1_000) for _ in range(5_000)]
def within(): return hoard()

if __name__ == "__main__":
    kept = within()
"""


def test_memory_is_laid_to_who_allocated_it(tmp_path: Path) -> None:
    pytest.importorskip("memray")
    found = profilers.read(run(tmp_path, MEMORY, "--with", "memray"), "memray")
    seen = {frame.name: weights for frame, weights in frames(found.groups[""]).items()}
    assert seen["hoard"].total == pytest.approx(5_000 * 1_033, rel=0.2)
    assert seen["within"].total == seen["hoard"].total
    assert found.samples >= 5_000


def test_codec_is_two_groups_with_their_own_counts(tmp_path: Path) -> None:
    out = tmp_path / "out.json"
    command = [sys.executable, "-P", profiled.__file__, str(out), "--codec", "item,100,0.5"]
    subprocess.run(command, check=True)
    found = profilers.read(out, "sampler")
    assert set(found.groups) == set(found.operations) == {"encode", "decode"}
    assert all(count % 100 == 0 for count in found.operations.values())


def test_the_looks_from_outside_fit_the_library() -> None:
    """Old revisions have these as well, so they are kept; a change here needs a second way."""
    assert list(inspect.signature(Meter.start).parameters) == ["self"]
    assert Meter(os.getpid())._pid == os.getpid()
    made = caching._exercises(caching.Bench(1), 1)
    assert all(len(entry) == 5 and callable(entry[2]) for entry in made)
    assert callable(codec_bench.rows_of)
    assert issubclass(TableCache, object)


@pytest.mark.parametrize(
    ("file", "module", "short"),
    [
        ("/x/site-packages/harness/client/client.py", "harness.client.client",
         "harness/client/client.py"),
        ("/x/harness/client/__init__.py", "harness.client", "harness/client/__init__.py"),
        ("/somewhere/lib/python3.11/json/decoder.py", "json.decoder", "json/decoder.py"),
        ("<frozen importlib._bootstrap>", "importlib._bootstrap",
         "<frozen importlib._bootstrap>"),
        ("/elsewhere/harness/wire/codec.py", None, "harness/wire/codec.py"),
        ("/elsewhere/other.py", None, "other.py"),
    ],
)  # fmt: skip
def test_files_are_called_alike_in_every_environment(
    file: str, module: str | None, short: str
) -> None:
    assert recorders._short(file, module) == short


def test_frames_of_one_function_are_one_number() -> None:
    names = recorders.Names()
    assert names.number("f", "m.py", 1) == names.number("f", "m.py", 1) == 0
    assert names.number("f", "m.py", 2) == 1


def test_off_means_off() -> None:
    """A sample that comes between windows is nobody's: the handler is called as by the system."""
    before = signal.getsignal(signal.SIGPROF)
    try:
        sampler: Any = recorders.Sampler(100)
        sampler._tick(signal.SIGPROF, inspect.currentframe())
        assert sampler.found()["stacks"] == []
        sampler.begin("")
        sampler._left = 5_000  # what was used, so that there is something to weigh
        sampler._tick(signal.SIGPROF, inspect.currentframe())
        sampler.end()
        sampler._tick(signal.SIGPROF, inspect.currentframe())
        assert sampler.found()["samples"] == 1
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)
