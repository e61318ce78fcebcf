"""One connection without I/O: bytes and calls in, bytes and events out; for v1, v2 and v3."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from harness.protocol.connection import Connection

#: Short name → the WebSocket subprotocol.
SUBPROTOCOLS = {
    "v3": "v3.bsatn.spacetimedb",
    "v2": "v2.bsatn.spacetimedb",
    "v1": "v1.bsatn.spacetimedb",
}


def open_connection(subprotocol: str) -> Connection:
    """A connection of the subprotocol that the server chose. Raises ``RemoteProtocolError``."""
    from harness.errors import RemoteProtocolError
    from harness.protocol.v1 import ConnectionV1
    from harness.protocol.v2 import ConnectionV2, ConnectionV3

    for class_ in (ConnectionV3, ConnectionV2, ConnectionV1):
        if SUBPROTOCOLS[class_.protocol] == subprotocol:
            return class_()
    raise RemoteProtocolError(f"the server chose the subprotocol {subprotocol!r}, unasked")
