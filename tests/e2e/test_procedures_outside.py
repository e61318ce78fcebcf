"""Procedures that ask by HTTP, called and on schedule, in a live server with its event loop."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from harness.client import connect
from tests.e2e.http_client import JSON, ask
from tests.e2e.server import PATIENCE_S, ServerProcess

MODULE = """
from harness.module import *

@table()
class Job:
    scheduled_id: u64 = auto_inc(primary_key=True)
    at: ScheduleAt
    url: str

@table(public=True)
class Rate:
    id: u64 = auto_inc(primary_key=True)
    name: str
    percent: u32

@view(public=True)
def high(ctx: AnonymousViewContext) -> Query[Rate]:
    return ctx.from_[Rate].where(lambda r: r.percent > 5)

@reducer
def plan(ctx: ReducerContext, url: str) -> None:
    ctx.db[Job].insert(Job(at=ScheduleAt.time(ctx.timestamp), url=url))

async def learn(ctx: ProcedureContext, url: str) -> u32:
    try:
        found = (await ctx.http.get(url, timeout_s=20)).json()
    except HttpError as error:
        raise ReducerError(f"no rate: {error}") from None
    with ctx.tx() as tx:
        tx.db[Rate].insert(Rate(name=found["name"], percent=found["percent"]))
    return found["percent"]

@procedure
async def ask(ctx: ProcedureContext, url: str) -> u32:
    return await learn(ctx, url)

@procedure(on_schedule=Job)
async def job(ctx: ProcedureContext, job: Job) -> None:
    await learn(ctx, job.url)
"""


@contextmanager
def rates() -> Iterator[str]:
    """A site with a rate; its URL."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = json.dumps({"name": self.path, "percent": len(self.path)}).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as site:
        thread = threading.Thread(target=site.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{site.server_address[1]}"
        finally:
            site.shutdown()
            thread.join()


@pytest.fixture(scope="module")
def module(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("module") / "rates.py"
    path.write_text(MODULE)
    return path


def test_what_was_learned_is_stored_and_told(module: Path) -> None:
    async def story(uri: str, site: str) -> None:
        async with connect(uri, "rates") as client:
            came: asyncio.Queue[str] = asyncio.Queue()
            client.db.high.on_insert(lambda context, row: came.put_nowait(row.name))
            await client.subscribe("SELECT * FROM high")
            await client.call("plan", f"{site}/by-schedule")
            assert await came.get() == "/by-schedule"
            call = asyncio.to_thread(
                ask, server, "POST", "/v1/database/rates/call/ask",
                json.dumps([f"{site}/called"]), JSON,
            )  # fmt: skip
            assert (await call).json == len("/called")
            assert await came.get() == "/called"

    with rates() as site, ServerProcess([str(module), "--http-to", "anywhere"]) as server:
        asyncio.run(asyncio.wait_for(story(server.http, site), PATIENCE_S))
        assert server.stop() == 0, server.errors()


def test_this_machine_is_closed_unless_it_was_opened(module: Path) -> None:
    with rates() as site, ServerProcess([str(module)]) as server:
        body = json.dumps([f"{site}/secret?token=1"])
        answer = ask(server, "POST", "/v1/database/rates/call/ask", body, JSON)
        assert (answer.status, answer.text) == (
            530,
            "no rate: 127.0.0.1 is at a private or special address, which modules may not reach; "
            "start the server with --http-to anywhere to let them",
        )
        assert server.stop() == 0, server.errors()
