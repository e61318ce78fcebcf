"""``harness generate``: a schema → a typed Python package for its clients."""

from __future__ import annotations

import asyncio
import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from harness.cli import official
from harness.errors import PlanError, SchemaError
from harness.project import detection

if TYPE_CHECKING:
    from harness.gen.generating import Package
    from harness.gen.placing import Placement

#: Names of the language that this command writes itself, in small letters.
PYTHON = frozenset({"python", "py"})
_ROW_CLASSES = ("msgspec", "dataclass", "attrs")
_FORMATS = ("auto", "black", "autopep8", "ruff", "none")


@click.command(context_settings={"max_content_width": 96})
@click.argument("database", required=False, metavar="[DATABASE]")
@click.option("-l", "--lang", default="python", show_default=True, metavar="LANG",
              help="`python` or `py`; any other is left to the official tool.")  # fmt: skip
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
@click.option("-s", "--server", metavar="URI", help="The server of a database: `local` or a URI.")
@click.option("--database", "named", metavar="NAME", help="The same as DATABASE.")
@click.option("--row-class", type=click.Choice(_ROW_CLASSES), default="msgspec", show_default=True,
              help="What rows are instances of.")  # fmt: skip
@click.option("--include-private", is_flag=True, help="Private tables as well.")
@click.option("--format", "formatter", type=click.Choice(_FORMATS), default="auto",
              show_default=True, help="Run it, and isort; auto: what is installed.")  # fmt: skip
