"""Which server, which database, as whom; and what each refusal is in words."""

from __future__ import annotations

import asyncio
import io
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from harness.cli import asking, main
from harness.cli.asking import Where
from harness.client import credentials
from harness.errors import PlanError
from tests.cli.scripted import DATABASE, TOKEN, Scripted, scripted
from tests.cli.somebody import Terminal, unknown

ME = "ab" * 32
#: What a database declares: one table and two functions.
SCHEMA: dict[str, Any] = {
    "typespace": {"types": [{"Product": {"elements": [
        {"name": {"some": "id"}, "algebraic_type": {"U32": []}},
        {"name": {"some": "text"}, "algebraic_type": {"String": []}}]}}]},
    "tables": [{
        "name": "message", "product_type_ref": 0, "primary_key": [0],
        "indexes": [{"name": {"some": "message_id_idx_btree"}, "accessor_name": {"some": "id"},
                     "algorithm": {"BTree": [0]}}],
        "constraints": [{"name": {"some": "message_id_key"}, "data": {"Unique": {"columns": [0]}}}],
        "sequences": [], "schedule": {"none": []}, "table_type": {"User": []},
        "table_access": {"Public": []}}],
    "reducers": [
        {"name": "say", "params": {"elements": [
            {"name": {"some": "text"}, "algebraic_type": {"String": []}}]},
         "lifecycle": {"none": []}},
        {"name": "start", "params": {"elements": []}, "lifecycle": {"some": {"Init": []}}}],
    "types": [{"name": {"scope": [], "name": "Message"}, "ty": 0, "custom_ordering": True}],
    "misc_exports": [{"Procedure": {"name": "count", "params": {"elements": []},
                      "return_type": {"Product": {"elements": [
                          {"name": {"some": "n"}, "algebraic_type": {"U64": []}}]}}}}],
    "row_level_security": [],
}  # fmt: skip


@pytest.fixture(autouse=True)
def _alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    unknown(tmp_path, monkeypatch)


@pytest.fixture
def server() -> Iterator[Scripted]:
    with scripted() as found:
        found.answers["GET /v1/database/chat/schema"] = (200, json.dumps(SCHEMA))
        yield found


def configure(content: Any, file: str = "spacetime.json") -> None:
    Path(file).write_text(json.dumps(content))


def official(tmp_path: Path, text: str) -> None:
    (tmp_path / "config" / "spacetime").mkdir(parents=True)
    (tmp_path / "config" / "spacetime" / "cli.toml").write_text(text)


