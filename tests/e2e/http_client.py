"""One HTTP request and its whole answer."""

from __future__ import annotations

import http.client
import json
from dataclasses import dataclass
from typing import Any

from tests.e2e.server import PATIENCE_S, ServerProcess

JSON = {"content-type": "application/json"}


@dataclass(frozen=True, slots=True)
class Answer:
    """Header names are in lower case."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def text(self) -> str:
        return self.body.decode()

    @property
    def json(self) -> Any:
        return json.loads(self.body)


def ask(
    server: ServerProcess,
    method: str,
    path: str,
    body: str | bytes | None = None,
    headers: dict[str, str] | None = None,
) -> Answer:
    """Send a request on a connection of its own. No header is added but Host and the length."""
    connection = http.client.HTTPConnection(*server.address, timeout=PATIENCE_S)
    try:
        data = body.encode() if isinstance(body, str) else body
        connection.request(method, path, data, headers or {})
        response = connection.getresponse()
        found = {name.lower(): value for name, value in response.getheaders()}
        return Answer(response.status, found, response.read())
    finally:
        connection.close()


def call(server: ServerProcess, reducer: str, *args: Any) -> Answer:
    """Call a reducer over HTTP."""
    return ask(server, "POST", f"/v1/database/bench/call/{reducer}", json.dumps(args), JSON)


def sql(server: ServerProcess, statement: str, token: str | None = None) -> Answer:
    """Run one SQL statement."""
    headers = {"authorization": f"Bearer {token}"} if token else {}
    return ask(server, "POST", "/v1/database/bench/sql", statement, headers)


def rows(server: ServerProcess, statement: str) -> list[list[Any]]:
    """The rows of a query that must succeed."""
    answer = sql(server, statement)
    assert answer.status == 200, answer.text
    found: list[list[Any]] = answer.json[0]["rows"]
    return found


def new_identity(server: ServerProcess) -> tuple[str, str]:
    """A fresh identity and its token."""
    answer = ask(server, "POST", "/v1/identity")
    assert answer.status == 200, answer.text
    return answer.json["identity"], answer.json["token"]
