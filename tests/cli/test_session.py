"""Several targets in one ``harness run``: who is asked what, in turn, and what is refused."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from harness.cli import main
from harness.cli.session import Session
from harness.records import FORM, Level, Metric, Run, Scenario, Target, Verdict
from harness.run import Manager
from harness.targets.choice import Choice
from harness.targets.embedded import Embedded
from tests.cli.test_table import ENVIRONMENT

OFFERED = {"embedded": ["v3", "v2", "v1"], "standalone 1.2.0": ["v1"]}


class Told(Manager):
    """Measures nothing: notes what it is asked."""

    asked: list[tuple[str, str, str, bool]]

    def offered(self) -> list[str]:
        return OFFERED[self.label]

    def measure(self, scenario: Scenario, *, stated: bool = False) -> Run:
        self.asked.append((self.label, scenario.name, scenario.protocol, stated))
        kind = self.label.split()[0] if scenario.live else "in-process"
        return Run(
            id="a", form=FORM, scenario=scenario, environment=ENVIRONMENT, started_at="now",
            target=Target(kind=kind, protocols=OFFERED[self.label]),
            verdict=Verdict(level=Level.VALID),
            metrics=[Metric(name="rate", value=5.0, unit="1/s")],
        )  # fmt: skip


@pytest.fixture
def session(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[..., Session]:
    Told.asked = []
    monkeypatch.setattr("harness.run.Manager", Told, raising=False)

    def choose(name: str, binary: Path | None = None) -> Choice:
        return Choice(name.replace(":", " "), Target(kind=name), Embedded)

    monkeypatch.setattr("harness.cli.session.choose", choose)

    def make(*suites: str, quick: bool = False, expression: str = "") -> Session:
        return Session(
            suites, expression, quick=quick, targets=("embedded", "standalone:1.2.0"),
            binary=None, out=tmp_path, seed=1,
        )  # fmt: skip

    return make


def test_the_targets_take_turns_and_in_process_is_measured_once(
    session: Callable[..., Session],
) -> None:
    assert session("tables", "cache", expression="update or apply").run() is False
    assert [(label, name) for label, name, *_ in Told.asked] == [
        ("embedded", "tables update"),
        ("standalone 1.2.0", "tables update"),
        ("embedded", "cache"),
    ]


def test_what_is_not_offered_is_left_out_and_said(
    session: Callable[..., Session], capsys: pytest.CaptureFixture[str]
) -> None:
    made = session("throughput", "tables", expression="noop or insert and true and not batch")
    made.run()
    assert [(label, name) for label, name, *_ in Told.asked] == [
        ("embedded", "throughput noop v3"),
        ("embedded", "throughput noop v2"),
        ("embedded", "throughput noop v1"),
        ("standalone 1.2.0", "throughput noop v1"),
        ("embedded", "tables insert confirmed"),
    ]
    assert all(stated is ("noop" in name) for _, name, _, stated in Told.asked)
    said = capsys.readouterr().err
    assert "left out: v3 is not offered by this server, which speaks v1" in said
    assert "left out: confirmed answers are not offered by this server, which speaks v1" in said
    assert made.absent == {
        ("standalone 1.2.0", "throughput.Noop", "v3"),
        ("standalone 1.2.0", "throughput.Noop", "v2"),
        ("standalone 1.2.0", "tables.Insert", "True"),
    }


def test_a_quick_run_answers_the_claims_on_both(session: Callable[..., Session]) -> None:
    made = session("throughput", quick=True)
    made.run()
    claimed = [(row.target, row.protocol, row.claim) for row in made.rows if row.claim]
    assert claimed == [("embedded", "v3", 191_984), ("standalone 1.2.0", "v1", 191_984)]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--target", "standalone:0.0.1"], "install it with: harness server install 0.0.1"),
        (["--target", "standalone:x"], "a server's version is written like 1.2.0, not 'x'"),
        (["--target", "embedded", "--target", "embedded"], "embedded is asked for twice"),
        (["--server-binary", "/bin/true"], "is no spacetimedb-standalone: asked for its version"),
        (["--server-binary", "/nowhere/server"], "there is no server at /nowhere/server"),
        (["--server-binary", "/etc/passwd"], "/etc/passwd is not an executable file"),
        (["--server-binary", "/bin/true", "--target", "embedded"], "which was not asked for"),
        (["--server-binary", "/bin/true", "--target", "standalone:1.2.0"], "name two servers"),
        (["--target", "http://127.0.0.1:9"], "no server answers at http://127.0.0.1:9"),
    ],
)  # fmt: skip
def test_targets_that_cannot_be_measured_end_in_one_sentence(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, arguments: list[str], said: str
) -> None:
    code = main(["run", "tables", "-k", "update", "--quick", "--out", str(tmp_path), *arguments])
    told = capsys.readouterr()
    assert code == 1
    assert said in told.err
    assert told.err.strip().count("\n") == 0
    assert told.out == ""


def test_json_names_target_and_protocol_of_each_row(
    session: Callable[..., Session], capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    arguments = ["--target", "embedded", "--target", "standalone:1.2.0", "--out", str(tmp_path)]
    assert main(["run", "tables", "-k", "update", "--json", *arguments]) == 0
    rows: list[dict[str, Any]] = json.loads(capsys.readouterr().out)
    assert {(row["target"], row["protocol"]) for row in rows} == {
        ("embedded", "v3"), ("standalone 1.2.0", "v3"),
    }  # fmt: skip


def test_peers_are_part_of_a_quick_run_only_if_they_are_named(
    session: Callable[..., Session],
) -> None:
    """They would take longer than all else; the full run has them."""

    def suites(made: Session) -> set[str]:
        return {name.partition(".")[0] for name, _, chosen in made._wanted if chosen}

    assert "peers" not in suites(session(quick=True))
    assert suites(session(quick=True)) | {"peers"} == suites(session())
    assert suites(session("peers", quick=True)) == {"peers"}
    assert suites(session(quick=True, expression="peers")) == {"peers"}
