"""Whatever fails in the middle, a transaction is there as a whole or not at all."""

from __future__ import annotations

import dis
import shutil
import sqlite3
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import CodeType, FrameType
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.errors import ReducerError, SchemaError, StoreError
from harness.module import Module, ReducerContext, auto_inc, column, u32, u64
from harness.server import database as database_module
from harness.server import storage as storage_module
from harness.server.database import Database, OutcomeKind, ReducerTimeout, interrupt
from harness.server.engine import GUARD, IDLE, REDUCER
from harness.server.testing import DATABASE, OWNER, START, TestDatabase
from harness.wire.values import Identity

LEDGER = Module("ledger")


@LEDGER.table()
class Entry:
    id: u64 = auto_inc(primary_key=True)
    batch: u32
    text: str


@LEDGER.table()
class Total:
    id: u32 = column(primary_key=True)
    entries: u64


@LEDGER.init
def start(ctx: ReducerContext) -> None:
    ctx.db[Total].insert(Total(id=0, entries=0))


@LEDGER.reducer
def add(ctx: ReducerContext, batch: u32, count: u32, size: u32) -> None:
    """Both tables change, and must agree ever after."""
    total = ctx.db.total.id.find(0)
    for _ in range(count):
        ctx.db[Entry].insert(Entry(batch=batch, text="x" * size))
    ctx.db.total.id.update(Total(id=0, entries=total.entries + count))


@LEDGER.reducer
def add_and_fail(ctx: ReducerContext, batch: u32, count: u32, size: u32) -> None:
    add(ctx, batch, count, size)
    raise ReducerError("no")


@LEDGER.reducer
def add_and_shrug(ctx: ReducerContext, batch: u32, count: u32, size: u32) -> None:
    """Swallows everything, as nobody should."""
    try:
        add(ctx, batch, count, size)
    except BaseException:
        pass


@LEDGER.reducer
def leave(ctx: ReducerContext) -> None:
    add(ctx, 1, 1, 1)
    sys.exit("a module must not end the server")


@LEDGER.reducer
def churn(ctx: ReducerContext) -> None:
    """Each kind of write once."""
    ctx.db[Entry].insert(Entry(batch=9, text="new"))
    first = next(ctx.db[Entry].iter())
    ctx.db.entry.id.delete(first.id)
    ctx.db.total.id.update(Total(id=0, entries=ctx.db.entry.count()))
    ctx.db[Entry].insert(first)
    ctx.db.entry.clear()
    ctx.db.total.clear()
    ctx.db[Total].insert(Total(id=0, entries=0))


def balance(path: Path) -> int:
    """The number of entries; fails if the two tables disagree, or a batch is there by halves."""
    with TestDatabase(LEDGER, path=path) as db:
        (total,) = db.table("total").iter()
        entries = list(db.table("entry").iter())
        assert len(entries) == total.entries == db.table("entry").count()
        batches = [entry.batch for entry in entries]
        for batch in set(batches):
            assert batches.count(batch) == batch, "batch n has n entries"
        return int(total.entries)


def open_ledger(path: Path | None) -> Database:
    return Database.open(LEDGER, path, identity=DATABASE, owner=OWNER, now=START)


def call(db: Database, reducer: str, *args: Any) -> Any:
    return db.call_values(reducer, args, sender=OWNER, connection_id=None, timestamp=START)


def copy(path: Path, to: Path) -> Path:
    """What a crash at this moment would leave, without anything being closed."""
    for suffix in ("", "-wal"):
        if Path(f"{path}{suffix}").exists():
            shutil.copyfile(f"{path}{suffix}", f"{to}{suffix}")
    return to


# --- crashes -------------------------------------------------------------------------------------


def test_a_crash_between_two_ticks_keeps_what_was_committed(tmp_path: Path) -> None:
    db = open_ledger(tmp_path / "db")
    expected = 0
    for batch in range(1, 8):
        call(db, "add", batch, batch, 100)
        before = copy(tmp_path / "db", tmp_path / f"before{batch}")
        db.commit()
        db.sync()
        after = copy(tmp_path / "db", tmp_path / f"after{batch}")
        assert balance(before) == expected
        expected += batch
        assert balance(after) == expected
        if batch == 4:
            db.checkpoint()
    db.close()
    assert balance(tmp_path / "db") == expected


def test_a_crash_within_a_large_tick_leaves_nothing_of_it(tmp_path: Path) -> None:
    """SQLite spills pages of a large transaction into the log before it is committed."""
    db = open_ledger(tmp_path / "db")
    call(db, "add", 5, 5, 10)
    db.commit()
    size = (tmp_path / "db-wal").stat().st_size
    call(db, "add", 6000, 6000, 4000)
    assert (tmp_path / "db-wal").stat().st_size > size, "the test is about spilled pages"
    assert balance(copy(tmp_path / "db", tmp_path / "copy")) == 5
    db.commit()
    assert balance(copy(tmp_path / "db", tmp_path / "later")) == 6005
    db.close()


