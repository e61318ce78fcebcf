"""``harness confirm``: suspects by name and by event, measured in turns; what is then shown."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from harness.cli import compare_plan, main, suspects
from harness.errors import PlanError
from harness.run import callgrind, compare_process, confirming
from harness.run.callgrind import Counted
from harness.run.compare_figures import Figure
from harness.run.environments import Environments
from harness.stats import counts
from harness.stats.comparison import Word as Verdict
from harness.store import confirmations
from harness.store.confirmations import Word
from tests.scratch import Scratch

NAME = "codec.Rows(item, 1000):encode_cpu"


class Machine:
    """Stands in for processes: two figures, one of which may differ between the sides."""

    ratio = 1.0
    most: int | None = None

    def __init__(self, pythons: tuple[str, str]) -> None:
        self._count = 0

    def __call__(self, bench: Any, order: tuple[int, ...]) -> list[list[Figure]]:
        found = []
        for at in order:
            self._count += 1
            if self.most is not None and self._count > self.most:
                raise KeyboardInterrupt
            cost = 100 * (self.ratio if at else 1.0) * (1 + 0.001 * (self._count % 5))
            found.append(
                [
                    Figure(name="encode_cpu", unit="ns", samples=(cost,)),
                    Figure(name="encode_time", unit="ns", samples=(100.0 + self._count % 3,)),
                ]
            )
        return found


@pytest.fixture
def scratch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Scratch:
    made = Scratch(tmp_path / "repository")
    for at in range(16):
        made.commit(str(at))
    monkeypatch.setattr(compare_process, "Processes", Machine)
    monkeypatch.setattr(Environments, "python", lambda self, revision: f"/python/{revision}")
    return made


def confirmed(scratch: Scratch, tmp_path: Path, *more: str) -> int:
    return main(["confirm", *more, "--repository", str(scratch.folder),
                 "--out", str(tmp_path / "results")])  # fmt: skip


def between(*more: str) -> list[str]:
    return [*more, "--base", "main~1", "--head", "main"]


# --- by name -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("ratio", "code", "word"),
    [(1.05, 3, "confirmed"), (1.0, 0, "refuted"), (0.95, 3, "confirmed")],
)
def test_a_named_suspect_is_measured_and_answered(
    ratio: float, code: int, word: str, scratch: Scratch, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    monkeypatch.setattr(Machine, "ratio", ratio)
    assert confirmed(scratch, tmp_path, *between(NAME)) == code
    said = capsys.readouterr()
    assert said.out.startswith(f"{word}: codec.Rows(item, 1000) encode cpu, ")
    assert max(map(len, said.out.splitlines())) <= 100
    (kept,) = confirmations.read(tmp_path / "results")
    assert kept.word.value == word
    assert kept.commits == (scratch.git("rev-parse", "main~1"), scratch.git("rev-parse", "main"))
    assert kept.ratio == pytest.approx(ratio, rel=0.003)
    assert kept.interval is not None
    # All that it rests on is a stored comparison, with the suspected figure alone.
    path = tmp_path / "results" / "comparisons" / f"{kept.comparison}.json"
    assert [row["metric"] for row in json.loads(path.read_text())["rows"]] == ["encode_cpu"]


def test_too_little_time_is_unsure(
    scratch: Scratch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert confirmed(scratch, tmp_path, *between(NAME), "--budget", "1e-9", "--json") == 4
    (told,) = json.loads(capsys.readouterr().out)["confirmations"]
    assert (told["word"], told["why"]) == ("unsure", "fewer than 4 blocks")


def test_several_are_one_measurement_and_the_worst_decides(
    scratch: Scratch, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Machine, "ratio", 1.05)
    given = between(NAME, "codec.Rows(item, 1000):encode_time")
    assert confirmed(scratch, tmp_path, *given) == 3
    words = {one.metric: one.word.value for one in confirmations.read(tmp_path / "results")}
    assert words == {"encode_cpu": "confirmed", "encode_time": "refuted"}
    assert len(list((tmp_path / "results" / "comparisons").iterdir())) == 1


def test_ctrl_c_keeps_no_half_answer(
    scratch: Scratch, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Machine, "most", 60)
    assert confirmed(scratch, tmp_path, *between(NAME), "--margin", "0.001") == 130
    assert confirmations.read(tmp_path / "results") == []


def test_counts_are_counted_again(
    scratch: Scratch, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By no clock: nothing else is measured."""

    def compare_all(
        pythons: tuple[str, str], names: list[str], **more: Any
    ) -> tuple[list[Counted], list[str]]:
        (name,) = names
        return [
            Counted(benchmark=name, operation="row", base=100.0, head=101.0, threshold=0.002,
                    word=counts.word_of(100.0, 101.0, 0.002), fixed_layout=True)
        ], []  # fmt: skip

    monkeypatch.setattr(callgrind, "compare_all", compare_all)
    name = "instructions.Instructions.track_instructions(what='codec.encode(item, 1000)')"
    monkeypatch.setattr(compare_process, "Processes", lambda pythons: pytest.fail("measured"))
    assert confirmed(scratch, tmp_path, *between(name)) == 3
    (kept,) = confirmations.read(tmp_path / "results")
    assert (kept.benchmark, kept.metric, kept.ratio) == (
        "codec.encode(item, 1000)", "instructions", pytest.approx(1.01),
    )  # fmt: skip


