"""The search for the model of a series that is worth its price."""

from __future__ import annotations

import math
from itertools import islice

import numpy as np
from numpy.typing import NDArray

from harness.stats import models, significance, splits
from harness.stats.autoregression import MOST, noise, shocked
from harness.stats.models import LEVELS, LINES, Model

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
#: What is new in one error counts as so many standard deviations at most when a change is judged: a
#: single shock, which correlated noise takes long to forget, is no new level.
_SHOCK = 3.0

#: What a model costs, its changes, and what it has beside them.
Candidate = tuple[float, list[int], Model]


class Search:
    """For the model that is worth its price; no noise has less variance than ``floor``."""

    def __init__(self, values: NDArray[np.float64], threshold: float, floor: float) -> None:
        self._values = values
        self._floor = floor
        self._count = len(values)
        self._threshold = threshold
        #: The first splits of levels alone, and of levels on a drift.
        self._first: dict[bool, list[int]] = {}
        self._kinds: dict[tuple[bool, bool, bool], Candidate] = {}
        #: Cycles that were tried, beside which of the models: most are found again and again.
        self._cyclic: set[tuple[bool, bool, float, int]] = set()
        self._most = max(1, min(_MOST, self._count // _SPACING))

    def run(self) -> tuple[list[int], Model]:
        """The changes and what there is beside them."""
        best = self._tried(self._along(LEVELS))
        if self._count >= _SHORT:
            best = min(best, self._tried(self._along(models.drift(self._count))), key=_price_of)
            lines = self._along(LINES)
            if self._describes(lines):
                best = min(best, self._tried(lines), key=_price_of)
            for plain, known in self._starts(best[1], best[2]):
                bare = self.cost(known, plain)
                for cycle in self._cycles(known, plain):
                    one = (plain.drifts, plain.lines, *cycle)
                    if one in self._cyclic:
                        continue
                    cyclic = models.over(self._count, *one)
                    # The changes may be in the wrong places still, so it need not pay fully here.
                    if self.cost(known, cyclic) < bare + _HOPE * significance.CYCLE:
                        self._cyclic.add(one)
                        best = min(best, self._tried(self._along(cyclic)), key=_price_of)
        _, changes, model = best
        return self.settle(changes, model), model

    def _describes(self, lines: Candidate) -> bool:
        """Whether these are lines, rather than a drift, or a curve that no number of lines makes.

        What lines leave of a curve is passed on from point to point as far as can be, and more
        lines would always leave less.
        """
        _, changes, model = lines
        left = models.left_over(self._values, changes, model, self._floor)
        return bool(changes) and left.rho < MOST

    def rivals(self, model: Model) -> list[Candidate]:
        """The best of the models of other kinds than this that ``run`` has tried."""
        kind = _kind(model)
        return [other for key, other in self._kinds.items() if key != kind]

    def _tried(self, candidate: Candidate) -> Candidate:
        kind = _kind(candidate[2])
        self._kinds[kind] = min(self._kinds.get(kind, candidate), candidate, key=_price_of)
        return candidate

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

    def _cycles(self, changes: list[int], model: Model) -> list[tuple[float, int]]:
        """The strongest cycles of a model's errors, and of what is new in them."""
        _, errors = models.fit(self._values, changes, model)
        left = noise(errors, model.parameters(len(changes)), self._floor)
        found = models.cycles(errors, left.rho)
        if left.rho:
            found += [cycle for cycle in models.cycles(errors, 0.0) if cycle not in found]
        return found

    # --- models and their costs ------------------------------------------------------------------

    def cost(self, changes: list[int], model: Model) -> float:
        """``n · log(variance of the noise)`` of a model, and its price."""
        left = models.left_over(self._values, changes, model, self._floor)
        each = self._price(model)
        return self._count * left.log_variance + each * len(changes) + model.price

    def _price(self, model: Model) -> float:
        """Of one change."""
        return self._threshold + (significance.BEND if model.lines else 0.0)

    def _along(self, model: Model) -> Candidate:
        """The best number of changes along the path of splits, beside a model."""
        rest, _ = models.fit(self._values, [], model)
        best, kept = self.cost([], model), list[int]()
        changes: list[int] = []
        for number, split in enumerate(islice(splits.path(rest, model.lines), self._most)):
            if number < _FIRST and model.period is None and not model.lines:
                self._first.setdefault(model.drifts, []).append(split)
            changes = sorted([*changes, split])
            cost = self.cost(changes, model)
            if cost < best - 1e-9:
                best, kept = cost, changes
            elif number > 8 and cost > best + 5 * self._threshold:
                break  # from here on it only becomes dearer
        return best, kept, model

    def settle(self, changes: list[int], model: Model) -> list[int]:
        """Move each change to its best place between its neighbours; drop those not worth it."""
        for _ in range(4 + 2 * len(changes)):
            moved = self._moved(changes, model)
            weakest = self.weakest(moved, model)
            if weakest is None and moved == changes:
                break
            changes = moved
            if weakest is not None:
                changes = changes[:weakest] + changes[weakest + 1 :]
        return changes

    def _moved(self, changes: list[int], model: Model) -> list[int]:
        cost = self.cost(changes, model)
        rest, _ = models.fit(self._values, changes, model)
        for place in range(len(changes)):
            begin = changes[place - 1] if place else 0
            end = changes[place + 1] if place + 1 < len(changes) else self._count
            better = splits.best(rest[begin:end], model.lines)
            if better is None or begin + better == changes[place]:
                continue
            tried = [*changes[:place], begin + better, *changes[place + 1 :]]
            if (dearer := self.cost(tried, model)) < cost - 1e-9:
                changes, cost = tried, dearer
        return changes

    def weakest(self, changes: list[int], model: Model) -> int | None:
        """The change to drop next; None if each is worth its price, in all and near by."""
        if not changes:
            return None
        cost = self.cost(changes, model)
        fewer = [changes[:place] + changes[place + 1 :] for place in range(len(changes))]
        costs = [self.cost(left, model) for left in fewer]
        place = int(np.argmin(costs))
        if costs[place] <= cost:
            return place
        rest, _ = models.fit(self._values, changes, model)
        bounds = [0, *changes, self._count]
        nearby = [
            near(rest[begin:end], at - begin, self._floor, model.lines)
            for begin, at, end in zip(bounds, changes, bounds[2:], strict=False)
        ]
        place = int(np.argmin(nearby))
        return place if nearby[place] < self._price(model) else None


def near(rest: NDArray[np.float64], at: int, floor: float, lines: bool = False) -> float:
    """The evidence of a change by what is near: elsewhere noise may be smaller or larger."""
    begin = max(0, at - _NEAR)
    part, place = rest[begin : at + _NEAR], at - begin
    model = LINES if lines else LEVELS
    after = models.left_over(part, [place], model, floor)
    _, errors = models.fit(part, [], model)
    plain = noise(errors, model.parameters(0), floor).log_variance
    # Or else a shock, remembered for as long as errors are remembered there.
    most = _SHOCK * math.exp(after.log_variance / 2)
    shock = shocked(errors, model.parameters(0), floor, after, place, most)
    return len(part) * (min(plain, shock) - after.log_variance)


def _price_of(candidate: Candidate) -> float:
    return candidate[0]


def _kind(model: Model) -> tuple[bool, bool, bool]:
    return model.drifts, model.lines, model.period is not None
