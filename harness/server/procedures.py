"""Procedures: no transactions themselves, they run as many as they like.

A plain one runs to its end, as a reducer does. An ``async`` one runs in steps between which others
are served; each step is watched, and no transaction may stay open from one step to the next.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Coroutine
from functools import partial
from typing import TYPE_CHECKING, Any

from harness.errors import HttpError, InternalError, StoreError, WireError
from harness.module.context import ProcedureContext
from harness.module.http import LONGEST_S, Fetch, HttpRequest, HttpResponse
from harness.server.engine import GUARD, IDLE, REDUCER, ReducerTimeout
from harness.wire.values import TimeDuration, Timestamp

if TYPE_CHECKING:
    from harness.server.database import Database
    from harness.server.watchdog import Watchdog

#: So many procedures that wait for something may be under way in a database.
LIMIT = 256
#: Seconds that one may take, waiting included: the longest HTTP request, and some.
LIMIT_S = LONGEST_S + 20.0


class Returned:
    """What came of a procedure: a value, encoded, or the text of what went wrong.

    ``refused``: it never ran.
    """

    __slots__ = ("duration", "error", "refused", "timestamp", "value")

    def __init__(
        self,
        value: bytes | None,
        error: str = "",
        timestamp: Timestamp = Timestamp(0),  # noqa: B008  (frozen)
        micros: int = 0,
        *,
        refused: bool = False,
    ) -> None:
        self.value = value
        self.error = error
        self.timestamp = timestamp
        self.duration = TimeDuration(micros)
        self.refused = refused


class Run:
    """One call of a procedure. ``then`` is told of its end, once."""

    def __init__(
        self,
        database: Database,
        name: str,
        timestamp: Timestamp,
        watchdog: Watchdog | None,
        then: Callable[[Returned], None],
    ) -> None:
        self.database = database
        self.name = name
        self._timestamp = timestamp
        self._watchdog = watchdog
        self._then = then
        self._started = time.perf_counter_ns()

    def step(self, run: Callable[[], Any]) -> Any:
        """Run some of its code, as a reducer is run."""
        watchdog = self._watchdog
        GUARD.late = None
        before = None if watchdog is None else watchdog.begin()
        GUARD.phase = REDUCER
        try:
            found = run()
        except StopIteration:  # the last step of a coroutine
            if GUARD.late is not None:
                raise ReducerTimeout(GUARD.late) from None
            raise
        finally:
            GUARD.phase = IDLE
            if watchdog is not None:
                watchdog.end(before)
        if GUARD.late is not None:
            raise ReducerTimeout(GUARD.late)  # it went on after that
        return found

    def returned(self, encode: Callable[[], bytes]) -> None:
        """It has returned; ``encode`` gives the bytes of its value."""
        try:
            value = encode()
            if self.database.transactions.unfinished:
                raise InternalError("the procedure changed tables outside of a transaction")
        except Exception as error:  # its value may be anything
            self.failed(error)
            return
        self._then(Returned(value, "", self._timestamp, self._micros()))

    def refused(self, reason: str) -> None:
        """It never ran."""
        self._then(Returned(None, reason, refused=True))

    def failed(self, error: BaseException) -> None:
        """It has raised. Raises ``StoreError`` if storage was what failed."""
        if isinstance(error, StoreError):
            raise error
        said = self.database.procedure_failed(self.name, self._timestamp, error)
        self._then(Returned(None, said))

    def _micros(self) -> int:
        return (time.perf_counter_ns() - self._started) // 1000


class Steps(Coroutine[Any, Any, Any]):
    """A procedure's coroutine, whose steps are watched."""

    def __init__(self, run: Run, coroutine: Coroutine[Any, Any, Any]) -> None:
        self._run = run
        self._coroutine = coroutine

    def __await__(self) -> Any:
        return self._coroutine.__await__()

    def send(self, value: Any) -> Any:
        return self._step(lambda: self._coroutine.send(value))

    def throw(self, *error: Any) -> Any:
        return self._step(lambda: self._coroutine.throw(*error))

    def close(self) -> None:
        self._run.step(self._coroutine.close)

    def _step(self, run: Callable[[], Any]) -> Any:
        try:
            found = self._run.step(run)
        except (SystemExit, KeyboardInterrupt) as error:  # would end the event loop
            raise InternalError(f"the procedure raised {type(error).__name__}") from error
        transactions = self._run.database.transactions
        if transactions.unfinished:
            # It waits now: others must not find half of its changes.
            transactions.abandon()
            wrong = InternalError("a procedure may not wait inside of a transaction")
            return self._step(lambda: self._coroutine.throw(wrong))
        return found


#: Runs a procedure's coroutine for so many seconds at the most, and tells of its end: the value, or
#: the error.
Spawn = Callable[[Steps, float, Callable[[Any, BaseException | None], None]], None]


def _no_loop(steps: Steps, limit_s: float, then: Any) -> None:
    """Until a ticker drives the hub there is nothing that could wait."""
    steps.close()
    then(None, InternalError("asynchronous procedures need an event loop"))


async def _no_network(request: HttpRequest) -> HttpResponse:
    raise HttpError("nobody can be asked from here")


class Procedures:
    """The procedures of one database that are under way.

    ``spawn`` runs those that wait, ``fetch`` sends their HTTP requests.
    """

    def __init__(self) -> None:
        self.spawn: Spawn = _no_loop
        self.fetch: Fetch = _no_network
        self._waiting = 0

    def call(self, run: Run, context: ProcedureContext, args: bytes) -> None:
        """Begin one, with BSATN arguments; ``run`` tells of its end."""
        found = run.database.procedure(run.name)
        if found is None:
            run.refused(f"no such procedure: {run.name!r}")
            return
        # The database's own identity is that of its schedules.
        if found.private and context.sender not in (run.database.owner, run.database.identity):
            run.refused(f"procedure {run.name!r} is private")
            return
        try:
            values = found.arguments.decode(args)
        except WireError as error:
            run.refused(f"invalid arguments for procedure {run.name}: {error}")
            return
        start = partial(found.function, context, *values)

        def ended(value: Any, error: BaseException | None) -> None:
            if error is None:
                run.returned(partial(found.encoded, value))
            else:
                run.failed(error)

        def ended_later(value: Any, error: BaseException | None) -> None:
            self._waiting -= 1
            ended(value, error)

        if found.is_async:
            if self._waiting >= LIMIT:
                run.refused(f"{LIMIT} procedures are under way; try again")
                return
            self._waiting += 1
            self.spawn(Steps(run, start()), LIMIT_S, ended_later)
            return
        try:
            value = run.step(start)
        except BaseException as error:  # a module's own code can raise anything
            ended(None, error)
        else:
            ended(value, None)
