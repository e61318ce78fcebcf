"""Random programs do compiled what they do in Python."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from harness.errors import SchemaError
from tests.module.differential.agree import agree, module_of
from tests.module.differential.arguments import seeded_calls
from tests.module.differential.programs import programs
from tests.module.differential.rich import rich_programs

CALLS = 12
#: Programs may be refused for what the generator cannot know, such as a constant that never fits;
#: more than these shares would say that it left the subset. Programs that hypothesis makes of one
#: another are refused for one reason: it counts once in the first share.
REASONS, REFUSED = 0.05, 0.2


class Tally:
    """What became of the programs."""

    def __init__(self) -> None:
        self.programs = 0
        self.calls = 0
        self.refused: list[str] = []
        self.kinds: set[str] = set()

    def run(self, source: str, seed: int) -> None:
        self.programs += 1
        module = module_of(source)
        try:
            seen = agree(module, seeded_calls(module, seed, CALLS))
        except SchemaError as error:
            self.refused.append(str(error))
            return
        self.calls += len(seen) - 1
        self.kinds |= {(one.panic or one.kind).partition(":")[0] for one in seen}


def explore(count: int, programs: st.SearchStrategy[str]) -> Tally:
    tally = Tally()

    @settings(max_examples=count, suppress_health_check=list(HealthCheck), deadline=None)
    @given(programs, st.integers(0, 2**32))
    def each(source: str, seed: int) -> None:
        tally.run(source, seed)

    each()
    return tally


def check(tally: Tally) -> None:
    reasons = {refused.partition(": ")[2] for refused in tally.refused}
    assert len(reasons) <= REASONS * tally.programs, "\n".join(sorted(reasons))
    assert len(tally.refused) <= REFUSED * tally.programs, "\n".join(tally.refused[:10])
    # They run to their ends, fail in words, and crash in several ways.
    assert tally.calls > 4 * tally.programs
    assert "committed" in tally.kinds
    assert len(tally.kinds) >= min(5, tally.programs // 40), tally.kinds


def test_programs_agree() -> None:
    check(explore(120, programs()))


def test_programs_with_nested_values_agree() -> None:
    check(explore(60, rich_programs()))


@pytest.mark.slow
def test_many_programs_agree() -> None:
    check(explore(3000, programs()))


@pytest.mark.slow
def test_many_programs_with_nested_values_agree() -> None:
    check(explore(1500, rich_programs()))
