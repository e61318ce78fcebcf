"""How sums and options are read from JSON and written to it; see ``jsonforms``."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping, Sequence
from enum import Enum
from typing import Any, TypeAlias

from harness.wire import program
from harness.wire import types as t
from harness.wire import values as v
from harness.wire.jsonforms import Convert, Form, Misfit, deeper_than, expected, product, scalar
from harness.wire.program import SumBinding

Split: TypeAlias = Callable[[Any], tuple[int, Any]]
Join: TypeAlias = Callable[[int, Any], Any]


def sum_form(names: Sequence[str | None], forms: Sequence[Form], split: Split, join: Join) -> Form:
    places = {name: tag for tag, name in enumerate(names) if name is not None}

    def read(json: Any, depth: int) -> Any:
        tag, payload = _tag_and_payload(json, places, len(forms))
        deeper = deeper_than(depth)
        return join(tag, _inside(forms[tag].read, payload, deeper, names[tag], tag))

    def tag_of(value: Any) -> tuple[int, Any]:
        tag, payload = split(value)
        if not isinstance(tag, int) or not 0 <= tag < len(forms):
            expected(f"a tag below {len(forms)}", tag)
        return tag, payload

    def named(value: Any, depth: int) -> Any:
        tag, payload = tag_of(value)
        name = names[tag]
        inner = _inside(forms[tag].named, payload, deeper_than(depth), name, tag)
        return [tag, inner] if name is None else {name: inner}

    def positional(value: Any, depth: int) -> list[Any]:
        tag, payload = tag_of(value)
        inner = _inside(forms[tag].positional, payload, deeper_than(depth), names[tag], tag)
        return [tag, inner]

    return Form(read, named, positional)


def _inside(convert: Convert, payload: Any, depth: int, name: str | None, tag: int) -> Any:
    try:
        return convert(payload, depth)
    except Misfit as misfit:
        misfit.parts.append(f"[{tag}]" if name is None else f".{name}")
        raise


def _tag_and_payload(json: Any, places: Mapping[str, int], count: int) -> tuple[int, Any]:
    if isinstance(json, dict) and len(json) == 1:
        (name, payload), *_ = json.items()
        tag = places.get(name)
        if tag is None and name.isascii() and name.isdecimal() and len(name) <= 3:
            tag = int(name)
    elif isinstance(json, list) and len(json) == 2 and type(json[0]) is int:
        tag, payload = json
    else:
        expected('{"Name": payload} or [tag, payload]', json)
    if tag is None or not 0 <= tag < count:
        given = f"tag {tag}" if isinstance(json, list) else repr(name)
        raise Misfit(f"{given} is none of the {count} variants")
    return tag, payload


def option(form: Form, wrapped: bool) -> Form:
    def split(value: Any) -> tuple[int, Any]:
        if value is None:
            return 1, ()
        if not wrapped:
            return 0, value
        return (0, value.value) if isinstance(value, v.Some) else expected("Some or None", value)

    def join(tag: int, payload: Any) -> Any:
        if tag:
            return None
        return v.Some(payload) if wrapped else payload

    inner = sum_form(["some", "none"], [form, product([], [], None, ())], split, join)

    def read(json: Any, depth: int) -> Any:
        return None if json is None else inner.read(json, depth)

    return Form(read, inner.named, inner.positional)


def split_tagged(value: Any) -> tuple[int, Any]:
    return (value.tag, value.value) if isinstance(value, v.Tagged) else expected("Tagged", value)


def join_tagged(names: Sequence[str | None]) -> Join:
    return lambda tag, payload: v.Tagged(tag, names[tag], payload)


def classes(binding: SumBinding) -> tuple[Split, Join]:
    attributes = [
        None if flat else next(iter(program.field_names(class_)), "")
        for class_, flat in zip(binding.classes, binding.flat, strict=True)
    ]
    places = {class_: tag for tag, class_ in enumerate(binding.classes)}

    def split(value: Any) -> tuple[int, Any]:
        tag = places.get(type(value))
        if tag is None:
            expected("one of " + ", ".join(c.__name__ for c in places), value)
        attribute = attributes[tag]
        if attribute is None:
            return tag, value
        return tag, getattr(value, attribute) if attribute else ()

    def join(tag: int, payload: Any) -> Any:
        attribute = attributes[tag]
        if attribute is None:
            return payload
        class_ = binding.classes[tag]
        return class_(**{attribute: payload}) if attribute else class_()

    return split, join


def members_form(members: tuple[Enum, ...]) -> tuple[Split, Join]:
    places = {member: tag for tag, member in enumerate(members)}

    def split(value: Any) -> tuple[int, Any]:
        tag = places.get(value) if isinstance(value, Enum) else None
        return (tag, ()) if tag is not None else expected("a member of the enum", value)

    return split, lambda tag, payload: members[tag]


# --- UUID: a value of its own, a product in JSON --------------------------------------------------


def _uuid_form() -> Form:
    number = scalar(t.Kind.U128)
    inner = product(["__uuid__"], [number], None, ())

    def read(json: Any, depth: int) -> uuid.UUID:
        return uuid.UUID(int=inner.read(json, depth)[0])

    def writer(convert: Convert) -> Convert:
        def write(value: Any, depth: int) -> Any:
            if not isinstance(value, uuid.UUID):
                expected("uuid.UUID", value)
            return convert((value.int,), depth)

        return write

    return Form(read, writer(inner.named), writer(inner.positional))


UUID = _uuid_form()
