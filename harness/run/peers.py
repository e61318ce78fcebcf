"""Our row codec beside the TypeScript SDK's."""

from __future__ import annotations

from harness.records import Check, Metric
from harness.run.exchange import Finding, Job
from harness.targets.rows import compare


def measure(job: Job) -> Finding:
    """Rates of both sides and their ratios. Raises ``TargetError`` without node."""
    quick = bool(job.scenario.options.get("quick"))
    count = job.scenario.workload.rows
    rates = compare(count, repeat=5, rounds=1) if quick else compare(count)
    metrics = [
        Metric(
            name=name,
            value=value,
            unit="ratio" if name.endswith("_ratio") else "1/s",
            count=count,
        )
        for name, value in rates.items()
    ]
    # compare() refuses sides that disagree about the bytes.
    same = Check(name="same bytes", passed=True, found=f"both sides encode {count} rows alike")
    return Finding(metrics=metrics, checks=[same])
