"""HTTP requests of procedures: what is sent, what comes of every answer, whom they reach."""

from __future__ import annotations

import asyncio
import ipaddress
import ssl
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import h11
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from harness.errors import HttpError, InternalError, ReducerError
from harness.module import HttpRequest, HttpResponse, Module, ProcedureContext, column, u32
from harness.module.http import LONGEST_S
from harness.server import outgoing
from harness.server.outgoing import REDIRECTS, Outgoing, Reach, is_public
from harness.server.testing import TestDatabase

Answer = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


class Site:
    """A server on the loopback that reads one request of each connection and answers as told."""

    def __init__(self, answer: Answer, tls: ssl.SSLContext | None = None) -> None:
        self._answer = answer
        self._tls = tls
        self.asked: list[tuple[str, dict[str, str], bytes]] = []
        self.port = 0
        self._serving: set[Any] = set()

    async def __aenter__(self) -> Site:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0, ssl=self._tls)
        self.port = self._server.sockets[0].getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        await self._server.wait_closed()
        if self._serving:
            await asyncio.wait(self._serving)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._serving.add(asyncio.current_task())
        connection = h11.Connection(h11.SERVER)
        line, headers, body = "", {}, b""
        try:
            while not isinstance(event := connection.next_event(), h11.EndOfMessage):
                if event is h11.NEED_DATA:
                    connection.receive_data(await reader.read(4096))
                elif isinstance(event, h11.Request):
                    line = f"{event.method.decode()} {event.target.decode()}"
                    headers = {k.decode(): v.decode() for k, v in event.headers}
                elif isinstance(event, h11.Data):
                    body += event.data
            self.asked.append((line, headers, body))
            await self._answer(reader, writer)
        except (ConnectionError, h11.RemoteProtocolError):
            pass  # who asked has had enough
        finally:
            writer.transport.abort()


def saying(*parts: bytes) -> Answer:
    """Answers with these bytes, and ends."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for part in parts:
            writer.write(part)
        await writer.drain()
        writer.close()
        await writer.wait_closed()

    return answer


def for_ever(head: bytes, again: bytes) -> Answer:
    """Answers without an end, as fast as it is read."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(head)
        while not writer.transport.is_closing():
            writer.write(again)
            await writer.drain()

    return answer


