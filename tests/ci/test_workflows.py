"""The workflows that users copy, as far as a machine without GitHub can run them."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from harness.cli import COMMANDS
from tests.scratch import Scratch

ROOT = Path(__file__).resolve().parent.parent.parent
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
#: Texts that whoever opens a request chooses. In a script they would be commands.
CHOSEN = re.compile(
    r"github\.(head_ref|event\.(pull_request\.(title|body|head\.(ref|label))|issue|comment|"
    r"head_commit|commits|workflow_run\.(head_branch|display_title)))"
)


def read(path: Path) -> dict[str, Any]:
    told: dict[str, Any] = yaml.safe_load(path.read_text())
    return told


def steps(workflow: dict[str, Any]) -> list[dict[str, Any]]:
    return [step for job in workflow["jobs"].values() for step in job["steps"]]


def scripts(workflow: dict[str, Any]) -> list[str]:
    return [step["run"] for step in steps(workflow) if "run" in step]


def script(name: str, step: str) -> str:
    """The script of a step of a workflow."""
    (found,) = [
        each["run"]
        for each in steps(read(ROOT / ".github" / "workflows" / f"{name}.yml"))
        if each.get("name") == step
    ]
    return str(found)


def test_there_are_those_that_users_copy() -> None:
    assert {path.stem for path in WORKFLOWS} == {
        "nightly", "publish", "pull-request", "pull-request-comment", "tests",
    }  # fmt: skip


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_each_may_do_as_little_as_it_can(path: Path) -> None:
    workflow = read(path)
    # YAML takes the key `on` for true.
    triggers = workflow[True]
    assert workflow["name"] == path.stem
    assert "permissions" in workflow
    writes = {
        key
        for scope in (workflow, *workflow["jobs"].values())
        for key, right in scope.get("permissions", {}).items()
        if right == "write"
    }
    if "pull_request" in triggers:
        assert not writes, "it runs what a request brings"
    assert "pull_request_target" not in triggers
    assert writes <= {"contents", "pages", "id-token", "pull-requests"}
    for job in workflow["jobs"].values():
        assert job["timeout-minutes"] <= 180
    for step in steps(workflow):
        if step.get("uses", "").startswith("actions/checkout@"):
            assert step["with"]["persist-credentials"] is False


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_nothing_that_others_choose_becomes_a_command(path: Path) -> None:
    workflow = read(path)
    for text in scripts(workflow):
        assert "${{" not in text, "give it as a variable: a script never sees an expression"
    assert not CHOSEN.search(path.read_text())


def test_a_text_that_others_choose_would_be_seen() -> None:
    """The negative control."""
    assert CHOSEN.search("echo ${{ github.event.pull_request.title }}")
    assert CHOSEN.search("x: ${{ github.head_ref }}")


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_foreign_actions_are_pinned(path: Path) -> None:
    for step in steps(read(path)):
        if "uses" not in step:
            continue
        name, _, version = step["uses"].partition("@")
        if name in ("actions/upload-pages-artifact", "actions/deploy-pages"):
            continue  # by tag, which the file explains
        assert re.fullmatch("[0-9a-f]{40}", version), step["uses"]


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_scripts_are_shell_and_call_what_there_is(path: Path) -> None:
    makefile = (ROOT / "Makefile").read_text().replace("$(READY)", ".venv/.ready")
    for text in scripts(read(path)):
        done = subprocess.run(["bash", "-n"], input=text, capture_output=True, text=True,
                              check=False)  # fmt: skip
        assert done.returncode == 0, done.stderr
        for command in re.findall(r"bin/harness (\w+)", text):
            assert command in COMMANDS
        for target in re.findall(r"^make (\S+)", text, re.MULTILINE):
            assert re.search(rf"^{re.escape(target)}:", makefile, re.MULTILINE)
        for file in re.findall(r"bin/python (ci/\S+\.py)|(?:^|bash )(\.ci/\w+)", text):
            assert (ROOT / "".join(file)).is_file()


@pytest.mark.skipif(shutil.which("actionlint") is None, reason="needs actionlint")
def test_actionlint_finds_nothing() -> None:
    done = subprocess.run(["actionlint", *map(str, WORKFLOWS)], capture_output=True, text=True,
                          check=False)  # fmt: skip
    assert done.returncode == 0, done.stdout


# --- steps that need no GitHub --------------------------------------------------------------------


def run(text: str, folder: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    """A step as a runner runs it."""
    environment = {"PATH": f"{folder}/bin:/usr/local/bin:/usr/bin:/bin", "HOME": str(folder)}
    return subprocess.run(
        ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", text], cwd=folder, check=False,
        capture_output=True, text=True, env={**environment, **variables},
    )  # fmt: skip


def program(folder: Path, name: str, text: str) -> None:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/bash\n{text}\n")
    path.chmod(0o755)


@pytest.mark.parametrize(
    ("ended", "code"), [(0, 0), (1, 1), (3, 3), (4, 0)], ids=["fine", "error", "slower", "untold"]
)
def test_the_gates_step_ends_as_the_gate_does(ended: int, code: int, tmp_path: Path) -> None:
    program(
        tmp_path, ".venv/bin/python",
        'printf "%s\\n" "$@" > asked; echo "a comment" > gate/comment.md; ' f"exit {ended}",
    )  # fmt: skip
    summary = tmp_path / "summary"
    done = run(
        script("pull-request", "Compare with the base"), tmp_path, BASE="aaa", HEAD="bbb",
        NUMBER="12", RUN="https://example.org/1", GITHUB_STEP_SUMMARY=str(summary),
    )  # fmt: skip
    assert done.returncode == code, done.stderr
    assert (tmp_path / "gate" / "number").read_text() == "12\n"
    assert summary.read_text() == "a comment\n"
    asked = (tmp_path / "asked").read_text().splitlines()
    assert asked[:5] == ["ci/gate.py", "--base", "aaa", "--head", "bbb"]


#: Stands in for GitHub's own command: says what it was asked, and answers from files.
GH = r"""
echo "$*" >> asked
case "$*" in
  "run download"*) mkdir -p gate; cp given/* gate/ ;;
  *PATCH*) cat comment.md > renewed ;;
  *"--paginate"*) cat old ;;
  *"/pulls/"*) cat head ;;
  *) cat comment.md > written ;;
esac
"""


@pytest.mark.parametrize(
    ("number", "head", "old", "file"),
    [
        ("12", "abc", "", "written"),
        ("12", "abc", "77", "renewed"),
        ("12", "other", "", None),
        ("x; touch evil", "abc", "", None),
        ("", "abc", "", None),
    ],
)
def test_the_comment_is_written_once_and_then_renewed(
    number: str, head: str, old: str, file: str | None, tmp_path: Path
) -> None:
    program(tmp_path, "bin/gh", GH)
    (tmp_path / "given").mkdir()
    (tmp_path / "given" / "number").write_text(number + "\n")
    (tmp_path / "given" / "comment.md").write_text("<!-- harness-gate -->\nfine\n")
    (tmp_path / "head").write_text(head + "\n")
    (tmp_path / "old").write_text(old + "\n" if old else "")
    done = run(script("pull-request-comment", "Write or renew the comment"), tmp_path,
               REPOSITORY="o/r", RUN="5", SHA="abc", GH_TOKEN="t")  # fmt: skip
    assert done.returncode == 0, done.stderr
    found = {path.name for path in tmp_path.iterdir()} & {"written", "renewed", "evil"}
    assert found == ({file} if file else set())


def test_results_are_kept_on_a_branch_night_after_night(tmp_path: Path) -> None:
    origin = Scratch(tmp_path / "origin")
    origin.commit("the project")
    for night in (1, 2):
        here = tmp_path / f"night{night}"
        subprocess.run(["git", "clone", "-q", str(origin.folder), str(here)], check=True)
        taken = run(script("nightly", "Take the results of earlier nights"), here)
        assert taken.returncode == 0, taken.stderr
        if night == 2:
            assert (here / ".asv/results/m/1.json").read_text() == "night 1"
        (here / ".asv/results/m").mkdir(parents=True, exist_ok=True)
        (here / f".asv/results/m/{night}.json").write_text(f"night {night}")
        kept = run(
            script("nightly", "Keep the results, whatever came of the rest"), here,
            TOKEN="t", SERVER="https://example.org", REPOSITORY="o/r",
        )  # fmt: skip
        assert kept.returncode == 0, kept.stderr
    files = origin.git("ls-tree", "-r", "--name-only", "benchmarks").splitlines()
    assert files == ["results/m/1.json", "results/m/2.json"]
    assert int(origin.git("rev-list", "--count", "benchmarks")) == 2
    # Nothing of the project is on that branch, and nothing of the results in the project.
    assert "results" not in origin.git("ls-tree", "--name-only", "main").splitlines()
