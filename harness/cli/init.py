"""``harness init``: a new project."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from harness.cli.arguments import Command, given
from harness.cli.signals import ended_by_signals
from harness.errors import PlanError

if TYPE_CHECKING:
    from harness.project.names import Names


@click.command(cls=Command)
@click.argument("name", metavar="[NAME]", required=False)
@click.option("-l", "--lang", metavar="LANGUAGE",
              help="python (or py); rust, csharp, typescript, cpp by `spacetime`.")  # fmt: skip
@click.option("-t", "--template", is_flag=False, flag_value="", metavar="[ID]",
              help="One of the official templates, by `spacetime`.")  # fmt: skip
@click.option("--project-path", type=click.Path(path_type=Path), metavar="DIR",
              help="Where it goes; ./NAME without this.")  # fmt: skip
@click.option("--server-only", is_flag=True,
              help="Only the module, without a client; may join files that are there.")  # fmt: skip
@click.option("--local", is_flag=True, help="For a server on this machine (the default).")
@click.option("--non-interactive", is_flag=True, help="Ask nothing.")
@click.option("--native-aot", is_flag=True, hidden=True)
@click.option("--dotnet-version", hidden=True)
@click.pass_context
def init(
    ctx: click.Context, name: str | None, lang: str | None, template: str | None,
    project_path: Path | None, server_only: bool, local: bool, non_interactive: bool,
    native_aot: bool, dotnet_version: str | None,
) -> int:  # fmt: skip
    """Create a project NAME: a module in Python, a client for it, and what pip needs.

    The name becomes my-app for pip and as the database, and my_app for Python. The folder must be
    empty or new; nothing is written before everything has been checked, and all of it or nothing.

    \b
    Examples:
      harness init --lang python my-app
      harness init my-app -l py --project-path ~/code/my-app
      harness init my-app -l py --server-only --project-path .

    \b
    Exit codes:
      0  created
      1  not created; told in one sentence
      2  the command line was not understood
    """
    from harness.project import languages

    if lang is not None and template is not None:
        raise click.UsageError("--lang and --template exclude each other")
    if template is not None:
        return _official(ctx, "a template")
    may_ask = not non_interactive and sys.stdin.isatty()
    language = languages.named(lang or _asked_for("language", "--lang python", may_ask, "python"))
    if language != languages.PYTHON:
        return _official(ctx, language)
    if native_aot or dotnet_version is not None:
        raise click.UsageError("--native-aot and --dotnet-version are for csharp alone")
    _create(name or _asked_for("name", "NAME", may_ask, "my-app"), project_path, server_only)
    return 0


def _create(name: str, project_path: Path | None, server_only: bool) -> None:
    from harness.project import names, placing, template

    safe = names.safe(name)
    folder = _folder(project_path or Path(safe.distribution))
    files = template.files(safe, server_only=server_only)
    placing.check(folder, files, beside_others=server_only)
    with ended_by_signals():
        placing.place(folder, files)
    if shutil.which("git") is None:
        click.echo("harness: git is not on PATH; the project is complete without it", err=True)
    click.echo(_told(safe, folder, server_only))


def _folder(path: Path) -> Path:
    try:
        return path.expanduser().absolute()
    except RuntimeError as error:  # a ~ of somebody who is not there
        raise PlanError(f"cannot find {path}: {error}") from None


def _told(safe: Names, folder: Path, server_only: bool) -> str:
    steps = ["pip install -e .", "harness build", "harness start &", "harness publish"]
    if not server_only:
        steps += ["harness generate --lang python", f"python -m {safe.package}.client"]
    try:
        shown = str(folder.relative_to(Path.cwd()))
    except ValueError:
        shown = str(folder)
    enter = [] if shown == "." else [f"cd {shown}"]
    lines = "".join(f"\n  {step}" for step in [*enter, *steps])
    return f"created {safe.distribution} in {folder}; next:{lines}"


def _asked_for(what: str, how: str, may_ask: bool, default: str) -> str:
    """What was left out, from somebody who can be asked. Raises ``PlanError`` if nobody can."""
    if not may_ask:
        raise PlanError(f"the project's {what} is missing; give it as {how}")
    answer: str = click.prompt(f"The project's {what}", default=default, err=True)
    return answer


def _official(ctx: click.Context, what: str) -> int:
    from harness.cli.official import hand_over

    # The official command has the long form alone.
    arguments = ["--lang" if x == "-l" else x for x in given(ctx)]
    return hand_over(what, arguments)
