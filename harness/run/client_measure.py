"""Measures a foreign Python client beside ours: its environment, its rows, and their runs.

A *subject* is an adapter and the environment in which its client lives. Each row of the table is a
scenario: what is called, and how many calls are in flight. ``measure`` gives its run: VALID, NOISY,
or VOID with the reasons of ``client_truth``, the deepest cause first.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec

from harness.errors import PlanError
from harness.measure.environment import file_sha256
from harness.peers import adapter as adapters
from harness.peers import environments
from harness.records import LoadShape, Run, Scenario, Workload
from harness.run import client_turns
from harness.run.manager import Manager
from harness.store import runs

#: What is called, in the order of the table.
CALLS = ("noop", "insert", "insert subscribed")
#: Rows that are in the table beforehand, of which the client is told nothing but how many.
KNOWN_BY_THE_SERVER_ONLY = 100
#: Rounds of a row, and of a quick one: an even number, so that each side is first as often.
ROUNDS = 6
QUICK_ROUNDS = 4
#: Seconds for all turns of one row, at the most.
MOST_S = 300.0


@dataclass(frozen=True, slots=True)
class Subject:
    """A client to measure: what its adapter says, and where it lives."""

    adapter: adapters.Described
    environment: environments.ClientEnvironment
    adapter_sha256: str
    #: What the user asked for; empty if the adapter names the client.
    asked: str

    @property
    def title(self) -> str:
        """For people: name, version and the beginning of the commit."""
        found = self.environment
        commit = f" @ {found.commit[:12]}" if found.commit else ""
        return f"{self.adapter.name} ({found.package} {found.version}{commit})"

    def notes(self) -> dict[str, object]:
        """What each run keeps of it: package, version, whole commit, Python, hash of adapter."""
        return {
            "name": self.adapter.name,
            "adapter": self.adapter.path.name,
            "adapter_sha256": self.adapter_sha256,
            **environments.as_notes(self.environment),
        }


def subject(
    client: str | None,
    adapter: str,
    *,
    folder: Path | None = None,
    borrow: bool = False,
    progress: Callable[[str], None] = lambda text: None,
) -> Subject:
    """Find the adapter, and make the environment of its client.

    ``client`` is ``PATH_OR_REQUIREMENT[@REVISION]``; None takes the first package that the adapter
    requires. ``folder`` and ``borrow`` are those of ``environments.prepare``. Raises ``PlanError``
    for an adapter, path or revision that is not there, ``TargetError`` if pip fails.
    """
    described = adapters.describe(adapters.locate(adapter))
    source = environments.parse(client) if client is not None else None
    if source is not None and environments.uncommitted(source):
        progress(f"{client} has changes that are not committed; measured is its last commit")
    made = environments.prepare(
        source, described.requires, folder=folder, borrow=borrow, progress=progress
    )
    digest = file_sha256(described.path)
    if digest is None:
        raise PlanError(f"the adapter {described.path} cannot be read")
    return Subject(described, made, digest, client or "")


def protocol(subject: Subject, offered: Sequence[str]) -> str:
    """The best protocol, by the adapter's order, that the server offers too.

    Raises ``PlanError`` if there is none.
    """
    spoken = subject.adapter.protocols
    if not offered:
        return spoken[0]
    found = next((name for name in spoken if name in offered), None)
    if found is None:
        raise PlanError(
            f"{subject.adapter.name} speaks {', '.join(spoken)}, "
            f"the server {', '.join(offered)}: they have no protocol in common"
        )
    return found


def depths(subject: Subject) -> list[int]:
    """Calls in flight: one, and as many of 64 as the client can do."""
    most = min(adapters.MOST_IN_FLIGHT, subject.adapter.most_in_flight)
    return sorted({1, most})


def scenarios(subject: Subject, protocol: str, *, quick: bool = False) -> list[Scenario]:
    """One for each row of the table."""
    return [
        Scenario(
            name=f"client {call} ×{depth}",
            workload=Workload(
                kind="client", rows=KNOWN_BY_THE_SERVER_ONLY, subscribed=call.endswith("subscribed")
            ),
            load=LoadShape(in_flight=depth, duration_s=MOST_S),
            protocol=protocol,
            options={
                "call": call.partition(" ")[0],
                "quick": quick,
                "rounds": QUICK_ROUNDS if quick else ROUNDS,
            },
        )
        for call in CALLS
        for depth in depths(subject)
    ]


def measure(
    manager: Manager, subject: Subject, scenario: Scenario, folder: Path | None = None
) -> Run:
    """One row: both clients in turns at the manager's target; its run is stored in ``folder``.

    The manager itself should keep nothing: what a run says of its subject is added here. Raises
    ``PlanError`` and ``StoreError`` only.
    """
    commands = client_turns.Commands(
        python=str(subject.environment.python),
        adapter=str(subject.adapter.path),
        package=subject.environment.package,
    )
    options = {**scenario.options, "client": msgspec.to_builtins(commands)}
    run = manager.measure(msgspec.structs.replace(scenario, options=options), stated=True)
    # The paths of an environment say nothing on another machine; what is in it is in the notes.
    kept = msgspec.structs.replace(run.scenario, options=scenario.options)
    run = msgspec.structs.replace(
        run, scenario=kept, notes={"client": subject.notes(), **run.notes}
    )
    if folder is not None:
        runs.save(run, folder)
    return run
