"""``harness generate``: a schema → a typed Python package for its clients."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from harness.cli import generate_source as sources
from harness.cli import official
from harness.cli.asking import Where, options
from harness.errors import SchemaError
from harness.project.entries import FORMATTERS, ROW_CLASSES

if TYPE_CHECKING:
    from harness.cli.generate_plan import Target
    from harness.cli.generate_source import Source
    from harness.gen.generating import Package
    from harness.gen.placing import Placement

#: Names of the language that this command writes itself, in small letters.
PYTHON = frozenset({"python", "py"})


@click.command(context_settings={"max_content_width": 96})
@click.argument("database", required=False, metavar="[DATABASE]")
@click.option("-l", "--lang", default="python", show_default=True, metavar="LANG",
              help="`python` or `py`; any other is left to the official command.")  # fmt: skip
@click.option("-o", "--out-dir", type=click.Path(path_type=Path), metavar="DIR",
              help="Where the package goes; its name is the last part.")  # fmt: skip
@click.option("-p", "--module-path", metavar="MODULE",
              help="A Python module: a file, a folder, a dotted name; or a project.")  # fmt: skip
@click.option("-b", "--bin-path", type=click.Path(path_type=Path), metavar="FILE.wasm",
              help="A compiled module.")  # fmt: skip
@click.option("-j", "--js-path", type=click.Path(path_type=Path), metavar="FILE.js",
              help="A module's JavaScript bundle.")  # fmt: skip
@click.option("--module-def", metavar="FILE",
              help="A module definition in JSON, V9 or V10; - is the standard input.")  # fmt: skip
@click.option("--database", "named", metavar="NAME", help="A database that runs.")
@click.option("--row-class", type=click.Choice(ROW_CLASSES),
              help="What rows are instances of; msgspec without.")  # fmt: skip
@click.option("--include-private", is_flag=True, default=None, help="Private tables as well.")
@click.option("--format", "formatter", type=click.Choice(FORMATTERS),
              help="Run it, and isort; auto, as without: what is installed.")  # fmt: skip
@click.option("--check", is_flag=True, help="Write nothing; exit code 1 if something would change.")
@click.option("--dry-run", is_flag=True, help="Write nothing; say what would change.")
@click.option("--delete", is_flag=True, help="Delete stale generated files without asking.")
@click.option("--keep-stale", is_flag=True, help="Keep stale generated files.")
@click.option("--force", is_flag=True, help="Overwrite files that were not generated.")
@click.option("-y", "--yes", is_flag=True, help="Do not ask; delete stale generated files.")
@click.option("--json", "as_json", is_flag=True, help="Print a line of JSON for each package.")
@click.option("--namespace", hidden=True)
@click.option("--module-prefix", hidden=True)
@click.option("--uproject-dir", hidden=True)
@click.option("--unreal-module-name", hidden=True)
@options
def generate(
    database: str | None, lang: str, out_dir: Path | None, module_path: str | None,
    bin_path: Path | None, js_path: Path | None, module_def: str | None, named: str | None,
    row_class: str | None, include_private: bool | None, formatter: str | None, check: bool,
    dry_run: bool, delete: bool, keep_stale: bool, force: bool, yes: bool, as_json: bool,
    where: Where, **others: str | None,
) -> int:  # fmt: skip
    """Write typed Python packages for clients of a module or a database.

    Each `generate` entry of spacetime.json or pyproject.toml is a package; DATABASE chooses those
    of databases that fit, as in `world-*`, and flags come before what entries say. Without an entry
    it is the module of the project here, and the package goes to src/<package>/module_bindings if
    there is one package below src, else to module_bindings.

    With --server or --database the schema is that of a database that runs; so it is with a DATABASE
    where no configuration names any. Formatting is the same with and without a formatter; what is
    the same is not written again.

    \b
    Examples:
      harness generate                                  what the project says, or its module
      harness generate -p src/chat/main.py -o bindings
      harness generate chat -s local                    a database that runs
      harness generate --module-def module.json --row-class dataclass
      harness generate --check                          for CI

    \b
    Exit codes:
      0  everything is there, or with --dry-run would be
      1  the schema or the configuration is not valid, no schema can be had, files are in the way;
         with --check: something would change
      2  the command line was not understood
    """
    if lang.lower() not in PYTHON:
        return official.hand_over(lang, sys.argv[1:])
    for name, value in others.items():
        if value is not None:
            raise click.UsageError(f"--{name.replace('_', '-')} is not for Python")
    if delete and keep_stale:
        raise click.UsageError("give one of --delete and --keep-stale")
    if database is not None and named is not None and database != named:
        raise click.UsageError(f"two databases are named: {database} and {named}")
    from harness.cli import generate_plan as plan
    from harness.cli import generate_report as report
    from harness.gen import placing

    source = sources.given(module_path, bin_path, js_path, module_def)
    file = sources.by_suffix(database) if database is not None and where.server is None else None
    if file is not None and source is not None:
        flags = f"{sources.FLAGS[source.kind]} and {sources.FLAGS[file.kind]}"
        raise click.UsageError(f"give one source, not {flags}")
    found = plan.targets(
        plan.Flags(
            None if file is not None else database, named, file or source, out_dir, row_class,
            include_private, formatter,
        ),
        where,
    )  # fmt: skip
    for notice in found.notices:
        click.echo(notice, err=as_json)
    made = _made(found.targets, force=force)  # all of it, before the first file is written
    code = 0
    for one in made:
        if not as_json:
            for notice in one.package.notices:
                click.echo(notice)
        if check or dry_run:
            changed = report.compared(
                one.placement, one.package, check=check, keep=keep_stale, as_json=as_json
            )
            code = max(code, changed)
            continue
        placing.write(one.placement)
        deleted = report.stale(
            one.placement, delete=delete or yes, keep=keep_stale, as_json=as_json
        )
        report.report(one.placement, one.package, deleted=deleted, as_json=as_json)
    if not (check or dry_run or as_json):
        click.echo("Generate finished successfully.")
    return code


@dataclass(frozen=True, slots=True)
class _Made:
    package: Package
    placement: Placement


def _made(targets: tuple[Target, ...], *, force: bool) -> list[_Made]:
    """The packages of all targets, rendered, formatted and compared with what lies there."""
    from harness.cli import generate_report as report
    from harness.gen import formatting, placing
    from harness.gen.generating import package
    from harness.gen.planning import Options

    # What cannot be written is told before anything is built or asked for.
    folders = [placing.checked_folder(x.folder, *x.around) for x in targets]
    schemas: dict[Source, Any] = {}
    made = []
    for target, folder in zip(targets, folders, strict=True):
        if target.source not in schemas:
            schemas[target.source] = target.source.json()
        options = Options(target.row_class, target.include_private, target.rename)
        where = f"{report.shown(folder)}: " if len(targets) > 1 else ""
        try:
            found = package(schemas[target.source], options)
        except SchemaError as error:
            raise SchemaError(f"{where}{report.told(str(error))}") from None
        files, problems = formatting.formatted(
            found.files, target.formatter, placing.present(folder)
        )
        for problem in (*found.warnings, *problems):
            click.echo(f"harness: warning: {where}{problem}", err=True)
        made.append(_Made(found, placing.place(folder, files, force=force)))
    return made
