"""What a scenario becomes on servers that do not speak every protocol."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from harness.records import Level, Scenario, Target, Workload
from harness.run.fitting import combination, fitted, lacking, place
from harness.run.manager import Manager
from harness.targets.choice import Choice
from harness.targets.embedded import Embedded
from suites.tables import Insert
from suites.throughput import Noop

ALL, OLD = ["v3", "v2", "v1"], ["v1"]
CHOSEN = [("v3",), ("v2",), ("v1",)]
WANTED = Scenario(name="x", workload=Workload(kind="noop"))


@pytest.mark.parametrize(
    ("asked", "offered", "used"),
    [("v3", ALL, "v3"), ("v2", ALL, "v2"), ("v3", OLD, "v1"), ("v3", ["v2", "v1"], "v2"),
     ("v3", [], "v3")],
)  # fmt: skip
def test_the_best_protocol_is_used_where_the_wanted_one_is_not_offered(
    asked: str, offered: list[str], used: str
) -> None:
    assert fitted(msgspec.structs.replace(WANTED, protocol=asked), offered).protocol == used


@pytest.mark.parametrize(
    ("protocol", "confirmed", "stated", "offered", "why"),
    [
        ("v3", False, False, OLD, None),
        ("v3", False, True, OLD, "v3 is not offered by this server, which speaks v1"),
        ("v1", False, True, OLD, None),
        ("v3", True, False, OLD, "confirmed answers are not offered by this server, which "
         "speaks v1"),
        ("v3", True, False, ["v2", "v1"], None),
        ("v3", True, True, ALL, None),
    ],
)  # fmt: skip
def test_what_a_server_cannot_be_asked(
    protocol: str, confirmed: bool, stated: bool, offered: list[str], why: str | None
) -> None:
    asked = msgspec.structs.replace(WANTED, protocol=protocol, confirmed=confirmed)
    assert lacking(asked, offered, stated) == why
    assert lacking(msgspec.structs.replace(asked, live=False), offered, stated) is None


@pytest.mark.parametrize(
    ("params", "chosen", "offered", "measured"),
    [
        (("v3",), CHOSEN, ALL, ("v3",)),
        (("v3",), CHOSEN, OLD, ("v3",)),  # v1 has a place of its own; v3 is left out
        (("v1",), CHOSEN, OLD, ("v1",)),
        (("v3",), [("v3",)], OLD, ("v1",)),  # a quick run has one figure on every server
    ],
)
def test_which_parameters_are_measured(
    params: Any, chosen: Any, offered: list[str], measured: Any
) -> None:
    assert combination(Noop, params, chosen, offered) == measured


def test_the_best_protocols_stand_in_one_line() -> None:
    assert place(Noop, ("v3",), ALL) == place(Noop, ("v1",), OLD) == ("v3",)
    assert place(Noop, ("v1",), ALL) == ("v1",)
    assert place(Insert, (True,), OLD) == (True,)


def test_a_run_of_what_is_not_offered_is_void_with_the_reason() -> None:
    class Old(Embedded):
        def describe(self) -> Any:
            return msgspec.structs.replace(super().describe(), protocols=OLD)

    with Manager(Choice("old", Target(kind="old"), Old), folder=None) as manager:
        assert manager.offered() == OLD
        run = manager.measure(WANTED, stated=True)
    assert run.verdict.level is Level.VOID
    assert run.verdict.reasons == ["v3 is not offered by this server, which speaks v1"]
    assert run.metrics == []
