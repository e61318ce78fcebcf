"""A run's parts in words, for a terminal and for its page."""

from __future__ import annotations

from typing import Any

import msgspec

from harness import units
from harness.records import Pauses, ResourceUse, Run


def flat(record: Any, before: str = "") -> dict[str, str]:
    """A record's fields as texts, those of records in it as ``load.in_flight``; empty ones not."""
    found: dict[str, str] = {}
    for name in record.__struct_fields__:
        value = getattr(record, name)
        if isinstance(value, msgspec.Struct):
            found |= flat(value, f"{before}{name}.")
        elif isinstance(value, dict):
            found |= {f"{before}{name}.{key}": str(text) for key, text in value.items()}
        elif value not in (None, []):
            found[before + name] = str(value)
    return found


def resources(run: Run) -> dict[str, str]:
    """What either side used in the window, and what held the client up."""
    found = {}
    for name, use in (("client", run.client), ("server", run.server)):
        if use is not None:
            found[name] = _use(use)
    if run.others_cores is not None:
        found["others"] = f"{run.others_cores:.2f} cores kept busy by everything else"
    for name, pauses in (("collections", run.gc), ("loop lag", run.loop_lag)):
        if pauses is not None and pauses.count:
            found[name] = _pauses(pauses)
    return found


def _use(use: ResourceUse) -> str:
    return (
        f"{units.duration(use.cpu_ns)} CPU in {units.duration(use.wall_ns)} "
        f"({use.cores:.2f} cores, waited for one {use.waiting:.0%}), {units.size(use.rss_bytes)}"
        + (f" ({units.size(use.uss_bytes)} its own)" if use.uss_bytes else "")
    )


def _pauses(pauses: Pauses) -> str:
    return (
        f"{pauses.count} in the client, {units.duration(pauses.total_ns)} together, "
        f"{units.duration(pauses.max_ns)} at the most"
    )
