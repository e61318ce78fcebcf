"""A whole site out of what was gathered: pages, their data, and what they stand on."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cache
from importlib import resources
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any
from urllib.parse import quote

import msgspec

from harness.errors import StoreError
from harness.records import Run
from harness.stats.memory import Entry, Memory
from harness.store import judgements, runs, sessions
from harness.store.files import read, write
from reports import (
    benchmark,
    comparing,
    judged,
    method,
    naming,
    overview,
    peers_page,
    profile_links,
    render,
    run_page,
    runs_page,
    scale,
    shown,
)
from reports.folder import Folder
from reports.gathering import Gathered, Gathering, spoken_time

#: A site's folder in a store of ours, unless somebody says otherwise.
FOLDER = "html"
#: Pages that every page leads to.
_NAVIGATION = (
    ("index.html", "Overview"),
    ("compare.html", "Compare"),
    ("runs.html", "Runs"),
    ("scale.html", "Scale"),
    ("peers.html", "Peers"),
    ("method.html", "Method"),
)
#: Characters of a subject that pages show.
_SUBJECT = 80
#: What is remembered of judgements, and of the pages of runs.
_JUDGED, _RUNS = "judged.msgpack", "pages-of-runs.msgpack"


@dataclass(frozen=True, slots=True)
class Built:
    """What came of it: the first page, and how much was written."""

    index: Path
    series: int
    points: int
    commits: int
    runs: int
    events: int
    written: int
    kept: int
    bytes: int


def build(
    out: Path,
    results: Path | None = None,
    histories: Iterable[Path] = (),
    *,
    repository: Path | None = None,
    title: str = "",
    raw: str | None = None,
    warn: Callable[[str], None] = lambda text: None,
    say: Callable[[str], None] = lambda text: None,
) -> Built:
    """Write or renew a site in ``out``.

    ``results`` is a store of ours (runs, sessions, imports), ``histories`` folders of asv's
    results, of any project. ``raw`` is where the histories' files can be looked at from the site's
    top, ending in a slash; by default where they lie. What did not change is not written again.

    Raises ``StoreError`` for a folder that is no such thing, or that has something else in it.
    """
    places = list(histories)
    with Folder(out) as folder:
        gathered = Gathering(folder.memory, warn, say).gather(results, places, repository)
        entries = judgements.read(folder.memory / _JUDGED, judgements.version(), Entry)
        memory = Memory(entries)
        say("judge what changed")
        judgement = judged.judge(gathered, memory)
        if memory.has_news:
            judgements.save(folder.memory / _JUDGED, judgements.version(), memory.entries())
        say("write pages")
        _Site(folder, gathered, judgement, results, title, raw).write()
    return Built(
        index=out / "index.html",
        series=len(gathered.lines),
        points=sum(len(line.y) for line in gathered.lines),
        commits=sum(bool(commit.hash) for commit in gathered.commits),
        runs=len(gathered.runs),
        events=len(judgement.events),
        written=folder.written,
        kept=folder.kept,
        bytes=folder.bytes,
    )


class _Site:
    """Writes each page once."""

    def __init__(
        self,
        folder: Folder,
        gathered: Gathered,
        judgement: judged.Judgement,
        results: Path | None,
        title: str,
        raw: str | None,
    ) -> None:
        self._folder, self._gathered, self._judgement = folder, gathered, judgement
        self._results, self._raw = results, raw
        self._said: dict[str, tuple[str, str]] = {}
        self._runs_before: dict[str, bytes] = {}
        self._runs_now: dict[str, bytes] = {}
        self._sessions = list(sessions.all_of(results)) if results is not None else []
        newest = gathered.commits[-1] if gathered.commits else None
        self._about = {
            "title": title or gathered.project or "SpacetimeDB harness",
            "project": gathered.project,
            "subtitle": "performance history",
            "newest": f"{shown.short(newest)}, {spoken_time(newest.date_ms)}" if newest else "",
            "version": _version(),
        }

    def write(self) -> None:
        """All pages, their data and their scripts."""
        gathered, judgement = self._gathered, self._judgement
        self._static()
        self._data("data/commits", self._commits())
        newest = runs_page.newest(self._sessions, gathered.runs)
        self._page("index.html", overview.page(gathered, judgement, self._about["title"], newest))
        self._benchmarks()
        self._page("compare.html", comparing.page(gathered, judgement.each))
        for block in comparing.blocks(gathered):
            self._data(block.key, block.content)
        self._page("runs.html", runs_page.page(self._sessions, gathered.runs))
        self._runs()
        self._profiles()
        self._page("scale.html", scale.page(gathered))
        self._page("peers.html", peers_page.page(self._sessions, gathered.runs))
        self._page("method.html", method.page(gathered, judgement.each, judgement.level))

    def _page(
        self, name: str, page: Any, template: str = "", root: str = "", about: Any = None
    ) -> None:
        navigation = [
            {"href": f"{root}{href}", "title": title, "current": href == name}
            for href, title in _NAVIGATION
        ]
        data = render.html(
            template or name, page=page, root=root, nav=navigation, site=about or self._about
        )
        self._folder.put(name, data)

    def _data(self, key: str, content: Any) -> None:
        self._folder.put(f"{key}.js", render.script(key, content))

    def _commits(self) -> dict[str, Any]:
        commits = self._gathered.commits
        url = self._gathered.commit_url
        return {
            "hash": [commit.hash[:12] for commit in commits],
            "date": [commit.date_ms for commit in commits],
            "subject": [commit.subject[:_SUBJECT] for commit in commits],
            "url": url if url.startswith(("https://", "http://")) else "",
        }

    def _benchmarks(self) -> None:
        gathered, judgement = self._gathered, self._judgement
        happened: dict[str, list[judged.Happened]] = {}
        for one in judgement.events:
            happened.setdefault(gathered.lines[one.line].head.benchmark, []).append(one)
        for name, members in benchmark.groups(gathered):
            each = [judgement.each[number] for number in members]
            source = gathered.lines[members[0]].raw
            page, shards = benchmark.page(
                gathered, name, members, each, happened.get(name, []), self._raw_base(source)
            )
            self._page(f"b/{naming.slug(name)}.html", page, "benchmark.html", "../")
            for shard in shards:
                self._data(shard.key, shard.content)

    def _raw_base(self, source: Path | None) -> str | None:
        """From a benchmark's page to the folder of raw files."""
        if source is None:
            return None
        if self._raw is not None:
            return self._raw if "://" in self._raw else f"../{self._raw}"
        relative = os.path.relpath(source.resolve(), self._folder.path.resolve() / "b")
        return quote(relative.replace(os.sep, "/")) + "/"

    def _runs(self) -> None:
        gathered = self._gathered
        self._said = {
            commit.hash: (commit.subject, shown.commit_href(gathered, commit))
            for commit in gathered.commits
        }
        path = self._folder.memory / _RUNS
        try:
            self._runs_before = msgspec.msgpack.decode(path.read_bytes(), type=dict[str, bytes])
        except (OSError, msgspec.DecodeError, UnicodeDecodeError):
            self._runs_before = {}
        for run in gathered.runs:
            self._run(run)
        if self._runs_now != self._runs_before:
            write(path, msgspec.msgpack.encode(self._runs_now))

    def _run(self, lean: Run) -> None:
        """A run never changes, so its page is made once; and again if what it shows is new."""
        assert self._results is not None
        names = [f"r/{lean.id}.html", f"r/{lean.id}.js", f"r/{lean.id}.json"]
        files = _attached(self._results, lean.id)
        names += [f"r/{file['href']}" for file in files]
        hash = lean.environment.git_commit or ""
        profiled = profile_links.of_run(self._gathered.profiles, lean, "../")
        subject, href = self._said.get(hash, ("", ""))
        commit = {"hash": hash, "subject": subject, "href": href}
        made_of = self._made_of([lean.id, files, profiled, commit])
        self._runs_now[lean.id] = made_of
        if self._runs_before.get(lean.id) == made_of and self._folder.keep(names):
            return
        path = self._results / "runs" / f"{lean.id}.json"
        try:
            run = runs.load(path)
            raw = path.read_bytes()
        except (StoreError, OSError):
            return  # it went away since it was read
        page, shard = run_page.page(run, [*files, *profiled], commit)
        # The newest commit is no part of what a run is; without it, old runs' pages stay.
        self._page(names[0], page, "run.html", "../", self._about | {"newest": ""})
        self._data(shard.key, shard.content)
        self._folder.put(names[2], raw)
        for file in files:
            source = self._results / "attached" / file["title"]
            self._folder.put(f"r/{file['href']}", source.read_bytes())

    def _profiles(self) -> None:
        """Profiles never change, so their files are copied once."""
        for profile in self._gathered.profiles:
            assert self._results is not None
            files = profile_links.contents(profile, self._results)
            if not self._folder.keep([name for name, _ in files]):
                for name, source in files:
                    self._folder.put(name, read(source))

    def _made_of(self, parts: Any) -> bytes:
        """What a page is made of, as a digest: its parts, and the code that makes it of them."""
        known = msgspec.json.encode([self._about["title"], _fingerprint(), parts])
        return hashlib.blake2b(known, digest_size=16).digest()

    def _static(self) -> None:
        for part in sorted(
            resources.files("reports").joinpath("static").iterdir(), key=lambda part: part.name
        ):
            if part.is_file() and part.name.endswith((".js", ".css")):
                self._folder.put(f"static/{part.name}", part.read_bytes())


@cache
def _fingerprint() -> str:
    """Of all code, templates and scripts that make pages."""
    hashed = hashlib.blake2b(digest_size=16)
    top = resources.files("reports")
    for folder in (top, top / "templates", top / "static"):
        for part in sorted(folder.iterdir(), key=lambda part: part.name):
            if part.is_file() and part.name.endswith((".py", ".html", ".js", ".css")):
                hashed.update(part.read_bytes())
    return hashed.hexdigest()


def _attached(results: Path, run: str) -> list[dict[str, str]]:
    """Files of other tools that were kept beside a run."""
    found = sorted((results / "attached").glob(f"{run}.*.json"))
    return [{"href": path.name, "title": path.name} for path in found]


def _version() -> str:
    try:
        return version("spacetimedb-harness")
    except PackageNotFoundError:
        return ""
