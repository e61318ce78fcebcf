"""Module definitions as JSON, in the two forms that servers serve: V9 and V10.

V9 names are canonical. In V10 ``source_name`` is the accessor, and the section ``ExplicitNames``
maps it to the canonical name.

Source: `crates/lib/src/db/raw_def/{v9,v10}.rs` of SpacetimeDB 2.8.3.
"""

from __future__ import annotations

import warnings
from typing import Any

from harness.errors import SchemaError
from harness.wire import types as t
from harness.wire.schema import (
    DefaultValue,
    IndexAlgorithm,
    IndexDef,
    Lifecycle,
    ModuleDef,
    ProcedureDef,
    ReducerDef,
    ScheduleDef,
    SequenceDef,
    TableDef,
    TypeDef,
    UniqueDef,
    ViewDef,
)

_UNIT: list[Any] = []
_SCALARS = {t.Scalar(kind).name: t.Scalar(kind) for kind in t.Kind}
_UNIT_TYPE = t.UNIT

# --- types ---------------------------------------------------------------------------------------


def type_to_json(type_: t.Type) -> dict[str, Any]:
    """``{"U32": []}``, ``{"Ref": 3}``, ``{"Product": {"elements": […]}}`` …"""
    match type_:
        case t.Scalar():
            return {type_.name: _UNIT}
        case t.Ref(index):
            return {"Ref": index}
        case t.Array(element):
            return {"Array": type_to_json(element)}
        case t.Product():
            return {"Product": product_to_json(type_)}
        case t.Sum(variants):
            shown = [
                {"name": _option(x.name), "algebraic_type": type_to_json(x.type)} for x in variants
            ]
            return {"Sum": {"variants": shown}}


def product_to_json(product: t.Product) -> dict[str, Any]:
    """``{"elements": [{"name": {"some": …}, "algebraic_type": …}]}``"""
    return {
        "elements": [
            {"name": _option(e.name), "algebraic_type": type_to_json(e.type)}
            for e in product.elements
        ]
    }


def type_from_json(json: Any, depth: int = 0) -> t.Type:
    """Raises ``SchemaError`` for what is no algebraic type, naming it."""
    if depth > 100:
        raise SchemaError("a type is nested deeper than 100")
    if not isinstance(json, dict) or len(json) != 1:
        raise SchemaError(f"not an algebraic type: {str(json)[:80]!r}")
    ((name, payload),) = json.items()
    if name in _SCALARS:
        return _SCALARS[name]
    try:
        if name == "Ref":
            return t.Ref(int(payload))
        if name == "Array":
            return t.Array(type_from_json(payload, depth + 1))
        if name == "Product":
            return _product(payload, depth)
        if name == "Sum":
            return t.Sum(
                tuple(
                    t.Variant(_optional(x["name"]), type_from_json(x["algebraic_type"], depth + 1))
                    for x in payload["variants"]
                )
            )
    except (KeyError, TypeError, ValueError) as error:
        raise SchemaError(f"the type {name} is malformed: {error}") from error
    raise SchemaError(f"unsupported type {name!r}")


def _product(json: Any, depth: int = 0) -> t.Product:
    return t.Product(
        tuple(
            t.Element(_optional(x["name"]), type_from_json(x["algebraic_type"], depth + 1))
            for x in json["elements"]
        )
    )


def _option(value: Any) -> dict[str, Any]:
    return {"none": _UNIT} if value is None else {"some": value}


def _optional(json: Any) -> Any:
    if json is None or (isinstance(json, dict) and "none" in json):
        return None
    if isinstance(json, dict) and "some" in json:
        return json["some"]
    raise SchemaError(f"not an option: {str(json)[:80]!r}")


def _tag(json: Any) -> str:
    """The variant's name of a sum without payload."""
    if isinstance(json, dict) and len(json) == 1:
        return str(next(iter(json)))
    raise SchemaError(f"not a variant: {str(json)[:80]!r}")


# --- writing -------------------------------------------------------------------------------------


def to_v9(definition: ModuleDef) -> dict[str, Any]:
    """The V9 form. Event marks, visibility and view keys have no place in it."""
    return {
        "typespace": {"types": [type_to_json(x) for x in definition.typespace.types]},
        "tables": [_table(x, "name") for x in sorted(definition.tables, key=lambda x: x.name)],
        "reducers": [
            {
                "name": x.name,
                "params": product_to_json(x.params),
                "lifecycle": _option(x.lifecycle and {x.lifecycle.value: _UNIT}),
            }
            for x in definition.reducers
        ],
        "types": [
            {
                "name": {"scope": list(x.scope), "name": x.name},
                "ty": x.type,
                "custom_ordering": True,
            }
            for x in definition.types
        ],
        "misc_exports": [
            *(
                {
                    "ColumnDefaultValue": {
                        "table": table.name,
                        "col_id": default.column,
                        "value": default.value.hex(),
                    }
                }
                for table in definition.tables
                for default in table.defaults
            ),
            *({"Procedure": _procedure(x, "name")} for x in definition.procedures),
            *({"View": _view(x, "name")} for x in definition.views),
        ],
        "row_level_security": [{"sql": sql} for sql in definition.row_level_security],
    }


