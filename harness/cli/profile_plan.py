"""Which scenarios `harness profile` means, by the names that `run` and `compare` know."""

from __future__ import annotations

from msgspec import structs

from harness.cli.compare_plan import benches, counted
from harness.errors import PlanError
from harness.run.compare_turns import Bench
from harness.run.counted import BENCHES

#: What is profiled if nothing is named.
DEFAULT = ("throughput",)
#: Seconds before the window.
WARM_UP_S = 0.5


def scenarios(
    names: tuple[str, ...], expression: str = "", *, seconds: float, seed: int = 1
) -> list[Bench]:
    """The scenarios: suites as a quick run has them, or single ones of all, by their names.

    A name is a suite's (``throughput``), a benchmark's with or without parameters
    (``throughput.Noop``, ``throughput.Noop(v3)``), or a scenario's (``throughput noop v3``). Each
    runs for so many seconds. Raises ``PlanError`` for a name or an expression that nothing fits.
    """
    found: dict[str, Bench] = {}
    for name in names or DEFAULT:
        for bench in _named(name, expression, seed):
            load = structs.replace(
                bench.scenario.load, duration_s=seconds, warmup_s=min(WARM_UP_S, seconds)
            )
            scenario = structs.replace(bench.scenario, load=load)
            found[bench.name] = structs.replace(bench, scenario=scenario)
    return list(found.values())


def _named(name: str, expression: str, seed: int) -> list[Bench]:
    suite = name.replace("(", ".").replace(" ", ".").partition(".")[0]
    if name == suite:
        return benches((suite,), expression, seed=seed)
    known = benches((suite,), expression, seed=seed, full=True)
    exact = [bench for bench in known if name in (bench.name, bench.scenario.name)]
    found = exact or [
        bench for bench in known
        if bench.name.startswith(f"{name}(") or bench.scenario.name.startswith(f"{name} ")
    ]  # fmt: skip
    if not found:
        raise PlanError(
            f"no scenario {name!r}; of the suite there are: "
            f"{'; '.join(bench.name for bench in known)}"
        )
    return found


def counts(names: tuple[str, ...], expression: str = "") -> list[str]:
    """What of the named suites is counted in instructions; names of single counts are taken, too.

    Raises ``PlanError`` if that is nothing.
    """
    single = [name for name in names if name in BENCHES]
    suites = tuple(name.partition(".")[0] for name in names if name not in BENCHES)
    found = single + (counted(suites or DEFAULT, expression) if suites or not single else [])
    if not found:
        raise PlanError(
            "nothing of that does the same each time, so its instructions cannot be counted; "
            f"there are: {', '.join(BENCHES)}"
        )
    return list(dict.fromkeys(found))
