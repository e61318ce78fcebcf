"""What a V10 definition without canonical names means by its names.

A server names tables and functions explicitly; what a module itself hands out may leave that to a
policy, which by default makes columns and names snake_case, variants lowerCamel and type names
Pascal. Words end where case changes; digits belong to the word before them.
"""

from __future__ import annotations

import re

from harness.wire import types as t
from harness.wire import values as v


def snake(name: str) -> str:
    """``HTTPServer`` → ``http_server``; snake case stays."""
    split = re.sub(r"([A-Z]+)([A-Z][a-z])", r"\1_\2", name)
    return re.sub(r"([a-z0-9])([A-Z])", r"\1_\2", split).lower()


def pascal(name: str) -> str:
    """``http_server`` → ``HttpServer``."""
    return "".join(word[:1].upper() + word[1:] for word in snake(name).split("_"))


def camel(name: str) -> str:
    """``HttpServer`` → ``httpServer``."""
    whole = pascal(name)
    return whole[:1].lower() + whole[1:]


def in_snake_case(type_: t.Type) -> t.Type:
    """The type with its columns and variants renamed; special types keep their names."""
    match type_:
        case t.Array(element):
            return t.Array(in_snake_case(element))
        case t.Product(elements) if type_ not in v.SPECIAL and type_ != t.UUID:
            return t.Product(
                tuple(t.Element(x.name and snake(x.name), in_snake_case(x.type)) for x in elements)
            )
        case t.Sum(variants) if type_ != t.SCHEDULE_AT:
            return t.Sum(
                tuple(t.Variant(x.name and camel(x.name), in_snake_case(x.type)) for x in variants)
            )
    return type_
