"""A module definition → what is to be written; names that clash are found here.

No name depends on what else there is: adding a table never renames another. So two names that
become one are an error, with what to do about it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from harness.client.tables import free_name
from harness.gen import names
from harness.gen import plan as p
from harness.wire import schema as s
from harness.wire import types as t
from harness.wire import values as v

#: What the package exports itself: a type of this name stays in ``types``.
EXPORTS = frozenset(
    {
        "DbConnection",
        "Event",
        "EventContext",
        "Procedures",
        "Query",
        "Reducer",
        "Reducers",
        "Tables",
    }
)
#: Files of a package, and what stands at its top beside the types: no submodule's package is that.
_NOT_PACKAGES = frozenset(
    {"_schema", "final", "procedures", "queries", "query", "reducers", "tables", "types"}
    | {"with_options"}
)
#: What objects that have tables and functions as attributes have of their own.
_OF_BASES = frozenset(
    {"_cols", "_connection", "_kind", "_module", "_submodules", "_tables", "_timeout_s"}
)
_REMEDY = "rename one in the module, or in [tool.harness.rename]"
#: Modules import these by name.
_IN_TYPES = frozenset({"TypeAlias", "attrs", "dataclass", "final"})
_SPECIAL = {*v.SPECIAL, t.UUID, t.BYTES, t.UNIT, t.NEVER, t.SCHEDULE_AT}


@dataclass(frozen=True, slots=True)
class Options:
    """What can be chosen. ``rename`` maps paths such as ``table:user.class`` to Python names."""

    row_class: str = "msgspec"
    include_private: bool = False
    rename: Mapping[str, str] = field(default_factory=dict)


class Planner:
    """Collects problems; the plan is good if there are none."""

    def __init__(
        self, module: s.ModuleDef, options: Options, path: tuple[str, ...] = (),
        unused: set[str] | None = None,
    ) -> None:  # fmt: skip
        """``path`` has the namespaces of a submodule, ``unused`` the renames nobody has used."""
        self.module = module
        self.options = options
        self.path = path
        #: In front of every name on the wire, and in paths of renames.
        self.prefix = "".join(f"{x}." for x in path)
        self.problems: list[str] = []
        self.plan = p.Plan(row_class=options.row_class, depth=len(path))
        self._names = {x.type: names.class_name(*x.scope, x.name) for x in module.types}
        self._sources = {x.type: ".".join((*x.scope, x.name)) for x in module.types}
        self._unused = set(options.rename) if unused is None else unused
        #: Of each submodule its package's name.
        self._packages: dict[str, str] = {}
        #: Class name → what it is, for ``types.py``.
        self._classes: dict[str, str] = {}
        self._products: dict[str, p.ProductType] = {}
        self._by_name: dict[str, p.NamedType] = {}
        #: Functions that no client calls; V9 does not say that they are private.
        self._scheduled = {x.schedule.function for x in module.tables if x.schedule is not None}
        self._row_tables: dict[int, list[s.TableDef]] = {}
        for table in module.tables:
            self._row_tables.setdefault(table.row, []).append(table)

    def run(self) -> p.Plan:
        self._name_submodules()
        for type_ in self.module.types:
            renamed = self._renamed(f"type:{self._sources[type_.type]}")
            if renamed is not None:
                self._names[type_.type] = renamed
        for type_ in sorted(self.module.types, key=lambda x: self._names[x.type]):
            self._claim(self._names[type_.type], f"type {self._sources[type_.type]!r}")
        self._more_than_capitals()
        for type_ in sorted(self.module.types, key=lambda x: self._names[x.type]):
            self._named(type_.type)
        self._tables()
        self._reducers()
        self._procedures()
        plan = self.plan
        plan.types.sort(key=lambda x: x.name)
        for name in plan.classes():
            if name in EXPORTS:
                plan.warnings.append(
                    f"the type {name!r} has the name of something that the package exports: import"
                    " it from the package's module `types`"
                )
            else:
                plan.exported.append(name)
        self._submodules()
        if not self.path:
            for path in sorted(self._unused):
                self.problems.append(
                    f"rename: nothing is called {path!r}; paths are such as table:user.class,"
                    " reducer:f.arg, type:T.field"
                )
        return plan

    # --- submodules ------------------------------------------------------------------------------

    def _name_submodules(self) -> None:
        for submodule in self.module.submodules:
            source = submodule.namespace
            name = self._renamed(f"submodule:{source}")
            taken = _NOT_PACKAGES | _OF_BASES
            self._packages[source] = name or names.safe(names.member(source), taken)
            if name in taken:
                self.problems.append(f"rename: a submodule's package cannot be called {name!r}")
        self._distinct("the module", "submodule", self._packages.items())

    def _submodules(self) -> None:
        plan = self.plan
        beside = {
            "table": {names.key(x.accessor): x.name for x in plan.tables},
            "type": {names.key(x): x for x in plan.exported},
            "reducer": {names.key(x.name): x.wire for x in plan.reducers},
            "procedure": {names.key(x.name): x.wire for x in plan.procedures},
        }
        for submodule in self.module.submodules:
            source = submodule.namespace
            inner = Planner(submodule.module, self.options, (*self.path, source), self._unused)
            found = inner.run()
            self.problems += [f"submodule {source!r}: {x}" for x in inner.problems]
            plan.notices += found.notices
            plan.warnings += [f"submodule {source!r}: {x}" for x in found.warnings]
            name = self._packages[source]
            plan.submodules.append(p.SubmoduleItem(source, name, found))
            for kind, has in (
                ("table", True),
                ("type", True),
                ("reducer", any(x.reducers for x in found.all_of_them())),
                ("procedure", any(x.procedures for x in found.all_of_them())),
            ):
                taken = beside[kind].get(names.key(name))
                if has and taken is not None:
                    self.problems.append(
                        f"the {kind} {taken!r} and the submodule {source!r} would both be {name!r}:"
                        f" {_REMEDY}"
                    )
        plan.submodules.sort(key=lambda x: x.name)

    def _free(self, name: str, *taken: str) -> str:
        """A table or function, which must not hide what is imported for a submodule."""
        aliases = {p.inside(x) for x in self._packages.values()}
        return names.safe(names.member(name), aliases.union(_OF_BASES, taken))

    # --- names -----------------------------------------------------------------------------------

    def _renamed(self, *paths: str) -> str | None:
        for local in paths:
            kind, _, rest = local.partition(":")
            path = f"{kind}:{self.prefix}{rest}"
            name = self.options.rename.get(path)
            if name is None:
                continue
            self._unused.discard(path)
            if not name.isidentifier() or names.safe(names.single(name)) != name:
                self.problems.append(f"rename: {name!r} for {path!r} cannot be a name of Python")
            return name
        return None

    def _claim(self, name: str, what: str) -> None:
        """A class of ``types.py``."""
        taken = self._classes.get(name)
        if taken is not None:
            self.problems.append(f"{what} and {taken} would both be the class {name!r}: {_REMEDY}")
        elif name in _IN_TYPES:
            self.problems.append(f"{what} cannot be the class {name!r}: {_REMEDY}")
        self._classes.setdefault(name, what)

    def _more_than_capitals(self) -> None:
        """Types have names that differ in more than capitals, unless somebody has chosen one."""
        seen: dict[str, tuple[str, str]] = {}
        for type_ in self.module.types:
            source, name = self._sources[type_.type], self._names[type_.type]
            if name != names.class_name(*type_.scope, type_.name):
                continue
            other, taken = seen.setdefault(name.casefold(), (source, name))
            if taken != name:
                self.problems.append(
                    f"the types {other!r} and {source!r} differ in capitals alone: {_REMEDY}"
                )

    def _distinct(self, where: str, kind: str, pairs: Iterable[tuple[str, str]]) -> None:
        """Of (source, Python name) no two may be equal, nor be so in another language."""
        seen: dict[str, str] = {}
        for source, name in pairs:
            found = {name}
            if name.rstrip("_") == names.member(source).rstrip("_"):  # nobody chose another
                found.add(names.key(source))
            clash = next((seen[x] for x in found if x in seen), None)
            if clash is not None:
                self.problems.append(
                    f"{where}: the {kind}s {clash!r} and {source!r} would both be"
                    f" {names.member(source)!r} in Python: rename one in the module, or in"
                    " [tool.harness.rename]"
                )
            seen |= dict.fromkeys(found, source)

    # --- types -----------------------------------------------------------------------------------

    def _named(self, index: int) -> None:
        source, name = self._sources[index], self._names[index]
        type_ = self.module.typespace.resolve(t.Ref(index))
        if not has_class(type_):
            self._add(p.AliasType(name, self.shape(type_, name, ""), source))
        elif isinstance(type_, t.Product):
            self._product(name, source, type_, self._row_tables.get(index, []))
        elif isinstance(type_, t.Sum):
            self._sum(name, source, type_)

    def _add(self, type_: p.NamedType) -> None:
        self.plan.types.append(type_)
        self._by_name[type_.name] = type_

    def _product(self, name: str, source: str, type_: t.Product, tables: list[s.TableDef]) -> None:
        prefixes = [f"type:{source}", *(f"table:{x.accessor}" for x in tables)]
        fields = self._fields(f"type {source!r}", name, type_.elements, prefixes)
        made = p.ProductType(name, fields, source)
        self._products[name] = made
        self._add(made)

    def _fields(
        self, where: str, owner: str, elements: Iterable[t.Element], prefixes: list[str],
        kind: str = "column",
    ) -> tuple[p.Field, ...]:  # fmt: skip
        found = []
        for element in elements:
            wire = element.name or ""
            shown = self._renamed(*(f"{prefix}.{wire}" for prefix in prefixes))
            if shown is None:
                # To ``dataclass`` a field ``mro`` would have a default, which all classes have.
                shown = names.safe(names.member(wire), {"self", "mro", owner})
                if shown in self._classes:  # it would hide the class from the annotations
                    shown += "_"
            found.append(p.Field(wire, shown, self.shape(element.type, owner, wire)))
        self._distinct(where, kind, ((x.wire, x.name) for x in found))
        return tuple(found)

    def _sum(self, name: str, source: str, type_: t.Sum) -> None:
        where = f"type {source!r}"
        if t.is_plain_enum(type_):
            members = [
                (
                    x.name or "",
                    self._renamed(f"type:{source}.{x.name}") or names.constant(x.name or ""),
                )
                for x in type_.variants
            ]
            shown = [member for _, member in members]
            if len(set(shown)) < len(shown):  # they differ in capitals alone: as they are written
                members = [(wire, names.spelt(wire)) for wire, _ in members]
                self._distinct(where, "variant", [(w, n) for w, n in members])
            self._add(p.EnumType(name, tuple(members), source))
            return
        variants = []
        for variant in type_.variants:
            wire = variant.name or ""
            class_ = self._renamed(f"type:{source}.{wire}") or name + names.class_name(wire)
            self._claim(class_, f"the variant {wire!r} of {where}")
            payload = None
            if self.module.typespace.resolve(variant.type) != t.UNIT or variant.type != t.UNIT:
                payload = self.shape(variant.type, class_, "")
            variants.append(p.VariantType(wire, class_, payload))
        self._add(p.SumType(name, tuple(variants), source))

    def shape(self, type_: t.Type, owner: str, field_: str) -> p.Shape:
        """The type as it is written; what has no name yet gets one of its owner and field."""
        if isinstance(type_, t.Ref):
            index = self._place(type_.index)
            target = self.module.typespace.resolve(type_)
            if index in self._names and has_class(target):
                return p.Named(self._names[index])
            type_ = target
        if isinstance(type_, t.Scalar):
            return type_
        if type_ in _SPECIAL:
            return p.Special(type_)
        if isinstance(type_, t.Array):
            return p.Array(self.shape(type_.element, owner, field_))
        some = t.option_payload(type_)
        if some is not None:
            inner = self.module.typespace.resolve(some)
            wrapped = inner == t.UNIT or t.option_payload(inner) is not None
            return p.Option(self.shape(some, owner, field_), wrapped)
        both = t.result_payloads(type_)
        if both is not None:
            ok, err = (self.shape(x, owner, field_) for x in both)
            return p.Result(ok, err)
        return self._unnamed(type_, owner, field_)

    def _place(self, index: int) -> int:
        """Where a chain of references that have no name themselves leads to."""
        for _ in self.module.typespace.types:
            target = self.module.typespace.types[index]
            if index in self._names or not isinstance(target, t.Ref):
                break
            index = target.index
        return index

    def _unnamed(self, type_: t.Type, owner: str, field_: str) -> p.Shape:
        """A product or sum inside another type: ``<Owner><Field>``, ``<Owner><Field>2`` …"""
        base = owner + (names.class_name(field_) if field_ else "Value")
        name, number = base, 1
        while self._classes.get(name, "").startswith(f"a type inside {owner}"):
            number += 1
            name = f"{base}{number}"
        self._claim(name, f"a type inside {owner}{f'.{field_}' if field_ else ''}")
        if isinstance(type_, t.Product):
            self._product(name, name, type_, [])
        else:
            assert isinstance(type_, t.Sum)
            self._sum(name, name, type_)
        return p.Named(name)

    # --- tables and views ------------------------------------------------------------------------

    def _tables(self) -> None:
        hidden = [
            f"{self.prefix}{x.accessor}"
            for x in self.module.tables
            if not x.public and not x.system
        ]
        if hidden and not self.options.include_private:
            self.plan.notices.append(
                f"Skipping private tables during codegen: {', '.join(sorted(hidden))}."
            )
        found: list[tuple[str, p.TableItem]] = []
        for table in self.module.tables:
            if table.system or not (table.public or self.options.include_private):
                continue
            made = self._table(table)
            if made is not None:
                found.append((table.accessor, made))
        for view in self.module.views:
            made = self._view(view)
            if made is not None:
                found.append((view.accessor, made))
        self._distinct("the database", "table", ((source, x.accessor) for source, x in found))
        self.plan.tables = sorted((x for _, x in found), key=lambda x: x.accessor)
        self._one_class_each("table", [(x.handle, x.name) for x in self.plan.tables])

    def _one_class_each(self, kind: str, pairs: list[tuple[str, str]]) -> None:
        seen: dict[str, str] = {}
        for class_, name in pairs:
            if class_ in seen:
                self.problems.append(
                    f"the {kind}s {seen[class_]!r} and {name!r} would both be the class {class_!r}:"
                    " rename one in the module, or in [tool.harness.rename]"
                )
            seen.setdefault(class_, name)

    def _table(self, table: s.TableDef) -> p.TableItem | None:
        row = self._row(table.row)
        if row is None:
            return None
        where = f"table {table.accessor!r}"
        accessor = self._renamed(f"table:{table.accessor}") or self._free(table.accessor)
        keyed = [x for x in table.unique_columns() if self._hashable(row.fields[x].shape)]
        unique = [] if table.event else keyed
        key = table.primary_key if table.primary_key in unique else None
        indexes = [] if table.event else self._indexes(table, row, unique)
        self._handle_names(where, row, unique, indexes)
        indexed = {x.columns[0] for x in table.indexes} | set(table.unique_columns())
        kind = "event table" if table.event else "public table" if table.public else "private table"
        handle = names.class_name(accessor) + "Table"
        return p.TableItem(
            accessor, self.prefix + table.name, handle, row, kind, key,
            tuple(unique), tuple(indexes), tuple(sorted(indexed)),
        )  # fmt: skip

    def _indexes(
        self, table: s.TableDef, row: p.ProductType, unique: list[int]
    ) -> list[p.IndexItem]:
        found = []
        for index in table.indexes:
            shapes = tuple(row.fields[x].shape for x in index.columns)
            if index.accessor is None or not all(map(self._hashable, shapes)):
                continue
            accessor = names.safe(names.member(index.accessor))
            if any(accessor == row.fields[x].name for x in unique):
                continue  # the unique column of this name does all that it does
            found.append(p.IndexItem(accessor, index.columns, shapes, index.algorithm.value))
        return sorted(found, key=lambda x: x.accessor)

    def _handle_names(
        self, where: str, row: p.ProductType, unique: list[int], indexes: list[p.IndexItem]
    ) -> None:
        seen: dict[str, str] = {}
        pairs = [(row.fields[x].name, f"column {row.fields[x].wire!r}") for x in unique]
        pairs += [(x.accessor, f"index {x.accessor!r}") for x in indexes]
        for name, what in pairs:
            if free_name(name) in seen:
                self.problems.append(
                    f"{where}: the {what} and the {seen[free_name(name)]} would both be the"
                    f" attribute {free_name(name)!r} in Python: rename one in the module"
                )
            seen.setdefault(free_name(name), what)

    def _row(self, index: int) -> p.ProductType | None:
        """The class of rows; None if a problem was told already."""
        place = self._place(index)
        found = self._products.get(self._names.get(place, ""))
        # Of two types with one name, which is a problem, the other may have taken its place.
        return found if found is not None and found.source == self._sources[place] else None

    def _view(self, view: s.ViewDef) -> p.TableItem | None:
        index = self.module.view_row(view)
        row = None if index is None else self._row(index)
        if row is None:
            return None
        accessor = self._renamed(f"table:{view.accessor}", f"view:{view.accessor}") or self._free(
            view.accessor
        )
        key = None
        columns = self.module.view_key(view)
        if len(columns) == 1:
            wires = [x.wire for x in row.fields]
            key = wires.index(columns[0]) if columns[0] in wires else None
            if key is not None and not self._hashable(row.fields[key].shape):
                key = None
        unique = () if key is None else (key,)
        self._handle_names(f"view {view.accessor!r}", row, list(unique), [])
        handle = names.class_name(accessor) + "Table"
        return p.TableItem(
            accessor, self.prefix + view.name, handle, row, "view", key, unique, (), unique,
        )  # fmt: skip

    def _hashable(self, shape: p.Shape, seen: tuple[str, ...] = ()) -> bool:
        """Whether the values can be keys: no lists in them, and no floats, which are not exact."""
        match shape:
            case t.Scalar(kind):
                return kind not in (t.Kind.F32, t.Kind.F64)
            case p.Special():
                return True
            case p.Array():
                return False
            case p.Option(some):
                return self._hashable(some, seen)
            case p.Result(ok, err):
                return self._hashable(ok, seen) and self._hashable(err, seen)
            case p.Named(name):
                if name in seen:
                    return True
                inner = self._by_name.get(name)
                if isinstance(inner, p.ProductType):
                    parts = [x.shape for x in inner.fields]
                elif isinstance(inner, p.SumType):
                    parts = [x.payload for x in inner.variants if x.payload is not None]
                else:
                    parts = []
                return all(self._hashable(part, (*seen, name)) for part in parts)

    # --- functions -------------------------------------------------------------------------------

    def _reducers(self) -> None:
        pairs = []
        for reducer in self.module.reducers:
            if reducer.lifecycle is not None or reducer.private or reducer.name in self._scheduled:
                continue
            source = reducer.accessor
            name = self._renamed(f"reducer:{source}") or self._free(source, "with_options")
            args = names.class_name(name)
            if args in ("Reducer", "Reducers", "TypeAlias"):
                args += "_"
            params = self._params("reducer", source, args, reducer.params)
            self.plan.reducers.append(p.ReducerItem(self.prefix + reducer.name, name, args, params))
            pairs.append((source, name))
        reducers = self.plan.reducers
        self._distinct("the database", "reducer", pairs)
        self._one_class_each("reducer", [(x.args, x.wire) for x in reducers])

    def _params(self, kind: str, source: str, owner: str, params: t.Product) -> tuple[p.Field, ...]:
        return self._fields(
            f"{kind} {source!r}", owner, params.elements, [f"{kind}:{source}"],
            kind="parameter",
        )  # fmt: skip

    def _procedures(self) -> None:
        pairs = []
        for procedure in sorted(self.module.procedures, key=lambda x: x.name):
            if procedure.private or procedure.name in self._scheduled:
                continue
            source = procedure.accessor
            name = self._renamed(f"procedure:{source}") or self._free(source, "with_options")
            pairs.append((source, name))
            owner = names.class_name(name)
            params = self._params("procedure", source, owner, procedure.params)
            returns = self.shape(procedure.returns, owner, "result")
            self.plan.procedures.append(
                p.ProcedureItem(self.prefix + procedure.name, name, params, returns)
            )
        self._distinct("the database", "procedure", pairs)


def has_class(type_: t.Type) -> bool:
    """Whether a type with a name is a class, or a union of some; others are only called so."""
    if isinstance(type_, t.Product):
        return type_ == t.UNIT or type_ not in _SPECIAL
    if not isinstance(type_, t.Sum) or not type_.variants or type_ in _SPECIAL:
        return False
    return t.option_payload(type_) is None and t.result_payloads(type_) is None
