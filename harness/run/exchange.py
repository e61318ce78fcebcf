"""What manager and worker say to each other: a job in, findings out, as JSON lines."""

from __future__ import annotations

from typing import Any

import msgspec

from harness.records import Check, Metric, Pauses, ResourceUse, Scenario, Target, Trace


class Job(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One scenario for one worker.

    With ``null`` the worker measures its own rate against that null target afterwards, if the
    server was not the limit. ``baseline`` says that this is such a measurement, in which only the
    rate matters. ``preload`` names modules that the worker imports first.
    """

    scenario: Scenario
    target: Target
    null: Target | None = None
    baseline: bool = False
    preload: list[str] = []


class Finding(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a worker measured and checked."""

    metrics: list[Metric] = []
    checks: list[Check] = []
    histograms: dict[str, dict[str, Any]] = {}
    traces: list[Trace] = []
    client: ResourceUse | None = None
    server: ResourceUse | None = None
    others_cores: float | None = None
    gc: Pauses | None = None
    loop_lag: Pauses | None = None
    #: Half the 95 % interval of the main figure, relative to it.
    spread: float | None = None
    notes: dict[str, Any] = {}
    #: What the same generator reached against the null target, or why there is no such rate.
    baseline_per_s: float | None = None
    baseline_missing: str = ""
    #: Files of other tools by their names, kept beside the run.
    attachments: dict[str, str] = {}

    def value(self, name: str) -> float | None:
        """The value of a figure, if there is one."""
        return next((metric.value for metric in self.metrics if metric.name == name), None)


class Said(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One line of a worker: progress, the finding, or an expected error."""

    progress: str | None = None
    finding: Finding | None = None
    error: str | None = None


_encoder = msgspec.json.Encoder()
_said = msgspec.json.Decoder(Said)
_job = msgspec.json.Decoder(Job)


def encode(message: Job | Said) -> bytes:
    """One line, with its end."""
    return _encoder.encode(message) + b"\n"


def decode_job(line: bytes) -> Job:
    """Raises ``msgspec.MsgspecError`` for anything else."""
    return _job.decode(line)


def decode_said(line: bytes) -> Said:
    """Raises ``msgspec.MsgspecError`` for anything else."""
    return _said.decode(line)
