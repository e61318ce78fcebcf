"""Turns of peers at the same server: who comes when, what was checked, what came out."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from statistics import median
from typing import Any

import msgspec

from harness.load.workloads import FILL_BATCH, Item, Row, item
from harness.peers.exchange import Request
from harness.peers.process import Answer, Peer, ask, cpu_check
from harness.peers.ratio import order, ratio
from harness.peers.rows import digest
from harness.records import Check, Metric
from harness.run import oracle
from harness.run.exchange import Finding, Job
from harness.run.link import Link
from harness.stats import consistency

#: Rounds of a comparison, and of a quick one: both peers take a turn in each.
ROUNDS = 3
QUICK_ROUNDS = 3
#: Seconds for a peer's window at the most, and for the rest of its process.
WINDOW_S = 10.0
REST_S = 40.0
#: Seconds between looks at a server's count, and how many there are at the most.
_LOOK_EVERY_S = 0.05
_MOST_LOOKS = 40


class Turns:
    """The turns of peers; figures by name, a value for each round.

    The last peer is the one that the others are compared with, the first one is ours.
    """

    def __init__(self, job: Job, peers: Sequence[Peer]) -> None:
        scenario = job.scenario
        self.scenario, self.target = scenario, job.target
        self.peers = peers
        self.quick = bool(scenario.options.get("quick"))
        self.rounds = int(scenario.options.get("rounds", QUICK_ROUNDS if self.quick else ROUNDS))
        self.seed = scenario.workload.seed
        self._checks: dict[str, Check] = {}
        self._passes: dict[str, int] = {}
        self.figures: dict[str, list[float]] = {}
        self.versions: dict[str, dict[str, str]] = {}

    # --- whose turn it is ------------------------------------------------------------------------

    def plan(self) -> list[tuple[int, Peer]]:
        """Number of the turn, and whose it is: A B, B A, A B …"""
        turns = [
            self.peers[side] for round in order(self.rounds, len(self.peers)) for side in round
        ]
        return list(enumerate(turns))

    async def ask(self, peer: Peer, **what: Any) -> Answer:
        """Let a peer take its turn. Raises ``TargetError`` if it does not take it well."""
        link_token = what.pop("token", None)
        request = Request(
            uri=self.target.uri,
            database=self.target.database,
            token=link_token,
            protocol=self.scenario.protocol,
            seconds=WINDOW_S,
            timeout_s=WINDOW_S + REST_S,
            seed=self.seed,
            **what,
        )
        answer = await asyncio.to_thread(ask, peer, request)
        result = answer.result
        self.versions[peer.name] = {**result.versions, "protocol": result.protocol}
        self.check(
            Check(
                name=f"protocol of {peer.name}",
                passed=result.protocol == request.protocol,
                found=f"{peer.name} spoke {result.protocol}, asked for was {request.protocol}",
            ),
            Check(
                name=f"errors of {peer.name}",
                passed=not result.errors,
                found=f"{result.errors} calls of {peer.name} failed: {result.first_error}",
            ),
            cpu_check(peer.name, answer),
        )
        return answer

    # --- what came out ---------------------------------------------------------------------------

    def note(self, name: str, peer: Peer, value: float) -> None:
        """One round's figure of one peer."""
        self.figures.setdefault(f"{name}_{peer.name}", []).append(value)

    def check(self, *checks: Check) -> None:
        """What must hold in every turn; of each kind the first failure is kept."""
        for check in checks:
            known = self._checks.get(check.name)
            if known is None or known.passed:
                self._checks[check.name] = check
            self._passes[check.name] = self._passes.get(check.name, 0) + check.passed

    @property
    def failed(self) -> bool:
        """Whether going on makes no sense."""
        return any(not check.passed for check in self._checks.values())

    def checks(self) -> list[Check]:
        """One of each kind: the first failure, or the last success and how many there were."""
        return [
            msgspec.structs.replace(
                check, found=f"{check.found} ({self._passes[check.name]} times)"
            )
            if check.passed
            else check
            for check in self._checks.values()
        ]

    def finding(self, figures: Sequence[tuple[str, str, str]], main: str, count: int) -> Finding:
        """Each figure (name, unit, better) of both peers and its ratio; ``main`` is judged."""
        metrics: list[Metric] = []
        spread = None
        if not self.failed:
            for name, unit, better in figures:
                made = self._compared(name, unit, better, count)
                metrics += made
                if name == main:
                    interval = made[-2].interval
                    spread = consistency.spread(interval) if interval is not None else None
        notes = {"per_round": self.figures, "versions": self.versions, "rounds": self.rounds}
        return Finding(metrics=metrics, checks=self.checks(), spread=spread, notes=notes)

    def _compared(self, name: str, unit: str, better: str, count: int) -> list[Metric]:
        def made(what: str, value: float, unit: str, count: int) -> Metric:
            return Metric(name=what, value=value, unit=unit, better=better, count=count)

        values = {peer.name: self.figures[f"{name}_{peer.name}"] for peer in self.peers}
        metrics = [
            made(f"{name}_{peer}", median(taken), unit, count) for peer, taken in values.items()
        ]
        ours, *others, theirs = self.peers
        for peer in [*others, ours]:
            compared = ratio(values[peer.name], values[theirs.name])
            title = f"{name}_ratio" if peer is ours else f"{name}_ratio_{peer.name}"
            metric = made(title, compared.value, "ratio", self.rounds)
            metrics.append(msgspec.structs.replace(metric, interval=compared.interval))
            # The end of the interval that is worse for us.
            worst = compared.interval[1 if better == "lower" else 0]
            metrics.append(made(f"{title}_worst", worst, "ratio", self.rounds))
        return metrics


