"""What a run of the harness printed, stored beside its runs."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.cli import main
from harness.errors import StoreError
from harness.store import sessions
from tests.reports.test_printed import ROWS


def session(number: int = 1) -> sessions.Session:
    return sessions.Session(
        id=f"2026112{number}-090000-session-0a0a", form=sessions.FORM, title="harness run --quick",
        started_at=f"2026-11-2{number}T09:00:00+00:00", rows=ROWS,
        absent=[("standalone 1.2.0", "throughput.Noop", "v3")],
    )  # fmt: skip


def test_it_comes_back_as_it_was(tmp_path: Path) -> None:
    path = sessions.save(session(), tmp_path)
    assert sessions.load(path) == session()


def test_all_the_oldest_first_without_what_is_damaged(tmp_path: Path) -> None:
    for number in (2, 1, 3):
        sessions.save(session(number), tmp_path)
    (tmp_path / "sessions" / "20261123-x.json").write_text("{")
    assert [one.id[7] for one in sessions.all_of(tmp_path)] == ["1", "2", "3"]


def test_a_newer_form_is_told(tmp_path: Path) -> None:
    path = sessions.save(session(), tmp_path)
    path.write_text(path.read_text().replace('"form": 1', '"form": 2'))
    with pytest.raises(StoreError, match="has form 2; this version reads up to 1"):
        sessions.load(path)


def test_the_table_is_printed_again(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    sessions.save(session(), tmp_path)
    assert main(["report", "table", "quick", "--from", str(tmp_path)]) == 0
    said = capsys.readouterr().out
    assert "| insert | 1,909,250/s | 17,280/s | embedded v3 ×64 | VALID |" in said
    assert main(["report", "table", "nightly", "--from", str(tmp_path)]) == 1
    assert "has no table of `harness run` with 'nightly' in it" in capsys.readouterr().err
