"""A server that answers each method and path as a test says, and keeps what it was asked."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

TOKEN = "eyJ0.very-secret.c2ln"
DATABASE = "c2" + "0a" * 31
Answer = tuple[int, str]


def success(op: str) -> Answer:
    found = {"domain": "chat", "database_identity": DATABASE, "op": op}
    return 200, json.dumps({"Success": found})


class Scripted(ThreadingHTTPServer):
    """Answers each method and path as ``answers`` says, and keeps what was asked.

    An answer for a path with its query comes before the one for the path.
    """

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.uri = f"http://127.0.0.1:{self.server_address[1]}"
        self.answers: dict[str, Answer | None] = {
            "GET /v1/ping": (200, ""),
            "POST /v1/identity": (200, json.dumps({"identity": "ab" * 32, "token": TOKEN})),
            "PUT /v1/database/chat": success("created"),
        }
        self.asked: list[tuple[str, str | None, bytes]] = []

    def published(self) -> list[tuple[str, str | None, bytes]]:
        return [one for one in self.asked if one[0].startswith("PUT ")]


class Handler(BaseHTTPRequestHandler):
    server: Scripted

    def answer(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        asked = f"{self.command} {self.path}"
        self.server.asked.append((asked, self.headers.get("Authorization"), body))
        answers = self.server.answers
        found = answers.get(asked, answers.get(asked.partition("?")[0], (404, "no such route")))
        if found is None:  # hangs up
            self.close_connection = True
            return
        data = found[1].encode()
        self.send_response(found[0])
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    do_GET = do_POST = do_PUT = do_DELETE = answer

    def log_message(self, *args: Any) -> None:
        """Say nothing."""


@contextmanager
def scripted() -> Iterator[Scripted]:
    """A server in a thread of its own."""
    with Scripted() as found:
        thread = threading.Thread(target=found.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield found
        finally:
            found.shutdown()
            thread.join()
