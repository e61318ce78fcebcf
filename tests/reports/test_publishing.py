"""A site becomes a commit on a branch: others' files stay, old ones of ours go."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from harness.cli import main
from harness.errors import StoreError
from reports.folder import MEMORY
from reports.publishing import LIST, PLAIN, publish, push
from tests.peers.test_environments import git


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    path = tmp_path / "repository"
    path.mkdir()
    git(path, "init", "-q", "-b", "main")
    git(path, "config", "user.email", "someone@example.org")
    git(path, "config", "user.name", "Someone")
    (path / "code.py").write_text("1\n")
    git(path, "add", ".")
    git(path, "commit", "-qm", "Begin")
    return path


@pytest.fixture
def site(tmp_path: Path) -> Path:
    path = tmp_path / "site"
    for name in ("index.html", "b/one.html", f"{MEMORY}/secret", "static/core.js"):
        (path / name).parent.mkdir(parents=True, exist_ok=True)
        (path / name).write_text(name)
    return path


def tree(repository: Path, branch: str) -> set[str]:
    listed = subprocess.run(
        ["git", "-C", str(repository), "ls-tree", "-r", "--name-only", branch],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    return set(listed.stdout.split())


def test_a_branch_is_made_with_the_site_alone(repository: Path, site: Path) -> None:
    done = publish(site, repository, "pages")
    assert done.commit is not None
    assert tree(repository, "pages") == {
        "index.html", "b/one.html", "static/core.js", LIST, PLAIN,
    }  # fmt: skip
    status = subprocess.run(
        ["git", "-C", str(repository), "status", "--porcelain"], capture_output=True, text=True,
        check=True,
    )  # fmt: skip
    assert status.stdout == ""


def test_the_same_site_again_is_no_commit(repository: Path, site: Path) -> None:
    publish(site, repository, "pages")
    assert publish(site, repository, "pages").commit is None


def test_what_lies_there_stays_and_what_was_ours_goes(repository: Path, site: Path) -> None:
    publish(site, repository, "pages")
    git(repository, "worktree", "add", "-q", str(repository.parent / "other"), "pages")
    other = repository.parent / "other"
    (other / "CNAME").write_text("bench.example.org\n")
    git(other, "add", ".")
    git(other, "commit", "-qm", "Name the host")
    git(repository, "worktree", "remove", "--force", str(other))
    (site / "b/one.html").unlink()
    (site / "b/two.html").write_text("two")
    done = publish(site, repository, "pages")
    assert done.removed == 1
    assert tree(repository, "pages") == {
        "CNAME", "index.html", "b/two.html", "static/core.js", LIST, PLAIN,
    }  # fmt: skip


def test_two_sites_lie_on_one_branch(repository: Path, site: Path) -> None:
    publish(site, repository, "pages", "one")
    publish(site, repository, "pages", "/two/")
    names = tree(repository, "pages")
    assert {"one/index.html", "two/index.html"} <= names
    (site / "static/core.js").unlink()
    publish(site, repository, "pages", "two")
    names = tree(repository, "pages")
    assert "one/static/core.js" in names
    assert "two/static/core.js" not in names


def test_it_is_sent(repository: Path, site: Path, tmp_path: Path) -> None:
    remote = tmp_path / "remote.git"
    git(tmp_path, "init", "-q", "--bare", str(remote))
    publish(site, repository, "pages")
    push(repository, "pages", str(remote))
    assert "index.html" in tree(remote, "pages")


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (["--branch", "main"], "the branch main is checked out"),
        (["--branch", "a..b"], "git check-ref-format"),
        (["--prefix", "../up"], "'../up' is no folder of a branch"),
        (["--push", "nowhere"], "git push"),
    ],
)
def test_refusals_are_sentences(
    repository: Path, site: Path, capsys: pytest.CaptureFixture[str], options: list[str],
    sentence: str,
) -> None:  # fmt: skip
    code = main(["report", "publish", str(site), "--repository", str(repository), *options])
    said = capsys.readouterr().err
    assert code == 1
    assert said.startswith(f"harness: {sentence}")


def test_only_a_built_site_is_published(repository: Path, tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="no built site"):
        publish(tmp_path, repository, "pages")
