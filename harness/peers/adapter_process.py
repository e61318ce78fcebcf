"""Drives an adapter in its client's environment: ``python -I adapter_process.py FILE PACKAGE``.

FILE is the adapter, PACKAGE the distribution that it measures. Speaks as in ``peers.exchange``
and gives ``times_ns`` for calls as well: the nanoseconds of each from its start to its
answer, by this process' clock. Standard library only, since the harness is not installed here.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import gc
import importlib.metadata
import importlib.util
import inspect
import json
import os
import platform
import signal
import sys
import threading
import time
from pathlib import Path
from typing import IO, Any

#: Failed calls after which it gives up.
MOST_ERRORS = 100
#: Seconds without any progress after which whatever is under way counts as failed.
STALL_S = 5.0
#: Seconds for connecting, and for a subscription.
CONNECT_S = 15.0
#: Seconds that a cache gets, after the last answer, until it holds all rows.
SETTLE_S = 2.0
#: Times that are told, at the most; see ``harness.peers.exchange``.
MOST_TIMES = 100_000
#: Calls, where time alone is the limit.
UNBOUNDED = 1 << 62
_COLUMNS = ("id", "x", "y", "z", "hp", "alive", "name")


class Trouble(Exception):
    """What ends it without a result, as the end of a sentence."""


class Session:
    """One request, and what came of it so far."""

    def __init__(self, request: dict[str, Any], adapter: Any, package: str, out: IO[str]) -> None:
        self.request, self.adapter, self.package, self.out = request, adapter, package, out
        self.rows = load(Path(__file__).with_name("rows.py"), "peer_rows")
        self.stage, self.moved = "connect", time.monotonic()
        self.begun = self.answered = self.errors = self.warm = 0
        self.first_error = ""
        self.times: list[int] = []
        self.lock = threading.Lock()
        self.started = self.window = time.perf_counter_ns()
        self.cpu = time.process_time_ns()
        self.wall_ns = self.cpu_ns = 0
        self.told = False

    # --- what the calls are ----------------------------------------------------------------------

    def enter(self, stage: str) -> None:
        """What is done now, for the watchdog and for sentences."""
        self.stage, self.moved = stage, time.monotonic()

    def arguments(self, number: int) -> tuple[Any, ...]:
        """Those of call number ``number``."""
        if self.request["do"] == "noop":
            return ()
        found: tuple[Any, ...] = self.rows.row(self.request["rows"] + number, self.request["seed"])
        return found

    @property
    def reducer(self) -> str:
        """What is called."""
        return "noop" if self.request["do"] == "noop" else "insert_item"

    def next(self, limit: int, until_ns: float) -> int | None:
        """The number of the next call; None if enough were begun."""
        with self.lock:
            done = self.begun >= limit or self.errors >= MOST_ERRORS
            if done or time.perf_counter_ns() >= until_ns:
                return None
            self.begun += 1
            return self.begun - 1

    def ended(self, begun_ns: int, error: BaseException | None) -> None:
        """One call has ended."""
        took = time.perf_counter_ns() - begun_ns
        with self.lock:
            self.moved = time.monotonic()
            if error is not None:
                self.fail(error)
                return
            self.answered += 1
            if len(self.times) < MOST_TIMES:
                self.times.append(max(1, took))

    def fail(self, error: BaseException | str) -> None:
        """Something went wrong; the first such text is kept."""
        self.errors += 1
        self.first_error = self.first_error or text_of(error)

    # --- the window ------------------------------------------------------------------------------

    def begin(self) -> None:
        """The warm-up is over."""
        self.warm = self.answered
        self.times.clear()
        gc.collect()
        self.say({"mark": "begin"})
        self.window, self.cpu = time.perf_counter_ns(), time.process_time_ns()

    def end(self) -> None:
        """The last answer is there."""
        self.cpu_ns = time.process_time_ns() - self.cpu
        self.wall_ns = time.perf_counter_ns() - self.window
        self.say({"mark": "end"})

    def limits(self, operations: int) -> tuple[int, float]:
        """How many calls are begun altogether, and until when, if so many more are wanted.

        A slow client's warm-up takes no longer than its window.
        """
        seconds = self.request["seconds"]
        until = float("inf") if seconds is None else time.perf_counter_ns() + seconds * 1e9
        return self.begun + operations, until

    # --- what is told ----------------------------------------------------------------------------

    def say(self, message: dict[str, Any]) -> None:
        """One line, at once."""
        self.out.write(json.dumps(message) + "\n")
        self.out.flush()

    def result(self, rows: Any = None) -> None:
        """The end, whatever it was."""
        with self.lock:
            if self.told:
                return
            self.told = True
        found: dict[str, Any] = {
            "wall_ns": self.wall_ns or max(1, time.perf_counter_ns() - self.window),
            "cpu_ns": self.cpu_ns or time.process_time_ns() - self.cpu,
            "protocol": self.request["protocol"],
            "versions": versions(self.package),
            "calls": self.answered - self.warm,
            "all_calls": self.answered,
            "errors": self.errors,
            "first_error": self.first_error,
            "rss_after": rss_bytes(),
            "times_ns": self.times[:],
        }
        if rows is not None:
            found["rows"], found["digest"] = rows
        self.say({"result": found})

    def watch(self) -> None:
        """End it if nothing moves; a client that waits for ever can be ended in no other way."""
        while not self.told:
            time.sleep(0.1)
            still = time.monotonic() - self.moved
            if self.stage == "call" and still > STALL_S:
                waiting = self.begun - self.answered - self.errors
                self.errors += waiting - 1
                self.fail(f"{waiting} calls had no answer for {STALL_S:g} s")
                self.result()
                os._exit(0)
            if self.stage != "call" and still > CONNECT_S:
                self.say({"error": f"{failure(self.stage)}: no end within {CONNECT_S:g} s"})
                os._exit(0)

    def held(self, found: Any) -> tuple[int, str]:
        """How many rows the cache has, and their digest."""
        rows = [
            tuple(row[name] for name in _COLUMNS) if isinstance(row, dict) else row for row in found
        ]
        try:
            told: tuple[int, str] = self.rows.digest(rows)
        except Exception as error:
            self.first_error = self.first_error or f"rows('item'): {text_of(error)}"
            return len(rows), "not rows of item"
        return told

    @property
    def expected(self) -> int:
        """Rows that the cache should come to."""
        inserted = self.answered if self.request["do"] == "insert" else 0
        return int(self.request["rows"]) + inserted


# --- clients on asyncio --------------------------------------------------------------------------


async def on_loop(session: Session) -> None:
    """Everything on one event loop."""
    adapter, request = session.adapter, session.request

    async def done(value: Any) -> Any:
        return await value if inspect.isawaitable(value) else value

    async def lane(limit: int, until: float) -> None:
        while (number := session.next(limit, until)) is not None:
            arguments, begun = session.arguments(number), time.perf_counter_ns()
            try:
                value = adapter.call(session.reducer, arguments)
                if inspect.isawaitable(value):
                    await value
                session.ended(begun, None)
            except Exception as error:
                session.ended(begun, error)

    async def rows() -> tuple[int, str]:
        return session.held(await done(adapter.rows("item")))

    async def lanes(limit: int, until: float) -> None:
        await asyncio.gather(*(lane(limit, until) for _ in range(request["in_flight"])))

    await done(adapter.connect(request["uri"], request["database"], request["token"]))
    if request["subscribed"]:
        session.enter("subscribe")
        await done(adapter.subscribe(["SELECT * FROM item"]))
    session.enter("call")
    await lanes(*session.limits(request["warmup"]))
    session.begin()
    await lanes(*session.limits(request["operations"] or UNBOUNDED))
    session.end()
    session.enter("rows")
    found = await rows() if request["subscribed"] else None
    until = time.monotonic() + SETTLE_S
    while found is not None and found[0] != session.expected and time.monotonic() < until:
        await asyncio.sleep(0.05)
        found = await rows()
    session.result(found)
    await done(adapter.close())


# --- clients that block or call back -------------------------------------------------------------


def in_threads(session: Session) -> None:
    """Calls from as many threads as are in flight, or futures kept under way by one thread."""
    adapter, request = session.adapter, session.request
    adapter.connect(request["uri"], request["database"], request["token"])
    if request["subscribed"]:
        session.enter("subscribe")
        adapter.subscribe(["SELECT * FROM item"])
    session.enter("call")
    first = min(request["warmup"], 1)
    pipelined = lane_of_calls(session, *session.limits(first))
    lanes = lanes_of_futures if pipelined else lanes_of_threads
    lanes(session, *session.limits(request["warmup"] - first))
    session.begin()
    lanes(session, *session.limits(request["operations"] or UNBOUNDED))
    session.end()
    session.enter("rows")
    found = session.held(adapter.rows("item")) if request["subscribed"] else None
    until = time.monotonic() + SETTLE_S
    while found is not None and found[0] != session.expected and time.monotonic() < until:
        time.sleep(0.05)
        found = session.held(adapter.rows("item"))
    session.result(found)
    adapter.close()


def lane_of_calls(session: Session, limit: int, until: float) -> bool:
    """Calls one after the other; whether the last of them gave a future."""
    future = False
    while (number := session.next(limit, until)) is not None:
        arguments, begun = session.arguments(number), time.perf_counter_ns()
        try:
            value = session.adapter.call(session.reducer, arguments)
            future = isinstance(value, concurrent.futures.Future)
            if future:
                value.result()
            session.ended(begun, None)
        except Exception as error:
            session.ended(begun, error)
    return future


def lanes_of_threads(session: Session, limit: int, until: float) -> None:
    """Each call in flight has a thread, but the first: that one is ours."""
    threads = [
        threading.Thread(target=lane_of_calls, args=(session, limit, until), daemon=True)
        for _ in range(session.request["in_flight"] - 1)
    ]
    for thread in threads:
        thread.start()
    lane_of_calls(session, limit, until)
    for thread in threads:
        thread.join()


def lanes_of_futures(session: Session, limit: int, until: float) -> None:
    """A new call whenever one of those under way has ended."""
    free = threading.Semaphore(session.request["in_flight"])

    def ended(future: concurrent.futures.Future[Any], begun: int) -> None:
        session.ended(begun, future.exception())
        free.release()

    while True:
        free.acquire()
        number = session.next(limit, until)
        if number is None:
            free.release()
            break
        arguments, begun = session.arguments(number), time.perf_counter_ns()
        try:
            future = session.adapter.call(session.reducer, arguments)
        except Exception as error:
            session.ended(begun, error)
            free.release()
            continue
        future.add_done_callback(lambda future, begun=begun: ended(future, begun))
    for _ in range(session.request["in_flight"]):
        free.acquire()


# --- the process ---------------------------------------------------------------------------------


def load(path: Path, name: str) -> Any:
    """A module from a file, without its folder on the path: nothing there may hide a package."""
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


def versions(package: str) -> dict[str, str]:
    """The runtime and the client's distribution, as they are here."""
    try:
        version = importlib.metadata.version(package)
    except (importlib.metadata.PackageNotFoundError, ValueError):
        version = "of unknown version"
    return {
        "runtime": f"{platform.python_implementation()} {platform.python_version()}",
        "package": f"{package or 'the adapter alone'} {version}",
    }


