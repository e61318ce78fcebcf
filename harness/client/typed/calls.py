"""Reducers and procedures, one typed method each in generated code."""

from __future__ import annotations

import asyncio
import copy
from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar, Generic, Self, TypeAlias, TypeVar

from harness.client.names import nearest
from harness.client.typed.pending import Pending
from harness.errors import CallTimeout, HarnessError

if TYPE_CHECKING:
    from harness.client.client import Client
    from harness.client.typed.connection import DbConnectionBase
    from harness.client.typed.driving import Driver

T = TypeVar("T")
#: Leaves an answer that may still come to nobody.
Forget: TypeAlias = Callable[[], object]


class Call(Pending[T]):
    """A call that was sent: ``await`` it, ask for its ``result``, or say what comes ``then``.

    Raises ``ReducerError`` with the module's text if it refused, ``InternalError`` with the host's,
    ``CallTimeout``, or ``ConnectionLost`` if the outcome is unknown.
    """

    __slots__ = ("__weakref__", "args")

    def __init__(self, driver: Driver, what: str, args: Any) -> None:
        super().__init__(driver, what)
        #: The object of the arguments of a reducer.
        self.args = args


class ProcedureCall(Call[T], Generic[T]):
    """A call whose value comes as bytes."""

    __slots__ = ("_decode",)

    def __init__(self, driver: Driver, what: str, decode: Callable[[bytes], T]) -> None:
        super().__init__(driver, what, None)
        self._decode = decode

    def set_result(self, value: Any) -> None:
        try:
            value = self._decode(value)
        except HarnessError as error:
            self.set_exception(error)
        else:
            super().set_result(value)


class _Functions:
    """Base of generated ``Reducers`` and ``Procedures``."""

    _kind = "function"
    _submodules: ClassVar[Mapping[str, type[_Functions]]] = {}

    def __init__(self, connection: DbConnectionBase[Any]) -> None:
        self._connection = connection
        self._timeout_s: float | None = None
        for name, functions in self._submodules.items():
            setattr(self, name, functions(connection))

    def with_options(self, *, timeout: float | None = None) -> Self:
        """The same functions, whose calls fail with ``CallTimeout`` after so many seconds.

        Raises ``ValueError`` for what is no time.
        """
        if timeout is not None and not timeout >= 0:  # NaN among them
            raise ValueError(f"timeout is a number of seconds from 0 on, or None; not {timeout!r}")
        other = copy.copy(self)
        other._timeout_s = timeout
        for name in self._submodules:
            setattr(other, name, getattr(self, name).with_options(timeout=timeout))
        return other

    if not TYPE_CHECKING:  # a type checker must not believe in every name

        def __getattr__(self, name: str) -> Any:
            known = [x for x in (*vars(type(self)), *vars(self)) if not x.startswith("_")]
            raise AttributeError(nearest(self._kind, name, known))


class ReducersBase(_Functions):
    """Base of the generated ``Reducers``."""

    _kind = "reducer"


class ProceduresBase(_Functions):
    """Base of the generated ``Procedures``."""

    _kind = "procedure"


def call_reducer(reducers: ReducersBase, args: Any) -> Call[None]:
    """Send a call in this tick of the event loop. ``args`` is an object of the reducer's class.

    Raises ``EncodeError`` for values that do not fit, and ``LocalProtocolError`` if there is no
    connection.
    """
    connection = reducers._connection
    name, encode = connection._reducer(type(args))
    data = encode(args)
    driver = connection._driver
    call: Call[None] = Call(driver, name, args)
    client = connection._client
    if (
        client is not None
        and driver.is_here()
        and reducers._timeout_s is connection._call_timeout_s is None
    ):
        client.call_for(call, name, data)  # the usual case, without a step more than it needs
        return call

    def send(client: Client) -> Forget:
        return partial(client.forget, client.call_for(call, name, data))

    _start(connection, call, send, reducers._timeout_s)
    return call


def call_procedure(procedures: ProceduresBase, name: str, *args: Any) -> Call[Any]:
    """Send a call of a procedure, as ``call_reducer`` does; its value is decoded."""
    connection = procedures._connection
    encode, decode = connection._procedure(name)
    data = encode(args)
    call: Call[Any] = ProcedureCall(connection._driver, name, decode)

    def send(client: Client) -> Forget:
        client.procedure_for(call, name, data)
        return lambda: None

    _start(connection, call, send, procedures._timeout_s)
    return call


def _start(
    connection: DbConnectionBase[Any],
    call: Call[Any],
    send: Callable[[Client], Forget],
    timeout_s: float | None,
) -> None:
    """Send now, or as soon as the connection's own thread comes to it."""

    def go() -> None:
        client = connection._open()
        forget = send(client)
        limit_s = connection._call_timeout_s if timeout_s is None else timeout_s
        if limit_s is not None:
            _watch(client.loop, call, limit_s, forget)

    def go_there() -> None:
        try:
            go()
        except HarnessError as error:  # the caller can only hear of it by the call
            call.set_exception(error)

    driver = connection._driver
    if driver.is_here():
        go()
    else:
        driver.soon(go_there)


def _watch(
    loop: asyncio.AbstractEventLoop, call: Call[Any], limit_s: float, forget: Forget
) -> None:
    """Let a call fail that has no answer when its time is over."""

    def over() -> None:
        if not call.done():
            forget()
            error = CallTimeout(
                f"{call.what}: no answer within {limit_s:g} s; the outcome is unknown"
            )
            call.set_exception(error)

    timer = loop.call_later(limit_s, over)
    call.when_done(timer.cancel)
