"""From the JSON of a schema to the text of a package."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from harness.errors import SchemaError
from harness.gen.planning import Options, Planner
from harness.gen.reading import read
from harness.gen.rendering import render
from harness.wire.schema import ModuleDef


@dataclass(frozen=True, slots=True)
class Package:
    """A generated package: text by file name, and what there is to be said about it.

    Names of files in packages of submodules have slashes; what is counted is counted there, too.
    """

    files: dict[str, str]
    tables: int
    reducers: int
    procedures: int
    types: int
    notices: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()


def package(json: Any, options: Options | None = None) -> Package:
    """The package for a module definition, V9 or V10, as parsed JSON.

    Raises ``SchemaError`` with a line for each problem, all of them at once.
    """
    module, warnings = read(json)
    return package_of(module, options, warnings)


def package_of(
    module: ModuleDef, options: Options | None = None, warnings: list[str] | None = None
) -> Package:
    """The package for a definition that was checked. Raises ``SchemaError`` for clashing names."""
    planner = Planner(module, options or Options())
    plan = planner.run()
    if planner.problems:
        raise SchemaError("\n".join(dict.fromkeys(planner.problems)))
    plans = plan.all_of_them()
    return Package(
        render(plan),
        sum(len(x.tables) for x in plans), sum(len(x.reducers) for x in plans),
        sum(len(x.procedures) for x in plans), sum(len(x.types) for x in plans),
        tuple(plan.notices), (*(warnings or ()), *plan.warnings),
    )  # fmt: skip
