"""Loops over ranges, lists and the rows of tables; comprehensions and sums, which are loops too."""

from __future__ import annotations

import ast
import copy
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from harness.module.compiler import kinds as k
from harness.module.compiler.calls import Calls
from harness.module.compiler.source import refuse
from harness.module.compiler.values import UNKNOWN, Checked, Known, Rows, Value, show
from harness.module.wasm.assembler import Label

Emit = Callable[[], None]


@dataclass(frozen=True, slots=True)
class Turn:
    """Where ``break`` and ``continue`` of a loop lead; ``close`` gives back what it holds."""

    done: Label
    next: Label
    close: Emit | None


@dataclass(frozen=True, slots=True)
class Over:
    """What a loop goes through. ``items`` are what one turn gives; each is emitted once."""

    items: tuple[Value, ...]
    run: Callable[[Emit], None]


class Loops(Calls):
    """Checks and emits loops."""

    turns: list[Turn]

    def over(self, node: ast.expr) -> Over:
        """What ``for … in node`` goes through."""
        if isinstance(node, ast.Call):
            of = self.check(node.func)
            if of == Known(range):
                return self._range_loop(node)
            if of == Known(enumerate):
                return self._enumerated(node)
            if of == Known(reversed):
                return self._reversed(node)
            if of == Known(zip):
                return self._zipped(node)
        found = self.check(node)
        if isinstance(found, Rows):
            return self._rows_loop(found)
        if isinstance(found, Value) and isinstance(found.kind, k.Option):
            found = self.some(found, "TypeError: 'NoneType' object is not iterable", node)
        if isinstance(found, Value) and isinstance(found.kind, k.List):
            return self._list_loop(found, node, backwards=False)
        if isinstance(found, Known) and isinstance(found.object, list | tuple):
            return self._list_loop(self._fixed(found.object, node), node, backwards=False)
        refuse(node, f"{show(found)} cannot be looped over; ranges, lists and rows can")

    def _fixed(self, items: Sequence[Any], node: ast.AST) -> Value:
        """A list or tuple of the module: nobody may change it, so each use makes it anew."""
        return self.list_of([self.constant(item, node) for item in items], node)

    # --- the loops themselves --------------------------------------------------------------------

    def _turning(self, done: Label, body: Emit, close: Emit | None = None) -> None:
        """One turn, and room for the next: garbage goes here."""
        with self.f.block() as next_:
            self.turns.append(Turn(done, next_, close))
            body()
            self.turns.pop()
        self.f.call("rt.safepoint")

    def _range_loop(self, node: ast.Call) -> Over:
        if node.keywords or not 1 <= len(node.args) <= 3:
            refuse(node, "range takes one to three arguments")
        ends = [self.number(self.value(argument), node) for argument in node.args]
        if len(ends) == 1:
            ends.insert(0, self.integer(0, node))
        if len(ends) == 2:
            ends.append(self.integer(1, node))
        start, stop, step = ends
        if step.constant is UNKNOWN or step.constant == 0:
            refuse(node, "the step of a range is a constant here, and not 0")
        limit = k.Int(*k.S64)
        first, last = (self.coerce(x, limit, "range", None, node) for x in (start, stop))
        by = int(step.constant)
        assert isinstance(first.kind, k.Int)
        assert isinstance(start.kind, k.Int)
        assert isinstance(stop.kind, k.Int)
        if by > 0:
            lo, hi = start.kind.lo, stop.kind.hi - 1
        else:
            lo, hi = stop.kind.lo + 1, start.kind.hi
        lo, hi = max(lo, k.S64[0]), min(hi, k.S64[1])
        kind = k.Int(lo, max(lo, hi))
        here: list[int] = []

        def run(body: Emit) -> None:
            f = self.f
            self.frame.push(self.same(first, limit), self.same(last, limit))
            end, at = self.frame.temp("i64"), self.frame.temp("i64")
            f.set(end)
            f.set(at)
            here[:] = [at]
            with f.block() as done:
                f.get(at)
                f.get(end)
                f.op("i64.ge_s" if by > 0 else "i64.le_s")
                f.br_if(done)
                with f.loop() as again:
                    self._turning(done, body)
                    # How far it still is, as an unsigned number, since it may be very far.
                    for place in (end, at) if by > 0 else (at, end):
                        f.get(place)
                    f.op("i64.sub")
                    f.i64(abs(by))
                    f.op("i64.le_u")
                    f.br_if(done)
                    f.get(at)
                    f.i64(by)
                    f.op("i64.add")
                    f.set(at)
                    f.br(again)

        return Over((Value(kind, lambda: self.f.get(here[0])),), run)

    def _list_loop(self, found: Value, node: ast.AST, *, backwards: bool) -> Over:
        assert isinstance(found.kind, k.List)
        if found.kind.element is None:
            refuse(node, "nothing is known of this list's items yet; append one before")
        element = found.kind.element
        held: list[Any] = []
        here: list[int] = []

        def item() -> None:
            self.frame.load(held[0])
            self.f.get(here[0])
            self.item(element)

        def run(body: Emit) -> None:
            f = self.f
            found.emit()
            held[:] = [self.frame.keep(found.kind)]
            at = self.frame.temp("i32")
            here[:] = [at]
            if backwards:
                self.frame.load(held[0])
                f.memory("i32.load", 4)
            else:
                f.i32(-1)
            f.set(at)
            with f.block() as done, f.loop() as again:
                f.get(at)
                f.i32(-1 if backwards else 1)
                f.op("i32.add")
                f.tee(at)
                # The list may have changed: its length is asked for in each turn. As numbers
                # without a sign, places before its beginning lie behind its end.
                self.frame.load(held[0])
                f.memory("i32.load", 4)
                f.op("i32.ge_u")
                f.br_if(done)
                self._turning(done, body)
                f.br(again)

        return Over((Value(element, item),), run)

    def _reversed(self, node: ast.Call) -> Over:
        argument = self.one(node, "reversed")
        if isinstance(argument, ast.Call) and self.check(argument.func) == Known(range):
            refuse(node, "write the range backwards: range(start, stop, -1)")
        found = self.value(argument)
        if not isinstance(found.kind, k.List):
            refuse(node, f"{found.kind} cannot be gone through backwards; lists can")
        return self._list_loop(found, node, backwards=True)

    def _zipped(self, node: ast.Call) -> Over:
        """Lists side by side, up to the end of the shortest."""
        if len(node.args) < 2 or node.keywords:
            refuse(node, "zip takes two or more lists here")
        lists = [self.value(argument) for argument in node.args]
        elements: list[k.Kind] = []
        for found in lists:
            if not isinstance(found.kind, k.List) or found.kind.element is None:
                refuse(node, f"zip goes through lists here, not {found.kind}")
            elements.append(found.kind.element)
        held: list[Any] = []
        here: list[int] = []

        def item(place: int) -> Emit:
            def emit() -> None:
                self.frame.load(held[place])
                self.f.get(here[0])
                self.item(elements[place])

            return emit

        def run(body: Emit) -> None:
            f, made = self.f, []
            for found in lists:
                found.emit()
                made.append(self.frame.keep(found.kind))
            held[:] = made
            here[:] = [self.frame.temp("i32")]
            f.i32(-1)
            f.set(here[0])
            with f.block() as done, f.loop() as again:
                f.get(here[0])
                f.i32(1)
                f.op("i32.add")
                f.set(here[0])
                for each in made:
                    f.get(here[0])
                    self.frame.load(each)
                    f.memory("i32.load", 4)
                    f.op("i32.ge_s")
                    f.br_if(done)
                self._turning(done, body)
                f.br(again)

        return Over(tuple(Value(kind, item(i)) for i, kind in enumerate(elements)), run)

    def _enumerated(self, node: ast.Call) -> Over:
        first = 0
        if len(node.args) == 2:
            start = self.value(node.args[1])
            if not isinstance(start.constant, int):
                refuse(node, "the start of enumerate is a constant here")
            first = start.constant
        elif len(node.args) != 1 or node.keywords:
            refuse(node, "enumerate takes what to go through, and a constant start")
        inner = self.over(node.args[0])
        if len(inner.items) != 1:
            refuse(node, "enumerate of enumerate is not compiled")
        count: list[int] = []

        def number() -> None:
            self.f.get(count[0])
            self.f.i64(1)
            self.f.op("i64.add")
            self.f.tee(count[0])

        def run(body: Emit) -> None:
            count[:] = [self.frame.temp("i64")]
            self.f.i64(first - 1)
            self.f.set(count[0])
            inner.run(body)

        return Over((Value(k.Int(first, first + (1 << 40)), number), *inner.items), run)

    def _rows_loop(self, rows: Rows) -> Over:
        kind = k.Struct(self.unit.row_class(rows.table))
        reader = self.unit.codecs.reader(self.unit.row_type(rows.table))
        state: dict[str, Any] = {}

        def item() -> None:
            """Read the row, and remember where the next one begins."""
            f = self.f
            f.call(reader)
            f.global_get("rd")
            self.frame.load(state["blob"])
            f.op("i32.sub")
            f.set(state["at"])

        def close() -> None:
            self.f.get(state["handle"])
            self.f.get(state["more"])
            self.f.call("close_rows")

        def run(body: Emit) -> None:
            # A loop within the loop has a state of its own when its own items are emitted.
            before = dict(state)
            self._rows_run(rows, state, body, close)
            state.clear()
            state.update(before)

        return Over((Value(kind, item),), run)

    def _rows_run(self, rows: Rows, state: dict[str, Any], body: Emit, close: Emit) -> None:
        f, frame = self.f, self.frame
        rows.open()
        names = ("handle", "more", "at", "end")
        handle, more, at, end = (frame.temp("i32") for _ in names)
        state.update(zip(names, (handle, more, at, end), strict=True))
        f.tee(handle)
        f.i32(-1)
        f.op("i32.ne")
        f.set(more)
        blob = state["blob"] = frame.variable(k.BYTES)
        f.i32(0)
        f.tee(at)
        f.set(end)
        f.i32(0)
        frame.store(blob)
        with f.block() as done:
            with f.block() as failed:
                frame.errors.append(failed)
                frame.leaving.append(close)
                with f.loop() as again:
                    f.get(at)
                    f.get(end)
                    f.op("i32.ge_u")
                    with f.if_():
                        f.get(more)
                        f.op("i32.eqz")
                        f.br_if(done)
                        f.get(handle)
                        frame.load(blob)
                        f.call("more_rows")
                        frame.store(blob)
                        frame.check()
                        f.global_get("rows_more")
                        f.set(more)
                        f.i32(8)
                        f.set(at)
                        f.global_get("rows_end")
                        f.set(end)
                        f.br(again)
                    frame.load(blob)
                    f.get(at)
                    f.op("i32.add")
                    f.global_set("rd")
                    self._turning(done, body, close)
                    f.br(again)
                frame.errors.pop()
                frame.leaving.pop()
            close()
            f.br(frame.errors[-1])

    # --- targets ---------------------------------------------------------------------------------

    def bind(self, target: ast.expr, items: tuple[Value, ...]) -> Emit:
        """Give the loop's variables the items of a turn."""
        targets = list(target.elts) if isinstance(target, ast.Tuple | ast.List) else [target]
        if len(targets) != len(items):
            refuse(target, f"each turn gives {len(items)} values, not {len(targets)}")
        emits = []
        for name, item in zip(targets, items, strict=True):
            if not isinstance(name, ast.Name):
                refuse(name, "the variable of a loop is a name")
            emits.append(self.assign(name.id, item, name))

        def emit() -> None:
            for each in emits:
                each()

        return emit

    # --- comprehensions --------------------------------------------------------------------------

    def generate(self, generators: list[ast.comprehension], inner: Callable[[], Emit]) -> Emit:
        """Nested loops with their conditions around ``inner``."""
        generator, *rest = generators
        if generator.is_async:
            refuse(generator.target, "async loops are not compiled")
        over = self.over(generator.iter)
        bound = self.bind(generator.target, over.items)
        tests = [self.condition(test)[0] for test in generator.ifs]
        within = self.generate(rest, inner) if rest else inner()

        def body() -> None:
            bound()
            for test in tests:
                test()
                self.f.op("i32.eqz")
                self.f.br_if(self.turns[-1].next)
            within()

        return lambda: over.run(body)

    def _generated(self, node: ast.expr) -> tuple[list[ast.comprehension], ast.expr]:
        """The loops and the element of a comprehension, or of a plain ``for x in node``.

        A comprehension has variables of its own: they are renamed, as nothing else can be named.
        """
        if not isinstance(node, ast.ListComp | ast.GeneratorExp):
            name = ast.Name(f"item at {node.lineno}:{node.col_offset}", ast.Load())
            ast.copy_location(name, node)
            return [ast.comprehension(name, node, [], 0)], name
        made = copy.deepcopy(node)
        own = {
            name.id
            for generator in made.generators
            for name in ast.walk(generator.target)
            if isinstance(name, ast.Name)
        }
        suffix = f" at {node.lineno}:{node.col_offset}"
        first = made.generators[0].iter
        kept = {id(inside) for inside in ast.walk(first)}
        for inside in ast.walk(made):
            if isinstance(inside, ast.Name) and inside.id in own and id(inside) not in kept:
                inside.id += suffix
        return made.generators, made.elt

    def collect(self, node: ast.ListComp) -> Value:
        return self.listed(node, node)

    def listed(self, node: ast.expr, at: ast.AST) -> Value:
        """A new list of what a comprehension or anything else to loop over gives."""
        generators, element = self._generated(node)
        found: list[Value] = []
        made: list[Any] = []

        def inner() -> Emit:
            value = self.value(element)
            found[:] = [value]

            def emit() -> None:
                kind = k.listed(value.kind)
                assert kind.element is not None
                holder = Value(kind, lambda: self.frame.load(made[0]))
                self.frame.push(holder, self.same(value, kind.element))
                self.unit.append(self.f, kind.element)

            return emit

        loops = self.generate(generators, inner)
        kind = k.listed(found[0].kind)

        def emit() -> None:
            self.f.i32(0)
            self.f.i32(0)
            self.f.call("new_list")
            before = list(made)
            made[:] = [self.frame.keep(kind)]
            loops()
            self.frame.load(made[0])
            made[:] = before

        return Value(kind, emit, True)

    def total(self, node: ast.expr, at: ast.Call) -> Value:
        """``sum(node)``, of integers."""
        generators, element = self._generated(node)
        name = f"sum at {at.lineno}:{at.col_offset}"
        start = self.assign(name, self.integer(0, at), at)

        def inner() -> Emit:
            value = self.number(self.value(element), at)
            if not isinstance(value.kind, k.Int):
                refuse(at, f"sum() is compiled for ints, not {value.kind}: Python's versions add "
                           "floats differently; add in a loop")  # fmt: skip
            held = ast.copy_location(ast.Name(name, ast.Load()), at)
            return self.assign(name, self.binary(ast.Add(), self.value(held), value, at), at)

        loops = self.generate(generators, inner)
        kind = self.names[name]
        assert isinstance(kind, k.Int)

        def emit() -> None:
            start()
            loops()
            self.frame.load(self.variable(name))

        return Value(kind, emit, True)

    def some_or_all(self, node: ast.expr, wanted: bool, at: ast.Call) -> Value:
        """``any(node)`` or ``all(node)``."""
        generators, element = self._generated(node)
        result: list[int] = []
        outer: list[Label] = []
        depth: list[int] = []

        def inner() -> Emit:
            test = self.condition(element)[0]

            def emit() -> None:
                test()
                if not wanted:
                    self.f.op("i32.eqz")
                with self.f.if_():
                    self.f.i32(int(wanted))
                    self.f.set(result[0])
                    for turn in reversed(self.turns[depth[0] :]):
                        if turn.close is not None:
                            turn.close()
                    self.f.br(outer[0])

            return emit

        loops = self.generate(generators, inner)

        def emit() -> None:
            result[:] = [self.frame.temp("i32")]
            self.f.i32(int(not wanted))
            self.f.set(result[0])
            depth[:] = [len(self.turns)]
            with self.f.block() as done:
                outer[:] = [done]
                loops()
            self.f.get(result[0])

        return Value(k.BOOL, emit, True)

    def reduce(self, node: ast.expr, name: str, op: ast.cmpop, at: ast.Call) -> Checked:
        """``min(node)`` or ``max(node)``; an empty one fails."""
        generators, element = self._generated(node)
        best = f"{name} at {at.lineno}:{at.col_offset}"
        seen = f"any of {best}"
        start = self.assign(seen, self.constant(False, at), at)
        line = self.line(at)

        def inner() -> Emit:
            value = self.number(self.value(element), at)
            item = f"one of {best}"
            take = self.assign(item, value, at)
            held = Value(self.names[item], lambda: self.frame.load(self.variable(item)))  # type: ignore[arg-type]  # it has a kind
            first = self.assign(best, held, at)
            now = Value(self.names[best], lambda: self.frame.load(self.variable(best)))  # type: ignore[arg-type]  # it has a kind
            better = self.compare(op, held, now, at)
            found = self.assign(seen, self.constant(True, at), at)

            def emit() -> None:
                take()
                self.frame.load(self.variable(seen))
                with self.f.if_("i32"):
                    better.emit()
                    self.f.else_()
                    self.f.i32(1)
                with self.f.if_():
                    first()
                found()

            return emit

        loops = self.generate(generators, inner)
        kind = self.names[best]
        assert isinstance(kind, k.Kind)

        def emit() -> None:
            start()
            loops()
            self.frame.load(self.variable(seen))
            self.f.op("i32.eqz")
            self.frame.crash_if(f"ValueError: {name}() arg is an empty sequence", line)
            self.frame.load(self.variable(best))

        return Value(kind, emit, True)
