"""The builder of the official SDKs, with their names in snake case."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Generic, Self, TypeVar

from harness.client.connecting import Connecting, Way
from harness.client.returning import Backoff
from harness.client.typed.connection import DbConnectionBase, Settings
from harness.errors import LocalProtocolError
from harness.wire.values import Identity

if TYPE_CHECKING:
    from harness.client.typed.connection import CheckSchema

C = TypeVar("C", bound=DbConnectionBase[Any])

_COMPRESSIONS = {"none": "None", "gzip": "Gzip", "brotli": "Brotli"}


class Builder(Generic[C]):
    """Says step by step how to connect. Callbacks may be added more than once.

    ``build`` gives a connection that does not run yet: callbacks and tables are ready to be used,
    then ``await conn.run_async()``, ``conn.run_threaded()`` or ``conn.frame_tick()`` connects.
    """

    def __init__(self, made: type[C]) -> None:
        self._made = made
        self._way = Way("", "")
        self._settings = Settings(self._way)

    def with_uri(self, uri: str) -> Self:
        """The server: ``http``, ``https``, ``ws`` or ``wss``."""
        self._way = replace(self._way, uri=uri)
        return self

    def with_database_name(self, name: str) -> Self:
        """The database: its name, or its identity in hexadecimal."""
        self._way = replace(self._way, database=name)
        return self

    with_module_name = with_database_name

    def with_token(self, token: str | None) -> Self:
        """Who we are; None lets the server make a new identity."""
        self._way = replace(self._way, token=token)
        return self

    def with_compression(self, compression: str) -> Self:
        """What the server may use: ``none``, ``gzip`` or ``brotli``. Raises ``ValueError``."""
        if compression.lower() not in _COMPRESSIONS:
            raise ValueError(f"compression is none, gzip or brotli, not {compression!r}")
        self._way = replace(self._way, compression=_COMPRESSIONS[compression.lower()])
        return self

    def with_confirmed_reads(self, confirmed: bool) -> Self:
        """Whether answers wait until they are on disk."""
        self._way = replace(self._way, confirmed=confirmed)
        return self

    def with_light_mode(self, light: bool) -> Self:
        """Over v1, leave out whose reducer made a change."""
        self._way = replace(self._way, light=light)
        return self

    def with_reconnect(self, backoff: Backoff | None) -> Self:
        """Come back after a loss."""
        self._way = replace(self._way, reconnect=backoff)
        return self

    def with_timeout(self, seconds: float) -> Self:
        """For all of connecting."""
        self._way = replace(self._way, timeout_s=seconds)
        return self

    def with_call_timeout(self, seconds: float | None) -> Self:
        """After which a call fails with ``CallTimeout``; None: never."""
        self._settings = replace(self._settings, call_timeout_s=seconds)
        return self

    def with_schema_check(self, check: CheckSchema) -> Self:
        """``off``, ``warn`` or ``strict``: whether the database is what the code is for."""
        self._settings = replace(self._settings, check_schema=check)
        return self

    def with_strict_schema(self) -> Self:
        """Refuse a database that is not what the code was generated for."""
        return self.with_schema_check("strict")

    def on_connect(self, callback: Callable[[C, Identity, str], Any]) -> Self:
        """Call ``callback(conn, identity, token)`` when the connection is there."""
        self._settings.on_connect.append(callback)
        return self

    def on_connect_error(self, callback: Callable[[Exception], Any]) -> Self:
        """Call ``callback(error)`` if no connection comes about; the error is raised as well."""
        self._settings.on_connect_error.append(callback)
        return self

    def on_disconnect(self, callback: Callable[[C, Exception | None], Any]) -> Self:
        """Call ``callback(conn, error)`` at the end; no error if we ended it."""
        self._settings.on_disconnect.append(callback)
        return self

    def build(self) -> C:
        """The connection, not started. Raises ``LocalProtocolError`` without URI or database."""
        if not self._way.uri or not self._way.database:
            raise LocalProtocolError("a connection needs with_uri(…) and with_database_name(…)")
        return self._made(replace(self._settings, way=self._way))

    def connect(self) -> Connecting[C]:
        """Connect in the event loop that runs: ``await`` it, or use it in ``async with``."""
        connection = self.build()

        async def make() -> C:
            connection._driver.here()
            await connection._start()
            return connection

        return Connecting(make)
