"""The project that a command is about, checked as a whole before it is built."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

from harness.errors import PlanError, SchemaError

if TYPE_CHECKING:
    from harness.module import Module
    from harness.project.checking import Problem
    from harness.project.configuration import Configuration
    from harness.project.detection import Project

#: Where the official command keeps a project's module.
MODULE_FOLDER = "spacetimedb"


@dataclass(frozen=True, slots=True)
class Checked:
    """A module that can be built, and what is to be said about it: ``file:line: warning: …``."""

    module: Module
    warnings: list[str]


def project_at(folder: Path | None, configuration: Configuration | None = None) -> Project | str:
    """The Python project in a folder, or the name of the other language that its module has.

    Without a folder it is where spacetime.json says, else ``spacetimedb`` below the working
    directory, else the working directory. Raises ``PlanError`` if there is none.
    """
    from harness.project import detection, languages

    found = folder or _configured(configuration) or Path.cwd()
    if folder is None and found == Path.cwd() and languages.of_module(found) is None:
        below = found / MODULE_FOLDER
        found = below if below.is_dir() else found
    language = languages.of_module(found) if found.is_dir() else None
    if language not in (None, languages.PYTHON):
        return str(language)
    return detection.project_in(found)


def _configured(configuration: Configuration | None) -> Path | None:
    """The folder of the module that spacetime.json names first."""
    from harness.project import configuration as configurations

    found = configuration or configurations.load(Path.cwd())
    if found is None:
        return None
    paths = (database.path("module-path") for database in found.databases)
    return next((path for path in paths if path is not None), None)


def valid(project: Project, lint_dir: str | None = None) -> Checked:
    """The project's module, loaded and checked, with all of its files; warnings go to stderr.

    ``lint_dir`` is the folder below which its code is looked at, its package without one, nothing
    if it is empty. Raises ``SchemaError`` with a line for each problem, and ``PlanError`` if there
    is no such folder.
    """
    from harness.cli import compiling
    from harness.module.loading import load_from
    from harness.project import checking

    wrong = checking.syntax(project.folder)
    if wrong:
        raise SchemaError(_told(wrong))
    finding = checking.lint(project, _lint_folder(project, lint_dir))
    notes = [f"{_place(x)}: warning: {x.message}" for x in finding.warnings]
    for note in notes:
        click.echo(note, err=True)
    problems = [_told(finding.errors)] if finding.errors else []
    try:
        # No function of ours: what stops the import is looked for in the first file that is not.
        module = compiling.valid(project.module, partial(load_from, project.source))
    except SchemaError as error:
        problems.append(str(error))
    if problems:
        raise SchemaError("\n".join(problems))
    if module.name == project.module.rpartition(".")[2]:
        # Every project's file is called main: the package is what tells modules apart.
        module.name = project.package
    return Checked(module, notes)


def _lint_folder(project: Project, lint_dir: str | None) -> Path | None:
    if lint_dir is None:
        return project.folder
    if not lint_dir:
        return None
    folder = project.root / lint_dir
    if not folder.is_dir():
        raise PlanError(f"--lint-dir: there is no folder {lint_dir} in {project.root}")
    return folder


def _told(problems: list[Problem]) -> str:
    return "\n".join(f"{_place(problem)}: {problem.message}" for problem in problems)


def _place(problem: Problem) -> str:
    from harness.cli import compiling

    return f"{compiling.near(problem.file)}:{problem.line}"
