"""What a run says, as rows of the printed table and as JSON."""

from __future__ import annotations

import math
from typing import Any

from harness.records import FRESH_PROCESS, Level, LoadShape, Run
from harness.run import fitting
from harness.run.claims import Claim
from harness.run.suites import key, tracks
from harness.store.sessions import TableRow


def rows_of(
    name: str,
    suite: Any,
    params: tuple[Any, ...],
    run: Run,
    claims: list[Claim],
    label: str | None = None,
) -> list[TableRow]:
    """A row for each ``track_…`` method of the suite; a VOID run's figures are not shown.

    Figures that this target does not give have no row. ``label`` is the target's name among
    several; its kind without one.
    """
    place = key(fitting.place(suite, params, run.target.protocols))
    claimed = {claim.row: claim for claim in claims}
    title = suite.title.format(**dict(zip(suite.param_names, params, strict=True)))
    if True in params and "confirmed" in suite.param_names:
        title += ", confirmed"
    rows = []
    for track in tracks(suite):
        found = run.metric(track.metric)
        if found is None and run.verdict.level is not Level.VOID:
            continue  # such as the CPU time of a server on another machine
        claim = claimed.get((name, place, track.metric))
        rows.append(
            TableRow(
                metric=f"{title}: {track.label}" if track.label else title,
                suite=name,
                params=key(params),
                place=place,
                target=(label or run.target.kind) if run.scenario.live else run.target.kind,
                protocol=run.scenario.protocol if run.scenario.live else "",
                claim=claim.value if claim else None,
                claim_unit=claim.unit if claim else "",
                value=_known(run.value(track.metric)),
                unit=track.unit,
                interval=found.interval if found else None,
                load=shape(run.scenario.load) if run.scenario.live else "",
                how=how(run, found.count if found else None),
                verdict=run.verdict.level.value,
                reasons=run.verdict.reasons,
                in_process=not run.scenario.live,
                run=run.id,
            )
        )
    return rows


def how(run: Run, count: int | None) -> str:
    """Target, protocol, load and number of operations; ×64 means 64 calls in flight."""
    scenario, load = run.scenario, run.scenario.load
    counted = f"n={count:,}" if count else ""
    if not scenario.live:
        where = "a fresh process each" if scenario.alone == FRESH_PROCESS else "in process"
        return ", ".join(filter(None, [where, counted]))
    asked = f"{run.target.kind} {scenario.protocol} {shape(load)}"
    return ", ".join(filter(None, [asked, counted]))


def shape(load: LoadShape) -> str:
    """How hard was asked; ×64 means 64 calls in flight, on each connection."""
    if load.connections > 1:
        text = f"{load.connections:,} conns"
        return f"{text} ×{load.in_flight}" if load.in_flight > 1 else text
    return "open loop" if load.rate_per_s is not None else f"×{load.in_flight}"


def _known(value: float) -> float | None:
    """JSON has no NaN."""
    return value if math.isfinite(value) else None
