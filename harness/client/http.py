"""The HTTP side of a server: identities, publishing, schemas, calls, SQL, logs."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlencode

import aiohttp

from harness.client.family import Family, family_from
from harness.errors import (
    CallError,
    ConnectError,
    ConnectionLost,
    InternalError,
    QueryError,
    ReducerError,
    RemoteProtocolError,
)
from harness.wire import jsontext, schema_json, schema_types
from harness.wire import types as t
from harness.wire.schema import ModuleDef

#: The most bytes of an answer that are read; longer ones are refused.
MAX_ANSWER = 1 << 30
#: The most bytes of one line of a log.
MAX_LINE = 1 << 26


@dataclass(frozen=True, slots=True)
class SqlResult:
    """One statement's result: columns, positional rows of SATS-JSON, counts of changes."""

    #: Of each column the name, and the type as the server wrote it.
    elements: list[Any]
    rows: list[list[Any]]
    stats: dict[str, int]

    @property
    def columns(self) -> tuple[str, ...]:
        """The names; ``""`` for a column without one."""
        return tuple(element["name"].get("some", "") for element in self.elements)

    @property
    def type(self) -> t.Product:
        """The type of the rows. Raises ``SchemaError`` if the server's is none."""
        product = schema_types.type_from_json({"Product": {"elements": self.elements}})
        assert isinstance(product, t.Product)
        return product


