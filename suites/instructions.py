"""How many instructions does it take? Counted by valgrind, so that a busy machine does not matter.

For the history of commits alone: a series of counts has hardly any noise, and a step of one percent
stands out in it, on a laptop as on a shared runner.
"""

from __future__ import annotations

import sys
from typing import Any

from harness.errors import PlanError
from harness.run import callgrind
from harness.run.counted import BENCHES


class Instructions:
    """One operation of what does the same each time: codec, protocol, cache, compiler."""

    title = "instructions of {what}"
    params: list[list[Any]] = [list(BENCHES)]
    param_names: list[str] = ["what"]
    timeout = 900
    version = "1"

    def setup(self, what: str) -> None:
        try:
            callgrind.version()
        except PlanError as error:
            raise NotImplementedError(str(error)) from error  # asv's word for "not here"

    def track_instructions(self, what: str) -> float:
        return callgrind.count(sys.executable, what).instructions

    track_instructions.unit = "instructions"  # type: ignore[attr-defined]  # asv reads it there
