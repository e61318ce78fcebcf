"""Calls and the futures of their answers in C, as a type checker sees them.

To the interpreter ``Answer`` is no ``asyncio.Future``, but ``asyncio.isfuture`` says it is one.
"""

import asyncio
from collections.abc import Callable
from typing import Any, TypeVar

from harness.client.answers import _Port

T = TypeVar("T")

class Port(_Port): ...

def Caller(
    port: _Port,
    name: str,
    parameters: int,
    encode: Callable[[Any], bytes],
    slowly: Callable[..., T],
) -> Callable[..., T]: ...

class Answer(asyncio.Future[Any]):
    def __init__(self, loop: asyncio.AbstractEventLoop, /) -> None: ...

def settle(waiters: list[Any], /) -> None: ...
