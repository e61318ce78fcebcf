"""Statements, and whole functions."""

from __future__ import annotations

import ast
from collections.abc import Callable, Sequence
from types import FunctionType
from typing import Any

from harness.errors import ReducerError
from harness.module.compiler import kinds as k
from harness.module.compiler.codecs import DATA, store_field, store_stored
from harness.module.compiler.frame import REFUSED
from harness.module.compiler.helpers import ASSIGNED, fail
from harness.module.compiler.loops import Emit, Turn
from harness.module.compiler.recovery import Recovering, nothing
from harness.module.compiler.source import refuse
from harness.module.compiler.values import UNKNOWN, Context, Known, Method, Value, show

_INSTEAD: dict[type[ast.AST], str] = {
    ast.Try: "try: an error rolls the whole call back; use try_insert, or look before",
    ast.With: "with; a reducer reads its arguments and rows, and nothing outside",
    ast.Delete: "del; lists have pop and clear",
    ast.Global: "global: nothing outlives a call but rows",
    ast.Nonlocal: "nonlocal; give values as arguments, and return them",
    ast.FunctionDef: "a function within a function; put it beside",
    ast.ClassDef: "a class within a function; put it beside",
    ast.Import: "an import within a function; put it at the top of the file",
    ast.ImportFrom: "an import within a function; put it at the top of the file",
    ast.AsyncFor: "async loops; reducers run to their end",
    ast.AsyncWith: "async with; reducers run to their end",
    ast.AsyncFunctionDef: "an async function; reducers run to their end",
}
#: Rounds after which kinds must stand still; widening makes sure of it.
_ROUNDS = 40


