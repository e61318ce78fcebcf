"""What is published: a Python module, or bytes that somebody has built."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from harness.errors import PlanError, SchemaError

if TYPE_CHECKING:
    from harness.module import Module
    from harness.project.detection import Project

#: The first bytes of a core module; those of a component, which servers do not run.
CORE = b"\0asm\x01\0\0\0"
COMPONENT = b"\0asm\x0d\0\x01\0"


@dataclass(frozen=True)
class PythonSource:
    """A module in Python. ``spec`` names it as ``harness.module.load`` takes it."""

    spec: str
    load: Callable[[], Module] = field(repr=False)
    host_type: str = "Wasm"

    @cached_property
    def module(self) -> Module:
        """The module, loaded and checked. Raises ``SchemaError`` with the places."""
        return self.load()

    def check(self) -> None:
        """Raises ``SchemaError`` if no server could run it."""
        _ = self.module

    def program(self, uri: str) -> tuple[str, bytes]:
        """The content type and the bytes of its source, as our own server takes them."""
        from harness.module import collecting
        from harness.module.program import CONTENT_TYPE

        return CONTENT_TYPE, collecting.collect(self.spec).encoded()

    @cached_property
    def data(self) -> bytes:
        """The module as WebAssembly. Raises ``SchemaError`` with the places."""
        from harness.cli import compiling

        module = self.module
        try:
            return compiling.compiled(module).wasm
        except SchemaError as error:
            raise SchemaError(
                f"{module.name} does not compile to WebAssembly; nothing was published\n"
                f"{compiling.shortened(str(error))}"
            ) from None


@dataclass(frozen=True)
class BuiltSource:
    """Bytes that are there already: WebAssembly, or a bundle in JavaScript."""

    data: bytes = field(repr=False)
    host_type: str = "Wasm"

    def check(self) -> None:
        """It was looked at when it was read."""

    def program(self, uri: str) -> tuple[str, bytes]:
        """Raises ``PlanError``: it has no source."""
        raise PlanError(
            f"{uri} is a server of `harness start`, which runs Python modules from their source: "
            "publish the source with --module MODULE"
        )


Source = PythonSource | BuiltSource


def of_module(spec: str) -> PythonSource:
    """A file, a package's folder or a dotted name."""
    from harness.cli import compiling

    return PythonSource(spec, lambda: compiling.valid(spec))


def of_project(project: Project) -> PythonSource:
    """The module of a project, which is checked with all of its files."""
    from harness.cli import building

    path = project.source.joinpath(*project.module.split("."))
    file = path.with_suffix(".py")
    spec = str(file if file.is_file() else path)
    return PythonSource(spec, lambda: building.valid(project).module)


def of_file(path: Path) -> BuiltSource:
    """A file of WebAssembly. Raises ``PlanError`` if it is something else."""
    return BuiltSource(read_wasm(path))


def of_bundle(path: Path) -> BuiltSource:
    """A bundle in JavaScript, for servers that run it. Raises ``PlanError``."""
    data = _read(path)
    if data.startswith(CORE[:4]):
        raise PlanError(f"{path} is WebAssembly; publish it with --bin-path")
    return BuiltSource(data, "Js")


def read_wasm(path: Path) -> bytes:
    """The bytes of a compiled module. Raises ``PlanError`` if the file is something else."""
    data = _read(path)
    if data.startswith(CORE):
        return data
    if data.startswith(COMPONENT):
        raise PlanError(f"{path} is a WebAssembly component; servers run core modules")
    hint = "; a Python module is published with --module" if path.suffix == ".py" else ""
    raise PlanError(f"{path} is no WebAssembly file ({len(data):,} bytes){hint}")


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise PlanError(f"cannot read {path}: {error.strerror}") from None
