"""``harness build``: a Python module as WebAssembly."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from harness.errors import PlanError, SchemaError, StoreError

if TYPE_CHECKING:
    from harness.module.compiler import Artefact

#: What ``--check`` returns for a module that runs natively and does not compile.
NATIVE_ONLY = 3


@click.command()
@click.argument("module")
@click.option("-o", "--out", type=click.Path(path_type=Path), default=Path("build"),
              show_default=True, metavar="DIR", help="Where the two files go.")  # fmt: skip
@click.option("--check", is_flag=True, help="Write nothing; say what would not compile.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def build(module: str, out: Path, check: bool, as_json: bool) -> int:
    """Compile a Python MODULE (a file, a package's folder or a dotted name) to WebAssembly.

    Writes NAME.wasm, made for real servers from 1.2 on, and NAME.module.json, its definition (V9).
    The same source gives the same bytes. If anything is wrong, nothing is written. The module is
    imported for it, which may take 30 seconds; what it prints goes to stderr.

    \b
    Examples:
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
    from harness.cli import compiling

    if check:
        return _check(module, as_json)
    started = time.perf_counter()
    loaded = compiling.valid(module)
    name = file_name(loaded.name)
    try:
        artefact = compiling.compiled(loaded)
    except SchemaError as error:
        raise SchemaError(
            f"{name} does not compile to WebAssembly; it runs natively, with harness start\n"
            f"{compiling.shortened(str(error))}"
        ) from None
    files = {
        out / f"{name}.wasm": artefact.wasm,
        out / f"{name}.module.json": definition_json(artefact),
    }
    write_all(files, out)
    facts = _facts(name, artefact, time.perf_counter() - started)
    if as_json:
        wasm, definition = map(str, files)
        click.echo(json.dumps({**facts, "wasm": wasm, "definition": definition}, indent=1))
    else:
        click.echo(_summary(facts, out / f"{name}.wasm"))
    return 0


def _check(what: str, as_json: bool) -> int:
    """Say what is wrong with a module, and give the exit code."""
    from harness.cli import compiling

    native, problems = False, ""
    try:
        loaded = compiling.valid(what)
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


def definition_json(artefact: Artefact) -> bytes:
    """The definition as tools for code generation take it."""
    from harness.wire import schema_json

    wrapped = {"V9": schema_json.to_v9(artefact.definition)}
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
    descriptor, name = tempfile.mkstemp(prefix=f".{path.name}-", dir=path.parent)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            os.fchmod(file.fileno(), 0o666 & ~_umask())
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


def _umask() -> int:
    """Which permissions new files do not get; it can only be read by setting it."""
    found = os.umask(0o077)
    os.umask(found)
    return found


def _facts(name: str, artefact: Artefact, seconds: float) -> dict[str, Any]:
    return {
        "module": name,
        "tables": len(artefact.definition.tables),
        "reducers": len(artefact.definition.reducers),
        "size_bytes": len(artefact.wasm),
        "sha256": hashlib.sha256(artefact.wasm).hexdigest(),
        "seconds": round(seconds, 3),
    }


def _summary(facts: dict[str, Any], path: Path) -> str:
    from harness.units import SECOND_NS, duration, size

    counts = ", ".join(
        f"{facts[f'{what}s']} {what}{'s' * (facts[f'{what}s'] != 1)}"
        for what in ("table", "reducer")
    )
    return (
        f"built {path}: {counts}, {size(facts['size_bytes'])} in "
        f"{duration(facts['seconds'] * SECOND_NS)}, sha256 {facts['sha256'][:12]}"
    )
