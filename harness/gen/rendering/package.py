"""``__init__.py``: the connection, its context, the events, and all types at the top."""

from __future__ import annotations

from harness.gen import plan as p
from harness.gen.layout import imports, quoted
from harness.gen.rendering import submodules
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


#: What both kinds of packages have at their top, and where it is from.
_PARTS = {
    "Procedures": "procedures", "Reducer": "reducers", "Reducers": "reducers", "Tables": "tables",
    "query": "queries",
}  # fmt: skip
_ROOT = ("DbConnection", "Event", "EventContext", "REMOTE_MODULE")


def render(plan: p.Plan) -> str:
    """The package of the module itself has the connection; those of submodules lie inside."""
    local = [f"from .{module} import {', '.join(found)}" for module, found in _by_module().items()]
    if plan.depth == 0:
        local.append("from ._schema import MODULE as REMOTE_MODULE")
    if plan.exported:
        local.append(imports(".types", plan.exported))
    local = submodules.local(local)
    if plan.submodules:
        local.insert(0, imports(".", [x.name for x in plan.submodules]))
    root = _ROOT if plan.depth == 0 else ()
    inner = [x.name for x in plan.submodules]
    names = sorted([*_PARTS, *root, *plan.exported, *inner])
    exported = "\n".join(f"    {quoted(name)}," for name in names)
    every = f"__all__ = [\n{exported}\n]\n"
    if plan.depth > 0:
        return f"{head(local)}\n{every}"
    top = head(
        ["from typing import TypeAlias, final"], ["from harness.client import typed as _c"], local
    )
    return f"{top}{_BODY}\n\n{every}"


def _by_module() -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for name, module in _PARTS.items():
        found.setdefault(module, []).append(name)
    return found
