"""Change points of a series: the first point of each new level.

A series is levels, perhaps a slope, perhaps a cycle, and noise of which each error passes a part of
itself on. Of many such models the one is taken that leaves least noise for its price, where each
change has to be worth more than noise alone ever offers. ``METHOD.md`` explains it, with the rates
at which it errs.
"""

from __future__ import annotations

import math
from itertools import islice
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from harness.stats import models, significance, splits
from harness.stats.autoregression import noise
from harness.stats.models import LEVELS, Model
from harness.stats.spikes import without

#: Differences of this share of the values are those of computing with them.
_ROUNDING = 1e-12
#: Changes that are looked for: at most these, and at most one for so many points.
_MOST, _SPACING = 60, 6
#: So many of the first splits are tried as what hides a cycle.
_FIRST = 3
#: A cycle that, beside the changes known so far, lacks so much of its price is tried all the same.
_HOPE = 0.3
#: Series shorter than this may change their level, and nothing else is looked for.
_SHORT = 12
#: A change must show within so many points on either side, whatever the rest of the series does.
_NEAR = 60


class Change(NamedTuple):
    """A new level begins at ``at``.

    ``first`` and ``last`` are where it may begin, at about 95 %. ``before`` and ``after`` are the
    levels, ``error`` the standard error of their difference.
    """

    at: int
    first: int
    last: int
    before: float
    after: float
    error: float
    evidence: float

    @property
    def p_value(self) -> float:
        """The share of series of noise alone in which something looks so much like a change."""
        return significance.p_value(self.evidence)


class Found(NamedTuple):
    """What a series does; places count from 0.

    ``slope`` is the drift over the whole series, if there is one; ``period`` of a cycle is in
    points; ``rho`` is the part that an error passes on, ``sd`` the noise of a single point.
    """

    changes: list[Change]
    spikes: list[int]
    slope: float | None
    period: float | None
    sd: float
    rho: float


_NOTHING = Found([], [], None, None, 0.0, 0.0)


def find(values: NDArray[np.float64], threshold: float = significance.LEVEL) -> Found:
    """The changes of a series of finite values, in order.

    Fewer than six points never change. About 30 ms for 1,000 points; time grows as n log n while
    nothing happens, and with the number of changes.
    """
    if len(values) < 2 * splits.SHORTEST:
        return _NOTHING
    centre = float(np.median(values))
    apart = values - centre
    size = float(np.max(np.abs(apart)))
    if size <= _ROUNDING * float(np.max(np.abs(values))):
        return _NOTHING
    clean, spiky = without(apart / size)
    spikes = [int(at) for at in np.flatnonzero(spiky)]
    if float(np.ptp(clean)) == 0.0:
        return _NOTHING._replace(spikes=spikes)
    search = _Search(clean, threshold)
    changes, model = search.run()
    rest, errors = models.fit(clean, changes, model)
    left = noise(errors, 1 + len(changes) + model.parameters)
    return Found(
        [search.describe(place, changes, rest, centre, size) for place in range(len(changes))],
        spikes,
        _slope(clean, changes, model) * size if model.drifts else None,
        model.period,
        float(np.std(errors)) * size,
        left.rho,
    )