class Referee:
    """Brings the table to where a turn begins, and knows what must be there at its end."""

    def __init__(self, link: Link, turns: Turns) -> None:
        self._link, self._turns = link, turns
        self.expected: dict[int, Row] = {}

    async def fill(self, rows: int, turn: int) -> None:
        """Rows of a seed that no peer is told, another one for each turn."""
        connection = self._link.connections[0]
        secret = self._turns.seed + 1 + turn
        self.expected = {id: item(id, secret) for id in range(rows)}
        await connection.call("clear_items")
        made = [Item(*row) for row in self.expected.values()]
        for start in range(0, rows, FILL_BATCH):
            await connection.call("insert_items", made[start : start + FILL_BATCH])

    def inserted(self, first: int, count: int) -> None:
        """What a peer says it inserted, of the seed that it was told."""
        for id in range(first, first + count):
            self.expected[id] = item(id, self._turns.seed)

    async def transactions(self) -> int | None:
        """What the server has counted; None if it does not count.

        Real servers count a little after they have answered, so this waits until it holds still.
        """
        counted = await self._link.transactions()
        for _ in range(_MOST_LOOKS):
            await asyncio.sleep(_LOOK_EVERY_S)
            before, counted = counted, await self._link.transactions()
            if counted == before:
                break
        return counted

    async def server(self) -> Check:
        """Whether the server holds what it must."""
        rows = await self._link.rows("item")
        return oracle.same_rows("of `item` on the server", self.expected.values(), rows)

    def cache(self, peer: Peer, answer: Answer) -> Check:
        """Whether the peer's cache holds what it must."""
        count, text = digest(self.expected.values())
        result = answer.result
        passed = (result.rows, result.digest) == (count, text)
        if result.rows == count and not passed:
            found = f"the cache of {peer.name} holds {count:,} rows, but not those of the server"
        else:
            shown = "no rows" if result.rows is None else f"{result.rows:,} rows"
            found = f"the cache of {peer.name} holds {shown}, expected {count:,}"
        return Check(name=f"cache of {peer.name}", passed=passed, found=found)
