"""What must hold after a turn of a foreign client, and the sentence if it does not.

Pure: what was told and what was seen go in, checks come out, the deepest cause first. A client
whose bytes are wrong also gets no answers; who reads the reasons wants the bytes first:

1. the client did not connect
2. the client's bytes are not BSATN
3. no call reached the server, or others than the client claims
4. the client's rows differ from the server's
5. the client answered only some of the calls
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from harness.errors import TargetError
from harness.load.workloads import Row
from harness.peers.exchange import Result
from harness.peers.rows import digest
from harness.records import Check
from harness.run import oracle
from harness.run.client_frames import calls as calls_of
from harness.run.client_frames import codec_of, first_fault
from harness.run.client_relay import Heard

#: How ``harness.peers.process.ask`` tells what a peer itself reported.
_REPORTS = " reports: "
_NOT_CONNECTED = "did not connect"
_LONGEST = 300


@dataclass(frozen=True, slots=True)
class Turn:
    """One turn: what the client told, and what was seen of it elsewhere."""

    #: The subject of sentences: ``the client`` or ``our client``.
    who: str
    protocol: str
    do: str
    #: None if the client gave no result; then ``failure`` says why, as the end of a sentence.
    result: Result | None
    failure: str = ""
    #: Transactions that the server counted; None if it does not count.
    counted: int | None = None
    #: What the server's table must hold if the client's claim is true, and what it does hold.
    expected: Sequence[Row] = ()
    found: Sequence[Row] = ()
    #: What went through a relay; None if there was none.
    heard: Sequence[Heard] | None = field(default=None)

    @property
    def claimed(self) -> int:
        """Calls that the client says were answered well."""
        return self.result.all_calls if self.result is not None else 0

    @property
    def begun(self) -> int:
        """Calls that the client says it began."""
        return self.claimed + (self.result.errors if self.result is not None else 0)


def failure_of(error: TargetError) -> str:
    """What a peer did instead of giving a result, as the end of a sentence."""
    text = str(error)
    _, reports, told = text.partition(_REPORTS)
    if not reports:
        told = text.removeprefix("the peer ").partition(" ")[2]
    return told[:_LONGEST]


def checks(turn: Turn) -> list[Check]:
    """All that can be said of a turn, in the order of causes."""
    found = [connected(turn)]
    if turn.heard is not None:
        found.append(spoken(turn))
    if turn.result is not None:
        # Without a result nothing was claimed.
        found.append(reached(turn))
        if turn.result.rows is not None:
            found.append(rows(turn))
    if turn.result is not None or found[0].passed:
        found.append(answered(turn))
    return found


def connected(turn: Turn) -> Check:
    """The client was connected; whatever it did afterwards."""
    failed = turn.result is None and turn.failure.startswith(_NOT_CONNECTED)
    said = f"{turn.who} {turn.failure}" if failed else f"{turn.who} connected"
    return Check(name=f"connection of {turn.who}", passed=not failed, found=said)


def spoken(turn: Turn) -> Check:
    """All that the client said is BSATN of the protocol that its adapter names."""
    heard = connections(turn.heard or ())
    messages = sum(len(one.client.messages) for one in heard)
    wrong = next(filter(None, (_wrong(turn, one) for one in heard)), None)
    found = wrong or f"{messages} messages of {turn.who} are BSATN of {turn.protocol}"
    return Check(name=f"bytes of {turn.who}", passed=wrong is None, found=found)


def connections(heard: Iterable[Heard]) -> list[Heard]:
    """Those that became, or wanted to become, a WebSocket."""
    return [one for one in heard if one.client.upgraded]


def _wrong(turn: Turn, heard: Heard) -> str | None:
    fault = first_fault(heard.client.messages, heard.subprotocol)
    if fault is not None:
        return f"{turn.who}'s bytes are not BSATN: {fault}"
    if heard.client.fault is not None:
        return f"{turn.who}'s bytes are not BSATN: it sent {heard.client.fault}"
    codec = codec_of(heard.subprotocol)
    if heard.client.messages and codec is not None and codec[1] != turn.protocol:
        return f"{turn.who} spoke {codec[1]}, its adapter was asked for {turn.protocol}"
    return None


def reached(turn: Turn) -> Check:
    """The calls that the client claims are those that the server ran."""
    return Check(
        name=f"calls of {turn.who}",
        passed=(wrong := _unreached(turn)) is None,
        found=wrong or f"the server ran the {turn.claimed:,} calls that {turn.who} claims",
    )


def _unreached(turn: Turn) -> str | None:
    claimed, counted = turn.claimed, turn.counted
    sent = None if turn.heard is None else _sent(turn.heard)
    if counted == 0 and (claimed or not sent):
        return (
            f"no call reached the server: {turn.who} claims {claimed:,} calls, the server counted 0"
        )
    lost = turn.begun - claimed
    if counted is not None and not claimed <= counted <= claimed + lost:
        return f"the server counted {counted:,} calls, {turn.who} claims {claimed:,}"
    if counted is None and turn.do == "noop":
        return "the server does not count its transactions: nothing proves that the calls ran"
    if sent is not None and sent < claimed:
        return f"{turn.who} claims {claimed:,} calls, its connection carried {sent:,}"
    if turn.result is not None and not lost:
        rows = oracle.same_rows("of `item` on the server", turn.expected, turn.found)
        if not rows.passed:
            return f"the server's rows are not those that {turn.who} claims: {rows.found}"
    return None


def _sent(heard: Sequence[Heard]) -> int:
    return sum(calls_of(one.client.messages, one.subprotocol) for one in connections(heard))


def rows(turn: Turn) -> Check:
    """The client's cache holds what the server holds; whatever that should be."""
    assert turn.result is not None
    held, told = turn.result.rows or 0, turn.result.digest
    count, text = digest(turn.found)
    passed = (held, told) == (count, text)
    if passed:
        said = f"the cache of {turn.who} holds the server's {count:,} rows"
    else:
        said = f"{turn.who}'s rows differ from the server's: "
        said += (
            f"both have {count:,}, with other values"
            if held == count
            else f"its cache holds {held:,}, the server {count:,}"
        )
        if turn.result.first_error:
            said += f"; {turn.result.first_error[:_LONGEST]}"
    return Check(name=f"rows of {turn.who}", passed=passed, found=said)


def answered(turn: Turn) -> Check:
    """Each call that was begun was answered well."""
    name = f"answers of {turn.who}"
    if turn.result is None:
        return Check(name=name, passed=False, found=f"{turn.who} {turn.failure}")
    said = f"{turn.who} answered {turn.claimed:,} of {turn.begun:,} calls"
    if turn.result.first_error:
        said += f": {turn.result.first_error[:_LONGEST]}"
    passed = turn.result.errors == 0 and turn.result.calls > 0 and bool(turn.result.times_ns)
    return Check(name=name, passed=passed, found=said)


def plain_http(uri: str) -> bool:
    """Whether a relay can hear what is said: not over TLS."""
    return urlsplit(uri).scheme == "http"
