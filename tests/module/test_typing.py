"""What type checkers know of a module's rows: all but which of a table's attributes there are."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import harness

ROOT = Path(harness.__path__[0]).parent

#: Lines that end with ``# !`` are mistakes, and no others.
MODULE = """\
from __future__ import annotations

from collections.abc import Iterator
from typing import assert_type

from harness.module import (
    Identity, ReducerContext, ViewContext, auto_inc, btree, column, reducer, table, u64, view,
)


@table(public=True)
class User:
    identity: Identity = column(primary_key=True)
    name: str | None


@table(public=True, indexes=[btree("by_sender", "sender", "text")])
class Message:
    id: u64 = auto_inc(primary_key=True)
    sender: Identity
    text: str


@reducer
def go(ctx: ReducerContext, text: str) -> None:
    users, messages = ctx.db[User], ctx.db[Message]
    new = User(identity=ctx.sender, name=None)
    assert_type(users.identity.find(ctx.sender), User | None)
    assert_type(users.insert(new), User)
    assert_type(users.identity.update(new), User)
    assert_type(users.identity.insert_or_update(new), User)
    assert_type(messages.by_sender.filter(ctx.sender, ge="a"), Iterator[Message])
    assert_type(messages.try_insert(Message(sender=ctx.sender, text=text)), Message | None)
    assert_type(list(messages.iter()), list[Message])
    assert_type(messages.count(), int)
    messages.id.delete(7)
    users.identity.find(ctx.sender).name  # !
    users.identity.update(Message(sender=ctx.sender, text="x"))  # !
    users.insert(5)  # !
    messages.by_sender.filtre(ctx.sender)  # !
    ctx.db.user.identity.find(ctx.sender).name  # !
    for message in messages.by_sender.filter(ctx.sender):
        message.txt  # !
    if user := users.identity.find(ctx.sender):
        user.name = 5  # !


@view(public=True)
def mine(ctx: ViewContext) -> list[Message]:
    assert_type(ctx.db[User].identity.find(ctx.sender), User | None)
    ctx.db[User].identity.update(User(identity=ctx.sender, name=None))  # !
    return list(ctx.db[Message].by_sender.filter(ctx.sender))
"""
WRONG = {n for n, line in enumerate(MODULE.splitlines(), 1) if line.endswith("# !")}


@pytest.mark.parametrize("checker", ["mypy", "pyright"])
def test_rows_are_typed(checker: str, tmp_path: Path) -> None:
    """``ctx.db[User]`` needs no generated stub."""
    version = [sys.executable, "-m", checker, "--version"]
    if subprocess.run(version, capture_output=True, check=False).returncode != 0:
        pytest.skip(f"{checker} cannot be had here")  # pyright gets its program from npm
    (tmp_path / "chat.py").write_text(MODULE)
    settings = {"typeCheckingMode": "strict", "extraPaths": [str(ROOT)]}
    (tmp_path / "pyrightconfig.json").write_text(json.dumps(settings))
    command = {
        "mypy": ["--strict", "--follow-imports=silent", "--cache-dir", str(tmp_path / "cache")],
        "pyright": ["--pythonpath", sys.executable],
    }[checker]
    done = subprocess.run(
        [sys.executable, "-m", checker, *command, "chat.py"], cwd=tmp_path, capture_output=True,
        text=True, check=False, env={**os.environ, "MYPYPATH": str(ROOT)},
    )  # fmt: skip
    told = re.findall(r"chat\.py:(\d+):(?:\d+ -)? error:", done.stdout)
    assert {int(number) for number in told} == WRONG, done.stdout + done.stderr