class _Search:
    """For the model that is worth its price."""

    def __init__(self, values: NDArray[np.float64], threshold: float) -> None:
        self._values = values
        self._count = len(values)
        self._threshold = threshold
        #: The first splits of levels alone, and of levels on a drift.
        self._first: dict[bool, list[int]] = {}
        self._most = max(1, min(_MOST, self._count // _SPACING))

    def run(self) -> tuple[list[int], Model]:
        """The changes and what there is beside them."""
        cost, changes, model = self._along(LEVELS)
        if self._count >= _SHORT:
            cost, changes, model = min(
                (cost, changes, model), self._along(models.drift(self._count)), key=_cost
            )
            for plain, known in self._starts(changes, model):
                bare = self._cost(known, plain)
                for cyclic in self._cycles(known, plain):
                    # The changes may be in the wrong places still, so it need not pay fully here.
                    if self._cost(known, cyclic) < bare + _HOPE * significance.CYCLE:
                        cost, changes, model = min(
                            (cost, changes, model), self._along(cyclic), key=_cost
                        )
        return self._settle(changes, model), model

    def _starts(self, changes: list[int], model: Model) -> list[tuple[Model, list[int]]]:
        """From where a cycle is looked for: it may hide a change, and a change may hide it."""
        starts = [(model, changes)]
        for plain, first in ((LEVELS, _FIRST), (models.drift(self._count), 1)):
            path = self._first.get(plain.drifts, [])[:first]
            hidden = [sorted(path[:number]) for number in range(len(path) + 1)]
            starts += [
                (plain, known)
                for known in hidden
                if known != changes or plain.drifts is not model.drifts
            ]
        return starts

    def _cycles(self, changes: list[int], model: Model) -> list[Model]:
        """The model with the strongest cycles of its errors, and of what is new in them."""
        _, errors = models.fit(self._values, changes, model)
        left = noise(errors, 1 + len(changes) + model.parameters)
        found = models.cycles(model, errors, left.rho)
        if left.rho:
            known = {cyclic.period for cyclic in found}
            found += [x for x in models.cycles(model, errors, 0.0) if x.period not in known]
        return found

    def describe(
        self,
        place: int,
        changes: list[int],
        rest: NDArray[np.float64],
        centre: float,
        size: float,
    ) -> Change:
        """One change, on the scale of the series, with what is not known exactly about it."""
        at = changes[place]
        begin = changes[place - 1] if place else 0
        end = changes[place + 1] if place + 1 < len(changes) else self._count
        before, after = rest[begin:at], rest[at:end]
        errors = np.concatenate([before - before.mean(), after - after.mean()])
        sd = noise(errors, 2).long_run_sd
        shift = float(after.mean() - before.mean())
        reach = _reach(shift, sd)
        return Change(
            at,
            max(begin + 1, at - reach),
            min(end - 1, at + reach),
            centre + float(before.mean()) * size,
            centre + float(after.mean()) * size,
            sd * math.sqrt(1 / len(before) + 1 / len(after)) * size,
            self._near(rest[begin:end], at - begin),
        )

    # --- models and their costs ------------------------------------------------------------------

    def _cost(self, changes: list[int], model: Model) -> float:
        left = models.left_over(self._values, changes, model)
        return self._count * left.log_variance + self._threshold * len(changes) + model.price

    def _along(self, model: Model) -> tuple[float, list[int], Model]:
        """The best number of changes along the path of splits, beside a model."""
        rest, _ = models.fit(self._values, [], model)
        best, kept = self._cost([], model), list[int]()
        changes: list[int] = []
        for number, split in enumerate(islice(splits.path(rest), self._most)):
            if number < _FIRST and model.period is None:
                self._first.setdefault(model.drifts, []).append(split)
            changes = sorted([*changes, split])
            cost = self._cost(changes, model)
            if cost < best - 1e-9:
                best, kept = cost, changes
            elif number > 8 and cost > best + 5 * self._threshold:
                break  # from here on it only becomes dearer
        return best, kept, model

    def _settle(self, changes: list[int], model: Model) -> list[int]:
        """Move each change to its best place between its neighbours; drop those not worth it."""
        for _ in range(4 + 2 * len(changes)):
            moved = self._moved(changes, model)
            weakest = self._weakest(moved, model)
            if weakest is None and moved == changes:
                break
            changes = moved
            if weakest is not None:
                changes = changes[:weakest] + changes[weakest + 1 :]
        return changes

    def _moved(self, changes: list[int], model: Model) -> list[int]:
        cost = self._cost(changes, model)
        rest, _ = models.fit(self._values, changes, model)
        for place in range(len(changes)):
            begin = changes[place - 1] if place else 0
            end = changes[place + 1] if place + 1 < len(changes) else self._count
            better = splits.best(rest[begin:end])
            if better is None or begin + better == changes[place]:
                continue
            tried = [*changes[:place], begin + better, *changes[place + 1 :]]
            if (dearer := self._cost(tried, model)) < cost - 1e-9:
                changes, cost = tried, dearer
        return changes

    def _weakest(self, changes: list[int], model: Model) -> int | None:
        """The change to drop next; None if each is worth its price, in all and near by."""
        if not changes:
            return None
        cost = self._cost(changes, model)
        fewer = [changes[:place] + changes[place + 1 :] for place in range(len(changes))]
        costs = [self._cost(left, model) for left in fewer]
        place = int(np.argmin(costs))
        if costs[place] <= cost:
            return place
        rest, _ = models.fit(self._values, changes, model)
        bounds = [0, *changes, self._count]
        near = [
            self._near(rest[begin:end], at - begin)
            for begin, at, end in zip(bounds, changes, bounds[2:], strict=False)
        ]
        place = int(np.argmin(near))
        return place if near[place] < self._threshold else None

    def _near(self, rest: NDArray[np.float64], at: int) -> float:
        """The evidence of a change by what is near: elsewhere noise may be smaller or larger."""
        begin = max(0, at - _NEAR)
        part = rest[begin : at + _NEAR]
        left = models.left_over(part, [at - begin], LEVELS)
        return len(part) * (models.left_over(part, [], LEVELS).log_variance - left.log_variance)


def _cost(candidate: tuple[float, list[int], Model]) -> float:
    return candidate[0]


def _slope(values: NDArray[np.float64], changes: list[int], model: Model) -> float:
    """What the drift makes of the first value until the last."""
    rest, _ = models.fit(values, changes, Model(model.columns, 0.0))
    gone = values - rest
    if model.period is not None:
        # The cycle is fitted as well; its part has no trend over whole rounds.
        turns = np.arange(len(values)) - (len(values) - 1) / 2
        return float(gone @ turns / (turns @ turns)) * (len(values) - 1)
    return float(gone[-1] - gone[0])


def _reach(shift: float, sd: float) -> int:
    """How far the place may be off, at about 95 %.

    A point within noise of the middle between two levels may belong to either; the chance falls
    with (shift / sd)². Source: the exponential tails of the estimated place in Bai, "Estimation of
    a change point", 1997; the factor is ours, by simulation.
    """
    if shift == 0.0:
        return 0
    ratio = (sd / shift) ** 2
    return 0 if ratio < 0.02 else math.ceil(8 * ratio)