class Http:
    """Requests to one server, as one identity. Use as ``async with Http(uri) as http``."""

    def __init__(self, uri: str, token: str | None = None, *, timeout_s: float = 30.0) -> None:
        self._uri = (
            uri.replace("ws", "http", 1).rstrip("/") if uri.startswith("ws") else uri.rstrip("/")
        )
        self._token = token
        self._timeout = aiohttp.ClientTimeout(total=timeout_s)
        self._session: aiohttp.ClientSession | None = None

    def __repr__(self) -> str:
        return f"Http({self._uri!r})"

    async def __aenter__(self) -> Http:
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self.close()

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def identity(self) -> tuple[str, str]:
        """A new identity (64 hexadecimal digits) and its token."""
        answer = await self._object("POST", "/v1/identity", "identity", "token")
        return str(answer["identity"]), str(answer["token"])

    async def websocket_token(self) -> str:
        """A token for our identity that is good for a minute, fit to stand in a URL."""
        answer = await self._object("POST", "/v1/identity/websocket-token", "token")
        return str(answer["token"])

    async def ping(self) -> None:
        """Raises ``ConnectError`` if the server does not answer well."""
        await self._text("GET", "/v1/ping")

    async def health(self) -> dict[str, Any]:
        """Among others the server's ``version``."""
        return await self._object("GET", "/v1/health")

    async def public_key(self) -> str:
        """The key by which the server's tokens can be verified, as PEM."""
        return await self._text("GET", "/v1/identity/public-key")

    async def metrics(self) -> str:
        """All counters, as Prometheus text."""
        return await self._text("GET", "/v1/metrics")

    async def schema(self, database: str, version: int = 9) -> ModuleDef:
        """What the database declares. Raises ``SchemaError`` if it cannot be understood."""
        return schema_json.from_json(await self.definition(database, version))

    async def definition(self, database: str, version: int = 9) -> Any:
        """The same as the JSON that the server gives: V9, or V10 where it knows that."""
        path = f"{_path(database)}/schema?version={version}"
        return jsontext.loads(await self._text("GET", path))

    async def publish(
        self, database: str, module: bytes, *, clear: bool = False, kind: str | None = None,
        query: Mapping[str, str] | None = None,
    ) -> dict[str, Any]:  # fmt: skip
        """Create or update a database from module bytes; ``clear`` wipes its data first.

        ``kind`` is the content type, for servers that take more than WebAssembly; ``query`` what
        else they are told.
        """
        path = f"{_path(database)}?{urlencode({'clear': str(clear).lower(), **(query or {})})}"
        return await self._object("PUT", path, body=module, kind=kind)

    async def pre_publish(
        self, database: str, module: bytes, host_type: str = "Wasm", *, kind: str | None = None
    ) -> dict[str, Any]:
        """What updating a database would do (servers from 1.5 on); ``kind`` as in ``publish``."""
        query = urlencode({"host_type": host_type, "style": "NoColor"})
        path = f"{_path(database)}/pre_publish?{query}"
        return await self._object("POST", path, body=module, kind=kind)

    async def delete(self, database: str, agreed: str | None = None) -> Family | None:
        """Delete a database with its data; None if that is done.

        A server where databases have children deletes nothing and says what would go as well,
        until it is ``agreed`` by the token of that answer.
        """
        query = "" if agreed is None else f"?{urlencode({'token': agreed})}"
        try:
            await self._text("DELETE", f"{_path(database)}{query}")
        except ConnectError as error:
            if error.status != 428:
                raise
            return family_from(jsontext.loads(error.body))
        return None

    async def set_names(self, database: str, names: Sequence[str]) -> None:
        """Give a database these names and no others. Owners only."""
        body = json.dumps(list(names)).encode()
        await self._text("PUT", f"{_path(database)}/names", body, "application/json")

    async def lock(self, database: str, *, locked: bool) -> None:
        """Keep a database from being deleted, or allow it again. Owners only; servers of 2.x."""
        await self._text("POST", f"{_path(database)}/{'lock' if locked else 'unlock'}")

    async def call(self, database: str, function: str, args: list[Any] | dict[str, Any]) -> str:
        """Call a reducer or procedure with SATS-JSON arguments; a procedure's result as JSON text.

        The text of a reducer is empty. Raises ``ReducerError`` with the module's text,
        ``InternalError`` for other refusals.
        """
        path = f"{_path(database)}/call/{quote(function, safe='')}"
        return await self._text("POST", path, json.dumps(args).encode(), "application/json")

    async def identity_of(self, database: str) -> str:
        """A database's identity. Raises ``ConnectError`` with status 404 if there is none."""
        return (await self._text("GET", f"{_path(database)}/identity")).strip()

    async def names(self, database: str) -> list[str]:
        """The names of a database; it may have none."""
        return await self._texts(f"{_path(database)}/names", "names")

    async def databases(self, identity: str) -> list[str]:
        """The identities of the databases that somebody owns."""
        return await self._texts(f"/v1/identity/{quote(identity, safe='')}/databases", "identities")

    async def sql(
        self, database: str, statement: str, *, confirmed: bool | None = None
    ) -> list[SqlResult]:
        """Run SQL. ``confirmed`` waits for what is on disk; without it the server's default holds.

        Raises ``QueryError`` with the server's text.
        """
        path = f"{_path(database)}/sql"
        if confirmed is not None:
            path += f"?confirmed={str(confirmed).lower()}"
        text = await self._text("POST", path, statement.encode(), "text/plain")
        try:
            found = [
                SqlResult(one["schema"]["elements"], one["rows"], one.get("stats") or {})
                for one in jsontext.loads(text)
            ]
            for result in found:
                _ = result.columns
        except (KeyError, TypeError, AttributeError) as error:
            raise RemoteProtocolError(
                f"the server's answer to SQL makes no sense: {error!r}"
            ) from None
        return found

    async def logs(self, database: str, num_lines: int | None = 100) -> list[dict[str, Any]]:
        """The last records of the module's log, all with None. Owners only."""
        return [record async for record in self.read_logs(database, num_lines)]

    def follow_logs(
        self, database: str, num_lines: int = 100
    ) -> AsyncGenerator[dict[str, Any], None]:
        """The last records of the module's log, and those to come until the server ends.

        Leave it with ``aclose``. The limit of time holds until the answer begins.
        """
        return self.read_logs(database, num_lines, follow=True)

    async def read_logs(
        self, database: str, num_lines: int | None = None, *, follow: bool = False
    ) -> AsyncGenerator[dict[str, Any], None]:
        """The same, a record at a time: however long the log is, it is never held as a whole.

        Raises ``RemoteProtocolError`` for what is no record, and ``ConnectionLost`` if the answer
        breaks off.
        """
        some = {} if num_lines is None else {"num_lines": str(num_lines)}
        query = urlencode({**some, **({"follow": "true"} if follow else {})})
        path = f"{_path(database)}/logs{'?' if query else ''}{query}"
        limit = aiohttp.ClientTimeout(
            connect=self._timeout.total, sock_read=None if follow else self._timeout.total
        )
        begun = False
        try:
            async with self._request("GET", path, timeout=limit) as answer:
                if answer.status >= 400:
                    raise _error(path, answer.status, await _whole(answer))
                begun = True
                async for line in _lines(answer):
                    record = jsontext.loads(line.decode(errors="replace"))
                    if not isinstance(record, dict):
                        raise RemoteProtocolError("the server's log has a line that is no record")
                    yield record
        except TimeoutError:
            total = self._timeout.total
            raise ConnectError(f"{self._uri} did not answer within {total:g} s") from None
        except aiohttp.ClientError as error:
            if begun:
                raise ConnectionLost(f"{self._uri} ended within the log") from None
            raise ConnectError(f"{self._uri} cannot be reached: {error}") from error

    async def _object(
        self,
        method: str,
        path: str,
        *fields: str,
        body: bytes | None = None,
        kind: str | None = None,
    ) -> dict[str, Any]:
        """The object in the answer, which has at least these fields."""
        found = jsontext.loads(await self._text(method, path, body, kind))
        if not isinstance(found, dict) or any(field not in found for field in fields):
            wanted = f" with {' and '.join(fields)}" if fields else ""
            shown = path.partition("?")[0]
            raise RemoteProtocolError(f"the server's answer to {shown} is no object{wanted}")
        return found

    async def _texts(self, path: str, field: str) -> list[str]:
        """A list of texts in a field of the answer."""
        found = (await self._object("GET", path, field))[field]
        if not isinstance(found, list):
            raise RemoteProtocolError(f"the server's answer to {path} has no list {field}")
        # Older servers say an identity as an object with one field.
        return [str(next(iter(x.values()), "")) if isinstance(x, dict) else str(x) for x in found]

    async def _text(
        self, method: str, path: str, body: bytes | None = None, kind: str | None = None
    ) -> str:
        headers = {} if kind is None else {"Content-Type": kind}
        try:
            async with self._request(method, path, body, headers, timeout=self._timeout) as answer:
                text = await _whole(answer)
                if answer.status >= 400:
                    raise _error(path, answer.status, text)
                return text
        except TimeoutError:
            limit = self._timeout.total
            raise ConnectError(f"{self._uri} did not answer within {limit:g} s") from None
        except (aiohttp.ClientError, aiohttp.InvalidURL) as error:
            raise ConnectError(f"{self._uri} cannot be reached: {error}") from error

    def _request(
        self,
        method: str,
        path: str,
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        *,
        timeout: aiohttp.ClientTimeout,
    ) -> AbstractAsyncContextManager[aiohttp.ClientResponse]:
        if self._session is None:
            self._session = aiohttp.ClientSession()
        all_headers = dict(headers or {})
        if self._token is not None:
            all_headers["Authorization"] = f"Bearer {self._token}"
        url = self._uri + path
        return self._session.request(method, url, data=body, headers=all_headers, timeout=timeout)


