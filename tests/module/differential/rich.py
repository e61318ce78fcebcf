"""Random programs with everything that has parts: classes, options, lists, enums, identities.

What ``programs`` draws of numbers and texts, these do beside nested values that are shared and
changed, rows as parameters, methods, unique columns, and loops of every kind.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from hypothesis import strategies as st

from tests.module.differential.programs import KINDS, PARAMETERS, RANGES, SCALARS, Program, Table

PRELUDE = """\
class Tone(Enum):
    RED = "red"
    GREEN = "green"
    BLUE = "blue"


@product
class Spot:
    x: i32
    y: f64

    def far(self, by: int) -> int:
        return self.x * by + 1

    def moved(self, by: int, up: float = 0.5) -> Spot:
        return Spot(x=(self.x + by) % 1000, y=self.y + up)

    def push(self, by: int) -> None:
        self.x = (self.x - by) % 777


@product
class Pair:
    a: Spot
    b: Spot | None
    tone: Tone
    numbers: list[i64]
    note: str | None


"""
#: Fields of the classes: what an expression of the class leads to.
FIELDS = {
    "Spot": {"x": "int", "y": "float"},
    "Pair": {"a": "Spot", "b": "Spot | None", "tone": "Tone", "numbers": "list[int]",
             "note": "str | None"},
}  # fmt: skip
PARTS = ("Tone", "Spot", "Spot | None", "Pair", "Identity", "Timestamp", "list[i64]")
OPTIONS = ("int | None", "str | None", "Spot | None")


class RichProgram(Program):
    """Draws one program; ``text`` is its source."""

    parameters = (*PARAMETERS, *PARTS, "list[Spot]", "list[str]", "list[Pair]", "Tone | None")
    shown = (*SCALARS, "Tone", "Identity", "Timestamp", "int | None", "str | None")
    given = (*SCALARS, "Spot", "Pair", "Spot | None", "int | None", "Tone", "list[int]")
    results = (*SCALARS, "Spot", "Spot | None", "int | None", "Tone", "list[int]", "Identity")

    def _module(self) -> None:
        self._lines += PRELUDE.splitlines()
        super()._module()

    def _table(self, place: int) -> Table:
        made = super()._table(place)
        for number in range(self.pick((0, 1, 2))):
            made.columns[f"d{number}"] = self.pick(PARTS)
        keys = [n for n, type_ in made.columns.items() if type_ in (*RANGES, "str", "Identity")]
        if keys and self.often(3):
            made.unique = self.pick(keys)
        if made.index is None and self.often(5):
            made.index = next((n for n, each in made.columns.items() if each == "Tone"), None)
        return made

    # --- statements ------------------------------------------------------------------------------

    def more(self) -> list[Callable[[], None]]:
        options: list[Callable[[], None]] = [self.bind, self.bind, self.change, self.by_unique,
                                             self.delete_row, self.shrink]  # fmt: skip
        if self.scope.depth < 4:
            options += [self.match, self.two_lists, self.numbered, self.backwards, self.unwrap]
        return options

    def bind(self) -> None:
        """A new variable of a kind with parts."""
        kind = self.pick(("Spot", "Spot", "Pair", "Tone", "Spot | None", "int | None", "list[Spot]",
                          "list[int]", "list[int | None]", "Identity"))  # fmt: skip
        name = self._new("v")
        declared = f": {kind}" if "None" in kind or "[" in kind else ""
        self.line(f"{name}{declared} = {self.expression(kind)}")
        self.scope.of(kind).append(name)
        if kind.startswith("list"):
            # It may be the list of a row or of another variable: only new ones grow in loops.
            self.scope.fixed.add(name)

    def change(self) -> None:
        """A field of an object, whoever else holds it."""
        spots, pairs = self.scope.of("Spot"), self.scope.of("Pair")
        if not spots and not pairs:
            return self.bind()
        holder = self.pick(spots + pairs)
        if holder in pairs:
            name = self.pick(("a", "b", "tone", "note"))
            self.line(f"{holder}.{name} = {self.expression(FIELDS['Pair'][name])}")
        elif self.often(3):
            self.line(f"{holder}.push({self.bounded('int')})")
        elif self.often(5):
            self.line(f"{holder}.y {self.pick(('=', '+=', '*='))} {self.expression('float')}")
        else:
            self.line(f"{holder}.x = {self.fitting('i32')}")
        return None

    def by_unique(self) -> None:
        tables = [table for table in self.tables if table.unique]
        if not tables:
            return self.bind()
        table = self.pick(tables)
        type_ = table.columns[table.unique or ""]
        place = f"ctx.db.{table.name}.{table.unique}"
        value = self.fitting(type_) if type_ in RANGES else self.bounded(KINDS.get(type_, type_))
        if self.often(3):
            self.line(f"ctx.log.info(str({place}.delete({value})))")
            return None
        name = self._new("row")
        self.line(f"{name} = {place}.find({value})")
        with self.block(f"if {name} is not None:") as scope:
            scope.rows.append((name, table))
            self.statements()
        return None

    def delete_row(self) -> None:
        if not self.scope.rows:
            return self.insert()
        name, table = self.pick(self.scope.rows)
        self.line(f"ctx.log.info(str(ctx.db.{table.name}.delete({name})))")
        return None

    def shrink(self) -> None:
        lists = [n for kind in ("int", "str") for n in self._targets(f"list[{kind}]")]
        if not lists:
            return self.bind()
        name = self.pick(lists)
        if self.often(2):
            self.line(f"{name}.clear()")
        else:
            guard = f"if {name}:" if self.often(8) else "if True:"
            with self.block(guard):
                self.line(f"ctx.log.info(str({name}.pop()))")
        return None

    def match(self) -> None:
        kind = self.pick(("int", "str", "Tone"))
        patterns = {"int": ("0", "1 | 2", "-1", "7"), "str": ("''", "'a' | 'b'", "'Zürich'"),
                    "Tone": ("Tone.RED", "Tone.GREEN | Tone.BLUE", "Tone.BLUE")}[kind]  # fmt: skip
        self.line(f"match {self.expression(kind)}:")
        self._indent += 1
        for pattern in patterns[: self.pick((1, 2, 3))]:
            guard = f" if {self.expression('bool')}" if self.often(2) else ""
            with self.block(f"case {pattern}{guard}:"):
                self.statements()
        if self.often(5):
            with self.block("case _:"):
                self.statements()
        self._indent -= 1

    def _gone_through(self, kind: str) -> str:
        name = self._new("g")
        self.line(f"{name}: list[{kind}] = {self.expression(f'list[{kind}]')}")
        return name

    def two_lists(self) -> None:
        a, b = self._gone_through("int"), self._gone_through("Spot")
        x, y = self._new("x"), self._new("s")
        with self.block(f"for {x}, {y} in zip({a}, {b}):", loop=True) as scope:
            scope.of("int").append(x)
            scope.of("Spot").append(y)
            self.statements()

    def numbered(self) -> None:
        kind = self.pick(("int", "Spot", "str"))
        name, place, x = self._gone_through(kind), self._new("n"), self._new("x")
        start = self.pick(("", ", 1", ", -3"))
        with self.block(f"for {place}, {x} in enumerate({name}{start}):", loop=True) as scope:
            scope.of("int").append(place)
            scope.of(kind).append(x)
            self.statements()

    def backwards(self) -> None:
        kind = self.pick(("int", "Spot"))
        name, x = self._gone_through(kind), self._new("x")
        with self.block(f"for {x} in reversed({name}):", loop=True) as scope:
            scope.of(kind).append(x)
            self.statements()

    def unwrap(self) -> None:
        options = self.leaves("Spot | None")
        if not options:
            return self.bind()
        name = self._new("v")
        self.line(f"{name} = {self.pick(options)}")
        self.scope.of("Spot | None").append(name)
        with self.block(f"if {name} is not None:") as scope:
            scope.of("Spot").append(name)
            self.statements()
        return None

    # --- values ----------------------------------------------------------------------------------

    def fitting(self, type_: str) -> str:
        if type_ in PARTS:
            return self.expression(KINDS.get(type_, type_))
        return super().fitting(type_)

    def leaves(self, kind: str) -> list[str]:
        found = super().leaves(kind)
        for class_, fields in FIELDS.items():
            names = [name for name, each in fields.items() if each == kind]
            if names:
                # Of variables and columns: deeper ones come with the variables that are bound.
                held = super().leaves(class_)
                found += [f"{each}.{name}" for each in held for name in names]
        return found

    def literal(self, kind: str) -> str:
        if kind in SCALARS:
            return super().literal(kind)
        if kind == "Tone":
            return str(self.pick(("Tone.RED", "Tone.GREEN", "Tone.BLUE")))
        if kind == "Identity":
            return "ctx.sender"
        if kind == "Timestamp":
            times = ("Timestamp(0)", "Timestamp(-5)", "Timestamp(1767225600000001)")
            return str(self.pick(times if self._timeless else (*times, "ctx.timestamp")))
        if kind == "Spot":
            return f"Spot(x={self.pick((0, 1, -7, 100))}, y={super().literal('float')})"
        if kind == "Pair":
            tone, spot = self.literal("Tone"), self.literal("Spot")
            return f"Pair(a={spot}, b=None, tone={tone}, numbers=[1, 2], note=None)"
        if kind.startswith("list"):
            inner = kind[5:-1]
            return f"[{', '.join(self.literal(inner) for _ in range(self.pick((1, 2, 3))))}]"
        return "None" if self.often(5) else self.literal(kind.partition(" ")[0])

    def bounded(self, kind: str) -> str:
        if kind == "list[int]":
            return str(self.pick((*self.leaves(kind), self.literal(kind))))
        return super().bounded(kind)

    def expression(self, kind: str, depth: int = 0) -> str:
        if kind in SCALARS:
            return super().expression(kind, depth)
        leaves = self.leaves(kind)
        if depth >= 3 or not self.often(6):
            return str(self.pick(leaves)) if leaves and self.often(8) else self.literal(kind)
        called = self._call(kind, depth + 1) if self.often(3) else None
        if called is not None:
            return called
        if self.often(3) and not kind.startswith("list"):
            either = self.expression(kind, depth + 1), self.expression(kind, depth + 1)
            return f"({either[0]} if {self.expression('bool', depth + 1)} else {either[1]})"
        return self._composed(kind, depth + 1)

    def _composed(self, kind: str, depth: int) -> str:
        e = self.expression
        if kind == "Spot":
            if self.often(5):
                return f"{e('Spot', depth)}.moved({self.bounded('int')})"
            return f"Spot(y={e('float', depth)}, x={self.fitting('i32')})"
        if kind == "Pair":
            b, numbers = e("Spot | None", depth), e("list[int]", depth)
            return (f"Pair(a={e('Spot', depth)}, b={b}, tone={e('Tone', depth)}, numbers={numbers}"
                    f", note={e('str | None', depth)})")  # fmt: skip
        if kind == "list[int]" and self.often(6):
            x, over = self._new("x"), self.pick(("int", "Spot"))
            value = x if over == "int" else f"{x}.far(2)"
            test = f" if {value} {self.pick(('>', '!='))} {e('int', depth)}" * self.often(5)
            return f"[{value} % 1000 for {x} in {e(f'list[{over}]', depth)}{test}]"
        if kind.startswith("list"):
            inner = kind[5:-1]
            count = range(self.pick((1, 2, 3)))
            values = [self.bounded(inner) if inner in SCALARS else e(inner, depth) for _ in count]
            return f"[{', '.join(values)}]"
        if kind in OPTIONS and self.often(6):
            inner = kind.partition(" ")[0]
            return self.bounded(inner) if inner in SCALARS else e(inner, depth)
        return self.literal(kind)

    def _int(self, depth: int) -> str:
        if not self.often(3):
            return super()._int(depth)
        way = self.pick(("far", "len", "sum", "extreme", "micros", "item"))
        if way == "far":
            return f"{self.expression('Spot', depth)}.far({self.bounded('int')})"
        if way == "len":
            return f"len({self.expression(self.pick(('list[int]', 'list[Spot]')), depth)})"
        x = self._new("x")
        if way == "sum":
            return f"sum({x}.x for {x} in {self.expression('list[Spot]', depth)})"
        if way == "extreme":
            return f"{self.pick(('min', 'max'))}({self.expression('list[int]', depth)})"
        if way == "micros":
            return f"{self.expression('Timestamp', depth)}.micros"
        return f"{self.expression('list[Spot]', depth)}[{self.pick((0, -1))}].x"

    def _bool(self, depth: int) -> str:
        if not self.often(3):
            return super()._bool(depth)
        e = self.expression
        way = self.pick(("same", "same", "in", "none", "any", "time", "is"))
        sign = self.pick(("==", "!="))
        if way == "same":
            kind = self.pick(("Spot", "Pair", "Tone", "Identity", "Spot | None", "int | None",
                              "list[int]", "list[Spot]"))  # fmt: skip
            a, b = (self._known(kind, depth) for _ in range(2))
            return f"{a} {sign} {b}"
        if way == "in":
            kind = self.pick(("Spot", "int"))
            return f"{e(kind, depth)} in {self._known(f'list[{kind}]', depth)}"
        if way == "none":
            return f"{self._known('Spot | None', depth)} is not None"
        if way == "time":
            return f"{e('Timestamp', depth)} {self.pick(('<', '>=', '=='))} {e('Timestamp', depth)}"
        if way == "is":
            return f"{e('Tone', depth)} is {self.literal('Tone')}"
        x = self._new("x")
        test = f"{x}.y {self.pick(('<', '>'))} {e('float', depth)}"
        return f"{self.pick(('any', 'all'))}({test} for {x} in {e('list[Spot]', depth)})"

    def _known(self, kind: str, depth: int) -> str:
        """One that is not the mere constant None, which is of no kind."""
        made = self.expression(kind, depth)
        if "None" not in kind:
            return made
        return str(self.pick(self.leaves(kind) or [self.literal(kind.partition(" ")[0])]))

    def _str(self, depth: int) -> str:
        if not self.often(2):
            return super()._str(depth)
        way = self.pick(("name", "value", "text", "or"))
        if way in ("name", "value"):
            return f"{self.expression('Tone', depth)}.{way}"
        if way == "text":
            kind = self.pick(("Tone", "Identity", "Timestamp"))
            return f"str({self.expression(kind, depth)})"
        return f"{self._known('str | None', depth)} or {self.expression('str', depth)}"


@st.composite
def rich_programs(draw: Any, ordered: bool = False, timeless: bool = False) -> str:
    """The source of a module of the subset."""
    return RichProgram(draw, ordered=ordered, timeless=timeless).text
