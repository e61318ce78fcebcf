"""Run files: one JSON file for each run, written whole or not at all."""

from __future__ import annotations

import os
import re
import secrets
import tempfile
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import msgspec

from harness.errors import StoreError
from harness.records import FORM, IN_PROCESS, Run
from harness.store import files

#: Where runs go unless somebody says otherwise.
DEFAULT_FOLDER = Path("results")

_encoder = msgspec.json.Encoder()


def new_id(scenario: str, now: datetime) -> str:
    """A name for a run that sorts by time: ``20250131-094500-throughput-noop-v3-1f3a``."""
    return f"{now:%Y%m%d-%H%M%S}-{slug(scenario)}-{secrets.token_hex(2)}"


def slug(scenario: str) -> str:
    """How a scenario is called within the ids of its runs."""
    return re.sub(r"[^a-z0-9]+", "-", scenario.lower()).strip("-")


def save(run: Run, folder: Path = DEFAULT_FOLDER) -> Path:
    """Write a run to ``folder/runs/<id>.json``; the file appears when it is complete.

    Raises ``StoreError`` if the folder cannot be written, or if the run is there already.
    """
    runs = folder / "runs"
    path = runs / f"{run.id}.json"
    temporary = None
    try:
        runs.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=runs, prefix=".", delete=False) as file:
            temporary = file.name
            file.write(msgspec.json.format(_encoder.encode(run), indent=1))
        # A link fails if the name is taken; a rename would replace what is there.
        os.link(temporary, path)
    except OSError as error:
        if path.exists():
            raise StoreError(f"the run {run.id} is stored already in {runs}") from error
        raise StoreError(f"cannot write {path}: {error.strerror}") from error
    finally:
        if temporary is not None:
            os.unlink(temporary)
    return path


def attach(run: Run, name: str, text: str, folder: Path = DEFAULT_FOLDER) -> Path:
    """Keep another tool's file in ``folder/attached/<id>.<name>.json``. Raises ``StoreError``."""
    path = folder / "attached" / f"{run.id}.{name}.json"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    except OSError as error:
        raise StoreError(f"cannot write {path}: {error.strerror}") from error
    return path


def load(path: Path) -> Run:
    """A stored run. Raises ``StoreError`` if it is missing, damaged, or of a newer form."""
    run = files.decoded(files.read(path), Run, FORM, path, "not a run")
    if not run.scenario.live and run.target.kind == IN_PROCESS != run.scenario.alone:
        # Commands were said to be in process once; they stay one series with what is said now.
        target = msgspec.structs.replace(run.target, kind=run.scenario.alone)
        run = msgspec.structs.replace(run, target=target)
    return run


def names(folder: Path = DEFAULT_FOLDER) -> Iterator[str]:
    """The ids of all stored runs, oldest first."""
    for path in sorted((folder / "runs").glob("*.json")):
        yield path.stem


def find(wanted: str, folder: Path = DEFAULT_FOLDER) -> Run:
    """The run with this id, part of an id, or path; the newest if several fit.

    Raises ``StoreError`` if none does.
    """
    if wanted.endswith(".json") and Path(wanted).exists():
        return load(Path(wanted))
    fitting = [name for name in names(folder) if wanted in name]
    if not fitting:
        raise StoreError(f"no run in {folder / 'runs'} has `{wanted}` in its id")
    exact = wanted if wanted in fitting else fitting[-1]
    return load(folder / "runs" / f"{exact}.json")
