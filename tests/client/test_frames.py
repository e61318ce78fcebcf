"""Many messages in one write are the frames that a WebSocket server reads one by one."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from websockets.frames import Opcode
from websockets.protocol import Side
from websockets.server import ServerProtocol

from harness.client import frames as both

KINDS = [both.frames, both._frames]
EDGES = [0, 1, 3, 4, 5, 7, 8, 9, 124, 125, 126, 127, 65534, 65535, 65536, 65537, 200_001]


def read(data: bytes) -> list[tuple[Opcode, bool, bytes]]:
    """What a server's WebSocket library, which checks the masks, makes of it."""
    server = ServerProtocol(max_size=None)
    assert server.side is Side.SERVER
    server.state = type(server.state).OPEN
    server.parser = server.parse()
    next(server.parser)
    server.reader.feed_data(data)
    server.receive_data(b"")
    return [(event.opcode, event.fin, bytes(event.data)) for event in server.events_received()]  # type: ignore[union-attr]  # frames only


def test_the_one_in_c_was_built() -> None:
    if both.frames is both._frames:
        pytest.skip("the extensions in C were not built here")


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("size", EDGES)
def test_every_length_is_read_again(kind: object, size: int) -> None:
    message = bytes(at * 7 % 251 for at in range(size))
    data = kind([message, b"tail"], b"\x01\x80\xff\x00abcd")  # type: ignore[operator]
    assert read(data) == [(Opcode.BINARY, True, message), (Opcode.BINARY, True, b"tail")]


@given(st.lists(st.tuples(st.binary(max_size=400), st.binary(min_size=4, max_size=4))))
def test_both_give_the_same_bytes(given: list[tuple[bytes, bytes]]) -> None:
    messages = [message for message, _ in given]
    masks = b"".join(mask for _, mask in given)
    found = both.frames(messages, masks)
    assert found == both._frames(messages, masks)
    assert [data for _, _, data in read(found)] == messages


def test_masks_are_fresh() -> None:
    first, second = both.together([b"x" * 40] * 3), both.together([b"x" * 40] * 3)
    assert first != second
    assert len({first[at + 2 : at + 6] for at in range(0, len(first), 46)}) == 3


@pytest.mark.parametrize("kind", KINDS)
def test_each_message_has_its_mask(kind: object) -> None:
    with pytest.raises(ValueError, match="each message needs a mask of 4 bytes"):
        kind([b"a", b"b"], b"1234")  # type: ignore[operator]
    assert kind([], b"") == b""  # type: ignore[operator]


@pytest.mark.skipif(both.frames is both._frames, reason="the extensions in C were not built here")
def test_the_one_in_c_takes_nothing_else() -> None:
    for wrong in ((), ([b""],), ((b"",), b"1234"), (["text"], b"1234"), ([b""], "1234")):
        with pytest.raises(TypeError):
            both.frames(*wrong)  # type: ignore[arg-type]
