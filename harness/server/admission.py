"""Who may publish: a published module is code that runs with the rights of the server's user.

A request that makes, changes or deletes a database has to pass all of these:

- the server listens on the loopback alone, unless it was started to be published to from anywhere
  (publishing only);
- it brings the token of the server's owner in its ``Authorization`` header. The token lies in
  files that only the user of the server can read; no identity that the server gives out has it;
- no browser sent it: pages of any site can reach the loopback, and so can names that were rebound
  to it. So there is no ``Origin`` and no ``Sec-Fetch-Site``, and ``Host`` is an address of ours.
"""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from enum import Enum

from harness.server.auth import bearer
from harness.server.http import HttpError, Request
from harness.wire.values import Identity


class From(Enum):
    """Where publishing is allowed from."""

    LOOPBACK = "loopback"
    ANYWHERE = "anywhere"
    NOWHERE = "nowhere"


@dataclass(frozen=True, slots=True)
class Admission:
    """The rules of one server. ``address`` is what it listens on."""

    owner: Identity
    publish_from: From = From.LOOPBACK
    address: str = "127.0.0.1"

    def owner_only(self, request: Request, caller: Identity) -> None:
        """Raises ``HttpError`` unless the owner itself sent the request, and no page.

        ``caller`` is who the request's token belongs to.
        """
        if "origin" in request.headers or "sec-fetch-site" in request.headers:
            raise HttpError(403, "a web page may not publish or delete databases")
        host = _host_name(request.headers.get("host", ""))
        if self.publish_from is not From.ANYWHERE and not self._is_ours(host):
            raise HttpError(403, f"this server is not called {host!r}; use http://127.0.0.1")
        if bearer(request.headers.get("authorization")) is None:
            raise HttpError(401, "publishing needs the owner's token in the header Authorization")
        if caller != self.owner:
            raise HttpError(
                403,
                f"{caller} is not authorized: only who started this server may publish to it "
                "and delete its databases",
            )

    def publishing(self) -> None:
        """Raises ``HttpError`` if nothing at all can be published to this server."""
        if self.publish_from is From.NOWHERE:
            raise HttpError(403, "this server was started with --publish-from nowhere")
        if self.publish_from is From.LOOPBACK and not is_loopback(self.address):
            raise HttpError(
                403,
                f"this server listens on {self.address}, where others can reach it; modules are "
                "code, so it takes none unless started with --publish-from anywhere",
            )

    def _is_ours(self, host: str) -> bool:
        return host in ("localhost", self.address) or is_loopback(host)


def is_loopback(address: str) -> bool:
    """Whether only programs on this machine can reach it."""
    try:
        return ipaddress.ip_address(address).is_loopback
    except ValueError:
        return False


def _host_name(header: str) -> str:
    """``Host`` without its port and without the brackets of IPv6."""
    if header.startswith("["):
        return header[1:].partition("]")[0].lower()
    return header.partition(":")[0].lower()
