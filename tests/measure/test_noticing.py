"""CPU, memory, collections, loop lag, environment."""

from __future__ import annotations

import asyncio
import gc
import os
import subprocess
import sys

import msgspec
import pytest

from harness.measure import environment, processes
from harness.measure.pauses import GcWatch, LoopLag
from harness.records import ResourceUse
from tests.processes import running

NOBODY = 2**22 + 1  # above the kernel's highest pid


def test_cpu_time_grows_with_work() -> None:
    before = processes.cpu_ns(os.getpid())
    sum(range(300_000))
    assert processes.cpu_ns(os.getpid()) > before


def test_another_process_can_be_looked_at() -> None:
    command = [sys.executable, "-c", "sum(range(10**6)); print(1, flush=True); input()"]
    with running(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        assert other.stdout is not None
        other.stdout.readline()
        assert processes.cpu_ns(other.pid) > 1_000_000
        rss = processes.rss_bytes(other.pid)
        assert rss > 1_000_000
        uss = processes.uss_bytes(other.pid)
        assert uss is None or 0 < uss <= rss
        other.communicate(b"\n")


@pytest.mark.parametrize(
    ("before", "after", "most"),
    [
        ({}, {}, None),
        ({1: (10, 5)}, {1: (40, 5)}, (30, 0)),
        # Together they used 100, but no thread was busy for more than 60.
        ({1: (100, 0), 2: (0, 0)}, {1: (150, 10), 2: (50, 5)}, (50, 10)),
        ({1: (100, 0)}, {1: (100, 0), 9: (5, 5)}, (5, 5)),  # a thread that came later
    ],
)
def test_the_busiest_thread(
    before: processes.Threads, after: processes.Threads, most: tuple[int, int] | None
) -> None:
    assert processes.busiest(before, after) == most


def test_threads_of_nobody() -> None:
    assert processes.threads(NOBODY) == {}


def test_nobody_has_no_cpu_time() -> None:
    with pytest.raises(ProcessLookupError):
        processes.cpu_ns(NOBODY)
    with pytest.raises(ProcessLookupError):
        processes.rss_bytes(NOBODY)
    assert processes.uss_bytes(NOBODY) is None
    meter = processes.Meter(NOBODY)
    meter.start()
    meter.stop()
    assert meter.use is None


def test_a_meter_measures_its_window() -> None:
    times = iter([1_000, 5_000])
    meter = processes.Meter(os.getpid(), clock=lambda: next(times))
    meter.start()
    meter.stop()
    assert meter.use is not None
    assert meter.use.wall_ns == 4_000
    assert meter.use.cores == meter.use.cpu_ns / 4_000


def test_what_others_use_is_what_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    machine, clock = iter([10_000, 13_500]), iter([0, 1_000])
    monkeypatch.setattr(processes, "machine_cpu_ns", lambda: next(machine))
    others = processes.Others(clock=lambda: next(clock))
    others.stop()
    assert others.cores is None  # no window yet
    others.start()
    ours = ResourceUse(wall_ns=1_000, cpu_ns=500, rss_bytes=1)
    others.stop(ours, ours, None)
    assert others.cores == 2.5


def test_ticks_do_not_make_others_negative(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processes, "machine_cpu_ns", lambda: 10_000)
    clock = iter([0, 1_000])
    others = processes.Others(clock=lambda: next(clock))
    others.start()
    others.stop(ResourceUse(wall_ns=1_000, cpu_ns=500, rss_bytes=1))
    assert others.cores == 0.0


def test_the_machine_counts_our_work() -> None:
    """In ticks of 10 ms, so it takes more than a few of them to be sure."""
    before, mine = processes.machine_cpu_ns(), processes.cpu_ns(os.getpid())
    while processes.cpu_ns(os.getpid()) - mine < 50_000_000:
        sum(range(10_000))
    assert processes.machine_cpu_ns() > before


def test_collections_are_noticed_and_forgotten() -> None:
    with GcWatch() as watch:
        gc.collect()
        assert watch.summary().count >= 1
        watch.clear()
        assert watch.summary().count == 0
        gc.collect()
    seen = watch.summary()
    assert 0 < seen.max_ns <= seen.total_ns
    gc.collect()
    assert watch.summary() == seen


def test_a_held_loop_is_noticed() -> None:
    now = 0

    async def go() -> LoopLag:
        nonlocal now
        with LoopLag(asyncio.get_running_loop(), every_s=0.001, clock=lambda: now) as lag:
            now += 50_000_000
            while not lag.values:
                await asyncio.sleep(0.001)
        return lag

    assert asyncio.run(go()).summary().max_ns == 49_000_000


def test_the_environment_holds_no_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HARNESS_SECRET_TOKEN", "correct-horse-battery")
    found = environment.environment()
    text = msgspec.json.encode(found).decode()
    assert "correct-horse" not in text
    assert os.path.expanduser("~") not in text
    assert found.cpu_count >= 1
    assert found.wire_codec in ("c", "python")
    assert "numpy" in found.packages


def test_the_source_has_one_hash() -> None:
    assert environment.source_sha256() == environment.source_sha256()
    assert len(environment.source_sha256()) == 64
    assert environment.file_sha256("/nowhere") is None
