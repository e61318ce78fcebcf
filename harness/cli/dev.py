"""``harness dev``: build, publish, generate and run again whenever a file changes."""

from __future__ import annotations

import shlex
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import click

from harness.cli.arguments import Command, given
from harness.cli.asking import Where, options
from harness.cli.publish import DELETING
from harness.errors import PlanError, StoreError

if TYPE_CHECKING:
    from harness.cli.asking import Place
    from harness.cli.dev_loop import Program, Step
    from harness.project.configuration import Configuration
    from harness.project.detection import Project

_CLEARING = ("-c", "--delete-data", "--clear-database")
#: Which spacetime.ENV.json is read without --env.
_ENVIRONMENT = "dev"


@click.command(
    cls=Command, optional={**dict.fromkeys(_CLEARING, "always"), "-y": "all", "--yes": "all"}
)
@click.argument("database", required=False)
@click.option("--project-path", type=click.Path(path_type=Path), metavar="DIR",
              help="The project's folder, if it is another one.")  # fmt: skip
@click.option("--module-path", type=click.Path(path_type=Path), metavar="DIR",
              help="The folder with the module, if it is not the project's.")  # fmt: skip
@click.option("--module-bindings-path", type=click.Path(path_type=Path), metavar="DIR",
              help="Where the client's bindings go.")  # fmt: skip
@click.option("--client-lang", metavar="LANGUAGE", help="Of the bindings; python without.")
@click.option("--run", "command", metavar="COMMAND",
              help="The client; as spacetime.json says, or `python -m PACKAGE`.")  # fmt: skip
@click.option("--server-only", is_flag=True, help="Run no client.")
@click.option("--skip-publish", is_flag=True, help="Publish nothing.")
@click.option("--skip-generate", is_flag=True, help="Generate no bindings.")
@click.option(*_CLEARING, "deleting", type=click.Choice(DELETING), default="on-conflict",
              metavar="[=always|on-conflict|never]",
              help="When the database's data is deleted; asks.")  # fmt: skip
@click.option("-y", "--yes", "agreed_to", metavar="[=…]", default="", help="Do not ask.")
@options
@click.pass_context
def dev(
    ctx: click.Context, database: str | None, project_path: Path | None, module_path: Path | None,
    module_bindings_path: Path | None, client_lang: str | None, command: str | None,
    server_only: bool, skip_publish: bool, skip_generate: bool, deleting: str, agreed_to: str,
    where: Where,
) -> None:  # fmt: skip
    """Build, publish, generate the bindings and run the client; do it again after each change.

    What fails is told, and what ran before goes on. The client is told by SPACETIMEDB_HOST and
    SPACETIMEDB_DB_NAME where the database is; `.env.local` has them for other tools, beside what
    you keep in it. spacetime.dev.json is read, too.

    \b
    Examples:
      harness start &
      harness dev
      harness dev chat --server-only --delete-data=never

    \b
    Exit codes:
      1    there is no project here, or no database is named
      2    the command line was not understood
      130  ended by Ctrl-C; nothing that was started is left
    """
    import os
    from dataclasses import replace

    from harness.cli import asking, building, dev_loop, generate_plan
    from harness.cli.signals import ended_by_signals
    from harness.project import languages, watching

    if project_path is not None:
        try:
            os.chdir(project_path)
        except OSError as error:
            raise PlanError(f"cannot use {project_path}: {error.strerror}") from None
    where = replace(where, environment=where.environment or _ENVIRONMENT)
    configuration = asking.configuration(where)
    # The steps run elsewhere.
    module_path = None if module_path is None else Path(os.path.abspath(module_path))
    project = building.project_at(module_path, configuration)
    client = languages.named(client_lang or "python", languages.CLIENTS)
    if isinstance(project, str) or client != languages.PYTHON:
        from harness.cli.official import hand_over

        other = project if isinstance(project, str) else client
        sys.exit(hand_over(other, given(ctx)))
    place = _place(database, where, project, configuration)
    _tell_others(place, project)
    run = [] if server_only else _client(project, place, command, configuration)
    output = None if module_bindings_path is None else module_bindings_path.absolute()
    entries = generate_plan.folders(where)
    steps = _steps(
        project, place, where,
        _wanted(where, place, configuration, None if module_path is None else project, output),
        deleting=deleting, agreed_to=agreed_to, skip_publish=skip_publish,
        # Bindings without a place or a client are of no use to anybody.
        skip_generate=skip_generate or not (run or output or entries),
    )  # fmt: skip
    generated = entries | {output or project.folder / generate_plan.BINDINGS}
    loop = dev_loop.Loop(
        steps, dev_loop.command, lambda: watching.snapshot(project.root, generated),
        time.monotonic, time.sleep, restarted=run,
        started=[] if skip_publish else [_log(place, where)],
    )  # fmt: skip
    # Each step is about the project or the configuration that it is started in.
    os.chdir(configuration.folder if configuration and configuration.files else project.root)
    with ended_by_signals():
        loop.run()


