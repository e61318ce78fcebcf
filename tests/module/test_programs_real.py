"""Random programs, and those of single constructs, on a real server: told, logged, left alike."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, Phase, given, seed, settings

from harness.errors import HarnessError, SchemaError
from harness.module import Module, compiler
from harness.targets.standalone import Standalone
from harness.wire.values import Identity, Timestamp
from tests.e2e import real
from tests.e2e.real_world import Owner
from tests.module.differential import test_constructs as constructs
from tests.module.differential.agree import (
    ALICE,
    Call,
    Caller,
    Native,
    Seen,
    agree,
    module_of,
    settled,
    tables_of,
)
from tests.module.differential.arguments import seeded_calls
from tests.module.differential.programs import programs
from tests.module.differential.rich import rich_programs
from tests.module.wasm_host import START

pytestmark = pytest.mark.real

#: Of so many drawn programs of each sort the longest are run.
DRAWN, RUN, CALLS = 60, 10, 30
#: What depends on when or by whom a call is made, or on the order of a table's rows.
_ELSEWHERE = re.compile(r"\brng\b|timestamp|connection|identity|@init|@client|schedule|\.iter\(\)")


@pytest.fixture(scope="module")
def owner() -> Iterator[Owner]:
    with Standalone(real.server()) as server:
        yield Owner(server)


def public(source: str) -> str:
    """The source with all of its tables open to everybody."""
    return re.sub(r"@table\((?!public)", "@table(public=True, ", source)


def drawn(strategy: object) -> list[str]:
    """The longest of some programs, always the same."""
    found: dict[str, None] = {}

    @seed(20_250_101)
    @settings(
        max_examples=DRAWN, database=None, deadline=None, phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    @given(strategy)  # type: ignore[arg-type]  # a strategy of texts
    def each(source: str) -> None:
        found[source] = None

    each()
    return sorted(found, key=len)[-2 * RUN :]


def check(owner: Owner, name: str, module: Module, calls: list[Call]) -> int:
    """Make the calls natively and on the server, and compare; how many were made."""
    calls = [replace(call, sender=Identity.from_hex(owner.identity)) for call in calls]
    # What is accepted to differ ends the comparison; the mock host knows where.
    calls = calls[: len(agree(module, calls)) - 1]
    native = Native(module)
    assert native.start().kind == "committed"
    seen = [native.run(call, Timestamp(START.micros)) for call in calls]
    left, log = owner.play(name, module, compiler.build(module).wasm, calls)
    for call, expected, text in zip(calls, seen, left.texts, strict=True):
        assert text == expected.text, call
    expected_log = [record for each in seen for record in settled(each).log]
    assert list(settled(Seen("", "", tuple(log))).log) == expected_log
    for table in tables_of(module):
        assert left.rows[table] == native.rows(table), table
    native.close()
    return len(calls)


@pytest.mark.parametrize("sort", ["plain", "rich"])
def test_random_programs_do_there_what_they_do_here(owner: Owner, sort: str) -> None:
    strategy = programs if sort == "plain" else rich_programs
    run = made = 0
    for place, source in enumerate(reversed(drawn(strategy(ordered=True, timeless=True)))):
        module = module_of(public(source))
        try:
            compiler.build(module)
        except SchemaError:
            continue  # how many may be is tested where there are more programs
        made += check(owner, f"{sort}-{place}", module, seeded_calls(module, place, CALLS))
        run += 1
        if run == RUN:
            break
    assert run == RUN
    assert made > 5 * RUN


ELSEWHERE = [each for each in constructs.CASES if _ELSEWHERE.search(each.source)]
CASES = [each for each in constructs.CASES if each not in ELSEWHERE]


def test_constructs_do_there_what_they_do_here(owner: Owner) -> None:
    """All in one go: each is a module of its own on the one server."""
    wrong = []
    for place, each in enumerate(CASES):
        module = module_of(public(constructs.TABLES + each.source))
        caller = Caller(module)
        calls = [caller(name, *args, sender=ALICE) for name, *args in each.calls]
        try:
            check(owner, f"construct-{place}", module, calls)
        except (AssertionError, HarnessError) as error:
            wrong.append(f"{each.name}: {error}"[:1500])
    assert not wrong, "\n".join(wrong)
    assert len(CASES) > 20
