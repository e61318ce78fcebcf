"""Tables on SQLite behave as a plain model of sets does, however a reducer ends."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.errors import EncodeError, ReducerError
from harness.module import (
    AutoIncOverflow,
    Identity,
    Module,
    ReducerContext,
    UniqueConstraintViolation,
    auto_inc,
    btree,
    column,
    i32,
    i64,
    u8,
    u32,
    u64,
)
from harness.server.database import Database, OutcomeKind
from tests.server.databases import ENDS, KINDS, open_database, rows, scripted

MODULE = Module("storage")


@MODULE.table()
class ByNumber:
    id: u64 = column(primary_key=True)
    value: u8


@MODULE.table()
class ByText:
    id: str = column(primary_key=True)
    value: u8


@MODULE.table()
class ByWho:
    id: Identity = column(primary_key=True)
    value: u8


@MODULE.table()
class Loose:
    id: u8
    value: str


@MODULE.table()
class Extra:
    id: i32 = column(primary_key=True)
    code: str = column(unique=True)
    value: u8


@MODULE.table(indexes=[btree("by_both", "x", "y")])
class Indexed:
    id: u32 = column(primary_key=True)
    x: i32
    y: i64


@MODULE.table(event=True)
class Happened:
    id: u8


play = scripted(MODULE)

NUMBERS = [0, 1, 2, (1 << 63) - 1, 1 << 63, (1 << 64) - 1]
TEXTS = ["", "a", "a\0", "b", "𝄞"]
WHO = [Identity.from_int(x) for x in (0, 1, 1 << 255)]

_value = st.integers(0, 2)
ROWS: dict[str, st.SearchStrategy[Any]] = {
    "by_number": st.builds(ByNumber, id=st.sampled_from(NUMBERS), value=_value),
    "by_text": st.builds(ByText, id=st.sampled_from(TEXTS), value=_value),
    "by_who": st.builds(ByWho, id=st.sampled_from(WHO), value=_value),
    "loose": st.builds(Loose, id=_value, value=st.sampled_from(TEXTS)),
    "extra": st.builds(Extra, id=st.integers(-2, 2), code=st.sampled_from(TEXTS[:3]), value=_value),
    "indexed": st.builds(
        Indexed, id=st.integers(0, 5), x=st.integers(-1, 1), y=st.sampled_from([-(1 << 63), -1, 0])
    ),
}
UNIQUES = {name: ["id"] for name in ROWS} | {"loose": [], "extra": ["id", "code"]}


# --- the model -----------------------------------------------------------------------------------


class Clash(Exception):
    pass


class Missing(Exception):
    pass


class Model:
    """One table as a list of rows: slow, and plainly right."""

    def __init__(self, name: str, found: list[Any]) -> None:
        self.uniques = UNIQUES[name]
        self.rows = list(found)

    def insert(self, row: Any) -> Any:
        if row not in self.rows:
            self._check(row, self.rows)
            self.rows.append(row)
        return row

    def update(self, row: Any) -> Any:
        old = self.find("id", row.id)
        if old is None:
            raise Missing
        rest = [other for other in self.rows if other != old]
        self._check(row, rest)
        self.rows = [*rest, row]
        return row

    def find(self, name: str, value: Any) -> Any:
        return next((row for row in self.rows if getattr(row, name) == value), None)

    def delete_unique(self, name: str, value: Any) -> bool:
        return self.delete_where(lambda row: getattr(row, name) == value) > 0

    def delete(self, row: Any) -> bool:
        return self.delete_where(lambda other: other == row) > 0

    def filter(self, test: Callable[[Any], bool]) -> list[Any]:
        return sorted(filter(test, self.rows), key=lambda row: (row.x, row.y, row.id))

    def delete_where(self, test: Callable[[Any], bool]) -> int:
        before = len(self.rows)
        self.rows = [row for row in self.rows if not test(row)]
        return before - len(self.rows)

    def _check(self, row: Any, others: list[Any]) -> None:
        for other in others:
            if any(getattr(row, name) == getattr(other, name) for name in self.uniques):
                raise Clash


# --- operations ----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Operation:
    """The same on the real table's handle and on the model."""

    what: str
    table: str
    row: Any
    ends: tuple[tuple[str, int], ...] = ()

    def real(self, handle: Any) -> Any:
        row = self.row
        match self.what:
            case "insert":
                return handle.insert(row)
            case "try_insert":
                return handle.try_insert(row)
            case "update":
                return handle.id.update(row)
            case "insert_or_update":
                return handle.id.insert_or_update(row)
            case "delete_unique":
                return handle.id.delete(row.id)
            case "delete_code":
                return handle.code.delete(row.code)
            case "find_code":
                return handle.code.find(row.code)
            case "delete":
                return handle.delete(row)
            case "clear":
                return handle.clear()
            case "filter":
                found = list(handle.by_both.filter(row.x, **dict(self.ends)))
                assert [(r.x, r.y) for r in found] == sorted((r.x, r.y) for r in found)
                return sorted(found, key=lambda r: (r.x, r.y, r.id))
            case "delete_filter":
                return handle.by_both.delete(row.x, **dict(self.ends))
        raise AssertionError(self.what)

    def modelled(self, model: Model) -> Any:
        row = self.row
        match self.what:
            case "insert":
                return model.insert(row)
            case "try_insert":
                try:
                    return model.insert(row)
                except Clash:
                    return None
            case "update":
                return model.update(row)
            case "insert_or_update":
                if model.find("id", row.id) is None:
                    return model.insert(row)
                return model.update(row)
            case "delete_unique":
                return model.delete_unique("id", row.id)
            case "delete_code":
                return model.delete_unique("code", row.code)
            case "find_code":
                return model.find("code", row.code)
            case "delete":
                return model.delete(row)
            case "clear":
                return model.delete_where(lambda _: True)
            case "filter":
                return model.filter(self._test)
            case "delete_filter":
                return model.delete_where(self._test)
        raise AssertionError(self.what)

    def _test(self, row: Any) -> bool:
        tests = {
            "ge": lambda end: row.y >= end,
            "gt": lambda end: row.y > end,
            "le": lambda end: row.y <= end,
            "lt": lambda end: row.y < end,
        }
        return row.x == self.row.x and all(tests[name](end) for name, end in self.ends)


