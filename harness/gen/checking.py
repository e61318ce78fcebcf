"""What makes a definition invalid, as the server sees it: all of it at once.

Source of the rules: `crates/schema/src/{error,identifier}.rs` and `def/validate` of
SpacetimeDB 2.8.3.
"""

from __future__ import annotations

from collections.abc import Iterable

from harness.errors import HarnessError, SchemaError
from harness.gen.planning import has_class
from harness.module.problems import Problems
from harness.wire import codec, program
from harness.wire import schema as s
from harness.wire import types as t

#: Bytes.
_LONGEST_NAMESPACE = 63
_DIRECT = {t.U8, t.U16, t.U32, t.U64}


def check(module: s.ModuleDef) -> list[str]:
    """A line for each problem; none if code can be generated."""
    checks = _Checks(module)
    checks.run()
    return checks.problems + _submodules(module)


def _submodules(module: s.ModuleDef) -> list[str]:
    """What is wrong with namespaces, and with the modules in them."""
    names = Problems()
    found: list[str] = []
    seen: set[str] = set()
    for place, submodule in enumerate(module.submodules):
        name = submodule.namespace
        names.identifier(f"the namespace {name!r}", name, f"submodule {place} of the schema")
        size = len(name.encode("utf-8", "replace"))
        if size > _LONGEST_NAMESPACE:
            found.append(
                f"the namespace {name!r} has {size} bytes; {_LONGEST_NAMESPACE} are the limit"
            )
        if name in seen:
            found.append(f"two submodules have the namespace {name!r}; rename one")
        seen.add(name)
        inside = check(submodule.module)
        inside += [
            f"reducer {x.name!r} is for {x.lifecycle.value}, which is for the outermost module"
            for x in submodule.module.reducers
            if x.lifecycle is not None
        ]
        found += [f"submodule {name!r}: {x}" for x in inside]
    return names.problems + found


