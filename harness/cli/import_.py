"""``harness import``: other tools' results into the store."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from collections.abc import Iterator

    from harness.series import Series
    from harness.store.formats import Source
    from harness.store.imports import Import

_FORMATS = (
    "auto", "asv", "criterion", "csv", "google-benchmark", "hyperfine", "k6", "keynote", "pyperf",
    "pytest-benchmark",
)  # fmt: skip


@click.command("import")
@click.argument("paths", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option(
    "--format",
    "wanted",
    type=click.Choice(_FORMATS),
    default="auto",
    show_default="found by content",
    metavar="FORMAT",
    help="One of: " + ", ".join(_FORMATS) + ".",
)
@click.option("--commit", metavar="REV", help="What was measured, where files do not say it.")
@click.option(
    "--repo",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path(),
    show_default="this folder",
    metavar="DIR",
    help="The repository that knows REV.",
)
@click.option("--machine", metavar="NAME", help="Where it was measured, likewise.")
@click.option("--out", type=click.Path(file_okay=False, path_type=Path), default=Path("results"),
              show_default=True, metavar="DIR", help="Where results are kept.")  # fmt: skip
@click.option(
    "--most-bytes",
    type=click.IntRange(1),
    default=1 << 29,
    show_default=True,
    metavar="BYTES",
    help="The most that is read of one file.",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def import_(
    paths: tuple[Path, ...],
    wanted: str,
    commit: str | None,
    repo: Path,
    machine: str | None,
    out: Path,
    most_bytes: int,
    as_json: bool,
) -> None:
    """Take over results of asv, pyperf, pytest-benchmark, hyperfine, k6, Google Benchmark,
    Criterion or SpacetimeDB's keynote benchmark.

    PATHS are files, or folders: of asv's results, of Criterion (target/criterion), or with files in
    them. An import is stored once, however often it is given, and is never changed.

    \b
    Examples:
      harness import .asv/results
      harness import hyperfine.json --commit HEAD --machine $(hostname)
      harness import target/criterion --commit v1.2.0
      k6 run --out json=points.ndjson load.js && harness import points.ndjson

    \b
    Exit codes:
      0  stored, or stored before
      1  nothing is stored, such as of a file in no known format; told in one sentence
      2  the command line was not understood
    """
    from harness.store import formats

    # All are looked at before the first one is stored: a wrong path stores nothing.
    sources = [source for path in paths for source in formats.find(path, wanted, most_bytes)]
    stated = _commit(repo, commit, sources)
    made = [_keep(source, stated, machine, out) for source in sources]
    if as_json:
        _print_json(made)
        return
    for head, is_new in made:
        click.echo(
            f"{head.source}: {head.format}, {head.series:,} series, {head.points:,} points; "
            + (f"stored as {head.id}" if is_new else f"already there as {head.id}")
        )


def _keep(
    source: Source, stated: tuple[str, int] | None, machine: str | None, out: Path
) -> tuple[Import, bool]:
    from datetime import UTC, datetime

    from harness.store import imports

    series = _stated(source.read(_warn), stated, machine)
    return imports.keep(series, source.format, str(source.path), datetime.now(UTC), out)


def _commit(repo: Path, revision: str | None, sources: list[Source]) -> tuple[str, int] | None:
    from harness.errors import StoreError
    from harness.store import commits

    if revision is None:
        return None
    several = [source for source in sources if source.format in ("asv", "csv")]
    if several:
        raise StoreError(
            f"{several[0].path} names a commit for each of its results; leave out --commit"
        )
    return commits.resolve(repo, revision)


def _stated(
    series: Iterator[Series], commit: tuple[str, int] | None, machine: str | None
) -> Iterator[Series]:
    from msgspec import structs

    for one in series:
        if machine is not None:
            one = structs.replace(one, machine=machine)
        if commit is not None:
            revision, date_ms = commit
            points = [structs.replace(p, commit=revision, date_ms=date_ms) for p in one.points]
            one = structs.replace(one, points=tuple(points))
        yield one


def _warn(text: str) -> None:
    click.echo(f"warning: {text}", err=True)


def _print_json(made: list[tuple[Import, bool]]) -> None:
    import json

    import msgspec

    plain: list[dict[str, Any]] = [
        {**msgspec.to_builtins(head), "new": is_new} for head, is_new in made
    ]
    click.echo(json.dumps(plain, indent=1))
