"""The HTTP requests of procedures: over sockets of our own, on the server's event loop.

A module decides whom to ask, perhaps by what a client told it; who answers may be anybody. So the
addresses that are reached are chosen here, after names were looked up and for every redirect; and
everything that an answer can do is bounded: its time, its head, its body and its number of pieces.
Nothing is decompressed, no cookie is kept, no connection is used twice.

Source of the times and of which addresses are closed: `crates/core/src/host/instance_env.rs` of
SpacetimeDB 2.8.3, which refuses RFC 6890's private and special-purpose addresses.
"""

from __future__ import annotations

import asyncio
import ipaddress
import socket
import ssl
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import Enum
from functools import cached_property
from typing import TypeAlias
from urllib.parse import quote, urljoin, urlsplit

import h11

from harness.errors import HttpError
from harness.module.http import HttpRequest, HttpResponse

#: The most bytes of an answer's body.
BODY_LIMIT = 8 * 1024 * 1024
#: The most bytes of an answer's head, and of what stands between its pieces.
HEAD_LIMIT = 64 * 1024
#: The most pieces that an answer may come in: many small ones cost time, not space.
PIECES = 65_536
#: So many requests may be under way in a server; further ones wait, within their time.
AT_ONCE = 32
#: So many redirects are followed.
REDIRECTS = 10
#: Read at once, in bytes: what others wait for while it is looked at.
_READ = 16 * 1024

Address: TypeAlias = ipaddress.IPv4Address | ipaddress.IPv6Address
#: Gives the addresses of a name. Raises OSError.
Resolve: TypeAlias = Callable[[str, int], Awaitable[list[str]]]


class Reach(Enum):
    """Which addresses modules may ask."""

    PUBLIC = "public"
    ANYWHERE = "anywhere"
    NOWHERE = "nowhere"


#: Addresses of version 6 that stand for one of version 4, which may be any.
_CARRIERS = [
    ipaddress.ip_network(text)
    for text in (
        "::/96", "::ffff:0:0/96", "64:ff9b::/96", "64:ff9b:1::/48", "2001::/32", "2002::/16",
    )
]  # fmt: skip


def is_public(address: Address) -> bool:
    """Whether an address is somewhere in the internet: no machine of ours, no network of ours."""
    if isinstance(address, ipaddress.IPv6Address) and (
        address.is_site_local or any(address in carrier for carrier in _CARRIERS)
    ):
        return False
    return address.is_global and not address.is_multicast


async def _resolve(host: str, port: int) -> list[str]:
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [str(item[4][0]) for item in found]


class Outgoing:
    """Sends the requests of all modules of a server."""

    def __init__(self, reach: Reach = Reach.PUBLIC, resolve: Resolve = _resolve) -> None:
        self._reach = reach
        self._resolve = resolve
        self._places = asyncio.Semaphore(AT_ONCE)

    async def fetch(self, request: HttpRequest) -> HttpResponse:
        """The answer to a request. Raises ``HttpError``, which has nothing of the URL's path."""
        if self._reach is Reach.NOWHERE:
            raise HttpError("this server lets modules ask nobody; it was started so (--http-to)")
        target = Target.of(request.url)
        try:
            async with asyncio.timeout(request.timeout_s), self._places:
                return await self._follow(target, request)
        except TimeoutError:
            raise HttpError(
                f"{target.origin} gave no whole answer within {request.timeout_s:g} s"
            ) from None
        except h11.RemoteProtocolError as error:
            raise HttpError(f"the answer of {target.origin} is no HTTP: {error}") from None
        except h11.LocalProtocolError as error:
            raise HttpError(f"the request to {target.origin} is not possible: {error}") from None
        except OSError as error:
            reason = error.strerror or str(error) or type(error).__name__
            raise HttpError(f"{target.origin} cannot be reached: {reason}") from None

    async def _follow(self, target: Target, request: HttpRequest) -> HttpResponse:
        method, headers, body = request.method, _checked(request.headers), request.body
        if method not in _METHODS:
            raise HttpError(f"{method[:20]!r} cannot be asked; there are {', '.join(_METHODS)}")
        for _ in range(REDIRECTS + 1):
            found = await self._ask(target, method, headers, body)
            location = found.header("location")
            if found.status not in (301, 302, 303, 307, 308) or location is None:
                return found
            if found.status in (301, 302, 303) and method not in ("GET", "HEAD"):
                method, body = "GET", b""
                headers = [x for x in headers if not x[0].lower().startswith("content-")]
            before, target = target, target.leading_to(location)
            if target.origin != before.origin:  # what was meant for one is not told another
                headers = [x for x in headers if x[0].lower() not in _SECRET]
        raise HttpError(f"{target.origin} redirects more than {REDIRECTS} times")

    async def _ask(
        self, target: Target, method: str, headers: list[tuple[str, str]], body: bytes
    ) -> HttpResponse:
        connection = h11.Connection(h11.CLIENT, max_incomplete_event_size=HEAD_LIMIT)
        given = {name.lower() for name, _ in headers}
        own = [(name, value) for name, value in _OWN if name.lower() not in given]
        own += [("Host", target.authority), ("Connection", "close")]
        if body or method in ("POST", "PUT", "PATCH"):
            own.append(("Content-Length", str(len(body))))
        # Before anybody is connected to: h11 says what cannot be sent.
        data = connection.send(
            h11.Request(method=method, target=target.path, headers=[*own, *headers])
        )
        data = b"".join(
            part or b""
            for part in (data, connection.send(h11.Data(data=body)), connection.send(_END))
        )
        reader, writer = await self._connect(target)
        try:
            writer.write(data)  # not waited for: an answer may come before all is read
            return await _answer(connection, reader, target)
        finally:
            writer.transport.abort()

    async def _connect(self, target: Target) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        failed: OSError | None = None
        for address in await self._addresses(target):
            try:
                return await asyncio.open_connection(
                    address,
                    target.port,
                    ssl=self._tls if target.is_tls else None,
                    server_hostname=target.host if target.is_tls else None,
                )
            except OSError as error:
                failed = failed or error
        assert failed is not None, "there are addresses"
        raise failed

    async def _addresses(self, target: Target) -> list[str]:
        """Where to connect to: never a name, which could be another's by then."""
        try:
            found = [str(ipaddress.ip_address(target.host))]
        except ValueError:
            found = await self._resolve(target.host, target.port)
        if self._reach is Reach.PUBLIC:
            found = [x for x in found if is_public(ipaddress.ip_address(x))]
        if not found:
            raise HttpError(
                f"{target.host} is at a private or special address, which modules may not reach; "
                "start the server with --http-to anywhere to let them"
            )
        return list(dict.fromkeys(found))

    @cached_property
    def _tls(self) -> ssl.SSLContext:
        return ssl.create_default_context()