def rss_bytes() -> int:
    """Memory of this process now; 0 where the system does not tell."""
    try:
        with open("/proc/self/statm") as file:
            return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError, IndexError):
        return 0


def text_of(error: BaseException | str) -> str:
    """A failure in one line."""
    if isinstance(error, str):
        return error
    said = " ".join(str(error).split())
    return f"{type(error).__name__}: {said}" if said else type(error).__name__


def failure(stage: str) -> str:
    """What could not be done, if it went wrong at this stage."""
    return {"connect": "did not connect", "subscribe": "did not subscribe"}.get(
        stage, f"failed at {stage}"
    )


def is_async(adapter: Any) -> bool:
    """Whether the client lives on an event loop."""
    return any(inspect.iscoroutinefunction(getattr(adapter, x)) for x in ("connect", "call"))


def end_with_stdin() -> None:
    """End when the harness has gone, with all that the client has started."""
    while sys.stdin.buffer.read(1 << 16):
        pass
    if hasattr(os, "getpgrp") and os.getpgrp() == os.getpid():
        os.killpg(0, signal.SIGKILL)
    os._exit(1)


def perform(request: dict[str, Any], file: str, package: str, out: IO[str]) -> None:
    """Do what is asked. Raises ``Trouble``."""
    if request["do"] not in ("noop", "insert"):
        raise Trouble(f"adapters do noop and insert, not {request['do']}")
    try:
        adapter = load(Path(file), "client_adapter").Adapter()
    except Exception as error:
        raise Trouble(f"the adapter cannot be loaded: {text_of(error)}") from error
    adapter.protocol = request["protocol"]
    session = Session(request, adapter, package, out)
    threading.Thread(target=session.watch, daemon=True).start()
    try:
        if is_async(adapter):
            with asyncio.Runner(loop_factory=getattr(adapter, "loop_factory", None)) as runner:
                runner.run(on_loop(session))
        else:
            in_threads(session)
    except Exception as error:
        if not session.told:
            raise Trouble(f"{failure(session.stage)}: {text_of(error)}") from error


def main() -> None:
    """One request, then the end; the client's threads, if it leaves any, end with us."""
    out = os.fdopen(os.dup(sys.stdout.fileno()), "w", buffering=1)
    # What the client prints belongs to the log.
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    request = json.loads(sys.stdin.buffer.readline())
    threading.Thread(target=end_with_stdin, daemon=True).start()
    try:
        perform(request, sys.argv[1], sys.argv[2] if len(sys.argv) > 2 else "", out)
    except Trouble as trouble:
        out.write(json.dumps({"error": str(trouble)}) + "\n")
        out.flush()
    os._exit(0)


if __name__ == "__main__":
    main()