def to_v10(definition: ModuleDef) -> dict[str, Any]:
    """The V10 form, with explicit names as a live server gives them."""
    tables = sorted(definition.tables, key=lambda x: x.name)
    sections: list[dict[str, Any]] = [
        {"Typespace": {"types": [type_to_json(x) for x in definition.typespace.types]}},
        {
            "Types": [
                {
                    "source_name": {"scope": list(x.scope), "source_name": x.name},
                    "ty": x.type,
                    "custom_ordering": True,
                }
                for x in definition.types
            ]
        },
        {"Tables": [_table_v10(x) for x in tables]},
        {"Reducers": [_reducer_v10(x) for x in definition.reducers]},
        {
            "Procedures": [
                {**_procedure(x, "source_name"), "visibility": _visibility(x.private)}
                for x in definition.procedures
            ]
        },
        {"Views": [_view(x, "source_name") for x in definition.views]},
        {
            "Schedules": [
                {
                    "source_name": _option(x.schedule.name),
                    "table_name": x.accessor,
                    "schedule_at_col": x.schedule.column,
                    "function_name": x.schedule.function,
                }
                for x in tables
                if x.schedule is not None
            ]
        },
        {
            "LifeCycleReducers": [
                {"lifecycle_spec": {x.lifecycle.value: _UNIT}, "function_name": x.accessor}
                for x in definition.reducers
                if x.lifecycle is not None
            ]
        },
        {"RowLevelSecurity": [{"sql": sql} for sql in definition.row_level_security]},
        {"ExplicitNames": {"entries": _explicit_names(definition)}},
        {
            "ViewPrimaryKeys": [
                {"view_source_name": x.accessor, "columns": list(x.primary_key)}
                for x in definition.views
                if x.primary_key
            ]
        },
    ]
    return {"sections": [x for x in sections if next(iter(x.values()))]}


def _explicit_names(definition: ModuleDef) -> list[dict[str, Any]]:
    entries = [("Table", x.accessor, x.name) for x in definition.tables]
    entries += [("Function", x.accessor, x.name) for x in definition.reducers]
    entries += [("Function", x.accessor, x.name) for x in definition.procedures]
    entries += [("Function", x.accessor, x.name) for x in definition.views]
    return [{kind: {"source_name": a, "canonical_name": b}} for kind, a, b in entries]


def _table(table: TableDef, key: str) -> dict[str, Any]:
    schedule = table.schedule
    return {
        "name": table.name,
        "product_type_ref": table.row,
        "primary_key": [] if table.primary_key is None else [table.primary_key],
        **_table_parts(table, key),
        "schedule": _option(
            schedule
            and {
                "name": _option(schedule.name),
                "reducer_name": schedule.function,
                "scheduled_at_column": schedule.column,
            }
        ),
        "table_type": {"System" if table.system else "User": _UNIT},
        "table_access": {"Public" if table.public else "Private": _UNIT},
    }


def _table_v10(table: TableDef) -> dict[str, Any]:
    return {
        "source_name": table.accessor,
        "product_type_ref": table.row,
        "primary_key": [] if table.primary_key is None else [table.primary_key],
        **_table_parts(table, "source_name"),
        "table_type": {"System" if table.system else "User": _UNIT},
        "table_access": {"Public" if table.public else "Private": _UNIT},
        "default_values": [{"col_id": x.column, "value": x.value.hex()} for x in table.defaults],
        "is_event": table.event,
    }


def _table_parts(table: TableDef, key: str) -> dict[str, Any]:
    return {
        "indexes": [
            {
                key: _option(x.name),
                "accessor_name": _option(x.accessor),
                "algorithm": {
                    x.algorithm.value: x.columns[0]
                    if x.algorithm is IndexAlgorithm.DIRECT
                    else list(x.columns)
                },
            }
            for x in table.indexes
        ],
        "constraints": [
            {key: _option(x.name), "data": {"Unique": {"columns": list(x.columns)}}}
            for x in table.uniques
        ],
        "sequences": [
            {
                key: _option(x.name),
                "column": x.column,
                "start": _option(x.start),
                "min_value": _option(x.min_value),
                "max_value": _option(x.max_value),
                "increment": x.increment,
            }
            for x in table.sequences
        ],
    }