# Ends beyond what the column can hold are ends all the same.
_END = st.sampled_from([-(1 << 63) - 1, -(1 << 63), -2, -1, 0, 1, 1 << 63])
_ENDS = st.tuples(
    st.one_of(st.none(), st.tuples(st.sampled_from(["ge", "gt"]), _END)),
    st.one_of(st.none(), st.tuples(st.sampled_from(["le", "lt"]), _END)),
).map(lambda pair: tuple(end for end in pair if end is not None))


def _operations(name: str) -> st.SearchStrategy[Operation]:
    kinds = ["insert", "insert", "try_insert", "delete", "clear"]
    if UNIQUES[name]:
        kinds += ["update", "update", "insert_or_update", "delete_unique"]
    if name == "extra":
        kinds += ["delete_code", "find_code"]
    if name == "indexed":
        kinds += ["filter", "filter", "delete_filter"]
    ends = _ENDS if name == "indexed" else st.just(())
    return st.builds(Operation, st.sampled_from(kinds), st.just(name), ROWS[name], ends)


OPERATIONS = st.sampled_from(list(ROWS)).flatmap(_operations)
TRANSACTIONS = st.lists(
    st.tuples(st.sampled_from(list(ENDS)), st.lists(OPERATIONS, max_size=8)), max_size=8
)


# --- comparing -----------------------------------------------------------------------------------


def _sorted(found: list[Any]) -> list[str]:
    return sorted(map(repr, found))


