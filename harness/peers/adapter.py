"""What a foreign Python client must offer to be measured, and how such an adapter is found.

An *adapter* is a Python file with a class ``Adapter`` in the shape below: a page between a client's
own API and the harness. It runs in the client's own environment, hence imports the client and the
standard library only. ``harness/peers/ADAPTERS.md`` has a complete example.

The harness reads the class attributes without running the file, since the client that it imports
is not installed where the harness is; so they are written as literals.
"""

from __future__ import annotations

import ast
import importlib.util
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, TypeAlias

from harness.errors import PlanError

#: The protocols that a client may speak.
PROTOCOLS = ("v1", "v2", "v3")
#: What every adapter defines.
METHODS = ("connect", "call", "subscribe", "rows", "close")
#: Adapters that come with the harness, by file name.
SHIPPED = Path(__file__).parent / "clients"
#: The most calls under way that the harness asks of an adapter that does not say.
MOST_IN_FLIGHT = 64

Row: TypeAlias = "Sequence[Any] | dict[str, Any] | Any"
"""A row: its columns in order, or by name as keys or attributes."""


class Adapter(Protocol):
    """One connection of a client, in the harness' words.

    Each method may be plain or a coroutine. If ``connect`` or ``call`` is a coroutine everything
    runs on one asyncio loop (of ``loop_factory()``, if the class has one), and calls are awaited.
    Otherwise ``call`` blocks until the answer, and several are made from as many threads; or it
    returns a ``concurrent.futures.Future``, and one thread keeps several under way.

    Whatever a method raises is counted as a failure, with its text.
    """

    #: How the client is called in tables.
    name: str
    #: What pip installs beside the client, or the client itself if none is named.
    requires: Sequence[str]
    #: The protocols that the adapter can speak, the best first: of ``v1``, ``v2``, ``v3``.
    protocols: Sequence[str]
    #: The one that is measured now; the harness sets it before ``connect``.
    protocol: str

    def connect(self, uri: str, database: str, token: str | None) -> Any:
        """Connect to ``http://host:port``; returns when the server has greeted the client."""

    def call(self, reducer: str, args: tuple[Any, ...]) -> Any:
        """Call a reducer; done when the server has answered. Raises if the answer is a refusal."""

    def subscribe(self, queries: Sequence[str]) -> Any:
        """Subscribe to SQL queries; done when their rows are in the client's cache."""

    def rows(self, table: str) -> Iterable[Row]:
        """What the client's cache holds of a table now."""

    def close(self) -> Any:
        """End the connection."""


@dataclass(frozen=True, slots=True)
class Described:
    """An adapter's file and what it says of itself."""

    path: Path
    name: str
    requires: tuple[str, ...]
    protocols: tuple[str, ...]
    most_in_flight: int


def shipped() -> list[str]:
    """The names of the adapters that come with the harness."""
    return sorted(path.stem for path in SHIPPED.glob("[!_]*.py"))


def locate(adapter: str) -> Path:
    """The file of an adapter: a path, a module's dotted name, or the name of a shipped one.

    Raises ``PlanError`` if there is none.
    """
    path = Path(adapter)
    if path.suffix == ".py" or "/" in adapter:
        if path.is_file():
            return path.resolve()
        raise PlanError(f"there is no adapter at {adapter}")
    if adapter in shipped():
        return SHIPPED / f"{adapter}.py"
    try:
        found = importlib.util.find_spec(adapter)
    except (ImportError, ValueError):
        found = None
    if found is not None and found.origin is not None and found.origin.endswith(".py"):
        return Path(found.origin)
    raise PlanError(
        f"there is no adapter {adapter}: give a file, a module, or one of {', '.join(shipped())}"
    )


def describe(path: Path) -> Described:
    """What an adapter says of itself, read and not run. Raises ``PlanError`` naming the place."""
    try:
        tree = ast.parse(path.read_text(), filename=str(path))
    except (OSError, ValueError, SyntaxError) as error:
        raise PlanError(f"the adapter {path} cannot be read: {error}") from error
    body = next(
        (node for node in tree.body if isinstance(node, ast.ClassDef) and node.name == "Adapter"),
        None,
    )
    if body is None:
        raise PlanError(f"{path} has no class Adapter")
    missing = [name for name in METHODS if name not in _methods(body)]
    if missing:
        raise PlanError(f"{path}: class Adapter has no {', '.join(missing)}")
    return _described(path, _literals(path, body))


def _methods(body: ast.ClassDef) -> set[str]:
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef)
    return {node.name for node in body.body if isinstance(node, kinds)}


def _literals(path: Path, body: ast.ClassDef) -> dict[str, Any]:
    """The class attributes that the harness reads, by name."""
    wanted = {"name", "requires", "protocols", "most_in_flight"}
    found: dict[str, Any] = {}
    for node in body.body:
        if isinstance(node, ast.Assign):
            targets, value = node.targets, node.value
        elif isinstance(node, ast.AnnAssign) and node.value is not None:
            targets, value = [node.target], node.value
        else:
            continue
        for target in targets:
            if isinstance(target, ast.Name) and target.id in wanted:
                try:
                    found[target.id] = ast.literal_eval(value)
                except ValueError:
                    raise PlanError(
                        f"{path}:{node.lineno}: Adapter.{target.id} is not a literal; "
                        "it is read before the client is installed"
                    ) from None
    return found


def _described(path: Path, found: dict[str, Any]) -> Described:
    name = found.get("name")
    if not isinstance(name, str) or not name.strip():
        raise PlanError(f"{path}: Adapter.name is {name!r}; write the client's name")
    lists = {}
    for key in ("requires", "protocols"):
        value = found.get(key)
        if not isinstance(value, list | tuple) or not all(isinstance(x, str) for x in value):
            raise PlanError(f"{path}: Adapter.{key} is {value!r}; write a list of strings")
        lists[key] = tuple(value)
    if not lists["protocols"] or not set(lists["protocols"]) <= set(PROTOCOLS):
        told = list(lists["protocols"])
        raise PlanError(f"{path}: Adapter.protocols is {told}; choose of {', '.join(PROTOCOLS)}")
    most = found.get("most_in_flight", MOST_IN_FLIGHT)
    if not isinstance(most, int) or most < 1:
        raise PlanError(f"{path}: Adapter.most_in_flight is {most!r}; write a number from 1 on")
    return Described(path, name.strip(), lists["requires"], lists["protocols"], most)
