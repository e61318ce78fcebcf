"""``cli.toml``, the official tool's settings of a user: servers by nickname, and its token.

It is read and never written.

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
class Settings:
    """``servers`` maps nicknames to URIs. The token stands in no ``repr``."""

    path: Path
    servers: Mapping[str, str] = field(default_factory=lambda: dict(BUILT_IN))
    default_server: str | None = None
    token: str | None = field(default=None, repr=False)


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
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        # A parser's words have places, not what stands there: the file holds a token.
        raise PlanError(f"{path} is not valid TOML: {error}") from None
    servers = dict(BUILT_IN)
    for one in found.get("server_configs") or []:
        servers.update(_server(one, path))
    return Settings(
        path, servers, _text(found, "default_server", path), _text(found, "spacetimedb_token", path)
    )


def _server(one: Any, path: Path) -> dict[str, str]:
    """A server with a nickname; those without one are reached by their host."""
    if not isinstance(one, dict):
        raise PlanError(f"{path}: server_configs is a list of tables")
    nickname, host = _text(one, "nickname", path), _text(one, "host", path)
    if nickname is None or host is None:
        return {}
    return {nickname: f"{_text(one, 'protocol', path) or 'https'}://{host}"}


def _text(found: Mapping[str, Any], key: str, path: Path) -> str | None:
    value = found.get(key)
    if value is not None and not isinstance(value, str):
        raise PlanError(f"{path}: {key} is a text")
    return value or None