def _compare(database: Database, models: dict[str, Model]) -> None:
    """Rows, counts, and what every unique column and index finds."""
    for name, model in models.items():
        assert _sorted(rows(database, name)) == _sorted(model.rows)
        assert database.count(name) == len(model.rows)

    def look(ctx: ReducerContext) -> None:
        for name, model in models.items():
            handle = getattr(ctx.db, name)
            assert handle.count() == len(model.rows)
            assert _sorted(list(handle.iter())) == _sorted(model.rows)
            for unique in UNIQUES[name]:
                for row in model.rows:
                    assert getattr(handle, unique).find(getattr(row, unique)) == row
        for number in NUMBERS:
            found = models["by_number"].find("id", number)
            assert ctx.db.by_number.id.find(number) == found
        for code in TEXTS:
            assert ctx.db.extra.code.find(code) == models["extra"].find("code", code)
        for x in (-1, 0, 1):
            found_rows = list(ctx.db.indexed.by_both.filter(x))
            wanted = [row for row in models["indexed"].rows if row.x == x]
            assert _sorted(found_rows) == _sorted(wanted)

    outcome = play(database, look)
    assert outcome.kind is OutcomeKind.COMMITTED, list(database.logs)[-1]
    assert not outcome.changes


def _play(database: Database, models: dict[str, Model], end: str, script: list[Operation]) -> Any:
    """One reducer call on both sides; the models are what they should be afterwards."""
    before = {name: list(model.rows) for name, model in models.items()}

    def run(ctx: ReducerContext) -> None:
        for operation in script:
            handle, model = getattr(ctx.db, operation.table), models[operation.table]
            try:
                expected = operation.modelled(model)
            except Clash:
                with pytest.raises(UniqueConstraintViolation):
                    operation.real(handle)
            except Missing:
                with pytest.raises(ReducerError, match="no row of"):
                    operation.real(handle)
            else:
                assert operation.real(handle) == expected, operation
        error = ENDS[end]
        if error is not None:
            raise error

    outcome = play(database, run)
    assert outcome.kind is KINDS[end], list(database.logs)[-1]
    if end != "commit":
        assert not outcome.changes
        for name, model in models.items():
            model.rows = before[name]
        return outcome
    for name, model in models.items():
        changes = outcome.changes.get(name)
        store = database.stores[name]
        came = [] if changes is None else [store.decode(data) for data in changes.inserts]
        went = [] if changes is None else [store.decode(data) for data in changes.deletes]
        assert _sorted(came) == _sorted([row for row in model.rows if row not in before[name]])
        assert _sorted(went) == _sorted([row for row in before[name] if row not in model.rows])
        assert changes is None or came or went, "a table without changes is not named"
    return outcome


@given(transactions=TRANSACTIONS)
def test_tables_are_what_the_model_says(transactions: list[tuple[str, list[Operation]]]) -> None:
    database = open_database(MODULE)
    try:
        models = {name: Model(name, []) for name in ROWS}
        for end, script in transactions:
            _play(database, models, end, script)
            _compare(database, models)
            if end == "crash":
                database.commit()  # ticks end here and there
    finally:
        database.close()


# --- single rules --------------------------------------------------------------------------------


@pytest.fixture
def database() -> Any:
    opened = open_database(MODULE)
    yield opened
    opened.close()


def _commit(database: Database, script: Callable[[ReducerContext], Any]) -> Any:
    outcome = play(database, script)
    assert outcome.kind is OutcomeKind.COMMITTED, (outcome.error, list(database.logs)[-1:])
    return outcome


def test_an_identical_row_again_is_nothing(database: Database) -> None:
    row = Extra(id=1, code="a", value=1)
    _commit(database, lambda ctx: ctx.db.extra.insert(row))
    assert not _commit(database, lambda ctx: ctx.db.extra.insert(row)).changes
    assert database.count("extra") == 1


@pytest.mark.parametrize(
    ("row", "says"),
    [
        (Extra(id=1, code="b", value=1), "a row of extra has id 1 already"),
        (Extra(id=2, code="a", value=1), "a row of extra has code a already"),
    ],
)
def test_another_row_with_a_taken_key_is_refused(database: Database, row: Any, says: str) -> None:
    _commit(database, lambda ctx: ctx.db.extra.insert(Extra(id=1, code="a", value=1)))
    outcome = play(database, lambda ctx: ctx.db.extra.insert(row))
    assert (outcome.kind, outcome.error) == (OutcomeKind.FAILED, says)


