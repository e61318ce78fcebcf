"""``harness export``: what is stored, for other tools."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from harness.series import Series


@click.command()
@click.option(
    "--format",
    "wanted",
    type=click.Choice(("csv", "parquet", "pyperf", "asv")),
    default="csv",
    show_default=True,
    help="What to write.",
)
@click.option(
    "-o",
    "path",
    required=True,
    type=click.Path(path_type=Path),
    metavar="PATH",
    help="The file of csv and parquet; the folder of pyperf and asv.",
)
@click.option("-k", "wanted_name", metavar="TEXT", default="", help="Only benchmarks with this.")
@click.option("--commit", metavar="HASH", default="", help="Only commits that begin so.")
@click.option("--out", type=click.Path(file_okay=False, path_type=Path), default=Path("results"),
              show_default=True, metavar="DIR", help="Where results are kept.")  # fmt: skip
def export(wanted: str, path: Path, wanted_name: str, commit: str, out: Path) -> None:
    """Write all stored runs and imports in a form that other tools read.

    \b
    csv, parquet  a row for each sample, or one for a value without samples
    pyperf        a file for each commit and machine; rates have no place there
    asv           a folder of results, by commit; set results_dir to it

    \b
    Examples:
      harness export -o results.csv
      harness export --format pyperf -o pyperf && pyperf compare_to pyperf/*.json
      harness export --format asv -o .asv/results && asv publish

    \b
    Exit codes:
      0  written
      1  nothing fits, or it cannot be written; told in one sentence
      2  the command line was not understood
    """
    from harness.errors import StoreError
    from harness.store import history

    series = [
        one
        for one in _chosen(history.stored(out, _warn), commit)
        if wanted_name in one.name and one.points
    ]
    if not series:
        raise StoreError(f"nothing in {out} fits; `harness run` and `harness import` store results")
    click.echo(_write(wanted, series, path))


def _chosen(series: list[Series], commit: str) -> list[Series]:
    from msgspec import structs

    return [
        structs.replace(one, points=tuple(p for p in one.points if p.commit.startswith(commit)))
        for one in series
    ]


def _write(wanted: str, series: list[Series], path: Path) -> str:
    from harness.series import Better
    from harness.store import asv_export, pyperf_export, tables

    if wanted == "csv":
        return f"{path}: {tables.write_csv(series, path):,} rows of {len(series):,} series"
    if wanted == "parquet":
        return f"{path}: {tables.write_parquet(series, path):,} rows of {len(series):,} series"
    if wanted == "pyperf":
        files, left_out = pyperf_export.write(series, path)
        told = f"{path}: {len(files):,} files"
        return told + (f"; left out: {left_out:,} series, rates or of other units" * bool(left_out))
    written, left_out = asv_export.write(series, path)
    told = f"{path}: {written:,} files of results"
    if left_out:
        told += f"; left out: {left_out:,} points without a commit"
    rates = sum(one.better is Better.MORE for one in series)
    if rates:
        told += f"; of {rates:,} series more is better, which asv's own pages do not know"
    return told


def _warn(text: str) -> None:
    click.echo(f"warning: {text}", err=True)
