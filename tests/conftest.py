"""What all tests share: time never decides one, and slow ones run when asked for."""

from __future__ import annotations

import signal

import pytest
from hypothesis import HealthCheck, settings

# A deadline of milliseconds for an example would let the machine's load decide. The health checks
# that remain are those about the strategy, not about the clock. What gates a change tries the same
# examples each time; `pytest --hypothesis-profile=explore` tries new ones, as the nightly run does.
settings.register_profile(
    "explore", deadline=None, print_blob=True, suppress_health_check=[HealthCheck.too_slow]
)
settings.register_profile("harness", settings.get_profile("explore"), derandomize=True)
settings.load_profile("harness")

# A shell that starts a command in the background has it ignore Ctrl-C, and whatever that command
# starts ignores it too: commands that tests interrupt would go on for ever.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave tests marked slow to `pytest -m slow`, and say so in the summary."""
    if config.getoption("markexpr"):
        return
    reason = pytest.mark.skip(reason="slow; run it with: pytest -m slow")
    for item in items:
        if "slow" in item.keywords:
            item.add_marker(reason)
