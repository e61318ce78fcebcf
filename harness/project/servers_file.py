"""Servers in ``cli.toml``: added, changed and removed, while all else in the file stays.

The file belongs to the official tool, too, and has comments of its user's. It is written whole or
not at all, and only if what it says afterwards is what it should say.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.errors import PlanError, StoreError
from harness.project import settings
from harness.project.settings import Server
from harness.store.files import rewrite

if TYPE_CHECKING:
    from tomlkit import TOMLDocument

#: A file that is made here has a token in it sooner or later.
_MODE = 0o600
_ENTRIES, _DEFAULT = "server_configs", "default_server"


class _Lossy(Exception):
    """A change that cannot be made without losing something else."""


def find(name: str, path: Path | None = None) -> Server:
    """The server that somebody means by a nickname, a host or a URI.

    Raises ``PlanError`` if none is known by it.
    """
    known = settings.load(path).known
    found = next((x for x in known if x.nickname == name), None)
    found = found or next((x for x in known if x.is_named(name)), None)
    if found is None:
        shown = ", ".join(x.nickname or x.host for x in known)
        raise PlanError(
            f"there is no server {name!r} in {path or settings.path_of()}; known are {shown}; "
            f"`harness server add NAME --url URL` adds one"
        )
    return found


def check_new(nickname: str | None, uri: str | None, path: Path | None = None) -> None:
    """Raises ``PlanError`` if a server of this name or address is known already."""
    for one in settings.load(path).known:
        if nickname is not None and one.is_named(nickname):
            raise PlanError(
                f"the name {nickname} is that of {one.uri} already; `harness server edit` changes "
                "it"
            )
        if uri is not None and one.is_named(uri) and one in settings.load(path).configured:
            raise PlanError(f"{uri} is known already, as {one.nickname or one.host}")


def add(new: Server, *, default: bool, path: Path | None = None) -> None:
    """Write a new server, as the default one if that is wanted. Raises as ``find`` does."""

    def change(document: TOMLDocument) -> TOMLDocument:
        _append(document, new)
        if default:
            document[_DEFAULT] = new.nickname or new.host
        return document

    _change(path, change)


def set_default(server: Server, path: Path | None = None) -> None:
    """Make a known server the one that is meant if none is said."""

    def change(document: TOMLDocument) -> TOMLDocument:
        if _place(document, server) is None:
            _append(document, server)  # a built-in one, which the official tool looks for there
        document[_DEFAULT] = server.nickname or server.host
        return document

    _change(path, change)


def replace(old: Server, new: Server, path: Path | None = None) -> None:
    """Change what is said of a server; the other keys of its entry stay."""

    def change(document: TOMLDocument) -> TOMLDocument:
        place = _place(document, old)
        if place is None:
            _append(document, new)
        else:
            _fill(document[_ENTRIES][place], new)
        if _is_default(document, old):
            document[_DEFAULT] = new.nickname or new.host
        return document

    _change(path, change)


def remove(server: Server, path: Path | None = None) -> None:
    """Forget a server; if it was the default one, there is none then.

    Raises ``PlanError`` if it stands in no file.
    """
    if server not in settings.load(path).configured:
        raise PlanError(f"{server.nickname} is built in and stands in no file: it stays")

    def change(document: TOMLDocument) -> TOMLDocument:
        place = _place(document, server)
        assert place is not None
        document = _without(document, place)
        if _is_default(document, server):
            del document[_DEFAULT]
        return document

    _change(path, change)


# --- the document --------------------------------------------------------------------------------


def _change(path: Path | None, change: Callable[[TOMLDocument], TOMLDocument]) -> None:
    """Read the file, change it and write it. Raises ``PlanError`` and ``StoreError``."""
    import tomlkit
    from tomlkit.exceptions import TOMLKitError

    path = path or settings.path_of()
    settings.load(path)  # says what is wrong with it
    try:
        before = path.read_bytes().decode() if path.exists() else _fresh()
        document = tomlkit.parse(before)
        if tomlkit.dumps(document) != before or not _is_plain(document):
            raise _Lossy
        document = change(document)
        after = _with_line_ends_of(before, tomlkit.dumps(document))
        if not _same(tomllib.loads(after), document.unwrap()):
            raise _Lossy
        path.parent.mkdir(parents=True, exist_ok=True)
        rewrite(path, after.encode(), _MODE)
    except OSError as error:
        raise StoreError(f"cannot write {path}: {error.strerror}") from None
    except (_Lossy, TOMLKitError, tomllib.TOMLDecodeError):
        raise StoreError(f"cannot change {path} without loss; edit it by hand") from None


def _fresh() -> str:
    """A file as the official tool begins one, which takes no server for granted that is not there.

    Its default is the local server, as it is without a file.
    """
    import tomlkit

    document = tomlkit.document()
    document[_DEFAULT] = "local"
    for nickname in settings.BUILT_IN:
        _append(document, settings.built_in(nickname))
    return tomlkit.dumps(document)


def _is_plain(document: TOMLDocument) -> bool:
    """Whether servers stand in tables of their own, as the official tool wants them."""
    from tomlkit.items import AoT

    return not document.get(_ENTRIES) or isinstance(document[_ENTRIES], AoT)


def _append(document: TOMLDocument, server: Server) -> None:
    import tomlkit

    if not document.get(_ENTRIES):
        document.pop(_ENTRIES, None)
        document[_ENTRIES] = tomlkit.aot()
    table = tomlkit.table()
    table.trivia.indent = "\n"  # an empty line before it
    _fill(table, server)
    document[_ENTRIES].append(table)


def _fill(table: Any, server: Server) -> None:
    """Set the keys that are not as they should be."""
    import tomlkit

    key = server.fingerprint
    wanted = {
        "nickname": server.nickname,
        "host": server.host,
        "protocol": server.protocol,
        "ecdsa_public_key": key
        and tomlkit.string(key, multiline="'" not in key and "\\" not in key),
    }
    for name, value in wanted.items():
        if value is None:
            table.pop(name, None)
        elif table.get(name) != value:
            table[name] = value


def _place(document: TOMLDocument, server: Server) -> int | None:
    """Where a server's entry is."""
    for place, entry in enumerate(document.get(_ENTRIES) or []):
        same = entry.get("host") == server.host and entry.get("nickname") == server.nickname
        if same:
            return place
    return None


