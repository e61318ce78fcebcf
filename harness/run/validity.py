"""What a run is worth: its checks, its spread, and whether the generator was the limit.

The generator was not the limit if one of these holds, looked at in this order:

1. The server was never idle, or was the busiest station by far.
2. The same generator, with the same operations, reaches ``GENERATOR_FACTOR`` times the measured
   rate against the null target, which answers and does nothing.
3. Others held client or server up, so that neither tells much, and the generator's own CPU time is
   at most one ``GENERATOR_FACTOR``-th of a core. Such a run is NOISY at best.

Anything else is VOID: the figure may be the generator's. Calls that do nothing are no exception,
since a server runs a transaction for each, where the null target answers only.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from harness.records import Check, Level, ResourceUse, Scenario, Verdict

#: A rate whose 95 % interval reaches further than this to either side is NOISY.
NOISY_ABOVE = 0.10
#: The generator must be able to do this many times what was measured ...
GENERATOR_FACTOR = 2.0
#: ... unless the server was never idle, that is, worked or waited for a core for this share of the
#: time: then it, not the generator, was the limit, also where others took the core from it.
SATURATED = 0.85
#: ... or was the busier of the two by far. In a closed loop the station that is busiest limits the
#: rate (the utilisation law); a generator that idles while the server works is not that station.
#: The server must have been busy for ``LEADING`` of the time, the generator for at most
#: ``FOLLOWING`` of what the server was.
LEADING = 0.6
FOLLOWING = 0.7
#: In flight for the generator's own rate, where the scenario leaves it idle between operations.
BASELINE_IN_FLIGHT = 64
#: Seconds for which the generator's own rate is measured.
BASELINE_S = 0.3
#: Attempts at that rate, at the most. What it reaches once it can reach, so the best one counts.
BASELINE_ATTEMPTS = 3
#: A process that was ready to run and had no core for this share of the window was held up, and
#: the figure with it. If others kept so many cores busy it was they who held it up: NOISY. Where
#: nobody else works, client and server wait for each other on one core, as they well may.
HELD_UP = 0.10
OTHERS_CORES = 0.2


def verdict(
    checks: Sequence[Check],
    spread: float | None,
    client: ResourceUse | None = None,
    server: ResourceUse | None = None,
    others_cores: float | None = None,
) -> Verdict:
    """VOID if a check failed, NOISY if the figure wandered or others had the cores, else VALID."""
    failed = [check.found or check.name for check in checks if not check.passed]
    if failed:
        return Verdict(level=Level.VOID, reasons=failed)
    noise = []
    if spread is not None and not spread <= NOISY_ABOVE:
        noise.append(f"±{spread:.0%}")
    if contended(client, server, others_cores):
        missing = held_up(client, server)
        noise.append(f"others used {others_cores:.1f} cores; a core was missing {missing:.0%}")
    return Verdict(level=Level.NOISY, reasons=noise) if noise else Verdict(level=Level.VALID)


def held_up(client: ResourceUse | None, server: ResourceUse | None) -> float:
    """The share of the window for which one side was ready to run and had no core."""
    return max((use.waiting for use in (client, server) if use is not None), default=0.0)


def contended(
    client: ResourceUse | None, server: ResourceUse | None, others_cores: float | None
) -> bool:
    """Whether others had the cores that client or server needed."""
    return held_up(client, server) > HELD_UP and (others_cores or 0.0) > OTHERS_CORES


def saturated(server: ResourceUse | None) -> bool:
    """Whether the server itself was the limit."""
    return server is not None and server.busy >= SATURATED


def enough(rate_per_s: float, baseline_per_s: float) -> bool:
    """Whether the generator can do so much more that it was not the limit."""
    return rate_per_s * GENERATOR_FACTOR <= baseline_per_s


def leads(server: ResourceUse | None, client: ResourceUse | None) -> bool:
    """Whether the server, and not the generator, was the busiest station."""
    return (
        server is not None
        and client is not None
        and server.busy >= LEADING
        and client.busy <= FOLLOWING * server.busy
    )


def generator(
    rate_per_s: float,
    server: ResourceUse | None,
    client: ResourceUse | None,
    baseline_per_s: float | None,
    why: str = "",
    others_cores: float | None = None,
) -> Check:
    """The generator was not what was measured; ``why`` says why there is no baseline."""
    name = "generator"
    if saturated(server):
        assert server is not None
        return Check(
            name=name, passed=True, found=f"the server was busy {server.busy:.0%} of the time"
        )
    if leads(server, client):
        assert server is not None
        assert client is not None
        found = (
            f"the server was busy {server.busy:.0%} of the time, the generator {client.busy:.0%}"
        )
        return Check(name=name, passed=True, found=found)
    if baseline_per_s is None:
        return Check(
            name=name,
            passed=False,
            found=f"generator-bound: no rate against the null target: {why}",
        )
    passed = enough(rate_per_s, baseline_per_s) or (
        client is not None
        and contended(client, server, others_cores)
        and client.cores * GENERATOR_FACTOR <= 1.0
    )
    used = f", the server was busy {server.busy:.0%} of the time" if server else ""
    used += f", the generator {client.busy:.0%} ({client.cores:.2f} cores)" if client else ""
    said = f"{rate_per_s:,.0f}/s of {baseline_per_s:,.0f}/s against the null target{used}"
    return Check(name=name, passed=passed, found=said if passed else f"generator-bound: {said}")


def baseline_of(scenario: Scenario) -> Scenario:
    """The scenario by which the generator's own rate is found.

    The same operations in the same protocol from the same number of connections. A load that
    leaves the generator idle, because it keeps to a plan or waits for each answer, says nothing
    about what it could do; its operations are pipelined instead.
    """
    load = scenario.load
    idle = load.rate_per_s is not None or load.in_flight == 1
    shape = msgspec.structs.replace(
        load,
        rate_per_s=None,
        in_flight=max(load.in_flight, BASELINE_IN_FLIGHT) if idle else load.in_flight,
        operations=None,
        duration_s=min(BASELINE_S, load.duration_s),
        warmup_s=0.1,
    )
    return msgspec.structs.replace(scenario, name=f"null {scenario.name}", load=shape)
