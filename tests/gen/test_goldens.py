"""Whole packages, as they stand in ``goldens``; and the same package from each form of a schema.

``python -m tests.gen.test_goldens`` writes them anew; the difference is the thing to review.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.gen.generating import package
from harness.project.entries import ROW_CLASSES
from tests.gen import schemas

FOLDER = Path(__file__).parent / "goldens"


@pytest.mark.parametrize("name", schemas.GOLDENS)
def test_the_package_is_as_it_was(name: str) -> None:
    found = schemas.made(schemas.SCHEMAS[name]())
    for file, text in found.files.items():
        if file != "py.typed":
            assert text == (FOLDER / name / file).read_text("utf-8"), file
    assert sorted(found.files) == sorted(
        [
            *(x.relative_to(FOLDER / name).as_posix() for x in (FOLDER / name).rglob("*.py")),
            "py.typed",
        ]
    )


@pytest.mark.parametrize("row_class", ROW_CLASSES)
def test_kinds_of_rows_differ_where_rows_are_declared(row_class: str) -> None:
    first = schemas.made(schemas.chat()).files
    other = schemas.made(schemas.chat(), row_class).files
    assert [x for x in first if first[x] != other[x]] == (
        [] if row_class == "msgspec" else ["reducers.py", "types.py"]
    )
    mark = {"msgspec": "_t.Struct, frozen=True", "dataclass": "@dataclass(frozen=True, slots=True)",
            "attrs": "@attrs.frozen"}  # fmt: skip
    assert other["types.py"].count(mark[row_class]) == 2


@pytest.mark.parametrize("name", ["chat", "bench", "every_nesting", "sdk_test", "keywords"])
def test_both_forms_of_a_schema_give_the_same_client(name: str) -> None:
    module = schemas.SCHEMAS[name]()
    assert package(schemas.v9(module)).files == package(schemas.v10(module)).files
    bare = schemas.v10(module)["V10"]
    assert package(bare).files == package(schemas.v10(module)).files


def test_an_empty_module_is_a_whole_package() -> None:
    found = schemas.made(schemas.empty())
    assert (found.tables, found.reducers) == (0, 0)
    assert "Reducer: TypeAlias = _t.Never" in found.files["reducers.py"]


def test_the_order_of_sections_and_tables_does_not_matter() -> None:
    module = schemas.module_test()
    json = schemas.v10(module)
    json["V10"]["sections"].reverse()
    for section in json["V10"]["sections"]:
        if "Tables" in section:
            section["Tables"].reverse()
    assert package(json).files == schemas.made(module).files


if __name__ == "__main__":
    for golden in schemas.GOLDENS:
        files = schemas.made(schemas.SCHEMAS[golden]()).files
        (FOLDER / golden).mkdir(parents=True, exist_ok=True)
        for file_name, content in files.items():
            if file_name != "py.typed":
                (FOLDER / golden / file_name).parent.mkdir(exist_ok=True)
                (FOLDER / golden / file_name).write_bytes(content.encode())
