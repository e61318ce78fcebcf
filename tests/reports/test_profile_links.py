"""Profiles within a site: which run and which change they explain, and what is copied of them."""

from __future__ import annotations

from pathlib import Path

from msgspec import structs

from harness.records import Scenario, Workload
from harness.stacks import Frame, Grown, Weights
from harness.stats.memory import Memory
from harness.store import profiles
from reports import profile_links, shown
from reports.gathering import Gathering
from reports.judged import judge
from tests.reports.test_pictures import gathered
from tests.store.test_profiles import NEW, OLD, at, made

TOP = Grown(frame=Frame(name="a <b> & #c"), base=Weights(), head=Weights(own=1.0), word="grown")


def test_a_run_leads_to_its_profiles_the_newest_first() -> None:
    one, other = made("1"), made("2", base=OLD, grown=[TOP])
    found = profile_links.of_run([one, other, made("3", commit=OLD)], at(NEW), "../")
    assert [link["href"] for link in found] == [
        "../p/2/flamegraph.html#q=a%20%3Cb%3E%20%26%20%23c",
        "../p/1/flamegraph.html",
    ]
    assert found[1]["title"] == "throughput.Noop(v3): client, by sampler at bbbbbbbbbb"


def test_a_change_leads_to_differences_first() -> None:
    known = [made("1", base=OLD), made("2"), made("3", commit=OLD)]
    found = profile_links.of_change(known, "throughput.Noop.track_client_cpu", OLD, NEW, "")
    assert [link["href"] for link in found] == [
        "p/1/flamegraph.html", "p/2/flamegraph.html",
    ]  # fmt: skip
    # What was not sure to grow is not looked for.
    unsure = structs.replace(TOP, word="unsure")
    (link,) = profile_links.of_change([made(grown=[unsure])], "throughput.Noop", OLD, NEW, "")
    assert "#" not in link["href"]


def test_series_of_our_own_runs_are_called_by_their_scenario() -> None:
    profile = made(scenario=Scenario(name="throughput noop v3", workload=Workload(kind="noop")))
    name = "throughput-noop-v3.rate(target=embedded)"
    assert profile_links.of_change([profile], name, OLD, NEW, "")
    assert not profile_links.of_change([profile], "throughput-noop-v2.rate", OLD, NEW, "")


def test_an_event_leads_to_what_explains_it() -> None:
    found = gathered("tables.Insert.time")
    (happened,) = judge(found, Memory()).events
    before, after = (found.commits[at].hash for at in (happened.before, happened.after))
    assert shown.event(found, happened, "../").profiles == []
    found.profiles = [made("1", benchmark="tables.Insert(False)", base=before, commit=after)]
    (link,) = shown.event(found, happened, "../").profiles
    assert link["href"] == "../p/1/flamegraph.html"


def test_what_is_copied_lies_in_the_profile_s_folder(tmp_path: Path) -> None:
    """A stored record is not trusted to name files elsewhere."""
    hostile = {"page": "flamegraph.html", "a": "../../secret", "b": "/etc/passwd", "c": ".hidden",
               "d": "missing.txt", "e": ""}  # fmt: skip
    profile = made("1", files=hostile)
    place = profiles.save(profile, {"flamegraph.html": b"<html>", ".hidden": b""}, tmp_path)
    (tmp_path / "secret").write_text("no")
    assert profile_links.contents(profile, tmp_path) == [
        ("p/1/flamegraph.html", place / "flamegraph.html")
    ]


def test_they_are_gathered_with_the_runs(tmp_path: Path) -> None:
    profiles.save(made("1"), {}, tmp_path)
    elsewhere = profiles.save(made("2"), {}, tmp_path)
    elsewhere.rename(elsewhere.with_name("3"))  # one that is not where it says
    (tmp_path / "runs").mkdir()
    found = Gathering(None).gather(tmp_path, [])
    assert [profile.id for profile in found.profiles] == ["1"]
