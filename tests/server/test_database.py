"""A database: what is kept, what is lost, what is refused."""

from __future__ import annotations

import json
import shutil
import sqlite3
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.errors import SchemaError, StoreError
from harness.module import Module, ReducerContext, ReducerError, auto_inc, column, load, u8, u64
from harness.server.database import CRASH, Database, OutcomeKind
from harness.wire.values import ConnectionId, Identity, Timestamp
from tests.server.databases import (
    ALICE,
    CONNECTION,
    ENDS,
    KINDS,
    OWNER,
    SELF,
    START,
    call,
    open_database,
    rows,
    scripted,
)

MODULE = Module("kept")


@MODULE.table()
class Pair:
    """Every transaction adds a pair with the same mark: a half of one would stand alone."""

    id: u64 = auto_inc(primary_key=True)
    mark: u64 = column(index="btree")
    half: u8


@MODULE.table()
class Note:
    text: str


play = scripted(MODULE)


@MODULE.reducer
def add_pair(ctx: ReducerContext, mark: u64) -> None:
    for half in (0, 1):
        ctx.db[Pair].insert(Pair(mark=mark, half=half))
    ctx.db[Note].insert(Note(text=f"{mark}"))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "data.db"


def _marks(database: Database) -> list[int]:
    """The transactions that are there; no half of one may be."""
    pairs = rows(database, "pair")
    marks = [pair.mark for pair in pairs]
    for mark in set(marks):
        assert {pair.half for pair in pairs if pair.mark == mark} == {0, 1}
        assert marks.count(mark) == 2
    assert {note.text for note in rows(database, "note")} == {str(mark) for mark in marks}
    assert database.count("pair") == len(pairs)
    assert len({pair.id for pair in pairs}) == len(pairs)
    return sorted(set(marks))


def _copy(path: Path, to: Path) -> Path:
    """The files as they are at this moment, as a crash or a backup would leave them."""
    to.mkdir(parents=True)
    for name in (path.name, f"{path.name}-wal"):
        if (path.parent / name).exists():
            shutil.copy(path.parent / name, to / name)
    return to / path.name


# --- keeping -------------------------------------------------------------------------------------


def test_what_was_committed_is_there_again(path: Path) -> None:
    database = open_database(MODULE, path)
    for mark in range(10):
        call(database, "add_pair", mark)
    before = sorted(database.all_rows("pair"))
    database.close()
    again = open_database(MODULE, path)
    assert sorted(again.all_rows("pair")) == before
    assert _marks(again) == list(range(10))
    again.close()