@pytest.fixture(scope="module")
def long_log(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[int]]:
    """A database whose log holds many ticks, and how many entries there were after each."""
    folder = tmp_path_factory.mktemp("log")
    db = open_ledger(folder / "db")
    counts = [0]
    for batch in range(1, 30):
        call(db, "add", batch, batch, 60)
        call(db, "add_and_fail", 1000, 3, 60)
        db.commit()
        counts.append(counts[-1] + batch)
    copy(folder / "db", folder / "crashed")
    db.close()
    return folder / "crashed", counts


@given(cut=st.floats(0, 1), garbage=st.binary(max_size=64))
@settings(max_examples=60, deadline=None)
def test_a_torn_log_gives_a_prefix_of_the_ticks(
    long_log: tuple[Path, list[int]],
    tmp_path_factory: pytest.TempPathFactory,
    cut: float,
    garbage: bytes,
) -> None:
    crashed, counts = long_log
    torn = copy(crashed, tmp_path_factory.mktemp("torn") / "db")
    log = Path(f"{torn}-wal")
    whole = log.read_bytes()
    kept = int(len(whole) * cut)
    log.write_bytes(whole[:kept] + garbage)
    # The database was made in the log too: a log that is cut before that is a new database.
    assert balance(torn) in counts


def test_the_whole_log_gives_all_ticks(long_log: tuple[Path, list[int]], tmp_path: Path) -> None:
    crashed, counts = long_log
    assert balance(copy(crashed, tmp_path / "db")) == counts[-1]


def test_numbers_never_repeat_after_a_crash(tmp_path: Path) -> None:
    db = open_ledger(tmp_path / "db")
    call(db, "add_and_fail", 1, 10, 1)  # reserves a block, and fails
    call(db, "add", 1, 1, 1)
    db.commit()
    with TestDatabase(LEDGER, path=copy(tmp_path / "db", tmp_path / "copy")) as crashed:
        call(db, "add", 2, 2, 1)  # what may have been seen before the crash
        seen = {row.id for row in db.tables.entry.iter()}
        crashed.call("add", 2, 2, 1)
        fresh = {row.id for row in crashed.table("entry").iter()} - {11}
        assert len(fresh) == 2
        assert not fresh & seen
    db.close()


# --- storage that fails --------------------------------------------------------------------------


@pytest.fixture
def full(tmp_path: Path) -> Iterator[Database]:
    """A database on a disk that is nearly full; some entries are committed."""
    db = open_ledger(tmp_path / "db")
    call(db, "add", 3, 3, 10)
    db.commit()
    connection = db._engine.connection
    ((pages,),) = connection.execute("PRAGMA page_count").fetchall()
    connection.execute(f"PRAGMA max_page_count={pages + 2}")
    yield db
    db.close()


@pytest.mark.parametrize("reducer", ["add", "add_and_fail", "add_and_shrug"])
def test_a_full_disk_takes_the_tick_back(full: Database, tmp_path: Path, reducer: str) -> None:
    assert call(full, "add", 1, 1, 10).kind is OutcomeKind.COMMITTED  # the same tick
    with pytest.raises(StoreError, match="database or disk is full"):
        call(full, reducer, 500, 500, 1000)
    for again in (lambda: call(full, "add", 1, 1, 1), full.commit):
        with pytest.raises(StoreError, match="cannot be used any more"):
            again()
    full.close()
    assert balance(tmp_path / "db") == 3


