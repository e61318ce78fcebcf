"""What a scenario becomes on a server that does not speak every protocol.

A scenario is measured over the best protocol that the server offers. Where the protocol is what is
asked about, another would answer another question; and only v2 and v3 have confirmed answers.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from harness.records import Scenario

#: Protocols over which a client can ask for answers that come when the data is on disk.
CONFIRMING = ("v3", "v2")
#: The parameter of a suite that is a protocol.
PARAMETER = "protocol"

Params = tuple[Any, ...]


def lacking(scenario: Scenario, offered: Sequence[str], stated: bool) -> str | None:
    """Why a server with these protocols cannot answer the scenario; None if it can.

    ``stated`` says that the scenario's protocol is what is asked about. A target that tells no
    protocols is taken to have all.
    """
    if not scenario.live or not offered:
        return None
    if stated and scenario.protocol not in offered:
        return f"{scenario.protocol} is not offered by this server, which speaks {_list(offered)}"
    used = fitted(scenario, offered).protocol
    if scenario.confirmed and used not in CONFIRMING:
        return f"confirmed answers are not offered by this server, which speaks {_list(offered)}"
    return None


def fitted(scenario: Scenario, offered: Sequence[str]) -> Scenario:
    """The scenario over a protocol that the server offers: its own, or else the best."""
    if not scenario.live or not offered or scenario.protocol in offered:
        return scenario
    return msgspec.structs.replace(scenario, protocol=offered[0])


def states_protocol(suite: Any) -> bool:
    """Whether the suite asks about protocols."""
    return PARAMETER in suite.param_names


def combination(
    suite: Any, params: Params, chosen: Sequence[Params], offered: Sequence[str]
) -> Params:
    """The parameters to measure where ``params`` are wanted: the same, or with another protocol.

    Of a protocol that the server does not offer the best one takes the place, if it has no place
    of its own among those that are ``chosen``: so a quick run has a figure on every server.
    """
    if not states_protocol(suite) or not offered:
        return params
    at = suite.param_names.index(PARAMETER)
    if params[at] in offered or offered[0] not in suite.params[at]:
        return params
    instead = (*params[:at], offered[0], *params[at + 1 :])
    return params if instead in chosen else instead


def place(suite: Any, params: Params, offered: Sequence[str]) -> Params:
    """Where a figure stands beside those of other servers: the best protocol of each together."""
    if not states_protocol(suite) or not offered:
        return params
    at = suite.param_names.index(PARAMETER)
    if params[at] != offered[0]:
        return params
    return (*params[:at], suite.params[at][0], *params[at + 1 :])


def _list(offered: Sequence[str]) -> str:
    return ", ".join(offered)