def say(server: Scripted, capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    """The exit code, stdout and stderr, in which no token and no traceback ever is."""
    code = main([words[0], *words[1:], "-s", server.uri])
    out, err = capsys.readouterr()
    assert TOKEN not in out + err
    assert "Traceback" not in err
    return code, out, err


# --- which ---------------------------------------------------------------------------------------

ONE = {"database": "chat", "server": "127.0.0.1:4000"}
TWO = {**ONE, "children": [{"database": "other", "server": "maincloud"}]}


@pytest.mark.parametrize(
    ("configured", "words", "database", "rest"),
    [
        (None, ["chat", "f", "x"], "chat", ("f", "x")),
        (ONE, ["f", "x"], "chat", ("f", "x")),
        (ONE, ["chat", "f"], "chat", ("f",)),
        (TWO, ["other", "f"], "other", ("f",)),
        (TWO, ["chat", "f", "chat"], "chat", ("f", "chat")),
    ],
)
def test_the_database_may_be_left_out(
    configured: Any, words: list[str], database: str, rest: tuple[str, ...]
) -> None:
    if configured is not None:
        configure(configured)
    place, found = asking.database_and(words, Where(), "FUNCTION")
    assert (place.database, found) == (database, rest)


@pytest.mark.parametrize(
    ("configured", "words", "said"),
    [
        (None, [], "Missing argument 'DATABASE'."),
        (None, ["chat"], "Missing argument 'FUNCTION'."),
        (ONE, [], "Missing argument 'FUNCTION'."),
        (ONE, ["chat"], "Missing argument 'FUNCTION'."),
        (TWO, [], "Missing argument 'DATABASE': one of chat, other."),
        (TWO, ["function"], "Missing argument 'DATABASE': one of chat, other."),
        (TWO, ["third", "f"], "Database 'third' is not in the config file. If you want to run "
         "against a database outside of the current project, pass --no-config. It has chat, other"),
    ],
)  # fmt: skip
def test_what_is_missing(
    configured: Any, words: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    if configured is not None:
        configure(configured)
    assert main(["call", *words]) in (1, 2)
    assert said in capsys.readouterr().err


def test_one_name_alone(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["logs"]) == 2
    assert "no spacetime.json names one here" in capsys.readouterr().err
    configure(ONE)
    assert asking.database(None, Where()).database == "chat"
    assert asking.database("chat", Where()).database == "chat"
    assert asking.database("other", Where(no_config=True)).database == "other"
    with pytest.raises(PlanError, match="'other' is not in the config file"):
        asking.database("other", Where())
    configure(TWO)
    assert main(["logs"]) == 2
    assert "one of chat, other" in capsys.readouterr().err


def test_tool_harness_names_one_as_well(monkeypatch: pytest.MonkeyPatch) -> None:
    Path("pyproject.toml").write_text('[tool.harness]\ndatabase = "mine"\n')
    assert asking.database(None, Where()).database == "mine"
    Path("below").mkdir()
    monkeypatch.chdir("below")  # it is looked for upwards, as spacetime.json is
    assert asking.database(None, Where()).database == "mine"
    monkeypatch.chdir("..")
    configure({"server": "127.0.0.1:4000"})
    place = asking.database(None, Where())
    assert (place.database, place.uri) == ("mine", "http://127.0.0.1:4000")
    configure(ONE)
    assert asking.database(None, Where()).database == "chat"


def test_the_server_is_looked_for_in_order(tmp_path: Path) -> None:
    assert asking.server_uri(Where()) == "http://127.0.0.1:3000"
    assert asking.server_uri(Where("maincloud")) == "https://maincloud.spacetimedb.com"
    official(
        tmp_path,
        'default_server = "work"\n[[server_configs]]\nnickname = "work"\nhost = "db.example.org"\n'
        'protocol = "https"\n',
    )
    assert asking.server_uri(Where()) == "https://db.example.org"
    assert asking.server_uri(Where(), "local") == "http://127.0.0.1:3000"
    assert asking.server_uri(Where("work"), "local") == "https://db.example.org"
    assert asking.server_uri(Where("host:1"), "local") == "http://host:1"
    configure(TWO)
    assert asking.database("other", Where()).uri == "https://maincloud.spacetimedb.com"
    assert asking.database("other", Where("local")).uri == "http://127.0.0.1:3000"
    with pytest.raises(PlanError, match="a server is `local` or a URI"):
        asking.server_uri(Where("not a server"))


def test_environments(tmp_path: Path) -> None:
    configure(ONE)
    configure({"database": "staged"}, "spacetime.staging.json")
    assert asking.database(None, Where(environment="staging")).database == "staged"
    assert asking.database(None, Where()).database == "chat"


# --- as whom -------------------------------------------------------------------------------------


def who(uri: str, **how: bool) -> str | None:
    found = asyncio.run(asking.known_identity(uri, **how))
    return None if found is None else found.token


def test_who_we_are_in_order(
    server: Scripted, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert who(server.uri) is None
    host = server.uri.removeprefix("http://")
    official(
        tmp_path,
        f'spacetimedb_token = "official"\n[[server_configs]]\nnickname = "here"\nhost = "{host}"\n'
        'protocol = "http"\n',
    )
    assert who(server.uri) == "official"
    server.answers["GET /v1/ping"] = (401, "InvalidSignature")
    assert who(server.uri) is None
    server.answers["GET /v1/ping"] = (200, "")
    credentials.keep(server.uri, ME, TOKEN)
    assert who(server.uri) == TOKEN
    monkeypatch.setenv("SPACETIMEDB_TOKEN", "mine")
    assert who(server.uri) == "mine"
    assert who(server.uri, anonymous=True) is None


def test_the_official_token_goes_to_servers_of_cli_toml_alone(
    server: Scripted, tmp_path: Path
) -> None:
    official(tmp_path, 'spacetimedb_token = "official"\n')
    assert who(server.uri) is None
    assert [x[1] for x in server.asked] == []


def test_calls_come_from_one_identity_that_is_kept(
    server: Scripted, capsys: pytest.CaptureFixture[str]
) -> None:
    server.answers["POST /v1/database/chat/call/say"] = (200, "")
    code, out, err = say(server, capsys, "call", "chat", "say", "hello there")
    assert (code, out) == (0, "")
    assert f"knows you from now on as {ME}" in err
    assert say(server, capsys, "call", "chat", "say", "again") == (0, "", "")
    asked = [x for x in server.asked if "/call/" in x[0]]
    assert [x[1:] for x in asked] == [
        (f"Bearer {TOKEN}", b'["hello there"]'), (f"Bearer {TOKEN}", b'["again"]')
    ]  # fmt: skip
    assert say(server, capsys, "call", "chat", "say", "x", "--anonymous")[0] == 0
    assert server.asked[-1][1] == f"Bearer {TOKEN}"  # the scripted server has one for all


# --- what is told --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "path", "status", "body", "said"),
    [
        (["call", "chat", "say", "x"], "POST /v1/database/chat/call/say", 530, "No such luck",
         "No such luck"),
        (["call", "chat", "say", "x"], "POST /v1/database/chat/call/say", 500, "broken", "broken"),
        (["call", "nope", "say"], "", 0, "", "there is no database nope on URI; `harness list` "),
        (["sql", "chat", "SELEC"], "POST /v1/database/chat/sql", 400, "at SELEC", "at SELEC"),
        (["sql", "nope", "SELECT 1"], "", 0, "", "there is no database nope on URI"),
        (["logs", "chat"], "GET /v1/database/chat/logs", 403, "Forbidden",
         f"only the owner of chat may do that; you are {ME} to URI"),
        (["logs", "chat"], "GET /v1/database/chat/logs", 400, f"{ME} does not own database",
         f"only the owner of chat may do that; you are {ME} to URI"),
        (["logs", "chat"], "GET /v1/database/chat/logs", 503, "down\x1b[31m",
         "the server refused with status 503: down [31m"),
        (["logs", "chat"], "GET /v1/database/chat/logs", 401, "TokenError(InvalidSignature)",
         "the server does not accept the identity in "),
        (["describe", "nope"], "", 0, "", "there is no database nope on URI"),
        (["delete", "nope", "-y"], "", 0, "", "there is no database nope on URI"),
    ],
)  # fmt: skip
def test_one_sentence_for_each_refusal(
    words: list[str], path: str, status: int, body: str, said: str, server: Scripted,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    credentials.keep(server.uri, ME, TOKEN)
    if path:
        server.answers[path] = (status, body)
    code, out, err = say(server, capsys, *words)
    assert (code, out) == (1, "")
    assert said.replace("URI", server.uri) in err
    assert err.count("\n") == 1


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["sai", "x"], "there is no reducer or procedure 'sai'; did you mean 'say'?"),
        (["other", "x"], "there is no reducer or procedure 'other'; it has count, say"),
        (["start"], "start is called by the server alone, when its time has come"),
        (["say"], "say takes 1 argument, not 0: say(text: str)"),
        (["say", "a", "b"], "say takes 1 argument, not 2: say(text: str)"),
        (["say", "--json", '{"txt": 1}'], "--json has an object with the arguments of say(text: s"),
    ],
)
def test_calls_that_are_not_made(
    words: list[str], said: str, server: Scripted, capsys: pytest.CaptureFixture[str]
) -> None:
    code, _, err = say(server, capsys, "call", "chat", *words)
    assert code == 1
    assert said in err
    assert not [x for x in server.asked if "/call/" in x[0]]


