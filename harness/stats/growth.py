"""What a difference of two profiles comes to: which frames grew, and which only seem to.

Each side was profiled several times, in turns. A pair of turns, one of each side, gives one
difference for each frame; the pairs give its spread. A frame is called grown or shrunk if its
differences lie further from nothing than their spread explains (Student's t over the pairs), with
false-discovery control over all frames that were looked at.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from statistics import fmean, stdev
from typing import TypeAlias

from harness.stacks import Frame, Grown, Stack, Weights, frames
from harness.stats import student
from harness.stats.discoveries import believed

GROWN, SHRUNK, UNSURE, SAME = "grown", "shrunk", "unsure", "same"
#: Frames that are less than this share of everything on both sides are not tested: there are many
#: of them, and with each the others need more to be believed.
LEAST = 0.005
#: Fewer pairs than this have no spread worth the name.
LEAST_PAIRS = 3

#: One turn of each side, in weight of one operation.
Pair: TypeAlias = tuple[Mapping[Stack, float], Mapping[Stack, float]]
_Each: TypeAlias = list[dict[Frame, Weights]]


def grown(pairs: Sequence[Pair], level: float = 0.05) -> list[Grown]:
    """All frames, those that grew for sure first, by the least that they grew by.

    After them come the unsure ones and those that shrank. Weights are means over the turns. Raises
    ``ValueError`` without pairs.
    """
    base, head = _sides(pairs)
    names = list(dict.fromkeys(frame for turn in [*base, *head] for frame in turn))
    whole = max(_whole(pairs, 0), _whole(pairs, 1))
    tested = [
        name for name in names
        if max(_mean(base, name, _total), _mean(head, name, _total)) >= LEAST * whole
    ]  # fmt: skip
    own = _judged(base, head, tested, _own, level)
    total = _judged(base, head, tested, _total, level)
    found = []
    for name in names:
        word, interval = own.get(name, (UNSURE, None))
        total_word, total_interval = total.get(name, (UNSURE, None))
        found.append(
            Grown(
                frame=name,
                base=Weights(own=_mean(base, name, _own), total=_mean(base, name, _total)),
                head=Weights(own=_mean(head, name, _own), total=_mean(head, name, _total)),
                word=word,
                interval=interval,
                total_word=total_word,
                total_interval=total_interval,
            )
        )
    return sorted(found, key=_rank)


def exactly(base: Mapping[Stack, float], head: Mapping[Stack, float],
            threshold: float) -> list[Grown]:  # fmt: skip
    """The same for counts that repeat themselves.

    A change of a frame's own weight within ``threshold``, a share of everything, is none.
    """
    sides = frames(base), frames(head)
    least = threshold * max(sum(base.values()), sum(head.values()))
    found = []
    for frame in dict.fromkeys([*sides[0], *sides[1]]):
        weights = [side.get(frame, Weights()) for side in sides]
        own = weights[1].own - weights[0].own
        total = weights[1].total - weights[0].total
        found.append(
            Grown(frame=frame, base=weights[0], head=weights[1], word=_beyond(own, least),
                  interval=(own, own), total_word=_beyond(total, least),
                  total_interval=(total, total))
        )  # fmt: skip
    return sorted(found, key=_rank)


def _beyond(change: float, least: float) -> str:
    if abs(change) <= least:
        return SAME
    return GROWN if change > 0 else SHRUNK


def _rank(row: Grown) -> tuple[int, float]:
    """By the least that it may have grown by, sure growth first; then what may have shrunk as well.

    So what only wanders does not come first. What was not tested follows, then what shrank.
    """
    if row.interval is None:
        return 4, -row.own
    low, high = row.interval
    if row.word == UNSURE and low <= 0:
        return 2, -row.own / (high - low) if high > low else 0.0
    return {GROWN: 0, UNSURE: 1, SAME: 3, SHRUNK: 5}[row.word], -low


def _sides(pairs: Sequence[Pair]) -> tuple[_Each, _Each]:
    if not pairs:
        raise ValueError("no turns, no difference")
    return [frames(base) for base, _ in pairs], [frames(head) for _, head in pairs]


def _whole(pairs: Sequence[Pair], side: int) -> float:
    return fmean(sum(pair[side].values()) for pair in pairs)


def _own(weights: Weights) -> float:
    return weights.own


def _total(weights: Weights) -> float:
    return weights.total


_NOTHING = Weights()


def _mean(turns: _Each, frame: Frame, part: Callable[[Weights], float]) -> float:
    return fmean(part(turn.get(frame, _NOTHING)) for turn in turns)


def _judged(
    base: _Each, head: _Each, names: Sequence[Frame], part: Callable[[Weights], float], level: float
) -> dict[Frame, tuple[str, tuple[float, float] | None]]:
    """A word and a 95 % interval of the growth, for each frame that was looked at."""
    if len(base) < LEAST_PAIRS:
        return {}
    reach = student.quantile(0.975, len(base) - 1)
    intervals, p_values = [], []
    for name in names:
        differences = [
            part(after.get(name, _NOTHING)) - part(before.get(name, _NOTHING))
            for before, after in zip(base, head, strict=True)
        ]
        middle, error = fmean(differences), stdev(differences) / math.sqrt(len(differences))
        intervals.append((middle - reach * error, middle + reach * error))
        p_values.append(_p(middle, error, len(differences) - 1))
    sure = believed(p_values, len(p_values), level) if p_values else []
    return {
        name: ((GROWN if sum(interval) > 0 else SHRUNK) if certain else UNSURE, interval)
        for name, interval, certain in zip(names, intervals, sure, strict=True)
    }


def _p(middle: float, error: float, degrees: int) -> float:
    """How often so far from nothing, or further, by chance alone."""
    if not error:
        return 1.0 if not middle else 0.0
    return 2 * student.below(-abs(middle) / error, degrees)
