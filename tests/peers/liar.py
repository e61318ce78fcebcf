"""A peer that does all it is asked and does not tell the truth: ``python -m tests.peers.liar``.

The variable LIE says about what; without it this is an honest peer.
"""

from __future__ import annotations

import os
import sys
from typing import Any

from harness.peers import driving, ours
from harness.peers.rows import digest

LIE = os.environ.get("LIE", "")


class LyingPeer(driving.Peer):
    """Tells something else than what happened."""

    async def perform(self) -> dict[str, Any]:
        found = await super().perform()
        if LIE == "cpu":
            found["cpu_ns"] += 5_000_000_000
        elif LIE == "calls":
            found["all_calls"] += 1
        elif LIE == "errors":
            found |= {"errors": 1, "first_error": "it hurt"}
        elif LIE == "protocol":
            found["protocol"] = "v9"
        elif LIE == "times":
            found["times_ns"] = found["times_ns"][1:]
        return found


def own_rows_only(rows: Any) -> tuple[int, str]:
    """What a peer could say that never looked into its cache: the rows that it sent itself."""
    held = list(rows)
    known = [row for row in held if row.id >= len(held) - 60]
    return len(held), digest(known)[1]


if __name__ == "__main__":
    driving.Peer = LyingPeer  # type: ignore[misc]  # that is the lie
    if LIE == "cache":
        driving.digest = own_rows_only
    elif LIE == "fewer rows":
        driving.digest = lambda rows: digest(list(rows)[1:])
    sys.exit(driving.main(ours.Connector(), ours.VERSIONS, ours.run))
