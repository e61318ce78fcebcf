"""What a comparison of two revisions measures: scenarios of the suites, short ones, many times."""

from __future__ import annotations

from msgspec import structs

from harness.cli.selection import selector
from harness.errors import PlanError
from harness.run.compare_turns import Bench
from harness.run.suites import combinations, key, quickly
from suites.catalog import NAMES, classes

#: What is compared if nothing is named: what a user of the client pays for, and little else, so
#: that many blocks fit into the time.
DEFAULT = ("codec", "cache", "throughput")
#: Suite -> what of it is counted in instructions, by the beginning of its name.
_COUNTED = {"codec": ("codec.",), "cache": ("cache.",), "throughput": ("protocol.",)}
#: Counted with all parameters only: long, or not as exact.
_RARE = ("compiler.", "codec.encode(item, 1)", "codec.decode(item, 1)")
#: They compare two programs themselves.
_NOT = ("peers",)


def benches(
    suites: tuple[str, ...] = (), expression: str = "", *, seed: int = 1, full: bool = False
) -> list[Bench]:
    """The scenarios of the suites that fit the expression, each under its name in the catalog.

    ``full`` takes all of their parameters instead of those of a quick run. Raises ``PlanError`` if
    none fits, or for a suite that there is not.
    """
    for name in _NOT:
        if name in suites:
            raise PlanError(f"the suite `{name}` compares two programs itself: harness run {name}")
    wanted = selector(expression)
    found: dict[str, Bench] = {}
    for name, suite in classes(suites or DEFAULT):
        for params in combinations(suite, not full):
            title = f"{name}({key(params)})" if params else name
            if not wanted(f"{title} {suite.title}"):
                continue
            scenario = quickly(suite.scenario(*params))
            workload = structs.replace(scenario.workload, seed=seed)
            found[title] = Bench(name=title, scenario=structs.replace(scenario, workload=workload))
    if not found:
        raise PlanError(f"nothing to compare: no scenario fits -k {expression!r}")
    return list(found.values())


def every(seed: int = 1) -> list[Bench]:
    """All that two revisions can be compared by, with all parameters."""
    return benches(tuple(name for name in NAMES if name not in _NOT), seed=seed, full=True)


def counted(suites: tuple[str, ...] = (), expression: str = "", *, full: bool = False) -> list[str]:
    """What of the suites is counted in instructions: what does the same each time."""
    from harness.run.counted import BENCHES

    wanted = selector(expression)
    begin = tuple(x for suite in suites or DEFAULT for x in _COUNTED.get(suite, ()))
    found = [name for name in BENCHES if name.startswith(begin) and wanted(name)]
    if full:
        return found + [name for name in BENCHES if name.startswith("compiler.") and not suites]
    return [name for name in found if not name.startswith(_RARE)]
