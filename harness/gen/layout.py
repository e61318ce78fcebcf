"""Expressions → text that black and isort leave as it is.

Whatever fits into a line stays in one; else each part of it gets a line of its own and a comma
behind it, which black takes as a wish.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

#: Black's default, and that of isort's profile for it.
WIDTH = 88


@dataclass(frozen=True, slots=True)
class Group:
    """Parts between brackets: a call, a tuple, a list, a dictionary."""

    head: str
    parts: tuple[Expr, ...]
    tail: str = ")"


@dataclass(frozen=True, slots=True)
class Pair:
    """``key: value`` of a dictionary, ``key=value`` of a call."""

    key: str
    value: Expr


Expr: TypeAlias = str | Group | Pair


def call(name: str, *parts: Expr) -> Group:
    """``name(part, part)``."""
    return Group(f"{name}(", parts)


def row(*parts: Expr) -> Group:
    """A tuple of at least two parts."""
    assert len(parts) > 1
    return Group("(", parts)


def series(parts: Iterable[Expr]) -> Group:
    """A list."""
    return Group("[", tuple(parts), "]")


def width(text: str) -> int:
    """Columns, as black counts them: two for the letters of East Asia, none for marks on others."""
    if text.isascii():
        return len(text)
    return sum(
        0 if unicodedata.combining(x) else 2 if unicodedata.east_asian_width(x) in "WF" else 1
        for x in text
    )


def flat(expr: Expr) -> str:
    """In one line."""
    match expr:
        case Group(head, parts, tail):
            return head + ", ".join(map(flat, parts)) + tail
        case Pair(key, value):
            return key + flat(value)
        case _:
            return expr


def render(expr: Expr, indent: int = 0, before: str = "", after: str = "") -> str:
    """Text that starts at ``indent`` behind ``before`` and has ``after`` behind its end."""
    line = f"{' ' * indent}{before}{flat(expr)}{after}"
    if width(line) <= WIDTH:
        return line
    match expr:
        case Pair(key, value):
            return render(value, indent, before + key, after)
        case Group(head, parts, tail) if parts:
            inside = [render(part, indent + 4, "", ",") for part in parts]
            pad = " " * indent
            return "\n".join([f"{pad}{before}{head}", *inside, f"{pad}{tail}{after}"])
        case _:
            return line


def union(name: str, parts: Sequence[str]) -> str:
    """``Name: TypeAlias = A | B``; what is no union stays in one line, whatever its width."""
    line = f"{name}: TypeAlias = {' | '.join(parts)}"
    if width(line) <= WIDTH or len(parts) == 1:
        return line
    inside = f"    {' | '.join(parts)}"
    if width(inside) > WIDTH:
        inside = "\n".join([f"    {parts[0]}", *(f"    | {part}" for part in parts[1:])])
    return f"{name}: TypeAlias = (\n{inside}\n)"


def imports(module: str, names: Iterable[str]) -> str:
    """``from module import A, B``, sorted as isort does it."""
    found = sorted(names, key=_isort_key)
    line = f"from {module} import {', '.join(found)}"
    if width(line) <= WIDTH:
        return line
    return "\n".join([f"from {module} import (", *(f"    {name}," for name in found), ")"])


def sorted_modules(module: str) -> list[str | int]:
    """By which isort sorts the modules of imports."""
    return _natural(module.lower())


def _isort_key(name: str) -> tuple[str, list[str | int], str]:
    """Constants, then classes, then the rest; numbers by their value, capitals as small letters."""
    kind = "B" if name[:1].isupper() else "C"
    if name.isupper() and len(name) > 1:
        kind = "A"
    return kind, _natural(name.lower()), name


def _natural(text: str) -> list[str | int]:
    """Numbers by their value."""
    return [int(x) if x.isdecimal() else x for x in re.split(r"(\d+)", text)]


_OFF, _ON = "# fmt: off\n\n", "\n# fmt: on"


def guarded(block: str) -> str:
    """A block at the top level; what black would break differently, it is told to leave alone."""
    if all(width(line) <= WIDTH for line in _code(block)):
        return block
    # The empty line keeps black and isort of one mind about how many stand above it.
    return f"{_OFF}{block}{_ON}"


def _code(block: str) -> list[str]:
    """The lines outside of docstrings, which nobody breaks."""
    parts = block.split('"""')
    return [line for part in parts[::2] for line in part.splitlines()]


def file(top: str, blocks: Sequence[str]) -> str:
    """Imports and what follows: two empty lines above a class, one above anything else."""
    if not blocks:
        return top
    gap = "\n\n" if blocks[0].startswith(("@", "class")) else "\n"
    body = "\n\n\n".join(blocks)
    # Between two blocks that it leaves alone ruff would have no empty lines.
    body = body.replace(f"{_ON}\n\n\n{_OFF}", "\n\n")
    return f"{top}{gap}{body}\n"


def subscript(name: str, *parts: Expr) -> Group:
    """``name[part, part]``, of at least two parts."""
    assert len(parts) > 1
    return Group(f"{name}[", parts, "]")


def quoted(text: str) -> str:
    """A string literal, whatever the text: between double quotes where that needs no backslash."""
    found = repr(text)
    if found.startswith("'") and '"' not in text:
        return f'"{found[1:-1]}"'
    return found


def docstring(lines: Sequence[str], indent: int = 4) -> str:
    """Lines of prose as a docstring."""
    pad = " " * indent
    if len(lines) == 1:
        return f'{pad}"""{lines[0]}"""'
    return "\n".join(
        [f'{pad}"""{lines[0]}', *(f"{pad}{x}".rstrip() for x in lines[1:]), f'{pad}"""']
    )
