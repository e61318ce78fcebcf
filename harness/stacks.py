"""Stacks of calls and what each of them weighs: the words of profiles.

A weight is CPU nanoseconds, wall nanoseconds, bytes or instructions, of one operation or of all;
the profile's record says which.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TypeAlias

from harness.records import Record


class Frame(Record, frozen=True):
    """A function: its qualified name, and its file as the module's path within its package.

    Without a line, so that the same function of two revisions is one frame.
    """

    name: str
    file: str = ""

    def __str__(self) -> str:
        return f"{self.name} ({self.file})" if self.file else self.name


#: From the outermost call to the innermost.
Stack: TypeAlias = tuple[Frame, ...]
#: Each stack once, with its weight.
Stacks: TypeAlias = dict[Stack, float]
#: The line in which a function begins, where that is known.
Lines: TypeAlias = dict[Frame, int]


class Weights(Record, frozen=True):
    """What a frame weighs by itself, and with all that it calls."""

    own: float = 0.0
    total: float = 0.0


class Grown(Record, frozen=True):
    """One frame on both sides of a difference, in weight of one operation.

    ``interval`` is where the growth of ``own`` lies, with 95 % confidence; None if there were too
    few turns to say. ``word`` is grown, shrunk, or unsure.
    """

    frame: Frame
    base: Weights
    head: Weights
    word: str
    interval: tuple[float, float] | None = None
    total_interval: tuple[float, float] | None = None
    total_word: str = "unsure"

    @property
    def own(self) -> float:
        """By how much its own weight grew; below zero if it shrank."""
        return self.head.own - self.base.own

    @property
    def total(self) -> float:
        """By how much it grew with all that it calls."""
        return self.head.total - self.base.total


def weight(stacks: Mapping[Stack, float]) -> float:
    """Of all of them together."""
    return sum(stacks.values())


def added(all_stacks: Iterable[Mapping[Stack, float]]) -> Stacks:
    """The sum, stack by stack."""
    found: Stacks = {}
    for stacks in all_stacks:
        for stack, value in stacks.items():
            found[stack] = found.get(stack, 0.0) + value
    return found


def scaled(stacks: Mapping[Stack, float], factor: float) -> Stacks:
    """Each weight times the factor."""
    return {stack: value * factor for stack, value in stacks.items()}


def frames(stacks: Mapping[Stack, float]) -> dict[Frame, Weights]:
    """What each frame weighs. A frame that calls itself counts once in a stack."""
    own: dict[Frame, float] = {}
    total: dict[Frame, float] = {}
    for stack, value in stacks.items():
        if not stack:
            continue
        own[stack[-1]] = own.get(stack[-1], 0.0) + value
        for frame in set(stack):
            total[frame] = total.get(frame, 0.0) + value
    return {
        frame: Weights(own=own.get(frame, 0.0), total=together) for frame, together in total.items()
    }
