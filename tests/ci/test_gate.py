"""The gate: exit codes, second looks, budgets, and a comment that nothing breaks out of."""

from __future__ import annotations

import datetime as dt
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
import pytest

from ci import budgets, comment, gate
from ci.budgets import Budget
from ci.verdicts import Line, State, Verdict, suspects, verdict
from harness.errors import PlanError
from harness.measure.environment import environment
from harness.run.callgrind import Counted
from harness.run.compare_result import Comparison, Taking
from harness.run.compare_turns import Effort
from harness.series import Better
from harness.stats.comparison import Judged, Rules, Word
from harness.store import confirmations
from harness.store.confirmations import Confirmation
from harness.store.confirmations import Word as Answered
from tests.scratch import Scratch

GOLDENS = Path(__file__).parent / "goldens"
TODAY = dt.date(2026, 3, 1)
ABOUT = msgspec.structs.replace(
    environment(), cpu_model="Test CPU", cpu_count=2, platform="Linux", python="3.11.7"
)


def row(name: str = "codec.Rows(item, 1000)", ratio: float = 1.0, **more: Any) -> Judged:
    word = more.pop("word", None)
    if word is None:
        word = Word.SLOWER if ratio > 1.02 else Word.FASTER if ratio < 0.98 else Word.SAME
    return Judged(**{
        "benchmark": name, "metric": "encode_cpu", "unit": "ns", "better": Better.LESS,
        "word": word, "ratio": ratio, "interval": (ratio * 0.99, ratio * 1.01), "base": 100.0,
        "head": 100.0 * ratio, "p": 0.001, "q": 0.01, "blocks": 12, "processes": (24, 24),
        "why": "", **more,
    })  # fmt: skip


def comparison(*rows: Judged, **more: Any) -> Comparison:
    return Comparison(**{
        "form": 1, "kind": "revisions", "base": "origin/main", "head": "HEAD",
        "made_at": "2026-03-01T10:00:00+00:00", "rules": Rules(), "rows": list(rows),
        "taking": Taking(
            commits=("a" * 40, "b" * 40), environment=ABOUT, server="no server",
            effort=Effort(), seconds=61.0,
        ), **more,
    })  # fmt: skip


class Looks:
    """Stands in for measuring: one answer after the other."""

    def __init__(self, *answers: Comparison) -> None:
        self._answers = list(answers)
        self.asked: list[tuple[list[str], str, int, bool]] = []

    def __call__(
        self, suites: Sequence[str], expression: str, seed: int, instructions: bool
    ) -> Comparison:
        self.asked.append((list(suites), expression, seed, instructions))
        return self._answers.pop(0)


def gated(tmp_path: Path, looks: Looks, *more: str) -> tuple[int, str]:
    path = tmp_path / "comment.md"
    empty = tmp_path / "none.toml"
    empty.write_text("")
    given = ["--comment", str(path), "--today", TODAY.isoformat(), "--budgets", str(empty),
             "--out", str(tmp_path / "results"), *more]  # fmt: skip
    return gate.main(given, looks), path.read_text()


# --- exit codes -----------------------------------------------------------------------------------


def test_a_good_change_passes_and_is_looked_at_once(tmp_path: Path) -> None:
    looks = Looks(comparison(row(), row("cache.Apply", 0.9)))
    code, text = gated(tmp_path, looks)
    assert code == 0
    assert "🟢 **Nothing became slower in 2 figures; faster: 1 figure**" in text
    assert looks.asked == [([], "", 1, True)]


def test_the_second_look_is_kept_as_an_answer(tmp_path: Path) -> None:
    """So that `harness changes` shows the event as confirmed, or refuted."""
    slow = comparison(row(ratio=1.05), row("cache.Apply", 1.04))
    again = comparison(row(ratio=1.06), row("cache.Apply", 1.001))
    assert gated(tmp_path, Looks(slow, again))[0] == 3
    kept = {one.benchmark: one for one in confirmations.read(tmp_path / "results")}
    assert {name: one.word.value for name, one in kept.items()} == {
        "codec.Rows(item, 1000)": "confirmed", "cache.Apply": "refuted",
    }  # fmt: skip
    assert kept["cache.Apply"].ratio == pytest.approx(1.001)
    assert kept["cache.Apply"].commits == ("a" * 40, "b" * 40)


