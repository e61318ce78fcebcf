"""``cli.toml``, the official tool's settings of a user: servers by nickname, and its token.

Here it is read; ``servers_file`` writes it.

Source: `crates/cli/src/config.rs` of SpacetimeDB 2.8.3.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from harness.errors import PlanError

#: Nicknames that are known without any file.
BUILT_IN = {"local": "http://127.0.0.1:3000", "maincloud": "https://maincloud.spacetimedb.com"}


@dataclass(frozen=True, slots=True)
class Server:
    """One entry of the file. ``fingerprint`` is the server's public key as PEM, if it is kept."""

    nickname: str | None
    host: str
    protocol: str
    fingerprint: str | None = None

    @property
    def uri(self) -> str:
        return f"{self.protocol}://{self.host}"

    def is_named(self, name: str) -> bool:
        """Whether somebody means it who writes its nickname, its host or its URI."""
        return name.rstrip("/") in (self.nickname, self.host, self.uri)


@dataclass(frozen=True, slots=True)
class Settings:
    """``servers`` maps nicknames and hosts to URIs. The token stands in no ``repr``."""

    path: Path
    servers: Mapping[str, str] = field(default_factory=lambda: dict(BUILT_IN))
    default_server: str | None = None
    token: str | None = field(default=None, repr=False)
    #: What stands in the file, in its order.
    configured: tuple[Server, ...] = ()

    @property
    def known(self) -> tuple[Server, ...]:
        """The servers in the file, and the built-in ones that it does not have."""
        taken = {x.nickname for x in self.configured}
        return (*self.configured, *(built_in(x) for x in BUILT_IN if x not in taken))


def built_in(nickname: str) -> Server:
    """A server that is known without any file."""
    protocol, _, host = BUILT_IN[nickname].partition("://")
    return Server(nickname, host, protocol)


def path_of(environment: Mapping[str, str] = os.environ) -> Path:
    """Where the file lies: below ``$XDG_CONFIG_HOME``, or ``~/.config``."""
    base = Path(environment.get("XDG_CONFIG_HOME", ""))
    if not base.is_absolute():
        base = Path.home() / ".config"
    return base / "spacetime" / "cli.toml"


def load(path: Path | None = None) -> Settings:
    """The user's settings; the built-in ones if there is no file. Raises ``PlanError``."""
    path = path or path_of()
    try:
        found = tomllib.loads(path.read_bytes().decode())
    except FileNotFoundError:
        return Settings(path)
    except OSError as error:
        raise PlanError(f"cannot read {path}: {error.strerror}") from None
    except (ValueError, RecursionError) as error:  # of numbers and depths beyond measure, too
        # A parser's words have places, not what stands there: the file holds a token.
        raise PlanError(f"{path} is not valid TOML: {error}") from None
    entries = found.get("server_configs") or []
    if not isinstance(entries, list):
        raise PlanError(f"{path}: server_configs is a list of tables")
    configured = tuple(x for x in (_server(one, path) for one in entries) if x is not None)
    servers = {**BUILT_IN, **{x.nickname: x.uri for x in configured if x.nickname is not None}}
    for one in configured:
        servers.setdefault(one.host, one.uri)  # which says whether it is reached by http or https
    return Settings(
        path, servers, _text(found, "default_server", path),
        _text(found, "spacetimedb_token", path), configured,
    )  # fmt: skip


def _server(one: Any, path: Path) -> Server | None:
    """One entry; None for one without a host, which cannot be reached."""
    if not isinstance(one, dict):
        raise PlanError(f"{path}: server_configs is a list of tables")
    host = _text(one, "host", path)
    if host is None:
        return None
    return Server(
        _text(one, "nickname", path), host, _text(one, "protocol", path) or "https",
        _text(one, "ecdsa_public_key", path),
    )  # fmt: skip


def _text(found: Mapping[str, Any], key: str, path: Path) -> str | None:
    value = found.get(key)
    if value is not None and not isinstance(value, str):
        raise PlanError(f"{path}: {key} is a text")
    return value or None
