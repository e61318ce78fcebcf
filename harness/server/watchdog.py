"""Ends reducers that run too long: a loop without end must not stop the server for everybody.

Reducers run on the main thread. A second thread looks at the clock and interrupts the main one by a
signal, whose handler raises inside the reducer; the transaction is then rolled back as for any
other error. A reducer that swallows the interruption is interrupted again, and never committed.
"""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable
from types import FrameType
from typing import TypeVar

from harness.errors import HarnessError, SchemaError
from harness.server.database import interrupt
from harness.server.engine import GUARD, IDLE, REDUCER, ReducerTimeout

T = TypeVar("T")

#: Seconds that a reducer may take.
LIMIT_S = 10.0
_LOOK_EVERY_S = 0.2
_SIGNAL = signal.SIGUSR1


class Watchdog:
    """Watches one call at a time; made on the main thread."""

    __slots__ = ("_clock", "_deadline", "_limit_s", "_main")

    def __init__(
        self, limit_s: float = LIMIT_S, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._deadline: float | None = None
        self._limit_s = limit_s
        self._clock = clock
        self._main = threading.get_ident()

    def start(self) -> None:
        """Begin to watch, in a thread that ends with the process."""
        signal.signal(_SIGNAL, self._interrupt)
        threading.Thread(target=self._look, daemon=True, name="watchdog").start()

    def begin(self) -> float | None:
        """A reducer starts; what to give to ``end`` if another is under way around it."""
        before, self._deadline = self._deadline, self._clock() + self._limit_s
        return before

    def end(self, before: float | None = None) -> None:
        """It has ended; the one around it goes on with the time that it had."""
        self._deadline = before

    def importing(self, run: Callable[[], T]) -> T:
        """Run what imports a module, watched as a reducer is. Raises ``SchemaError``."""
        self.begin()
        GUARD.phase = REDUCER
        try:
            return run()
        except HarnessError:
            raise
        except ReducerTimeout:
            raise SchemaError(
                f"the import of the module did not end within {self._limit_s:g} s"
            ) from None
        except BaseException as error:  # a module's own code can raise anything
            raise SchemaError(
                f"the module cannot be imported: {type(error).__name__}: {error}"
            ) from error
        finally:
            GUARD.phase = IDLE
            self.end()

    def late(self) -> bool:
        """Whether a reducer is running and over its time."""
        deadline = self._deadline
        return deadline is not None and self._clock() > deadline

    def _look(self) -> None:
        while True:
            time.sleep(_LOOK_EVERY_S)
            if self.late():
                signal.pthread_kill(self._main, _SIGNAL)

    def _interrupt(self, number: int, frame: FrameType | None) -> None:
        # The reducer can have ended between the look and this handler, which runs where it ran.
        if self.late():
            interrupt(f"the reducer ran for more than {self._limit_s:g} seconds")