def test_failures_while_committing_and_reading(
    full: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    call(full, "add", 1, 1, 10)
    execute = full._engine.execute

    def broken(sql: str, *values: Any) -> Any:
        if sql == "COMMIT" or sql.startswith("SELECT"):
            raise sqlite3.OperationalError("disk I/O error")
        return execute(sql, *values)

    monkeypatch.setattr(full._engine, "execute", broken)
    with pytest.raises(StoreError, match="disk I/O error"):
        full.commit()
    with pytest.raises(StoreError):
        full.all_rows("entry")
    full.close()
    assert balance(tmp_path / "db") == 3


# --- reducers that are stopped -------------------------------------------------------------------


def test_interrupting_nothing() -> None:
    interrupt("nobody runs")
    assert GUARD.phase == IDLE


def test_a_module_cannot_end_the_server() -> None:
    db = open_ledger(None)
    assert call(db, "leave").kind is OutcomeKind.CRASHED
    assert "SystemExit" in list(db.logs)[-1].message
    assert db.count("entry") == 0


_OPS: dict[CodeType, dict[int, str]] = {}


def opcode(frame: FrameType, offset: int) -> str:
    code = frame.f_code
    if code not in _OPS:
        _OPS[code] = {i.offset: i.opname for i in dis.get_instructions(code)}
    return _OPS[code].get(offset, "")


class Signals:
    """Interrupts at the n-th place where Python would run a signal handler.

    These are the starts of functions, the ends of loops, and the moments after calls that return;
    none lies between a call that raises and its handler.
    """

    def __init__(self, at: int) -> None:
        self.left = at
        self.before: dict[FrameType, str] = {}

    def __call__(self, frame: FrameType, event: str, _: Any) -> Any:
        if "harness/" not in frame.f_code.co_filename and frame.f_code.co_filename != __file__:
            return None
        frame.f_trace_opcodes = True
        if event == "opcode":
            now = opcode(frame, frame.f_lasti)
            before, self.before[frame] = self.before.get(frame, ""), now
            returned = before.startswith("CALL") and now != "PUSH_EXC_INFO"
            if returned or now in ("RESUME", "JUMP_BACKWARD"):
                self.left -= 1
                if self.left == 0:
                    interrupt("too late")
        return self


def interrupted(db: Database, reducer: str, args: tuple[Any, ...], at: int) -> tuple[Any, bool]:
    """The outcome of a call that is interrupted at a place; whether there was such a place."""
    signals = Signals(at)
    run: Callable[..., Any] = db.call_values
    before = sys.gettrace()
    sys.settrace(signals)
    try:
        outcome = run(reducer, args, sender=OWNER, connection_id=None, timestamp=START)
    finally:
        sys.settrace(before)
    return outcome, signals.left <= 0


def state(db: Database) -> dict[str, set[bytes]]:
    found = {name: set(db.all_rows(name)) for name in db.stores}
    assert {name: db.count(name) for name in found} == {x: len(y) for x, y in found.items()}
    return found


@pytest.mark.parametrize(
    ("reducer", "args"),
    [("add", (2, 2, 5)), ("add_and_fail", (2, 2, 5)), ("add_and_shrug", (2, 2, 5)), ("churn", ())],
)
def test_a_time_out_anywhere(reducer: str, args: tuple[Any, ...]) -> None:
    kinds: set[OutcomeKind] = set()
    at, reached = 0, True
    while reached:
        at += 1
        db = open_ledger(None)
        call(db, "add", 3, 3, 5)
        before = state(db)
        outcome, reached = interrupted(db, reducer, args, at)
        assert GUARD.phase == IDLE
        kinds.add(outcome.kind)
        after = state(db)
        if outcome.kind is OutcomeKind.COMMITTED:
            gone = {name: set(x.deletes) for name, x in outcome.changes.items()}
            come = {name: set(x.inserts) for name, x in outcome.changes.items()}
            for name, rows in before.items():
                assert after[name] == (rows - gone.get(name, set())) | come.get(name, set())
        else:
            assert after == before
            assert not outcome.changes
            assert db.tables.total.id.find(0).entries == 3, "nor does anything at hand remember"
        assert call(db, "add", 1, 1, 1).kind is OutcomeKind.COMMITTED, "life goes on"
        db.close()
    natural = OutcomeKind.FAILED if reducer == "add_and_fail" else OutcomeKind.COMMITTED
    assert kinds == {natural, OutcomeKind.CRASHED}
    assert at > 50, "there were many places"


def test_a_negative_control_of_the_time_outs(monkeypatch: pytest.MonkeyPatch) -> None:
    """If writes could be interrupted, the test above would see a change that nobody noted."""
    monkeypatch.setattr(storage_module, "WRITING", REDUCER)
    with pytest.raises(AssertionError):
        test_a_time_out_anywhere("add", (2, 2, 5))


def test_a_time_out_that_is_swallowed_still_counts() -> None:
    db = open_ledger(None)
    outcomes = {interrupted(db, "add_and_shrug", (1, 50, 5), at)[0].kind for at in range(100, 200)}
    assert outcomes == {OutcomeKind.CRASHED}
    assert db.count("entry") == 0


def test_an_interrupt_is_no_ordinary_exception() -> None:
    assert not issubclass(ReducerTimeout, Exception)


# --- opening -------------------------------------------------------------------------------------


def test_an_init_that_fails_leaves_no_database(tmp_path: Path) -> None:
    module = Module("stillborn")
    allowed = False

    @module.table()
    class Thing:
        id: u32 = column(primary_key=True)

    @module.init
    def prepare(ctx: ReducerContext) -> None:
        ctx.db[Thing].insert(Thing(id=1))
        if not allowed:
            raise ReducerError("not today")

    path = tmp_path / "db"
    for _ in range(2):
        with pytest.raises(SchemaError, match="the module's init failed: not today"):
            TestDatabase(module, path=path)
    allowed = True
    with TestDatabase(module, path=path) as db:
        assert db.table("thing").count() == 1
    allowed = False
    with TestDatabase(module, path=path) as db:
        assert db.table("thing").count() == 1, "init ran once"


def test_an_init_that_crashes_says_why() -> None:
    module = Module("crashing")

    @module.init
    def prepare(ctx: ReducerContext) -> None:
        raise ZeroDivisionError("in the module")

    with pytest.raises(SchemaError, match="init failed: ZeroDivisionError: in the module"):
        TestDatabase(module)


def test_other_files_are_refused_and_left_alone(tmp_path: Path) -> None:
    foreign = tmp_path / "foreign"
    connection = sqlite3.connect(foreign)
    connection.execute("CREATE TABLE theirs (x)")
    connection.commit()
    connection.close()
    text = tmp_path / "text"
    text.write_bytes(b"not a database at all" * 100)
    for path, reason in ((foreign, "another program"), (text, "not a database")):
        before = path.read_bytes()
        with pytest.raises(StoreError, match=f"{path} cannot be opened: .*{reason}"):
            open_ledger(path)
        assert path.read_bytes() == before
        assert [x.name for x in tmp_path.iterdir() if x.name.startswith(path.name)] == [path.name]


def test_a_file_in_a_folder_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="cannot be opened: unable to open database file"):
        open_ledger(tmp_path / "nowhere" / "db")


