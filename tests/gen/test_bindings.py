"""The committed clients are what would be generated now; that of the bench module is measured."""

from __future__ import annotations

from enum import Enum
from pathlib import Path

import pytest

from harness.bindings import bench
from harness.cli import main
from harness.load.workloads import Item, item
from harness.project.entries import ROW_CLASSES
from harness.run import caching, codec_bench
from harness.wire import codec
from harness.wire.program import SumBinding, field_names, is_plain
from tests.gen import schemas

EXAMPLES = "harness.module.examples"
#: Module -> the package that is committed for it.
COMMITTED = {
    "harness.module.bench": "harness/bindings/bench",
    f"{EXAMPLES}.chat": "harness/module/examples/chat/module_bindings",
    f"{EXAMPLES}.world": "harness/module/examples/world/module_bindings",
    f"{EXAMPLES}.inventory": "harness/module/examples/inventory/module_bindings",
}


def check(module: str, folder: Path) -> int:
    return main(["generate", "-p", module, "-o", str(folder), "--format", "none", "--check"])


@pytest.mark.parametrize("module", COMMITTED)
def test_it_is_up_to_date(module: str) -> None:
    assert check(module, schemas.ROOT / COMMITTED[module]) == 0


def test_the_check_sees_a_difference(tmp_path: Path) -> None:
    module = "harness.module.bench"
    folder = tmp_path / "bench"
    folder.mkdir()
    for path in (schemas.ROOT / COMMITTED[module]).glob("*.py"):
        (folder / path.name).write_text(path.read_text())
    assert check(module, folder) == 1  # py.typed is missing
    (folder / "py.typed").touch()
    assert check(module, folder) == 0
    text = (folder / "tables.py").read_text()
    (folder / "tables.py").write_text(text.replace("ItemTable", "ThingTable"))
    assert check(module, folder) == 1


def test_every_example_has_its_client() -> None:
    """An example that is added has bindings, and they are held to it above."""
    folder = schemas.ROOT / "harness" / "module" / "examples"
    examples = {path.parent.name for path in folder.glob("*/main.py")}
    assert {name.rpartition(".")[2] for name in COMMITTED} == {*examples, "bench"}
    for example in examples:
        files = {path.name for path in (folder / example).iterdir()}
        assert {"__init__.py", "main.py", "client.py", "README.md", "module_bindings"} <= files


def test_the_suites_measure_generated_rows_by_the_fast_path() -> None:
    """The codec's suites, the cache's and the load use the class that users get."""
    made, rows = codec_bench.rows_of("item", 3)
    assert {type(row) for row in rows} == {bench.Item}
    assert Item is bench.Item
    assert is_plain(bench.Item, bench.Item.__struct_fields__)  # stored without its __init__
    assert type(made).__module__ == ("harness.wire._bsatn" if codec.IMPLEMENTATION == "c" else
                                     "harness.wire.pycodec")  # fmt: skip
    assert made.decode_all(made.encode_all(rows)) == [bench.Item(*item(id)) for id in range(3)]
    assert caching.Bench(1).codec is made


@pytest.mark.parametrize("row_class", ROW_CLASSES)
def test_classes_of_every_kind_are_stored_without_their_init(
    row_class: str, tmp_path: Path
) -> None:
    """Rows, variants, arguments: calling ``__init__`` for each takes several times as long."""
    with schemas.imported(schemas.made(schemas.odd_names(), row_class), tmp_path) as bindings:
        module = bindings.REMOTE_MODULE
        found = [x.args for x in module.reducers]
        for binding in module.codecs.bindings.values():
            found += binding.classes if isinstance(binding, SumBinding) else [binding]
        classes = [x for x in found if not issubclass(x, Enum)]
        assert len(classes) > 20
        assert [x for x in classes if not is_plain(x, field_names(x))] == []
