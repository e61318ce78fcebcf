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
from collections.abc import Awaitable, Callable, Iterable
from typing import IO, Any, Protocol

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
        lanes = Lanes(self._request, self._window)
        arguments: list[tuple[Any, ...]]
        if kind == "noop":
            call, arguments = connection.call("noop"), [()] * lanes.limit
        else:
            first, seed = self._request["rows"], self._request["seed"]
            call = connection.call("insert_item")
            arguments = [row(first + k, seed) for k in range(lanes.limit)]
        return await lanes.drive(call, arguments)

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


class Lanes:
    """Calls kept under way: each lane begins the next one when its last one was answered."""

    def __init__(self, request: dict[str, Any], window: Window) -> None:
        self.limit = request["warmup"] + request["operations"]
        self._warmup, self._seconds = request["warmup"], request["seconds"]
        self._in_flight = request["in_flight"]
        self._window = window
        self._begun = self._ended = self._answered = self._errors = 0
        self._first_error = ""
        self._before = 0

    async def drive(
        self, call: Callable[..., Awaitable[Any]], arguments: list[tuple[Any, ...]]
    ) -> dict[str, Any]:
        """Begin everything and wait for the last answer."""
        memory = rss()
        if not self._warmup:
            self._begin()
        lanes = []
        # In two halves, of which one is with the server while the other is with us.
        for share in (self._in_flight - self._in_flight // 2, self._in_flight // 2):
            lanes += [asyncio.ensure_future(self._lane(call, arguments)) for _ in range(share)]
            for _ in range(3):
                await asyncio.sleep(0)
        await asyncio.gather(*lanes)
        self._window.end()
        return {
            "calls": self._answered - self._before,
            "all_calls": self._answered,
            "errors": self._errors,
            "first_error": self._first_error,
            "rss_before": memory,
            "rss_after": rss(),
        }

    async def _lane(
        self, call: Callable[..., Awaitable[Any]], arguments: list[tuple[Any, ...]]
    ) -> None:
        while self._begun < self.limit:
            k = self._begun
            self._begun = k + 1
            try:
                await call(*arguments[k])
                self._answered += 1
            except Exception as error:  # whatever a client raises is counted
                self._failed(error)
            self._ended += 1
            if self._ended == self._warmup:
                self._begin()

    def _begin(self) -> None:
        self._before = self._answered
        if self._seconds is not None:
            asyncio.get_running_loop().call_later(self._seconds, self._stop)
        self._window.begin()

    def _stop(self) -> None:
        self.limit = self._begun

    def _failed(self, error: Exception) -> None:
        self._errors += 1
        self._first_error = self._first_error or f"{type(error).__name__}: {error}"[:500]
        if self._errors >= MOST_ERRORS:
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
