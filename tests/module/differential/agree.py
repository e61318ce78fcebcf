"""One source, several executions: the same calls, natively and compiled, seen alike.

What agreement means: the same outcome of every call with the same text for its caller, the same
records in the log, and in the end the same rows in every table, byte for byte. A crash is told to
callers as one fixed text; what happened is in the log at level Panic, ``Type: message``.

Three differences are accepted, and nothing else. A compiled module raises ``OverflowError`` where
an integer needs more than 128 bits, and ``FloatingPointError`` where nan stands at the same place
of two lists or rows that are compared; it refuses a value that does not fit its column when the row
is made, not when it is inserted. What comes after such a call is not compared.
"""

from __future__ import annotations

import hashlib
import re
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import zip_longest
from pathlib import Path
from typing import Any, Protocol

from harness.errors import SchemaError
from harness.module import Module, compiler, load
from harness.server.database import Database
from harness.server.logs import LogRecord
from harness.server.outcome import CRASH, Outcome, OutcomeKind
from harness.wire import codec as codecs
from harness.wire.values import ConnectionId, Identity, Timestamp
from tests.module.wasm_host import DATABASE, OWNER, START, MockHost
from tests.module.wasm_host import Outcome as HostOutcome

ALICE = Identity.from_int(0xA11CE)
BOB = Identity.from_int(0xB0B << 200)
SENDERS = (OWNER, ALICE, BOB)

#: Microseconds between two calls of a sequence.
STEP = 1_234_567


@dataclass(frozen=True, slots=True)
class Call:
    """One call. ``reducer`` may be "connect" or "disconnect" for the hooks, marked by ``hook``."""

    reducer: str
    args: bytes = b""
    sender: Identity = OWNER
    connection_id: ConnectionId | None = None
    hook: bool = False


@dataclass(frozen=True, slots=True)
class Seen:
    """What came of a call: what its caller was told, and what the module logged."""

    kind: str
    text: str = ""
    log: tuple[tuple[str, str], ...] = ()

    @property
    def panic(self) -> str:
        """What crashed it; empty if nothing did."""
        return next((message for level, message in self.log if level == "Panic"), "")


class Execution(Protocol):
    """A database with a module, run in some way."""

    def start(self) -> Seen: ...

    def run(self, call: Call, at: Timestamp) -> Seen: ...

    def rows(self, table: str) -> list[bytes]: ...


class Native:
    """The module as Python runs it, on the embedded server's database."""

    def __init__(self, module: Module) -> None:
        self.module = module
        self.database: Database | None = None
        self._log: list[tuple[str, str]] = []

    def start(self) -> Seen:
        try:
            self.database = Database.open(
                self.module, None, identity=DATABASE, owner=OWNER, now=START
            )
        except SchemaError as error:
            return Seen("failed", str(error).removeprefix("the module's init failed: "))
        first = tuple((record.level, record.message) for record in self.database.logs)
        self.database.logs.follow(self._note)
        return Seen("committed", "", first)

    def close(self) -> None:
        if self.database is not None:
            self.database.close()

    def _note(self, record: LogRecord) -> None:
        self._log.append((record.level, record.message))

    def run(self, call: Call, at: Timestamp) -> Seen:
        database = self.database
        assert database is not None
        self._log.clear()
        if call.hook:
            assert call.connection_id is not None
            hook = database.connected if call.reducer == "connect" else database.disconnected
            outcome = hook(call.sender, call.connection_id, at)
            if outcome.kind is OutcomeKind.FAILED:
                self._log.pop()  # the server's own note that nobody was told
        else:
            outcome = database.call(
                call.reducer,
                call.args,
                sender=call.sender,
                connection_id=call.connection_id,
                timestamp=at,
            )
        database.commit()
        return Seen(_kind(outcome), outcome.error, tuple(self._log))

    def rows(self, table: str) -> list[bytes]:
        assert self.database is not None
        return sorted(self.database.all_rows(table))


def _kind(outcome: Outcome) -> str:
    assert outcome.kind is not OutcomeKind.REJECTED, outcome.error
    return "committed" if outcome.kind is OutcomeKind.COMMITTED else "failed"


class Compiled:
    """The module as WebAssembly, on the mock host with these options."""

    def __init__(self, module: Module, **options: Any) -> None:
        artefact = compiler.build(module)
        self.wasm = artefact.wasm
        self.host = MockHost(artefact.wasm, artefact.definition, **options)

    def start(self) -> Seen:
        return self._seen(0, self.host.init())

    def run(self, call: Call, at: Timestamp) -> Seen:
        before = len(self.host.log)
        self.host.now = at
        if call.hook:
            assert call.connection_id is not None
            hook = self.host.connect if call.reducer == "connect" else self.host.disconnect
            return self._seen(before, hook(call.sender, call.connection_id))
        outcome = self.host.call_encoded(
            call.reducer,
            call.args,
            sender=call.sender,
            connection_id=call.connection_id,
            timestamp=at,
        )
        return self._seen(before, outcome)

    def _seen(self, before: int, outcome: HostOutcome) -> Seen:
        assert outcome.kind != "trapped", f"the module trapped: {outcome.error}"
        log = tuple((record.level, record.message) for record in self.host.log[before:])
        panics = [message for level, message in log if level == "Panic"]
        assert len(panics) == (outcome.error == CRASH), (outcome, log)
        return Seen(outcome.kind, outcome.error, log)

    def rows(self, table: str) -> list[bytes]:
        return self.host.rows(table)