def falling_silent(head: bytes) -> Answer:
    """Says this and no more, for as long as somebody listens."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(head)
        await reader.read()

    return answer


def run(story: Coroutine[Any, Any, Any]) -> Any:
    return asyncio.run(asyncio.wait_for(story, 60))


def ask(answer: Answer, path: str = "/", reach: Reach = Reach.ANYWHERE, **said: Any) -> Any:
    """What comes of a request to a site that answers so; the site, too."""

    async def story() -> tuple[HttpResponse, Site]:
        async with Site(answer) as site:
            request = HttpRequest(site.url + path, **said)
            return await Outgoing(reach).fetch(request), site

    return run(story())


OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nX-A: 1\r\nx-a: 2\r\n\r\nhi"


def test_a_request_and_its_answer() -> None:
    found, site = ask(
        saying(OK), "/a%20b/ä?q=1&r=ö#part", method="POST", headers=(("X-Key", "k"),), body=b"data"
    )
    assert (found.status, found.ok, found.text()) == (200, True, "hi")
    assert [x for x in found.headers if x[0].lower() == "x-a"] == [("X-A", "1"), ("x-a", "2")]
    assert (found.header("X-A"), found.header("x-b")) == ("1", None)
    ((line, headers, body),) = site.asked
    assert line == "POST /a%20b/%C3%A4?q=1&r=%C3%B6"
    assert body == b"data"
    assert headers == {
        "host": f"127.0.0.1:{site.port}", "accept": "*/*", "accept-encoding": "identity",
        "user-agent": "spacetimedb-harness", "connection": "close", "content-length": "4",
        "x-key": "k",
    }  # fmt: skip


def test_a_header_of_ours_gives_way_to_the_modules() -> None:
    given = (("accept", "text/csv"), ("USER-AGENT", "rates/1"))
    _, site = ask(saying(OK), headers=given)
    headers = site.asked[0][1]
    assert (headers["accept"], headers["user-agent"]) == ("text/csv", "rates/1")
    assert headers["accept-encoding"] == "identity"


CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
ANSWERS = {
    "chunks": (CHUNKED + b"1\r\nh\r\n1\r\ni\r\n0\r\n\r\n", 200, b"hi"),
    "to its end": (b"HTTP/1.0 200 OK\r\n\r\nhi", 200, b"hi"),
    "an error with a body": (b"HTTP/1.1 500 No\r\nContent-Length: 2\r\n\r\nhi", 500, b"hi"),
    "none": (b"HTTP/1.1 204 Nothing\r\n\r\n", 204, b""),
    "after hints": (b"HTTP/1.1 103 Hints\r\n\r\nHTTP/1.1 100 Continue\r\n\r\n" + OK, 200, b"hi"),
    "compressed all the same": (
        b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 2\r\n\r\n\x1f\x8b",
        200, b"\x1f\x8b",
    ),
    "a redirect to nowhere": (b"HTTP/1.1 302 Go\r\nContent-Length: 0\r\n\r\n", 302, b""),
}  # fmt: skip


@pytest.mark.parametrize("how", ANSWERS)
def test_every_whole_answer_is_one(how: str) -> None:
    data, status, body = ANSWERS[how]
    found, _ = ask(saying(data))
    assert (found.status, found.body) == (status, body)


def test_an_answer_may_come_before_the_question_is_read() -> None:
    ended = asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(OK)
        await writer.drain()
        with suppress(ConnectionError):
            while await reader.read(65_536):
                pass
        writer.transport.abort()
        ended.set()

    async def story() -> HttpResponse:
        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        async with server:
            port = server.sockets[0].getsockname()[1]
            request = HttpRequest(f"http://127.0.0.1:{port}/", "PUT", body=bytes(20_000_000))
            found = await Outgoing(Reach.ANYWHERE).fetch(request)
            await ended.wait()
            return found

    assert run(story()).body == b"hi"


# --- hostile answers -----------------------------------------------------------------------------

HOSTILE: dict[str, tuple[Answer, str]] = {
    "a body without end": (
        for_ever(b"HTTP/1.1 200 OK\r\n\r\n", bytes(65_536)), "is longer than 100,000 bytes",
    ),
    "a length that is a lie": (
        saying(b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\nhi"), "is no HTTP: ",
    ),
    "a length beyond all measure": (
        for_ever(b"HTTP/1.1 200 OK\r\nContent-Length: 999999999999\r\n\r\n", bytes(65_536)),
        "is longer than 100,000 bytes",
    ),
    "pieces of one byte": (for_ever(CHUNKED, b"1\r\nx\r\n" * 500), "in more than 2,000 pieces"),
    "hints without end": (
        for_ever(b"", b"HTTP/1.1 103 Hints\r\n\r\n" * 100), "in more than 2,000 pieces",
    ),
    "a head without end": (for_ever(b"HTTP/1.1 200 OK\r\n", b"X: y\r\n" * 1000), "is no HTTP: "),
    "a line without end": (for_ever(b"HTTP/1.1 200 ", b"x" * 65_536), "is no HTTP: "),
    "a chunk's head without end": (for_ever(CHUNKED, b"0" * 65_536), "is no HTTP: "),
    "garbage": (saying(b"\x16\x03\x01 what?\r\n\r\n"), "is no HTTP: "),
    "another protocol": (
        saying(b"HTTP/1.1 101 Switching\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n"),
        "is no HTTP: ",
    ),
    "the end at once": (saying(), "is no HTTP: "),
    "silence": (falling_silent(b""), "gave no whole answer within 0.2 s"),
    "a body that stops": (
        falling_silent(b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\nhi"),
        "gave no whole answer within 0.2 s",
    ),
}  # fmt: skip


@pytest.mark.parametrize("how", HOSTILE)
def test_hostile_answers(how: str, monkeypatch: pytest.MonkeyPatch) -> None:
    answer, said = HOSTILE[how]
    monkeypatch.setattr(outgoing, "BODY_LIMIT", 100_000)
    monkeypatch.setattr(outgoing, "PIECES", 2000)
    short = {"timeout_s": 0.2} if "0.2 s" in said else {}
    with pytest.raises(HttpError) as caught:
        ask(answer, "/path?secret=1", **short)
    text = str(caught.value)
    assert said in text
    assert "http://127.0.0.1:" in text
    assert "path" not in text
    assert "secret" not in text


def test_so_many_at_once_and_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outgoing, "AT_ONCE", 2)

    async def story() -> None:
        let_go, most, under_way = asyncio.Event(), 0, 0

        async def slow(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            nonlocal most, under_way
            under_way += 1
            most = max(most, under_way)
            if under_way == 2:
                let_go.set()
            await let_go.wait()
            await saying(OK)(reader, writer)
            under_way -= 1

        async with Site(slow) as site:
            asks = Outgoing(Reach.ANYWHERE)
            found = [asks.fetch(HttpRequest(site.url)) for _ in range(6)]
            assert [x.status for x in await asyncio.gather(*found)] == [200] * 6
            assert most == 2

    run(story())


# --- redirects -----------------------------------------------------------------------------------


def to(location: str, status: int = 302) -> bytes:
    return f"HTTP/1.1 {status} Go\r\nLocation: {location}\r\nContent-Length: 0\r\n\r\n".encode()


def test_a_loop_of_redirects_ends() -> None:
    async def story() -> Site:
        async with Site(saying(to("/round"))) as site:
            with pytest.raises(HttpError, match=f"redirects more than {REDIRECTS} times"):
                await Outgoing(Reach.ANYWHERE).fetch(HttpRequest(site.url))
            return site

    assert len(run(story()).asked) == REDIRECTS + 1


def test_a_redirect_to_what_is_no_url() -> None:
    with pytest.raises(HttpError, match=r"^http://127\.0\.0\.1:\d+ redirects to what is not a"):
        ask(saying(to("http://[")))


@pytest.mark.parametrize(
    ("status", "again"), [(301, "GET"), (302, "GET"), (303, "GET"), (307, "POST"), (308, "POST")]
)
def test_what_was_meant_for_one_is_not_told_another(status: int, again: str) -> None:
    async def story() -> tuple[Site, Site]:
        headers = (("Authorization", "Bearer t"), ("cookie", "c"), ("X-Mine", "m"),
                   ("Content-Type", "text/plain"))  # fmt: skip
        async with (
            Site(saying(OK)) as other,
            Site(saying(to(f"{other.url}/there", status))) as first,
        ):
            request = HttpRequest(first.url, "POST", headers, b"data")
            found = await Outgoing(Reach.ANYWHERE).fetch(request)
            assert found.body == b"hi"
            return first, other

    first, other = run(story())
    assert first.asked[0][1]["authorization"] == "Bearer t"
    ((line, headers, body),) = other.asked
    assert line == f"{again} /there"
    assert body == (b"data" if again == "POST" else b"")
    assert ("content-type" in headers) is (again == "POST")
    assert headers["x-mine"] == "m"
    assert not {"authorization", "cookie"} & set(headers)
    assert headers["host"] == f"127.0.0.1:{other.port}"


# --- whom they reach -----------------------------------------------------------------------------

CLOSED = [
    "127.0.0.1",
    "127.8.9.1",
    "0.0.0.0",
    "10.1.2.3",
    "172.16.0.1",
    "192.168.1.1",
    "169.254.169.254",
    "100.64.0.1",
    "224.0.0.1",
    "255.255.255.255",
    "240.0.0.1",
    "192.0.2.1",
    "198.18.0.1",
    "::1",
    "::",
    "fe80::1",
    "fc00::1",
    "fec0::1",
    "ff02::1",
    "::ffff:127.0.0.1",
    "::ffff:8.8.8.8",
    "::127.0.0.1",
    "64:ff9b::7f00:1",
    "64:ff9b:1::1",
    "2002:7f00:1::1",
    "2001::1",
    "2001:db8::1",
]


@pytest.mark.parametrize("address", CLOSED)
def test_addresses_that_are_closed(address: str) -> None:
    assert not is_public(ipaddress.ip_address(address))


@pytest.mark.parametrize("address", ["8.8.8.8", "172.32.0.1", "2606:4700::1111"])
def test_addresses_that_are_open(address: str) -> None:
    assert is_public(ipaddress.ip_address(address))


@pytest.mark.parametrize(
    "host",
    ["127.0.0.1", "[::1]", "[::ffff:127.0.0.1]", "localhost", "inside.example",
     "2130706433", "0x7f.1"],
)  # fmt: skip
def test_nothing_private_is_reached_however_it_is_written(host: str) -> None:
    """Names are judged by their addresses, as are numbers that only a resolver takes for one."""

    async def resolve(name: str, port: int) -> list[str]:
        return ["127.0.0.1", "::1", "10.0.0.1"]

    async def story() -> list[Any]:
        async with Site(saying(OK)) as site:
            request = HttpRequest(f"http://{host}:{site.port}/")
            with pytest.raises(HttpError, match="start the server with --http-to anywhere"):
                await Outgoing(resolve=resolve).fetch(request)
            return site.asked

    assert run(story()) == []


def test_a_redirect_leads_to_nothing_private(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outgoing, "is_public", lambda address: str(address) == "127.0.0.1")

    async def story() -> tuple[Site, Site]:
        async with (
            Site(saying(OK)) as inside,
            Site(saying(to(f"http://127.0.0.2:{inside.port}/"))) as site,
        ):
            with pytest.raises(HttpError, match=r"^127\.0\.0\.2 is at a private or special"):
                await Outgoing().fetch(HttpRequest(site.url))
            return site, inside

    site, inside = run(story())
    assert (len(site.asked), inside.asked) == (1, [])


def test_the_address_that_was_judged_is_the_one_that_is_reached() -> None:
    """A name that is another's at the second look is not looked up twice."""
    looks: list[str] = []

    async def resolve(name: str, port: int) -> list[str]:
        looks.append(name)
        return ["127.0.0.1"]

    async def story() -> Site:
        async with Site(saying(OK)) as site:
            await Outgoing(Reach.ANYWHERE, resolve).fetch(
                HttpRequest(f"http://rates.example:{site.port}/")
            )
            return site

    site = run(story())
    assert looks == ["rates.example"]
    assert site.asked[0][1]["host"] == f"rates.example:{site.port}"