# --- by event ------------------------------------------------------------------------------------


@pytest.fixture
def results(scratch: Scratch, tmp_path: Path) -> Path:
    """asv's results of sixteen commits, of which those from the tenth on seem 5 % slower."""
    folder = tmp_path / "asv"
    (folder / "box").mkdir(parents=True)
    (folder / "box" / "machine.json").write_text('{"machine": "box", "version": 1}')
    name = "codec.Rows.track_encode_time"
    (folder / "benchmarks.json").write_text(
        json.dumps({name: {"name": name, "param_names": ["row", "rows"], "unit": "ns",
                           "params": [["'item'"], ["1000"]], "version": "1"}})
    )  # fmt: skip
    commits = scratch.git("rev-list", "--reverse", "main").split()
    for at, commit in enumerate(commits):
        told = {
            "commit_hash": commit, "date": 1_000 + at, "env_name": "e",
            "params": {}, "result_columns": ["result", "params", "version"],
            "results": {name: [[100.25 + 5 * (at >= 9)], [["'item'"], ["1000"]], "1"]},
        }  # fmt: skip
        (folder / "box" / f"{commit[:8]}-e.json").write_text(json.dumps(told))
    return folder


def events(results: Path, scratch: Scratch, capsys: pytest.CaptureFixture[str], *more: str) -> Any:
    given = ["changes", str(results), "--json", "--no-cache", "--repository", str(scratch.folder)]
    assert main([*given, *more]) == 0
    return json.loads(capsys.readouterr().out)["events"]


