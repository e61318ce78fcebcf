"""How people name a server: by URI, by host and port, or `local`."""

from __future__ import annotations

import ipaddress
from urllib.parse import urlsplit

from harness.errors import PlanError

#: Where a server listens unless it is told otherwise.
LOCAL = "http://127.0.0.1:3000"
_SCHEMES = {"http": "http", "https": "https", "ws": "http", "wss": "https"}


def server_uri(named: str) -> str:
    """The HTTP address of a server, without a slash at its end; two spellings of one are equal.

    ``named`` is ``local``, ``host``, ``host:port`` or a URI with http, https, ws or wss. Raises
    ``PlanError``, which does not repeat a password that stands in it.
    """
    text = named.strip()
    if text == "local":
        return LOCAL
    if "@" in text:
        raise PlanError("a server's URI has no user or password; a token goes in SPACETIMEDB_TOKEN")
    wrong = PlanError(f"a server is `local` or a URI such as {LOCAL}, not {named!r}")
    if not text.isprintable() or any(letter.isspace() for letter in text):
        raise wrong
    try:
        parts = urlsplit(text if "://" in text else f"http://{text}")
        host, port = parts.hostname, parts.port
    except ValueError:
        raise wrong from None
    if parts.scheme not in _SCHEMES or not host or parts.query or parts.fragment:
        raise wrong
    scheme = _SCHEMES[parts.scheme]
    shown = f"[{host}]" if ":" in host else host
    if port is not None and port != {"http": 80, "https": 443}[scheme]:
        shown += f":{port}"
    return f"{scheme}://{shown}{parts.path}".rstrip("/")


def is_local(uri: str) -> bool:
    """Whether a server is on this machine, by its address."""
    host = urlsplit(uri).hostname or ""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
