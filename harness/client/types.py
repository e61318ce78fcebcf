"""The types that generated code names: ``from harness.client import types as _t``."""

from __future__ import annotations

from typing import Never as Never
from typing import TypeAlias

from msgspec import Struct as Struct

from harness.wire.annotations import ScheduleAt as ScheduleAt
from harness.wire.annotations import f32 as f32
from harness.wire.annotations import i8 as i8
from harness.wire.annotations import i16 as i16
from harness.wire.annotations import i32 as i32
from harness.wire.annotations import i64 as i64
from harness.wire.annotations import i128 as i128
from harness.wire.annotations import i256 as i256
from harness.wire.annotations import u8 as u8
from harness.wire.annotations import u16 as u16
from harness.wire.annotations import u32 as u32
from harness.wire.annotations import u64 as u64
from harness.wire.annotations import u128 as u128
from harness.wire.annotations import u256 as u256
from harness.wire.values import ConnectionId as ConnectionId
from harness.wire.values import Err as Err
from harness.wire.values import Identity as Identity
from harness.wire.values import Interval as Interval
from harness.wire.values import Ok as Ok
from harness.wire.values import Some as Some
from harness.wire.values import Time as Time
from harness.wire.values import TimeDuration as TimeDuration
from harness.wire.values import Timestamp as Timestamp

#: The value of a type without fields is ``()``.
Unit: TypeAlias = tuple[()]
