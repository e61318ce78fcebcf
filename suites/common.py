"""Load shapes that the suites share; only appended, never changed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from harness.records import LoadShape, Scenario, Workload

#: Calls in flight of a pipelined load.
PIPELINED = 64
#: Rows that a table holds where its size matters little.
ROWS = 1_000
#: Seconds that asv gives to a suite.
TIMEOUT_S = 600.0


def pipelined(
    name: str,
    kind: str,
    *,
    rows: int = 0,
    batch: int = 1,
    protocol: str = "v3",
    confirmed: bool = False,
    subscribed: bool = False,
    in_flight: int = PIPELINED,
    connections: int = 1,
) -> Scenario:
    """Connections that keep several operations each in flight for two seconds."""
    return Scenario(
        name=name,
        workload=Workload(kind=kind, rows=rows, batch=batch, subscribed=subscribed),
        load=LoadShape(connections=connections, in_flight=in_flight, duration_s=2.0, warmup_s=0.5),
        protocol=protocol,
        confirmed=confirmed,
    )


def sampled(values: Sequence[float]) -> dict[str, Any]:
    """Samples in the form in which asv stores those of a ``track_…`` method.

    asv takes their median for the value and works out an interval; of a plain number it keeps no
    more than that.
    """
    return {"samples": list(values), "number": 1}