@pytest.mark.parametrize(
    ("word", "commits", "code", "said"),
    [
        ("refuted", ("a" * 40, "b" * 40), 0, "refuted by"),
        ("confirmed", ("a" * 40, "b" * 40), 3, "confirmed by"),
        ("unsure", ("a" * 40, "b" * 40), 3, "unsure by"),
        ("refuted", ("a" * 40, "c" * 40), 3, ""),
    ],
)
def test_what_harness_confirm_said_counts(
    word: str, commits: tuple[str, str], code: int, said: str, tmp_path: Path
) -> None:
    """Of a stored comparison that nobody looked at twice, and of these revisions only."""
    answer = Confirmation(
        word=Answered(word), event="", series="codec.Rows(item, 1000):encode_cpu",
        benchmark="codec.Rows(item, 1000)", metric="encode_cpu", commits=commits, suspected=1.05,
        ratio=1.002, interval=(0.999, 1.005), why="", made_at="2026-03-01T11:00:00+00:00",
        machine="Test CPU x2", comparison="x",
    )  # fmt: skip
    confirmations.add(tmp_path / "results", [answer])
    stored = tmp_path / "first.json"
    stored.write_bytes(msgspec.json.encode(comparison(row(ratio=1.05), row("cache.Apply"))))
    found, text = gated(tmp_path, Looks(), "--comparison", str(stored))
    assert found == code
    assert ("harness confirm" in text) is bool(said)
    if said:
        assert f"{said} \\`harness confirm\\` on 2026-03-01: +0.2%" in text


def test_a_bad_change_is_confirmed_before_it_is_told(tmp_path: Path) -> None:
    looks = Looks(comparison(row(ratio=1.1), row("cache.Apply")), comparison(row(ratio=1.09)))
    code, text = gated(tmp_path, looks)
    assert code == 3
    assert looks.asked[1] == (["codec"], "(codec.Rows and item and 1000)", 2, False)
    assert "🔴 **Slower: 1 figure, at worst codec.Rows(item, 1000) encode cpu +10.0%**" in text


@pytest.mark.parametrize(("word", "code"), [(Word.SAME, 0), (Word.UNSURE, 4), (Word.FASTER, 0)])
def test_what_is_not_confirmed_stops_nobody(word: Word, code: int, tmp_path: Path) -> None:
    looks = Looks(comparison(row(ratio=1.1)), comparison(row(ratio=1.0, word=word)))
    found, text = gated(tmp_path, looks)
    assert found == code
    assert "slower at first, not again" in text
    assert f"measured again with other turns: +0.0%, {word.value}" in text


def test_not_to_know_is_not_fine(tmp_path: Path) -> None:
    code, text = gated(tmp_path, Looks(comparison(row(word=Word.UNSURE))))
    assert code == 4
    assert "🟡 **Could not tell: too little time, or too much noise**" in text
    code, text = gated(tmp_path, Looks(comparison()))
    assert code == 4
    assert "nothing was measured" in text


def test_instructions_need_no_second_look(tmp_path: Path) -> None:
    counted = Counted(benchmark="codec.encode(item, 1000)", operation="row", base=900.0,
                      head=909.0, word=Word.SLOWER, threshold=0.002, fixed_layout=True)  # fmt: skip
    looks = Looks(comparison(row(), counts=[counted]))
    code, text = gated(tmp_path, looks)
    assert code == 3
    assert len(looks.asked) == 1
    assert "instructions" in text
    assert "+1.0%" in text


