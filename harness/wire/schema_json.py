"""Module definitions as JSON, in the two forms that servers serve: V9 and V10."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from harness.errors import SchemaError, WireError
from harness.wire import schema_raw as raw
from harness.wire import schema_v9, schema_v10
from harness.wire.schema import ModuleDef, Submodule
from harness.wire.schema_submodules import check_depth
from harness.wire.schema_types import product_to_json as product_to_json
from harness.wire.schema_types import type_from_json as type_from_json
from harness.wire.schema_types import type_to_json as type_to_json


def to_v9(module: ModuleDef) -> dict[str, Any]:
    """The V9 form. Accessors, event marks, visibility, view keys and submodules have no place in
    it."""
    json: dict[str, Any] = raw.json(raw.ModuleV9).to_json(schema_v9.to_v9(module))
    return json


def to_v10(module: ModuleDef) -> dict[str, Any]:
    """The V10 form, with explicit names as a live server gives them."""
    sections = [
        {name: raw.json(raw.SECTIONS[name]).to_json(payload)}
        for name, payload in schema_v10.filled(module).items()
    ]
    if module.submodules:
        inside = [{"namespace": x.namespace, "module": to_v10(x.module)} for x in module.submodules]
        sections.append({raw.SUBMODULES: inside})
    return {"sections": sections}


def from_json(json: Any, warnings: list[str] | None = None) -> ModuleDef:
    """A definition from V9 or V10, bare or wrapped as ``{"V9": …}`` or ``{"V10": …}``.

    Sections of V10 that are not known or not modelled are left out; a sentence for each is added
    to ``warnings`` if a list is given. Raises ``SchemaError`` for other versions and for what is
    malformed, naming the place.
    """
    if not isinstance(json, dict):
        raise SchemaError(f"a module definition is a JSON object, not {type(json).__name__}")
    if len(json) == 1:
        ((version, inner),) = json.items()
        if version.startswith("V8"):
            raise SchemaError("the module is too old (definition V8): build it with newer tools")
        if version in ("V9", "V10"):
            return from_json(inner, warnings)
        if version != "sections":
            raise SchemaError(
                f"a module definition {version!r} is not known; V9 and V10 are: update the harness"
            )
    if "sections" in json:
        return _from_v10(json, warnings, 0)
    try:
        return schema_v9.from_v9(raw.json(raw.ModuleV9).from_json(json))
    except WireError as error:
        raise SchemaError(f"the module definition V9 is malformed: {error}") from error


def _from_v10(json: Any, warnings: list[str] | None, depth: int) -> ModuleDef:
    check_depth(depth)
    if not isinstance(json, dict) or "sections" not in json:
        raise SchemaError('a submodule is an object such as {"sections": [{"Name": payload}]}')
    found = _sections(json["sections"], warnings)
    inside = found.pop(raw.SUBMODULES, [])
    module = schema_v10.from_v10(found)
    if not inside:
        return module
    submodules = tuple(
        Submodule(namespace, _from_v10(inner, warnings, depth + 1)) for namespace, inner in inside
    )
    return replace(module, submodules=submodules)


def _submodules(json: Any) -> list[tuple[str, Any]]:
    """Each namespace, and the module in it as JSON."""
    if not isinstance(json, list):
        raise SchemaError(f"the section {raw.SUBMODULES} is malformed: it is a list")
    for one in json:
        if not isinstance(one, dict) or one.keys() != {"namespace", "module"}:
            raise SchemaError(
                f"the section {raw.SUBMODULES} is malformed: it has objects of namespace and module"
            )
        if not isinstance(one["namespace"], str):
            raise SchemaError(f"the section {raw.SUBMODULES} is malformed: a namespace is a text")
    return [(one["namespace"], one["module"]) for one in json]


def _sections(json: Any, warnings: list[str] | None) -> dict[str, Any]:
    if not isinstance(json, list) or not all(isinstance(x, dict) and len(x) == 1 for x in json):
        raise SchemaError('the sections of a module definition are a list of {"Name": payload}')
    found: dict[str, Any] = {}
    for section in json:
        ((name, payload),) = section.items()
        if name in found:
            raise SchemaError(f"the section {name} stands twice in the module definition")
        if name == raw.SUBMODULES:
            found[name] = _submodules(payload)
            continue
        if name not in raw.SECTIONS:
            if warnings is not None:
                warnings.append(f"the section {name} of the module definition is not used")
            continue
        try:
            found[name] = raw.json(raw.SECTIONS[name]).from_json(payload)
        except WireError as error:
            raise SchemaError(f"the section {name} is malformed: {error}") from error
    return found
