"""Who we are to a server: a token from the environment, or one that is kept for this server.

Kept tokens lie in the user's configuration, a file for each server, for the user's eyes only. A
token is never printed: it stands in no ``repr``, no message and no exception.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import re
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from harness.errors import PlanError, StoreError

#: Environment variables with a token, the first one wins.
VARIABLES = ("SPACETIMEDB_TOKEN", "HARNESS_TOKEN")


@dataclass(frozen=True, slots=True)
class Credential:
    """A token, and where it is from. ``origin`` and ``renewal`` are words for people."""

    token: str = field(repr=False)
    #: Such as ``the token in SPACETIMEDB_TOKEN``.
    origin: str
    #: What to do should the server not accept it.
    renewal: str
    #: 64 hexadecimal digits; None if only the server knows.
    identity: str | None = None


def from_environment(environment: Mapping[str, str] = os.environ) -> Credential | None:
    """The token that the user set, if any. Raises ``PlanError`` if it cannot be one."""
    for name in VARIABLES:
        token = environment.get(name, "").strip()
        if not token:
            continue
        checked(token, f"the value of {name} is no token: ")
        return Credential(token, f"the token in {name}", f"set {name} to one that it gave out")
    return None


def anonymous(identity: str, token: str) -> Credential:
    """An identity that nobody keeps."""
    return Credential(token, "an identity without a name", "try again", identity)


def folder() -> Path:
    """Where tokens are kept: below ``$XDG_CONFIG_HOME``, or ``~/.config``."""
    base = Path(os.environ.get("XDG_CONFIG_HOME", ""))
    if not base.is_absolute():
        base = Path.home() / ".config"
    return base / "spacetimedb-harness" / "tokens"


def path_for(uri: str) -> Path:
    """The file with the token for a server, whose ``uri`` is as ``servers.server_uri`` gives it."""
    words = re.sub(r"[^a-z0-9.]+", "-", uri.partition("://")[2].lower()).strip("-")[:60]
    digest = hashlib.blake2s(uri.encode(), digest_size=4).hexdigest()
    return folder() / f"{words}-{digest}.json"


def kept(uri: str) -> Credential | None:
    """The owner's identity of a server that this user runs there, or the one stored for a server.

    Raises ``StoreError`` as ``stored`` does.
    """
    from harness.client import running

    return running.owner_of(uri) or stored(uri)


def stored(uri: str) -> Credential | None:
    """The identity in the file for a server, if there is one.

    A file that others can read is closed to them. Raises ``StoreError`` if it cannot be used.
    """
    path = path_for(uri)
    try:
        with path.open("rb") as file:
            if os.fstat(file.fileno()).st_mode & 0o077:
                os.fchmod(file.fileno(), 0o600)
            text = file.read()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise StoreError(f"the identity in {path} cannot be read: {error.strerror}") from None
    try:
        found = json.loads(text)
        server, identity, token = (found[name] for name in ("server", "identity", "token"))
        whole = all(isinstance(x, str) for x in (server, identity, token)) and server == uri
    except (ValueError, KeyError, TypeError):
        whole = False
    if not whole:
        raise StoreError(f"the identity in {path} is damaged; delete the file to get a new one")
    checked(token, f"the identity in {path} is damaged: ")
    return _kept(path, identity, token)


def keep(uri: str, identity: str, token: str, *, replace: bool = False) -> Credential:
    """Keep a new identity for a server, and give the one that is kept now.

    That is an earlier one if there is one already, unless it is to be replaced. Raises
    ``StoreError`` if there is no room for it.
    """
    checked(token, "the server gave an identity without a usable token: ")
    path = path_for(uri)
    try:
        make_folders(path.parent)
        record: dict[str, object] = {"server": uri, "identity": identity, "token": token}
        new = write_private(path, record, replace=replace)
    except OSError as error:
        raise StoreError(
            f"the new identity cannot be kept in {path}: {error.strerror}; --anonymous uses one "
            "without keeping it"
        ) from None
    found = None if new else kept(uri)
    return found or _kept(path, identity, token)


def forget(uri: str) -> bool:
    """Delete the identity that is kept for a server; False if there was none.

    Raises ``StoreError`` if it cannot be deleted.
    """
    path = path_for(uri)
    try:
        path.unlink()
    except FileNotFoundError:
        return False
    except OSError as error:
        raise StoreError(f"the identity in {path} cannot be deleted: {error.strerror}") from None
    return True


def from_text(token: str, origin: str, renewal: str) -> Credential:
    """A token from anywhere else, such as a file. Raises ``PlanError`` if it cannot be one."""
    checked(token, f"{origin} is none: ")
    return Credential(token, origin, renewal, identity_in(token))


def identity_in(token: str) -> str | None:
    """The identity that a token names itself, unverified; None if it does not.

    A token is a JWT: its middle part is JSON with ``hex_identity``, or with the issuer and subject
    that an identity is derived from.
    """
    try:
        part = token.split(".")[1]
        claims = json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
        found = claims.get("hex_identity")
        if found is None:
            found = _derived(claims["iss"], claims["sub"])
    except (ValueError, IndexError, KeyError, TypeError, AttributeError):
        return None
    good = isinstance(found, str) and re.fullmatch(r"(0x)?[0-9a-f]{64}", found)
    return found.removeprefix("0x") if good else None


def _derived(issuer: str, subject: str) -> str:
    """As servers do: `crates/auth/src/identity.rs` of SpacetimeDB 2.8.3."""
    from blake3 import blake3

    digest = blake3(f"{issuer}|{subject}".encode()).digest()[:26]
    checksum = blake3(b"\xc2\x00" + digest).digest()[:4]
    return (b"\xc2\x00" + checksum + digest).hex()


def make_folders(place: Path) -> None:
    """A folder of our configuration, and the one around it, for us alone. Raises ``OSError``."""
    for folder_ in (place.parent, place):
        folder_.mkdir(mode=0o700, parents=True, exist_ok=True)
        folder_.chmod(0o700)


def write_private(path: Path, record: dict[str, object], *, replace: bool = False) -> bool:
    """Write a file for our eyes only, whole or not at all; False if there was one already, which
    goes only if it is to be replaced. Raises ``OSError``."""
    data = json.dumps(record, indent=1).encode() + b"\n"
    descriptor, name = tempfile.mkstemp(prefix=".new-", dir=path.parent)  # has mode 0600
    temporary = Path(name)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        try:
            if replace:
                temporary.replace(path)
            else:
                os.link(temporary, path)
        except FileExistsError:
            return False
        except OSError:  # a file system without links: the last one wins
            temporary.replace(path)
        return True
    finally:
        temporary.unlink(missing_ok=True)


def _kept(path: Path, identity: str, token: str) -> Credential:
    return Credential(
        token, f"the identity in {path}", "delete that file to get a new identity", identity
    )


def checked(token: str, what: str) -> None:
    """Tokens go into a header: raises ``PlanError``, without the token, if one cannot."""
    if not token or not token.isascii() or not token.isprintable() or " " in token:
        raise PlanError(f"{what}a token is one word of visible ASCII letters")
