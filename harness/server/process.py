"""The server as a process: starts, says where it listens, ends cleanly on SIGTERM or Ctrl-C."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
import resource
import signal
import sys
import threading
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from harness.errors import HarnessError, TargetError
from harness.module import Module
from harness.server.admission import From
from harness.server.host import Host
from harness.server.listener import Listener
from harness.server.outgoing import Reach
from harness.server.trial import IMPORT_S
from harness.server.watchdog import Watchdog

#: File descriptors that a thousand connections and some need.
DESCRIPTORS = 20_000
#: What asks the server to end.
_ENDING = (signal.SIGTERM, signal.SIGINT)


def _nobody(uri: str, identity: str, token: str) -> None:
    """Nobody is told where the server listens, but by its first line."""


@dataclass(frozen=True, slots=True)
class Options:
    """What a server may be told besides what it serves.

    ``announce`` is called with the URI, the owner's identity and a token of it once the server
    listens; ``import_s`` is the time in seconds that the import of a published module may take.
    """

    publish_from: From = From.LOOPBACK
    http_to: Reach = Reach.PUBLIC
    import_s: float = IMPORT_S
    announce: Callable[[str, str, str], None] = _nobody


def serve(
    modules: list[tuple[str, Module]],
    *,
    address: str,
    port: int,
    data_dir: Path | None,
    options: Options | None = None,
) -> None:
    """Run until SIGTERM or SIGINT; the first line on stdout is the URI.

    What was published to the data directory is served as well. Raises ``TargetError`` if the port
    cannot be bound, ``StoreError`` if storage fails, and ``SchemaError`` if a stored database does
    not fit its module.
    """
    raise_descriptor_limit()
    lock = _lock(data_dir)
    try:
        _run(_main(modules, address, port, data_dir, options or Options()))
    finally:
        if lock is not None:
            lock.close()


def _run(main: Coroutine[Any, Any, None]) -> None:
    try:
        import uvloop
    except ImportError:
        asyncio.run(main)
    else:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(main)


async def _main(
    modules: list[tuple[str, Module]],
    address: str,
    port: int,
    data_dir: Path | None,
    options: Options,
) -> None:
    loop = asyncio.get_running_loop()
    host = Host.open(data_dir)
    host.watchdog = Watchdog()
    host.watchdog.start()
    for name, module in modules:
        host.add(name, module)
    host.reopen()
    for identity, why in host.broken.items():
        shown = ", ".join(host.shelf.kept[identity].names) or identity
        print(f"harness: the database {shown} cannot be served: {why}", file=sys.stderr)
    listener = Listener(
        host, loop, publish_from=options.publish_from, import_s=options.import_s,
        http_to=options.http_to,
    )  # fmt: skip
    stopped = asyncio.Event()
    for number in _ENDING:
        loop.add_signal_handler(number, stopped.set)
    try:
        await _serve(listener, host, (address, port), options, stopped)
    finally:
        for number in _ENDING:
            loop.remove_signal_handler(number)  # not for what runs in this process afterwards


async def _serve(
    listener: Listener,
    host: Host,
    place: tuple[str, int],
    options: Options,
    stopped: asyncio.Event,
) -> None:
    address, port = place
    try:
        bound, port = await listener.start(address, port)
    except OSError as error:
        # asyncio's own words have the address once more, in another form.
        said = os.strerror(error.errno) if error.errno and error.errno > 0 else error.strerror
        hint = "; --listen HOST:0 takes a free port" if error.errno == errno.EADDRINUSE else ""
        raise TargetError(f"cannot listen on {address}:{port}: {said}{hint}") from error
    shown = f"[{bound}]" if ":" in bound else bound
    uri = f"http://{shown}:{port}"
    options.announce(uri, host.owner.to_hex(), host.authority.for_this_run(host.owner_token))
    print(uri, flush=True)
    _watch_parent(asyncio.get_running_loop(), stopped)
    waiter = asyncio.ensure_future(stopped.wait())
    try:
        ends: list[asyncio.Future[Any]] = [waiter, listener.failure]
        await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
        if listener.failure.done():
            failed = listener.failure.exception()
            raise failed if isinstance(failed, HarnessError) else TargetError(str(failed))
    finally:
        waiter.cancel()
        listener.failure.cancel()
        await listener.stop()


def _watch_parent(loop: asyncio.AbstractEventLoop, stopped: asyncio.Event) -> None:
    """With HARNESS_DIE_WITH_PARENT set, end when stdin does: no server outlives its starter."""
    if not os.environ.get("HARNESS_DIE_WITH_PARENT"):
        return

    def wait() -> None:
        with contextlib.suppress(OSError, ValueError):
            while os.read(sys.stdin.fileno(), 4096):
                pass
        loop.call_soon_threadsafe(stopped.set)

    threading.Thread(target=wait, daemon=True, name="parent").start()


def _lock(data_dir: Path | None) -> IO[str] | None:
    """Hold the data directory for this process. Raises ``TargetError`` if another one does."""
    if data_dir is None:
        return None
    import fcntl

    try:
        data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
        ignored = data_dir / ".gitignore"
        if not ignored.exists():
            ignored.write_text("*\n")  # keys and the owner's token are in no repository
        file = open(data_dir / "lock", "w")  # noqa: SIM115  (held as long as the server runs)
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise TargetError(
            f"another server uses the data directory {data_dir}; end that one, or name another "
            "folder with --data-dir"
        ) from None
    except OSError as error:
        raise TargetError(f"the data directory {data_dir} cannot be used: {error}") from error
    return file


def raise_descriptor_limit() -> None:
    """Allow as many descriptors as the system lets us, up to what we need."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = DESCRIPTORS if hard == resource.RLIM_INFINITY else min(DESCRIPTORS, hard)
    if soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
