"""Names of a schema → names of Python.

Words end as in the official generators: at ``_``, ``-``, dots and spaces, where small letters turn
to capitals, behind an acronym, and between letters and digits. What is a name of Python already
stays as its author wrote it.

Source: `crates/codegen/src/util.rs` of SpacetimeDB 2.8.3, and the crate `convert_case`.
"""

from __future__ import annotations

import keyword
import re
import unicodedata

_BREAKS = re.compile(r"[\s_.\-]+")

#: What generated files call their imports: nothing else in a class may have these names.
ALIASES = frozenset({"_b", "_c", "_enum", "_q", "_s", "_t", "_types", "_uuid"})


def words(name: str) -> list[str]:
    """``HTTPServer`` → HTTP, Server; ``arg2`` → arg, 2."""
    found = []
    for part in _BREAKS.split(name):
        start = 0
        for at in range(1, len(part)):
            if _ends(part, at):
                found.append(part[start:at])
                start = at
        found.append(part[start:])
    return [word for word in found if word]


def _ends(text: str, at: int) -> bool:
    """Whether a word ends before the letter at a place."""
    before, letter = text[at - 1], text[at]
    if before.isdigit() != letter.isdigit():
        return True
    if before.islower() and letter.isupper():
        return True
    after = text[at + 1] if at + 1 < len(text) else ""
    return before.isupper() and letter.isupper() and after.islower()


def key(name: str) -> str:
    """Names with one key would be one name in some language: they clash."""
    return unicodedata.normalize("NFKC", "_".join(words(name))).casefold()


def member(name: str) -> str:
    """A field, parameter, table or function: ``snake_case``, or as it is."""
    name = unicodedata.normalize("NFKC", name)
    if not (name.isidentifier() and name == name.lower()):
        name = _begun("_", "_".join(word.lower() for word in words(name)) or "_")
    return single(name)


def _begun(letter: str, name: str) -> str:
    """Without its ``_`` a name such as ``_2D`` begins with a digit, which none of Python does."""
    return name if f"{name}_".isidentifier() else letter + name


def single(name: str) -> str:
    """With one underscore in front, not two: such names are mangled in a class, or Python's own."""
    return "_" + name.lstrip("_") if name.startswith("__") else name


def safe(name: str, taken: frozenset[str] | set[str] = frozenset()) -> str:
    """The name with an underscore behind it if Python, or ``taken``, has it already."""
    while keyword.iskeyword(name) or name in ALIASES or name in taken:
        name += "_"
    return name


def class_name(*parts: str) -> str:
    """A type: ``PascalCase``, its scope in front of it."""
    found = ""
    for part in parts:
        part = unicodedata.normalize("NFKC", part)
        if part[:1].isupper() and part.isidentifier() and "_" not in part:
            found += part
        else:
            found += "".join(word[:1].upper() + word[1:].lower() for word in words(part))
    # No underscore in front: checkers would call the class private wherever it is imported.
    return safe(_begun("N", found) if found else "Underscore")


def constant(name: str) -> str:
    """A member of an enum: ``UPPER_SNAKE``, which nothing that enums have of their own is."""
    found = "_".join(word.upper() for word in words(unicodedata.normalize("NFKC", name)))
    return safe(_begun("_", found or "_"))


def spelt(name: str) -> str:
    """A member of an enum as the module spells it, unless enums have that for themselves."""
    name = safe(single(unicodedata.normalize("NFKC", name)), {"mro", "name", "value"})
    return name + "_" if name.startswith("_") and name.endswith("_") else name
