"""A figure that somebody claimed, and the row that measures the same thing."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Claim:
    """``row`` is the suite's class, the parameters' text, and the metric."""

    name: str
    value: float
    unit: str
    row: tuple[str, str, str]