def test_errors_are_one_sentence(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    code = gate.main(["--comparison", str(tmp_path / "nowhere.json")])
    assert code == 1
    assert capsys.readouterr().err.startswith("gate: cannot read ")
    code = gate.main(["--base", "nowhere", "--repository", str(tmp_path)])
    said = capsys.readouterr().err
    assert code == 1
    assert "Traceback" not in said
    assert said.endswith("gate: harness compare failed, as it says above; nothing was judged\n")


# --- budgets --------------------------------------------------------------------------------------

BUDGET = """
[[budget]]
benchmark = "codec.*"
metric = "encode_*"
{allows}
reason = "a new check of lengths"
owner = "A. Maintainer"
date = 2026-02-01
"""


@pytest.mark.parametrize(
    ("allows", "ratio", "code", "told"),
    [
        ("slower_percent = 15", 1.1, 0, "slower, within budget"),
        ("slower_percent = 5", 1.1, 3, "Slower: 1 figure"),
        ("slower_percent = 15\nexpires = 2026-02-28", 1.1, 3,
         "the budget of A. Maintainer expired on 2026-02-28"),
        ("slower_percent = 15\nexpires = 2026-03-01", 1.1, 0, "slower, within budget"),
        ("limit = 100.5", 1.01, 3, "over the limit: 1 figure"),
        ("limit = 120", 1.01, 0, "Nothing became slower"),
    ],
)  # fmt: skip
def test_budgets_decide_what_is_too_much(
    allows: str, ratio: float, code: int, told: str, tmp_path: Path
) -> None:
    path = tmp_path / "budgets.toml"
    path.write_text(BUDGET.format(allows=allows))
    looks = Looks(comparison(row(ratio=ratio)), comparison(row(ratio=ratio)))
    found, text = gated(tmp_path, looks, "--budgets", str(path))
    assert found == code
    assert told in text


def test_a_budget_for_another_figure_changes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "budgets.toml"
    path.write_text(BUDGET.format(allows="slower_percent = 50"))
    slow = row("cache.Apply", 1.1)
    code, _ = gated(tmp_path, Looks(comparison(slow), comparison(slow)), "--budgets", str(path))
    assert code == 3


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (("[[budget]]", "[budget]"), "write [[budget]] with two brackets"),
        (("benchmark", "bench"), "`bench` is unknown; there are: benchmark, "),
        (('owner = "A. Maintainer"\n', ""), "`owner` is missing; it is a text"),
        (("2026-02-01", '"today"'), "`date` has to be a date such as 2026-01-31, not 'today'"),
        (("slower_percent = 5", ""), "it needs either `slower_percent` or `limit`"),
        (("slower_percent = 5", "slower_percent = 5\nlimit = 3"), "it needs either"),
        (("slower_percent = 5", "slower_percent = true"), "has to be a number of percent"),
        (("slower_percent = 5", "slower_percent = -5"), "has to be more than 0"),
        (("[[budget]]", "x = 1\n[[budget]]"), "`x` is unknown"),
        (("[[budget]]", "[[[budget]]"), "is not TOML"),
    ],
)
def test_a_wrong_budget_is_one_sentence(
    change: tuple[str, str], words: str, tmp_path: Path
) -> None:
    path = tmp_path / "budgets.toml"
    path.write_text(BUDGET.format(allows="slower_percent = 5").replace(*change))
    with pytest.raises(PlanError) as refused:
        budgets.read(path)
    assert words in str(refused.value)
    assert str(path) in str(refused.value)
    with pytest.raises(PlanError, match="cannot read"):
        budgets.read(tmp_path / "nowhere.toml")


def test_our_own_budgets_can_be_read() -> None:
    found = budgets.read(Path(gate.__file__).parent / "budgets.toml")
    assert found
    assert all(budget.reason and budget.owner for budget in found)


# --- the comment ----------------------------------------------------------------------------------


def bad() -> tuple[Verdict, Comparison, Comparison]:
    first = comparison(
        row(ratio=1.1, detectable=0.017),
        row("throughput.Noop(v3)", 1.04, metric="client_cpu", base=5_000.0, head=5_200.0),
        row("cache.Apply", 0.8, metric="insert_time"),
        row("cache.Apply", metric="scan_time"),
        row("throughput.Noop(v3)", 1.05, metric="time", word=Word.UNSURE),
        left_out=["latency.Open: no time for it"],
    )
    second = comparison(row(ratio=1.11), row("throughput.Noop(v3)", 1.0, metric="client_cpu"))
    return verdict(first, second, [], TODAY), first, second