def check_alike(what: str, native: Seen, other: Seen) -> None:
    """Raises an ``AssertionError`` that a person can read, however long the arguments are."""
    if native == other:
        return
    pairs = [(native.kind, other.kind), (native.text, other.text)]
    pairs += list(zip_longest(native.log, other.log, fillvalue=()))  # type: ignore[arg-type]  # shown only
    lines = [f"  {a!r:.300}\n  {b!r:.300}" for a, b in pairs if a != b]
    raise AssertionError("\n".join([f"{what:.400}", "natively, and otherwise:", *lines[:4]]))


# --- modules and calls ---------------------------------------------------------------------------


@cache
def _folder() -> tempfile.TemporaryDirectory[str]:
    return tempfile.TemporaryDirectory(prefix="harness-programs-")


HEADER = """\
from __future__ import annotations

import math
from enum import Enum

from harness.module import *

"""


def module_of(source: str, *, header: str = HEADER) -> Module:
    """The module of a source text, which gets the usual imports; the file is named by it."""
    text = header + source
    digest = hashlib.blake2s(text.encode(), digest_size=8).hexdigest()
    path = Path(_folder().name) / f"program_{digest}.py"
    path.write_text(text)
    return load(path)


class Caller:
    """Makes calls to a module from Python values."""

    def __init__(self, module: Module) -> None:
        compiled = module.compiled
        self._codecs = {
            reducer.name: codecs.compile(
                reducer.params, compiled.definition.typespace, compiled.bindings
            )
            for reducer in compiled.definition.reducers
        }

    def __call__(self, reducer: str, *args: Any, **options: Any) -> Call:
        return Call(reducer, self._codecs[reducer].encode(args), **options)


# --- comparing -----------------------------------------------------------------------------------

_BEYOND = re.compile(r"OverflowError: .*(128|64) bits|FloatingPointError: nan is in ")
#: Python words these differently from version to version; their types are compared.
_LOOSE = ("ZeroDivisionError", "ValueError", "TypeError")


def accepted(native: Seen, compiled: Seen) -> bool:
    """Whether they differ in a way that is known and wanted."""
    if compiled.text != CRASH or native == compiled:
        return False
    return bool(_BEYOND.match(compiled.panic)) or compiled.panic.startswith("EncodeError: ")


def settled(seen: Seen) -> Seen:
    """Without what Python itself changes between its versions."""
    log = tuple(
        (level, message.partition(":")[0] if message.startswith(_LOOSE) else message)
        if level == "Panic"
        else (level, message)
        for level, message in seen.log
    )
    return Seen(seen.kind, seen.text, log)


def tables_of(module: Module) -> list[str]:
    return [table.name for table in module.compiled.definition.tables]


def agree(
    module: Module,
    calls: Iterable[Call],
    *,
    others: Sequence[Execution] | None = None,
    rows_every: int = 1,
    alone: bool = False,
) -> list[Seen]:
    """Run the calls natively and in the others, and compare; what was seen natively.

    ``rows_every`` is after how many calls the rows are compared, too; 0 does so at the end only.
    ``alone`` says that no call depends on another: an accepted difference ends nothing then.
    """
    native = Native(module)
    executions = [Compiled(module)] if others is None else list(others)
    try:
        return _compared(native, executions, module, calls, rows_every, alone)
    finally:
        native.close()


def _compared(
    native: Native,
    others: list[Execution],
    module: Module,
    calls: Iterable[Call],
    rows_every: int,
    alone: bool,
) -> list[Seen]:
    first = native.start()
    for other in others:
        found = other.start()
        if accepted(first, found):
            return [first]
        check_alike("init", settled(first), settled(found))
    seen = [first]
    if first.kind != "committed":
        return seen
    at = START.micros
    for place, call in enumerate(calls):
        at += STEP
        expected = native.run(call, Timestamp(at))
        for other in others:
            found = other.run(call, Timestamp(at))
            if accepted(expected, found):
                if alone:
                    continue
                return seen
            check_alike(f"call {place}: {call}", settled(expected), settled(found))
        seen.append(expected)
        if rows_every and place % rows_every == 0:
            compare_rows(native, others, module)
    compare_rows(native, others, module)
    return seen


def compare_rows(native: Native, others: Iterable[Execution], module: Module) -> None:
    """All tables, byte for byte."""
    assert native.database is not None
    for table in tables_of(module):
        expected = native.rows(table)
        for other in others:
            found = other.rows(table)
            if found != expected:
                decode = native.database.stores[table].decode
                shown = [[decode(data) for data in rows] for rows in (found, expected)]
                assert shown[0] == shown[1], f"{table}: {shown[0]} compiled, {shown[1]} natively"
                assert found == expected, table