IMPOSSIBLE = {
    "ftp://a/": "a URL begins with http:// or https:// and a host",
    "file:///etc/passwd": "a URL begins with http:// or https://",
    "//a/": "a URL begins with http://",
    "http:///x": "a URL begins with http://",
    "http://a:b/": "not a URL: ",
    "http://[::1/": "not a URL: ",
    "http://a..b/": "not a URL: ",
    "a/path?key=secret": "a URL begins with http://",
    "http://u:secret/@a/": "not a URL: ",
    "http://u:p@a/": "a URL with a user or password is not sent",
    "http://a/ b": "a URL has no spaces and no control characters",
    "http://a/\r\nX: y": "a URL has no spaces and no control characters",
}


@pytest.mark.parametrize("url", IMPOSSIBLE)
def test_what_cannot_be_asked(url: str) -> None:
    with pytest.raises(HttpError) as caught:
        run(Outgoing(Reach.ANYWHERE).fetch(HttpRequest(url)))
    assert IMPOSSIBLE[url] in str(caught.value)


@pytest.mark.parametrize(
    ("said", "why"),
    [
        ({"method": "CONNECT"}, "'CONNECT' cannot be asked; there are GET, HEAD, POST"),
        ({"headers": (("HOST", "b"),)}, "the header 'HOST' is made by the server; leave it out"),
        ({"headers": (("Content-Length", "9"),)}, "is made by the server"),
        ({"headers": (("a b", "secret"),)}, "the header 'a b' cannot be sent: "),
        ({"headers": (("a", "secret\r\nc: d"),)}, "the header 'a' cannot be sent: "),
        ({"headers": (("a", "Bearer secret\n"),)}, "the header 'a' cannot be sent: "),
        ({"headers": (("a", "sécret"),)}, "the header 'a' cannot be sent: "),
        ({"headers": (("ä", "secret"),)}, "the header 'ä' cannot be sent: "),
    ],
)
def test_what_cannot_be_sent(said: Any, why: str) -> None:
    with pytest.raises(HttpError) as caught:
        ask(saying(OK), **said)
    assert why in str(caught.value)