def _without(document: TOMLDocument, place: int) -> TOMLDocument:
    """The document without one entry. What stands below it, before the next one, is about the
    next: it stays."""
    import tomlkit

    text = tomlkit.dumps(document)
    entry: Any = document[_ENTRIES][place]
    body = entry.value.body
    last = max((at for at, (key, _) in enumerate(body) if key is not None), default=-1)
    below = "".join(item.as_string() for _, item in body[last + 1 :])
    whole = entry.as_string()
    if text.count(whole) != 1:
        raise _Lossy
    start = text.index(whole)
    header = text.rfind("\n", 0, start - 1) + 1
    found = tomlkit.parse(text[:header] + below + text[start + len(whole) :])
    wanted = document.unwrap()
    del wanted[_ENTRIES][place]
    if not wanted[_ENTRIES]:
        del wanted[_ENTRIES]
    if not _same(found.unwrap(), wanted):
        raise _Lossy
    return found


def _is_default(document: TOMLDocument, server: Server) -> bool:
    found = document.get(_DEFAULT)
    return isinstance(found, str) and server.is_named(found)


def _with_line_ends_of(before: str, after: str) -> str:
    if "\r\n" in before and not re.search(r"(?<!\r)\n", before):
        return re.sub(r"(?<!\r)\n", "\r\n", after)
    return after


def _same(found: Mapping[str, Any], wanted: Mapping[str, Any]) -> bool:
    """Whether a file says what it should, where line ends within texts do not matter."""

    def plain(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: plain(each) for key, each in value.items()}
        if isinstance(value, list):
            return [plain(each) for each in value]
        return value.replace("\r\n", "\n") if isinstance(value, str) else value

    return bool(plain(found) == plain(wanted))
