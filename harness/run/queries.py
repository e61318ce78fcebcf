"""One-off SQL over the connection; every answer is compared with the model."""

from __future__ import annotations

import asyncio
from typing import Any

from harness.load import driver
from harness.load.workloads import Row, Stream
from harness.measure.recorder import Recorder
from harness.records import Check
from harness.run import oracle, window
from harness.run.calls import fill
from harness.run.exchange import Finding, Job
from harness.run.link import Link

#: Answers that are kept for the comparison, which says of how many they are.
_KEPT = 50_000


async def measure(job: Job) -> Finding:
    """Fill, ask, compare the answers."""
    scenario = job.scenario
    shape, stream = scenario.load, Stream(scenario.workload)
    async with Link(scenario, job.target) as link:
        await link.connect_many(shape.connections)
        await fill(link.connections[0], stream)
        recorder = Recorder(window.capacity(shape))
        asked: list[tuple[int, Any]] = []
        ask = by_key if scenario.workload.kind == "query_key" else by_scan
        issues = [ask(connection, stream, asked) for connection in link.connections]
        with window.Watch(job.target.pid, shape) as watch:
            load = await driver.closed_loop(issues, recorder, shape)
            watch.stop()
        if job.baseline:
            return window.finding(watch, load, [])
        checks = [answers(stream, asked, recorder.asked)]
        checks += await link.truth(stream.model, stream.tables, cached=False)
        return window.finding(watch, load, checks)


def by_key(connection: Any, stream: Stream, asked: list[tuple[int, Any]]) -> driver.Issue:
    """Ask for one row by its primary key."""

    def issue(waiter: driver.Waiter) -> None:
        id = stream.next_call()[1][0][0]
        statement = f"SELECT * FROM item WHERE id = {id}"  # noqa: S608  (an integer)
        _ask(connection, statement, id, waiter, asked)

    return issue


def by_scan(connection: Any, stream: Stream, asked: list[tuple[int, Any]]) -> driver.Issue:
    """Ask for the rows with one value in a column without an index."""

    def issue(waiter: driver.Waiter) -> None:
        hp = stream.next_call()[1][0][4]
        statement = f"SELECT * FROM item WHERE hp = {hp}"  # noqa: S608  (an integer)
        _ask(connection, statement, hp, waiter, asked)

    return issue


def _ask(
    connection: Any, statement: str, value: int, waiter: driver.Waiter, asked: list[tuple[int, Any]]
) -> None:
    def ended(future: asyncio.Future[Any]) -> None:
        error = future.exception()
        if waiter.done():
            return
        if error is None:
            waiter.set_result(None)
        else:
            waiter.set_exception(error)

    future = asyncio.ensure_future(connection.query(statement))
    if len(asked) < _KEPT:
        asked.append((value, future))
    future.add_done_callback(ended)


def answers(stream: Stream, asked: list[tuple[int, Any]], total: int) -> Check:
    """Each answer holds exactly the rows that the model has for its question."""
    by: dict[int, list[Row]] = {}
    column = 0 if stream.workload.kind == "query_key" else 4
    for row in stream.model.items.values():
        by.setdefault(row[column], []).append(row)
    for value, future in asked:
        if future.exception() is not None:
            continue  # counted among the failures
        check = oracle.same_rows(f"in the answer for {value}", by[value], future.result())
        if not check.passed:
            return check
    return Check(
        name="answers", passed=True, found=f"{len(asked):,} of {total:,} answers as expected"
    )