def _reducer_v10(reducer: ReducerDef) -> dict[str, Any]:
    return {
        "source_name": reducer.accessor,
        "params": product_to_json(reducer.params),
        "visibility": _visibility(reducer.private),
        "ok_return_type": type_to_json(_UNIT_TYPE),
        "err_return_type": type_to_json(t.STRING),
    }


def _visibility(private: bool) -> dict[str, Any]:
    return {"Private" if private else "ClientCallable": _UNIT}


def _procedure(procedure: ProcedureDef, key: str) -> dict[str, Any]:
    return {
        key: procedure.accessor if key == "source_name" else procedure.name,
        "params": product_to_json(procedure.params),
        "return_type": type_to_json(procedure.returns),
    }


def _view(view: ViewDef, key: str) -> dict[str, Any]:
    return {
        key: view.accessor if key == "source_name" else view.name,
        "index": view.index,
        "is_public": view.public,
        "is_anonymous": view.anonymous,
        "params": product_to_json(view.params),
        "return_type": type_to_json(view.returns),
    }


# --- reading -------------------------------------------------------------------------------------


def from_json(json: Any) -> ModuleDef:
    """A definition from V9 or V10, bare or wrapped as ``{"V9": …}`` or ``{"V10": …}``.

    Unknown sections of V10 give a warning. Raises ``SchemaError`` for other versions and for what
    is malformed.
    """
    if isinstance(json, dict) and len(json) == 1:
        ((version, inner),) = json.items()
        if version in ("V9", "V10"):
            json = inner
        elif version == "V8BackCompat":
            raise SchemaError("the module is too old (schema V8); build it with newer tools")
        elif version != "sections":
            raise SchemaError(
                f"module definitions of version {version!r} are not known; update the harness"
            )
    if not isinstance(json, dict):
        raise SchemaError("a module definition is a JSON object")
    try:
        return _from_v10(json["sections"]) if "sections" in json else _from_v9(json)
    except (KeyError, TypeError, ValueError, IndexError, AttributeError) as error:
        raise SchemaError(f"the module definition is malformed: {error!r}") from error


def _from_v9(json: dict[str, Any]) -> ModuleDef:
    exports = json.get("misc_exports", [])
    defaults: dict[str, list[DefaultValue]] = {}
    for export in exports:
        if "ColumnDefaultValue" in export:
            x = export["ColumnDefaultValue"]
            value = DefaultValue(x["col_id"], bytes.fromhex(x["value"]))
            defaults.setdefault(x["table"], []).append(value)
    tables = []
    for x in json["tables"]:
        name = x["name"]
        schedule = _optional(x.get("schedule"))
        found = schedule and ScheduleDef(
            _optional(schedule["name"]) or f"{name}_sched",
            name,
            schedule["scheduled_at_column"],
            schedule["reducer_name"],
        )
        tables.append(_read_table(x, name, name, "name", found, False, defaults.get(name, [])))
    return ModuleDef(
        typespace=_typespace(json["typespace"]),
        tables=tuple(tables),
        reducers=tuple(
            ReducerDef(x["name"], x["name"], _product(x["params"]), _lifecycle(x["lifecycle"]))
            for x in json["reducers"]
        ),
        types=tuple(
            TypeDef(tuple(x["name"]["scope"]), x["name"]["name"], x["ty"]) for x in json["types"]
        ),
        procedures=tuple(
            _read_procedure(x["Procedure"], x["Procedure"]["name"], "name")
            for x in exports
            if "Procedure" in x
        ),
        views=tuple(
            _read_view(x["View"], x["View"]["name"], "name", {}) for x in exports if "View" in x
        ),
        row_level_security=tuple(x["sql"] for x in json.get("row_level_security", [])),
    )


_SECTIONS = {
    "Typespace", "Types", "Tables", "Reducers", "Procedures", "Views", "Schedules",
    "LifeCycleReducers", "RowLevelSecurity", "CaseConversionPolicy", "ExplicitNames",
    "HttpHandlers", "HttpRoutes", "ViewPrimaryKeys", "Submodules",
}  # fmt: skip


