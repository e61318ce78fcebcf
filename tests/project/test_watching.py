"""What counts as a change, and when changes have come to rest."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from harness.project.watching import Debounce, Ignored, changed, snapshot


def lay(root: Path, *files: str) -> None:
    for file in files:
        (root / file).parent.mkdir(parents=True, exist_ok=True)
        (root / file).write_text("")


def seen(root: Path, *generated: str) -> set[str]:
    folders = frozenset(root / x for x in generated)
    return {str(x.relative_to(root)) for x in snapshot(root, folders)}


def test_a_projects_own_files(tmp_path: Path) -> None:
    own = {"pyproject.toml", "spacetime.json", "src/a/main.py", "src/a/page.html"}
    lay(tmp_path, *own, "build/a.py", ".venv/x.py", "src/a/__pycache__/m.py", "a.egg-info/x.txt",
        "src/a/module_bindings/types.py", "src/a/main.pyc", "a.png", ".git/x.json")  # fmt: skip
    assert seen(tmp_path, "src/a/module_bindings") == own
    lay(tmp_path, "ignored/x.py", "src/a/local.json", "src/a/kept.json", "deep/ignored/y.py")
    (tmp_path / ".gitignore").write_text("# no\n\nignored/\n*.json\n!kept.json\n/src/a/page.html\n")
    assert seen(tmp_path, "src/a/module_bindings") == {
        "pyproject.toml", "src/a/main.py", "src/a/kept.json"
    }  # fmt: skip


@pytest.mark.parametrize(
    ("pattern", "path", "folder", "ignored"),
    [
        ("*.log", "a/b.log", False, True),
        ("build/", "x/build", True, True),
        ("build/", "x/build", False, False),
        ("/build", "build", True, True),
        ("/build", "x/build", True, False),
        ("a/b", "a/b", False, True),
        ("a/b", "x/a/b", False, False),
        ("**/b", "x/b", False, True),
        ("x*", "xyz", True, True),
        ("*\n!a.py", "a.py", False, False),
        ("!a.py\n*", "a.py", False, True),
    ],
)
def test_patterns(pattern: str, path: str, folder: bool, ignored: bool, tmp_path: Path) -> None:
    (tmp_path / ".gitignore").write_text(pattern)
    found = Ignored.of(tmp_path)
    assert (found.folder(Path(path)) if folder else found.file(Path(path))) is ignored


def test_a_link_to_above_ends(tmp_path: Path) -> None:
    lay(tmp_path, "a/x.py")
    (tmp_path / "a" / "up").symlink_to(tmp_path)
    (tmp_path / "gone.py").symlink_to(tmp_path / "nowhere")
    assert seen(tmp_path) == {"a/x.py"}


def test_what_changed(tmp_path: Path) -> None:
    lay(tmp_path, "same.py", "touched.py", "gone.py")
    before = snapshot(tmp_path)
    lay(tmp_path, "new.py")
    os.utime(tmp_path / "touched.py", ns=(1, 1))
    (tmp_path / "gone.py").unlink()
    names = [x.name for x in changed(before, snapshot(tmp_path))]
    assert names == ["gone.py", "new.py", "touched.py"]


def test_a_change_is_due_when_it_has_rested() -> None:
    one, two = {Path("a"): (1, 1)}, {Path("a"): (2, 1)}
    debounce = Debounce(0.3)
    debounce.begin(one)
    story = [
        (0.0, one, False), (5.0, one, False),
        (10.0, two, False), (10.2, two, False), (10.25, one, False), (10.4, one, False),
        (10.56, one, True), (11.0, one, False),
        (20.0, two, False), (20.31, two, True), (20.7, two, False),
    ]  # fmt: skip
    for time_s, now, due in story:
        assert debounce.due(now, time_s) is due, time_s