@pytest.mark.parametrize(("ratio", "word", "worse"), [(1.05, "confirmed", 1), (1.0, "refuted", 0)])
def test_an_event_is_suspected_until_it_is_measured_again(
    ratio: float, word: str, worse: int, scratch: Scratch, results: Path, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    class Timed(Machine):
        def __call__(self, bench: Any, order: tuple[int, ...]) -> list[list[Figure]]:
            from msgspec import structs

            found = super().__call__(bench, order)
            return [[structs.replace(each[0], name="encode_time")] for each in found]

    monkeypatch.setattr(compare_process, "Processes", Timed)
    monkeypatch.setattr(Timed, "ratio", ratio)
    (event,) = events(results, scratch, capsys)
    assert (event["standing"], event["confirmation"], event["state"]) == ("suspected", None, "open")
    code = 3 if word == "confirmed" else 0
    assert confirmed(scratch, tmp_path, "--from", str(results)) == code
    capsys.readouterr()
    (event,) = events(results, scratch, capsys)
    assert event["standing"] == event["confirmation"]["word"] == word
    assert event["confirmation"]["ratio"] == pytest.approx(ratio, rel=0.003)
    assert event["state"] == ("open" if word == "confirmed" else "refuted")
    assert len(events(results, scratch, capsys, "--worse")) == worse
    failing = ["changes", str(results), "--fail", "--repository", str(scratch.folder)]
    assert main(failing) == (3 if worse else 0)
    assert f"worse, {word}" in capsys.readouterr().out
    # The report as a file names the same suspect, and by its id alone.
    report = tmp_path / "changes.json"
    report.write_text(json.dumps({"events": [event]}))
    assert confirmed(scratch, tmp_path, event["id"], "--from", str(report)) == code


def test_what_an_event_suspects_is_what_is_tested_against() -> None:
    """Half of it at least has to be told from nothing; a rate that falls is a time that rises."""
    known = {bench.name: bench for bench in compare_plan.every()}
    event = suspects.Event(
        id="1", benchmark="codec.Rows.track_encode_time(row='item', rows=1000)", commit_from="a",
        commit_to="b", state="open", direction="worse", ratio=1.01,
    )  # fmt: skip
    suspect = suspects.of_event(event, known)
    assert (suspect.benchmark, suspect.metric) == ("codec.Rows(item, 1000)", "encode_time")
    assert confirming.margin([suspect]) == pytest.approx(0.005)
    rate = suspects.Event(
        id="1", benchmark="codec-item-1000.encode_rate(target=in-process)", commit_from="a",
        commit_to="b", state="open", direction="worse", ratio=0.8,
    )  # fmt: skip
    suspect = suspects.of_event(rate, known)
    assert (suspect.metric, suspect.ratio) == ("encode_time", 1.25)
    assert confirming.margin([suspect]) == 0.02
    assert confirming.margin([]) == 0.02


def test_every_number_of_our_suites_can_be_measured_again() -> None:
    """asv's name of it leads to a scenario and a figure."""
    from suites.catalog import NAMES, classes

    known = {bench.name: bench for bench in compare_plan.every()}
    count = 0
    for name, suite in classes(tuple(name for name in NAMES if name != "peers")):
        params = [values[0] for values in suite.params]
        given = ", ".join(
            f"{word}={value!r}" for word, value in zip(suite.param_names, params, strict=True)
        )
        for method in vars(suite):
            if method.startswith("track_"):
                spelled = f"{name}.{method}({given})" if given else f"{name}.{method}"
                found = suspects.of_name(spelled, "a", "b", known)
                assert found.bench is not None
                assert found.benchmark.startswith(name)
                count += 1
    assert count > 20


@pytest.mark.parametrize(
    ("verdict", "suspected", "word"),
    [
        (Verdict.SLOWER, 1.05, Word.CONFIRMED),
        (Verdict.SLOWER, 0.95, Word.REFUTED),
        (Verdict.FASTER, 0.95, Word.CONFIRMED),
        (Verdict.FASTER, 1.05, Word.REFUTED),
        (Verdict.FASTER, None, Word.CONFIRMED),
        (Verdict.SAME, 1.05, Word.REFUTED),
        (Verdict.UNSURE, 1.05, Word.UNSURE),
    ],
)
def test_a_change_the_other_way_confirms_nothing(
    verdict: Verdict, suspected: float | None, word: Word
) -> None:
    assert confirming.word_of(verdict, suspected) is word


# --- bad input -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        ([], 2, "name a suspect with --base and --head"),
        ([NAME], 2, "a named suspect needs --base and --head"),
        ([NAME, "--from", "{results}", "--base", "main"], 2, "--from excludes"),
        (between("no.Such"), 1, "is nothing that can be measured again here"),
        (["--from", "{results}/nowhere.json"], 1, "cannot read"),
        (["--from", "{results}/benchmarks.json"], 1, "is no report of changes"),
        (["0123456789", "--from", "{results}"], 1, "has no event 0123456789; the latest are: "),
        ([NAME, "--base", "nowhere", "--head", "main"], 1, "nowhere"),
    ],
)
def test_bad_input_is_one_sentence(
    arguments: list[str], code: int, words: str, results: Path, scratch: Scratch, tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    given = [argument.format(results=results) for argument in arguments]
    assert confirmed(scratch, tmp_path, *given) == code
    said = capsys.readouterr()
    assert said.out == ""
    assert words in said.err
    assert "Traceback" not in said.err


def test_events_of_another_project_are_left_to_its_own_suite() -> None:
    event = suspects.Event(
        id="1", benchmark="bench_core.Core.time_add", commit_from="a", commit_to="b", state="open",
        direction="worse", ratio=1.2,
    )  # fmt: skip
    with pytest.raises(PlanError, match="asv continuous"):
        suspects.of_event(event, {})


def test_a_history_where_nothing_is_worse_suspects_nobody(
    scratch: Scratch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    report = tmp_path / "changes.json"
    report.write_text('{"events": []}')
    assert confirmed(scratch, tmp_path, "--from", str(report)) == 0
    assert "nothing is suspected" in capsys.readouterr().err


@pytest.mark.slow
def test_a_planted_slow_down_is_confirmed_by_real_processes(tmp_path: Path) -> None:
    """A minute of real measuring: 5 % in the encode path, and nothing where there is nothing."""
    made = Scratch(tmp_path / "repository")
    made.slow_encoding(0.0001)
    base = made.commit("base")
    made.slow_encoding(0.0002)
    same = made.commit("the same")
    made.slow_encoding(5)
    head = made.commit("5 %")
    for first, second, code in ((base, same, 0), (base, head, 3)):
        given = [NAME, "--base", first, "--head", second, "--budget", "200"]
        assert confirmed(made, tmp_path, *given) == code
