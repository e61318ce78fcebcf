"""Results of SpacetimeDB's keynote benchmark: ``templates/keynote-2`` of its repository.

``runs/TEST-DATE.json`` has a result for each system: transactions a second, percentiles of latency
in milliseconds and the share of collisions. A sweep over contention or concurrency has a list of
averages instead; the demo has transactions a second alone.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from msgspec import Struct

from harness.series import Better, Series
from harness.store.documents import measured, milliseconds, named, shaped

WHAT = "result of the keynote benchmark (results, each with a system and its res or tps)"

#: A metric of a result -> its unit and which way is good.
_METRICS = {
    "tps": ("1/s", Better.MORE),
    "p50_ms": ("ms", Better.LESS),
    "p95_ms": ("ms", Better.LESS),
    "p99_ms": ("ms", Better.LESS),
    "collision_rate": ("ratio", Better.LESS),
}
#: What a load is known by, in the file, a result, or a step of a sweep.
_STATED = ("seconds", "concurrency", "accounts", "alpha")


class _Figures(Struct):
    tps: float
    p50_ms: float | None = None
    p95_ms: float | None = None
    p99_ms: float | None = None
    collision_rate: float | None = None


class _Step(Struct):
    avgResult: _Figures
    alpha: float | None = None
    concurrency: float | None = None


class _Result(Struct):
    system: str
    res: _Figures | list[_Step] | None = None
    tps: float | None = None
    seconds: float | None = None
    concurrency: float | None = None
    accounts: float | None = None
    alpha: float | None = None


class _Config(Struct, frozen=True):
    seconds: float | None = None
    concurrency: float | None = None
    accounts: float | None = None
    alpha: float | None = None


class _File(_Config, kw_only=True, frozen=True):
    results: list[_Result]
    test: str = "demo"
    timestamp: str | None = None
    config: _Config = _Config()


def fits(document: Any) -> bool:
    """Whether this is one, as far as its keys say."""
    if not isinstance(document, dict) or not isinstance(document.get("results"), list):
        return False
    first = next(iter(document["results"]), None)
    return isinstance(first, dict) and "system" in first and ("res" in first or "tps" in first)


def read(document: Any) -> Iterator[Series]:
    """One series for each system, load and metric. The file names neither commit nor machine."""
    file = shaped(document, _File, WHAT)
    for result in file.results:
        if isinstance(result.res, list):
            for step in result.res:
                yield from _figures(file, step.avgResult, (step, result, file), result.system)
        elif result.res is not None:
            yield from _figures(file, result.res, (result, file), result.system)
        elif result.tps is not None:
            yield from _figures(file, _Figures(tps=result.tps), (file.config,), result.system)


def _figures(
    file: _File, figures: _Figures, stated: tuple[Any, ...], system: str
) -> Iterator[Series]:
    parameters = {"system": system}
    for name in _STATED:
        given = [getattr(one, name, None) for one in stated]
        known = [number for number in given if number is not None]
        parameters |= named(**{name: f"{known[0]:g}" if known else None})
    for metric, (unit, better) in _METRICS.items():
        value = getattr(figures, metric)
        if value is not None:
            yield measured(
                f"keynote.{file.test}",
                unit,
                value=value,
                better=better,
                parameters={**parameters, "statistic": metric},
                date_ms=milliseconds(file.timestamp),
            )
