"""What is said when somebody asks for a name that is not there."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches


def nearest(what: str, name: str, known: Iterable[str]) -> str:
    """``there is no table 'itme'; did you mean 'item'?``"""
    # Whoever writes NAME for name is as near as can be.
    by_letters = {x.lower(): x for x in known if not x.startswith("_")}
    near = [by_letters[x] for x in get_close_matches(name.lower(), by_letters, 3)]
    hint = f"; did you mean {' or '.join(map(repr, near))}?" if near else ""
    return f"there is no {what} {name!r}{hint}"
