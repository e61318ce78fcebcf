"""Calls and the futures of their answers, and how those of one message are resolved together.

In C where that was built: callables that make a plain call without a step in Python, a future that
asyncio's tasks take as one of their own, and one entry in the loop's queue for all that one message
resolves. Otherwise functions in Python, ``asyncio.Future``, and one entry each.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from functools import partial
from typing import Any, TypeVar

T = TypeVar("T")


class _Port:
    """What the callables of a client share.

    ``call`` is where a plain call goes; None if calls need more than to be queued. ``flush_soon``
    is called once for all calls of a tick, and sets ``flushing``.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, flush_soon: Callable[[], None]) -> None:
        self.call: Callable[[str, bytes, Any], int] | None = None
        self.flushing = False


def _slow_caller(
    port: _Port,
    name: str,
    parameters: int,
    encode: Callable[[Any], bytes],
    slowly: Callable[..., T],
) -> Callable[..., T]:
    """What calls a reducer as ``slowly`` does, and at less cost where nothing is unusual."""
    return slowly


def _settle_each(waiters: list[Any], /) -> None:
    """Let None be the result of all of them that are not done."""
    for waiter in waiters:
        if not waiter.done():
            waiter.set_result(None)


def _loops_own(loop: asyncio.AbstractEventLoop) -> Callable[[], asyncio.Future[Any]]:
    return loop.create_future


def _ours(loop: asyncio.AbstractEventLoop) -> Callable[[], asyncio.Future[Any]]:
    return partial(_answer.Answer, loop)


try:
    if os.environ.get("HARNESS_PURE_PYTHON"):
        raise ImportError
    from harness.client import _answer
except ImportError:
    Port: type[_Port] = _Port
    caller = _slow_caller
    #: What makes the future of an answer: ``maker(loop)()``.
    maker = _loops_own
    #: Resolves waiters, be they futures or have their methods ``done`` and ``set_result``.
    settle = _settle_each
else:
    Port, caller = _answer.Port, _answer.Caller
    maker = _ours
    settle = _answer.settle
