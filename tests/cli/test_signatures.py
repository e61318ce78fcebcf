"""How views are shown to people."""

from __future__ import annotations

from harness.cli.signatures import Signatures
from tests.gen import schemas


def test_views_by_what_they_return() -> None:
    schema = schemas.module_test()
    signatures = Signatures(schema)
    assert [signatures.function(view) for view in schema.views] == [
        "me() -> Player | None",
        "best() -> list[Score]",
        "here() -> Query[Player]",
    ]
