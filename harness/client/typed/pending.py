"""What is not there yet: awaited by coroutines, waited for by threads, told to callbacks."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import threading
from collections.abc import Callable, Generator
from typing import TYPE_CHECKING, Any, Generic, Self, TypeVar

from harness.errors import CallTimeout, LocalProtocolError
from harness.wire.values import Err, Ok

if TYPE_CHECKING:
    from harness.client.typed.driving import Driver

T = TypeVar("T")

_LOG = logging.getLogger("harness.client")


class Pending(Generic[T]):
    """A value that the server will give, or an error.

    It is resolved once, in the thread of its connection, by whoever has the answer; its ``done``,
    ``set_result``, ``set_exception`` and ``exception`` are those of a future. ``await`` it in any
    event loop, or ask for its ``result`` from another thread. An error that nobody asks for is
    logged when the object goes.
    """

    __slots__ = ("_callbacks", "_done", "_driver", "_error", "_seen", "_value", "what")

    def __init__(self, driver: Driver, what: str) -> None:
        self._driver = driver
        #: What is waited for, in words for people.
        self.what = what
        self._done = False
        self._seen = False
        self._value: Any = None
        self._error: BaseException | None = None
        self._callbacks: list[Callable[[], Any]] | None = None

    def __repr__(self) -> str:
        state = "pending" if not self._done else "done" if self._error is None else "failed"
        return f"<{type(self).__name__} {self.what}: {state}>"

    def done(self) -> bool:
        """Whether it is there, or known not to come."""
        return self._done

    # --- for who resolves it ---------------------------------------------------------------------

    def set_result(self, value: Any) -> None:
        """It is there."""
        self._value = value
        self._resolve()

    def set_exception(self, error: BaseException) -> None:
        """It will not come."""
        self._error = error
        self._resolve()

    def exception(self) -> BaseException | None:
        """The error, which counts as seen by this; None if there is none."""
        self._seen = True
        return self._error

    def _resolve(self) -> None:
        self._done = True
        self._tell()

    def _tell(self) -> None:
        # Each callback is popped exactly once, even if two threads come here at the same time.
        callbacks = self._callbacks
        while callbacks:
            try:
                callback = callbacks.pop(0)
            except IndexError:  # the other one has it
                return
            callback()

    def when_done(self, callback: Callable[[], Any]) -> None:
        """Call it as soon as the value is there: at once, if it is."""
        if self._callbacks is None:
            self._callbacks = []
        self._callbacks.append(callback)
        if self._done:
            self._tell()

    # --- for who waits ---------------------------------------------------------------------------

    def _get(self) -> T:
        self._seen = True
        if self._error is not None:
            raise self._error
        value: T = self._value
        return value

    def __await__(self) -> Generator[Any, None, T]:
        if not self._done:
            loop = asyncio.get_running_loop()
            waiter: asyncio.Future[None] = loop.create_future()

            def wake() -> None:
                if not waiter.done():
                    waiter.set_result(None)

            def wake_there() -> None:
                with contextlib.suppress(RuntimeError):  # its loop has ended: nobody waits
                    loop.call_soon_threadsafe(wake)

            self.when_done(wake if loop is self._driver.loop else wake_there)
            yield from waiter.__await__()
        return self._get()

    def result(self, timeout: float | None = None) -> T:
        """Wait for it in this thread, for at most ``timeout`` seconds.

        Raises the error if there is one, ``CallTimeout`` if the time is over, and
        ``LocalProtocolError`` where waiting would keep the answer from coming: in a callback, or in
        the event loop of the connection.
        """
        if not self._done and not self._driver.wait(self, timeout):
            raise CallTimeout(f"{self.what}: no answer within {timeout:g} s; it may still come")
        return self._get()

    def then(self, callback: Callable[[Ok[T] | Err[Exception]], Any]) -> Self:
        """Call ``callback`` with ``Ok(value)`` or ``Err(error)``, in the connection's thread."""
        self._seen = True

        def tell() -> None:
            value: Any = Ok(self._value) if self._error is None else Err(self._error)
            self._driver.run(callback, value)

        self.when_done(tell)
        return self

    def __del__(self) -> None:
        if getattr(self, "_error", None) is not None and not self._seen:
            _LOG.error("%s failed, and nobody asked: %s", self.what, self._error)


def blocked_wait(pending: Pending[Any], timeout: float | None) -> bool:
    """Stop this thread until it is there; whether it is."""
    event = threading.Event()
    pending.when_done(event.set)
    return event.wait(timeout)


def no_waiting(pending: Pending[Any]) -> LocalProtocolError:
    """Why a thread must not wait."""
    return LocalProtocolError(
        f"{pending.what}: waiting here would keep the answer from coming; await it, or use then()"
    )
