"""A database and those below it, which a server deletes with it.

Source: `crates/client-api-messages/src/http.rs` of SpacetimeDB 2.8.3.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from harness.errors import RemoteProtocolError

#: Nobody nests databases deeper.
_DEEPEST = 64


@dataclass(frozen=True, slots=True)
class Member:
    """One database; ``depth`` is 0 for the one that is to be deleted, 1 for its children."""

    depth: int
    identity: str
    names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Family:
    """``members`` from the top down, each before its children. ``token`` agrees to all of them."""

    members: tuple[Member, ...]
    token: str


def family_from(answer: Any) -> Family:
    """What the server's answer says. Raises ``RemoteProtocolError`` if it makes no sense."""
    members: list[Member] = []
    try:
        waiting = [(0, answer["database_tree"])]
        while waiting:
            depth, tree = waiting.pop()
            if depth > _DEEPEST:
                raise ValueError(depth)
            root = tree["root"]
            names = tuple(str(name) for name in root["database_names"])
            members.append(Member(depth, _identity(root["database_identity"]), names))
            waiting += [(depth + 1, child) for child in reversed(tree["children"])]
        token = answer["confirmation_token"]
        if not isinstance(token, str):
            raise TypeError(type(token))
    except (KeyError, TypeError, ValueError):
        raise RemoteProtocolError(
            "the server wants to delete more than was said, and does not say what"
        ) from None
    return Family(tuple(members), token)


def _identity(value: Any) -> str:
    """Older servers say an identity as an object with one field."""
    return str(next(iter(value.values()), "")) if isinstance(value, dict) else str(value)
