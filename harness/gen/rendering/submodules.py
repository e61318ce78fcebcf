"""What each file of a package says of its submodules."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from harness.gen import plan as p
from harness.gen.layout import Group, Pair, docstring, imports, quoted, render, sorted_modules


def with_any(plan: p.Plan, has: Callable[[p.Plan], object]) -> list[p.SubmoduleItem]:
    """The submodules that have something, or have one inside that has."""
    return [x for x in plan.submodules if any(has(y) for y in x.plan.all_of_them())]


def imported(module: str, items: Iterable[p.SubmoduleItem], name: str | None = None) -> list[str]:
    """Imports of a module of each, or of a name in it, by its alias."""
    if name is not None:
        return [imports(f".{x.name}.{module}", [f"{name} as {x.alias}"]) for x in items]
    return [imports(f".{x.name}", [f"{module} as {x.alias}"]) for x in items]


def local(lines: Iterable[str]) -> list[str]:
    """Imports of the package itself, sorted as isort does it."""
    return sorted(lines, key=lambda line: sorted_modules(line.split()[1]))


def members(items: Iterable[p.SubmoduleItem], class_: str) -> list[str]:
    """An attribute for each."""
    return [f"    {x.name}: {x.alias}.{class_}" for x in items]


def mapping(items: Iterable[p.SubmoduleItem], name: str) -> Group:
    """What is in each of them, by its name."""
    return Group("{", tuple(Pair(f"{quoted(x.name)}: ", f"{x.alias}.{name}") for x in items), "}")


def classes(items: list[p.SubmoduleItem], class_: str) -> list[str]:
    """The lines by which a base class knows them."""
    if not items:
        return []
    return [render(mapping(items, class_), 4, "_submodules = ")]


def described(sentence: str, items: Iterable[p.SubmoduleItem]) -> str:
    """A docstring, with a sentence for each whose name in Python is not that of the module."""
    notes = [
        f"The submodule ``{x.name}`` is {quoted(x.namespace)} in the module."
        for x in items
        if x.name != x.namespace
    ]
    return docstring([sentence, "", *notes] if notes else [sentence])
