"""A search for a commit, with measuring made up: ends, looks, skips, budget, going on later."""

from __future__ import annotations

import json
import random
from pathlib import Path

import pytest

from harness.cli import main
from harness.errors import PlanError, StoreError, TargetError
from harness.run import bisecting, compare_process
from harness.run.bisecting import Found, Search
from harness.run.environments import Environments
from harness.store.commits import between
from tests.cli.test_compare import Machine
from tests.scratch import Scratch

COMMITS = [f"{number:040x}" for number in range(20)]


class World:
    """Commits from ``first`` on are slower by a tenth; those in ``broken`` do not build."""

    def __init__(self, first: int = 13, change: float = 0.1, broken: tuple[int, ...] = ()) -> None:
        self.first, self._change = first, change
        self._broken = {COMMITS[at] for at in broken}
        self.asked: list[tuple[str, int]] = []
        self._draw = random.Random(4)

    def measure(self, good: str, commit: str, count: int) -> list[float]:
        self.asked.append((commit, count))
        assert good == COMMITS[0]
        if commit in self._broken:
            raise TargetError("pip install failed: no compiler")
        bad = COMMITS.index(commit) >= self.first
        return [self._change * bad + self._draw.gauss(0, 0.01) for _ in range(count)]


def new() -> Search:
    return bisecting.begin("codec.Rows(item, 1000)", "encode_cpu", COMMITS)


@pytest.mark.parametrize("first", [1, 2, 10, 19])
def test_the_commit_is_found(first: int) -> None:
    world = World(first)
    found = bisecting.run(new(), world.measure)
    assert (found.kind, found.commits) == ("found", [COMMITS[first]])
    assert found.probability >= 0.95
    assert found.interval[0] < found.change < found.interval[1]
    assert 0.08 < found.change < 0.13
    # The ends first, then by halves.
    assert world.asked[0] == (COMMITS[19], bisecting.ENDS)
    assert len(world.asked) <= 9


def test_equal_ends_are_nothing_to_find() -> None:
    world = World(change=0.0)
    found = bisecting.run(new(), world.measure)
    assert (found.kind, found.commits) == ("nothing", [])
    assert len(world.asked) == 1


def test_what_does_not_build_is_skipped_and_told() -> None:
    said: list[str] = []
    world = World(first=10, broken=(9, 10))
    found = bisecting.run(new(), world.measure, progress=said.append)
    assert found.kind == "found"
    assert found.commits == [COMMITS[9], COMMITS[10], COMMITS[11]]
    assert set(found.skipped) == {COMMITS[9], COMMITS[10]}
    assert any("is skipped: pip install failed: no compiler" in text for text in said)


def test_an_end_that_does_not_build_is_an_error() -> None:
    with pytest.raises(TargetError, match="no compiler"):
        bisecting.run(new(), World(broken=(19,)).measure)


def test_without_time_the_likeliest_is_told_as_unsure() -> None:
    found = bisecting.run(new(), World().measure, time_left=lambda: False)
    assert found.kind == "unsure"
    assert found.probability < 0.95


def test_it_goes_on_where_it_was(tmp_path: Path) -> None:
    """Stopped after each look in turn, it asks for no look twice and ends at the same commit."""
    whole = World()
    expected = bisecting.run(new(), whole.measure)
    world = World()
    for _ in range(30):
        left = iter([True])
        found = bisecting.run(
            bisecting.resumed(new(), tmp_path), world.measure,
            time_left=lambda left=left: next(left, False),  # type: ignore[misc]  # a default that binds
            keep=lambda now: bisecting.save(now, tmp_path),
        )  # fmt: skip
        if found.kind == "found":
            break
    assert found == expected
    assert world.asked == whole.asked


def test_commits_that_are_built_go_first() -> None:
    world = World()
    bisecting.run(new(), world.measure, known=lambda commit: commit == COMMITS[9])
    assert world.asked[1][0] == COMMITS[9]


@pytest.mark.parametrize(
    ("data", "words"), [(b"{", "is no search"), (b'{"form": 9, "benchmark": "x", "metric": "y", '
                        b'"commits": []}', "reads up to 1")],
)  # fmt: skip
def test_a_damaged_search_is_told(data: bytes, words: str, tmp_path: Path) -> None:
    path = bisecting.place(new(), tmp_path)
    path.parent.mkdir(parents=True)
    path.write_bytes(data)
    with pytest.raises(StoreError, match=words):
        bisecting.resumed(new(), tmp_path)


