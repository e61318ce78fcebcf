"""From who called whom to whole stacks, as far as that can be told.

Some profilers keep for each function what it cost by itself, and for each caller what the calls
from there cost together. Which of its callers' callers a call belonged to is lost. It is shared out
here in proportion, as gprof did (Graham, Kessler and McKusick 1982); a function that is reached
again from itself keeps that in its own box, so that no cycle is unrolled for ever.
"""

from __future__ import annotations

from collections.abc import Hashable

from harness.stacks import Frame, Stack, Stacks

#: A path that carries less than this share of everything is not followed; its cost stays above.
LEAST = 1e-4
#: The deepest stack. What is deeper stays in the last box.
DEEPEST = 100


class Graph:
    """Costs of functions, and of the calls between them."""

    def __init__(self) -> None:
        self.own: dict[Frame, float] = {}
        self.calls: dict[Frame, dict[Frame, float]] = {}

    def spend(self, frame: Frame, cost: float) -> None:
        """A function cost so much by itself."""
        self.own[frame] = self.own.get(frame, 0.0) + cost

    def call(self, caller: Frame, callee: Frame, cost: float) -> None:
        """Calls from one to the other cost so much, with all that they called."""
        to = self.calls.setdefault(caller, {})
        to[callee] = to.get(callee, 0.0) + cost

    @property
    def total(self) -> float:
        """Of all functions."""
        return sum(self.own.values())


def less(more: Graph, fewer: Graph) -> Graph:
    """What a longer run cost more than a shorter one; what comes out below zero is left out."""
    left = Graph()
    for frame, cost in more.own.items():
        if (rest := cost - fewer.own.get(frame, 0.0)) > 0:
            left.spend(frame, rest)
    for caller, to in more.calls.items():
        before = fewer.calls.get(caller, {})
        for callee, cost in to.items():
            if (rest := cost - before.get(callee, 0.0)) > 0:
                left.call(caller, callee, rest)
    return left


def unrolled(graph: Graph) -> Stacks:
    """Stacks whose weights add up to what the functions cost by themselves.

    The roots are the functions that nobody, or only they themselves, were seen to call; where all
    were called, as in a circle, those with the highest cost.
    """
    reached: dict[Frame, float] = {}
    for caller, to in graph.calls.items():
        for callee, cost in to.items():
            if callee != caller:
                reached[callee] = reached.get(callee, 0.0) + cost
    whole = {
        frame: graph.own.get(frame, 0.0)
        + sum(cost for callee, cost in graph.calls.get(frame, {}).items() if callee != frame)
        for frame in _all(graph)
    }
    least = graph.total * LEAST
    shares: Stacks = {}
    roots = [frame for frame in whole if whole[frame] - reached.get(frame, 0.0) > least]
    waiting: list[tuple[Stack, float]] = [
        ((frame,), whole[frame] - reached.get(frame, 0.0)) for frame in roots
    ]
    while waiting:
        stack, cost = waiting.pop()
        frame = stack[-1]
        all_of_it = whole[frame]
        if all_of_it <= 0:
            continue
        share = min(1.0, cost / all_of_it)
        kept = cost
        for callee, below in graph.calls.get(frame, {}).items():
            part = below * share
            if callee not in stack and part > least and len(stack) < DEEPEST:
                waiting.append(((*stack, callee), part))
                kept -= part
        if kept > 0:
            shares[stack] = shares.get(stack, 0.0) + kept
    return _balanced(shares, graph)


def _balanced(shares: Stacks, graph: Graph) -> Stacks:
    """Each function's stacks add up to what it cost by itself, whatever the sharing lost."""
    together: dict[Hashable, float] = {}
    for stack, cost in shares.items():
        together[stack[-1]] = together.get(stack[-1], 0.0) + cost
    found: Stacks = {}
    for stack, cost in shares.items():
        if own := graph.own.get(stack[-1], 0.0):
            found[stack] = cost * own / together[stack[-1]]
    for frame, own in graph.own.items():
        if own > 0 and frame not in together:
            found[(frame,)] = own
    return found


def _all(graph: Graph) -> list[Frame]:
    named = dict.fromkeys(graph.own)
    for caller, to in graph.calls.items():
        named |= dict.fromkeys([caller, *to])
    return list(named)


def trimmed(stacks: Stacks) -> Stacks:
    """Without the calls that all stacks begin with, but for the last of them."""
    if not stacks:
        return stacks
    first, *others = stacks
    shared = len(first)
    for stack in others:
        shared = min(shared, len(stack))
        while stack[:shared] != first[:shared]:
            shared -= 1
    cut = max(0, shared - 1)
    return {stack[cut:]: cost for stack, cost in stacks.items()}