async def _whole(answer: aiohttp.ClientResponse) -> str:
    """The text of an answer. Raises ``RemoteProtocolError`` if it is too long."""
    data = bytearray()
    async for part in answer.content.iter_any():
        data += part
        if len(data) > MAX_ANSWER:
            raise RemoteProtocolError(f"an answer of more than {MAX_ANSWER} bytes")
    return data.decode(errors="replace")


async def _lines(answer: aiohttp.ClientResponse) -> AsyncIterator[bytes]:
    """The lines of an answer that are not empty, as they come.

    Raises ``RemoteProtocolError`` for one that is too long to be one.
    """
    rest = bytearray()
    async for part in answer.content.iter_any():
        *whole, last = part.split(b"\n")
        for line in whole:
            rest += line
            if rest.strip():
                yield bytes(rest)
            rest.clear()
        rest += last
        if len(rest) > MAX_LINE:
            raise RemoteProtocolError(f"a line of more than {MAX_LINE} bytes")
    if rest.strip():
        yield bytes(rest)


def _path(database: str) -> str:
    return f"/v1/database/{quote(database, safe='')}"


def _error(path: str, status: int, text: str) -> CallError | ConnectError:
    if status == 530:
        return ReducerError(text)
    if path.partition("?")[0].endswith("/sql") and status == 400:
        return QueryError(text)
    if "/call/" in path and status in (400, 402, 404, 500, 503):
        return InternalError(text)
    return ConnectError(
        f"the server answered {path.partition('?')[0]} with {status}: {text}", status, text
    )
