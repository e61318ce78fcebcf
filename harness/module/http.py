"""HTTP requests of procedures: ``await ctx.http.get("https://example.org/rates")``.

What is asked and what is answered; how it is sent is the server's part. A test's database takes a
function that answers instead.
"""

from __future__ import annotations

import json
import math
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from harness.errors import HttpError

#: Seconds that a request may take from its start to the end of the answer, if nothing is said …
TIMEOUT_S = 30.0
#: … and at the most. Both as on SpacetimeDB's own servers (2.8.3, `host/instance_env.rs`).
LONGEST_S = 180.0


@dataclass(frozen=True, slots=True)
class HttpRequest:
    """What a procedure asks. Its headers and its body, which may hold secrets, are not shown."""

    url: str
    method: str = "GET"
    headers: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    body: bytes = field(default=b"", repr=False)
    timeout_s: float = TIMEOUT_S


@dataclass(frozen=True, slots=True)
class HttpResponse:
    """What was answered, whatever its status. ``headers`` are in order, their names as sent."""

    status: int
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = field(default=b"", repr=False)

    @property
    def ok(self) -> bool:
        """Whether the status says so: 200 to 299."""
        return 200 <= self.status < 300

    def header(self, name: str) -> str | None:
        """The first header of this name, in any case; None if there is none."""
        wanted = name.lower()
        return next((value for key, value in self.headers if key.lower() == wanted), None)

    def text(self) -> str:
        """The body as UTF-8. Raises ``HttpError`` if it is none."""
        try:
            return self.body.decode()
        except UnicodeDecodeError as error:
            raise HttpError(f"the answer is not UTF-8 (byte {error.start}); use .body") from None

    def json(self) -> Any:
        """The body as JSON. Raises ``HttpError`` if it is none."""
        try:
            return json.loads(self.body)
        except (ValueError, RecursionError) as error:
            raise HttpError(f"the answer is not JSON: {error}") from None


#: Sends a request. Raises ``HttpError`` if there is no whole answer.
Fetch: TypeAlias = Callable[[HttpRequest], Awaitable[HttpResponse]]


class Http:
    """``ctx.http``. ``refused`` raises, saying why, if nothing can be asked now."""

    __slots__ = ("_fetch", "_refused")

    def __init__(self, fetch: Fetch, refused: Callable[[], None]) -> None:
        self._fetch = fetch
        self._refused = refused

    def get(
        self, url: str, *, headers: Mapping[str, str] | None = None, timeout_s: float = TIMEOUT_S
    ) -> Awaitable[HttpResponse]:
        """Ask for what is there; as ``fetch`` with the method GET."""
        return self.fetch(url, headers=headers, timeout_s=timeout_s)

    def fetch(
        self,
        url: str,
        *,
        method: str = "GET",
        headers: Mapping[str, str] | None = None,
        body: bytes | str = b"",
        timeout_s: float = TIMEOUT_S,
    ) -> Awaitable[HttpResponse]:
        """Send a request, and wait for its whole answer; a text goes as UTF-8.

        For ``async`` procedures, between transactions: what one has learned is of use in the next.
        ``timeout_s`` is in seconds, from the start to the last byte; more than 180 is 180.
        Redirects are followed. Any status is an answer: look at ``ok``.

        Raises ``HttpError`` if no whole answer comes, or if the server does not let modules reach
        the address: by default those of its own network are closed to them. Raises
        ``InternalError`` in a plain procedure and inside of a transaction.
        """
        self._refused()
        if math.isnan(timeout_s) or timeout_s <= 0:
            raise HttpError(f"a request needs some time, not {timeout_s:g} s")
        data = body.encode() if isinstance(body, str) else bytes(body)
        request = HttpRequest(
            url, method.upper(), tuple((headers or {}).items()), data, min(timeout_s, LONGEST_S)
        )
        return self._fetch(request)
