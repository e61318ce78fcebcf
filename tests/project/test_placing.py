"""A project's files: all of them in their place or none, and over nothing."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import Any

import pytest

from harness.errors import PlanError, StoreError
from harness.project import placing

FILES = {"README.md": "ä\n", "src/app/__init__.py": "", "src/app/main.py": "x = 1\n"}


def below(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): path.read_text()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


@pytest.mark.parametrize("there", ["nothing", "nothing above", "empty", ".git"])
def test_all_of_it(there: str, tmp_path: Path) -> None:
    folder = tmp_path / "a" / "app" if there == "nothing above" else tmp_path / "app"
    if there in ("empty", ".git"):
        folder.mkdir()
    kept = {}
    if there == ".git":
        (folder / ".git").mkdir()
        (folder / ".git" / "HEAD").write_text("x")
        kept = {".git/HEAD": "x"}
    placing.check(folder, FILES, beside_others=False)
    placing.place(folder, FILES)
    assert below(folder) == {**FILES, **kept}
    assert (folder / "README.md").read_bytes() == "ä\n".encode()
    assert sorted(x.name for x in tmp_path.iterdir()) == ["a" if "above" in there else "app"]


def test_it_is_as_readable_as_others(tmp_path: Path) -> None:
    before = os.umask(0o027)
    try:
        placing.place(tmp_path / "app", FILES)
    finally:
        os.umask(before)
    modes = [(tmp_path / "app" / name).stat().st_mode & 0o777 for name in ("", "src", "README.md")]
    assert modes == [0o750, 0o750, 0o640]


def test_what_is_in_the_way(tmp_path: Path) -> None:
    (tmp_path / "full" / "src").mkdir(parents=True)
    (tmp_path / "full" / "a.txt").write_text("")
    (tmp_path / "file").write_text("")
    (tmp_path / "link").symlink_to(tmp_path / "nowhere")
    for name, said in [
        ("full", f"Cannot create new SpacetimeDB project in non-empty directory {tmp_path}/full: "
         "it has a.txt and 1 more; choose another with --project-path"),
        ("file", f"cannot create {tmp_path}/file: it is a file"),
        ("file/x/y", f"cannot create {tmp_path}/file/x/y: {tmp_path}/file is a file"),
        ("link", f"cannot create {tmp_path}/link: it is a link to nothing"),
    ]:  # fmt: skip
        with pytest.raises(PlanError) as found:
            placing.check(tmp_path / name, FILES, beside_others=False)
        assert str(found.value) == said
    placing.check(tmp_path / "full", FILES, beside_others=True)
    for name in ("src/app", "README.md"):
        path = tmp_path / "full" / name
        path.symlink_to(tmp_path / "nowhere") if name == "README.md" else path.write_text("")
        with pytest.raises(PlanError) as found:
            placing.check(tmp_path / "full", FILES, beside_others=True)
        assert str(found.value).startswith(str(path))


def test_beside_what_is_there(tmp_path: Path) -> None:
    (tmp_path / "src").mkdir()
    (tmp_path / "src" / "other.py").write_text("mine")
    placing.place(tmp_path, FILES)
    assert below(tmp_path) == {**FILES, "src/other.py": "mine"}


@pytest.mark.parametrize("full_at", range(1, 5))
@pytest.mark.parametrize("there", [False, True])
def test_a_full_disk_leaves_what_was_there(
    there: bool, full_at: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whichever of its steps there is no room for: three files, and the move of the first."""
    folder = tmp_path / "above" / "app"
    if there:
        folder.mkdir(parents=True)
        (folder / "mine").write_text("kept")
    done = 0

    def counted(step: Any) -> Any:
        def run(*args: Any, **kwargs: Any) -> Any:
            nonlocal done
            done += 1
            if done == full_at:
                raise OSError(errno.ENOSPC, "No space left on device")
            return step(*args, **kwargs)

        return run

    monkeypatch.setattr(Path, "write_text", counted(Path.write_text))
    monkeypatch.setattr(Path, "rename", counted(Path.rename))
    monkeypatch.setattr(Path, "open", counted(Path.open))  # for the move without links
    monkeypatch.setattr(os, "link", lambda *_: (_ for _ in ()).throw(OSError(errno.EPERM, "no")))
    with pytest.raises(StoreError, match=r"No space left on device; nothing was written"):
        placing.place(folder, FILES)
    monkeypatch.undo()
    assert below(tmp_path) == ({"above/app/mine": "kept"} if there else {})
    assert [x.name for x in tmp_path.iterdir()] == (["above"] if there else [])


def test_a_file_that_came_meanwhile_stays(tmp_path: Path) -> None:
    (tmp_path / "src" / "app").mkdir(parents=True)
    (tmp_path / "src" / "app" / "main.py").write_text("theirs")
    with pytest.raises(StoreError, match="File exists"):
        placing.place(tmp_path, FILES)
    assert below(tmp_path) == {"src/app/main.py": "theirs"}
