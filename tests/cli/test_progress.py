"""Progress: a line for each step, or on a terminal a bar below the verdicts."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from harness.cli.progress import Steps


def tell(terminal: bool) -> str:
    out = io.StringIO()
    console = Console(file=out, force_terminal=terminal, width=60, color_system=None)
    with Steps(2, console) as steps:
        steps.begin("tables insert")
        steps.say("NOISY (±12%; [a long reason, longer than the sixty columns of this terminal])")
        steps.end()
        steps.begin("tables update")
        steps.say("VALID")
        steps.end()
    return out.getvalue()


def test_lines() -> None:
    assert tell(terminal=False).splitlines() == [
        "[ 1/2] tables insert",
        "        NOISY (±12%; [a long reason, longer than the sixty columns of this terminal])",
        "[ 2/2] tables update",
        "        VALID",
    ]


@pytest.mark.parametrize("said", ["tables insert: NOISY (±12%; [a long", "tables update: VALID"])
def test_a_terminal_keeps_the_verdicts_above_the_bar(said: str) -> None:
    assert said in tell(terminal=True)
