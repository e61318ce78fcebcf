"""A foreign client's turns beside ours: heard once, then measured in fresh processes in turns.

What a worker does for the workload ``client``; ``client_measure`` makes its scenarios. Both clients
are driven by the same adapter process, so that what the driving costs is on both sides.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import msgspec

from harness.errors import PlanError, TargetError
from harness.peers import adapter_process
from harness.peers.adapter import SHIPPED
from harness.peers.exchange import Kind, Request
from harness.peers.process import Answer, Peer, ask, cpu_check
from harness.records import Check, Metric
from harness.run import client_truth, oracle
from harness.run.client_relay import Heard, Relay
from harness.run.client_truth import Turn
from harness.run.exchange import Finding, Job
from harness.run.link import Link
from harness.run.peer_turns import Referee, Turns
from harness.stats import consistency
from harness.stats.histogram import Histogram

#: How both sides are called in figures, and in sentences.
CLIENT, OWN = "client", "own"
WHO = {CLIENT: "the client", OWN: "our client"}
#: Calls of a turn by the calls in flight, one or several: for warming up, and those that count.
CALLS = {False: (500, 3_000), True: (2_000, 20_000)}
QUICK_CALLS = {False: (200, 1_000), True: (500, 4_000)}
#: Seconds that a slow client gets instead, for each of both.
WINDOW_S = 3.0
QUICK_WINDOW_S = 1.0
#: Calls of the turn that is heard, each as carefully looked at as its bytes allow.
HEARD_CALLS = (2, 20)
#: Seconds for the rest of a client's process: connecting, subscribing, stalling, its end.
REST_S = 60.0
#: Percentiles of the client's own times.
PERCENTILES = (50.0, 99.0)
#: Figures of each side: name, unit, which is better.
FIGURES = [
    ("cpu", "ns", "lower"),
    ("rate", "1/s", "higher"),
    ("p50", "ns", "lower"),
    ("p99", "ns", "lower"),
    ("rss", "bytes", "lower"),
]
#: A row is NOISY if the ratio of one of these is.
JUDGED = ("cpu_ratio", "rate_ratio")


class Commands(msgspec.Struct, frozen=True):
    """How the subject is started: the option ``client`` of a scenario."""

    python: str
    adapter: str
    package: str


def peer(name: str, commands: Commands) -> Peer:
    """An adapter's process. It leaves no compiled files beside the adapter."""
    script = adapter_process.__file__
    return Peer(name, [commands.python, "-I", "-B", script, commands.adapter, commands.package])


def own() -> Peer:
    """Our client, driven like the other."""
    adapter = str(Path(SHIPPED) / "own.py")
    return peer(OWN, Commands(sys.executable, adapter, "spacetimedb-harness"))


async def measure(job: Job) -> Finding:
    """Hear the client once; then both in turns. Ends with the first turn that does not hold."""
    try:
        commands = msgspec.convert(job.scenario.options.get("client"), Commands)
    except msgspec.ValidationError as error:
        raise PlanError(f"no client to measure: {error}") from None
    session = _Session(job, peer(CLIENT, commands))
    async with Link(job.scenario, job.target) as link:
        await link.connect()
        return await session.measure(link)


