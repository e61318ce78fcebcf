"""Whether a database still is what code was generated for.

Compared is what the code knows: its tables, reducers and procedures, and all types in them. What
the database has beyond that is nobody's concern here.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from harness.wire import types as t
from harness.wire.schema import ModuleDef


def differences(known: ModuleDef, served: ModuleDef) -> list[str]:
    """A line for each thing that is not as the code knows it."""
    compare = _Comparison(known.typespace, served.typespace)
    found: list[str] = []
    tables = {x.name: (t.Ref(x.row), x.primary_key) for x in served.tables}
    for view in served.views:
        row = served.view_row(view)
        if row is not None:
            tables[view.name] = (t.Ref(row), None)
    views = {view.name for view in served.views}
    for table in known.tables:
        if table.name not in tables:
            found.append(f"table {table.name!r} is gone")
            continue
        other, key = tables[table.name]
        found += compare.types(f"table {table.name!r}", t.Ref(table.row), other)
        if table.name not in views and table.primary_key not in (None, key):
            found.append(f"table {table.name!r} has another primary key")
    found += compare.functions("reducer", known.reducers, served.reducers, lambda _: t.UNIT)
    found += compare.functions(
        "procedure", known.procedures, served.procedures, lambda x: x.returns
    )
    return found


class _Comparison:
    """Types are alike if their bytes are, and their fields have the same names."""

    def __init__(self, known: t.Typespace, served: t.Typespace) -> None:
        self._known, self._served = known, served
        #: Pairs that are found alike, or are being compared: types can contain themselves.
        self._alike: set[tuple[t.Type, t.Type]] = set()

    def functions(
        self, kind: str, known: Sequence[Any], served: Sequence[Any],
        returns: Callable[[Any], t.Type],
    ) -> list[str]:  # fmt: skip
        found = []
        by_name = {x.name: x for x in served}
        for function in known:
            other = by_name.get(function.name)
            if other is None:
                found.append(f"{kind} {function.name!r} is gone")
                continue
            what = f"{kind} {function.name!r}"
            found += self.types(what, function.params, other.params)
            found += self.types(f"the result of {what}", returns(function), returns(other))
        return found

    def types(self, what: str, known: t.Type, served: t.Type) -> list[str]:
        """At most one line about two types."""
        difference = self._differ(known, served, "")
        return [] if difference is None else [f"{what}{difference}"]

    def _differ(self, known: t.Type, served: t.Type, path: str) -> str | None:
        known, served = self._known.resolve(known), self._served.resolve(served)
        if (known, served) in self._alike:
            return None
        self._alike.add((known, served))
        place = f", {path[1:]}" if path else ""
        if type(known) is not type(served) or (isinstance(known, t.Scalar) and known != served):
            return f"{place}: {_shown(known)} here, {_shown(served)} there"
        if isinstance(known, t.Array) and isinstance(served, t.Array):
            return self._differ(known.element, served.element, f"{path}[]")
        if isinstance(known, t.Product) and isinstance(served, t.Product):
            ours: list[Any] = list(known.elements)
            theirs: list[Any] = list(served.elements)
        elif isinstance(known, t.Sum) and isinstance(served, t.Sum):
            ours, theirs = list(known.variants), list(served.variants)
        else:
            return None
        if [_plain(x.name) for x in ours] != [_plain(x.name) for x in theirs]:
            names = [", ".join(x.name or "?" for x in part) or "nothing" for part in (ours, theirs)]
            return f"{place}: ({names[0]}) here, ({names[1]}) there"
        for our, their in zip(ours, theirs, strict=True):
            found = self._differ(our.type, their.type, f"{path}.{our.name}")
            if found is not None:
                return found
        return None


def _plain(name: str | None) -> str:
    """Names without what the policies for names change."""
    return (name or "").replace("_", "").casefold()


def _shown(type_: t.Type) -> str:
    match type_:
        case t.Scalar():
            return type_.name
        case t.Array():
            return "an array"
        case t.Product():
            return "a product"
        case _:
            return "a sum"