@click.option("--check", is_flag=True, help="Write nothing; exit code 1 if something would change.")
@click.option("--dry-run", is_flag=True, help="Write nothing; say what would change.")
@click.option("--delete", is_flag=True, help="Delete stale generated files without asking.")
@click.option("--keep-stale", is_flag=True, help="Keep stale generated files.")
@click.option("--force", is_flag=True, help="Overwrite files that were not generated.")
@click.option("-y", "--yes", is_flag=True, help="Do not ask; delete stale generated files.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.option("--namespace", hidden=True)
@click.option("--module-prefix", hidden=True)
@click.option("--uproject-dir", hidden=True)
@click.option("--unreal-module-name", hidden=True)
def generate(
    database: str | None, lang: str, out_dir: Path | None, module_path: str | None,
    bin_path: Path | None, js_path: Path | None, module_def: str | None, server: str | None,
    named: str | None, row_class: str, include_private: bool, formatter: str, check: bool,
    dry_run: bool, delete: bool, keep_stale: bool, force: bool, yes: bool, as_json: bool,
    **others: str | None,
) -> int:  # fmt: skip
    """Write a typed Python package for clients of a module or DATABASE.

    Without a source it is the module of the project here (pyproject.toml). The package goes to
    src/<package>/module_bindings if there is one package below src, else to module_bindings.
    Formatting is the same with and without a formatter; what is the same is not written again.

    \b
    Examples:
      harness generate                                  the project's own module
      harness generate -p src/chat/main.py -o bindings
      harness generate chat -s http://127.0.0.1:3000    a live database
      harness generate --module-def module.json --row-class dataclass
      harness generate --check                          for CI

    \b
    Exit codes:
      0  everything is there, or with --dry-run would be
      1  the schema is not valid, files are in the way; with --check: something would change
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
    source = _Source(module_path, bin_path, js_path, module_def, server, named or database)
    source = source.by_suffix().checked()
    from harness.gen import formatting, placing
    from harness.gen.generating import package
    from harness.gen.planning import Options

    root = _root()
    folder = placing.checked_folder(out_dir or _default_folder(root), root)
    options = Options(row_class, include_private, _renames(root))
    try:
        found = package(source.json(root), options)
    except SchemaError as error:
        raise SchemaError(_told(str(error))) from None
    for warning in found.warnings:
        click.echo(f"harness: warning: {warning}", err=True)
    files, problems = formatting.formatted(found.files, formatter, placing.present(folder))
    for problem in problems:
        click.echo(f"harness: warning: {problem}", err=True)
    placement = placing.place(folder, files, force=force)
    if not as_json:
        for notice in found.notices:
            click.echo(notice)
    if check or dry_run:
        return _compared(placement, found, check=check, as_json=as_json)
    placing.write(placement)
    deleted = _stale(placement, delete=delete or yes, keep=keep_stale, as_json=as_json)
    _report(placement, found, deleted, as_json)
    return 0


# --- where the schema is from ---------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Source:
    module: str | None
    compiled: Path | None
    bundle: Path | None
    definition: str | None
    server: str | None
    database: str | None

    def by_suffix(self) -> _Source:
        """A file that is named where a database could be is taken as what it is."""
        name = self.database
        if name is None or self.server is not None:
            return self
        if name.endswith((".py",)) or ("/" in name and Path(name).is_dir()):
            return _Source(self.module or name, *self._rest())
        if name.endswith(".wasm"):
            return _Source(self.module, self.compiled or Path(name), *self._rest()[1:])
        if name.endswith(".json"):
            rest = self._rest()
            return _Source(self.module, rest[0], rest[1], self.definition or name, None, None)
        return self

    def _rest(self) -> tuple[Path | None, Path | None, str | None, None, None]:
        return self.compiled, self.bundle, self.definition, None, None

    def checked(self) -> _Source:
        """Raises ``UsageError`` for several sources at once."""
        given = {
            "--module-path": self.module,
            "--bin-path": self.compiled,
            "--js-path": self.bundle,
            "--module-def": self.definition,
            "a database": self.database or self.server,
        }
        names = [name for name, value in given.items() if value is not None]
        if len(names) > 1:
            raise click.UsageError(f"give one source, not {' and '.join(names)}")
        if self.server is not None and self.database is None:
            raise click.UsageError("--server needs the database: --database NAME")
        return self

    def json(self, root: Path | None) -> Any:
        """The schema. Raises ``SchemaError``, ``PlanError`` and ``ConnectError``."""
        from harness.cli import extracting
        from harness.gen import sources

        if self.definition is not None:
            return sources.from_file(self.definition)
        if self.compiled is not None or self.bundle is not None:
            return sources.from_compiled(self.compiled or self.bundle or Path())
        if self.module is not None and _is_project(Path(self.module)):
            root = Path(self.module).resolve()
        elif self.module is not None:
            folders = [x for x in (Path("src"), Path()) if x.is_dir()]
            return extracting.definition_of(self.module, [x.resolve() for x in folders])
        if self.database is not None:
            return asyncio.run(self._served())
        if root is None:
            raise PlanError(
                "there is nothing to generate from: name a module (-p), a compiled one (-b), a"
                " definition (--module-def) or a database, or run this in a Python project (no"
                f" pyproject.toml or setup.py found in {Path.cwd()})"
            )
        project = detection.project_in(root)
        return extracting.definition_of(project.module, [project.source])

    async def _served(self) -> Any:
        from harness.client import credentials
        from harness.client.servers import server_uri
        from harness.gen import sources

        uri = server_uri(self.server or "local")
        found = credentials.from_environment() or credentials.kept(uri)
        token = None if found is None else found.token
        return await sources.from_server(uri, self.database or "", token)


# --- the project around us ------------------------------------------------------------------------


def _root() -> Path | None:
    """The nearest folder with a Python project, from here upwards."""
    here = Path.cwd()
    for folder in (here, *here.parents):
        if (folder / "pyproject.toml").is_file() or (folder / "setup.py").is_file():
            return folder
    return None


def _is_project(folder: Path) -> bool:
    """Whether a folder is a project's, and no package itself."""
    files = ("pyproject.toml", "setup.py")
    return any((folder / x).is_file() for x in files) and not (folder / "__init__.py").exists()


def _renames(root: Path | None) -> dict[str, str]:
    found = {} if root is None else detection.tool_settings(root).get("rename", {})
    if not isinstance(found, dict) or not all(isinstance(x, str) for x in found.values()):
        raise PlanError(
            "[tool.harness.rename] in pyproject.toml maps paths to names, such as"
            ' "table:user.class" = "kind"'
        )
    return found


def _default_folder(root: Path | None) -> Path:
    """In the project's package, or right here if there is none."""
    try:
        folder = Path() if root is None else detection.project_in(root).folder
    except PlanError:
        folder = Path()
    return folder / "module_bindings"


# --- what is told ---------------------------------------------------------------------------------


def _told(problems: str) -> str:
    lines = problems.splitlines()
    if len(lines) == 1:
        return problems
    from harness.cli.compiling import shortened

    return f"the schema is not valid: {len(lines)} problems\n{shortened(problems)}"


def _stale(placement: Placement, *, delete: bool, keep: bool, as_json: bool) -> bool:
    """Decide what becomes of stale files; whether they were deleted."""
    from harness.gen import placing

    if not placement.stale:
        return False
    said = click.echo if not as_json else (lambda text: click.echo(text, err=True))
    if not delete and not keep and not sys.stdin.isatty():
        keep = True
        click.echo(
            "harness: warning: stale generated files are kept; --delete deletes them", err=True
        )
    said(
        "The following files were not generated by this command"
        f"{' and will be deleted' if not keep else ''}:"
    )
    for name in placement.stale:
        said(f"  {placement.folder / name}")
    if keep:
        return False
    if not delete and not click.confirm("Are you sure you want to delete these files?", err=True):
        said("Files not deleted.")
        return False
    placing.delete(placement)
    return True


def _compared(placement: Placement, found: Package, *, check: bool, as_json: bool) -> int:
    """Say what would change; with ``check`` a change is exit code 1."""
    from harness.gen import placing

    code = 1 if check and not placement.nothing else 0
    if as_json:
        click.echo(json.dumps(_facts(placement, found, deleted=False), indent=1))
        return code
    for line in placing.differences(placement):
        click.echo(line)
    if placement.nothing:
        click.echo(f"{_shown(placement.folder)} is up to date: {_counts(found)}")
    else:
        click.echo(
            f"{_shown(placement.folder)}: {len(placement.written)} files would be written,"
            f" {len(placement.stale)} deleted"
        )
    return code


def _report(placement: Placement, found: Package, deleted: bool, as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps(_facts(placement, found, deleted=deleted), indent=1))
        return
    click.echo(
        f"{_shown(placement.folder)}: {_counts(found)}; {len(placement.written)} files written,"
        f" {len(placement.same)} unchanged"
    )
    click.echo("Generate finished successfully.")


def _facts(placement: Placement, found: Package, *, deleted: bool) -> dict[str, Any]:
    return {
        "folder": str(placement.folder),
        "tables": found.tables,
        "reducers": found.reducers,
        "procedures": found.procedures,
        "types": found.types,
        "written": sorted(placement.written),
        "unchanged": sorted(placement.same),
        "stale": placement.stale,
        "deleted": placement.stale if deleted else [],
        "notices": list(found.notices),
        "warnings": list(found.warnings),
    }


def _counts(found: Package) -> str:
    parts = [(found.tables, "table"), (found.reducers, "reducer")]
    parts += [(found.procedures, "procedure")] if found.procedures else []
    return ", ".join(f"{count} {word}{'s' * (count != 1)}" for count, word in parts)


def _shown(folder: Path) -> str:
    try:
        return str(folder.relative_to(Path.cwd()))
    except ValueError:
        return str(folder)
