"""Sums are written as unions with a name, which type checkers know as well."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Any

import pytest

from harness.errors import SchemaError
from harness.module import load
from harness.wire import types as t
from harness.wire.schema import ModuleDef

HEAD = """
from __future__ import annotations
from typing import TypeAlias
from harness.module import Module, auto_inc, product, reducer, sum_type, table, u8, u64

@product
class Circle:
    radius: u8

@product
class Box:
    width: u8
    height: u8

@product
class Nothing:
    pass
"""


def definition(folder: Path, text: str, head: str = HEAD) -> ModuleDef:
    path = folder / "shapes.py"
    path.write_text(head + text)
    return load(str(path)).definition()


def types(found: ModuleDef) -> dict[str, Any]:
    return {x.name: found.typespace.types[x.type] for x in found.types}


def variants(found: ModuleDef, name: str) -> list[str | None]:
    sum_ = types(found)[name]
    assert isinstance(sum_, t.Sum)
    return [x.name for x in sum_.variants]


def test_a_union_with_a_name_is_a_sum(tmp_path: Path) -> None:
    found = definition(tmp_path, """
Shape: TypeAlias = Circle | Box | Nothing

@table()
class Thing:
    id: u64 = auto_inc(primary_key=True)
    shape: Shape
    others: list[Shape]
    last: Shape | None

@reducer
def put(ctx, shape: Nothing | Box | Circle) -> None: ...
""")  # fmt: skip
    assert variants(found, "Shape") == ["Circle", "Box", "Nothing"]
    (place,) = [x.type for x in found.types if x.name == "Shape"]
    row = found.row_type(found.tables[0])
    shape = t.Ref(place)
    assert [x.type for x in row.elements[1:]] == [shape, t.Array(shape), t.option(shape)]
    assert found.reducers[0].params.elements[0].type == shape  # in whatever order it is written


def test_it_is_the_same_as_one_that_is_declared(tmp_path: Path) -> None:
    use = "\n@reducer\ndef put(ctx, shape: Shape) -> None: ...\n"
    one = definition(tmp_path, "Shape: TypeAlias = Circle | Box" + use)
    other = definition(tmp_path, "Shape = sum_type('Shape', Circle, Box)" + use)
    assert variants(one, "Shape") == variants(other, "Shape")
    assert one.reducers[0].params.elements[0].name == "shape"
    assert sorted(types(one)) == sorted(types(other))


def test_what_nobody_uses_is_no_type(tmp_path: Path) -> None:
    text = "Shape: TypeAlias = Circle | Box\n@reducer\ndef put(ctx, circle: Circle) -> None: ...\n"
    assert list(types(definition(tmp_path, text))) == ["Circle"]


def test_it_may_contain_itself(tmp_path: Path) -> None:
    found = definition(tmp_path, """
@product
class Leaf:
    value: u8

@product
class Node:
    kids: list[Tree]

Tree: TypeAlias = Leaf | Node

@reducer
def grow(ctx, tree: Tree) -> None: ...
""")  # fmt: skip
    assert variants(found, "Tree") == ["Leaf", "Node"]


@pytest.mark.parametrize("bound", ["", "Mine = Box | Circle"])
def test_it_has_the_name_of_where_its_classes_are(
    bound: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And no other for being imported as another, nor the order of another that is equal."""
    (tmp_path / "union_shapes.py").write_text(HEAD + "Shape: TypeAlias = Circle | Box\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    found = definition(tmp_path, f"""
from union_shapes import Box, Circle
{bound}
from union_shapes import Shape as S
from harness.module import reducer
@reducer
def put(ctx, shape: S) -> None: ...
""", head="from __future__ import annotations\n")  # fmt: skip
    sys.modules.pop("union_shapes", None)
    assert variants(found, "Shape") == ["Circle", "Box"]


@pytest.mark.parametrize("annotation", ["Shape", "Shape | None", "list[Shape]"])
def test_a_type_statement(tmp_path: Path, annotation: str) -> None:
    """``type Shape = Circle | Box`` of Python 3.12, by what it makes."""
    pytest.importorskip("typing_extensions")
    found = definition(tmp_path, f"""
from typing import Union, Optional
from typing_extensions import TypeAliasType
Shape = TypeAliasType("Shape", Circle | Box)
Name = TypeAliasType("Name", str)

@reducer
def put(ctx, shape: {annotation}, name: Name) -> None: ...
""")  # fmt: skip
    assert variants(found, "Shape") == ["Circle", "Box"]
    assert found.reducers[0].params.elements[1].type == t.STRING


@pytest.mark.parametrize(
    ("annotation", "said"),
    [
        ("Circle | Nothing", "has no name; give it one in the module, as in Shape: TypeAlias = "),
        ("int | str", "the union int | str has no name; a sum is a union of @product classes"),
        ("Circle | str", "has no name; a sum is a union of @product classes"),
    ],
)
def test_without_a_name_it_is_refused(tmp_path: Path, annotation: str, said: str) -> None:
    text = (
        f"Shape: TypeAlias = Circle | Box\n@reducer\ndef put(ctx, x: {annotation}) -> None: ...\n"
    )
    with pytest.raises(SchemaError, match=re.escape(said)):
        definition(tmp_path, text)


def test_two_sums_of_one_name_are_told(tmp_path: Path) -> None:
    text = """
Shape: TypeAlias = Circle | Box
Other = sum_type("Shape", Circle, Nothing)
@reducer
def put(ctx, x: Shape, y: Other) -> None: ...
"""
    with pytest.raises(SchemaError, match="two types are called 'Shape'"):
        definition(tmp_path, text)