def test_an_update_that_changes_nothing_is_nothing(database: Database) -> None:
    row = ByNumber(id=1, value=1)
    _commit(database, lambda ctx: ctx.db.by_number.insert(row))
    assert not _commit(database, lambda ctx: ctx.db.by_number.id.update(row)).changes


def test_an_update_that_clashes_elsewhere_changes_nothing(database: Database) -> None:
    def fill(ctx: ReducerContext) -> None:
        ctx.db.extra.insert(Extra(id=1, code="a", value=1))
        ctx.db.extra.insert(Extra(id=2, code="b", value=1))

    def clash(ctx: ReducerContext) -> None:
        ctx.db.extra.id.update(Extra(id=1, code="b", value=1))

    _commit(database, fill)
    outcome = play(database, clash)
    assert (outcome.kind, outcome.error) == (
        OutcomeKind.FAILED,
        "a row of extra has code b already",
    )
    assert _sorted(rows(database, "extra")) == _sorted(
        [Extra(id=1, code="a", value=1), Extra(id=2, code="b", value=1)]
    )


def test_what_comes_and_goes_in_one_call_leaves_no_trace(database: Database) -> None:
    def flicker(ctx: ReducerContext) -> None:
        ctx.db.loose.insert(Loose(id=1, value="x"))
        ctx.db.loose.delete(Loose(id=1, value="x"))

    assert not _commit(database, flicker).changes


def test_rows_come_out_as_copies(database: Database) -> None:
    def change(ctx: ReducerContext) -> None:
        ctx.db.by_number.insert(ByNumber(id=1, value=1))
        row = ctx.db.by_number.id.find(1)
        row.value = 9
        assert ctx.db.by_number.id.find(1).value == 1
        (again,) = ctx.db.by_number.iter()
        again.value = 9
        assert ctx.db.by_number.id.find(1).value == 1

    _commit(database, change)


def test_an_iterator_shows_the_moment_of_the_call(database: Database) -> None:
    def change(ctx: ReducerContext) -> None:
        for i in range(3):
            ctx.db.by_number.insert(ByNumber(id=i, value=0))
        for row in ctx.db.by_number.iter():
            ctx.db.by_number.id.delete(row.id)
        assert ctx.db.by_number.count() == 0

    _commit(database, change)


@pytest.mark.parametrize("end", ["commit", "refuse", "crash", "time out"])
def test_event_rows_are_told_and_not_kept(database: Database, end: str) -> None:
    def happen(ctx: ReducerContext) -> None:
        ctx.db.happened.insert(Happened(id=1))
        if (error := ENDS[end]) is not None:
            raise error

    outcome = play(database, happen)
    told = {name: changes.inserts for name, changes in outcome.changes.items()}
    assert told == ({"happened": [b"\x01"]} if end == "commit" else {})
    assert database.count("happened") == 0
    assert not database.all_rows("happened")


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        (lambda ctx: ctx.db.by_number.insert(ByNumber(id=-1, value=0)), "ByNumber"),
        (lambda ctx: ctx.db.by_number.insert(ByNumber(id=1, value=256)), "ByNumber"),
        (lambda ctx: ctx.db.by_text.insert(ByText(id=5, value=0)), "ByText"),
        (lambda ctx: ctx.db.by_text.insert(ByText(id="\ud800", value=0)), "ByText"),
    ],
)
def test_a_row_that_does_not_fit_its_type_crashes_the_call(
    database: Database, wrong: Any, says: str
) -> None:
    outcome = play(database, lambda ctx: wrong(ctx))
    assert outcome.kind is OutcomeKind.CRASHED
    assert says in list(database.logs)[-1].message
    assert database.count("by_number") == database.count("by_text") == 0


def test_keys_beyond_the_type_find_nothing(database: Database) -> None:
    def look(ctx: ReducerContext) -> None:
        for number in (-1, 1 << 64, 1 << 200):
            assert ctx.db.by_number.id.find(number) is None
            assert ctx.db.by_number.id.delete(number) is False
        assert ctx.db.by_text.id.find("\ud800") is None

    assert not _commit(database, look).changes


