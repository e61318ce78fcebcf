"""What is kept between reports: it comes back, or counts as nothing."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from harness.cli import judging
from harness.errors import StoreError
from harness.stats.memory import Entry, Memory
from harness.store import acknowledged, judgements
from harness.store.acknowledged import Mark

MARK = Mark(event="1f0c", because="worth it", author="A <a@b>", date="2026-01-31")


def test_judgements_come_back(tmp_path: Path) -> None:
    file = tmp_path / "deep" / "judgements"
    with judging.remembered(file) as memory:
        found = memory.find(np.arange(60.0) % 7)
    with judging.remembered(file) as memory:
        assert memory.find(np.arange(60.0) % 7) == found
        assert memory.known == 1


def test_another_version_of_the_method_forgets(tmp_path: Path) -> None:
    memory = Memory()
    memory.find(np.arange(60.0) % 7)
    file = tmp_path / "judgements"
    judgements.save(file, "old", memory.entries())
    assert judgements.read(file, "new", Entry) == {}
    assert len(judgements.read(file, "old", Entry)) == 1


@pytest.mark.parametrize("data", [b"", b"rubbish", b"\x92\xa3old\x81\xc4\x01a\xc0", b"\xff" * 50])
def test_a_damaged_file_is_nothing_kept(data: bytes, tmp_path: Path) -> None:
    file = tmp_path / "judgements"
    file.write_bytes(data)
    assert judgements.read(file, "old", Entry) == {}


def test_a_file_that_is_too_large_is_not_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "judgements"
    judgements.save(file, "v", {})
    monkeypatch.setattr(judgements, "MOST_BYTES", 3)
    assert judgements.read(file, "v", Entry) == {}


def test_a_cache_that_cannot_be_written_is_no_error(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("")
    with judging.remembered(tmp_path / "file" / "judgements") as memory:
        memory.find(np.arange(60.0) % 7)
    assert "warning: judgements are not kept" in capsys.readouterr().err


def test_without_a_file_nothing_is_kept() -> None:
    with judging.remembered(None) as memory:
        memory.find(np.arange(60.0) % 7)


# --- what people said -----------------------------------------------------------------------------


def test_a_mark_comes_back_and_is_replaced(tmp_path: Path) -> None:
    assert acknowledged.read(tmp_path) == []
    acknowledged.add(tmp_path, MARK)
    other = Mark(event="77", because="also", author="", date="2026-02-01")
    path = acknowledged.add(tmp_path, other)
    again = Mark(event="1f0c", because="still", author="", date="2026-02-02")
    acknowledged.add(tmp_path, again)
    assert acknowledged.read(tmp_path) == [other, again]
    assert path.read_text().endswith("}\n")


@pytest.mark.parametrize(
    ("because", "words"), [("", "say why"), ("  ", "say why"), ("x" * 3_000, "3,000 characters")]
)
def test_a_mark_needs_a_reason_that_fits(because: str, words: str, tmp_path: Path) -> None:
    with pytest.raises(StoreError, match=words):
        acknowledged.add(tmp_path, Mark(event="1", because=because, author="", date=""))
    assert not (tmp_path / acknowledged.NAME).exists()


@pytest.mark.parametrize("data", [b"{", b"[]", b'{"acknowledged": [{}]}', b"\xff"])
def test_a_damaged_file_of_marks_is_told(data: bytes, tmp_path: Path) -> None:
    (tmp_path / acknowledged.NAME).write_bytes(data)
    with pytest.raises(StoreError, match="is damaged"):
        acknowledged.read(tmp_path)
