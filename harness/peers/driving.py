"""The half of a peer in Python that is the same for every client: request, lanes, window, result.

A peer in Python is a short script that gives ``main`` a way to connect; see ``harness.peers.ours``.
What a client must offer is ``Connection``, in its own words. Standard library only, and of this
package only ``rows``, so that a foreign client's environment can load both files by themselves.
"""

from __future__ import annotations

import asyncio
import gc
import json
import os
import sys
import threading
import time
from collections import deque
from collections.abc import Awaitable, Callable, Iterable
from typing import IO, Any, Protocol, TypeAlias

from harness.peers.rows import digest, row

#: Failed calls after which a peer gives up.
MOST_ERRORS = 100


class Connection(Protocol):
    """One connection of a client, as its users have it. Anything it raises counts as an error."""

    @property
    def protocol(self) -> str:
        """What is spoken: v1, v2 or v3."""

    def call(self, reducer: str) -> Callable[..., Awaitable[Any]]:
        """The function that calls a reducer; awaiting its result waits for the answer."""

    # A client that can tell of an answer without a future may have as well:
    #
    #     def begin(self, reducer: str) -> Callable[[Waiter, tuple[Any, ...]], None]
    #
    # what it returns begins a call, and the client tells the waiter of its end.

    async def subscribe(self, query: str) -> None:
        """Returns when the rows are in the cache."""

    def rows(self) -> Iterable[Any]:
        """The rows of ``item`` in the cache, in a form that ``digest`` takes."""

    async def close(self) -> None:
        """End the connection."""


#: Connects as a request (a dict of ``exchange.Request``) says.
Connect = Callable[[dict[str, Any]], Awaitable[Connection]]


def main(connect: Connect, versions: dict[str, str], run: Callable[[Any], Any]) -> int:
    """Do what stdin asks for. ``run`` runs a coroutine on the event loop that the client wants."""
    out = os.fdopen(os.dup(sys.stdout.fileno()), "w", buffering=1)
    # What the client or its libraries print belongs to the log.
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    request = json.loads(sys.stdin.buffer.readline())
    threading.Thread(target=_end_with_stdin, daemon=True).start()
    peer = Peer(request, connect, out)
    try:
        result = run(peer.perform())
    except Exception as error:  # whatever a client raises is an answer to be told
        out.write(json.dumps({"error": f"{type(error).__name__}: {error}"[:500]}) + "\n")
        return 0
    out.write(json.dumps({"result": {**result, "versions": versions}}) + "\n")
    return 0


class Peer:
    """One request being done."""

    def __init__(self, request: dict[str, Any], connect: Connect, out: IO[str]) -> None:
        self._request = request
        self._connect = connect
        self._window = Window(out)

    async def perform(self) -> dict[str, Any]:
        """The result, without the versions."""
        kind = self._request["do"]
        if kind == "connect":
            return await self._connects()
        connection = await self._connect(self._request)
        subscribed = self._request["subscribed"]
        if subscribed and kind != "subscribe":
            await connection.subscribe("SELECT * FROM item")
        if kind in ("noop", "insert"):
            found = await self._calls(connection, kind)
        elif kind == "subscribe":
            subscribed, found = True, await self._subscribes(connection)
        else:
            found = await self._idles()
        found |= self._window.cost() | {"protocol": connection.protocol}
        if subscribed:
            found["rows"], found["digest"] = digest(connection.rows())
        await connection.close()
        return found

    async def _calls(self, connection: Connection, kind: str) -> dict[str, Any]:
        request = self._request
        count = request["warmup"] + request["operations"]
        arguments: list[tuple[Any, ...]] = [()] * count
        if kind == "insert":
            first, seed = request["rows"], request["seed"]
            arguments = [row(first + k, seed) for k in range(count)]
        reducer = "noop" if kind == "noop" else "insert_item"
        begin = None if request["awaited"] else getattr(connection, "begin", None)
        lanes = Lanes(
            connection.call(reducer),
            request["in_flight"],
            begin=None if begin is None else begin(reducer),
        )
        warmed = await lanes.drive(arguments[: request["warmup"]])
        before = rss()
        self._window.begin()
        calls = await lanes.drive(arguments[request["warmup"] :], request["seconds"])
        self._window.end()
        return {
            "calls": calls,
            "all_calls": warmed + calls,
            "errors": lanes.errors,
            "first_error": lanes.first_error,
            "rss_before": before,
            "rss_after": rss(),
        }

    async def _subscribes(self, connection: Connection) -> dict[str, Any]:
        before = trimmed_rss()
        self._window.begin()
        await connection.subscribe("SELECT * FROM item")
        self._window.end()
        return {"rss_before": before, "rss_after": trimmed_rss()}

    async def _connects(self) -> dict[str, Any]:
        times, protocol = list[int](), ""
        for number in range(-self._request["warmup"], self._request["operations"]):
            if number == 0:
                self._window.begin()
            began = time.perf_counter_ns()
            connection = await self._connect(self._request)
            if number >= 0:
                times.append(time.perf_counter_ns() - began)
            protocol = connection.protocol
            await connection.close()
        self._window.end()
        return {"times_ns": times, "protocol": protocol, **self._window.cost()}

    async def _idles(self) -> dict[str, Any]:
        before = trimmed_rss()
        self._window.begin()
        await asyncio.sleep(self._request["seconds"] or 0)
        self._window.end()
        return {"rss_before": before, "rss_after": trimmed_rss()}


