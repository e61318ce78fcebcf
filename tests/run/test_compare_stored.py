"""Stored runs of two sides: what belongs together, what is refused, left out and noted."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest

from harness.errors import PlanError, StoreError
from harness.measure.environment import environment
from harness.records import FORM, Level, LoadShape, Metric, Run, Scenario, Target, Verdict, Workload
from harness.run import compare_result, compare_selfcheck, compare_stored
from harness.run.compare_result import Comparison
from harness.stats.blocks import Block
from harness.stats.comparison import Measured, Rules, Word
from harness.store import runs

ABOUT = environment()
NOW = "2025-03-01T10:00:00+00:00"


def everything(name: str) -> bool:
    return True


def run(
    cost: float, number: int = 0, *, name: str = "noop", level: Level = Level.VALID,
    about: dict[str, Any] | None = None, load: LoadShape | None = None, day: int = 1,
    target: Target | None = None, notes: dict[str, Any] | None = None,
) -> Run:  # fmt: skip
    return Run(
        id=f"2025010{day}-00000{number}-{name}",
        form=FORM,
        scenario=Scenario(name=name, workload=Workload(kind="noop"), load=load or LoadShape()),
        target=target or Target(kind="embedded"),
        environment=msgspec.structs.replace(ABOUT, **(about or {})),
        verdict=Verdict(level=level, reasons=["it lied"] if level is Level.VOID else []),
        started_at=f"2025-01-0{day}T00:00:0{number}+00:00",
        metrics=[
            Metric(name="rate", value=1e9 / cost, unit="1/s"),
            Metric(name="client_cpu", value=cost, unit="ns", better="lower"),
        ],
        notes=notes or {},
    )


def side(cost: float, **more: Any) -> list[Run]:
    return [run(cost * (1 + 0.001 * number), number, **more) for number in range(6)]


def compared(base: list[Run], head: list[Run], folder: Path, **more: Any) -> Comparison:
    paired = compare_stored.pair(base, head, everything)
    options = {"across_machines": False, "folder": folder, "made_at": NOW, **more}
    return compare_result.of_runs("old", "new", paired, Rules(), **options)


def test_a_slower_side_is_named_and_costs_come_first(tmp_path: Path) -> None:
    found = compared(side(100.0), side(120.0), tmp_path)
    assert [(row.metric, row.word) for row in found.rows] == [
        ("client_cpu", Word.SLOWER),
        ("time", Word.SLOWER),
    ]
    assert found.rows[0].ratio == pytest.approx(1.2)
    assert found.rows[0].processes == (6, 6)
    assert found.slower


def test_equal_sides_are_the_same(tmp_path: Path) -> None:
    found = compared(side(100.0), side(100.0), tmp_path)
    assert {row.word for row in found.rows} == {Word.SAME}
    assert found.told
    assert not found.slower


def test_one_run_a_side_tells_nothing_and_says_how_many_do(tmp_path: Path) -> None:
    found = compared([run(100.0)], [run(200.0)], tmp_path)
    assert {row.word for row in found.rows} == {Word.UNSURE}
    assert not found.told
    assert "1 run a side cannot tell a change from the luck of a process" in found.notes[0]


@pytest.mark.parametrize(
    ("about", "words"),
    [
        ({"cpu_model": "Other"}, "CPU model: "),
        ({"cpu_count": 64}, "CPUs: "),
        ({"kernel": "9.9"}, "kernel: "),
        ({"memory_bytes": 1}, "memory: "),
        ({"python": "3.99.0"}, "3.99.0"),
        ({"governor": "powersave"}, "governor: "),
    ],
)
def test_other_machines_are_refused_unless_asked_for(
    about: dict[str, Any], words: str, tmp_path: Path
) -> None:
    base, head = side(100.0), side(100.0, about=about)
    with pytest.raises(PlanError, match="these runs are not comparable: ") as refused:
        compared(base, head, tmp_path)
    assert words in str(refused.value)
    assert "--across-machines" in str(refused.value)
    found = compared(base, head, tmp_path, across_machines=True)
    assert words in found.differences[0]
    assert found.across_machines


def test_load_on_a_machine_makes_it_no_other_machine(tmp_path: Path) -> None:
    compared(side(100.0), side(100.0, about={"load_average": 9.0}), tmp_path)


def test_other_servers_are_told(tmp_path: Path) -> None:
    head = side(120.0, target=Target(kind="embedded", version="2.0"))
    found = compared(side(100.0), head, tmp_path)
    assert any("the servers differ" in note and "none and 2.0" in note for note in found.notes)


def test_void_runs_are_left_out_and_named() -> None:
    base = [*side(100.0), run(1.0, 9, level=Level.VOID)]
    paired = compare_stored.pair(base, side(100.0), everything)
    assert paired.left_out == ["20250101-000009-noop: VOID (it lied)"]
    assert len(paired.report[0].blocks[0].base) == 6


def test_only_the_same_scenario_is_compared() -> None:
    base = [*side(100.0), *side(100.0, name="insert")]
    other = [*side(100.0), *side(100.0, name="insert", load=LoadShape(in_flight=64))]
    paired = compare_stored.pair(base, other, everything)
    assert {measured.benchmark for measured in paired.report} == {"noop"}
    assert paired.left_out == [
        "insert: the second side has no run of the same scenario",
        "insert: the first side has no run of the same scenario",
    ]


def test_nothing_in_common_is_one_sentence() -> None:
    with pytest.raises(PlanError, match="no scenario has a run on both sides") as refused:
        compare_stored.pair(side(1.0, name="a"), side(1.0, name="b"), everything)
    assert "a: the second side has no run" in str(refused.value)


def test_runs_of_one_side_before_the_other_are_noted(tmp_path: Path) -> None:
    note = "all runs of one side are older"
    found = compared(side(100.0, day=1), side(100.0, day=2), tmp_path)
    assert any(note in text for text in found.notes)
    mixed = [*side(100.0, day=1)[:3], *side(100.0, day=3)[:3]]
    found = compared(mixed, side(100.0, day=2), tmp_path)
    assert not any(note in text for text in found.notes)


def test_stretches_of_a_run_are_its_samples() -> None:
    notes = {"batch_rates_per_s": [100.0, 200.0, 0.0]}
    paired = compare_stored.pair([run(10.0, notes=notes)], [run(10.0)], everything)
    times = next(measured for measured in paired.report if measured.metric == "time")
    assert times.blocks[0].base == ((1e7, 5e6),)


def test_folders_files_and_ids_are_read(tmp_path: Path) -> None:
    for each in side(100.0):
        path = runs.save(each, tmp_path)
    assert len(compare_stored.read(str(tmp_path))) == 6
    assert len(compare_stored.read(str(tmp_path / "runs"))) == 6
    assert len(compare_stored.read(str(path))) == 1
    assert len(compare_stored.read("000003", tmp_path)) == 1


def test_an_empty_folder_says_how_to_fill_it(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match=r"has no runs; `harness run --out .*` makes some"):
        compare_stored.read(str(tmp_path))


# --- what a comparison does with a self-check, and how it is kept ---------------------------------


def same_code(cost: float = 100.0, spread: float = 0.01) -> Measured:
    """Blocks of equal sides, some of which differ by chance."""
    offsets = [(-1) ** (k // 2) * spread * (1 + k % 3) for k in range(24)]
    blocks = tuple(
        Block(base=((cost,), (cost,)), head=((cost * (1 + x),), (cost * (1 + x),))) for x in offsets
    )
    return Measured(benchmark="noop", metric="client_cpu", blocks=blocks)


def check_of(measured: Measured, **about: Any) -> compare_selfcheck.SelfCheck:
    return compare_selfcheck.evaluate(
        [measured], blocks=6, environment=msgspec.structs.replace(ABOUT, **about),
        revision="abc", made_at=NOW,
    )  # fmt: skip


def test_a_self_check_counts_false_alarms_and_knows_what_is_told_apart() -> None:
    check = check_of(same_code())
    assert (check.reports, check.comparisons) == (4, 4)
    assert check.false_alarms == 0
    assert check.rate_interval[0] == 0.0
    assert 0.5 < check.rate_interval[1] < 0.65  # exact, of none in four
    detected = check.detectable("noop", "client_cpu")
    assert detected is not None
    assert 0.005 < detected < 0.03
    wider = check_of(same_code(spread=0.05)).detectable("noop", "client_cpu")
    assert wider is not None
    assert wider > 3 * detected


def test_an_unequal_pair_raises_false_alarms() -> None:
    """The negative control: code that is not equal is seen to be so."""
    blocks = tuple(
        Block(base=((100.0,), (100.5,)), head=((110.0 + 0.1 * k,), (111.0,))) for k in range(24)
    )
    check = check_of(Measured(benchmark="noop", metric="client_cpu", blocks=blocks))
    assert check.false_alarms == check.comparisons == 4
    assert check.false_reports == 4


def test_verdicts_quote_it_and_ask_for_more_than_it_tells_apart(tmp_path: Path) -> None:
    base, head = side(100.0), side(103.0)
    before = compared(base, head, tmp_path)
    assert before.rows[0].word is Word.SLOWER
    assert before.selfcheck is None
    compare_selfcheck.save(check_of(same_code(spread=0.1)), tmp_path)
    after = compared(base, head, tmp_path)
    assert after.selfcheck is not None
    assert after.rows[0].detectable is not None
    assert after.rows[0].detectable > 0.03
    assert after.rows[0].word is Word.UNSURE
    assert "is not beyond what this machine tells apart" in after.rows[0].why


def test_the_newest_of_this_machine_is_taken(tmp_path: Path) -> None:
    assert compare_selfcheck.newest(tmp_path, ABOUT) is None
    compare_selfcheck.save(check_of(same_code(), cpu_model="Other"), tmp_path)
    assert compare_selfcheck.newest(tmp_path, ABOUT) is None
    check = check_of(same_code(), load_average=3.0)
    compare_selfcheck.save(check, tmp_path)
    assert compare_selfcheck.newest(tmp_path, ABOUT) == check


@pytest.mark.parametrize(
    ("data", "words"), [(b"{", "is not a self-check"), (b'{"form": 99}', "reads up to 1")]
)
def test_damaged_and_newer_self_checks_are_told(data: bytes, words: str, tmp_path: Path) -> None:
    path = tmp_path / "x.json"
    path.write_bytes(data)
    with pytest.raises(StoreError, match=words):
        compare_selfcheck.load(path)


def test_a_comparison_is_kept_and_comes_back(tmp_path: Path) -> None:
    found = compared(side(100.0), side(120.0), tmp_path)
    path = compare_result.save(found, tmp_path)
    assert path.name == "20250301T100000-old-new.json"
    assert compare_result.load(path) == found
    path.write_text("{}")
    with pytest.raises(StoreError, match="is not a comparison"):
        compare_result.load(path)
