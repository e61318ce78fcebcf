"""What the harness and a peer say to each other, so that any client in any language can be one.

A *peer* is a process. It reads **one line** of JSON from stdin, the ``Request``; it prints lines of
JSON on stdout; it ends after its result, and at once when its stdin is closed. stderr is its log.
Lines that it prints, each an object with one of these members:

``{"progress": "text"}``
    for people, as often as it likes within the bounds.
``{"mark": "begin"}``, ``{"mark": "end"}``
    the measured window begins, ends. Printed and flushed just outside of it: the harness reads the
    process' CPU time from outside at these two moments and compares it with what the result says.
``{"result": {…}}``
    the ``Result``, last.
``{"error": "one sentence"}``
    instead of a result.

All that it prints is at most ``MOST_BYTES``, and it ends within the request's ``timeout_s``; a peer
that does not is killed, and what it said counts for nothing.

**What to do** (``Request.do``), on one connection unless it says otherwise, through the client's
public API as its users would write it, without compression and with unconfirmed reads where the
protocol has that choice. The database has the reducers ``noop`` and ``insert_item(id: u64, x: f32,
y: f32, z: f32, hp: i32, alive: bool, name: string)`` and the table ``item`` with the same columns.

``noop``, ``insert``
    Make ``warmup`` calls with ``in_flight`` of them under way, and wait for the last answer. Then
    the window begins: ``operations`` calls in the same manner, or as many as are begun within
    ``seconds``; it ends with the last answer. Call number *k* of ``insert`` (0, 1, 2 … with the
    warm-up) inserts the row ``row(rows + k, seed)``, see below. With ``subscribed`` the peer first
    subscribes to ``SELECT * FROM item`` and waits until it is applied. Where a client can tell of
    an answer by callback, that begins the next call; with ``awaited``, or where it cannot, as many
    tasks as there are calls in flight await one answer after the other.
``subscribe``
    The window is from asking for ``SELECT * FROM item`` until its rows are in the cache.
    ``rss_before`` and ``rss_after`` are weighed just outside of the window, after giving back what
    is free.
``connect``
    ``warmup + operations`` times, one after the other: connect, wait for the server's greeting,
    close. ``times_ns`` has the nanoseconds of each measured one, from asking to the greeting.
``idle``
    Connect, with ``subscribed`` subscribe, and do nothing for ``seconds``: the window.

**Rows.** ``row(id, seed)``: ``mixed = (id × 2654435761 + seed × 40503) mod 65536``, then
``x = mixed / 2``, ``y = (mixed xor 0x5555) / 4``, ``z = (mixed xor 0xAAAA) / 8``,
``hp = mixed mod 1000``, ``alive = (mixed is even)``, ``name = "item-"`` and the id with at least
seven digits. The rows that are in the table beforehand are of another seed, which the peer is not
told: it can know them from the server only.

**Proof.** With a subscription, ``rows`` is how many rows the peer's cache holds at the end, and
``digest`` the SHA-256, in hexadecimal, of their text in UTF-8: a line for each row by ascending id,
``id 8x 8y 8z hp alive name`` with single spaces, the numbers as decimal integers (coordinates are
multiples of 1/8), ``alive`` as 0 or 1, and a line feed at its end. ``harness.peers.rows`` has both.
"""

from __future__ import annotations

from typing import Literal, TypeAlias

import msgspec

#: The version of this agreement.
FORM = 1
#: All that a peer may print on stdout.
MOST_BYTES = 4 << 20
#: The longest list of times, that is, the most connections of one peer.
MOST_TIMES = 100_000
#: The most operations of one peer.
MOST_OPERATIONS = 10_000_000

Kind: TypeAlias = Literal["noop", "insert", "subscribe", "connect", "idle"]


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """What a peer is to do. All members are always written.

    ``rows`` is how many rows are in the table beforehand, with the ids 0 … ``rows`` − 1.
    ``seconds`` bounds the window, or is its length; None leaves it to ``operations``.
    ``timeout_s`` is how long the whole process may take. ``token`` None: anonymous.
    """

    do: Kind
    uri: str
    database: str = "bench"
    token: str | None = None
    protocol: str = "v3"
    subscribed: bool = False
    awaited: bool = False
    in_flight: int = 64
    warmup: int = 0
    operations: int = 0
    seconds: float | None = None
    rows: int = 0
    seed: int = 1
    timeout_s: float = 60.0
    form: int = FORM


class Result(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a peer did, and what it cost. Times are nanoseconds, memory is bytes.

    ``calls`` were answered well within the window, ``all_calls`` with the warm-up; ``errors`` were
    answered otherwise or not at all, in the whole run, and ``first_error`` is the text of one.
    ``cpu_ns`` is user and system time of the whole process, all its threads, over the window.
    ``protocol`` is what was spoken, ``versions`` has at least the runtime and the client's package.
    """

    wall_ns: int
    cpu_ns: int
    protocol: str
    versions: dict[str, str]
    calls: int = 0
    all_calls: int = 0
    errors: int = 0
    first_error: str = ""
    rss_before: int = 0
    rss_after: int = 0
    rows: int | None = None
    digest: str | None = None
    times_ns: list[int] = []


class Said(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One line of a peer."""

    progress: str | None = None
    mark: Literal["begin", "end"] | None = None
    result: Result | None = None
    error: str | None = None


_encoder = msgspec.json.Encoder()
_request = msgspec.json.Decoder(Request)
_said = msgspec.json.Decoder(Said)


def encode(message: Request | Said) -> bytes:
    """One line, with its end."""
    return _encoder.encode(message) + b"\n"


def decode_request(line: bytes) -> Request:
    """Raises ``msgspec.MsgspecError`` for anything else."""
    return _request.decode(line)


def decode_said(line: bytes) -> Said:
    """Raises ``msgspec.MsgspecError`` for anything else."""
    return _said.decode(line)
