"""Encoding and decoding of rows as pyperf measures it: calibrated loops in fresh processes.

``python -m harness.run.codec_bench --row item --rows 1000 -o FILE`` writes pyperf's own JSON.
"""

from __future__ import annotations

from typing import Any

import pyperf

from harness.bindings.bench import REMOTE_MODULE
from harness.load.workloads import item
from harness.wire.codec import Codec


def rows_of(table_name: str, count: int) -> tuple[Codec, list[Any]]:
    """The codec of a table of the bench module, and as many of its rows."""
    types = REMOTE_MODULE.codecs
    table = types.schema.table(table_name)
    row_class = types.row_class(table)
    values = (item(id) if table_name == "item" else (id, id * 1_000) for id in range(count))
    return types.row_codec(table), [row_class(*row) for row in values]


def add_arguments(command: list[str], options: Any) -> None:
    """Tell pyperf's worker processes what is measured."""
    command += ["--row", options.row, "--rows", str(options.rows)]


def main() -> None:
    """Measure one direction after the other."""
    runner = pyperf.Runner(
        program_args=("-m", "harness.run.codec_bench"), add_cmdline_args=add_arguments
    )
    runner.argparser.add_argument("--row", default="item")
    runner.argparser.add_argument("--rows", type=int, default=1_000)
    options = runner.parse_args()
    codec, rows = rows_of(options.row, options.rows)
    encoded = codec.encode_all(rows)
    if codec.decode_all(encoded) != rows:
        raise SystemExit("the rows did not come back")
    runner.bench_func("encode", codec.encode_all, rows)
    runner.bench_func("decode", codec.decode_all, encoded)


if __name__ == "__main__":
    main()
