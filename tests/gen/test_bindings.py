"""The committed client of the bench module is what would be generated now, and what is measured."""

from __future__ import annotations

from pathlib import Path

from harness.bindings import bench
from harness.cli import main
from harness.load.workloads import Item, item
from harness.run import caching, codec_bench
from harness.wire import codec
from harness.wire.program import is_plain
from tests.gen import schemas

FOLDER = schemas.ROOT / "harness" / "bindings" / "bench"


def test_it_is_up_to_date(capsys: object) -> None:
    module = ["-p", "harness.module.bench", "-o", str(FOLDER), "--format", "none"]
    assert main(["generate", *module, "--check"]) == 0


def test_the_check_sees_a_difference(tmp_path: Path) -> None:
    folder = tmp_path / "bench"
    folder.mkdir()
    for path in FOLDER.glob("*.py"):
        (folder / path.name).write_text(path.read_text())
    module = ["-p", "harness.module.bench", "-o", str(folder), "--format", "none", "--check"]
    assert main(["generate", *module]) == 1  # py.typed is missing
    (folder / "py.typed").touch()
    assert main(["generate", *module]) == 0
    text = (folder / "tables.py").read_text()
    (folder / "tables.py").write_text(text.replace("ItemTable", "ThingTable"))
    assert main(["generate", *module]) == 1


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
