"""The JSON of a module definition → the model, with everything that is wrong with it at once.

What the model cannot hold (an unknown type, a primary key of two columns, a column that is not
there) is told and taken out, so that the checks of the rest still find what they find.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from harness.errors import SchemaError
from harness.gen.checking import check
from harness.wire import jsontext, schema_json
from harness.wire import types as t
from harness.wire.schema import ModuleDef

_SCALARS = frozenset(t.Scalar(kind).name for kind in t.Kind)
_UNIT: dict[str, Any] = {"Product": {"elements": []}}
_KNOWN = "Ref, Sum, Product, Array, String, Bool, integers and floats"
#: Types are nested no deeper than this: no value could be.
DEPTH_LIMIT = 128


def read_text(text: str | bytes) -> tuple[ModuleDef, list[str]]:
    """The definition, and warnings. Raises ``SchemaError`` with a line for each problem."""
    from harness.errors import DecodeError

    try:
        found = jsontext.loads(text)
    except DecodeError as error:
        raise SchemaError(f"the module definition is {error}") from None
    return read(found)


def read(json: Any) -> tuple[ModuleDef, list[str]]:
    """The definition, and warnings. Raises ``SchemaError`` with a line for each problem."""
    warnings: list[str] = []
    cleaner = _Cleaner()
    try:
        module = schema_json.from_json(cleaner.clean(json), warnings)
        problems = cleaner.problems + check(module)
    except SchemaError as error:
        problems = [*cleaner.problems, str(error)]
    except RecursionError:
        problems = ["the module definition is nested too deeply"]
    if problems:
        raise SchemaError("\n".join(dict.fromkeys(problems)))
    return module, warnings


@dataclass(slots=True)
class _Cleaner:
    """Copies JSON, leaving out what the model cannot hold."""

    problems: list[str] = field(default_factory=list)

    def clean(self, json: Any) -> Any:
        if not isinstance(json, dict):
            return json
        if len(json) == 1 and "sections" not in json:
            ((version, inner),) = json.items()
            return {version: self.clean(inner)} if version in ("V9", "V10") else json
        if "sections" in json:
            return self._sections(json)
        return self._whole(json, "name", "name", "types", "tables", "reducers", "misc_exports")

    def _sections(self, json: dict[str, Any]) -> Any:
        sections = json["sections"]
        if not isinstance(sections, list) or not all(
            isinstance(x, dict) and len(x) == 1 for x in sections
        ):
            return json
        flat = {name: payload for section in sections for name, payload in section.items()}
        if len(flat) < len(sections):
            return json
        inside = flat.pop("Submodules", None)
        flat = self._whole(
            {**flat, "typespace": flat.get("Typespace")},
            "source_name", "source_name", "Types", "Tables", "Reducers", "Procedures", "Views",
        )  # fmt: skip
        typespace = flat.pop("typespace")
        if "Typespace" in flat:
            flat["Typespace"] = typespace
        self._outcomes(flat.get("Reducers"))
        self._schedules(flat.get("Schedules"))
        if inside is not None:
            flat["Submodules"] = self._submodules(inside)
        return {"sections": [{name: payload} for name, payload in flat.items()]}

    def _submodules(self, json: Any) -> Any:
        """Each by itself: what is wrong in one has its name in front."""
        if not isinstance(json, list):
            return json
        found = []
        for one in json:
            module = one.get("module") if isinstance(one, dict) else None
            if not isinstance(module, dict) or "sections" not in module:
                found.append(one)
                continue
            inner = _Cleaner()
            found.append({**one, "module": inner._sections(module)})
            self.problems += [
                f"submodule {_text(one.get('namespace'))}: {x}" for x in inner.problems
            ]
        return found

    def _whole(
        self, json: dict[str, Any], name: str, inner: str, types: str, tables: str, *functions: str
    ) -> dict[str, Any]:
        """Everything of either version that has types in it."""
        json = dict(json)
        space = json.get("typespace")
        listed = space.get("types") if isinstance(space, dict) else None
        if not isinstance(listed, list):
            return json
        places: dict[int, str] = {}
        for entry in _dicts(json.get(types)):
            if isinstance(entry.get("ty"), int) and isinstance(entry.get(name), dict):
                places[entry["ty"]] = f"type {_text(entry[name].get(inner))}"
        for entry in _dicts(json.get(tables)):
            if isinstance(entry.get("product_type_ref"), int):
                places[entry["product_type_ref"]] = f"table {_text(entry.get(name))}"
        cleaned = [
            self._type(type_, places.get(index, f"type {index} of the typespace"), "")
            for index, type_ in enumerate(listed)
        ]
        json["typespace"] = {**space, "types": cleaned}  # type: ignore[dict-item]  # it is one
        if isinstance(json.get(tables), list):
            json[tables] = [x for x in (self._table(x, name, cleaned) for x in json[tables]) if x]
        for key in functions:
            if isinstance(json.get(key), list):
                json[key] = [self._function(x, name, key) for x in json[key]]
        return json

    # --- types -----------------------------------------------------------------------------------

    def _type(self, json: Any, where: str, path: str, depth: int = 0) -> Any:
        if not isinstance(json, dict) or len(json) != 1:
            return json
        ((tag, inner),) = json.items()
        if tag in _SCALARS or tag == "Ref":
            return json
        if depth > DEPTH_LIMIT:
            self.problems.append(f"a type is nested deeper than {DEPTH_LIMIT} ({where}{path})")
            return _UNIT
        if tag == "Array":
            return {tag: self._type(inner, where, path, depth + 1)}
        parts = {"Product": "elements", "Sum": "variants"}.get(tag)
        if parts is None:
            self.problems.append(
                f"unsupported type {tag!r} at {where}{path}: SpacetimeDB has {_KNOWN}"
            )
            return _UNIT
        if not isinstance(inner, dict) or not isinstance(inner.get(parts), list):
            return json
        word = "variant" if tag == "Sum" else "column" if where.startswith("table") else "field"
        word = "parameter" if where.startswith(("reducer", "procedure")) else word
        found = []
        for place, part in enumerate(inner[parts]):
            if not isinstance(part, dict) or "algebraic_type" not in part:
                return json
            named = _option_text(part.get("name"), str(place))
            deeper = f"{path}, {word} {named}" if not path else f"{path}.{named}"
            made = self._type(part["algebraic_type"], where, deeper, depth + 1)
            found.append({**part, "algebraic_type": made})
        return {tag: {**inner, parts: found}}

    # --- tables ----------------------------------------------------------------------------------

    def _table(self, json: Any, name: str, types: list[Any]) -> Any:
        """The table; None if it cannot be one."""
        if not isinstance(json, dict) or not isinstance(json.get("product_type_ref"), int):
            return json
        where = f"table {_text(json.get(name))}"
        columns = _columns(types, json["product_type_ref"])
        if columns is None:
            self.problems.append(
                f"{where}: its rows are type {json['product_type_ref']}, which is no product of the"
                f" typespace of {len(types)}"
            )
            return None
        json = dict(json)
        keys = json.get("primary_key")
        if isinstance(keys, list) and len(keys) > 1:
            shown = ", ".join(_text(columns[k]) if _inside(k, columns) else str(k) for k in keys)
            self.problems.append(
                f"{where} has a primary key of several columns ({shown}); make it one column, and"
                " the others unique"
            )
            json["primary_key"] = []
        elif isinstance(keys, list) and not self._there(keys, columns, f"{where}: its primary key"):
            json["primary_key"] = []
        for key, what, inner in (
            ("indexes", "index", "algorithm"),
            ("constraints", "constraint", "data"),
            ("sequences", "sequence", None),
        ):
            if isinstance(json.get(key), list):
                json[key] = [
                    part
                    for place, part in enumerate(json[key])
                    if not isinstance(part, dict)
                    or self._there(
                        _numbers(part if inner is None else part.get(inner)),
                        columns,
                        f"{where}: {what} {place}",
                    )
                ]
        return json

    def _there(self, numbers: Any, columns: list[str], what: str) -> bool:
        wrong = [x for x in numbers if isinstance(x, int) and not _inside(x, columns)]
        if wrong:
            self.problems.append(
                f"{what} names column {wrong[0]}, and there are {len(columns)}, from 0"
            )
        return not wrong

    # --- functions -------------------------------------------------------------------------------

    def _function(self, json: Any, name: str, key: str) -> Any:
        if not isinstance(json, dict):
            return json
        if key == "misc_exports" and len(json) == 1:
            ((kind, inner),) = json.items()
            return {kind: self._function(inner, name, f"{kind}s")}
        word = {"reducers": "reducer", "views": "view"}.get(key.lower(), "procedure")
        where = f"{word} {_text(json.get(name))}"
        json = dict(json)
        params = json.get("params")
        if isinstance(params, dict):
            json["params"] = self._type({"Product": params}, where, "").get("Product", params)
        if "return_type" in json:
            json["return_type"] = self._type(json["return_type"], f"the result of {where}", "")
        return json

    def _outcomes(self, reducers: Any) -> None:
        for reducer in _dicts(reducers):
            where = f"reducer {_text(reducer.get('source_name'))}"
            if reducer.get("ok_return_type", _UNIT) != _UNIT:
                self.problems.append(f"{where} returns a value; a reducer returns nothing")
            if reducer.get("err_return_type", {"String": []}) != {"String": []}:
                self.problems.append(f"{where} has errors that are no texts; they are String")

    def _schedules(self, schedules: Any) -> None:
        seen: set[str] = set()
        for schedule in _dicts(schedules):
            table = _text(schedule.get("table_name"))
            if table in seen:
                self.problems.append(f"table {table} is scheduled twice; keep one schedule")
            seen.add(table)


def _dicts(json: Any) -> list[dict[str, Any]]:
    return [x for x in json if isinstance(x, dict)] if isinstance(json, list) else []


def _text(json: Any) -> str:
    return repr(json) if isinstance(json, str) else "without a name"


def _option_text(json: Any, instead: str) -> str:
    """A name of SATS-JSON, which may be missing."""
    if isinstance(json, dict) and isinstance(json.get("some"), str):
        return str(json["some"])
    return json if isinstance(json, str) else instead


def _columns(types: list[Any], index: int) -> list[str] | None:
    """The names of a row's columns; None if there is no such product."""
    for _ in types:
        type_ = types[index] if 0 <= index < len(types) else None
        if not isinstance(type_, dict):
            return None
        if isinstance(type_.get("Ref"), int):
            index = type_["Ref"]
            continue
        product = type_.get("Product")
        elements = product.get("elements") if isinstance(product, dict) else None
        if not isinstance(elements, list):
            return None
        return [
            _option_text(x.get("name") if isinstance(x, dict) else None, str(place))
            for place, x in enumerate(elements)
        ]
    return None


def _inside(number: Any, columns: list[str]) -> bool:
    return isinstance(number, int) and 0 <= number < len(columns)


def _numbers(json: Any) -> list[Any]:
    """The columns that an algorithm, a constraint or a sequence names."""
    if not isinstance(json, dict):
        return []
    if "column" in json:
        return [json["column"]]
    found: list[Any] = []
    for inner in json.values():
        if isinstance(inner, list):
            found += inner
        elif isinstance(inner, dict):
            found += inner.get("columns", []) if isinstance(inner.get("columns"), list) else []
        elif isinstance(inner, int):
            found.append(inner)
    return found