def test_unknown_names_are_answered_with_the_nearest(database: Database) -> None:
    def look(ctx: ReducerContext) -> None:
        with pytest.raises(AttributeError, match="no table 'by_nunber'; did you mean 'by_number'"):
            _ = ctx.db.by_nunber
        with pytest.raises(AttributeError, match="did you mean 'by_both'"):
            _ = ctx.db.indexed.by_boht

    _commit(database, look)


def test_ranges_have_one_end_a_side_and_a_column(database: Database) -> None:
    def look(ctx: ReducerContext) -> None:
        with pytest.raises(ValueError, match="one lower and one upper end"):
            ctx.db.indexed.by_both.filter(1, ge=1, gt=1)
        with pytest.raises(ValueError, match="leaves no column for a range"):
            ctx.db.indexed.by_both.filter(1, 2, ge=1)
        with pytest.raises(ValueError, match="3 values for an index of 2 columns"):
            ctx.db.indexed.by_both.filter(1, 2, 3)

    _commit(database, look)


# --- auto-increment ------------------------------------------------------------------------------

NUMBERED = Module("numbered")


@NUMBERED.table()
class Small:
    id: u8 = auto_inc(primary_key=True)


@NUMBERED.table()
class Large:
    id: u64 = auto_inc(primary_key=True)
    name: str


play_numbered = scripted(NUMBERED)


def test_numbers_start_at_one_and_given_ones_are_kept() -> None:
    database = open_database(NUMBERED)
    seen = []

    def fill(ctx: ReducerContext) -> None:
        seen.append(ctx.db.large.insert(Large(name="a")).id)
        seen.append(ctx.db.large.insert(Large(id=77, name="b")).id)
        seen.append(ctx.db.large.insert(Large(name="c")).id)

    assert play_numbered(database, fill).kind is OutcomeKind.COMMITTED
    assert seen == [1, 77, 2]
    database.close()


def test_the_row_handed_in_keeps_its_zero() -> None:
    database = open_database(NUMBERED)
    row = Large(name="a")
    play_numbered(database, lambda ctx: ctx.db.large.insert(row))
    assert row.id == 0
    database.close()


def test_a_row_that_cannot_be_stored_takes_no_number() -> None:
    """No server ever sees it: the module fails while it encodes the row, before it asks."""
    database = open_database(NUMBERED)

    def fill(ctx: ReducerContext) -> None:
        with pytest.raises(EncodeError):
            ctx.db.large.insert(Large(name=5))  # type: ignore[arg-type]
        assert ctx.db.large.insert(Large(name="a")).id == 1

    assert play_numbered(database, fill).kind is OutcomeKind.COMMITTED
    database.close()


def test_a_small_column_runs_out_of_numbers() -> None:
    database = open_database(NUMBERED)

    def fill(ctx: ReducerContext) -> None:
        assert [ctx.db.small.insert(Small()).id for _ in range(255)] == list(range(1, 256))
        with pytest.raises(AutoIncOverflow, match="no number left after 255"):
            ctx.db.small.insert(Small())

    outcome = play_numbered(database, fill)
    assert outcome.kind is OutcomeKind.COMMITTED, list(database.logs)[-1]
    refused = play_numbered(database, lambda ctx: ctx.db.small.insert(Small()))
    assert refused.kind is OutcomeKind.FAILED
    assert database.count("small") == 255
    database.close()


@settings(max_examples=20)
@given(ends=st.lists(st.sampled_from(list(ENDS)), max_size=12))
def test_no_number_is_given_to_two_rows(ends: list[str]) -> None:
    database = open_database(NUMBERED)
    for end in ends:

        def fill(ctx: ReducerContext, end: str = end) -> None:
            taken = {row.id for row in ctx.db.large.iter()}
            assert ctx.db.large.insert(Large(name="x")).id not in taken
            if (error := ENDS[end]) is not None:
                raise error

        assert play_numbered(database, fill).kind is KINDS[end]
    assert database.count("large") == ends.count("commit")
    database.close()