@pytest.mark.parametrize(
    ("key", "value", "reason"),
    [
        ("format", "99", "has format 99, this version reads format 1"),
        ("identity", "ab" * 32, f"identity is {'ab' * 32}, not {DATABASE.to_hex()}"),
        ("owner", "cd" * 32, f"owner is {'cd' * 32}, not {OWNER.to_hex()}"),
    ],
)
def test_another_database_is_refused(tmp_path: Path, key: str, value: str, reason: str) -> None:
    path = tmp_path / "db"
    open_ledger(path).close()
    connection = sqlite3.connect(path)
    connection.execute("UPDATE harness_meta SET value = ? WHERE key = ?", (value, key))
    connection.commit()
    connection.close()
    with pytest.raises(StoreError, match=reason):
        open_ledger(path)


def test_another_owner_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "db"
    open_ledger(path).close()
    with pytest.raises(StoreError, match="the file's owner is"):
        Database.open(LEDGER, path, identity=DATABASE, owner=Identity.from_int(99))


# --- the log of SQLite ---------------------------------------------------------------------------


def test_folding_shortens_what_is_to_fold(tmp_path: Path) -> None:
    db = open_ledger(tmp_path / "db")
    before = db.wal_bytes
    call(db, "add", 200, 200, 1000)
    db.commit()
    assert db.wal_bytes > before + 200_000
    db.checkpoint()
    assert db.wal_bytes == 0
    call(db, "add", 1, 1, 1)
    db.commit()
    assert 0 < db.wal_bytes < 100_000
    db.close()
    assert balance(tmp_path / "db") == 201


def test_the_log_starts_over_under_steady_load(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Here a tick always follows the folding, so that it never finds the log at rest."""
    monkeypatch.setattr(database_module, "LOG_LIMIT", 1_000_000)
    db = open_ledger(tmp_path / "db")
    for _ in range(400):
        call(db, "add", 1, 1, 20)
        db.commit()
        db.checkpoint()
        db._engine.begin()  # somebody writes already
        call(db, "add", 1, 1, 20)
    db.commit()
    assert (tmp_path / "db-wal").stat().st_size < 3_000_000
    assert db.count("entry") == 800
    db.close()


def test_nothing_to_sync_in_memory() -> None:
    db = open_ledger(None)
    db.sync()
    db.checkpoint()
    assert db.wal_bytes == 0
    db.close()


def test_a_tick_that_writes_nothing_is_none(tmp_path: Path) -> None:
    db = open_ledger(tmp_path / "db")
    position, length = db.position, db.wal_bytes
    assert call(db, "nothing").kind is OutcomeKind.REJECTED
    assert call(db, "add", 0, 0, 0).kind is OutcomeKind.COMMITTED  # an update to the same row
    assert not db._engine.open
    assert (db.commit(), db.wal_bytes) == (position, length)
    assert call(db, "add_and_fail", 1, 1, 1).kind is OutcomeKind.FAILED
    assert db._engine.open, "it wrote and was undone"
    assert db.commit() == position + 1
    db.close()
