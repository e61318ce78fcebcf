"""What can be said about a project's files without importing them: do they parse, what is in them.

Every problem has its file and its line. Modules must do the same on every server: what they print
is lost, and clocks, chance and the network of the machine are not theirs. So ``print`` is an error
and the others are warnings, in the code that reducers reach.
"""

from __future__ import annotations

import ast
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from harness.project.detection import Project

#: Folders below a package that are not its code.
_SKIPPED = frozenset({"__pycache__", ".git", ".venv", "node_modules"})

#: The decorators of functions that run on the server, in a transaction.
_REDUCERS = frozenset({"reducer", "init", "client_connected", "client_disconnected", "view"})

_CLOCK = "reads the machine's clock; use ctx.timestamp"
_CHANCE = "differs from server to server; use ctx.rng"
_NETWORK = "reaches the network, which a reducer cannot"
_THREADS = "starts threads, which a reducer cannot have"
_FILES = "reads the machine's files, which servers do not share"
_ENVIRONMENT = "reads the machine's environment, which servers do not share"
#: Dotted name, or everything below one that ends with a dot -> what is wrong with it.
_IMPURE = {
    "time.": _CLOCK,
    "datetime.datetime.now": _CLOCK,
    "datetime.datetime.utcnow": _CLOCK,
    "datetime.datetime.today": _CLOCK,
    "datetime.date.today": _CLOCK,
    "random.": _CHANCE,
    "secrets.": _CHANCE,
    "uuid.uuid1": "differs from server to server; use ctx.new_uuid_v7()",
    "uuid.uuid4": "differs from server to server; use ctx.new_uuid_v4()",
    "os.environ": _ENVIRONMENT,
    "os.getenv": _ENVIRONMENT,
    "os.urandom": _CHANCE,
    "threading.": _THREADS,
    "multiprocessing.": _THREADS,
    "subprocess.": "starts programs, which a reducer cannot",
    "open": _FILES,
    "socket.": _NETWORK,
    "requests.": _NETWORK,
    "httpx.": _NETWORK,
    "aiohttp.": _NETWORK,
    "urllib.request.": _NETWORK,
    "http.client.": _NETWORK,
}


@dataclass(frozen=True, slots=True)
class Problem:
    """``file`` as a path, ``line`` from 1."""

    file: Path
    line: int
    message: str


@dataclass(frozen=True, slots=True)
class Finding:
    """Problems that stop a build, and those that do not."""

    errors: list[Problem] = field(default_factory=list)
    warnings: list[Problem] = field(default_factory=list)


def syntax(folder: Path) -> list[Problem]:
    """What does not compile to byte code among the files below a folder: one problem a file."""
    return [problem for path in _sources(folder) if (problem := _syntax_of(path)) is not None]


def _sources(folder: Path) -> list[Path]:
    return sorted(
        path
        for path in folder.rglob("*.py")
        if path.is_file() and not _SKIPPED & set(path.relative_to(folder).parts)
    )


def _syntax_of(path: Path) -> Problem | None:
    try:
        source = path.read_bytes()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # those of the code are not ours to give
            compile(source, str(path), "exec", dont_inherit=True)
    except SyntaxError as error:
        return Problem(path, error.lineno or 1, f"{type(error).__name__}: {error.msg}")
    except (OSError, ValueError) as error:  # unreadable; null bytes
        return Problem(path, 1, str(getattr(error, "strerror", None) or error))
    except (RecursionError, MemoryError):
        return Problem(path, 1, "the code is nested too deeply")
    return None


# --- what is in them -----------------------------------------------------------------------------


def lint(project: Project, below: Path | None) -> Finding:
    """What the module should not do, in those of its files that lie below a folder.

    ``below`` None looks at nothing. The module's files are its main one and those of its package
    that it imports: a client beside it may print as it likes. Files must parse.
    """
    finding = Finding()
    if below is None:
        return finding
    files = _module_files(project)
    reached = _reached(files)
    for file in files.values():
        if not file.path.is_relative_to(below.resolve()):
            continue
        finding.errors.extend(
            Problem(file.path, node.lineno, "the server prints nothing: use ctx.log.info(…)")
            for node in _prints(file.tree)
        )
        for name, function in file.functions.items():
            if (file.module, name) in reached:
                finding.warnings.extend(_impure(file, function, name))
    finding.errors.sort(key=_place)
    finding.warnings.sort(key=_place)
    return finding


def _place(problem: Problem) -> tuple[str, int]:
    return str(problem.file), problem.line


@dataclass(frozen=True, slots=True)
class _File:
    """One file of the module. ``imports`` maps a name in it to the dotted name it stands for."""

    path: Path
    module: str
    tree: ast.Module
    imports: dict[str, str]
    functions: dict[str, ast.FunctionDef | ast.AsyncFunctionDef]


