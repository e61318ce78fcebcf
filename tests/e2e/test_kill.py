"""`kill -9` at random moments: what was confirmed is there, and nothing is there by halves.

Confirmed calls are driven from several connections at once. Calls of one connection run in order,
so what a restarted server holds of them must be a prefix: at least as long as what was confirmed,
at most as long as what was sent.
"""

from __future__ import annotations

import random
import struct
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from harness.wire import v2
from tests.e2e.http_client import call, new_identity, rows
from tests.e2e.peer import Gone, Peer
from tests.e2e.server import BENCH, ServerProcess

CONFIRMED = "/v1/database/bench/subscribe?compression=None&confirmed=true"
ACCOUNTS, BALANCE = 10, 1_000_000
BATCH = 50
IN_FLIGHT = 16
#: Item ids of the three writers start here; they never meet.
SINGLES, BATCHES = 0, 1 << 40


def item_bytes(id_: int) -> bytes:
    name = f"item {id_}".encode()
    return struct.pack("<QfffiBI", id_, 1, 2, 3, 100, 1, len(name)) + name


def insert_item(i: int) -> tuple[str, bytes]:
    return "insert_item", item_bytes(SINGLES + i)


def insert_items(i: int) -> tuple[str, bytes]:
    first = BATCHES + i * BATCH
    many = b"".join(item_bytes(first + k) for k in range(BATCH))
    return "insert_items", struct.pack("<I", BATCH) + many


def transfer(i: int) -> tuple[str, bytes]:
    """One from each account to the next, in turn: the sum never changes."""
    return "transfer", struct.pack("<IIq", i % ACCOUNTS, (i + 1) % ACCOUNTS, 1 + i % 7)


def send_message(i: int) -> tuple[str, bytes]:
    text = f"message {i}".encode()
    return "send_message", struct.pack("<I", len(text)) + text


class Writer(threading.Thread):
    """Calls one reducer again and again, several in flight, until the server is gone.

    ``sent`` and ``confirmed`` count over all rounds; the next round goes on from what is stored.
    """

    def __init__(self, make: Callable[[int], tuple[str, bytes]], address: tuple[str, int], at: int):
        super().__init__()
        self._make = make
        self._address = address
        self.sent = self.confirmed = at
        self.unexpected: Exception | None = None

    def run(self) -> None:
        try:
            with Peer(self._address) as peer:
                peer.upgrade(path=CONFIRMED)
                self._write(peer)
        except (Gone, ConnectionError):
            pass
        except Exception as error:
            self.unexpected = error

    def _write(self, peer: Peer) -> None:
        while True:
            while self.sent - self.confirmed < IN_FLIGHT:
                number = self.sent
                self.sent += 1  # before it is sent: what may have been stored counts as sent
                peer.tell(v2.CallReducer(number & 0xFFFFFFFF, 0, *self._make(number)))
            message = peer.receive()
            assert isinstance(message, v2.ReducerResult), message
            assert message.request_id == self.confirmed, "answers come in order"
            assert isinstance(message.result, v2.ReducerOk | v2.ReducerOkEmpty), message
            self.confirmed += 1


def prefix_length(found: set[int], first: int) -> int:
    """How many of ``first, first + 1, …`` were found; fails if there are others."""
    assert found == set(range(first, first + len(found))), "a gap: calls were lost in between"
    return len(found)


class Stored:
    """What a restarted server holds, as numbers of calls."""

    def __init__(self, server: ServerProcess) -> None:
        self.accounts = dict(rows(server, "SELECT id, balance FROM account"))
        items = rows(server, "SELECT id, name, hp FROM item")
        self.messages = rows(server, "SELECT id, text FROM message")
        assert all(name == f"item {id_}" and hp == 100 for id_, name, hp in items)
        ids = {id_ for id_, _, _ in items}
        assert len(ids) == len(items)
        self.singles = prefix_length({id_ for id_ in ids if id_ < BATCHES}, SINGLES)
        batched = prefix_length({id_ for id_ in ids if id_ >= BATCHES}, BATCHES)
        assert batched % BATCH == 0, "half of a batch"
        self.batches = batched // BATCH
        texts = [text for _, text in sorted(self.messages)]
        assert texts == [f"message {i}" for i in range(len(texts))]

    def transfers(self, least: int, most: int) -> int:
        """How many transfers within these bounds lead to the balances; fails if no number does.

        Balances repeat after 70 transfers, and the bounds are closer than that.
        """
        balances = dict.fromkeys(range(ACCOUNTS), BALANCE)
        assert sum(self.accounts.values()) == sum(balances.values())
        for i in range(most + 1):
            if i >= least and balances == self.accounts:
                return i
            balances[i % ACCOUNTS] -= 1 + i % 7
            balances[(i + 1) % ACCOUNTS] += 1 + i % 7
        raise AssertionError(f"no prefix of {least} to {most} transfers gives {self.accounts}")