def test_one_commit_is_no_search() -> None:
    with pytest.raises(PlanError, match="are the same commit"):
        bisecting.run(bisecting.begin("x", "y", COMMITS[:1]), World().measure)


# --- as a command ---------------------------------------------------------------------------------


class Slowing(Machine):
    """Processes of which those of later commits are slower."""

    bad: tuple[str, ...] = ()

    def __init__(self, pythons: tuple[str, str]) -> None:
        super().__init__(pythons)
        self.ratio = 1.1 if pythons[1].endswith(type(self).bad) else 1.0


@pytest.fixture
def scratch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Scratch, list[str]]:
    made = Scratch(tmp_path / "repository")
    commits = [made.commit(f"commit {number}") for number in range(8)]
    monkeypatch.setattr(compare_process, "Processes", Slowing)
    monkeypatch.setattr(Slowing, "bad", tuple(commits[5:]))
    monkeypatch.setattr(Environments, "python", lambda self, revision: f"/python/{revision}")
    return made, commits


def asked(scratch: Scratch, tmp_path: Path, *more: str) -> list[str]:
    given = ["bisect", "codec.Rows(item, 1000)", "--repository", str(scratch.folder)]
    return [*given, "--out", str(tmp_path / "results"), *more]


def test_people_are_told_the_commit(
    scratch: tuple[Scratch, list[str]], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    repository, commits = scratch
    assert main(asked(repository, tmp_path, "--good", commits[0], "--bad", "main")) == 0
    shown = capsys.readouterr()
    assert "A. Tester: commit 5" in shown.out
    assert "it is, with " in shown.out
    assert "look 1: " in shown.err
    assert len(list((tmp_path / "results" / "bisect").iterdir())) == 1
    more = ["--good", commits[0], "--bad", "main", "--resume", "--json"]
    assert main(asked(repository, tmp_path, *more)) == 0
    shown = capsys.readouterr()
    assert json.loads(shown.out)["commits"] == [commits[5]]
    assert "look" not in shown.err  # all of it was known


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["--good", "{0}", "--bad", "{4}"], 5, "the two revisions do not differ"),
        (["--good", "{7}", "--bad", "{0}"], 1, "is no ancestor of"),
        (["--good", "{0}", "--bad", "{0}"], 1, "is no ancestor of"),
        (["--good", "nowhere"], 1, "has no revision nowhere"),
        (["--good", "{0}", "--budget", "1e-9"], 4, "not sure yet; likeliest is"),
    ],
)
def test_other_ends_have_their_own_codes(
    arguments: list[str], code: int, words: str, scratch: tuple[Scratch, list[str]],
    tmp_path: Path, capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    repository, commits = scratch
    given = [argument.format(*commits) for argument in arguments]
    assert main(asked(repository, tmp_path, *given)) == code
    shown = capsys.readouterr()
    assert words in (shown.err if code == 1 else shown.out)


def test_a_wrong_name_is_one_sentence(
    scratch: tuple[Scratch, list[str]], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    repository, commits = scratch
    there = ["--repository", str(repository.folder), "--good", commits[0]]
    assert main(["bisect", "codec.Rows(nothing)", *there]) == 1
    assert "no benchmark 'codec.Rows(nothing)'; of the suite there are: " in capsys.readouterr().err
    assert main(["bisect", "codec.Rows(item, 1000):speed", *there, "--out", str(tmp_path)]) == 1
    assert "has no figure 'speed'; there are: encode_cpu" in capsys.readouterr().err


def test_merged_branches_count_as_one(tmp_path: Path) -> None:
    made = Scratch(tmp_path / "repository")
    good = made.commit("good")
    made.git("checkout", "-q", "-b", "side")
    side = made.commit("on a branch")
    made.git("checkout", "-q", "main")
    after = made.commit("after")
    made.git("merge", "-q", "--no-ff", "-m", "merge", "side")
    merge = made.git("rev-parse", "HEAD")
    assert between(made.folder, good, merge) == [good, after, merge]
    with pytest.raises(StoreError, match="by first parents"):
        between(made.folder, side, merge)


def test_what_was_found_is_a_record() -> None:
    found = Found(kind="found", commits=["a"], probability=0.96, change=0.1, interval=(0.0, 0.2),
                  looks=3)  # fmt: skip
    assert found.skipped == []
