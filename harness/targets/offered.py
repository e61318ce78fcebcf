"""Which protocols a server offers, asked of the server itself."""

from __future__ import annotations

import base64
import http.client
import os
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import quote, urlsplit

from harness.errors import TargetError
from harness.protocol import SUBPROTOCOLS

#: The newest first: the best of them is what a run uses unless it asks for another.
PROTOCOLS = ("v3", "v2", "v1")
TIMEOUT_S = 10.0


def protocols(uri: str, database: str, token: str | None = None) -> list[str]:
    """The protocols that the database's WebSocket accepts, the newest first.

    Raises ``TargetError`` if nobody answers, if there is no such database, or if it accepts none.
    """
    path = f"/v1/database/{quote(database, safe='')}/subscribe?compression=None"
    found, status = [], 0
    for name in PROTOCOLS:
        with connection(uri) as asked:
            asked.request("GET", urlsplit(uri).path + path, headers=_headers(name, token))
            answer = asked.getresponse()
            status = answer.status
            if status == 101 and answer.headers["Sec-WebSocket-Protocol"] == SUBPROTOCOLS[name]:
                found.append(name)
        if status == 404:
            raise TargetError(f"the server at {uri} has no database `{database}`")
    if not found:
        raise TargetError(
            f"the server at {uri} offers none of the protocols {', '.join(PROTOCOLS)}; "
            f"it answered with status {status}"
        )
    return found


@contextmanager
def connection(uri: str) -> Iterator[http.client.HTTPConnection]:
    """An HTTP connection. What goes wrong on it becomes a ``TargetError``."""
    parts = urlsplit(uri)
    secure = parts.scheme in ("https", "wss")
    kind = http.client.HTTPSConnection if secure else http.client.HTTPConnection
    opened = kind(parts.hostname or "", parts.port, timeout=TIMEOUT_S)
    try:
        yield opened
    except (OSError, http.client.HTTPException) as error:
        raise TargetError(f"no server answers at {uri}: {error}") from error
    finally:
        opened.close()


def _headers(name: str, token: str | None) -> dict[str, str]:
    headers = {
        "Upgrade": "websocket",
        "Connection": "Upgrade",
        "Sec-WebSocket-Key": base64.b64encode(os.urandom(16)).decode(),
        "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Protocol": SUBPROTOCOLS[name],
    }
    return headers | ({"Authorization": f"Bearer {token}"} if token else {})
