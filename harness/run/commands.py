"""How long a command takes, as its user waits for it: each time in a fresh process."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np

from harness.errors import PlanError, TargetError
from harness.records import Check, Metric
from harness.run.exchange import Finding, Job
from harness.stats import consistency
from harness.units import SECOND_NS
from harness.wire import schema as s
from harness.wire import schema_json
from harness.wire import types as t

#: Runs of a command in a full and in a quick measurement.
FULL, QUICK = 9, 5
#: Tables of the schema that is generated from.
TABLES = 500
#: The module that is compiled: the largest of the examples.
EXAMPLE = "harness.module.examples.world"


class Taken(NamedTuple):
    """Of one process: seconds on the clock, and of the processor."""

    wall_s: float
    cpu_s: float


def measure(job: Job) -> Finding:
    """Wall and CPU time of one command, and of an interpreter that does nothing, in turns."""
    what = job.scenario.options["what"]
    times = QUICK if job.scenario.options.get("quick") else FULL
    with tempfile.TemporaryDirectory() as folder:
        if what not in COMMANDS:
            raise PlanError(f"no command {what!r}; there are: {', '.join(COMMANDS)}")
        make, check = COMMANDS[what]
        command = make(Path(folder))
        run(command, folder)  # files are in the system's cache, modules are compiled
        taken, bare = [], []
        for _ in range(times):
            taken.append(run(command, folder))
            bare.append(run([sys.executable, "-c", "pass"], folder))
        problem = check(Path(folder))
    walls = np.array([x.wall_s for x in taken]) * SECOND_NS
    limits = consistency.interval(walls)
    ratio = walls / (np.array([x.wall_s for x in bare]) * SECOND_NS)
    cpu = float(np.median([x.cpu_s for x in taken])) * SECOND_NS
    metrics = [
        Metric("wall", float(np.median(walls)), "ns", interval=limits, count=times),
        Metric("cpu", cpu, "ns", count=times),
        Metric("of_python", float(np.median(ratio)), "ratio", count=times),
    ]
    passed = Check(f"{what} did what it says", not problem, problem or "as expected")
    return Finding(metrics=metrics, checks=[passed], spread=consistency.spread(limits))


def run(command: list[str], folder: str) -> Taken:
    """Run it to its end. Raises ``TargetError`` if it fails."""
    before = time.perf_counter()
    process = subprocess.Popen(
        command, cwd=folder, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )  # fmt: skip
    assert process.stderr is not None
    said = process.stderr.read().decode(errors="replace")
    process.stderr.close()
    _, status, used = os.wait4(process.pid, 0)
    wall_s = time.perf_counter() - before
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        last = said.strip().splitlines()[-1:] or ["it said nothing"]
        raise TargetError(f"{' '.join(command[1:])}: exit code {process.returncode}: {last[0]}")
    return Taken(wall_s, used.ru_utime + used.ru_stime)


# --- what is run ----------------------------------------------------------------------------------


def _harness(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "harness", *arguments]


def _help(folder: Path) -> list[str]:
    return _harness("--help")


def _generate(folder: Path) -> list[str]:
    path = folder / "schema.json"
    path.write_text(json.dumps({"V10": schema_json.to_v10(large_schema(TABLES))}))
    return _harness("generate", "--module-def", "schema.json", "-o", "made", "--force")


def _generated(folder: Path) -> str:
    text = (folder / "made" / "tables.py").read_text()
    found = text.count("\nclass ") - 1
    return "" if found == TABLES else f"{found} tables were written, not {TABLES}"


def _compile(folder: Path) -> list[str]:
    return _harness("build", EXAMPLE, "-o", "made")


def _compiled(folder: Path) -> str:
    (path,) = (folder / "made").glob("*.wasm")
    return "" if path.read_bytes().startswith(b"\0asm") else f"{path.name} is no WebAssembly"


COMMANDS: dict[str, tuple[Callable[[Path], list[str]], Callable[[Path], str]]] = {
    "help": (_help, lambda folder: ""),
    "generate": (_generate, _generated),
    "compile": (_compile, _compiled),
}


def large_schema(tables: int) -> s.ModuleDef:
    """So many tables of eight columns, two indexes and a reducer each."""
    row = t.product(
        id=t.U64, owner=t.IDENTITY, name=t.STRING, note=t.option(t.STRING), x=t.F32, y=t.F32,
        tags=t.Array(t.STRING), seen=t.TIMESTAMP,
    )  # fmt: skip
    btree = s.IndexAlgorithm.BTREE
    found = []
    for place in range(tables):
        name = f"thing_{place}"
        indexes = (
            s.IndexDef(f"{name}_id_idx_btree", "id", btree, (0,)),
            s.IndexDef(f"{name}_owner_seen_idx_btree", "by_owner", btree, (1, 7)),
        )
        unique = (s.UniqueDef(f"{name}_id_key", (0,)),)
        found.append(s.TableDef(name, name, place, 0, indexes, unique, public=True))
    params = t.product(id=t.U64, name=t.STRING, note=t.option(t.STRING))
    return s.ModuleDef(
        t.Typespace((row,) * tables),
        tuple(found),
        tuple(s.ReducerDef(f"add_{x.name}", f"add_{x.name}", params) for x in found),
        tuple(s.TypeDef((), f"Thing{place}", place) for place in range(tables)),
    )
