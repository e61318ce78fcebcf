"""Servers that run on this machine, and the tokens of their owners.

`harness start` leaves a file for each server that listens, readable by its user alone, under the
address; it goes when the server ends. The commands of the same user find it by the address that
they are about to talk to. The token in it is good for that run of the server only: whoever listens
there afterwards, and is sent it by mistake, can do nothing with it.
"""

from __future__ import annotations

import ipaddress
import json
import os
from pathlib import Path
from urllib.parse import urlsplit

from harness.client import credentials
from harness.client.credentials import Credential
from harness.errors import StoreError

#: Seconds by which the beginning of one process can seem to differ: the system tells it from when
#: it was booted itself, and sets that right when the clock is set.
CLOCK_S = 2.0


def folder() -> Path:
    """Where the files lie: beside the kept tokens."""
    return credentials.folder().parent / "running"


def path_for(uri: str) -> Path:
    """The file of the server at an address; all names of the loopback are one."""
    return folder() / credentials.path_for(_same(uri)).name


def announce(uri: str, identity: str, token: str) -> Path:
    """This process serves ``uri``. Raises ``StoreError`` if that cannot be written down."""
    path = path_for(uri)
    _sweep()
    record: dict[str, object] = {
        "server": _same(uri), "identity": identity, "token": token, "process": os.getpid(),
        "started": _started(os.getpid()),
    }  # fmt: skip
    try:
        credentials.make_folders(path.parent)
        credentials.write_private(path, record, replace=True)
    except OSError as error:
        raise StoreError(f"{path} cannot be written: {error.strerror}") from None
    return path


def withdraw(path: Path) -> None:
    """The server has ended. The file of another process stays."""
    found = _read(path)
    if found is not None and found["process"] == os.getpid():
        path.unlink(missing_ok=True)


def owner_of(uri: str) -> Credential | None:
    """The owner's token of the server that runs at an address, if this user started it."""
    found = _read(path_for(uri))
    if found is None or found["server"] != _same(uri) or not _runs(found):
        return None
    return Credential(
        str(found["token"]),
        "the owner's token of the server that runs there",
        "start the server again",
        str(found["identity"]),
    )


def _same(uri: str) -> str:
    """The address under which a server is kept: every loopback is 127.0.0.1."""
    parts = urlsplit(uri)
    host = parts.hostname or ""
    try:
        address = ipaddress.ip_address(host)
        local = address.is_loopback or address.is_unspecified
    except ValueError:
        local = host == "localhost"
    if not local:
        return uri
    return f"{parts.scheme}://127.0.0.1:{parts.port or (443 if parts.scheme == 'https' else 80)}"


def _read(path: Path) -> dict[str, object] | None:
    """A file of ours; None if there is none, or none that could be used."""
    try:
        with path.open("rb") as file:
            about = os.fstat(file.fileno())
            if about.st_mode & 0o077 or about.st_uid != os.geteuid():
                return None  # somebody else could have written it
            found = json.loads(file.read())
        names = {"server": str, "identity": str, "token": str, "process": int, "started": float}
        whole = all(isinstance(found[name], kind) for name, kind in names.items())
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return found if whole else None


def _runs(found: dict[str, object]) -> bool:
    """Whether the process that wrote the file is still there, and not another of its number."""
    began = _started(int(str(found["process"])))
    return abs(began - float(str(found["started"]))) < CLOCK_S


def _started(process: int) -> float:
    """When a process began, in seconds since the epoch; 0 if there is none."""
    import psutil

    try:
        return float(psutil.Process(process).create_time())
    except psutil.Error:
        return 0.0


def _sweep() -> None:
    """Delete what servers left that were killed."""
    for path in folder().glob("*.json"):
        found = _read(path)
        if found is not None and not _runs(found):
            path.unlink(missing_ok=True)
