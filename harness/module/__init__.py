"""Server modules in Python: tables and reducers declared as classes and functions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from uuid import UUID as UUID

    from harness.errors import HttpError as HttpError
    from harness.errors import ReducerError as ReducerError
    from harness.module.columns import auto_inc as auto_inc
    from harness.module.columns import btree as btree
    from harness.module.columns import column as column
    from harness.module.columns import direct as direct
    from harness.module.columns import hash_index as hash_index
    from harness.module.context import AnonymousViewContext as AnonymousViewContext
    from harness.module.context import ProcedureContext as ProcedureContext
    from harness.module.context import ReducerContext as ReducerContext
    from harness.module.context import ViewContext as ViewContext
    from harness.module.handles import AutoIncOverflow as AutoIncOverflow
    from harness.module.handles import UniqueConstraintViolation as UniqueConstraintViolation
    from harness.module.http import HttpRequest as HttpRequest
    from harness.module.http import HttpResponse as HttpResponse
    from harness.module.loading import load as load
    from harness.module.queries import Query as Query
    from harness.module.registry import Module as Module
    from harness.module.registry import client_connected as client_connected
    from harness.module.registry import client_disconnected as client_disconnected
    from harness.module.registry import init as init
    from harness.module.registry import procedure as procedure
    from harness.module.registry import product as product
    from harness.module.registry import reducer as reducer
    from harness.module.registry import sum_type as sum_type
    from harness.module.registry import table as table
    from harness.module.registry import view as view
    from harness.module.schedule import ScheduleAt as ScheduleAt
    from harness.wire.annotations import f32 as f32
    from harness.wire.annotations import f64 as f64
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
    from harness.wire.values import Identity as Identity
    from harness.wire.values import Interval as Interval
    from harness.wire.values import Some as Some
    from harness.wire.values import Time as Time
    from harness.wire.values import TimeDuration as TimeDuration
    from harness.wire.values import Timestamp as Timestamp

_WIDTHS = "i8 i16 i32 i64 i128 i256 u8 u16 u32 u64 u128 u256 f32 f64"
_PLACES = {
    "harness.errors": "HttpError ReducerError",
    "harness.module.columns": "auto_inc btree column direct hash_index",
    "harness.module.context": "AnonymousViewContext ProcedureContext ReducerContext ViewContext",
    "harness.module.handles": "AutoIncOverflow UniqueConstraintViolation",
    "harness.module.http": "HttpRequest HttpResponse",
    "harness.module.loading": "load",
    "harness.module.queries": "Query",
    "harness.module.registry": (
        "Module client_connected client_disconnected init procedure product reducer sum_type "
        "table view"
    ),
    "harness.module.schedule": "ScheduleAt",
    "harness.wire.annotations": _WIDTHS,
    "harness.wire.values": "ConnectionId Identity Interval Some Time TimeDuration Timestamp",
    "uuid": "UUID",
}
_HOME = {name: place for place, names in _PLACES.items() for name in names.split()}

__all__ = sorted(_HOME)


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    import importlib

    value = getattr(importlib.import_module(_HOME[name]), name)
    globals()[name] = value
    return value
