"""One more point of a series that was judged before, without searching all of it again.

What was found is fitted to the longer series and held against the few things that a new point can
change: the newest levels, a change that lost its worth, a model of another kind that came near. If
one of these is in doubt the whole search is made, and now and then in any case. ``METHOD.md`` has
the rule and how often it answers otherwise than the whole search.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from harness.records import Record
from harness.stats import changepoints, models, significance, splits
from harness.stats.changepoints import Found
from harness.stats.models import Model
from harness.stats.searching import Search

#: Shorter series are searched whole: that is quick, and each point is much of them.
_SHORT = 40
#: So many new points at most, beyond them all is searched.
_MOST_NEW = 8
#: The whole search is made again after this share of the points at the latest.
_DUE = 1 / 16
#: Another model is in doubt if it is so near to being worth its price, and nearer by ``_NEWS`` than
#: when all was searched last and it was refused.
_CLOSE, _NEWS = 1.0, 0.5
#: A rival that is dearer by more than ``_FAR`` is looked at with each ``_SELDOM``-th point only.
_FAR, _SELDOM = 5.0, 4
#: The newest points are looked at by themselves as well.
_TAIL = 48


class Kind(Record, frozen=True):
    """Changes, and what there is beside them; of no length."""

    changes: list[int]
    drifts: bool = False
    lines: bool = False
    period: float | None = None
    waves: int = 0

    def model(self, count: int) -> Model:
        """For a series of this length."""
        return models.over(count, self.drifts, self.lines, self.period, self.waves)


class Kept(Record, frozen=True):
    """What is to be known of a series to judge it with one more point.

    ``due`` is the length at which all is searched again. ``doubts`` are, in their fixed order, by
    how much each further change, and each of ``rivals``, was cheaper than what was found: below 0
    is dearer. None if there is nothing to go on from.
    """

    found: Kind | None
    rivals: list[Kind]
    doubts: list[float]
    due: int


def begin(values: NDArray[np.float64], threshold: float = significance.LEVEL) -> tuple[Found, Kept]:
    """The same as ``changepoints.find``, and what ``go_on`` needs."""
    count = len(values)
    scaled = changepoints.prepared(values)
    if isinstance(scaled, Found):
        return scaled, Kept(found=None, rivals=[], doubts=[], due=count + 1)
    search = Search(scaled.values, threshold, scaled.floor)
    changes, model = search.run()
    rivals = [_kind(other, beside) for _, other, beside in search.rivals(model)]
    kept = Kept(
        found=_kind(changes, model),
        rivals=rivals,
        doubts=_doubts(search, scaled.values, changes, model, rivals),
        due=_due(scaled.values),
    )
    return changepoints.told(scaled, changes, model), kept


def go_on(
    values: NDArray[np.float64],
    kept: Kept,
    new: int,
    threshold: float = significance.LEVEL,
) -> tuple[Found, Kept]:
    """What is found in a series of which all but the ``new`` last values led to ``kept``.

    About half a millisecond for 2,000 points while nothing happens, else as long as ``begin``.
    """
    count = len(values)
    if kept.found is None or new > _MOST_NEW or count >= kept.due or count < _SHORT:
        return begin(values, threshold)
    scaled = changepoints.prepared(values)
    if isinstance(scaled, Found):
        return begin(values, threshold)
    search = Search(scaled.values, threshold, scaled.floor)
    changes, model = kept.found.changes, kept.found.model(count)
    if not _stands(search, scaled.values, changes, model):
        return begin(values, threshold)
    all_of_them = (count + kept.due) % _SELDOM == 0
    looked_at = [
        (rival, before)
        for rival, before in zip(kept.rivals, kept.doubts[1:], strict=True)
        if all_of_them or before > -_FAR
    ]
    rivals, refused = [rival for rival, _ in looked_at], [before for _, before in looked_at]
    doubts = _doubts(search, scaled.values, changes, model, rivals)
    if any(
        now > -_CLOSE and now > before + _NEWS
        for now, before in zip(doubts, [kept.doubts[0], *refused], strict=True)
    ):
        return begin(values, threshold)
    return changepoints.told(scaled, changes, model), kept


def _kind(changes: list[int], model: Model) -> Kind:
    return Kind(
        changes=changes,
        drifts=model.drifts,
        lines=model.lines,
        period=model.period,
        waves=model.waves,
    )


def _due(values: NDArray[np.float64]) -> int:
    """When all is searched again: not at the same time as other series that are as long."""
    count = len(values)
    share = max(1, int(count * _DUE))
    return count + share // 2 + int(np.abs(values).sum() * 1e6) % (share // 2 + 1) + 1


def _stands(search: Search, values: NDArray[np.float64], changes: list[int], model: Model) -> bool:
    """Whether each change is still worth its price, and the newest one in its best place."""
    if not changes:
        return True
    begin = changes[-2] if len(changes) > 1 else 0
    rest, _ = models.fit(values, changes, model)
    better = splits.best(rest[begin:], model.lines)
    if better is not None and begin + better != changes[-1]:
        moved = [*changes[:-1], begin + better]
        if search.cost(moved, model) < search.cost(changes, model) - 1e-9:
            return False
    return search.weakest(changes, model) is None


def _doubts(
    search: Search,
    values: NDArray[np.float64],
    changes: list[int],
    model: Model,
    rivals: list[Kind],
) -> list[float]:
    """By how much other models are cheaper: first the best with new changes, then each rival."""
    cost = search.cost(changes, model)
    rest, _ = models.fit(values, changes, model)
    further = [
        cost - search.cost(sorted([*changes, *new]), model)
        for new in _further(rest, changes, model)
    ]
    count = len(values)
    return [
        max(further, default=-np.inf),
        *(cost - search.cost(rival.changes, rival.model(count)) for rival in rivals),
    ]


def _further(rest: NDArray[np.float64], changes: list[int], model: Model) -> list[list[int]]:
    """Changes since the newest one that may come to it, alone or in pairs."""
    begin, count = changes[-1] if changes else 0, len(rest)
    first = _split(rest, begin, count, model)
    if first is None:
        return []
    found = [[first]]
    for second in (_split(rest, begin, first, model), _split(rest, first, count, model)):
        if second is not None:
            found.append([first, second])
    newest = _split(rest, max(begin, count - _TAIL), count, model)
    if newest is not None and newest != first:
        found.append([newest])
        if abs(newest - first) >= model.shortest and [first, newest] not in found:
            found.append([first, newest])
    return found


def _split(rest: NDArray[np.float64], begin: int, end: int, model: Model) -> int | None:
    at = splits.best(rest[begin:end], model.lines)
    return None if at is None else begin + at
