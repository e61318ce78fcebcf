"""A relay between client and server that hears what they say: bytes go both ways as they are.

Only the client's offer to compress WebSocket frames is left out, so that they can be read. Nothing
is measured through it.
"""

from __future__ import annotations

import asyncio
import re
import threading
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit

from harness.errors import TargetError
from harness.run.client_frames import Frames

#: Connections, and bytes of each side of one, that are carried; then the connection ends.
MOST_CONNECTIONS = 64
MOST_BYTES = 16 << 20
_CHUNK = 1 << 16
_EXTENSIONS = re.compile(rb"\r\nsec-websocket-extensions:[^\r\n]*", re.IGNORECASE)


@dataclass(slots=True)
class Heard:
    """Both sides of one connection."""

    client: Frames = field(default_factory=Frames)
    server: Frames = field(default_factory=Frames)

    @property
    def subprotocol(self) -> str:
        """What the server chose, or what the client asked for if the server chose nothing."""
        return self.server.header("sec-websocket-protocol") or self.client.header(
            "sec-websocket-protocol"
        )


class Relay:
    """Listens on a free loopback port while it is entered; ``heard`` is what went through it."""

    def __init__(self, uri: str) -> None:
        parts = urlsplit(uri)
        if parts.scheme != "http" or parts.hostname is None:
            raise TargetError(f"what is said can be heard over plain HTTP only, not with {uri}")
        self._host, self._port = parts.hostname, parts.port or 80
        self._ready = threading.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stop: asyncio.Event
        self._trouble: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name="relay", daemon=True)
        self.heard: list[Heard] = []
        self.uri = ""

    def __enter__(self) -> Self:
        self._thread.start()
        self._ready.wait()
        if self._trouble is not None:
            raise TargetError(f"the relay cannot listen: {self._trouble}")
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join()

    def _run(self) -> None:
        try:
            asyncio.run(self._serve())
        except OSError as error:
            self._trouble = error
        finally:
            self._ready.set()

    async def _serve(self) -> None:
        self._stop = asyncio.Event()
        tasks: set[asyncio.Task[None]] = set()

        def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            task = asyncio.get_running_loop().create_task(self._carry(reader, writer))
            tasks.add(task)
            task.add_done_callback(tasks.discard)

        server = await asyncio.start_server(accept, "127.0.0.1", 0)
        self.uri = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        self._loop = asyncio.get_running_loop()
        self._ready.set()
        await self._stop.wait()
        server.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heard = Heard()
        try:
            if len(self.heard) >= MOST_CONNECTIONS:
                return
            self.heard.append(heard)
            there, back = await asyncio.open_connection(self._host, self._port)
            try:
                await asyncio.gather(
                    _copy(reader, back, heard.client, strip=True),
                    _copy(there, writer, heard.server),
                )
            finally:
                back.close()
        except OSError:
            pass  # one side has gone; what it said is kept
        finally:
            writer.close()


async def _copy(
    source: asyncio.StreamReader, sink: asyncio.StreamWriter, frames: Frames, strip: bool = False
) -> None:
    """Carry one direction until its end; the other side then sees that end too."""
    size, held = 0, b""
    while data := await source.read(_CHUNK):
        size += len(data)
        if size > MOST_BYTES:
            frames.fault = f"more than {MOST_BYTES:,} bytes"
            break
        if strip:
            held += data
            if b"\r\n\r\n" not in held and len(held) < _CHUNK:
                continue
            data, strip = _EXTENSIONS.sub(b"", held, count=1), False
        frames.receive(data)
        sink.write(data)
        await sink.drain()
    sink.close()