def test_nobody_answers(capsys: pytest.CaptureFixture[str]) -> None:
    for words in (["sql", "a", "SELECT 1"], ["call", "a", "b"], ["logs", "a"], ["list"],
                  ["describe", "a"], ["delete", "a"], ["subscribe", "a", "SELECT 1"],
                  ["login"]):  # fmt: skip
        assert main([*words, "-s", "127.0.0.1:1"]) == 1
        err = capsys.readouterr().err
        assert err == (
            "harness: nobody answers at http://127.0.0.1:1 (Connection refused); start a server "
            "there (`harness start --listen 127.0.0.1:1`), or name another with --server\n"
        ), words
    assert main(["server", "ping", "127.0.0.1:1"]) == 1
    assert "nobody answers at http://127.0.0.1:1" in capsys.readouterr().err


def test_a_server_that_answers(server: Scripted, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["server", "ping", server.uri]) == 0
    assert "answers in" in capsys.readouterr().out
    server.answers["GET /v1/health"] = (200, '{"package_name":"spacetime\\u001b","version":"1.2"}')
    assert main(["server", "ping", server.uri]) == 0
    assert capsys.readouterr().out.endswith(": spacetime\\x1b 1.2\n")
    assert main(["server", "ping", server.uri, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["version"] == "1.2"


# --- the commands --------------------------------------------------------------------------------


def test_describe(server: Scripted, capsys: pytest.CaptureFixture[str]) -> None:
    assert say(server, capsys, "describe", "chat")[1] == (
        "chat: 1 table, 2 reducers, 1 procedure\n\n"
        "table message  [public]\n"
        "  id    u32  primary key\n"
        "  text  str\n\n"
        "reducer say(text: str)\n"
        "reducer start()  [Init]\n\n"
        "procedure count() -> (n: u64)\n"
    )
    assert (
        say(server, capsys, "describe", "chat", "reducer", "say")[1] == "reducer say(text: str)\n"
    )
    assert json.loads(say(server, capsys, "describe", "chat", "--json")[1]) == {"V9": SCHEMA}
    one = json.loads(say(server, capsys, "describe", "chat", "table", "message", "--json")[1])
    assert one == SCHEMA["tables"][0]
    one = json.loads(say(server, capsys, "describe", "chat", "type", "Message", "--json")[1])
    assert one["type"] == SCHEMA["typespace"]["types"][0]
    code, _, err = say(server, capsys, "describe", "chat", "table", "mesage")
    assert (code, err) == (1, "harness: there is no table 'mesage'; did you mean 'message'?\n")
    assert say(server, capsys, "describe", "chat", "thing", "message")[0] == 2


@pytest.mark.parametrize(
    ("answer", "shown"),
    [("[7]", '{"n":7}'), ('"odd\x1b"', '"odd\\x1b"'), ("<html>", "<html>"), ("", "")],
)
def test_what_a_procedure_returns(
    answer: str, shown: str, server: Scripted, capsys: pytest.CaptureFixture[str]
) -> None:
    credentials.keep(server.uri, ME, TOKEN)
    server.answers["POST /v1/database/chat/call/count"] = (200, answer)
    assert say(server, capsys, "call", "chat", "count") == (0, shown + "\n" * bool(shown), "")


def record(level: str, message: str) -> str:
    return json.dumps({"level": level, "ts": 0, "message": message}) + "\n"


def test_logs_by_level(server: Scripted, capsys: pytest.CaptureFixture[str]) -> None:
    credentials.keep(server.uri, ME, TOKEN)
    server.answers["GET /v1/database/chat/logs"] = (
        200, "".join(record(x, x[0]) for x in ("Trace", "Debug", "Info", "Warn", "Error", "Panic"))
    )  # fmt: skip
    for more, letters in [
        ([], "TDIWEP"), (["-l", "warn"], "WEP"), (["-l", "WARN", "--level-exact"], "W"),
        (["-n", "2"], "EP"), (["-n", "0"], ""), (["-n", "1", "-l", "info"], "P"),
        (["-l", "trace"], "TDIWEP"),
    ]:  # fmt: skip
        code, out, _ = say(server, capsys, "logs", "chat", "--json", *more)
        assert code == 0
        assert "".join(json.loads(x)["message"] for x in out.splitlines()) == letters
    assert say(server, capsys, "logs", "chat", "--level-exact")[0] == 2
    code, out, err = say(server, capsys, "logs", "chat", "-f", "-l", "error")
    assert (code, len(out.splitlines())) == (1, 2)
    assert err == f"harness: {server.uri} has ended the log\n"
    assert server.asked[-1][0].endswith("logs?num_lines=10&follow=true")


def test_list(server: Scripted, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = say(server, capsys, "list")
    assert (code, out) == (0, "")
    assert "does not know you" in err
    credentials.keep(server.uri, ME, TOKEN)
    server.answers[f"GET /v1/identity/{ME}/databases"] = (200, '{"identities": []}')
    assert f"{ME} has no database on" in say(server, capsys, "list")[2]
    other = "c2" + "0b" * 31
    server.answers[f"GET /v1/identity/{ME}/databases"] = (
        200, json.dumps({"identities": [DATABASE, {"__identity__": other}]})
    )  # fmt: skip
    server.answers[f"GET /v1/database/{DATABASE}/names"] = (200, '{"names": ["chat", "talk"]}')
    server.answers[f"GET /v1/database/{other}/names"] = (200, '{"names": []}')
    assert say(server, capsys, "list")[1].splitlines() == [
        f"name       | identity{' ' * 56}".rstrip(),
        f"-----------+-{'-' * 64}",
        f"(none)     | {other}",
        f"chat, talk | {DATABASE}",
    ]
    found = json.loads(say(server, capsys, "list", "--json")[1])
    assert found["databases"][1] == {"identity": DATABASE, "names": ["chat", "talk"]}


@pytest.mark.parametrize(
    ("answer", "more", "code", "deleted"),
    [("y\n", [], 0, 1), ("n\n", [], 1, 0), ("\n", [], 1, 0), (None, [], 1, 0),
     (None, ["-y"], 0, 1)],
)  # fmt: skip
def test_delete_asks(
    answer: str | None, more: list[str], code: int, deleted: int, server: Scripted,
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    credentials.keep(server.uri, ME, TOKEN)
    stdin = io.StringIO("y\n") if answer is None else Terminal(answer)
    monkeypatch.setattr(sys, "stdin", stdin)
    server.answers["GET /v1/database/chat/identity"] = (200, DATABASE)
    server.answers["DELETE /v1/database/chat"] = (200, "")
    found, out, err = say(server, capsys, "delete", "chat", *more)
    assert found == code
    assert [x[0] for x in server.asked if x[0].startswith("DELETE")] == [
        "DELETE /v1/database/chat"
    ] * deleted
    if deleted:
        assert out == f"deleted chat, identity: {DATABASE}\n"
        told = json.loads(say(server, capsys, "delete", "chat", "-y", "--json")[1])
        assert (told["database"], told["identity"], told["op"]) == ("chat", DATABASE, "deleted")
    elif answer is None:
        assert err.endswith("with all its data: nobody can be asked here, so say -y\n")


# --- login ---------------------------------------------------------------------------------------


def jwt(**claims: str) -> str:
    import base64

    def part(value: Any) -> str:
        return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")

    return f"{part({'alg': 'ES256'})}.{part(claims)}.c2ln"


def test_login_and_out(
    server: Scripted, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    code, out, _ = say(server, capsys, "login")
    path = credentials.path_for(server.uri)
    assert (code, out) == (0, f"{server.uri} knows you as {ME}, by the identity in {path}\n")
    assert path.stat().st_mode & 0o777 == 0o600
    assert say(server, capsys, "login") == (0, out, "")  # the same one
    _, out, _ = say(server, capsys, "login", "show")
    assert out == f"You are {ME} to {server.uri}, by the identity in {path}.\n"
    assert main(["login", "show", "-s", server.uri, "--token"]) == 0
    assert capsys.readouterr().out.splitlines()[1] == TOKEN
    monkeypatch.setattr(sys, "stdin", io.StringIO(""))
    code, _, err = say(server, capsys, "logout")
    assert code == 1
    assert "nobody can be asked here, so say -y" in err
    assert say(server, capsys, "logout", "-y")[1] == f"forgot {ME} at {server.uri}\n"
    assert not path.exists()
    assert say(server, capsys, "logout", "-y")[2] == f"no identity is kept for {server.uri}\n"
    assert say(server, capsys, "login", "show")[0] == 1


@pytest.mark.parametrize("how", ["option", "input"])
def test_login_with_a_token(
    how: str, server: Scripted, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    identity = "c2" + "11" * 31
    token = jwt(hex_identity=identity, iss="localhost", sub="x")
    credentials.keep(server.uri, ME, TOKEN)
    monkeypatch.setattr(sys, "stdin", io.StringIO(f"{token}\n"))
    given = ["--token", token if how == "option" else "-"]
    code, _, err = say(server, capsys, "login", *given)
    assert code == 1
    assert err == (
        f"harness: {server.uri} does not accept the token that was given; give one that it gave "
        "out\n"
    )
    assert who(server.uri) == TOKEN  # nothing has changed
    server.answers["POST /v1/identity/websocket-token"] = (200, '{"token": "short"}')
    monkeypatch.setattr(sys, "stdin", io.StringIO(f"{token}\n"))
    code, out, err = say(server, capsys, "login", *given)
    assert code == 0
    assert f"knows you as {identity}" in out
    assert token not in out + err
    assert who(server.uri) == token


@pytest.mark.parametrize("token", ["", "two words", "a\nb", "é"])
def test_login_with_no_token(
    token: str, server: Scripted, capsys: pytest.CaptureFixture[str]
) -> None:
    code, _, err = say(server, capsys, "login", "--token", token)
    assert code == 1
    assert "token" in err
    assert server.asked == []


def test_an_identity_from_a_tokens_claims() -> None:
    """As the embedded server computes it, without believing what is no identity."""
    from harness.server.auth import identity_of

    derived = credentials.identity_in(jwt(iss="https://a.example", sub="me"))
    assert derived == identity_of("https://a.example", "me").to_hex()
    for token in ("", "a.b.c", jwt(), jwt(hex_identity="\x1b"), jwt(hex_identity="zz"), "a.W10.c"):
        assert credentials.identity_in(token) is None


# --- what is loaded ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "command", ["init", "call", "sql", "logs", "describe", "subscribe", "delete", "list", "login",
                "logout", "dev", "build", "publish"],
)  # fmt: skip
def test_the_help_has_examples_and_loads_little(command: str) -> None:
    code = (
        f"import sys; from harness.cli import main; main([{command!r}, '--help']);"
        "print(*sorted({m.partition('.')[0] for m in sys.modules}), file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert f"  harness {command}" in done.stdout
    assert max(map(len, done.stdout.splitlines())) <= 100
    assert {"aiohttp", "msgspec", "numpy", "rich", "json5"}.isdisjoint(done.stderr.split())


@pytest.mark.parametrize("name", ["", "No Such", "../../identity", "a/b", "a?b#c", "ä"])
@pytest.mark.parametrize(
    "words", [["call", "{}", "f"], ["sql", "{}", "q"], ["logs", "{}"], ["describe", "{}"],
              ["subscribe", "{}", "q"], ["delete", "{}", "-y"], ["lock", "{}"]],
)  # fmt: skip
def test_what_is_no_name_is_not_asked_for(
    words: list[str], name: str, server: Scripted, capsys: pytest.CaptureFixture[str]
) -> None:
    """Servers say different things to it, and some of it is not theirs to see."""
    code, _, err = say(server, capsys, *(x.format(name) for x in words))
    assert code == 1
    assert err.startswith("harness: a database's name is lower case letters and digits, ")
    assert server.asked == []


@pytest.mark.parametrize("name", [f"0x{DATABASE}", DATABASE.upper()])
def test_identities_are_names(
    name: str, server: Scripted, capsys: pytest.CaptureFixture[str]
) -> None:
    assert "there is no database" in say(server, capsys, "describe", name)[2]


def test_names_are_near_in_any_case(server: Scripted, capsys: pytest.CaptureFixture[str]) -> None:
    credentials.keep(server.uri, ME, TOKEN)
    _, _, err = say(server, capsys, "call", "chat", "COUNT")
    assert err == ("harness: there is no reducer or procedure 'COUNT'; did you mean 'count'?\n")


BYTES = b"SELECT \xff".decode(errors="surrogateescape")  # as Python reads them


@pytest.mark.parametrize("words", [["sql", "chat", BYTES], ["subscribe", "chat", "q", BYTES],
                                   ["call", "chat", "say", BYTES]])  # fmt: skip
def test_bytes_that_are_no_text(
    words: list[str], server: Scripted, capsys: pytest.CaptureFixture[str]
) -> None:
    code, _, err = say(server, capsys, *words)
    assert (code, err) == (1, "harness: 'SELECT \\udcff' is not UTF-8 at its letter 8\n")
    assert server.asked == []


def test_a_crash_is_told_with_the_next_step(
    server: Scripted, capsys: pytest.CaptureFixture[str]
) -> None:
    credentials.keep(server.uri, ME, TOKEN)
    server.answers["POST /v1/database/chat/call/count"] = (500, "a fatal error.")
    code, _, err = say(server, capsys, "call", "chat", "count")
    assert (code, err) == (1, "harness: a fatal error; `harness logs chat` may say why\n")


@pytest.mark.parametrize("seconds", ["nan", "inf", "-1", "x"])
def test_seconds_that_cannot_be_waited(
    seconds: str, server: Scripted, capsys: pytest.CaptureFixture[str]
) -> None:
    assert say(server, capsys, "subscribe", "chat", "q", "-t", seconds)[0] == 2
    assert server.asked == []
