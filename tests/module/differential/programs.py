"""Random programs of the subset, as hypothesis draws them: text that Python runs and we compile.

A program has tables, constants, helper functions and reducers. Its statements are typed, so that it
stays within the subset; they always end, since loops are counted and what grows in them is cut.
Everything is drawn, so a failing program shrinks to a few lines.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, TypeVar

from hypothesis import strategies as st

T = TypeVar("T")
Draw = Callable[[st.SearchStrategy[T]], T]

#: Column types, and the range of those that are integers.
RANGES = {
    "i8": (-(1 << 7), (1 << 7) - 1), "u8": (0, (1 << 8) - 1),
    "i16": (-(1 << 15), (1 << 15) - 1), "u16": (0, (1 << 16) - 1),
    "i32": (-(1 << 31), (1 << 31) - 1), "u32": (0, (1 << 32) - 1),
    "i64": (-(1 << 63), (1 << 63) - 1), "u64": (0, (1 << 64) - 1),
}  # fmt: skip
COLUMNS = (*RANGES, "f64", "f32", "bool", "str", "i32 | None", "str | None")
KINDS = {
    **dict.fromkeys(RANGES, "int"), "f64": "float", "f32": "float", "i32 | None": "int | None",
    "list[i64]": "list[int]",
}  # fmt: skip
INTS = (0, 1, 2, 3, 5, 7, 10, 100, 255, 256, -1, -2, -7, -128, 1000003, 2**31, -(2**31), 2**53 + 1,
        2**63 - 1, -(2**63), 2**64 - 1)  # fmt: skip
FLOATS = ("0.0", "-0.0", "1.0", "0.1", "-2.5", "3.5", "1e16", "1e-7", "123456.789", "1e300", "1e22")
TEXTS = ("''", "'a'", "'b'", "'ab '", "'Zürich'", "'日本'", "'🎲'", "'{}'", "'x y'", "('z' * 3)")
#: What is in an expression that the compiler cannot know ahead.
_VARIABLE = re.compile(r"\b(?!LIMIT)[a-z]+\d+\b|\bctx\b")
SCALARS = ("int", "float", "str", "bool")
PARAMETERS = ("i8", "u8", "i32", "u32", "i64", "u64", "f64", "bool", "str", "i32 | None")


@dataclass
class Table:
    """A table ``t0`` with row class ``T0``; ``columns`` without the key ``id``."""

    name: str
    key: str
    auto: bool
    columns: dict[str, str]
    index: str | None
    unique: str | None = None

    @property
    def row(self) -> str:
        return self.name.upper()

    def source(self) -> str:
        indexes = f'indexes=[btree("by_it", "{self.index}", "id")]' if self.index else ""
        key = "auto_inc(primary_key=True)" if self.auto else "column(primary_key=True)"
        columns = "".join(
            f"    {name}: {type_}{' = column(unique=True)' * (name == self.unique)}\n"
            for name, type_ in self.columns.items()
        )
        return f"@table({indexes})\nclass {self.row}:\n    id: {self.key} = {key}\n{columns}"


@dataclass
class Scope:
    """What has a value here: variables by kind, and rows by table."""

    names: dict[str, list[str]] = field(default_factory=dict)
    rows: list[tuple[str, Table]] = field(default_factory=list)
    #: Loop variables and what is gone through: they are not assigned to.
    fixed: set[str] = field(default_factory=set)
    loops: int = 0
    depth: int = 0

    def inner(self) -> Scope:
        names = {kind: list(found) for kind, found in self.names.items()}
        return Scope(names, list(self.rows), set(self.fixed), self.loops, self.depth + 1)

    def of(self, kind: str) -> list[str]:
        return self.names.setdefault(kind, [])


class Program:
    """Draws one program; ``text`` is its source.

    ``ordered`` leaves out loops over whole tables: their order is promised by no server.
    ``timeless`` leaves out random numbers and the time: both depend on when a call is made.
    """

    parameters = PARAMETERS
    #: Kinds of values in texts, of parameters and of results of helper functions.
    shown: tuple[str, ...] = SCALARS
    given: tuple[str, ...] = SCALARS
    results: tuple[str, ...] = SCALARS

    def __init__(self, draw: Any, *, ordered: bool = False, timeless: bool = False) -> None:
        self._draw = draw
        self._ordered, self._timeless = ordered, timeless
        self._lines: list[str] = []
        self._indent = 0
        self._count = 0
        self._in_text = False
        self.tables = [self._table(place) for place in range(self.pick((1, 1, 2)))]
        self.constants = Scope()
        self.helpers: list[tuple[str, list[str], str]] = []
        self.scope = Scope()
        self.result = ""
        self._module()
        self.text = "\n".join(self._lines) + "\n"

    # --- drawing ---------------------------------------------------------------------------------

    def pick(self, options: Any) -> Any:
        return self._draw(st.sampled_from(options))

    def often(self, tenths: int) -> bool:
        """True so many times in ten; shrinks to False."""
        return bool(self._draw(st.integers(0, 9)) >= 10 - tenths)

    def _new(self, stem: str) -> str:
        self._count += 1
        return f"{stem}{self._count}"

    def line(self, text: str) -> None:
        self._lines.append("    " * self._indent + text)

    @contextmanager
    def block(self, head: str, *, loop: bool = False) -> Iterator[Scope]:
        """A block with its own names; what it declares is unknown behind it."""
        self.line(head)
        outer, self.scope = self.scope, self.scope.inner()
        self.scope.loops += loop
        self._indent += 1
        yield self.scope
        self._indent -= 1
        self.scope = outer

    # --- the module ------------------------------------------------------------------------------

    def _table(self, place: int) -> Table:
        auto = self.often(5)
        key = self.pick(("u64", "u32", "i32")) if auto else self.pick(tuple(RANGES))
        count = self._draw(st.integers(1, 4))
        columns = {f"c{number}": self.pick(COLUMNS) for number in range(count)}
        keys = [name for name, type_ in columns.items() if type_ in (*RANGES, "str", "bool")]
        index = self.pick(keys) if keys and self.often(6) else None
        return Table(f"t{place}", key, auto, columns, index)

    def _module(self) -> None:
        for table in self.tables:
            self._lines += [*table.source().splitlines(), "", ""]
        for _ in range(self._draw(st.integers(0, 2))):
            kind = self.pick(("int", "float", "str"))
            name = self._new("LIMIT")
            self.line(f"{name} = {self.literal(kind)}")
            self.constants.of(kind).append(name)
        self.line("")
        for _ in range(self._draw(st.integers(0, 2))):
            self._helper()
        for place in range(self._draw(st.integers(1, 3))):
            self._reducer(f"r{place}")

    def _helper(self) -> None:
        kinds = [self.pick(self.given) for _ in range(self.pick((1, 2)))]
        result = self.pick(self.results)
        name = self._new("helper")
        given = [(self._new("p"), kind) for kind in kinds]
        declared = ", ".join(f"{p}: {kind}" for p, kind in given)
        self.scope = self._fresh(given)
        self.result = result
        with self.block(f"def {name}(ctx: ReducerContext, {declared}) -> {result}:"):
            self.statements()
            self.line(f"return {self.bounded(result)}")
        self.line("")
        self.result = ""
        self.helpers.append((name, kinds, result))

    def _reducer(self, name: str) -> None:
        types = [self.pick(self.parameters) for _ in range(self._draw(st.integers(0, 3)))]
        given = [(self._new("p"), type_) for type_ in types]
        declared = "".join(f", {p}: {type_}" for p, type_ in given)
        self.scope = self._fresh([(p, KINDS.get(type_, type_)) for p, type_ in given])
        self.line("@reducer")
        with self.block(f"def {name}(ctx: ReducerContext{declared}) -> None:"):
            self.statements()
            self.log()
        self.line("")

    def _fresh(self, given: list[tuple[str, str]]) -> Scope:
        scope = self.constants.inner()
        scope.fixed |= {name for found in scope.names.values() for name in found}
        scope.depth = 0
        for name, kind in given:
            scope.of(kind).append(name)
        return scope

    # --- statements ------------------------------------------------------------------------------

    def statements(self) -> None:
        """One to four statements."""
        for _ in range(self._draw(st.integers(1, 4 if self.scope.depth < 2 else 2))):
            self.statement()

    def statement(self) -> None:
        options = [self.declare, self.declare, self.assign, self.log, self.insert, self.find]
        options += [self.fail, self.remove, self.append, self.put, self.alias]
        if self.scope.depth < 4:
            options += [self.branch, self.branch, self.loop, self.loop]
        if self.scope.loops:
            options.append(self.leave)
        self.pick(options + self.more())()

    def more(self) -> list[Callable[[], None]]:
        """Further statements."""
        return []

    def declare(self) -> None:
        kind = self.pick(("int", "int", "float", "str", "bool", "list[int]", "list[str]"))
        name = self._new("v")
        if kind.startswith("list"):
            inner = kind[5:-1]
            items = [self.bounded(inner) for _ in range(self._draw(st.integers(0, 3)))]
            self.line(f"{name}: {kind} = [{', '.join(items)}]")
        else:
            self.line(f"{name} = {self.bounded(kind)}")
        self.scope.of(kind).append(name)

    def assign(self) -> None:
        kinds = [kind for kind in ("int", "float", "str", "bool") if self._targets(kind)]
        if not kinds:
            return self.declare()
        kind = self.pick(kinds)
        name = self.pick(self._targets(kind))
        if kind in ("int", "float") and not self.scope.loops and self.often(4):
            op = self.pick(("+=", "-=", "*=", "//=", "%="))
            value = self.expression(kind)
            self.line(f"{name} {op} {self.divisor(value) if op in ('//=', '%=') else value}")
        else:
            self.line(f"{name} = {self.bounded(kind)}")
        return None

    def _targets(self, kind: str) -> list[str]:
        return [name for name in self.scope.of(kind) if name not in self.scope.fixed]

    def log(self) -> None:
        level = self.pick(("info", "info", "warn", "error", "debug"))
        self.line(f"ctx.log.{level}({self.message()})")

    def message(self) -> str:
        """An f-string of one to three values."""
        self._in_text = True
        kinds = [self.pick(self.shown) for _ in range(self.pick((1, 2, 3)))]
        parts = []
        for kind in kinds:
            form = ":.2f" if kind == "float" and self.often(2) else ""
            parts.append(f"{{{self.expression(kind)}{form}}}")
        self._in_text = False
        return 'f"' + " ".join(parts) + '"'

    def branch(self) -> None:
        with self.block(f"if {self.expression('bool')}:"):
            self.statements()
        if self.often(3):
            with self.block(f"elif {self.expression('bool')}:"):
                self.statements()
        if self.often(5):
            with self.block("else:"):
                self.statements()

    def loop(self) -> None:
        options = [self._range_loop, self._while_loop]
        lists = self.scope.of("list[int]") + self.scope.of("list[str]")
        if lists:
            options.append(self._list_loop)
        if not self._ordered:
            options.append(self._table_loop)
        if any(table.index for table in self.tables):
            options.append(self._index_loop)
        self.pick(options)()

    def _range_loop(self) -> None:
        name = self._new("i")
        start, stop = self.pick((0, 0, 1, -2)), self.pick((0, 2, 4))
        step = self.pick(("", "", ", 2", ", -1"))
        text = f"range({start}, {stop}{step})" if start or step else f"range({stop})"
        with self.block(f"for {name} in {text}:", loop=True) as scope:
            scope.of("int").append(name)
            self.statements()

    def _while_loop(self) -> None:
        name = self._new("w")
        self.line(f"{name} = 0")
        self.scope.of("int").append(name)
        self.scope.fixed.add(name)
        limit = self.pick((1, 2, 4))
        with self.block(f"while {name} < {limit} and {self.expression('bool')}:", loop=True):
            self.line(f"{name} += 1")
            self.statements()

    def _list_loop(self) -> None:
        kind = self.pick([k for k in ("int", "str") if self.scope.of(f"list[{k}]")])
        gone_through = self.pick(self.scope.of(f"list[{kind}]"))
        name = self._new("x")
        with self.block(f"for {name} in {gone_through}:", loop=True) as scope:
            scope.of(kind).append(name)
            # Python goes on with what is appended meanwhile: that might never end.
            scope.fixed.add(gone_through)
            self.statements()

    def _table_loop(self) -> None:
        table = self.pick(self.tables)
        name = self._new("row")
        with self.block(f"for {name} in ctx.db.{table.name}.iter():", loop=True) as scope:
            scope.rows.append((name, table))
            self.statements()

    def _index_loop(self) -> None:
        table = self.pick([table for table in self.tables if table.index])
        type_ = table.columns[table.index or ""]
        kind = KINDS.get(type_, type_)
        name = self._new("row")
        how = self.pick(("", "{}", "ge={}", "gt={}", "le={}", "lt={}", "ge={}, lt={}"))
        ends = [self.bounded(kind) for _ in range(how.count("{}"))]
        text = how.format(*ends)
        with self.block(f"for {name} in ctx.db.{table.name}.by_it.filter({text}):", loop=True) as s:
            s.rows.append((name, table))
            self.statements()

    def leave(self) -> None:
        with self.block(f"if {self.expression('bool')}:"):
            way = self.pick(("break", "continue", "return"))
            self.line(f"return {self.bounded(self.result)}" if way == "return" and self.result
                      else way)  # fmt: skip

    def fail(self) -> None:
        if self.often(5):
            self.line(f"assert {self.expression('bool')}, {self.message()}")
        else:
            with self.block(f"if {self.expression('bool')}:"):
                self.line(f"raise ReducerError({self.message()})")

    def append(self) -> None:
        lists = [n for k in ("int", "str") for n in self._targets(f"list[{k}]")]
        if not lists:
            return self.declare()
        name = self.pick(lists)
        kind = "int" if name in self.scope.of("list[int]") else "str"
        if self.often(3):
            with self.block(f"if len({name}) > 1:"):
                self.line(f"{name}[{self.pick((0, 1, -1))}] = {self.bounded(kind)}")
        else:
            self.line(f"{name}.append({self.bounded(kind)})")
        return None

    # --- rows ------------------------------------------------------------------------------------

    def fitting(self, type_: str) -> str:
        """A value that fits a column; now and then one that may not."""
        if type_ in RANGES:
            if self.often(1):
                return str(self.expression("int"))
            least, most = RANGES[type_]
            value = f"({self.expression('int')}) % {most - least + 1}"
            return f"{value} - {-least}" if least else value
        if type_ == "f32":
            return f"min(max({self.expression('float')}, -1e30), 1e30)"
        if type_.endswith("None"):
            inner = type_.partition(" ")[0]
            return "None" if self.often(3) else self.fitting(inner)
        return self.bounded(KINDS.get(type_, type_))

    def row(self, table: Table, key: str | None) -> str:
        values = [] if key is None else [f"id={key}"]
        values += [f"{name}={self.fitting(type_)}" for name, type_ in table.columns.items()]
        return f"{table.row}({', '.join(values)})"

    def key(self, table: Table) -> str:
        """Few different keys, so that they meet."""
        return f"({self.expression('int')}) % {self.pick((3, 5))}"

    def insert(self) -> None:
        table = self.pick(self.tables)
        made = self.row(table, None if table.auto else self.key(table))
        how = self.pick(("insert", "insert", "try_insert", "id.insert_or_update"))
        if how == "insert" and table.auto and self.often(5):
            name = self._new("row")
            self.line(f"{name} = ctx.db.{table.name}.insert({made})")
            self.scope.rows.append((name, table))
        elif how == "try_insert":
            name = self._new("v")
            self.line(f"{name} = ctx.db.{table.name}.try_insert({made}) is None")
            self.scope.of("bool").append(name)
        elif table.auto:
            self.line(f"ctx.db.{table.name}.insert({made})")
        else:
            self.line(f"ctx.db.{table.name}.{how}({made})")

    def find(self) -> None:
        table = self.pick(self.tables)
        name = self._new("row")
        self.line(f"{name} = ctx.db.{table.name}.id.find({self.key(table)})")
        if self.often(1):  # without looking: Python raises AttributeError
            self.scope.rows.append((name, table))
            return
        with self.block(f"if {name} is not None:") as scope:
            scope.rows.append((name, table))
            self.put()
            self.statements()

    def put(self) -> None:
        """Change a column of a row and store the row."""
        if not self.scope.rows:
            return self.insert()
        name, table = self.pick(self.scope.rows)
        column = self.pick(list(table.columns))
        self.line(f"{name}.{column} = {self.fitting(table.columns[column])}")
        self.line(f"ctx.db.{table.name}.id.update({name})")
        return None

    def alias(self) -> None:
        if not self.scope.rows:
            return self.insert()
        name, table = self.pick(self.scope.rows)
        other = self._new("row")
        self.line(f"{other} = {name}")
        self.scope.rows.append((other, table))
        return self.put()

    def remove(self) -> None:
        table = self.pick(self.tables)
        way = self.pick(("id", "id", "index", "clear"))
        if way == "index" and table.index:
            type_ = table.columns[table.index]
            end = self.pick(("", "ge=", "lt="))
            value = self.bounded(KINDS.get(type_, type_))
            self.line(f"ctx.log.info(str(ctx.db.{table.name}.by_it.delete({end}{value})))")
        elif way == "clear" and self.often(2):
            self.line(f"ctx.log.info(str(ctx.db.{table.name}.clear()))")
        else:
            self.line(f"ctx.log.info(str(ctx.db.{table.name}.id.delete({self.key(table)})))")

    # --- expressions -----------------------------------------------------------------------------

    def bounded(self, kind: str) -> str:
        """An expression that cannot grow from turn to turn of a loop."""
        value = str(self.expression(kind))
        if kind == "int":
            way = self.pick(("({}) % 1000003", "({}) & 1023", "min(max({}, -99999), 99999)"))
            return str(way.format(value))
        if kind == "str":
            return f"({value})[:40]"
        return value

    def expression(self, kind: str, depth: int = 0) -> str:
        """Any expression of a kind; parentheses stand around what has parts."""
        leaves = self.leaves(kind)
        if depth >= 3 or not self.often(6):
            if leaves and self.often(7):
                return str(self.pick(leaves))
            return self.literal(kind)
        made = getattr(self, f"_{kind}")(depth + 1)
        return f"({made})"

    def leaves(self, kind: str) -> list[str]:
        found = list(self.scope.of(kind))
        for name, table in self.scope.rows:
            columns = {"id": table.key, **table.columns}
            found += [
                f"{name}.{c}" for c, type_ in columns.items() if KINDS.get(type_, type_) == kind
            ]
        return found

    def literal(self, kind: str) -> str:
        if kind == "int":
            return str(self.pick(INTS if self.often(2) else INTS[:9]))
        if kind == "float":
            return str(self.pick(FLOATS))
        if kind == "str":
            return str(self.pick(TEXTS))
        return str(self.pick(("True", "False")))

    def divisor(self, value: str) -> str:
        """Mostly one that is not 0; a constant never is, since a division by that is refused."""
        if _VARIABLE.search(value) and self.often(2):
            return value
        return f"(abs({value}) + 1)"

    def _call(self, kind: str, depth: int) -> str | None:
        fitting = [found for found in self.helpers if found[2] == kind]
        if not fitting:
            return None
        name, kinds, _ = self.pick(fitting)
        arguments = [self.bounded(each) if each == "int" else self.expression(each, depth)
                     for each in kinds]  # fmt: skip
        return f"{name}(ctx, {', '.join(arguments)})"

    def _int(self, depth: int) -> str:
        e = self.expression
        way = self.pick(("+", "-", "*", "//", "%", "&|^", "shift", "**", "unary", "call", "choice",
                         "bool", "len", "float", "item", "rng", "option", "count"))  # fmt: skip
        if way in ("+", "-", "*"):
            return f"{e('int', depth)} {way} {e('int', depth)}"
        if way in ("//", "%"):
            return f"{e('int', depth)} {way} {self.divisor(e('int', depth))}"
        if way == "&|^":
            return f"{e('int', depth)} {self.pick(('&', '|', '^'))} {e('int', depth)}"
        if way == "shift":
            count = e("int", depth) if self.often(1) else f"({e('int', depth)} % 9)"
            count = f"({count} % 300)" if count.startswith("(") else self.pick(("0", "1", "40"))
            return f"{e('int', depth)} {self.pick(('<<', '>>'))} {count}"
        if way == "**":
            # Constants are folded: without the bound they would soon have more than 128 bits.
            base = e("int", depth) if self.often(2) else f"({e('int', depth)} % 1000003)"
            return f"{base} ** {self.pick((0, 1, 2, 3))}"
        if way == "unary":
            return f"{self.pick(('-', '~', '+'))}{e('int', depth)}"
        if way == "call":
            made = self._call("int", depth)
            return made or f"{self.pick(('min', 'max'))}({e('int', depth)}, {e('int', depth)})"
        if way == "choice":
            return f"{e('int', depth)} if {e('bool', depth)} else {e('int', depth)}"
        if way == "bool":
            return f"int({e('bool', depth)})"
        if way == "float":
            function = self.pick(("int", "round", "math.floor", "math.ceil"))
            return f"{function}(min(max({e('float', depth)}, -1e15), 1e15))"
        if way == "item" and self.scope.of("list[int]"):
            name = self.pick(self.scope.of("list[int]"))
            return str(self.pick((f"{name}[{self.pick((0, 1, -1))}]", f"len({name})",
                                  f"sum({name})")))  # fmt: skip
        if way == "rng" and not self._timeless:
            return f"ctx.rng.randrange({self.pick((1, 2, 6, 1000))})"
        if way == "option" and self.leaves("int | None"):
            name = self.pick(self.leaves("int | None"))
            return f"0 if {name} is None else {name} + 1"
        if way == "count":
            return f"ctx.db.{self.pick(self.tables).name}.count()"
        return f"len({e('str', depth)})"

    def _float(self, depth: int) -> str:
        e = self.expression
        way = self.pick(("+", "-", "*", "/", "//", "%", "mixed", "int/int", "unary", "choice",
                         "float", "sqrt", "call", "rng"))  # fmt: skip
        if way in ("+", "-", "*"):
            return f"{e('float', depth)} {way} {e('float', depth)}"
        if way in ("/", "//", "%"):
            return f"{e('float', depth)} {way} {self.divisor(e('float', depth))}"
        if way == "mixed":
            return f"{e('float', depth)} {self.pick(('+', '-', '*'))} {e('int', depth)}"
        if way == "int/int":
            return f"{e('int', depth)} / {self.divisor(e('int', depth))}"
        if way == "unary":
            return str(self.pick(("-{}", "abs({})", "+{}"))).format(e("float", depth))
        if way == "choice":
            return f"{e('float', depth)} if {e('bool', depth)} else {e('float', depth)}"
        if way == "float":
            return f"float({e('int', depth)})"
        if way == "sqrt":
            return f"math.sqrt(abs({e('float', depth)}))"
        if way == "rng" and not self._timeless:
            return "ctx.rng.random()"
        made = self._call("float", depth)
        return made or f"{self.pick(('min', 'max'))}({e('float', depth)}, {e('float', depth)})"

    def _bool(self, depth: int) -> str:
        e = self.expression
        way = self.pick(("int", "int", "float", "mixed", "str", "chain", "and", "or", "not", "in",
                         "starts", "list", "none", "call", "rows"))  # fmt: skip
        op = self.pick(("<", "<=", "==", "!=", ">", ">="))
        if way in ("int", "float", "str"):
            return f"{e(way, depth)} {op} {e(way, depth)}"
        if way == "mixed":
            return f"{e('int', depth)} {op} {e('float', depth)}"
        if way == "chain":
            first, second, third = (e("int", depth) for _ in range(3))
            return f"{first} {op} {second} {self.pick(('<', '!='))} {third}"
        if way in ("and", "or"):
            return f"{e('bool', depth)} {way} {e('bool', depth)}"
        if way == "in":
            return f"{e('str', depth)} in {e('str', depth)}"
        if way == "starts":
            return f"{e('str', depth)}.{self.pick(('startswith', 'endswith'))}({e('str', depth)})"
        if way == "list" and self.scope.of("list[int]"):
            return f"{e('int', depth)} in {self.pick(self.scope.of('list[int]'))}"
        options = self.leaves("int | None") + self.leaves("str | None")
        if way == "none" and options:
            return f"{self.pick(options)} {self.pick(('is', 'is not'))} None"
        if way == "rows" and len(self.scope.rows) > 1:
            (a, table), (b, other) = self.pick(self.scope.rows), self.pick(self.scope.rows)
            if table is other:
                return f"{a} == {b}"
        made = self._call("bool", depth) if way == "call" else None
        return made or f"not {e('bool', depth)}"

    def _str(self, depth: int) -> str:
        e = self.expression
        way = self.pick(("+", "+", "f", "str", "slice", "at", "choice", "strip", "replace", "join",
                         "call", "option"))  # fmt: skip
        if way == "+":
            return f"{e('str', depth)} + {e('str', depth)}"
        if way == "f" and not self._in_text:
            return self.message()
        if way == "str":
            return f"str({e(self.pick(('int', 'float', 'bool')), depth)})"
        if way == "slice":
            return f"{e('str', depth)}[{self.pick(('', '1', '-2'))}:{self.pick(('', '2', '-1'))}]"
        if way == "at":
            return f"({e('str', depth)} + '?')[{self.pick((0, -1))}]"
        if way == "choice":
            return f"{e('str', depth)} if {e('bool', depth)} else {e('str', depth)}"
        if way == "strip":
            return f"{e('str', depth)}.strip()"
        if way == "replace":
            return f"{e('str', depth)}.replace({self.pick(TEXTS[1:6])}, {e('str', depth)})"
        if way == "join" and self.scope.of("list[str]"):
            return f"', '.join({self.pick(self.scope.of('list[str]'))})"
        if way == "option" and self.leaves("str | None"):
            name = self.pick(self.leaves("str | None"))
            return f"'none' if {name} is None else {name} + '!'"
        return self._call("str", depth) or f"{e('str', depth)} * {self.pick((0, 1, 2))}"


@st.composite
def programs(draw: Any, ordered: bool = False, timeless: bool = False) -> str:
    """The source of a module of the subset."""
    return Program(draw, ordered=ordered, timeless=timeless).text
