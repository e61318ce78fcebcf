"""A site's folder: what did not change is not touched, what nobody wants goes, the rest is safe."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.errors import StoreError
from reports.folder import MEMORY, Folder


def write(path: Path, **files: str) -> Folder:
    with Folder(path) as folder:
        for name, text in files.items():
            folder.put(f"{name}.html", text.encode())
    return folder


def test_only_what_changed_is_written(tmp_path: Path) -> None:
    site = tmp_path / "site"
    assert write(site, a="1", b="2").written == 2
    before = (site / "a.html").stat().st_mtime_ns
    again = write(site, a="1", b="3")
    assert (again.written, again.kept, again.bytes) == (1, 1, 2)
    assert (site / "a.html").stat().st_mtime_ns == before
    assert (site / "b.html").read_text() == "3"


def test_what_nobody_writes_any_more_goes(tmp_path: Path) -> None:
    site = tmp_path / "site"
    write(site, a="1", b="2")
    (site / "mine.txt").write_text("a file of somebody else's stays")
    write(site, b="2")
    assert {path.name for path in site.iterdir()} == {MEMORY, "b.html", "mine.txt"}


def test_a_file_that_somebody_removed_is_written_again(tmp_path: Path) -> None:
    site = tmp_path / "site"
    write(site, a="1")
    (site / "a.html").unlink()
    assert write(site, a="1").written == 1


def test_files_are_kept_together_or_not_at_all(tmp_path: Path) -> None:
    site = tmp_path / "site"
    write(site, a="1", b="2")
    (site / "b.html").unlink()
    with Folder(site) as folder:
        assert not folder.keep(["a.html", "b.html"])
        assert folder.keep(["a.html"])
    assert (site / "a.html").exists()


def test_a_build_that_fails_removes_nothing(tmp_path: Path) -> None:
    site = tmp_path / "site"
    write(site, a="1", b="2")

    def fail() -> None:
        with Folder(site) as folder:
            folder.put("a.html", b"new")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert (site / "b.html").read_text() == "2"
    assert write(site, a="new", b="2").written == 0


def test_a_folder_of_something_else_is_not_written_into(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("years of work")
    with pytest.raises(StoreError, match="is no site of ours"):
        write(tmp_path, a="1")
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.tex"]


def test_a_name_twice_is_a_mistake(tmp_path: Path) -> None:
    with Folder(tmp_path / "s") as folder:
        folder.put("a.html", b"1")
        with pytest.raises(ValueError, match="twice"):
            folder.put("a.html", b"2")


def test_a_damaged_manifest_costs_writing_and_nothing_else(tmp_path: Path) -> None:
    site = tmp_path / "site"
    write(site, a="1")
    (site / MEMORY / "manifest.msgpack").write_bytes(b"\xc1")
    assert write(site, a="1").written == 1
