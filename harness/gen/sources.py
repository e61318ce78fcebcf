"""Where a schema is from: a file, a compiled module, a live database. All give its JSON."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.errors import PlanError, SchemaError
from harness.wire import jsontext

if TYPE_CHECKING:
    from harness.client.http import Http

#: Seconds for an extractor: it compiles the module to look at what it declares.
EXTRACT_S = 120.0
#: What names another extractor than that on PATH; it gets the file as its last argument.
EXTRACTOR = "SPACETIMEDB_SCHEMA_EXTRACTOR"


def from_file(path: str) -> Any:
    """The JSON of a file, or of the standard input for ``-``.

    Raises ``PlanError`` if there is none, ``SchemaError`` if it is no JSON.
    """
    if path == "-":
        return _parsed(sys.stdin.buffer.read(), "the standard input")
    try:
        return _parsed(Path(path).read_bytes(), path)
    except OSError as error:
        raise PlanError(f"cannot read {path}: {error.strerror}") from None


def _parsed(data: bytes, where: str) -> Any:
    from harness.errors import DecodeError

    try:
        return jsontext.loads(data.removeprefix(b"\xef\xbb\xbf"))
    except DecodeError as error:
        raise SchemaError(f"{where} is no module definition: {error}") from None


def from_compiled(path: Path) -> Any:
    """The schema of a ``.wasm`` or of a JavaScript bundle.

    ``harness build`` puts a definition beside each module. For others the server's own program is
    asked. Raises ``PlanError`` with what to install, ``SchemaError`` with what it said.
    """
    if not path.is_file():
        raise PlanError(f"there is no file {path}")
    beside = path.with_suffix(".module.json")
    if path.suffix == ".wasm" and beside.is_file():
        return from_file(str(beside))
    command = _extractor()
    if command is None:
        raise PlanError(
            f"the schema of {path} cannot be read: there is no {beside.name} beside it, as harness"
            " build makes one, and no spacetimedb-standalone, which knows extract-schema; install"
            f" one with `harness server install 1.2.0`, or name one in {EXTRACTOR}"
        )
    try:
        done = subprocess.run(
            [*command, str(path)], capture_output=True, timeout=EXTRACT_S, check=False,
            stdin=subprocess.DEVNULL,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        raise SchemaError(f"{command[0]} did not give the schema in {EXTRACT_S:g} s") from None
    except OSError as error:
        raise PlanError(f"{command[0]} cannot be run: {error.strerror}") from None
    if done.returncode != 0:
        said = done.stderr.decode(errors="replace").strip().splitlines()
        raise SchemaError(
            f"{command[0]} gave no schema of {path}: {said[-1] if said else 'it said nothing'}"
        )
    return _parsed(done.stdout, f"what {command[0]} says of {path}")


def _extractor() -> list[str] | None:
    named = os.environ.get(EXTRACTOR, "").strip()
    if named:
        return [*shlex.split(named), "extract-schema"]
    from harness.targets import servers

    newest = servers.newest()
    program = str(newest.path) if newest is not None else shutil.which(servers.PROGRAM)
    return None if program is None else [program, "extract-schema"]


async def from_server(http: Http, database: str) -> Any:
    """The schema that a server serves: V10, or V9 where it knows no other.

    Raises ``ConnectError`` with the server's words, and ``SchemaError``.
    """
    from harness.errors import ConnectError

    try:
        return await http.definition(database, 10)
    except ConnectError as error:
        if error.status is None or not 400 <= error.status < 500:
            raise
        return await http.definition(database, 9)
