"""``harness compare`` and ``harness selfcheck`` as people and gates call them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from harness.cli import compare_plan, main, progress
from harness.cli.compare_report import as_markdown, footnotes, sentence
from harness.errors import PlanError
from harness.run import callgrind, compare_process, compare_result
from harness.run.callgrind import Counted
from harness.run.compare_figures import Figure
from harness.run.compare_result import Comparison
from harness.run.environments import Environments
from harness.stats import counts, power
from harness.store import runs
from tests.run.test_compare_stored import side
from tests.scratch import Scratch

GOLDENS = Path(__file__).parent / "goldens"


def stored(folder: Path, cost: float, **more: Any) -> str:
    for each in side(cost, **more):
        runs.save(each, folder)
    return str(folder)


@pytest.fixture
def folders(tmp_path: Path) -> tuple[str, str, str]:
    """Two sides that are equal, and one that is slower."""
    made = [stored(tmp_path / name, cost) for name, cost in
            (("old", 100.0), ("new", 100.0), ("slow", 120.0))]  # fmt: skip
    return made[0], made[1], made[2]


def out(tmp_path: Path) -> list[str]:
    return ["--out", str(tmp_path / "results")]


# --- exit codes -----------------------------------------------------------------------------------


def test_the_exit_code_says_what_came_out(folders: tuple[str, str, str], tmp_path: Path) -> None:
    old, new, slow = folders
    assert main(["compare", old, new, *out(tmp_path)]) == 0
    assert main(["compare", old, slow, *out(tmp_path)]) == 3
    assert main(["compare", slow, old, *out(tmp_path)]) == 0  # faster
    single = stored_one(tmp_path)
    assert main(["compare", single, old, *out(tmp_path)]) == 4


def stored_one(tmp_path: Path) -> str:
    runs.save(side(100.0)[0], tmp_path / "one")
    return str(tmp_path / "one")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["nowhere", "HEAD"], "nowhere is no folder, no revision of"),
        (["{old}", "main"], "is stored and main is a git revision"),
        (["main", "{old}"], "is stored and main is a git revision"),
        (["{empty}", "{old}"], "has no runs; `harness run --out"),
        (["{old}", "{new}", "-k", "nothing-such"], "no scenario has a run on both sides"),
        (["main", "main", "peers"], "the suite `peers` compares two programs itself"),
        (["main", "main", "nonsense"], "no suite `nonsense`; there are: throughput"),
        (["main", "main", "-k", "nothing-such"], "nothing to compare: no scenario fits"),
    ],
)
def test_bad_input_is_one_sentence(
    arguments: list[str], words: str, folders: tuple[str, str, str], tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    scratch = tmp_path / "scratch"
    repository = Scratch(scratch)
    repository.commit("only")
    (tmp_path / "empty").mkdir()
    names = {"old": folders[0], "new": folders[1], "empty": str(tmp_path / "empty")}
    given = [argument.format(**names) for argument in arguments]
    code = main(["compare", *given, "--repository", str(scratch), *out(tmp_path)])
    said = capsys.readouterr()
    assert code == 1
    assert said.out == ""
    assert said.err.count("\n") == 1
    assert words in said.err


def test_other_machines_are_refused(
    folders: tuple[str, str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = stored(tmp_path / "other", 100.0, about={"cpu_model": "Elsewhere 9000"})
    assert main(["compare", folders[0], other, *out(tmp_path)]) == 1
    assert "Elsewhere 9000; --across-machines compares" in capsys.readouterr().err
    assert main(["compare", folders[0], other, "--across-machines", *out(tmp_path)]) == 0
    assert "not comparable by itself: CPU model:" in capsys.readouterr().out


def test_two_ways_to_print_exclude_each_other(folders: tuple[str, str, str]) -> None:
    assert main(["compare", *folders[:2], "--json", "--markdown"]) == 2


# --- what is printed ------------------------------------------------------------------------------


def test_people_get_a_table_of_100_columns(
    folders: tuple[str, str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    main(["compare", folders[0], folders[2], *out(tmp_path)])
    seen = capsys.readouterr()
    assert max(map(len, seen.out.splitlines())) <= 100
    assert "slower: 2 slower of 2 figures" in seen.out
    assert "+20.0%" in seen.out
    assert "all of it: " in seen.err


def test_machines_get_json_and_it_is_kept(
    folders: tuple[str, str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    main(["compare", folders[0], folders[2], "--json", *out(tmp_path)])
    said = json.loads(capsys.readouterr().out)
    assert [(row["metric"], row["word"]) for row in said["rows"]] == [
        ("client_cpu", "slower"),
        ("time", "slower"),
    ]
    (path,) = (tmp_path / "results" / "comparisons").iterdir()
    assert json.loads(path.read_text()) == said


def test_markdown_is_as_it_was(folders: tuple[str, str, str], tmp_path: Path) -> None:
    """Look at it when it changes; it is what people see in a pull request."""
    main(["compare", folders[0], folders[2], *out(tmp_path)])
    (path,) = (tmp_path / "results" / "comparisons").iterdir()
    found = compare_result.load(path)
    shown = as_markdown(found)
    assert shown == (GOLDENS / "compare.md").read_text()


# --- revisions ------------------------------------------------------------------------------------


class Machine:
    """Stands in for processes: costs by side, so that a verdict needs no quiet machine."""

    ratio = 1.0
    #: After so many processes somebody stops it.
    most: int | None = None
    pythons: tuple[str, str] | None = None

    def __init__(self, pythons: tuple[str, str]) -> None:
        type(self).pythons = pythons
        self._count = 0

    def __call__(self, bench: Any, order: tuple[int, ...]) -> list[list[Figure]]:
        found = []
        for at in order:
            self._count += 1
            if self.most is not None and self._count > self.most:
                raise KeyboardInterrupt
            cost = 100 * (self.ratio if at else 1.0) * (1 + 0.001 * (self._count % 5))
            found.append([Figure(name="encode_cpu", unit="ns", samples=(cost,))])
        return found


@pytest.fixture
def scratch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Scratch:
    made = Scratch(tmp_path / "repository")
    made.commit("old")
    made.commit("new")
    monkeypatch.setattr(compare_process, "Processes", Machine)
    monkeypatch.setattr(Environments, "python", lambda self, revision: f"/python/{revision}")
    monkeypatch.setattr(Machine, "ratio", 1.0)
    return made


def compared(scratch: Scratch, tmp_path: Path, *more: str) -> int:
    return main(["compare", "main~1", "main", "codec", "--repository", str(scratch.folder),
                 "--no-instructions", *out(tmp_path), *more])  # fmt: skip


def kept(tmp_path: Path) -> Comparison:
    *_, path = sorted((tmp_path / "results" / "comparisons").iterdir())
    return compare_result.load(path)


@pytest.mark.parametrize(("ratio", "code"), [(1.0, 0), (1.1, 3), (0.9, 0)])
def test_revisions_are_measured_and_judged(
    ratio: float, code: int, scratch: Scratch, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Machine, "ratio", ratio)
    assert compared(scratch, tmp_path) == code
    assert Machine.pythons == ("/python/main~1", "/python/main")
    found = kept(tmp_path)
    assert found.taking is not None
    assert found.taking.commits == (
        scratch.git("rev-parse", "main~1"),
        scratch.git("rev-parse", "main"),
    )
    assert found.rows[0].ratio == pytest.approx(ratio, rel=0.003)
    # Whatever was measured is there to be judged again.
    assert len(found.measured[0].blocks) == found.rows[0].blocks


def test_too_little_time_is_not_told_as_fine(
    scratch: Scratch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert compared(scratch, tmp_path, "--budget", "1e-9") == 4
    assert "could not tell" in capsys.readouterr().out


def test_ctrl_c_ends_all_of_it_and_keeps_what_there_is(
    scratch: Scratch, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    """Nothing is counted afterwards: whoever stops it does not wait for minutes of valgrind."""
    monkeypatch.setattr(Machine, "most", 60)
    monkeypatch.setattr(callgrind, "compare_all", lambda *given, **more: pytest.fail("counted"))
    assert compared(scratch, tmp_path, "--instructions", "--precision", "0.0001") == 130
    assert "stopped by hand" in capsys.readouterr().out
    found = kept(tmp_path)
    assert found.taking is not None
    assert found.taking.stopped
    assert found.rows[0].blocks == 15


def test_a_commit_with_itself_says_so(
    scratch: Scratch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["compare", "main", "HEAD", "codec", "--repository", str(scratch.folder),
                 "--no-instructions"]  # fmt: skip
    assert main([*arguments, *out(tmp_path)]) == 0
    assert "both sides are the same commit: whatever differs is noise" in capsys.readouterr().out


def count(name: str, head: float) -> Counted:
    return Counted(
        benchmark=name, operation="row", base=100.0, head=head, threshold=0.002,
        word=counts.word_of(100.0, head, 0.002), fixed_layout=True,
    )  # fmt: skip


@pytest.mark.parametrize(("head", "code", "word"), [(101.0, 3, "slower"), (100.1, 0, "same")])
def test_instructions_find_what_the_clock_does_not(
    head: float, code: int, word: str, scratch: Scratch, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    asked: list[Any] = []

    def compared_counts(
        pythons: tuple[str, str], names: list[str], **more: Any
    ) -> tuple[list[Counted], list[str]]:
        asked.append((pythons, names))
        return [count(names[0], head)], []

    monkeypatch.setattr(callgrind, "compare_all", compared_counts)
    assert compared(scratch, tmp_path, "--instructions") == code
    assert asked == [
        (
            ("/python/main~1", "/python/main"),
            ["codec.encode(item, 1000)", "codec.decode(item, 1000)"],
        )
    ]
    shown = capsys.readouterr().out
    assert f"instructions a row  100.0  {head:.1f}" in shown
    assert max(map(len, shown.splitlines())) <= 100
    assert kept(tmp_path).counts[0].word.value == word
    assert f"| {word} |" in as_markdown(kept(tmp_path))


def test_without_valgrind_the_rest_is_told(
    scratch: Scratch, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    def version() -> str:
        raise PlanError("instructions are counted by valgrind: apt-get install valgrind")

    monkeypatch.setattr(callgrind, "version", version)
    assert compared(scratch, tmp_path, "--instructions") == 0
    said = " ".join(capsys.readouterr().out.split())
    assert "no instructions were counted: instructions are counted by valgrind: apt-get" in said


def test_a_self_check_is_kept_and_quoted_afterwards(
    scratch: Scratch, tmp_path: Path, capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setattr(power, "_COMPARISONS", 20)  # how exact it is is no matter here
    there = ["--repository", str(scratch.folder), *out(tmp_path)]
    assert main(["selfcheck", "codec", "--last", *there]) == 1
    assert "has no self-check of this machine" in capsys.readouterr().err
    assert main(["selfcheck", "codec", *there]) == 0
    shown = capsys.readouterr().out
    assert "0 of" in shown
    assert "comparisons of" in shown
    assert max(map(len, shown.splitlines())) <= 100
    assert main(["selfcheck", "--last", "--json", *there]) == 0
    check = json.loads(capsys.readouterr().out)
    assert check["tells"][0]["detectable"] < 0.02
    monkeypatch.setattr(Machine, "ratio", 1.1)
    assert compared(scratch, tmp_path) == 3
    assert "self-check of 20" in capsys.readouterr().out
    found = kept(tmp_path)
    assert found.rows[0].detectable == check["tells"][0]["detectable"]
    assert any("false alarms" in note for note in footnotes(found))
    assert sentence(found) == "slower: 1 slower of 1 figures"


# --- what is measured -----------------------------------------------------------------------------


def test_the_plan_has_short_scenarios_under_their_names() -> None:
    plan = {bench.name: bench.scenario for bench in compare_plan.benches()}
    assert "codec.Rows(item, 1000)" in plan
    assert "throughput.Noop(v3)" in plan
    assert all(scenario.load.duration_s <= 0.5 for scenario in plan.values())


def test_words_choose_and_full_takes_all() -> None:
    few = compare_plan.benches(("codec",))
    many = compare_plan.benches(("codec",), full=True)
    assert len(few) == 1
    assert len(many) == 4
    chosen = compare_plan.benches(("codec",), "account", full=True)
    assert [bench.name for bench in chosen] == ["codec.Rows(account, 1)",
                                                "codec.Rows(account, 1000)"]  # fmt: skip
    assert compare_plan.benches(("codec",), seed=7)[0].scenario.workload.seed == 7
    with pytest.raises(PlanError):
        compare_plan.benches(("codec",), "no such words")


@pytest.mark.slow
def test_planted_slow_downs_are_named_by_real_processes(tmp_path: Path) -> None:
    """Minutes of real measuring: 5 % and 10 % in the encode path are slower, equal code is not."""
    made = Scratch(tmp_path / "repository")
    # All sides have the same wrapper, so that only the share differs.
    made.slow_encoding(0.0001)
    base = made.commit("base")
    for percent_, code in ((0.0002, 0), (5, 3), (10, 3)):
        made.slow_encoding(percent_)
        head = made.commit(f"{percent_} %")
        given = [base, head, "codec", "--repository", str(made.folder), "--budget", "200",
                 "--no-instructions"]  # fmt: skip
        assert main(["compare", *given, *out(tmp_path)]) == code
        found = kept(tmp_path)
        (row,) = [row for row in found.rows if row.metric == "encode_cpu"]
        assert row.ratio == pytest.approx(1 + percent_ / 100, abs=0.02)


def test_what_is_said_is_said_on_stderr(capsys: pytest.CaptureFixture[str]) -> None:
    progress.say("a line")
    assert capsys.readouterr() == ("", "a line\n")