def _from_v10(sections: list[dict[str, Any]]) -> ModuleDef:
    parts: dict[str, Any] = {}
    for section in sections:
        ((name, payload),) = section.items()
        if name not in _SECTIONS:
            warnings.warn(f"unknown schema section {name!r} is left out", stacklevel=3)
        parts[name] = payload
    names: dict[tuple[str, str], str] = {}
    for entry in parts.get("ExplicitNames", {}).get("entries", []):
        ((kind, x),) = entry.items()
        names[(kind, x["source_name"])] = x["canonical_name"]

    def table_name(source: str) -> str:
        return names.get(("Table", source), source)

    def function_name(source: str) -> str:
        return names.get(("Function", source), source)

    schedules = {}
    for x in parts.get("Schedules", []):
        name = table_name(x["table_name"])
        schedules[name] = ScheduleDef(
            _optional(x["source_name"]) or f"{name}_sched",
            name,
            x["schedule_at_col"],
            function_name(x["function_name"]),
        )
    lifecycles = {
        x["function_name"]: Lifecycle(_tag(x["lifecycle_spec"]))
        for x in parts.get("LifeCycleReducers", [])
    }
    keys = {x["view_source_name"]: x["columns"] for x in parts.get("ViewPrimaryKeys", [])}
    tables = []
    for x in parts.get("Tables", []):
        source = x["source_name"]
        name = table_name(source)
        values = [
            DefaultValue(y["col_id"], bytes.fromhex(y["value"]))
            for y in x.get("default_values", [])
        ]
        tables.append(
            _read_table(
                x,
                name,
                source,
                "source_name",
                schedules.get(name),
                x.get("is_event", False),
                values,
            )
        )
    return ModuleDef(
        typespace=_typespace(parts.get("Typespace", {"types": []})),
        tables=tuple(tables),
        reducers=tuple(
            ReducerDef(
                function_name(x["source_name"]),
                x["source_name"],
                _product(x["params"]),
                lifecycles.get(x["source_name"]),
                _tag(x["visibility"]) == "Private",
            )
            for x in parts.get("Reducers", [])
        ),
        types=tuple(
            TypeDef(tuple(x["source_name"]["scope"]), x["source_name"]["source_name"], x["ty"])
            for x in parts.get("Types", [])
        ),
        procedures=tuple(
            _read_procedure(x, function_name(x["source_name"]), "source_name")
            for x in parts.get("Procedures", [])
        ),
        views=tuple(
            _read_view(x, function_name(x["source_name"]), "source_name", keys)
            for x in parts.get("Views", [])
        ),
        row_level_security=tuple(x["sql"] for x in parts.get("RowLevelSecurity", [])),
    )


def _typespace(json: Any) -> t.Typespace:
    return t.Typespace(tuple(type_from_json(x) for x in json["types"]))


def _lifecycle(json: Any) -> Lifecycle | None:
    found = _optional(json)
    return None if found is None else Lifecycle(_tag(found))


def _read_table(
    json: Any,
    name: str,
    accessor: str,
    key: str,
    schedule: ScheduleDef | None,
    event: bool,
    defaults: list[DefaultValue],
) -> TableDef:
    indexes = []
    for x in json["indexes"]:
        ((algorithm, columns),) = x["algorithm"].items()
        places = tuple(columns) if isinstance(columns, list) else (columns,)
        indexes.append(
            IndexDef(
                _optional(x[key]) or "",
                _optional(x["accessor_name"]),
                IndexAlgorithm(algorithm),
                places,
            )
        )
    return TableDef(
        name=name,
        accessor=accessor,
        row=json["product_type_ref"],
        primary_key=json["primary_key"][0] if json["primary_key"] else None,
        indexes=tuple(indexes),
        uniques=tuple(
            UniqueDef(_optional(x[key]) or "", tuple(x["data"]["Unique"]["columns"]))
            for x in json["constraints"]
        ),
        sequences=tuple(
            SequenceDef(
                _optional(x[key]) or "",
                x["column"],
                _optional(x["start"]),
                _optional(x["min_value"]),
                _optional(x["max_value"]),
                x["increment"],
            )
            for x in json["sequences"]
        ),
        schedule=schedule,
        public=_tag(json["table_access"]) == "Public",
        system=_tag(json["table_type"]) == "System",
        event=event,
        defaults=tuple(defaults),
    )


def _read_procedure(json: Any, name: str, key: str) -> ProcedureDef:
    private = "visibility" in json and _tag(json["visibility"]) == "Private"
    params, returns = _product(json["params"]), type_from_json(json["return_type"])
    return ProcedureDef(name, json[key], params, returns, private)


def _read_view(json: Any, name: str, key: str, keys: dict[str, list[str]]) -> ViewDef:
    return ViewDef(
        name,
        json[key],
        json["index"],
        json["is_public"],
        json["is_anonymous"],
        _product(json["params"]),
        type_from_json(json["return_type"]),
        tuple(keys.get(json[key], ())),
    )