def _place(
    database: str | None, where: Where, project: Project, configuration: Configuration | None
) -> Place:
    """The database, whose name is the package's if nothing else is said."""
    from harness.cli import asking

    known = configuration is not None and configuration.named
    if database is None and not known:
        database = project.package.replace("_", "-")
    return asking.database(database, where)


def _tell_others(place: Place, project: Project) -> None:
    """Leave in .env.local where the database is; if that cannot be, it is told, and dev goes on."""
    from harness.project import env_local

    try:
        env_local.update(project.root, place.uri, place.database)
    except StoreError as error:
        click.echo(f"dev: {error}", err=True)


def _wanted(
    where: Where, place: Place, configuration: Configuration | None, project: Project | None,
    output: Path | None,
) -> list[str]:  # fmt: skip
    """What ``generate`` is told: the same configuration, and what was said here."""
    found = []
    if where.no_config:
        found.append("--no-config")
    else:
        found += ["--env", str(where.environment)]
        known = configuration.named if configuration is not None else ()
        if any(x.name == place.database for x in known):
            found.append(place.database)
    if project is not None:
        found += ["-p", str(project.root)]
    if output is not None:
        found += ["-o", str(output)]
    return found


def _steps(
    project: Project, place: Place, where: Where, wanted: list[str], *,
    deleting: str, agreed_to: str, skip_publish: bool, skip_generate: bool,
) -> list[Step]:  # fmt: skip
    from harness.cli.dev_loop import Step
    from harness.client import servers

    root = str(project.root)
    steps = [Step("build", ("--native", "-p", root))]
    if not skip_publish:
        how = [f"--delete-data={deleting}", *([f"--yes={agreed_to}"] if agreed_to else [])]
        if servers.is_local(place.uri):
            how.append("--break-clients")  # its own client is started anew after each change
        if where.anonymous:
            how.append("--anonymous")
        steps.append(
            Step("publish", (place.database, "-p", root, "-s", place.uri, "--no-config", *how))
        )
    if not skip_generate:
        steps.append(Step("generate", ("--lang", "python", "-y", *wanted)))
    return steps


def _client(
    project: Project, place: Place, command: str | None, configuration: Configuration | None
) -> list[Program]:
    """The client's process; none if there is nothing to run."""
    from harness.cli.dev_loop import Program

    found = command
    if found is None and configuration is not None:
        found = configuration.run
    if found is None:
        if not (project.folder / "__main__.py").is_file():
            return []
        found = f"python -m {project.package}"
    try:
        words = shlex.split(found)
    except ValueError as error:
        raise PlanError(f"the client's command {found!r} is none: {error}") from None
    if not words:
        raise PlanError("the client's command is empty")
    if words[0] in ("python", "python3"):
        words[0] = sys.executable  # the one that has the project's requirements
    environment = {
        "SPACETIMEDB_HOST": place.uri,
        "SPACETIMEDB_DB_NAME": place.database,
        # What the client prints is seen when it is printed, and it runs without being installed.
        "PYTHONUNBUFFERED": "1",
        "PYTHONPATH": _with_source(project),
    }
    return [Program(words, project.root, environment)]


def _with_source(project: Project) -> str:
    import os

    before = os.environ.get("PYTHONPATH")
    return f"{project.source}{os.pathsep}{before}" if before else str(project.source)


def _log(place: Place, where: Where) -> Program:
    """What prints the database's log from now on."""
    from harness.cli.dev_loop import Program

    more = ["--anonymous"] if where.anonymous else []
    arguments = [
        sys.executable, "-m", "harness", "logs", place.database, "-s", place.uri, "--no-config",
        "-f", "-n", "0", *more,
    ]  # fmt: skip
    return Program(arguments, Path.cwd(), quiet=True)
