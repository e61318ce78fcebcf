"""Sums that are written as Python writes them: ``Shape: TypeAlias = Circle | Box``.

A union does not know what it is called. The name is found where it is bound: in the files that
declare its classes, or what uses it.
"""

from __future__ import annotations

import dataclasses
import sys
import types
import typing
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, TypeAlias, Union

from harness.module.registry import Module, SumType, place_of

#: The classes of a union -> the sum that it is, with its name and its order.
Named: TypeAlias = dict[frozenset[type[Any]], SumType]


def named(module: Module) -> Named:
    """The unions of ``@product`` classes that have a name somewhere in the module's files.

    Of several names it is the first in the file of the union's first class, or else in that of the
    first function or table that could mean it.
    """
    found: Named = {}
    for namespace in _namespaces(module):
        for name, value in _unions(namespace):
            first, key = typing.get_args(value)[0], frozenset(typing.get_args(value))
            if key not in found:
                home = vars(sys.modules.get(first.__module__, types.ModuleType("")))
                # Unions are equal in whatever order they are written: the name's own order counts.
                at_home = ((x, other) for x, other in _unions(home) if other == value)
                name, value = next(at_home, (name, value))
                found[key] = SumType(name, typing.get_args(value), place_of(first))
    return found


def sums(module: Module) -> dict[frozenset[type[Any]], tuple[str, tuple[type[Any], ...]]]:
    """The same as ``TypeBuilder.unions`` wants them: name and classes."""
    return {key: (x.name, x.classes) for key, x in named(module).items()}


def _namespaces(module: Module) -> Iterator[Mapping[str, Any]]:
    """What the files of the module have by name, each once."""
    seen: set[int] = set()
    for namespace in _all(module):
        if id(namespace) not in seen:
            seen.add(id(namespace))
            yield namespace


def _all(module: Module) -> Iterable[Mapping[str, Any]]:
    for function in module.functions:
        yield getattr(function.function, "__globals__", {})
    for table in module.tables:
        if table.row.__module__ in sys.modules:
            yield vars(sys.modules[table.row.__module__])


def _unions(namespace: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    for name, value in list(namespace.items()):
        if typing.get_origin(value) in (Union, types.UnionType) and all(
            isinstance(x, type) and dataclasses.is_dataclass(x) for x in typing.get_args(value)
        ):
            yield name, value