def test_nobody_listens_there_and_nobody_may_be_asked() -> None:
    async def story() -> str:
        async with Site(saying(OK)) as site:
            pass
        with pytest.raises(HttpError) as caught:
            await Outgoing(Reach.ANYWHERE).fetch(HttpRequest(site.url))
        return str(caught.value)

    assert " cannot be reached: " in run(story())
    with pytest.raises(HttpError, match="this server lets modules ask nobody"):
        ask(saying(OK), reach=Reach.NOWHERE)


# --- TLS -----------------------------------------------------------------------------------------


def contexts(folder: Path, name: str) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """Of a site called ``name``, and of somebody who trusts its certificate."""
    key = ec.generate_private_key(ec.SECP256R1())
    who = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder().subject_name(who).issuer_name(who).public_key(key.public_key())
        .serial_number(1).not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .sign(key, hashes.SHA256())
    )  # fmt: skip
    plain = serialization.NoEncryption()
    form = serialization.PrivateFormat.PKCS8
    pem = certificate.public_bytes(serialization.Encoding.PEM)
    file = folder / "site.pem"
    file.write_bytes(key.private_bytes(serialization.Encoding.PEM, form, plain) + pem)
    site = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    site.load_cert_chain(file)
    return site, ssl.create_default_context(cadata=pem.decode())