def test_a_database_in_memory_leaves_nothing(tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.chdir(tmp_path)
    database = open_database(MODULE)
    call(database, "add_pair", 1)
    assert database.commit() > 0
    database.sync()
    database.checkpoint()
    assert _marks(database) == [1]
    assert database.wal_bytes == 0
    database.close()
    assert not list(tmp_path.iterdir())


def test_the_position_grows_with_commits_that_wrote_something(path: Path) -> None:
    database = open_database(MODULE, path)
    position = database.commit()
    assert database.commit() == position
    call(database, "add_pair", 1)
    call(database, "add_pair", 2)
    assert database.position == position
    assert database.commit() == position + 1
    assert database.commit() == position + 1
    database.close()


def test_sync_and_checkpoint_fold_the_log(path: Path) -> None:
    database = open_database(MODULE, path)
    for mark in range(20):
        call(database, "add_pair", mark)
        database.commit()
    assert database.wal_bytes > 0
    database.sync()
    database.checkpoint()
    assert database.wal_bytes == 0
    assert _marks(database) == list(range(20))
    database.close()


@settings(max_examples=25)
@given(
    steps=st.lists(
        st.sampled_from(["call", "call", "call", "commit", "sync", "checkpoint", "reopen", "copy"]),
        max_size=25,
    )
)
def test_a_copy_at_any_moment_holds_whole_transactions(
    tmp_path_factory: pytest.TempPathFactory, steps: list[str]
) -> None:
    """Whenever the files are copied, the copy opens with the transactions committed until then,
    every one of them whole; and ids given out before are not given again."""
    folder = tmp_path_factory.mktemp("copy")
    database = open_database(MODULE, folder / "data.db")
    called = committed = 0
    for number, step in enumerate(steps):
        match step:
            case "call":
                assert call(database, "add_pair", called).kind is OutcomeKind.COMMITTED
                called += 1
            case "commit":
                database.commit()
                committed = called
            case "sync":
                database.sync()
            case "checkpoint":
                database.checkpoint()
            case "reopen":
                database.close()  # commits
                committed = called
                database = open_database(MODULE, folder / "data.db")
            case "copy":
                given_out = {pair.id for pair in rows(database, "pair") if pair.mark < committed}
                copy = open_database(MODULE, _copy(folder / "data.db", folder / str(number)))
                assert _marks(copy) == list(range(committed))
                call(copy, "add_pair", 10_000)
                new = {pair.id for pair in rows(copy, "pair") if pair.mark == 10_000}
                assert not new & given_out
                copy.close()
    assert _marks(database) == list(range(called))
    database.close()


@settings(max_examples=25)
@given(ends=st.lists(st.tuples(st.sampled_from(list(ENDS)), st.booleans()), max_size=10))
def test_numbers_never_repeat_across_openings(
    tmp_path_factory: pytest.TempPathFactory, ends: list[tuple[str, bool]]
) -> None:
    path = tmp_path_factory.mktemp("numbers") / "data.db"
    database = open_database(MODULE, path)
    seen: list[int] = []

    for end, reopen in ends:

        def fill(ctx: ReducerContext, end: str = end) -> None:
            made = ctx.db[Pair].insert(Pair(mark=0, half=0)).id
            if (error := ENDS[end]) is not None:
                raise error
            seen.append(made)

        assert play(database, fill).kind is KINDS[end]
        if reopen:
            database.close()
            database = open_database(MODULE, path)
    assert len(set(seen)) == len(seen)
    assert seen == sorted(seen)
    database.close()


# --- refusing files ------------------------------------------------------------------------------


def _sentence(path: Path, **options: Any) -> str:
    with pytest.raises(StoreError) as caught:
        Database.open(MODULE, path, **{"identity": SELF, "owner": OWNER, "now": START, **options})
    text = str(caught.value)
    assert "\n" not in text
    assert str(path) in text
    return text


def _filled(path: Path) -> Path:
    database = open_database(MODULE, path)
    for mark in range(50):
        call(database, "add_pair", mark)
    database.close()
    return path


def test_a_file_of_another_program_is_left_alone(path: Path) -> None:
    foreign = sqlite3.connect(path)
    foreign.execute("CREATE TABLE theirs (x)")
    foreign.commit()
    foreign.close()
    before = path.read_bytes()
    assert "another program" in _sentence(path)
    assert path.read_bytes() == before


def test_a_newer_format_is_refused(path: Path) -> None:
    _filled(path)
    newer = sqlite3.connect(path)
    newer.execute("UPDATE harness_meta SET value = '2' WHERE key = 'format'")
    newer.commit()
    newer.close()
    assert "the file has format 2, this version reads format 1" in _sentence(path)


@pytest.mark.parametrize("which", ["identity", "owner"])
def test_another_database_is_refused(path: Path, which: str) -> None:
    _filled(path)
    other = Identity.from_int(99)
    assert f"the file's {which} is " in _sentence(path, **{which: other})


@pytest.mark.parametrize("damage", ["no database", "cut", "header", "middle"])
def test_a_damaged_file_is_refused(path: Path, damage: str) -> None:
    if damage == "no database":
        path.write_bytes(b"this is a text and no database at all\n" * 200)
    else:
        data = bytearray(_filled(path).read_bytes())
        match damage:
            case "cut":
                data = data[: len(data) // 2]
            case "header":
                data[:100] = bytes(100)
            case "middle":
                data[4096:-4096] = b"\xee" * (len(data) - 8192)
        path.write_bytes(data)
    _sentence(path)


def test_a_folder_or_an_unreachable_file_is_refused(tmp_path: Path) -> None:
    assert "cannot be opened" in _sentence(tmp_path)
    assert "cannot be opened" in _sentence(tmp_path / "no" / "such" / "data.db")


# --- init ----------------------------------------------------------------------------------------


def _with_init(error: BaseException | None) -> Module:
    module = Module("starting")

    @module.table()
    class Seen:
        sender: Identity
        when: u64

    @module.init
    def start(ctx: ReducerContext) -> None:
        assert ctx.connection_id is None
        assert ctx.identity == SELF
        ctx.db[Seen].insert(Seen(sender=ctx.sender, when=ctx.timestamp.micros))
        if error is not None:
            raise error

    return module


def test_init_runs_once_as_the_owner(path: Path) -> None:
    module = _with_init(None)
    for _ in range(2):
        database = open_database(module, path)
        (seen,) = rows(database, "seen")
        assert (seen.sender, seen.when) == (OWNER, START.micros)
        database.close()


@pytest.mark.parametrize(
    ("error", "says"),
    [(ReducerError("not today"), "not today"), (ZeroDivisionError("boom"), "boom")],
)
def test_a_failed_init_makes_no_database(path: Path, error: Exception, says: str) -> None:
    with pytest.raises(SchemaError, match=f"init failed: .*{says}"):
        open_database(_with_init(error), path)
    found = sqlite3.connect(path)
    assert not found.execute("SELECT name FROM sqlite_master").fetchall()
    found.close()
    database = open_database(_with_init(None), path)
    assert len(rows(database, "seen")) == 1
    database.close()


# --- calls ---------------------------------------------------------------------------------------


@pytest.fixture
def bench() -> Any:
    database = open_database(load("harness.module.bench"))
    yield database
    database.close()


def test_calls_that_never_run(bench: Database) -> None:
    for reducer, args, says in (
        ("nope", b"", "no such reducer: 'nope'"),
        ("delete_item", b"\1", "invalid arguments for reducer delete_item: "),
        ("noop", b"\1", "invalid arguments for reducer noop: "),
    ):
        outcome = bench.call(reducer, args, sender=ALICE, connection_id=CONNECTION, timestamp=START)
        assert outcome.kind is OutcomeKind.REJECTED
        assert says in outcome.error


@pytest.mark.parametrize("sender", [ALICE, OWNER])
def test_lifecycle_reducers_cannot_be_called(sender: Identity) -> None:
    database = open_database(_with_init(None))
    outcome = call(database, "start", sender=sender)
    assert (outcome.kind, outcome.error) == (OutcomeKind.REJECTED, "reducer 'start' is private")
    assert len(rows(database, "seen")) == 1
    database.close()


def test_a_crash_tells_the_caller_nothing_and_the_log_everything() -> None:
    database = open_database(MODULE)

    def wrong(ctx: ReducerContext) -> None:
        ctx.log.warn("about to")
        raise KeyError("secret")

    outcome = play(database, wrong)
    assert (outcome.kind, outcome.error) == (OutcomeKind.CRASHED, CRASH)
    warned, crashed = list(database.logs)
    assert (warned.level, warned.message, warned.function) == ("Warn", "about to", "wrong")
    assert warned.filename == __file__
    assert (crashed.level, crashed.message) == ("Panic", "KeyError: 'secret'")
    assert crashed.ts == START.micros
    assert crashed.trace is not None
    assert crashed.trace[-1].endswith(" wrong")
    database.close()


def test_clients_come_and_go() -> None:
    module = Module("lobby")
    seen: list[tuple[str, Identity, ConnectionId | None]] = []

    @module.client_connected
    def hello(ctx: ReducerContext) -> None:
        if ctx.sender == OWNER:
            raise ReducerError("go away")
        seen.append(("hello", ctx.sender, ctx.connection_id))

    @module.client_disconnected
    def bye(ctx: ReducerContext) -> None:
        seen.append(("bye", ctx.sender, ctx.connection_id))
        raise ValueError("logged, and gone all the same")

    database = open_database(module)
    now = Timestamp(5)
    assert database.connected(ALICE, CONNECTION, now).kind is OutcomeKind.COMMITTED
    refused = database.connected(OWNER, CONNECTION, now)
    assert (refused.kind, refused.error) == (OutcomeKind.FAILED, "go away")
    assert database.disconnected(ALICE, CONNECTION, now).kind is OutcomeKind.CRASHED
    assert seen == [("hello", ALICE, CONNECTION), ("bye", ALICE, CONNECTION)]
    database.close()


def test_random_numbers_follow_the_timestamp() -> None:
    database = open_database(MODULE)
    found: list[float] = []
    for _ in range(2):
        play(database, lambda ctx: found.append(ctx.rng.random()))
    assert found[0] == found[1]
    database.close()


def test_the_stored_shape_is_json(path: Path) -> None:
    """What later versions will read must not depend on how Python prints things."""
    _filled(path)
    connection = sqlite3.connect(path)
    ((shape,),) = connection.execute("SELECT value FROM harness_meta WHERE key = 'shape'")
    connection.close()
    assert json.loads(shape)["pair"]["columns"] == [["id", "U64"], ["mark", "U64"], ["half", "U8"]]