@pytest.mark.parametrize("name", ["bad", "good", "unsure"])
def test_whole_comments_are_as_they_were(name: str) -> None:
    """Look at them when they change."""
    assert golden(name) == (GOLDENS / f"{name}.md").read_text()


def golden(name: str) -> str:
    links = {"this run": "https://example.org/run/1", "profiles": "https://example.org/p"}
    if name == "bad":
        found, first, second = bad()
        return comment.write(found, first, second, links)
    words = {"good": Word.SAME, "unsure": Word.UNSURE}
    first = comparison(row(word=words[name]), row("cache.Apply", word=words[name]))
    return comment.write(verdict(first, None, [], TODAY), first, None, {})


HOSTILE = "<script>alert(1)</script> | @everyone #1 `x` [a](b) https://evil.example www.e.org\n# h"


def test_hostile_names_show_as_text() -> None:
    first = comparison(
        row(HOSTILE, 1.2, metric=HOSTILE), left_out=[HOSTILE], notes=[HOSTILE],
        base=HOSTILE,
    )  # fmt: skip
    budget = Budget(benchmark="*", reason=HOSTILE, owner=HOSTILE, date=TODAY, slower_percent=50)
    links = {HOSTILE: "javascript:alert(1)", "b": "https://x/) [evil](https://y"}
    text = comment.write(verdict(first, None, [budget], TODAY), first, None, links)
    for forbidden in ("<script", "@everyone", "#1", "https://evil", "www.e.org", "\n# h",
                      "javascript:", "https://y"):  # fmt: skip
        assert forbidden not in text
    tables = [line for line in text.splitlines() if line.startswith("| ")]
    assert len({line.replace("\\|", "").count("|") for line in tables}) == 1


def test_a_long_comment_is_cut_and_says_so() -> None:
    lines = [
        Line(benchmark=f"suite.Name({k})", metric="x", unit="ns", base=1.0, head=1.0, ratio=1.0,
             interval=None, state=State.SAME)
        for k in range(3_000)
    ]  # fmt: skip
    text = comment.write(Verdict(lines=lines, told=True), comparison(), None, {})
    assert len(text) < 65_536
    assert "all of it is in the stored comparison" in text
    assert text.count("<details>") == text.count("</details>")


def test_it_begins_with_the_mark_by_which_it_is_found_again() -> None:
    assert golden("good").startswith(comment.MARKER + "\n")


def test_suspects_are_those_by_the_clock() -> None:
    assert suspects(bad()[1]) == ["codec.Rows(item, 1000)", "throughput.Noop(v3)"]


# --- as a program ---------------------------------------------------------------------------------


def test_stored_comparisons_are_judged_without_measuring(tmp_path: Path) -> None:
    for name, each in zip(("first", "second"), bad()[1:], strict=True):
        (tmp_path / f"{name}.json").write_bytes(msgspec.json.encode(each))
    done = subprocess.run(
        [sys.executable, str(Path(gate.__file__)), "--comparison", str(tmp_path / "first.json"),
         "--second", str(tmp_path / "second.json")],
        capture_output=True, text=True, check=False, cwd=tmp_path,
    )  # fmt: skip
    assert done.returncode == 3, done.stderr
    assert done.stdout.startswith(comment.MARKER)
    assert "gate: Slower: 1 figure" in done.stderr


@pytest.mark.slow
def test_a_good_and_a_bad_pull_request(tmp_path: Path) -> None:
    """Real measuring of a scratch repository, which takes minutes."""
    scratch = Scratch(tmp_path / "repository")
    scratch.slow_encoding(0.0001)
    base = scratch.commit("base")
    (scratch.folder / "note.txt").write_text("documentation")
    good = scratch.commit("good")
    scratch.slow_encoding(10)
    worse = scratch.commit("bad")
    for head, code in ((good, 0), (worse, 3)):
        path = tmp_path / f"{code}.md"
        found = gate.main([
            "--base", base, "--head", head, "--repository", str(scratch.folder), "--suite", "codec",
            "--budget", "150", "--out", str(tmp_path / "results"), "--comment", str(path),
        ])  # fmt: skip
        assert found == code, path.read_text()