class Compiler(Recovering):
    """Compiles one function."""

    result: k.Kind
    result_label: str

    def give_context(self, names: Sequence[str]) -> None:
        """These parameters are the reducer's context."""
        for name in names:
            self.names[name] = Context("ctx")

    # --- statements ------------------------------------------------------------------------------

    def body(self, statements: Sequence[ast.stmt]) -> Emit:
        emits = [self.statement(statement) for statement in statements]

        def emit() -> None:
            for each in emits:
                each()

        return emit

    def statement(self, node: ast.stmt) -> Emit:
        emit = self.tried(node, node, lambda: self._handled(node))
        if emit is None:
            self.beyond(node, self.body)
            return nothing
        return emit

    def _handled(self, node: ast.stmt) -> Emit:
        handler: Callable[[Any], Emit] | None = getattr(
            self, f"_{type(node).__name__.lower()}_statement", None
        )
        if handler is None:
            what = _INSTEAD.get(type(node), type(node).__name__)
            refuse(node, f"the compiler does not have {what}")
        return handler(node)

    def _pass_statement(self, node: ast.Pass) -> Emit:
        return lambda: None

    def _expr_statement(self, node: ast.Expr) -> Emit:
        if isinstance(node.value, ast.Constant):
            return lambda: None
        found = self.check(node.value)
        if isinstance(found, Method):
            refuse(node, f"{show(found)} does nothing here; call it with (…)")
        if not isinstance(found, Value):
            return lambda: None

        def emit() -> None:
            found.emit()
            for _ in found.kind.wasm:
                self.f.op("drop")

        return emit

    def _assign_statement(self, node: ast.Assign) -> Emit:
        if len(node.targets) > 1:
            return self._several(node)
        target = node.targets[0]
        if isinstance(target, ast.Tuple | ast.List):
            return self._unpacked(target, node)
        if isinstance(target, ast.Name):
            return self.assign(target.id, self._valued(node.value), target)
        return self._stored(target, self.value(node.value), node)

    def _valued(self, node: ast.expr) -> Any:
        """A value, or what a name can stand for."""
        found = self.check(node)
        if isinstance(found, Value) and found.kind == k.NOTHING:
            refuse(node, "this gives nothing that could be assigned")
        if isinstance(found, Known):
            refuse(node, f"{show(found)} cannot be assigned; use it by its own name")
        return found

    def _several(self, node: ast.Assign) -> Emit:
        value = self.value(node.value)
        kept: list[Any] = []
        again = Value(value.kind, lambda: self.frame.load(kept[0]))
        emits = []
        for target in node.targets:
            if isinstance(target, ast.Name):
                emits.append(self.assign(target.id, again, target))
            else:
                emits.append(self._stored(target, again, node))

        def emit() -> None:
            value.emit()
            kept[:] = [self.frame.keep(value.kind)]
            for each in emits:
                each()

        return emit

    def _unpacked(self, target: ast.Tuple | ast.List, node: ast.Assign) -> Emit:
        if not isinstance(node.value, ast.Tuple) or len(node.value.elts) != len(target.elts):
            refuse(node, f"{len(target.elts)} variables take as many values, written one by one")
        values = [self.value(item) for item in node.value.elts]
        kept: list[Any] = []
        emits = []
        for place, (each, value) in enumerate(zip(target.elts, values, strict=True)):
            again = Value(value.kind, lambda place=place: self.frame.load(kept[place]))  # type: ignore[misc]  # bound now
            if isinstance(each, ast.Name):
                emits.append(self.assign(each.id, again, each))
            else:
                emits.append(self._stored(each, again, node))

        def emit() -> None:
            made = []
            for value in values:
                value.emit()
                made.append(self.frame.keep(value.kind))
            kept[:] = made
            for each in emits:
                each()

        return emit

    def _annassign_statement(self, node: ast.AnnAssign) -> Emit:
        if not isinstance(node.target, ast.Name):
            refuse(node, "only variables have annotations here")
        type_, kind = self.unit.annotation(self.source.function, node.annotation)
        if node.value is None:
            return lambda: None
        value = self._declared_value(node.value, kind)
        if kind != k.Int(*k.S64):  # a plain int is as wide as it must be
            value = self.coerce(value, kind, node.target.id, type_, node)
        return self.assign(node.target.id, value, node.target)

    def _declared_value(self, node: ast.expr, kind: k.Kind) -> Value:
        """A value for a place of a kind, which says what a list holds: ``[None]`` cannot."""
        element = kind.element if isinstance(kind, k.List) else None
        if not isinstance(node, ast.List) or element is None:
            return self.value(node)
        label = "an item of this list"
        items = [self._declared_value(item, element) for item in node.elts]
        fitting = [
            self.coerce(item, element, label, None, at)
            for item, at in zip(items, node.elts, strict=True)
        ]
        return self.list_of(fitting, node)

    def _augassign_statement(self, node: ast.AugAssign) -> Emit:
        if isinstance(node.target, ast.Name):
            now = self.value(ast.copy_location(ast.Name(node.target.id, ast.Load()), node.target))
            changed = self.binary(node.op, now, self.value(node.value), node)
            return self.assign(node.target.id, changed, node.target)
        if isinstance(node.target, ast.Attribute):
            return self._changed_field(node, node.target)
        refuse(node, "write it as an assignment: place = place + …")

    def _changed_field(self, node: ast.AugAssign, target: ast.Attribute) -> Emit:
        holder = self.value(target.value)
        kept: list[Any] = []
        again = Value(holder.kind, lambda: self.frame.load(kept[0]))
        now = self._value_attribute(again, target.attr, target)
        if not isinstance(now, Value):
            refuse(node, f"{target.attr!r} is no field")
        changed = self.binary(node.op, now, self.value(node.value), node)
        store = self._store_field(again, target.attr, changed, node)

        def emit() -> None:
            holder.emit()
            kept[:] = [self.frame.keep(holder.kind)]
            store()

        return emit

    def _stored(self, target: ast.expr, value: Value, node: ast.stmt) -> Emit:
        if isinstance(target, ast.Attribute):
            return self._store_field(self.value(target.value), target.attr, value, node)
        if isinstance(target, ast.Subscript):
            return self._store_item(target, value, node)
        refuse(node, "only variables, fields and items of lists can be assigned")

    def _store_field(self, holder: Value, name: str, value: Value, node: ast.stmt) -> Emit:
        if isinstance(holder.kind, k.Option):
            text = f"AttributeError: 'NoneType' object has no attribute '{name}'"
            holder = self.some(holder, text, node)
        if not isinstance(holder.kind, k.Struct):
            refuse(node, f"{holder.kind} has no field {name!r} that can be assigned")
        class_ = holder.kind.class_
        field = self.unit.shapes.shape(class_).field(name)
        if field is None:
            refuse(node, f"{holder.kind} has no field {name!r}")
        frozen = getattr(getattr(class_, "__dataclass_params__", None), "frozen", False)
        if frozen or getattr(getattr(class_, "__struct_config__", None), "frozen", False):
            refuse(node, f"{holder.kind} is frozen; make a new one")
        label = f"{class_.__name__}.{name}"
        fitting = self.coerce(value, field.kind, label, field.type, node)
        found = field

        def emit() -> None:
            self.frame.push(fitting, holder)
            at = self.frame.temp("i32")
            self.f.set(at)
            store_field(self.f, found, lambda: self.f.get(at), lambda: None)

        return emit

    def _store_item(self, target: ast.Subscript, value: Value, node: ast.stmt) -> Emit:
        holder = self.value(target.value)
        if not isinstance(holder.kind, k.List) or holder.kind.element is None:
            refuse(node, f"{holder.kind} has no items that can be assigned")
        element = holder.kind.element
        limit = k.Int(*k.S64)
        given = self.number(self.value(target.slice), node)
        index = self.coerce(given, limit, "the index", None, node)
        fitting = self.coerce(value, element, "an item of this list", None, node)
        slot = k.stored(element)

        def emit() -> None:
            f = self.f
            self.frame.push(fitting, holder, index)
            f.call("list_place")
            f.global_get("err")
            with f.if_():
                fail(f, ASSIGNED)
                self.frame.at(self.line(node))
                f.br(self.frame.errors[-1])
            place, list_ = self.frame.temp("i32"), self.frame.temp("i32")
            f.set(place)
            f.set(list_)

            def address() -> None:
                f.get(list_)
                f.memory("i32.load", 8)
                f.get(place)
                f.i32(k.SIZES[slot])
                f.op("i32.mul", "i32.add")

            store_stored(f, slot, DATA, address, lambda: None)

        return emit

    # --- ways ------------------------------------------------------------------------------------

    def _if_statement(self, node: ast.If) -> Emit:
        test, known = self._tested(node, node.test)
        before = self._copy()
        yes = self.body(node.body)
        after_yes, self.assigned = self.assigned, before
        no = self.body(node.orelse)
        if known is UNKNOWN:
            self.assigned = _both(after_yes, self.assigned)
        elif known:
            self.assigned = after_yes

        def emit() -> None:
            test()
            with self.f.if_():
                yes()
                if node.orelse:
                    self.f.else_()
                    no()

        return emit

    def _tested(self, node: ast.stmt, test: ast.expr) -> tuple[Emit, Any]:
        """How to leave the truth of a condition, and the truth if it is known."""
        found = self.tried(node, test, lambda: self.condition(test))
        return (nothing, UNKNOWN) if found is None else (found[0], found[2])

    def _copy(self) -> set[str] | None:
        return None if self.assigned is None else set(self.assigned)

    def _while_statement(self, node: ast.While) -> Emit:
        if node.orelse:
            refuse(node, "while … else is not compiled; use a variable")
        test, known = self._tested(node, node.test)
        before = self._copy()
        outer, self.breaks = self.breaks, []
        body = self.body(node.body)
        endless = known is not UNKNOWN and bool(known)
        self.assigned = None if endless else before
        for leaving in self.breaks:
            self.assigned = _both(self.assigned, leaving)
        self.breaks = outer

        def emit() -> None:
            f = self.f
            with f.block() as done, f.loop() as again:
                test()
                f.op("i32.eqz")
                f.br_if(done)
                self._turning(done, body)
                f.br(again)
            if endless:
                # Only a break leads here, but the assembler cannot know where none does.
                f.op("nop")

        return emit

    def _for_statement(self, node: ast.For) -> Emit:
        if node.orelse:
            refuse(node, "for … else is not compiled; use a variable")
        over = self.tried(node, node.iter, lambda: self.over(node.iter))
        before = self._copy()
        bound: Emit | None = None
        if over is not None:
            items = over.items
            bound = self.tried(node, node.target, lambda: self.bind(node.target, items))
        else:
            self.lose(node.target)
        outer, self.breaks = self.breaks, []
        body = self.body(node.body)
        self.assigned, self.breaks = before, outer

        if over is None or bound is None:
            return nothing
        run, begin = over.run, bound

        def turn() -> None:
            begin()
            body()

        return lambda: run(turn)

    breaks: list[set[str] | None]

    def _break_statement(self, node: ast.Break) -> Emit:
        self.breaks.append(self._copy())
        self.assigned = None

        def emit() -> None:
            turn = self.turns[-1]
            if turn.close is not None:
                turn.close()
            self.f.br(turn.done)

        return emit

    def _continue_statement(self, node: ast.Continue) -> Emit:
        self.assigned = None
        return lambda: self.f.br(self.turns[-1].next)

    def _match_statement(self, node: ast.Match) -> Emit:
        """As a row of ifs: patterns are values, ``|`` of them, or ``_``."""
        name = f"match at {node.lineno}"
        subject = ast.copy_location(ast.Name(name, ast.Store()), node)
        keep = self.tried(
            node, node.subject, lambda: self.assign(name, self.value(node.subject), node)
        )
        if keep is None:
            self.lose(subject)
            keep = nothing
        rest: list[ast.stmt] = []
        for case in reversed(node.cases):
            test = self._tried_pattern(case.pattern, name)
            if case.guard is not None:
                test = ast.BoolOp(ast.And(), [test, case.guard])
            chosen = ast.If(test, case.body, rest)
            rest = [ast.fix_missing_locations(ast.copy_location(chosen, case.pattern))]
        body = self.body(rest)

        def emit() -> None:
            keep()
            body()

        return emit

    def _tried_pattern(self, pattern: ast.pattern, name: str) -> ast.expr:
        test = self.tried(pattern, pattern, lambda: self._pattern(pattern, name))
        if test is not None:
            return test
        always = ast.copy_location(ast.Constant(True), pattern)
        return ast.fix_missing_locations(always)

    def _pattern(self, pattern: ast.pattern, name: str) -> ast.expr:
        subject = ast.copy_location(ast.Name(name, ast.Load()), pattern)
        test: ast.expr
        if isinstance(pattern, ast.MatchValue):
            test = ast.Compare(subject, [ast.Eq()], [pattern.value])
        elif isinstance(pattern, ast.MatchSingleton):
            test = ast.Compare(subject, [ast.Is()], [ast.Constant(pattern.value)])
        elif isinstance(pattern, ast.MatchOr):
            test = ast.BoolOp(ast.Or(), [self._pattern(x, name) for x in pattern.patterns])
        elif isinstance(pattern, ast.MatchAs) and pattern.name is None:
            test = ast.Constant(True)
        else:
            refuse(pattern, "patterns are values, `|` of values, or `_` here")
        return ast.fix_missing_locations(ast.copy_location(test, pattern))

    # --- ends ------------------------------------------------------------------------------------

    def _return_statement(self, node: ast.Return) -> Emit:
        value: Value | None = None
        if node.value is not None:
            value = self.value(node.value)
            if self.result == k.NOTHING:
                if value.kind not in (k.NONE, k.NOTHING):
                    refuse(node, "this function returns None; annotate what it returns")
            else:
                value = self.coerce(value, self.result, self.result_label, None, node)
        elif self.result not in (k.NOTHING, k.UNTOLD):
            if not isinstance(self.result, k.Option):
                refuse(node, f"this function returns {self.result}")
            value = Value(self.result, lambda: self.f.i32(0))
        self.assigned = None
        found = value

        def emit() -> None:
            if found is not None:
                found.emit()
                if self.result == k.NOTHING:
                    for _ in found.kind.wasm:
                        self.f.op("drop")
            for close in reversed(self.frame.leaving):
                close()
            self.frame.leave()
            self.f.op("return")

        return emit

    def _raise_statement(self, node: ast.Raise) -> Emit:
        if node.exc is None or node.cause is not None:
            refuse(node, "raise names what it raises, and nothing else: raise ReducerError(…)")
        call = node.exc if isinstance(node.exc, ast.Call) else ast.Call(node.exc, [], [])
        raised = self.check(call.func)
        class_ = raised.object if isinstance(raised, Known) else None
        if not (isinstance(class_, type) and issubclass(class_, Exception)):
            refuse(node, "raise takes an exception, such as ReducerError(…)")
        if not _plainly_told(class_, bool(call.args)):
            name = class_.__name__
            refuse(node, f"{name} makes its text itself; raise ReducerError(…) with the whole text")
        if len(call.args) > 1 or call.keywords:
            refuse(node, "an exception takes one text")
        if call.args:
            text = self.text_of(self.value(call.args[0]), node)
        else:
            text = self.constant("", node)
        self.assigned = None

        def emit() -> None:
            if issubclass(class_, ReducerError):
                text.emit()
                self.f.global_set("err_text")
                self.f.i32(REFUSED)
                self.f.global_set("err")
                self.f.br(self.frame.errors[-1])
                return
            self.f.i32(self.unit.text(f"{class_.__name__}: "))
            text.emit()
            self.f.call("rt.str_concat")
            self.frame.crash_with(self.line(node))

        return emit

    def _assert_statement(self, node: ast.Assert) -> Emit:
        test, _, _ = self.condition(node.test)
        message = self.constant("", node)
        if node.msg is not None:
            message = self.text_of(self.value(node.msg), node)

        def emit() -> None:
            test()
            self.f.op("i32.eqz")
            with self.f.if_():
                self.f.i32(self.unit.text("AssertionError: "))
                message.emit()
                self.f.call("rt.str_concat")
                self.frame.crash_with(self.line(node))

        return emit

    # --- the whole -------------------------------------------------------------------------------

    def compile(self, parameters: dict[str, k.Kind | None], result: k.Kind, label: str) -> int:
        """Compile the function; the size of its frame in bytes.

        What is refused is told to the unit; a function with problems has no code.
        """
        self.refused = set()
        self.result, self.result_label = result, label
        self.turns: list[Turn] = []
        statements = self.source.tree.body
        given = {name for name, kind in parameters.items() if kind is not None}
        body: Emit = lambda: None  # noqa: E731  (replaced in the first round)
        for self.rounds in range(_ROUNDS):
            self.grown = False
            self.assigned = set(given)
            self.breaks = []
            for name, kind in parameters.items():
                if kind is not None:
                    self.names.setdefault(name, kind)
                    self.first_lines.setdefault(name, self.source.tree.lineno)
            body = self.body(statements)
            if not self.grown:
                break
        ends = self.assigned is not None
        if ends and result not in (k.NOTHING, k.UNTOLD) and not isinstance(result, k.Option):
            refuse(self.source.tree, f"{self.source.name} may end without returning {result}")
        if self.incomplete or k.UNTOLD in (result, *self.names.values()):
            return 0
        self._emit(body, parameters, result)
        return self.frame.finish()

    def _emit(self, body: Emit, parameters: dict[str, k.Kind | None], result: k.Kind) -> None:
        f, place = self.f, 0
        with f.block() as failed:
            self.frame.errors.append(failed)
            for name, kind in parameters.items():
                if kind is None:
                    continue
                for offset in range(len(kind.wasm)):
                    f.get(place + offset)
                place += len(kind.wasm)
                wanted = self.names[name]
                assert isinstance(wanted, k.Kind)
                self.frame.convert(kind, wanted)
                self.frame.store(self.variable(name))
            body()
            if isinstance(result, k.Option):
                f.i32(0)
            if result == k.NOTHING or isinstance(result, k.Option):
                self.frame.leave()
                f.op("return")
            else:
                f.op("unreachable")
            self.frame.errors.pop()
        self.frame.leave()
        for type_ in result.wasm:
            {"i32": f.i32, "i64": f.i64, "f64": f.f64}[type_](0)


def _plainly_told(class_: type[Exception], with_text: bool) -> bool:
    """Whether an exception's text is what it was raised with: KeyError's, for one, has quotes."""
    own = any(
        isinstance(vars(each).get(name), FunctionType)
        for each in class_.__mro__
        if each not in ReducerError.__mro__
        for name in ("__init__", "__new__", "__str__")
    )
    shown = class_.__str__ in (BaseException.__str__, ReducerError.__str__)
    return not own and (shown or not with_text)


def _both(a: set[str] | None, b: set[str] | None) -> set[str] | None:
    """What has a value on both ways; a way that ends does not count."""
    if a is None:
        return b
    return a if b is None else a & b
