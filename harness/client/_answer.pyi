"""Futures of answers in C, as a type checker sees them.

To the interpreter ``Answer`` is no ``asyncio.Future``, but ``asyncio.isfuture`` says it is one.
"""

import asyncio
from typing import Any

class Answer(asyncio.Future[Any]):
    def __init__(self, loop: asyncio.AbstractEventLoop, /) -> None: ...

def settle(waiters: list[Any], /) -> None: ...
