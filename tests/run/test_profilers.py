"""Which profiler can be used, and how the formats of others are read."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

import pytest

from harness.errors import PlanError, TargetError
from harness.run import callgrind, profile_native, profilers
from harness.stacks import Frame


@pytest.mark.parametrize("name", ["sampler", "cprofile"])
def test_two_need_nothing(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    assert profilers.ready(name).package is None


@pytest.mark.parametrize("name", ["py-spy", "pyinstrument", "memray"])
def test_a_missing_one_is_told_with_what_to_do(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    monkeypatch.setattr(profilers, "pyspy", lambda: None)
    with pytest.raises(PlanError, match=f"{name} is not installed here: pip install {name}, or"):
        profilers.ready(name)


def test_without_valgrind_nothing_is_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    def version() -> str:
        raise PlanError("instructions are counted by valgrind: apt-get install valgrind")

    monkeypatch.setattr(callgrind, "version", version)
    with pytest.raises(PlanError, match="apt-get install valgrind"):
        profilers.ready("callgrind")


def test_nonsense_names_what_there_is() -> None:
    with pytest.raises(PlanError, match="no profiler `perf`; there are: sampler, py-spy"):
        profilers.ready("perf")


def test_py_spy_lines() -> None:
    text = (
        "<module> (/v/lib/python3.11/site-packages/harness/run/profiled.py:1);"
        "main (/v/site-packages/harness/run/worker.py:35);<lambda> (<string>:1) 3\n"
        "Thread (idle);odd;(paren) (/usr/lib/python3.11/threading.py:995) 2\n"
        "main (/v/site-packages/harness/run/worker.py:40);<lambda> (<string>:1) 5\n"
        "not a line\n"
    )
    stacks, lines, count = profilers.spied(text, 100)
    assert count == 10
    main = Frame(name="main", file="harness/run/worker.py")
    assert stacks[main, Frame(name="<lambda>", file="<string>")] == pytest.approx(8 * 1e7)
    assert lines[main] == 35
    odd = (Frame(name="Thread", file="idle"), Frame(name="odd"),
           Frame(name="(paren)", file="threading.py"))  # fmt: skip
    assert stacks[odd] == pytest.approx(2e7)


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"unit": 1}'])
def test_what_is_no_profile_is_an_error(text: str, tmp_path: Path) -> None:
    (tmp_path / "out.json").write_text(text)
    with pytest.raises(TargetError, match="sampler left no profile"):
        profilers.read(tmp_path / "out.json", "sampler")
    with pytest.raises(TargetError, match="sampler left no profile"):
        profilers.read(tmp_path / "missing.json", "sampler")


def test_what_is_in_no_sample_is_told(tmp_path: Path) -> None:
    """The boxes add up to the process' CPU time, not to what happened to be seen of it."""
    path = tmp_path / "out.json"
    text = ('{"unit":"ns","samples":1,"windows":1,"cpu_ns":1000,"frames":[["f","m.py",1]],'
            '"stacks":[["",[0],%d,1]]}')  # fmt: skip
    path.write_text(text % 900)
    assert profilers.read(path, "sampler").groups[""] == {
        (Frame(name="f", file="m.py"),): 900, (profilers.UNSEEN,): 100,
    }  # fmt: skip
    path.write_text(text % 995)
    assert list(profilers.read(path, "sampler").groups[""]) == [(Frame(name="f", file="m.py"),)]


def test_a_native_server_is_refused_with_what_is_possible() -> None:
    profile_native.refuse("embedded")
    with pytest.raises(PlanError) as raised:
        profile_native.refuse("standalone", perf=lambda: "`perf record` works")
    said = str(raised.value)
    assert said.startswith("the server of standalone is no Python program that is ours to start")
    assert "/v1/metrics" in said
    assert "`perf record` works; --of client" in said


@pytest.mark.parametrize(
    ("program", "words"),
    [
        (None, "works where perf is installed, which it is not here"),
        ("exit 0", "works here, on the machine that the server runs on"),
        ("echo '<not supported>,,cycles' >&2", "has no hardware counters for perf to use"),
        ("exit 1", "has no hardware counters for perf to use"),
    ],
)
def test_what_perf_can_do_here(
    program: str | None, words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "perf"
    path.write_text(f"#!/bin/sh\n{program}\n")
    path.chmod(0o755)

    def which(name: str) -> Any:
        return str(path) if program is not None else None

    monkeypatch.setattr(profile_native.shutil, "which", which)
    assert words in profile_native.perf_here()
