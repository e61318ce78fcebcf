"""What does a call cost with another Python client, at each of its commits?

asv checks out nothing here that is used: ``harness.run.client_measure`` installs the client at the
commit that asv names, in an environment of its own, and measures it beside ours in turns. Rounds of
a row, each in a fresh process, are the samples that asv keeps.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, TypeAlias

#: Row -> metric -> its value in each round; empty for a row that is VOID or does not exist.
Rounds: TypeAlias = dict[str, dict[str, list[float]]]


def configured() -> tuple[str, str, str]:
    """Client with its commit, adapter, target: from asv and from the matrix of the configuration.

    Paths are relative to the configuration's folder. Raises ``KeyError`` if asv has set nothing.
    """
    base = Path(os.environ["ASV_CONF_DIR"])
    adapter = os.environ["HARNESS_ADAPTER"]
    if adapter.endswith(".py"):
        adapter = str(base / adapter)
    client = base / os.environ["HARNESS_CLIENT"]
    return (
        f"{client}@{os.environ['ASV_COMMIT']}",
        adapter,
        os.environ.get("HARNESS_TARGET", "embedded"),
    )


def measured(quick: bool = False) -> Rounds:
    """All rows of the client at this commit."""
    from harness.records import Level
    from harness.run import client_measure
    from harness.run.manager import Manager

    client, adapter, target = configured()
    subject = client_measure.subject(client, adapter)
    found: Rounds = {}
    with Manager(target, folder=None, share_target=True) as manager:
        protocol = client_measure.protocol(subject, manager.offered())
        for scenario in client_measure.scenarios(subject, protocol, quick=quick):
            run = client_measure.measure(manager, subject, scenario)
            void = run.verdict.level is Level.VOID
            found[scenario.name] = {} if void else dict(run.notes["per_round"])
    return found


def stored(found: Rounds, call: str, in_flight: int, metric: str) -> Any:
    """A metric's rounds in the form in which asv stores samples; NaN, its "skipped", for none.

    asv takes the median of samples for the value and works out an interval; of a plain number it
    keeps only that.
    """
    samples = found.get(f"client {call} ×{in_flight}", {}).get(metric)
    return {"samples": samples, "number": 1} if samples else float("nan")


class Calls:
    """CPU time and latency of one call; less is better, as asv takes it."""

    params: list[list[Any]] = [["noop", "insert", "insert subscribed"], [1, 64]]  # noqa: RUF012 asv's
    param_names: list[str] = ["call", "in_flight"]  # noqa: RUF012 asv reads plain class attributes
    timeout = 1800.0
    version = "1"

    def setup_cache(self) -> Rounds:
        return measured(quick=os.environ.get("HARNESS_QUICK") == "1")

    def track_cpu(self, found: Rounds, call: str, in_flight: int) -> Any:
        return stored(found, call, in_flight, "cpu_client")

    def track_p50(self, found: Rounds, call: str, in_flight: int) -> Any:
        return stored(found, call, in_flight, "p50_client")

    def track_p99(self, found: Rounds, call: str, in_flight: int) -> Any:
        return stored(found, call, in_flight, "p99_client")

    def track_memory(self, found: Rounds, call: str, in_flight: int) -> Any:
        return stored(found, call, in_flight, "rss_client")

    track_cpu.unit = track_p50.unit = track_p99.unit = "ns"  # type: ignore[attr-defined]  # for asv
    track_memory.unit = "bytes"  # type: ignore[attr-defined]  # asv reads it from the function