class Waiter:
    """What is told of the end of one call after the other; as much of a future as a client needs.

    Begins the next call at once, until nothing is left.
    """

    __slots__ = ("_begin", "_failed", "_idle", "_left", "over")

    def __init__(
        self, begin: Begin, left: deque[tuple[Any, ...]], failed: Callable[[BaseException], None]
    ) -> None:
        self._begin, self._left, self._failed = begin, left, failed
        self._idle = False
        self.over: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def done(self) -> bool:
        """Whether nobody waits any more."""
        return self._idle

    def set_result(self, result: Any) -> None:
        """The call was answered well."""
        if self._left:
            self._begin(self, self._left.popleft())
        else:
            self._end()

    def set_exception(self, error: BaseException) -> None:
        """The call failed."""
        self._failed(error)
        self.begin()

    def exception(self) -> None:
        """Futures are asked for this so that nobody misses an error; here nobody can."""

    def begin(self) -> None:
        """The next call, if there is one; what cannot even be begun has failed."""
        while self._left:
            try:
                self._begin(self, self._left.popleft())
            except Exception as error:  # whatever a client raises is counted
                self._failed(error)
            else:
                return
        self._end()

    def _end(self) -> None:
        self._idle = True
        if not self.over.done():
            self.over.set_result(None)


#: Begins a call with these arguments; the client tells the waiter of its end.
Begin: TypeAlias = "Callable[[Waiter, tuple[Any, ...]], None]"


class Lanes:
    """Calls kept under way: each lane begins the next one when its last one was answered.

    By ``call`` each lane is a task that awaits; by ``begin``, where a client has it, a waiter.
    """

    def __init__(
        self, call: Callable[..., Awaitable[Any]], in_flight: int, begin: Begin | None = None
    ) -> None:
        self._call, self._begin = call, begin
        self._in_flight = in_flight
        self._left: deque[tuple[Any, ...]] = deque()
        self._dropped = 0
        #: Calls that failed, and what the first one said.
        self.errors = 0
        self.first_error = ""

    async def drive(
        self, arguments: Iterable[tuple[Any, ...]], seconds: float | None = None
    ) -> int:
        """Call with all of these, or until ``seconds`` have passed; how many were answered well.

        After ``MOST_ERRORS`` failures no more is begun.
        """
        if self.errors >= MOST_ERRORS:
            return 0
        self._left = deque(arguments)
        self._dropped = 0
        asked, failed = len(self._left), self.errors
        timer = None
        if seconds is not None:
            timer = asyncio.get_running_loop().call_later(seconds, self._stop)
        lanes = list[Any]()
        # In two halves, of which one is with the server while the other is with us.
        for share in (self._in_flight - self._in_flight // 2, self._in_flight // 2):
            lanes += [self._one_more() for _ in range(share)]
            for _ in range(3):
                await asyncio.sleep(0)
        await asyncio.gather(*lanes)
        if timer is not None:
            timer.cancel()
        return asked - self._dropped - (self.errors - failed)

    def _one_more(self) -> asyncio.Future[None]:
        if self._begin is None:
            return asyncio.ensure_future(self._lane())
        waiter = Waiter(self._begin, self._left, self._failed)
        waiter.begin()
        return waiter.over

    async def _lane(self) -> None:
        call, left = self._call, self._left
        while left:
            try:
                while left:
                    await call(*left.popleft())
            except Exception as error:  # whatever a client raises is counted
                self._failed(error)

    def _stop(self) -> None:
        self._dropped += len(self._left)
        self._left.clear()

    def _failed(self, error: BaseException) -> None:
        self.errors += 1
        self.first_error = self.first_error or f"{type(error).__name__}: {error}"[:500]
        if self.errors >= MOST_ERRORS:
            self._stop()


class Window:
    """Wall and CPU time between two moments, which are told to the harness as they come."""

    def __init__(self, out: IO[str]) -> None:
        self._out = out
        self._start = self._end = (0, 0)

    def begin(self) -> None:
        """What is told is not part of the window."""
        self._out.write('{"mark": "begin"}\n')
        self._start = time.perf_counter_ns(), time.process_time_ns()

    def end(self) -> None:
        """What is told is not part of the window."""
        self._end = time.perf_counter_ns(), time.process_time_ns()
        self._out.write('{"mark": "end"}\n')

    def cost(self) -> dict[str, int]:
        """What the window took."""
        return {
            "wall_ns": self._end[0] - self._start[0],
            "cpu_ns": self._end[1] - self._start[1],
        }


def rss() -> int:
    """Memory that this process holds, in bytes."""
    try:
        with open("/proc/self/statm") as file:
            return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except OSError:
        import resource

        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return peak if sys.platform == "darwin" else peak * 1024


def trimmed_rss() -> int:
    """The same after giving back to the system what is free."""
    import ctypes

    gc.collect()
    try:
        ctypes.CDLL(None).malloc_trim(0)
    except (AttributeError, TypeError):
        pass  # another C library than glibc
    return rss()


def _end_with_stdin() -> None:
    """A peer does not outlive who asked it."""
    while os.read(sys.stdin.fileno(), 1 << 16):
        pass
    os._exit(0)
