"""``harness profile`` as people call it: names, tables, files, sentences, Ctrl-C."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import psutil
import pytest
from msgspec import structs

from harness.cli import main, profile_plan, profile_session
from harness.errors import PlanError
from harness.measure.environment import environment
from harness.records import Target
from harness.run import profile_turns, profilers
from harness.run.callgrind_graph import instructions
from harness.run.environments import Environments
from harness.run.profile_turn import Profiling, Turn
from harness.run.profile_turns import Revisions
from harness.stacks import Frame, Stacks
from harness.store import profiles, runs
from harness.store.stack_formats import read_speedscope
from tests.processes import running
from tests.scratch import Scratch
from tests.store.test_runs import run

MAIN = Frame(name="main", file="harness/run/worker.py")
HOT = Frame(name="planted_hot_spot<script>\x1b[31m", file="harness/client/client.py")
STACKS: Stacks = {(MAIN,): 1_000.0, (MAIN, HOT): 2_500.0}


def turn(stacks: Stacks = STACKS) -> Turn:
    return Turn(stacks, {MAIN: 3}, 700, 100_000, Target(kind="embedded"))


@pytest.fixture
def pretended(monkeypatch: pytest.MonkeyPatch) -> None:
    """Turns without processes."""
    monkeypatch.setattr(Profiling, "take", lambda self: turn())


def profiled(tmp_path: Path, *arguments: str) -> int:
    return main(["profile", *arguments, "--out", str(tmp_path / "results")])


def kept(tmp_path: Path) -> list[profiles.Profile]:
    return profiles.all_of(tmp_path / "results")


# --- what is profiled -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("names", "found"),
    [
        ((), ["throughput.Noop(v3)"]),
        (("throughput",), ["throughput.Noop(v3)"]),
        (("throughput.Noop",), [f"throughput.Noop(v{number})" for number in (3, 2, 1)]),
        (("throughput.Noop(v1)",), ["throughput.Noop(v1)"]),
        (("throughput noop v1",), ["throughput.Noop(v1)"]),
        (("tables.Update",), ["tables.Update"]),
        (("codec", "cache"), ["codec.Rows(item, 1000)", "cache.Apply"]),
    ],
)  # fmt: skip
def test_names_are_those_of_run_and_compare(names: tuple[str, ...], found: list[str]) -> None:
    plan = profile_plan.scenarios(names, seconds=3.0, seed=5)
    assert [bench.name for bench in plan] == found
    for bench in plan:
        assert bench.scenario.load.duration_s == 3.0
        assert bench.scenario.workload.seed == 5


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("nonsense", "no suite `nonsense`; there are: throughput"),
        ("throughput.Nop", "no scenario 'throughput.Nop'; of the suite there are: throughput.Noop"),
        ("peers", "the suite `peers` compares two programs itself"),
        ("", "no suite ``"),
    ],
)
def test_other_names_are_told(name: str, words: str) -> None:
    with pytest.raises(PlanError, match=words):
        profile_plan.scenarios((name,), seconds=1.0)


def test_what_is_counted() -> None:
    assert profile_plan.counts(()) == ["protocol.calls(64)", "protocol.update(1000)"]
    assert profile_plan.counts(("codec",), "encode") == ["codec.encode(item, 1000)"]
    assert profile_plan.counts(("compiler.build(bench)",)) == ["compiler.build(bench)"]
    with pytest.raises(PlanError, match="does the same each time"):
        profile_plan.counts(("latency",))


# --- one profile ----------------------------------------------------------------------------------


def test_a_table_and_files_that_open(
    pretended: None, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert profiled(tmp_path, "throughput") == 0
    seen = capsys.readouterr()
    assert max(map(len, seen.out.splitlines())) <= 100
    assert "throughput.Noop(v3): client, by sampler" in seen.out
    assert "2.50 µs  71.4%" in seen.out
    assert "\x1b" not in seen.out
    (made,) = kept(tmp_path)
    folder = profiles.place(made, tmp_path / "results")
    assert f"the page: {folder / 'flamegraph.html'}" in seen.err
    assert {path.name for path in folder.iterdir()} == {
        "profile.json", "flamegraph.html", "speedscope.json", "stacks.txt",
    }  # fmt: skip
    assert (made.samples, made.operations, made.total) == (700, 100_000, 3_500.0)
    found, lines = read_speedscope(folder / made.files["speedscope"])
    assert (found, lines) == ({"profile": STACKS}, {MAIN: 3})
    # Whole numbers: weights of all operations, not of one.
    first, second = (folder / made.files["collapsed"]).read_text().splitlines()
    assert first == "main (harness/run/worker.py) 100000000"
    assert second.endswith(" 250000000")


def test_machines_get_json(
    pretended: None, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert profiled(tmp_path, "throughput", "--json") == 0
    (told,) = json.loads(capsys.readouterr().out)
    assert told["profile"]["benchmark"] == "throughput.Noop(v3)"
    assert Path(told["folder"]).is_dir()
    assert told["frames"][0] == {
        "frame": {"name": HOT.name, "file": HOT.file}, "own": 2_500.0, "total": 2_500.0,
    }  # fmt: skip


def test_it_belongs_to_the_runs_of_its_commit(
    pretended: None, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    results = tmp_path / "results"
    (bench,) = profile_plan.scenarios(("throughput",), seconds=1.0)
    stored = structs.replace(
        run("20250131-094500-throughput-noop-v3-0001"),
        scenario=structs.replace(bench.scenario), environment=environment(),
    )  # fmt: skip
    runs.save(stored, results)
    assert profiled(tmp_path, "throughput") == 0
    (made,) = kept(tmp_path)
    has_commit = environment().git_commit is not None
    assert made.run == (stored.id if has_commit else None)
    capsys.readouterr()
    assert main(["show", "throughput-noop", "--out", str(results)]) == 0
    shown = capsys.readouterr().out
    page = profiles.place(made, results) / "flamegraph.html"
    assert (f"{made.title}  {page}" in shown) is has_commit


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["nonsense"], 1, "no suite `nonsense`"),
        (["--with", "perf"], 2, "Invalid value for '--with'"),
        (["--of", "server", "--target", "standalone"], 1, "is no Python program that is ours"),
        (["--of", "server", "--target", "http://127.0.0.1:9"], 1, "/v1/metrics"),
        (["cache", "--of", "server"], 1, "happens in one process: there is no server in it"),
        (["--diff", "HEAD", "no-such-revision"], 1, "has no revision no-such-revision"),
        (["--diff", "HEAD", "HEAD", "--target", "standalone"], 2, "embedded server alone"),
        (["--with", "callgrind", "--of", "server"], 2, "are no server's"),
        (["latency", "--with", "callgrind"], 1, "does the same each time"),
        (["-k", "nothing-such"], 1, "no scenario fits"),
        (["--seconds", "0"], 2, "Invalid value for '--seconds'"),
    ],
)  # fmt: skip
def test_bad_input_is_one_sentence(
    arguments: list[str], code: int, words: str, tmp_path: Path,
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    repository = Scratch(tmp_path / "repository") if "--diff" in arguments else None
    if repository is not None:
        repository.commit("only")
        monkeypatch.setattr(Environments, "python", lambda self, revision: sys.executable)
        arguments = [*arguments, "--repository", str(repository.folder)]
    assert profiled(tmp_path, *arguments) == code
    said = capsys.readouterr()
    assert said.out == ""
    assert words in said.err
    assert "Traceback" not in said.err
    assert code == 2 or said.err.count("\n") <= 2  # progress, and the sentence
    assert kept(tmp_path) == []


def test_a_missing_profiler_is_told_before_anything_is_started(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(profilers.importlib.util, "find_spec", lambda name: None)
    monkeypatch.setattr(Profiling, "take", lambda self: pytest.fail("started"))
    assert profiled(tmp_path, "--with", "memray") == 1
    assert capsys.readouterr().err == (
        "harness: memray is not installed here: pip install memray, or pip install "
        "'spacetimedb-harness[profile]' for all; without --with nothing is needed\n"
    )


def test_every_profiler_can_be_named() -> None:
    from harness.cli import profile

    assert set(profile.PROFILERS) == set(profilers.PROFILERS)


# --- differences ----------------------------------------------------------------------------------


class Machine(Revisions):
    """Turns of two revisions without processes: the head has a hot spot."""

    pythons: tuple[str, str] | None = None
    most: int | None = None

    def __init__(self, scenario: Any, profiler: str, of: str, pythons: tuple[str, str]) -> None:
        type(self).pythons, self._number = pythons, 0

    def __call__(self, order: tuple[int, ...]) -> list[Turn]:
        self._number += 1
        if self.most is not None and self._number > self.most:
            raise KeyboardInterrupt
        base: Stacks = {(MAIN,): 1_000.0 + self._number}
        head: Stacks = base | {(MAIN, HOT): 500.0 + self._number}
        return [turn(head if side else base) for side in order]


@pytest.fixture
def scratch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Scratch:
    made = Scratch(tmp_path / "repository")
    made.commit("old")
    made.commit("new")
    monkeypatch.setattr(profile_session, "Revisions", Machine)
    monkeypatch.setattr(Environments, "python", lambda self, revision: f"/python/{revision}")
    monkeypatch.setattr(Machine, "most", None)
    return made


def difference(scratch: Scratch, tmp_path: Path, *more: str) -> int:
    return profiled(
        tmp_path, "--diff", "main~1", "main", "--repository", str(scratch.folder), *more
    )


def test_a_difference_is_ranked_and_kept(
    scratch: Scratch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert difference(scratch, tmp_path) == 0
    assert Machine.pythons == ("/python/main~1", "/python/main")
    seen = capsys.readouterr()
    assert max(map(len, seen.out.splitlines())) <= 100
    first = next(line for line in seen.out.splitlines() if line.startswith(("grown", "unsure")))
    assert first.startswith("grown")
    assert "planted_hot_spot" in first
    assert "\x1b" not in seen.out
    (made,) = kept(tmp_path)
    assert (made.base, made.commit) == tuple(
        scratch.git("rev-parse", name) for name in ("main~1", "main")
    )
    assert made.pairs == 8
    assert made.grown[0].frame == HOT
    assert made.grown[0].word == "grown"
    folder = profiles.place(made, tmp_path / "results")
    assert set(read_speedscope(folder / "speedscope.json")[0]) == {"base", "head"}
    assert "What grew" in (folder / "flamegraph.html").read_text()
    # A regression event of this benchmark between these commits finds it.
    assert profiles.of_change(
        "throughput.Noop", made.base or "", made.commit or "", tmp_path / "results"
    ) == [made]


def test_a_difference_as_json(
    scratch: Scratch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert difference(scratch, tmp_path, "--json", "--turns", "4") == 0
    (told,) = json.loads(capsys.readouterr().out)
    top = told["profile"]["grown"][0]
    assert top["frame"]["name"] == HOT.name
    assert top["base"].get("own", 0) == 0
    assert top["head"]["own"] == pytest.approx(500, rel=0.02)
    assert top["interval"][0] > 0


def test_few_turns_and_equal_commits_are_noted(
    scratch: Scratch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["--diff", "main", "HEAD", "--repository", str(scratch.folder), "--turns", "2"]
    assert profiled(tmp_path, *arguments) == 0
    said = " ".join(capsys.readouterr().out.split())
    assert "both sides are the same commit: whatever differs is noise" in said
    assert "2 turns of each side have no spread: nothing is sure; take 3 or more" in said


def test_ctrl_c_keeps_what_was_finished(
    scratch: Scratch, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    monkeypatch.setattr(Machine, "most", 2)
    assert difference(scratch, tmp_path, "throughput.Noop") == 130
    (made,) = kept(tmp_path)  # of the first scenario, and none of the others
    assert made.pairs == 4
    assert "stopped by hand" in capsys.readouterr().out
    monkeypatch.setattr(Machine, "most", 0)
    assert difference(scratch, tmp_path) == 130
    assert len(kept(tmp_path)) == 1


def test_instructions_of_both_sides(
    scratch: Scratch, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    from harness.stats.callgraph import Graph

    def counted(python: str, benchmark: str, *, times: int | None = None) -> tuple[Graph, int]:
        graph = Graph()
        graph.spend(MAIN, 1_000)
        graph.spend(HOT, 60 if python == "/python/main" else 50)
        graph.call(MAIN, HOT, 60 if python == "/python/main" else 50)
        return graph, 10

    assert callable(instructions)
    monkeypatch.setattr(profile_turns.callgrind_graph, "instructions", counted)
    monkeypatch.setattr(profilers.callgrind, "version", lambda: "3.19.0")
    assert difference(scratch, tmp_path, "codec", "-k", "encode", "--with", "callgrind") == 0
    (made,) = kept(tmp_path)
    assert (made.benchmark, made.unit) == ("codec.encode(item, 1000)", "instructions")
    assert [(row.frame, row.word, row.own) for row in made.grown] == [
        (HOT, "grown", 1.0), (MAIN, "same", 0.0),
    ]  # fmt: skip
    assert "counted" in capsys.readouterr().out


# --- the real thing -------------------------------------------------------------------------------


@pytest.mark.parametrize("of", ["client", "server"])
def test_a_real_profile_of_either_side(of: str, tmp_path: Path) -> None:
    assert profiled(tmp_path, "throughput", "--of", of, "--seconds", "1") == 0
    (made,) = kept(tmp_path)
    assert made.target == "embedded"
    page = (profiles.place(made, tmp_path / "results") / "flamegraph.html").read_text()
    assert f"harness/{of}/" in page
    # The numbers of a profiled run are in no run.
    assert list(runs.names(tmp_path / "results")) == []


#: Ctrl-C is ignored by children of a shell's background jobs, which tests may be.
PROGRAM = """
import signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)
from harness.cli import main
sys.exit(main(["profile", "throughput", "--seconds", "60", "--of", sys.argv[2],
               "--out", sys.argv[1]]))
"""


@pytest.mark.parametrize("of", ["client", "server"])
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_nothing_runs_on_or_is_left(number: signal.Signals, of: str, tmp_path: Path) -> None:
    command = [sys.executable, "-c", PROGRAM, str(tmp_path), of]
    with running(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as harness:
        parent = psutil.Process(harness.pid)
        while len(helpers := parent.children(recursive=True)) < 2:  # server and worker
            assert harness.poll() is None
        harness.send_signal(number)
        out, said = harness.communicate(timeout=60)
    assert harness.returncode == 130
    assert "Traceback" not in said
    assert "harness: stopped" in said
    assert out == ""
    # One that was just being started ends as soon as it finds its starter gone.
    assert psutil.wait_procs(helpers, timeout=30)[1] == []
    assert not (tmp_path / "profiles").exists()