def _module_files(project: Project) -> dict[str, _File]:
    """The module's file and those of its package that are imported from there, by dotted name."""
    found: dict[str, _File] = {}
    waiting = [project.module]
    while waiting:
        name = waiting.pop()
        path = _file_of(project, name)
        if path is None or name in found:
            continue
        tree = ast.parse(path.read_bytes(), str(path))
        package = name if path.name == "__init__.py" else name.rpartition(".")[0]
        imports = dict(_imports(tree, package))
        functions = {
            x.name: x for x in tree.body if isinstance(x, ast.FunctionDef | ast.AsyncFunctionDef)
        }
        found[name] = _File(path.resolve(), name, tree, imports, functions)
        for target in imports.values():
            # ``from a.b import c`` may mean the module a.b.c, or something in the module a.b.
            waiting += [target, target.rpartition(".")[0]]
    return found


def _file_of(project: Project, name: str) -> Path | None:
    if name != project.package and not name.startswith(f"{project.package}."):
        return None
    path = project.source.joinpath(*name.split("."))
    for candidate in (path.with_suffix(".py"), path / "__init__.py"):
        if candidate.is_file():
            return candidate
    return None


def _imports(tree: ast.Module, package: str) -> Iterator[tuple[str, str]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                if alias.asname:
                    yield alias.asname, alias.name
                else:
                    top = alias.name.partition(".")[0]
                    yield top, top
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                above = package.split(".")[: len(package.split(".")) - node.level + 1]
                base = ".".join([*above, *([base] if base else [])])
            for alias in node.names:
                yield alias.asname or alias.name, f"{base}.{alias.name}"


def _prints(tree: ast.Module) -> Iterator[ast.Call]:
    """Calls of the built-in ``print``, but for those behind ``if __name__ == "__main__"``."""
    waiting: list[ast.AST] = [tree]
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.If) and _is_main_guard(node.test):
            waiting += node.orelse
            continue
        if (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Name)
            and node.func.id == "print"
        ):
            yield node
        waiting += ast.iter_child_nodes(node)


def _is_main_guard(test: ast.expr) -> bool:
    return (
        isinstance(test, ast.Compare)
        and isinstance(test.left, ast.Name)
        and test.left.id == "__name__"
    )


def _reached(files: dict[str, _File]) -> set[tuple[str, str]]:
    """The functions that reducers call, directly or not, and the reducers: module and name."""
    waiting = [
        (file.module, name)
        for file in files.values()
        for name, function in file.functions.items()
        if any(_last_name(x) in _REDUCERS for x in function.decorator_list)
    ]
    reached: set[tuple[str, str]] = set()
    while waiting:
        at = waiting.pop()
        file = files.get(at[0])
        if at in reached or file is None or at[1] not in file.functions:
            continue
        reached.add(at)
        for node in ast.walk(file.functions[at[1]]):
            if isinstance(node, ast.Call):
                dotted = _dotted(node.func, file)
                module, _, name = dotted.rpartition(".")
                waiting.append((module or file.module, name))
    return reached


def _last_name(decorator: ast.expr) -> str:
    """``reducer`` of ``@reducer``, ``@reducer(name=…)`` and ``@module.reducer``."""
    inner = decorator.func if isinstance(decorator, ast.Call) else decorator
    if isinstance(inner, ast.Attribute):
        return inner.attr
    return inner.id if isinstance(inner, ast.Name) else ""


def _dotted(node: ast.expr, file: _File) -> str:
    """The dotted name that an expression stands for; empty if it is something else."""
    if isinstance(node, ast.Name):
        return file.imports.get(node.id, node.id)
    if isinstance(node, ast.Attribute):
        base = _dotted(node.value, file)
        return f"{base}.{node.attr}" if base else ""
    return ""


def _impure(
    file: _File, function: ast.FunctionDef | ast.AsyncFunctionDef, name: str
) -> Iterator[Problem]:
    own = {x.arg for x in ast.walk(function.args) if isinstance(x, ast.arg)}
    seen = set()
    for node in ast.walk(function):
        if not isinstance(node, ast.Name | ast.Attribute) or not isinstance(node.ctx, ast.Load):
            continue
        dotted = _dotted(node, file)
        imported = _root(node) in file.imports.keys() - own
        built_in = dotted == "open" and "open" not in file.functions
        why = _why_impure(dotted) if imported or built_in else ""
        if why and (node.lineno, why) not in seen:
            seen.add((node.lineno, why))
            yield Problem(file.path, node.lineno, f"{dotted} in {name} {why}")


def _root(node: ast.expr) -> str:
    """The name at the beginning of ``a.b.c``."""
    while isinstance(node, ast.Attribute):
        node = node.value
    return node.id if isinstance(node, ast.Name) else ""


def _why_impure(dotted: str) -> str:
    for name, why in _IMPURE.items():
        if dotted == name or (name.endswith(".") and dotted.startswith(name)):
            return why
    return ""