async def _answer(
    connection: h11.Connection, reader: asyncio.StreamReader, target: Target
) -> HttpResponse:
    head: h11.Response | None = None
    body = bytearray()
    for _ in range(2 * PIECES):
        event = connection.next_event()
        if event is h11.NEED_DATA:
            connection.receive_data(await reader.read(_READ))
            await asyncio.sleep(0)  # what is there already is read without giving way to others
        elif isinstance(event, h11.Response):
            head = event
        elif isinstance(event, h11.Data):
            body += event.data
            if len(body) > BODY_LIMIT:
                raise HttpError(
                    f"the answer of {target.origin} is longer than {BODY_LIMIT:,} bytes"
                )
        elif isinstance(event, h11.EndOfMessage) and head is not None:
            headers = tuple(
                (name.decode("latin-1"), value.decode("latin-1"))
                for name, value in head.headers.raw_items()
            )
            return HttpResponse(head.status_code, headers, bytes(body))
    raise HttpError(f"the answer of {target.origin} comes in more than {PIECES:,} pieces")


# --- what is asked -------------------------------------------------------------------------------

_METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
_END = h11.EndOfMessage()
_OWN = [("Accept", "*/*"), ("Accept-Encoding", "identity"), ("User-Agent", "spacetimedb-harness")]
#: Headers that say how a message is sent: these are ours.
_RESERVED = frozenset(
    ("connection", "content-length", "expect", "host", "te", "transfer-encoding", "upgrade")
)
_SECRET = frozenset(("authorization", "cookie", "proxy-authorization"))
_PATH, _QUERY = "/%:@!$&'()*+,;=~-._", "/%:@!$&'()*+,;=~-._?"


def _checked(headers: tuple[tuple[str, str], ...]) -> list[tuple[str, str]]:
    for name, value in headers:
        if name.lower() in _RESERVED:
            raise HttpError(f"the header {name!r} is made by the server; leave it out")
        try:
            h11.Request(method="GET", target="/", headers=[("Host", ""), (name, value)])
        except (h11.LocalProtocolError, UnicodeEncodeError):  # both show the value, maybe a secret
            raise HttpError(
                f"the header {name[:40]!r} cannot be sent: a name is ASCII letters, digits and -, "
                "a value is ASCII in one line, without spaces around it"
            ) from None
    return list(headers)


@dataclass(frozen=True, slots=True)
class Target:
    """A URL in parts. ``origin`` is what may be shown of it."""

    url: str
    host: str
    port: int
    authority: str
    path: str
    is_tls: bool

    @property
    def origin(self) -> str:
        return f"{'https' if self.is_tls else 'http'}://{self.authority}"

    def leading_to(self, location: str) -> Target:
        """Where an answer sends on to. Raises ``HttpError`` as ``of`` does."""
        try:
            url = urljoin(self.url, location)
        except ValueError:
            raise HttpError(f"{self.origin} redirects to what is not a URL") from None
        return Target.of(url)

    @classmethod
    def of(cls, url: str) -> Target:
        """Raises ``HttpError`` for what cannot be asked."""
        if any(ord(letter) <= 32 or ord(letter) == 127 for letter in url):
            raise HttpError("a URL has no spaces and no control characters; write them as %20")
        try:
            parts = urlsplit(url)
            scheme, port = parts.scheme, parts.port
            host = (parts.hostname or "").encode("idna").decode()
        except ValueError:  # and UnicodeError; its text may have a part of a password
            raise HttpError("not a URL: its host or its port cannot be read") from None
        if scheme not in ("http", "https") or not host:
            raise HttpError("a URL begins with http:// or https:// and a host")
        if parts.username is not None:
            raise HttpError("a URL with a user or password is not sent; use a header Authorization")
        is_tls = scheme == "https"
        usual = 443 if is_tls else 80
        shown = f"[{host}]" if ":" in host else host
        path = quote(parts.path, safe=_PATH) or "/"
        if parts.query:
            path += "?" + quote(parts.query, safe=_QUERY)
        return cls(
            url, host, port or usual,
            shown if port in (None, usual) else f"{shown}:{port}", path, is_tls,
        )  # fmt: skip
