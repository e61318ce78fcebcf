"""``harness build``: a Python module as WebAssembly."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from harness.cli.arguments import Command, given
from harness.errors import PlanError, SchemaError, StoreError

if TYPE_CHECKING:
    from harness.module import Module
    from harness.module.compiler import Artefact
    from harness.wire.schema import ModuleDef

#: What ``--check`` returns for a module that runs natively and does not compile.
NATIVE_ONLY = 3


@click.command(cls=Command)
@click.argument("module", required=False)
@click.option("-p", "--module-path", type=click.Path(path_type=Path), metavar="DIR",
              help="The project's folder, if it is another one.")  # fmt: skip
@click.option("-o", "--out", type=click.Path(path_type=Path), metavar="DIR",
              help="Where the files go; `build` without this.")  # fmt: skip
@click.option("--lint-dir", metavar="DIR",
              help="Look at files below this one only; '' for none.")  # fmt: skip
@click.option("--native", is_flag=True, help="Write the definition alone, no WebAssembly.")
@click.option("-d", "--debug", is_flag=True, hidden=True)
@click.option("--check", is_flag=True, help="Write nothing; say what would not compile.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_context
def build(
    ctx: click.Context, module: str | None, module_path: Path | None, out: Path | None,
    lint_dir: str | None, native: bool, debug: bool, check: bool, as_json: bool,
) -> int:  # fmt: skip
    """Compile a Python MODULE (a file, a package's folder or a dotted name) to WebAssembly.

    Without MODULE it is that of the project here: the one that spacetime.json names, or that of
    the folder with pyproject.toml. All of its files are checked then, and its code for what would
    differ from server to server.

    Writes NAME.wasm, made for real servers from 1.2 on, and NAME.module.json, its definition (V9).
    The same source gives the same bytes. If anything is wrong, nothing is written. The module is
    imported for it, which may take 30 seconds; what it prints goes to stderr.

    \b
    Examples:
      harness build
      harness build -p ../chat --native
      harness build src/chat/main.py
      harness build src/chat -o dist
      harness build harness.module.bench --check

    \b
    Exit codes:
      0  built; with --check: it compiles
      1  not a valid module, or it does not compile, or it cannot be written
      2  the command line was not understood
      3  with --check: it runs natively (harness start), but does not compile
    """
    from harness.cli import building, compiling

    if module is not None and (module_path is not None or lint_dir is not None):
        raise click.UsageError("--module-path and --lint-dir are for projects, not for MODULE")
    started = time.perf_counter()
    if module is None:
        found = building.project_at(module_path)
        if isinstance(found, str):
            from harness.cli.official import hand_over

            return hand_over(found, given(ctx))
        out = out or found.root / "build"
        module = found.module
        if check:
            return _check(module, as_json, lambda _: building.valid(found, lint_dir).module)
        checked = building.valid(found, lint_dir)
        loaded, notes = checked.module, checked.warnings
    else:
        if check:
            return _check(module, as_json, compiling.valid)
        loaded, notes = compiling.valid(module), []
    out = out or Path("build")
    name = file_name(loaded.name)
    definition_file = out / f"{name}.module.json"
    if native:
        files = {definition_file: definition_json(loaded.definition())}
        facts = _facts(name, loaded.definition(), None, time.perf_counter() - started)
    else:
        artefact = _compiled(name, loaded)
        files = {
            out / f"{name}.wasm": artefact.wasm,
            definition_file: definition_json(artefact.definition),
        }
        facts = _facts(name, artefact.definition, artefact.wasm, time.perf_counter() - started)
    write_all(files, out)
    shown = {path.suffix[1:]: compiling.near(path) for path in files}
    if as_json:
        places = {"wasm": shown.get("wasm"), "definition": shown["json"]}
        more = {"warnings": compiling.as_records("\n".join(notes))} if notes else {}
        click.echo(json.dumps({**facts, **places, **more}, indent=1))
    else:
        click.echo(_summary(facts, shown.get("wasm") or shown["json"]))
    return 0


def _compiled(name: str, loaded: Module) -> Artefact:
    from harness.cli import compiling

    try:
        return compiling.compiled(loaded)
    except SchemaError as error:
        raise SchemaError(
            f"{name} does not compile to WebAssembly; it runs natively, with harness start; "
            f"--native writes its definition alone\n{compiling.shortened(str(error))}"
        ) from None


def _check(what: str, as_json: bool, valid: Callable[[str], Module]) -> int:
    """Say what is wrong with a module, and give the exit code."""
    from harness.cli import compiling

    native, problems = False, ""
    try:
        loaded = valid(what)
        native = True
        compiling.compiled(loaded)
    except SchemaError as error:
        problems = str(error)
    records = compiling.as_records(problems)
    if as_json:
        report = {"module": what, "native": native, "compiles": not problems, "problems": records}
        click.echo(json.dumps(report, indent=1, ensure_ascii=False))
    elif not problems:
        click.echo(f"{what} runs natively and compiles to WebAssembly")
    else:
        count = f"{len(records)} problem{'s' * (len(records) != 1)}"
        verdict = "runs natively, but does not compile" if native else "is not valid"
        click.echo(f"harness: {what} {verdict}: {count}\n{compiling.shortened(problems)}", err=True)
    if not problems:
        return 0
    return NATIVE_ONLY if native else 1


def file_name(name: str) -> str:
    """A module's name, which becomes those of files. Raises ``PlanError`` if it cannot."""
    if not name or name.startswith(".") or any(x in '/\\:*?"<>|' or x < " " for x in name):
        raise PlanError(f"the module's name {name!r} cannot be a file's; give it another one")
    return name


def definition_json(definition: ModuleDef) -> bytes:
    """The definition as tools for code generation take it."""
    from harness.wire import schema_json

    wrapped = {"V9": schema_json.to_v9(definition)}
    return json.dumps(wrapped, indent=1, ensure_ascii=False).encode() + b"\n"


def write_all(files: dict[Path, bytes], folder: Path) -> None:
    """Write all of the files or none; each is whole whenever somebody looks.

    Raises ``StoreError``.
    """
    made = [place for place in (folder, *folder.parents) if not place.exists()]
    temporary: dict[Path, Path] = {}
    replaced: list[tuple[Path, Path | None]] = []
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for path, data in files.items():
            if path.is_dir():
                raise IsADirectoryError(0, f"{path.name} there is a folder")
            temporary[path] = _beside(path, data)
        for path, ready in temporary.items():
            replaced.append((path, _aside(path)))
            ready.replace(path)
    except OSError as error:
        _take_back(replaced)
        why = "it is a file" if folder.is_file() else error.strerror or str(error)
        raise StoreError(f"cannot write to {folder}: {why}; name another folder with -o") from None
    finally:
        for ready in temporary.values():
            ready.unlink(missing_ok=True)
        for _, before in replaced:
            if before is not None:
                before.unlink(missing_ok=True)
        for place in made:
            try:
                place.rmdir()
            except OSError:  # it was never made, or it has what it was made for
                break


def _beside(path: Path, data: bytes) -> Path:
    """The data in a new file in the same folder, ready to take its place."""
    from harness.store.files import umask

    descriptor, name = tempfile.mkstemp(prefix=f".{path.name}-", dir=path.parent)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            os.fchmod(file.fileno(), 0o666 & ~umask())
    except BaseException:
        Path(name).unlink()
        raise
    return Path(name)


def _aside(path: Path) -> Path | None:
    """Another name for a file that is about to be replaced; None if there is none yet."""
    if not path.exists():
        return None
    descriptor, name = tempfile.mkstemp(prefix=f".{path.name}-before-", dir=path.parent)
    os.close(descriptor)
    before = Path(name)
    before.unlink()
    try:
        before.hardlink_to(path)
    except OSError:  # not every file system has links
        shutil.copy2(path, before)
    return before


def _take_back(replaced: list[tuple[Path, Path | None]]) -> None:
    """Put back what was there before, as far as the file system still lets us."""
    for path, before in replaced:
        try:
            if before is None:
                path.unlink(missing_ok=True)
            else:
                before.replace(path)
        except OSError:
            continue  # the first error is the one to tell


def _facts(name: str, definition: ModuleDef, wasm: bytes | None, seconds: float) -> dict[str, Any]:
    facts: dict[str, Any] = {
        "module": name,
        "tables": len(definition.tables),
        "reducers": len(definition.reducers),
    }
    for what in ("views", "procedures"):
        if getattr(definition, what):
            facts[what] = len(getattr(definition, what))
    if wasm is not None:
        facts |= {"size_bytes": len(wasm), "sha256": hashlib.sha256(wasm).hexdigest()}
    return {**facts, "seconds": round(seconds, 3)}


def _summary(facts: dict[str, Any], path: str) -> str:
    from harness.units import SECOND_NS, duration, size

    counts = ", ".join(
        f"{facts[f'{what}s']} {what}{'s' * (facts[f'{what}s'] != 1)}"
        for what in ("table", "reducer", "view", "procedure")
        if f"{what}s" in facts
    )
    took = duration(facts["seconds"] * SECOND_NS)
    if "sha256" not in facts:
        return f"built {path}: {counts}, in {took}"
    return (
        f"built {path}: {counts}, {size(facts['size_bytes'])} in {took}, "
        f"sha256 {facts['sha256'][:12]}"
    )
