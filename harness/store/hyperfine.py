"""hyperfine's ``--export-json``: https://github.com/sharkdp/hyperfine, src/export/json.rs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from msgspec import Struct

from harness.series import Series
from harness.store.documents import measured, named, shaped

WHAT = "file of hyperfine (results, each with a command and times)"


class _Result(Struct):
    command: str
    mean: float | None = None
    median: float | None = None
    user: float | None = None
    system: float | None = None
    times: list[float | None] | None = None
    memory_usage_byte: list[float | None] | None = None
    parameters: dict[str, Any] = {}


class _File(Struct):
    results: list[_Result]


def fits(document: Any) -> bool:
    """Whether this is one, as far as its keys say."""
    if not isinstance(document, dict) or not isinstance(document.get("results"), list):
        return False
    first = next(iter(document["results"]), None)
    return isinstance(first, dict) and "command" in first


def read(document: Any) -> Iterator[Series]:
    """Wall time of each command with its samples, the means of its CPU times, and its memory."""
    for result in shaped(document, _File, WHAT).results:
        given = named(**{str(key): value for key, value in result.parameters.items()})
        value = result.median if result.median is not None else result.mean
        yield measured(
            result.command, "seconds", value=value, samples=result.times or (), parameters=given
        )
        for name in ("user", "system"):
            mean = getattr(result, name)
            if mean is not None:
                yield measured(
                    result.command,
                    "seconds",
                    value=mean,
                    parameters={**given, "statistic": f"{name} CPU, mean"},
                )
        if result.memory_usage_byte:
            yield measured(
                result.command,
                "bytes",
                samples=result.memory_usage_byte,
                parameters={**given, "statistic": "peak memory"},
            )
