"""Futures of answers, and how those of one message are resolved together.

In C where that was built: a future that asyncio's tasks take as one of their own, and one entry in
the loop's queue for all that one message resolves. Otherwise ``asyncio.Future``, one entry each.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from functools import partial
from typing import Any


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
    #: What makes the future of an answer: ``maker(loop)()``.
    maker = _loops_own
    #: Resolves waiters, be they futures or have their methods ``done`` and ``set_result``.
    settle = _settle_each
else:
    maker = _ours
    settle = _answer.settle