class _Session:
    """The turns of one scenario."""

    def __init__(self, job: Job, client: Peer) -> None:
        self._turns = Turns(job, [client, own()])
        self._client = client
        self._histograms = {CLIENT: Histogram(), OWN: Histogram()}
        self._uri = job.target.uri
        self._window_s = QUICK_WINDOW_S if self._turns.quick else WINDOW_S
        several = job.scenario.load.in_flight > 1
        self._calls = (QUICK_CALLS if self._turns.quick else CALLS)[several]

    async def measure(self, link: Link) -> Finding:
        referee = Referee(link, self._turns)
        with _relay(self._uri) as relay:
            if relay is not None:
                uri = relay.uri + urlsplit(self._uri).path
                await self._take(
                    link, referee, -1, self._client, HEARD_CALLS, uri=uri, heard=relay.heard
                )
        if relay is None:
            found = f"not heard: {self._uri} is not plain HTTP"
            self._turns.check(Check(name="bytes of the client", passed=True, found=found))
        for number, side in self._turns.plan():
            if self._turns.failed:
                break
            answer = await self._take(link, referee, number, side, self._calls)
            if answer is not None and not self._turns.failed:
                self._note(side, answer)
        return self._finding()

    async def _take(
        self,
        link: Link,
        referee: Referee,
        number: int,
        side: Peer,
        calls: tuple[int, int],
        uri: str | None = None,
        heard: list[Heard] | None = None,
    ) -> Answer | None:
        """One turn, and everything that must hold after it. None if it gave no result."""
        workload = self._turns.scenario.workload
        do: Kind = "noop" if self._turns.scenario.options["call"] == "noop" else "insert"
        await referee.fill(workload.rows, number + 1)
        before = await referee.transactions()
        request = self._request(link, do, calls, uri or self._uri)
        answer, failure = None, ""
        try:
            answer = await asyncio.to_thread(ask, side, request)
        except TargetError as error:
            failure = client_truth.failure_of(error)
        after = await referee.transactions()
        result = answer.result if answer is not None else None
        if result is not None and do == "insert":
            referee.inserted(workload.rows, result.all_calls)
        turn = Turn(
            who=WHO[side.name],
            protocol=request.protocol,
            do=do,
            result=result,
            failure=failure,
            counted=None if before is None or after is None else after - before,
            expected=list(referee.expected.values()),
            found=[oracle.plain(row) for row in await link.rows("item")],
            heard=heard,
        )
        self._turns.check(*client_truth.checks(turn))
        if answer is not None and heard is None:
            self._turns.check(cpu_check(turn.who, answer))
            self._turns.versions[side.name] = answer.result.versions
        return answer

    def _request(self, link: Link, do: Kind, calls: tuple[int, int], uri: str) -> Request:
        scenario = self._turns.scenario
        return Request(
            do=do,
            uri=uri,
            database=self._turns.target.database,
            token=link.token,
            protocol=scenario.protocol,
            subscribed=scenario.workload.subscribed,
            awaited=True,
            in_flight=scenario.load.in_flight,
            warmup=calls[0],
            operations=calls[1],
            seconds=self._window_s,
            rows=scenario.workload.rows,
            seed=self._turns.seed,
            timeout_s=2 * self._window_s + REST_S,
        )

    def _note(self, side: Peer, answer: Answer) -> None:
        result, note = answer.result, self._turns.note
        times = Histogram.of(result.times_ns)
        self._histograms[side.name].merge(times)
        # A clock that is too coarse for the window has told no time at all.
        note("cpu", side, max(1, result.cpu_ns) / result.calls)
        note("rate", side, result.calls / result.wall_ns * 1e9)
        for percent in PERCENTILES:
            note(f"p{percent:g}", side, times.percentile(percent))
        if result.rss_after:
            note("rss", side, result.rss_after)

    def _finding(self) -> Finding:
        told = [figure for figure in FIGURES if f"{figure[0]}_{CLIENT}" in self._turns.figures]
        count = self._histograms[CLIENT].count
        found = self._turns.finding(told, "cpu", count)
        if self._turns.failed:
            return found
        return msgspec.structs.replace(
            found,
            metrics=[self._whole(metric) for metric in found.metrics],
            histograms={
                f"latency of {name}": histogram.to_dict()
                for name, histogram in self._histograms.items()
            },
            spread=max(
                consistency.spread(metric.interval)
                for metric in found.metrics
                if metric.name in JUDGED and metric.interval is not None
            ),
        )

    def _whole(self, metric: Metric) -> Metric:
        """A percentile is read from the times of all rounds; others are the median of rounds."""
        for name, histogram in self._histograms.items():
            for percent in PERCENTILES:
                if metric.name == f"p{percent:g}_{name}":
                    value = histogram.percentile(percent)
                    return msgspec.structs.replace(metric, value=value, count=histogram.count)
        return metric


@contextmanager
def _relay(uri: str) -> Iterator[Relay | None]:
    """A relay before the server; None if it would hear nothing, since TLS is spoken."""
    if not client_truth.plain_http(uri):
        yield None
        return
    with Relay(uri) as relay:
        yield relay
