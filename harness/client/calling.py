"""Reducers and procedures as callables."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Any

from harness.client.answers import caller
from harness.client.names import nearest
from harness.wire.codec import Codec

#: Sends a name and encoded arguments; gives what the caller awaits.
Send = Callable[[str, bytes], "asyncio.Future[Any]"]


class Function:
    """A reducer or procedure to call: ``conn.reducers.transfer(1, 2, amount=30)``."""

    __slots__ = ("_name", "_parameters", "_send", "encode")

    def __init__(self, name: str, parameters: tuple[str, ...], codec: Codec, send: Send) -> None:
        self._name = name
        self._parameters = parameters
        #: The arguments in order, as bytes.
        self.encode: Callable[[tuple[Any, ...]], bytes] = codec.encode
        self._send = send

    def __repr__(self) -> str:
        return f"{self._name}({', '.join(self._parameters)})"

    def __call__(self, *args: Any, **kwargs: Any) -> asyncio.Future[Any]:
        """Send the call in this tick of the event loop; the answer is awaited.

        Awaiting raises ``ReducerError`` with the module's text, ``InternalError`` with the host's,
        ``CallTimeout``, or ``ConnectionLost`` if the outcome is unknown. The call itself raises
        ``TypeError`` for wrong arguments, ``EncodeError`` for values that do not fit, and
        ``LocalProtocolError`` if there is no connection.
        """
        if kwargs or len(args) != len(self._parameters):
            args = self._bind(args, kwargs)
        return self._send(self._name, self.encode(args))

    def quick(self, port: Any) -> Callable[..., asyncio.Future[Any]]:
        """The same callable at less cost, for a client whose calls go through ``port``."""
        return caller(port, self._name, len(self._parameters), self.encode, self)

    def _bind(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[Any, ...]:
        rest = self._parameters[len(args) :]
        unknown = [name for name in kwargs if name not in rest]
        missing = [name for name in rest if name not in kwargs]
        if len(args) > len(self._parameters) or unknown or missing:
            problems = [f"missing {name!r}" for name in missing]
            problems += [f"unknown or repeated {name!r}" for name in unknown]
            problems = problems or [f"{len(args)} arguments"]
            raise TypeError(f"{self!r}: {', '.join(problems)}")
        return (*args, *(kwargs[name] for name in rest))


class Functions:
    """``conn.reducers`` and ``conn.procedures``: one callable for each, by its accessor."""

    def __init__(
        self, kind: str, functions: Mapping[str, Callable[..., asyncio.Future[Any]]]
    ) -> None:
        self._kind = kind
        for name, function in functions.items():
            setattr(self, name, function)

    def __getattr__(self, name: str) -> Callable[..., asyncio.Future[Any]]:
        kind = self.__dict__.get("_kind", "function")
        raise AttributeError(nearest(kind, name, vars(self)))
