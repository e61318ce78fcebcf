"""Runs the codec's benchmark under pyperf and takes its figures over."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pyperf

from harness.errors import TargetError
from harness.records import Check, Metric
from harness.run.codec_bench import rows_of
from harness.run.exchange import Finding, Job
from harness.stats import consistency

TIMEOUT_S = 120
#: Options of pyperf for a full and for a quick run: processes, values in each, seconds for a value.
FULL = ("3", "3", "0.05")
QUICK = ("2", "3", "0.02")


def measure(job: Job) -> Finding:
    """Rows encoded and decoded per second, with pyperf's file attached."""
    row, count = job.scenario.options["row"], job.scenario.workload.rows
    processes, values, seconds = QUICK if job.scenario.options.get("quick") else FULL
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "codec.json"
        command = [
            sys.executable, "-m", "harness.run.codec_bench", "--row", row, "--rows", str(count),
            "--processes", processes, "--values", values, "--min-time", seconds, "--warmups", "1",
            "--inherit-environ", "HARNESS_PURE_PYTHON", "--quiet", "--output", str(path),
        ]  # fmt: skip
        _call(command)
        suite = pyperf.BenchmarkSuite.load(str(path))
        text = path.read_text()
    metrics, spreads = [], []
    rounds: dict[str, list[float]] = {}
    for benchmark in suite.get_benchmarks():
        rates = count / np.array(benchmark.get_values())
        limits = consistency.interval(rates)
        spreads.append(consistency.spread(limits))
        rounds[f"{benchmark.get_name()}_rate"] = [round(rate, 1) for rate in rates.tolist()]
        metrics.append(
            Metric(
                name=f"{benchmark.get_name()}_rate",
                value=float(rates.mean()),
                unit="1/s",
                interval=limits,
                count=count * int(benchmark.get_total_loops()) * len(rates),
            )
        )
    return Finding(
        metrics=metrics,
        checks=[_round_trip(row, count)],
        spread=max(spreads),
        attachments={"pyperf": text},
        notes={"per_round": rounds},
    )


def _round_trip(row: str, count: int) -> Check:
    codec, rows = rows_of(row, count)
    same: bool = codec.decode_all(codec.encode_all(rows)) == rows
    return Check(name="round trip", passed=same, found=f"{count} rows encoded and decoded again")


def _call(command: list[str]) -> None:
    try:
        done: Any = subprocess.run(
            command,
            capture_output=True,
            text=True,
            timeout=TIMEOUT_S,
            check=False,
            stdin=subprocess.DEVNULL,
            env=dict(os.environ),
        )
    except subprocess.TimeoutExpired:
        raise TargetError(f"pyperf took more than {TIMEOUT_S} s") from None
    if done.returncode:
        raise TargetError(f"pyperf failed: {done.stderr[-500:]}")
