"""Which commit did it: a search by halves that allows for noise, and says how sure it is.

A plain search by halves trusts each look; one wrong look and it ends at a wrong commit. Here each
look moves a distribution over the commits that may be the first bad one (Horstein 1963,
"probabilistic bisection"), by how much likelier the measured differences are with the change than
without it. The next look goes where that distribution splits in two equal halves.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np

from harness.records import Record
from harness.stats.blocks import Array, middle

#: Differences of blocks are taken for Student's t with so many degrees: a spoilt one says little.
_DEGREES = 4.0
#: A single block moves the odds no further than this, whatever it says.
_MOST_ODDS = math.log(50)
#: Fewest blocks from which change and noise are taken.
LEAST = 6


class Range(Record, frozen=True):
    """The first bad commit is one of ``first`` to ``last``, with this probability."""

    first: int
    last: int
    probability: float


class Bisection:
    """The state of a search over ``commits`` commits, by age: 0 is good, the last one is bad.

    ``ends`` are the differences of blocks between these two, as logarithms (head minus base).
    ``prior`` says for each commit from 1 on how likely it did it; all alike without one. Raises
    ``ValueError`` for fewer than two commits, or fewer than ``LEAST`` blocks of the ends.
    """

    def __init__(self, commits: int, ends: Array, prior: Sequence[float] | None = None) -> None:
        if commits < 2:
            raise ValueError(f"{commits} commits: there is nothing between a good and a bad one")
        if len(ends) < LEAST:
            raise ValueError(f"{len(ends)} blocks of both ends; {LEAST} are needed")
        weights = np.ones(commits - 1) if prior is None else np.asarray(prior, dtype=np.float64)
        if len(weights) != commits - 1 or not (weights > 0).all():
            raise ValueError("a prior has a positive weight for each commit from the second on")
        self._commits = commits
        self._prior = np.log(weights / weights.sum())
        self._odds = np.zeros(commits)  # of a commit being bad, by what was measured of it
        self._skipped: set[int] = set()
        self.change = float(middle(np.asarray(ends)))
        # Noise of one block, and what is unknown of the change itself.
        self._scale = _spread(ends) * math.sqrt(1 + 1 / len(ends))

    def add(self, commit: int, differences: Array) -> None:
        """Blocks of the good end and this commit: by how much the commit exceeds the good end."""
        for difference in np.asarray(differences, dtype=np.float64):
            bad = _log_density((difference - self.change) / self._scale)
            good = _log_density(difference / self._scale)
            self._odds[commit] += min(max(bad - good, -_MOST_ODDS), _MOST_ODDS)

    def skip(self, commit: int) -> None:
        """This commit cannot be measured: it and the next one are not told apart."""
        self._skipped.add(commit)

    @property
    def posterior(self) -> Array:
        """How likely each commit from 1 on was the first bad one."""
        # If k was the first bad one, all from k on are bad, and those before it are good.
        logs = self._prior + np.cumsum(self._odds[::-1])[::-1][1:]
        logs = np.exp(logs - logs.max())
        return np.asarray(logs / logs.sum())

    def next(self, cost: Callable[[int], float] = lambda commit: 1.0) -> int | None:
        """The commit to measure now; None if none would say more.

        The one that splits the probability most evenly. Of commits that do so almost equally well
        the cheapest one, by ``cost``: one that is built already, say.
        """
        bad = np.cumsum(self.posterior)  # that commit 1, 2, … is bad
        open_ = [
            (abs(float(bad[commit - 1]) - 0.5), commit)
            for commit in range(1, self._commits - 1)
            if commit not in self._skipped and 1e-9 < bad[commit - 1] < 1 - 1e-9
        ]
        if not open_:
            return None
        best = min(open_)[0]
        return min((cost(commit), off, commit) for off, commit in open_ if off <= best + 0.05)[2]

    def answer(self) -> Range:
        """The likeliest commit, with those that it cannot be told apart from."""
        posterior = self.posterior
        groups: list[list[int]] = []
        for commit in range(1, self._commits):
            if groups and commit - 1 in self._skipped:
                groups[-1].append(commit)
            else:
                groups.append([commit])
        weights = [sum(float(posterior[commit - 1]) for commit in group) for group in groups]
        best = max(range(len(groups)), key=weights.__getitem__)
        return Range(first=groups[best][0], last=groups[best][-1], probability=weights[best])


def _spread(differences: Array) -> float:
    """The noise of one block, from the middle of its sizes; never nothing."""
    values = np.asarray(differences, dtype=np.float64)
    off = np.abs(values - np.median(values))
    typical = 1.4826 * float(np.median(off)) * math.sqrt(len(values) / (len(values) - 1))
    usual = float(values.std(ddof=1))
    # The larger one within reason: a spoilt block must not blind the search.
    return max(typical, min(usual, 2 * typical), 1e-6)


def _log_density(t: float) -> float:
    """Of Student's t, without its constant."""
    return -(_DEGREES + 1) / 2 * math.log1p(t * t / _DEGREES)
