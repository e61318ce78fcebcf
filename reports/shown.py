"""An event as pages show it: sizes, commits and state in words."""

from __future__ import annotations

from harness.records import Record
from harness.stats.events import Event
from reports import naming, profile_links, quantities
from reports.gathering import Commit, Gathered, spoken_time
from reports.judged import Happened


class ShownEvent(Record, frozen=True):
    """One event in words; ``href`` leads to its benchmark, ``commit_href`` to the commit."""

    id: str
    benchmark: str
    href: str
    size: str
    interval: str
    direction: str
    kind: str
    state: str
    checked: str
    commits: str
    date: str
    subject: str
    how_sure: str
    machine: str
    because: str
    commit_href: str
    profiles: list[dict[str, str]]


def event(gathered: Gathered, one: Happened, root: str) -> ShownEvent:
    """``root`` leads from the page to the site's top: "" or "../"."""
    head = gathered.lines[one.line].head
    before, after = gathered.commits[one.before], gathered.commits[one.after]
    return ShownEvent(
        id=one.id,
        benchmark=head.name,
        href=f"{root}b/{naming.slug(head.benchmark)}.html#event-{one.id}",
        size=quantities.change(one.event.ratio, one.event.change, head.unit),
        interval=_interval(one.event, head.unit),
        direction=one.event.direction.value,
        kind=one.event.kind.value,
        state=one.state,
        checked="" if one.found.confirmation is None else one.found.standing,
        commits=f"{short(before)}..{short(after)}",
        date=spoken_time(after.date_ms)[:10],
        subject=after.subject,
        how_sure=f"p {one.event.p:.1g}",
        machine=head.machine,
        because=one.mark.because if one.mark is not None else "",
        commit_href=commit_href(gathered, after),
        profiles=profile_links.of_change(
            gathered.profiles, head.name, before.hash, after.hash, root
        ),
    )


def _interval(event: Event, unit: str) -> str:
    if event.ratio_interval is not None:
        return quantities.between(*event.ratio_interval, ratios=True)
    return quantities.between(*event.interval, ratios=False, unit=unit)


def short(commit: Commit) -> str:
    """The commit as people name it; the time of what belongs to none."""
    return commit.hash[: naming.SHORT] or spoken_time(commit.date_ms)


def commit_href(gathered: Gathered, commit: Commit) -> str:
    """Where the commit can be looked at; "" if nobody said."""
    if not commit.hash or not gathered.commit_url.startswith(("https://", "http://")):
        return ""
    return gathered.commit_url + commit.hash
