"""In which thread a connection lives, and how others reach it.

A connection belongs to one event loop. Either somebody else runs that loop (asyncio), or a thread
of its own does, or the program turns it by hand, a frame at a time.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from harness.client.typed.pending import Pending, blocked_wait, no_waiting
from harness.errors import LocalProtocolError

T = TypeVar("T")

#: Turns of the loop in a frame: what is read in one is answered in the next.
TURNS = 3


class Driver:
    """The event loop of a connection, and the thread that it runs in."""

    def __init__(self, run: Callable[..., None]) -> None:
        self.loop: asyncio.AbstractEventLoop | None = None
        #: Runs a user's callback; what it raises is told, and stops nothing.
        self.run = run
        self._thread: int | None = None
        self._worker: threading.Thread | None = None
        self._own = False

    # --- beginnings ------------------------------------------------------------------------------

    def here(self) -> None:
        """Live in the event loop that runs now. Raises ``LocalProtocolError`` the second time."""
        self._begin(asyncio.get_running_loop())

    def by_hand(self) -> None:
        """Live in a loop that ``tick`` turns, in this thread."""
        self._begin(asyncio.new_event_loop())
        self._own = True

    def in_a_thread(self) -> None:
        """Live in a thread of its own."""
        loop = asyncio.new_event_loop()
        self._begin(loop)
        self._own = True
        ready = threading.Event()

        def work() -> None:
            self._thread = threading.get_ident()
            asyncio.set_event_loop(loop)
            loop.call_soon(ready.set)
            loop.run_forever()
            _drained(loop)

        self._worker = threading.Thread(target=work, name="spacetimedb", daemon=True)
        self._worker.start()
        ready.wait()

    def _begin(self, loop: asyncio.AbstractEventLoop) -> None:
        if self.loop is not None:
            if loop is not asyncio._get_running_loop():
                loop.close()
            raise LocalProtocolError("the connection was started already; make another one")
        self.loop = loop
        self._thread = threading.get_ident()

    def end(self) -> None:
        """Stop a loop of our own. The last thing that happens to it."""
        loop, self._own = self.loop, False
        if loop is None or loop.is_closed():
            return
        if self._worker is not None:
            loop.call_soon_threadsafe(loop.stop)
            if self._worker is not threading.current_thread():
                self._worker.join()
        else:
            _drained(loop)

    @property
    def owns_loop(self) -> bool:
        """Whether nobody but the connection uses its loop."""
        return self._own

    # --- reaching it -----------------------------------------------------------------------------

    def is_here(self) -> bool:
        """Whether this is its thread, or it has none yet."""
        return self._thread is None or self._thread == threading.get_ident()

    def soon(self, act: Callable[..., Any], *args: Any) -> None:
        """Do it in its thread. Raises ``LocalProtocolError`` if that has ended."""
        assert self.loop is not None
        try:
            self.loop.call_soon_threadsafe(act, *args)
        except RuntimeError:
            raise LocalProtocolError("there is no connection") from None

    def complete(self, work: Coroutine[Any, Any, T], what: str) -> T:
        """Let its loop do some work, and wait for the end of it in this thread."""
        assert self.loop is not None
        if self._worker is None and self.is_here():
            return self.loop.run_until_complete(work)
        future = asyncio.run_coroutine_threadsafe(work, self.loop)
        return future.result()

    def wait(self, pending: Pending[Any], timeout: float | None) -> bool:
        """Wait in this thread until it is there; whether it is. Raises ``LocalProtocolError``."""
        if not self.is_here():
            return blocked_wait(pending, timeout)
        loop = self.loop
        if loop is None or loop.is_running() or not self._own:
            raise no_waiting(pending)

        async def until_done() -> None:
            waiter = asyncio.get_running_loop().create_future()

            def wake() -> None:
                if not waiter.done():  # the time may be over
                    waiter.set_result(None)

            pending.when_done(wake)
            await asyncio.wait([waiter], timeout=timeout)

        loop.run_until_complete(until_done())
        return pending.done()

    def tick(self) -> None:
        """Handle what has come, and send what is to be sent; waits for nothing."""
        loop = self.loop
        if loop is not None and loop.is_closed():
            raise LocalProtocolError("the connection has ended; make another one")
        if loop is None or self._worker is not None or not self._own:
            raise LocalProtocolError("frame_tick() is for connections that frame_tick() began")
        if loop.is_running():
            raise LocalProtocolError("frame_tick() was called from a callback")
        for _ in range(TURNS):
            loop.call_soon(loop.stop)
            loop.run_forever()


def _drained(loop: asyncio.AbstractEventLoop) -> None:
    """Close a loop that nobody runs any more, with what is left in it."""
    tasks = asyncio.all_tasks(loop)
    for task in tasks:
        task.cancel()
    if tasks:
        loop.run_until_complete(asyncio.gather(*tasks, return_exceptions=True))
    loop.run_until_complete(loop.shutdown_asyncgens())
    loop.close()
