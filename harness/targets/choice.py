"""What a user names as a target, and how to come by it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Protocol, Self, TypeAlias
from urllib.parse import urlsplit

import msgspec

from harness.errors import PlanError
from harness.records import Target
from harness.targets.embedded import Embedded
from harness.targets.offered import PROTOCOLS
from harness.targets.program import chosen
from harness.targets.remote import Remote, base_uri
from harness.targets.standalone import KIND, Standalone


class Server(Protocol):
    """What answers, as those see it who measure."""

    def __enter__(self) -> Self: ...
    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
        /,
    ) -> None: ...
    def describe(self) -> Target: ...
    def death(self) -> str | None: ...
    def log_tail(self) -> list[str]: ...


Factory: TypeAlias = Callable[[], Server]


class Choice(msgspec.Struct, frozen=True):
    """A target: its name in tables, what is known before it answers, and how to start it."""

    label: str
    asked: Target
    factory: Factory


def choose(name: str, binary: Path | None = None) -> Choice:
    """The target of this name: ``embedded``, ``standalone``, ``standalone:VERSION`` or a URI.

    ``binary`` is the program for ``standalone``. Raises ``PlanError`` for nonsense, and
    ``TargetError`` if a program is missing or is none.
    """
    if name == "embedded":
        return Choice(name, Target(kind=name, protocols=list(PROTOCOLS)), Embedded)
    if name == KIND or name.startswith(f"{KIND}:"):
        version = name.partition(":")[2] if ":" in name else None
        if version is not None and binary is not None:
            raise PlanError(
                f"--target {name} and --server-binary name two servers; write --target standalone"
            )
        program = chosen(version, binary)
        label = f"{KIND} {program.version or program.path.name}"
        asked = Target(kind=KIND, exe=str(program.path), version=program.version)
        return Choice(label, asked, lambda: Standalone(program))
    uri = base_uri(name)
    return Choice(urlsplit(uri).netloc, Target(kind="remote", uri=uri), lambda: Remote(uri))
