"""Environments are made at the wanted commit, once, and whole; what goes wrong is one sentence."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from harness.errors import PlanError, TargetError
from harness.peers import environments

#: A backend in the tree itself, so that pip needs nothing from elsewhere to build the package.
BACKEND = """
import zipfile
VERSION = "{version}"
def build_wheel(folder, config=None, metadata=None):
    name = f"tiny_client-{{VERSION}}-py3-none-any.whl"
    info = f"tiny_client-{{VERSION}}.dist-info"
    with zipfile.ZipFile(f"{{folder}}/{{name}}", "w") as wheel:
        wheel.write("tiny_client.py")
        wheel.writestr(f"{{info}}/METADATA",
                       f"Metadata-Version: 2.1\\nName: tiny-client\\nVersion: {{VERSION}}\\n")
        wheel.writestr(f"{{info}}/WHEEL",
                       "Wheel-Version: 1.0\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n")
        wheel.writestr(f"{{info}}/RECORD", "")
    return name
"""
PROJECT = '[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n'


def git(folder: Path, *arguments: str) -> str:
    command = ["git", "-C", str(folder), "-c", "user.name=t", "-c", "user.email=t@t", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return done.stdout.strip()


def commit(folder: Path, version: str, backend: str = BACKEND) -> str:
    (folder / "pyproject.toml").write_text(PROJECT)
    (folder / "backend.py").write_text(backend.format(version=version))
    (folder / "tiny_client.py").write_text(f"VERSION = {version!r}\n")
    git(folder, "add", "-A")
    git(folder, "commit", "-q", "-m", version)
    return git(folder, "rev-parse", "HEAD")


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    folder = tmp_path / "client"
    folder.mkdir()
    git(folder, "init", "-q")
    return folder


def test_a_revision_is_installed_once_and_the_checkout_is_not_touched(
    repository: Path, tmp_path: Path
) -> None:
    old = commit(repository, "1.0")
    commit(repository, "2.0")
    (repository / "tiny_client.py").write_text("broken on purpose (\n")
    before = git(repository, "status", "--porcelain")
    said: list[str] = []
    source = environments.parse(f"{repository}@{old[:10]}")
    made = environments.prepare(source, folder=tmp_path / "cache", progress=said.append)
    assert (made.package, made.version, made.commit) == ("tiny-client", "1.0", old)
    told = subprocess.run(
        [made.python, "-I", "-c", "import tiny_client; print(tiny_client.VERSION)"],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert told.stdout.strip() == "1.0"
    assert git(repository, "status", "--porcelain") == before
    assert said
    said.clear()
    again = environments.prepare(source, folder=tmp_path / "cache", progress=said.append)
    assert again == made
    assert not said
    assert not list((tmp_path / "cache").glob(".building-*"))


def test_what_pip_says_is_told_and_nothing_is_left(repository: Path, tmp_path: Path) -> None:
    commit(repository, "1.0", "raise SystemExit('no wheel today: {version}')\n")
    source = environments.parse(str(repository))
    with pytest.raises(TargetError, match=r"pip install .* failed: .*no wheel today: 1\.0"):
        environments.prepare(source, folder=tmp_path / "cache")
    assert not [path for path in (tmp_path / "cache").iterdir() if path.is_dir()]


def test_without_a_revision_it_is_the_last_commit(repository: Path) -> None:
    last = commit(repository, "1.0")
    source = environments.parse(str(repository))
    assert source.commit == last
    assert not environments.uncommitted(source)
    (repository / "tiny_client.py").write_text("VERSION = 'of tomorrow'\n")
    assert environments.uncommitted(source)


def test_each_revision_and_extra_has_its_own_key(repository: Path) -> None:
    first, second = commit(repository, "1.0"), commit(repository, "2.0")
    keys = {
        environments._key(environments.parse(f"{repository}@{revision}"), extras, python)
        for revision in (first, second)
        for extras in ([], ["x==1"])
        for python in ("CPython 3.11.1", "CPython 3.12.1")
    }
    assert len(keys) == 8


@pytest.mark.parametrize(
    ("client", "said"),
    [
        ("{repository}@nonsense", "has no revision nonsense"),
        ("{plain}", "is not a git repository"),
        ("{plain}/none@main", "there is nothing at"),
        ("websockets@main", "a revision needs a repository"),
        ("{repository}/backend.py@main", "is a file: it has no revision main"),
    ],
)
def test_what_cannot_be_found_is_said(
    repository: Path, tmp_path: Path, client: str, said: str
) -> None:
    commit(repository, "1.0")
    plain = tmp_path / "plain"
    plain.mkdir()
    with pytest.raises(PlanError, match=said):
        environments.parse(client.format(repository=repository, plain=plain))


def test_a_commit_without_a_package_is_refused(repository: Path, tmp_path: Path) -> None:
    (repository / "README").write_text("nothing to install\n")
    git(repository, "add", "-A")
    git(repository, "commit", "-q", "-m", "nothing")
    with pytest.raises(PlanError, match=r"has no pyproject\.toml or setup\.py"):
        environments.prepare(environments.parse(str(repository)), folder=tmp_path / "cache")


def test_there_must_be_a_client() -> None:
    with pytest.raises(PlanError, match="name the client"):
        environments.prepare(None, [])
