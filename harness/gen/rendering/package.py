"""``__init__.py``: the connection, its context, the events, and all types at the top."""

from __future__ import annotations

from harness.gen import plan as p
from harness.gen.layout import imports, quoted
from harness.gen.rendering.spelling import head

_BODY = '''
Event: TypeAlias = (
    _c.ReducerEvent[Reducer]
    | _c.SubscribeApplied
    | _c.UnsubscribeApplied
    | _c.SubscribeError
    | _c.Disconnected
    | _c.Transaction
)


class _RemoteContext:
    db: Tables
    reducers: Reducers
    procedures: Procedures


@final
class EventContext(_RemoteContext, _c.ContextBase):
    """The first argument of callbacks: what brought the change, and where."""

    event: Event


@final
class DbConnection(_RemoteContext, _c.DbConnectionBase[EventContext]):
    """A connection to one database of this module."""

    _remote = _c.Remote(REMOTE_MODULE, Tables, Reducers, Procedures, EventContext)
'''


def render(plan: p.Plan) -> str:
    local = [
        "from ._schema import MODULE as REMOTE_MODULE",
        "from .procedures import Procedures",
        "from .queries import query",
        "from .reducers import Reducer, Reducers",
        "from .tables import Tables",
    ]
    if plan.exported:
        local.append(imports(".types", plan.exported))
    ours = [
        "DbConnection", "Event", "EventContext", "Procedures", "REMOTE_MODULE", "Reducer",
        "Reducers", "Tables", "query",
    ]  # fmt: skip
    exported = "\n".join(f"    {quoted(name)}," for name in sorted([*ours, *plan.exported]))
    top = head(
        ["from typing import TypeAlias, final"], ["from harness.client import typed as _c"], local
    )
    return f"{top}{_BODY}\n\n__all__ = [\n{exported}\n]\n"
