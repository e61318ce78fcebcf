"""Stacks in formats that other tools read: speedscope's JSON, and collapsed lines."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

import msgspec

from harness.errors import StoreError
from harness.stacks import Frame, Lines, Stack, Stacks
from harness.store import files

#: Our unit -> speedscope's. What it does not know has none.
_UNITS = {"ns": "nanoseconds", "wall_ns": "nanoseconds", "bytes": "bytes"}
#: Source: https://www.speedscope.app/file-format-schema.json
_SCHEMA = "https://www.speedscope.app/file-format-schema.json"


def speedscope(
    title: str, unit: str, profiles: Mapping[str, Mapping[Stack, float]], lines: Lines
) -> bytes:
    """A file of speedscope's with a profile for each name. Stacks are in order, so that equal
    ones give equal bytes."""
    numbers: dict[Frame, int] = {}
    made = []
    for name, stacks in profiles.items():
        samples, weights = [], []
        for stack, value in ordered(stacks):
            samples.append([numbers.setdefault(frame, len(numbers)) for frame in stack])
            weights.append(value)
        made.append(
            {
                "type": "sampled", "name": name, "unit": _UNITS.get(unit, "none"),
                "startValue": 0, "endValue": sum(weights), "samples": samples,
                "weights": weights,
            }
        )  # fmt: skip
    frames = [
        {"name": frame.name}
        | ({"file": frame.file} if frame.file else {})
        | ({"line": lines[frame]} if lines.get(frame) else {})
        for frame in numbers
    ]
    return msgspec.json.encode(
        {
            "$schema": _SCHEMA,
            "name": title,
            "exporter": "spacetimedb-harness",
            "activeProfileIndex": 0,
            "shared": {"frames": frames},
            "profiles": made,
        }
    )


def collapsed(stacks: Mapping[Stack, float], scale: float = 1.0) -> str:
    """A line for each stack, as flamegraph.pl reads them: frames, semicolons, a whole number.

    Weights are multiplied by ``scale`` first; those that come to less than a half are left out.
    """
    lines = []
    for stack, value in ordered(stacks):
        if count := round(value * scale):
            lines.append(f"{';'.join(map(_plain, stack))} {count}\n")
    return "".join(lines)


def _plain(frame: Frame) -> str:
    """A frame in one piece: what separates frames and lines is written in another way."""
    return re.sub(r"[\s;]+", lambda match: ":" if ";" in match[0] else " ", str(frame)).strip()


def ordered(stacks: Mapping[Stack, float]) -> list[tuple[Stack, float]]:
    """By their frames, so that what began alike stands together."""
    return sorted(stacks.items(), key=lambda item: [(x.name, x.file) for x in item[0]])


class _Frame(msgspec.Struct):
    name: str
    file: str = ""
    line: int = 0


class _Shared(msgspec.Struct):
    frames: list[_Frame]


class _Profile(msgspec.Struct):
    name: str
    samples: list[list[int]]
    weights: list[float]


class _File(msgspec.Struct):
    shared: _Shared
    profiles: list[_Profile]


def read_speedscope(path: Path) -> tuple[dict[str, Stacks], Lines]:
    """The sampled profiles of a file by their names. Raises ``StoreError`` if it is none."""
    try:
        found = msgspec.json.decode(files.read(path), type=_File)
        frames = [Frame(name=frame.name, file=frame.file) for frame in found.shared.frames]
        profiles: dict[str, Stacks] = {}
        for profile in found.profiles:
            stacks = profiles.setdefault(profile.name, {})
            for sample, value in zip(profile.samples, profile.weights, strict=True):
                stack = tuple(frames[number] for number in sample)
                stacks[stack] = stacks.get(stack, 0.0) + value
    except (msgspec.MsgspecError, IndexError, ValueError) as error:
        raise StoreError(f"{path} is no sampled profile of speedscope's: {error}") from error
    lines = {Frame(name=x.name, file=x.file): x.line for x in found.shared.frames if x.line}
    return profiles, lines
