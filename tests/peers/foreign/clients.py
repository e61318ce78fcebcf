"""Clients at the revisions of one repository: an honest one, and others that are not.

Each of the others is the honest one with one thing changed, so that one check alone can tell.
"""

from __future__ import annotations

from pathlib import Path

from harness.run import client_measure
from harness.run.client_measure import Subject
from tests.peers.test_environments import BACKEND, PROJECT, git

HERE = Path(__file__).parent
ADAPTER = HERE / "adapter.py"
RIGHT = (HERE / "by_hand.py").read_text()

#: Reaches no server, and counts what it would have done.
SLEEPS = """
import time


class Connection:
    def __init__(self, uri, database, token):
        self.made = []

    def call(self, reducer, arguments):
        time.sleep(0.0005)
        if arguments:
            self.made.append(arguments)

    def subscribe(self, query):
        pass

    def rows(self):
        return self.made

    def close(self):
        pass
"""


def changed(before: str, after: str) -> str:
    """The honest client with one place changed."""
    assert RIGHT.count(before) == 1, before
    return RIGHT.replace(before, after)


CLIENTS = {
    "right": RIGHT,
    "json": changed(
        '    packed = b"".join(',
        "    import json\n\n"
        '    made = {"CallReducer": {"reducer": reducer, "args": list(arguments)}}\n'
        "    return json.dumps(made).encode()\n"
        '    packed = b"".join(',
    ),
    "sleeps": SLEEPS,
    # Starts a program of its own and never answers.
    "spawns": SLEEPS.replace("import time", "import subprocess, time")
    .replace("self.made = []", 'self.made = subprocess.Popen(["sleep", "321"])')
    .replace("0.0005", "321"),
    "tagged": changed("(value(kind, x) for", "(bytes([_TAGS[kind]]) + value(kind, x) for"),
    "loses": changed("        for row in inserted:", "        for row in inserted[1:]:"),
    "deaf": changed("self._greeted.set_result(None)", "pass").replace("result(10)", "result(0.5)"),
    "forgets": changed(
        "        if status == 0:\n            answer",
        "        if request % 10 == 7:\n"
        "            answer.set_exception(RuntimeError('mislaid'))\n"
        "        elif status == 0:\n            answer",
    ),
}


def repository(folder: Path) -> Path:
    """A git repository with a revision for each client, named like it."""
    folder.mkdir()
    git(folder, "init", "-q")
    (folder / "pyproject.toml").write_text(PROJECT)
    for number, (name, source) in enumerate(CLIENTS.items(), 1):
        (folder / "backend.py").write_text(BACKEND.format(version=f"0.{number}"))
        (folder / "tiny_client.py").write_text(source)
        git(folder, "add", "-A")
        git(folder, "commit", "-q", "-m", name)
        git(folder, "tag", name)
    return folder


def subject(repository: Path, name: str, folder: Path) -> Subject:
    """One of them in an environment of its own, made of what is installed here already."""
    return client_measure.subject(f"{repository}@{name}", str(ADAPTER), folder=folder, borrow=True)