@pytest.mark.parametrize(
    ("trusts", "asked", "said"),
    [
        (True, "rates.example", None),
        (False, "rates.example", "certificate"),
        (True, "other.example", "certificate"),
    ],
)
def test_a_site_has_to_be_the_one_that_is_asked(
    trusts: bool, asked: str, said: str | None, tmp_path: Path
) -> None:
    site_context, trusting = contexts(tmp_path, "rates.example")

    async def resolve(name: str, port: int) -> list[str]:
        return ["127.0.0.1"]

    async def story() -> HttpResponse:
        asks = Outgoing(Reach.ANYWHERE, resolve)
        if trusts:
            asks._tls = trusting
        async with Site(saying(OK), site_context) as site:
            return await asks.fetch(HttpRequest(f"https://{asked}:{site.port}/"))

    if said is None:
        assert run(story()).body == b"hi"
    else:
        with pytest.raises(HttpError) as caught:
            run(story())
        assert said in str(caught.value)


# --- within procedures ---------------------------------------------------------------------------


def shop(body: Callable[[ProcedureContext, Any], Awaitable[int]]) -> Module:
    module = Module("shop")

    @module.table()
    class Rate:
        id: u32 = column(primary_key=True)

    @module.procedure
    async def play(ctx: ProcedureContext) -> u32:
        return await body(ctx, Rate)

    @module.procedure
    def plain(ctx: ProcedureContext) -> u32:
        return ctx.http.get("http://a/")  # type: ignore[return-value]  # never comes back

    return module


async def _store(ctx: ProcedureContext, rate: Any) -> int:
    found = await ctx.http.fetch(
        "http://rates/", method="post", headers={"a": "b"}, body="ä", timeout_s=1e9
    )
    with ctx.tx() as tx:
        return tx.db.rate.insert(rate(id=found.json()["id"])).id  # type: ignore[no-any-return]  # its class is made here


async def _inside(ctx: ProcedureContext, rate: Any) -> int:
    with ctx.tx() as tx:
        tx.db.rate.insert(rate(id=1))
        await ctx.http.get("http://rates/")
    return 1


async def _catches(ctx: ProcedureContext, rate: Any) -> int:
    try:
        await ctx.http.get("http://rates/")
    except HttpError as error:
        raise ReducerError(f"no rates: {error}") from None
    return 1


async def _no_time(ctx: ProcedureContext, rate: Any) -> int:
    return (await ctx.http.get("http://rates/", timeout_s=0)).status


async def _no_json(ctx: ProcedureContext, rate: Any) -> int:
    return (await ctx.http.get("http://rates/")).json()  # type: ignore[no-any-return]  # JSON is anything


def test_a_procedure_asks_and_stores_what_it_has_learned() -> None:
    asked: list[HttpRequest] = []

    async def fetch(request: HttpRequest) -> HttpResponse:
        asked.append(request)
        return HttpResponse(200, body=b'{"id": 7}')

    with TestDatabase(shop(_store), fetch=fetch) as db:
        assert db.procedure("play") == 7
        assert db.table("rate").count() == 1
    (request,) = asked
    assert request == HttpRequest("http://rates/", "POST", (("a", "b"),), "ä".encode(), LONGEST_S)
    assert "b'" not in repr(request), "headers and bodies may hold secrets"


@pytest.mark.parametrize(
    ("body", "procedure", "said"),
    [
        (_inside, "play", "no HTTP inside of a transaction"),
        (_no_time, "play", "a request needs some time, not 0 s"),
        (_no_json, "play", "the answer is not JSON: "),
        (_store, "plain", "ctx.http needs an async procedure"),
    ],
)
def test_mistakes_of_procedures(body: Any, procedure: str, said: str) -> None:
    async def fetch(request: HttpRequest) -> HttpResponse:
        return HttpResponse(200, body=b"{")

    with TestDatabase(shop(body), fetch=fetch) as db:
        with pytest.raises(InternalError, match=said):
            db.procedure(procedure)
        assert db.table("rate").count() == 0


def test_in_a_test_nobody_is_asked() -> None:
    with TestDatabase(shop(_catches)) as db, pytest.raises(ReducerError) as caught:
        db.procedure("play")
    assert str(caught.value) == (
        "no rates: in a test nobody is asked: give TestDatabase a fetch that answers"
    )