@pytest.mark.parametrize(
    ("kills", "seed"), [(3, 1), pytest.param(10, 2, marks=pytest.mark.slow)], ids=["3", "10"]
)
def test_nothing_confirmed_is_lost(tmp_path: Path, kills: int, seed: int) -> None:
    chance = random.Random(seed)
    data = [BENCH, "--data-dir", str(tmp_path)]
    with ServerProcess(data) as server:
        assert call(server, "seed_accounts", ACCOUNTS, BALANCE).status == 200
        assert server.stop() == 0
    at = {insert_item: 0, insert_items: 0, transfer: 0, send_message: 0}
    known_messages: set[tuple[int, str]] = set()
    for _ in range(kills):
        with ServerProcess(data) as server:
            writers = {make: Writer(make, server.address, n) for make, n in at.items()}
            for writer in writers.values():
                writer.start()
            time.sleep(chance.uniform(0.05, 1.5))  # the moment is random; nothing depends on it
            server.kill()
            for writer in writers.values():
                writer.join()
                assert writer.unexpected is None, writer.unexpected
        with ServerProcess(data) as server:
            stored = Stored(server)
            assert server.stop() == 0
        at = {
            insert_item: stored.singles,
            insert_items: stored.batches,
            transfer: stored.transfers(writers[transfer].confirmed, writers[transfer].sent),
            send_message: len(stored.messages),
        }
        for make, writer in writers.items():
            assert writer.confirmed <= at[make] <= writer.sent, (make.__name__, at[make], writer)
        messages = {(id_, text) for id_, text in stored.messages}
        assert known_messages <= messages, "an id was used again, or a message changed"
        assert len({id_ for id_, _ in messages}) == len(messages)
        known_messages = messages
    assert all(at.values()), f"the test drove no load: {at}"


def test_killed_while_it_opens_the_directory(tmp_path: Path) -> None:
    chance = random.Random(3)
    for _ in range(8):
        with ServerProcess([BENCH, "--data-dir", str(tmp_path)], wait=False) as server:
            time.sleep(chance.uniform(0.1, 0.8))
            server.kill()
    with ServerProcess([BENCH, "--data-dir", str(tmp_path)]) as server:
        assert call(server, "insert_item", 1, 1, 2, 3, 4, True, "x").status == 200
        assert rows(server, "SELECT id FROM item") == [[1]]
        assert server.stop() == 0


def test_a_clean_end_keeps_unconfirmed_calls_too(tmp_path: Path) -> None:
    with ServerProcess([BENCH, "--data-dir", str(tmp_path)]) as server:
        with Peer(server.address) as peer:
            peer.upgrade()
            for i in range(200):
                peer.call(*insert_item(i))
        _, token = new_identity(server)
        assert server.stop() == 0
    with ServerProcess([BENCH, "--data-dir", str(tmp_path)]) as server:
        assert Stored(server).singles == 200
        # The keys are kept as well: a token of before is still one.
        with Peer(server.address) as peer:
            peer.upgrade(headers=[f"Authorization: Bearer {token}"])
            assert peer.greeting.token == token


def test_auto_increment_never_repeats_an_id(tmp_path: Path) -> None:
    """Not even when the row that had it is gone and the server was killed."""
    seen: set[int] = set()
    for _ in range(3):
        with ServerProcess([BENCH, "--data-dir", str(tmp_path)]) as server:
            for i in range(5):
                with Peer(server.address) as peer:
                    peer.upgrade(path=CONFIRMED)
                    peer.call(*send_message(i))
            ids = {id_ for (id_,) in rows(server, "SELECT id FROM message")}
            new = ids - seen
            assert len(new) == 5
            assert not seen or min(new) > max(seen)
            seen = ids
            server.kill()


def test_a_directory_has_one_server(tmp_path: Path) -> None:
    with ServerProcess([BENCH, "--data-dir", str(tmp_path)]) as first:
        with ServerProcess([BENCH, "--data-dir", str(tmp_path)], wait=False) as second:
            assert second.ends() not in (0, None)
            errors = second.errors()
            assert str(tmp_path) in errors
            assert "Traceback" not in errors
        assert call(first, "noop").status == 200
