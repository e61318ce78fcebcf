"""Values that print and convert: identities, instants, spans."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable

import pytest

from harness.wire.values import ConnectionId, Identity, TimeDuration, Timestamp


def test_an_identity_prints_big_endian() -> None:
    text = "c2" + "00" * 30 + "ab"
    identity = Identity.from_hex("0x" + text)
    assert identity.data[0] == 0xAB
    assert str(identity) == identity.to_hex() == text
    assert repr(identity) == f"Identity({text})"
    assert Identity.from_int(int(identity)) == identity
    assert Identity.from_int(1) < Identity.from_int(256)
    assert len({identity, Identity.from_hex(text)}) == 1
    with pytest.raises(ValueError, match="expected 64 hexadecimal digits, got 2"):
        Identity.from_hex("ab")
    with pytest.raises(OverflowError):
        ConnectionId.from_int(1 << 128)


def test_instants_and_spans_are_exact() -> None:
    when = dt.datetime(2023, 11, 14, 22, 13, 20, 1, tzinfo=dt.UTC)
    assert Timestamp.from_datetime(when) == Timestamp(1_700_000_000_000_001)
    assert Timestamp(1_700_000_000_000_001).to_datetime() == when
    assert Timestamp(-1).to_datetime() < Timestamp(0).to_datetime()
    assert Timestamp(1) < Timestamp(2)
    span = dt.timedelta(days=-1, microseconds=1)
    assert TimeDuration.from_timedelta(span).to_timedelta() == span
    assert TimeDuration.from_seconds(1.5) == TimeDuration(1_500_000)
    with pytest.raises(ValueError, match="without a time zone is not an instant"):
        Timestamp.from_datetime(dt.datetime(2023, 1, 1))  # noqa: DTZ001  (that is the mistake)


def test_instants_and_spans_are_added_and_taken_away() -> None:
    start, minute = Timestamp(1_000_000), TimeDuration.from_seconds(60)
    assert start + minute == Timestamp(61_000_000)
    assert start - minute == Timestamp(-59_000_000)
    assert (start + minute) - start == minute
    assert minute + minute == TimeDuration.from_seconds(120)
    assert minute - minute == TimeDuration(0)


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: Timestamp(1) + Timestamp(1),
        lambda: Timestamp(1) + 60,
        lambda: 60 - Timestamp(1),
        lambda: TimeDuration(1) - Timestamp(1),
    ],
)
def test_what_is_no_span_is_not_added(wrong: Callable[[], object]) -> None:
    with pytest.raises(TypeError, match="unsupported operand"):
        wrong()