class _Checks(Problems):
    def __init__(self, module: s.ModuleDef) -> None:
        super().__init__()
        self.module = module
        self.space = module.typespace
        self.named = {x.type for x in module.types}
        self.sound = True

    def run(self) -> None:
        self.references()
        if not self.sound:
            return  # the rest follows references
        self.types()
        for place, table in enumerate(self.module.tables):
            self.table(table, f"table {place} of the schema")
        self.functions()
        self.views()

    def say(self, what: str) -> None:
        """A problem whose place is in the sentence."""
        self.problems.append(what)

    def unique(self, what: str, found: Iterable[str | None], where: str) -> None:
        """Names within one thing; each has to be there, and to be there once."""
        seen: dict[str, int] = {}
        for place, name in enumerate(found):
            if name is None:
                self.say(f"{where}: {what} {place} has no name; give it one in the module")
                continue
            self.identifier(f"{what} {name!r}", name, where)
            if name in seen:
                self.say(f"{where}: {what} {name!r} stands twice, at {seen[name]} and {place}")
            seen.setdefault(name, place)

    # --- references ------------------------------------------------------------------------------

    def references(self) -> None:
        """Every reference leads somewhere, and no type contains itself without a name between."""
        roots: list[tuple[str, t.Type]] = [
            (f"type {index} of the typespace", type_)
            for index, type_ in enumerate(self.space.types)
        ]
        roots += [(f"reducer {x.name!r}", x.params) for x in self.module.reducers]
        returning: list[s.ProcedureDef | s.ViewDef] = [*self.module.procedures, *self.module.views]
        for function in returning:
            roots += [(f"{function.name!r}", function.params)]
            roots += [(f"the result of {function.name!r}", function.returns)]
        size = len(self.space.types)
        for where, root in roots:
            waiting = [root]
            while waiting:
                type_ = waiting.pop()
                if isinstance(type_, t.Ref) and not 0 <= type_.index < size:
                    self.sound = False
                    self.say(f"{where} refers to type {type_.index}, and there are {size}")
                waiting.extend(t.children(type_))
        for type_def in self.module.types:
            if not 0 <= type_def.type < size:
                self.sound = False
                self.say(f"type {type_def.name!r} names type {type_def.type}, and there are {size}")
        if self.sound:
            self.cycles()

    def cycles(self) -> None:
        """Raised for what leads back to itself through nothing that has a name."""
        done: set[int] = set()
        for start in range(len(self.space.types)):
            path: list[int] = []
            self._follow(start, path, set(), done)

    def _follow(self, start: int, path: list[int], inside: set[int], done: set[int]) -> None:
        stack = [(start, iter(self._next(start)))] if start not in done else []
        if stack:
            path.append(start)
            inside.add(start)
        while stack:
            index, following = stack[-1]
            after = next(following, None)
            if after is None:
                stack.pop()
                path.pop()
                inside.discard(index)
                done.add(index)
            elif after in inside:
                self.sound = False
                shown = " → ".join(f"type {x}" for x in [*path[path.index(after) :], after])
                self.say(f"a type contains itself, and nothing on the way has a name: {shown}")
                done.add(after)
            elif after not in done:
                stack.append((after, iter(self._next(after))))
                path.append(after)
                inside.add(after)

    def _next(self, index: int) -> list[int]:
        """What a type refers to, unless it has a name and a class of its own: that ends the way."""
        type_ = self.space.types[index]
        if index in self.named and has_class(type_):
            return []
        found: list[int] = []
        waiting = [type_]
        while waiting:
            current = waiting.pop()
            if isinstance(current, t.Ref):
                found.append(current.index)
            waiting.extend(t.children(current))
        return found

    # --- types -----------------------------------------------------------------------------------

    def types(self) -> None:
        seen: dict[tuple[str, ...], int] = {}
        for type_def in self.module.types:
            whole = (*type_def.scope, type_def.name)
            where = f"type {'.'.join(whole)!r}"
            for part in whole:
                self.identifier(f"the name {part!r}", part, where)
            if whole in seen:
                self.say(
                    f"two types are called {'.'.join(whole)!r}, types {seen[whole]} and"
                    f" {type_def.type} of the typespace; rename one"
                )
            seen.setdefault(whole, type_def.type)
            self.parts(where, self.space.types[type_def.type])
            try:
                program.least_size(t.Ref(type_def.type), self.space)
            except SchemaError as error:
                self.say(f"{where}: {error}")
        for index, type_ in enumerate(self.space.types):
            if index not in self.named:
                self.parts(f"type {index} of the typespace", type_)

    def parts(self, where: str, type_: t.Type) -> None:
        """Names inside a type; special types have the names that make them special."""
        waiting = [type_]
        while waiting:
            current = waiting.pop()
            if current in (t.IDENTITY, t.CONNECTION_ID, t.TIMESTAMP, t.TIME_DURATION, t.UUID):
                continue
            if isinstance(current, t.Product):
                self.unique("field", (x.name for x in current.elements), where)
            elif isinstance(current, t.Sum):
                self.unique("variant", (x.name for x in current.variants), where)
                if len(current.variants) > 256:
                    self.say(f"{where} has {len(current.variants)} variants; 256 are the limit")
            waiting.extend(t.children(current))

    # --- tables ----------------------------------------------------------------------------------

    def table(self, table: s.TableDef, place: str) -> None:
        where = f"table {table.name!r}"
        self.identifier(where, table.name, place)
        if table.accessor != table.name:
            self.identifier(f"{where}: its accessor {table.accessor!r}", table.accessor, place)
        if table.name.startswith("st_") and not table.system:
            self.say(f"{where}: names with st_ are reserved for system tables; rename it")
        self.claim(table.name, where, place)
        if table.row not in self.named:
            self.say(f"{where}: its row type, type {table.row} of the typespace, has no name")
        row = self.module.row_type(table)
        self.keys(table, row, where, place)
        for index in table.indexes:
            self.index(index, row, where, place)
        self.sequences(table, row, where, place)
        self.schedule(table, row, where, place)
        self.defaults(table, row, where)

    def keys(self, table: s.TableDef, row: t.Product, where: str, place: str) -> None:
        def shown(columns: tuple[int, ...]) -> str:
            return ", ".join(repr(row.elements[x].name) for x in columns)

        uniques = {x.columns for x in table.uniques}
        if table.primary_key is not None and (table.primary_key,) not in uniques:
            self.say(
                f"{where}: its primary key {shown((table.primary_key,))} has no unique constraint"
            )
        indexed = [set(x.columns) for x in table.indexes]
        for constraint in table.uniques:
            self.claim(constraint.name, f"constraint {constraint.name!r}", place)
            if set(constraint.columns) not in indexed:
                self.say(f"{where}: the unique {shown(constraint.columns)} has no index")

    def index(self, index: s.IndexDef, row: t.Product, where: str, place: str) -> None:
        what = f"index {index.name!r}"
        self.claim(index.name, what, place)
        if index.accessor is not None:
            self.identifier(f"{where}: the accessor {index.accessor!r}", index.accessor, place)
        if not index.columns:
            self.say(f"{where}: the {what} has no columns")
        if len(set(index.columns)) < len(index.columns):
            self.say(f"{where}: the {what} names a column twice")
        if index.algorithm is s.IndexAlgorithm.DIRECT:
            type_ = self.space.resolve(row.elements[index.columns[0]].type)
            if len(index.columns) > 1 or not (type_ in _DIRECT or t.is_plain_enum(type_)):
                self.say(
                    f"{where}: the {what} is direct, which is for one column of u8 to u64 or of an"
                    " enum without payloads"
                )

    def sequences(self, table: s.TableDef, row: t.Product, where: str, place: str) -> None:
        seen: set[int] = set()
        for sequence in table.sequences:
            self.claim(sequence.name, f"sequence {sequence.name!r}", place)
            column = row.elements[sequence.column]
            what = f"{where}: the sequence of column {column.name!r}"
            type_ = self.space.resolve(column.type)
            if not isinstance(type_, t.Scalar) or type_.kind not in t.INTEGERS:
                self.say(f"{what} is for integers alone")
            if sequence.column in seen:
                self.say(f"{what} is its second one; keep one")
            seen.add(sequence.column)
            low, high = sequence.min_value, sequence.max_value
            if low is not None and high is not None and low >= high:
                self.say(f"{what} has no numbers between {low} and {high}")
            start = sequence.start
            if start is not None and (
                (low is not None and start < low) or (high is not None and start > high)
            ):
                self.say(f"{what} starts at {start}, outside of its range")

    def schedule(self, table: s.TableDef, row: t.Product, where: str, place: str) -> None:
        schedule = table.schedule
        if schedule is None:
            return
        self.claim(schedule.name, f"schedule {schedule.name!r}", place)
        key = None if table.primary_key is None else row.elements[table.primary_key]
        if key is None or self.space.resolve(key.type) != t.U64:
            self.say(f"{where} is scheduled: it needs a primary key scheduled_id of u64")
        if schedule.column >= len(row.elements):
            self.say(f"{where} is scheduled by column {schedule.column}, which it has not")
        elif self.space.resolve(row.elements[schedule.column].type) != t.SCHEDULE_AT:
            name = row.elements[schedule.column].name
            self.say(f"{where} is scheduled by {name!r}, which is no ScheduleAt")
        functions = {x.name: x.params for x in self.module.reducers}
        functions |= {x.name: x.params for x in self.module.procedures}
        params = functions.get(schedule.function)
        if params is None:
            self.say(f"{where} schedules {schedule.function!r}, which is no reducer or procedure")
        elif [self.space.resolve(x.type) for x in params.elements] != [row]:
            self.say(f"{where} schedules {schedule.function!r}, which does not take its row")

    def defaults(self, table: s.TableDef, row: t.Product, where: str) -> None:
        seen: set[int] = set()
        for default in table.defaults:
            if default.column >= len(row.elements):
                self.say(f"{where}: a default is for column {default.column}, which it has not")
                continue
            column = row.elements[default.column]
            what = f"{where}: the default of column {column.name!r}"
            if default.column in seen:
                self.say(f"{what} is its second one; keep one")
            seen.add(default.column)
            try:
                codec.compile(column.type, self.space).decode(default.value)
            except HarnessError as error:
                self.say(f"{what} is no value of its type: {error}")

    # --- functions -------------------------------------------------------------------------------

    def functions(self) -> None:
        module = self.module
        seen: dict[str, str] = {}
        functions: list[tuple[str, s.ReducerDef | s.ProcedureDef | s.ViewDef]] = []
        functions += [("reducer", x) for x in module.reducers]
        functions += [("procedure", x) for x in module.procedures]
        functions += [("view", x) for x in module.views]
        for place, (kind, function) in enumerate(functions):
            where = f"{kind} {function.name!r}"
            at = f"function {place} of the schema"
            self.identifier(where, function.name, at)
            if function.accessor != function.name:  # the code has this one
                self.identifier(
                    f"{where}: its accessor {function.accessor!r}", function.accessor, at
                )
            self.unique("parameter", (x.name for x in function.params.elements), where)
            for element in function.params.elements:
                self.parts(where, element.type)
            if function.name in seen:
                self.say(
                    f"{where}: the name is taken by the {seen[function.name]}; functions share one"
                    " namespace, rename one"
                )
            seen.setdefault(function.name, where)
        for procedure in module.procedures:
            self.parts(f"the result of procedure {procedure.name!r}", procedure.returns)
        lifecycles: dict[s.Lifecycle, str] = {}
        for reducer in module.reducers:
            if reducer.lifecycle is None:
                continue
            if reducer.lifecycle in lifecycles:
                self.say(
                    f"reducers {lifecycles[reducer.lifecycle]!r} and {reducer.name!r} are both for"
                    f" {reducer.lifecycle.value}; keep one"
                )
            lifecycles.setdefault(reducer.lifecycle, reducer.name)

    def views(self) -> None:
        for view in self.module.views:
            where = f"view {view.name!r}"
            if view.name in self.names:
                self.say(f"{where}: the name is taken by the {self.names[view.name]}")
            row = self.module.view_row(view)
            product = None if row is None else self.space.resolve(t.Ref(row))
            if not isinstance(product, t.Product):
                self.say(f"{where} returns no list, option or query of rows")
                continue
            if row not in self.named:
                self.say(f"{where}: its row type, type {row} of the typespace, has no name")
            columns = [x.name for x in product.elements]
            for column in view.primary_key:
                if column not in columns:
                    self.say(f"{where}: its primary key {column!r} is no column of its rows")
