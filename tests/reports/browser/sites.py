"""Small sites that have every kind of page, made by the real builder out of made-up results.

``ordinary`` is a project as it should be; ``hostile`` is the same with names, messages and values
that must show as text and break nothing. To look at them: `python -m tests.reports.browser.sites
FOLDER`.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from msgspec import structs

from harness.measure.environment import environment
from harness.records import (
    FORM,
    Check,
    Environment,
    Level,
    LoadShape,
    Metric,
    ResourceUse,
    Run,
    Scenario,
    Target,
    Trace,
    Verdict,
    Workload,
)
from harness.stats.histogram import Histogram
from harness.store import runs, sessions
from reports import site

#: Texts that must show as texts and break nothing.
HOSTILE = (
    "<script>window.hacked=1</script><img src=x onerror=window.hacked=1>",
    "long " + "x" * 10_000,
    "emoji 🦀🚀 👩‍👩‍👧‍👦 zürich",
    "\u202eright to left \u202babc\u202c עברית العربية",
    "</script><script>window.hacked=1</script>",
    "\"'`{{ 7*7 }}${7*7}&amp;\u2028]]>--><!--<style>*{display:none}",
)
COMMITS = 120
#: The first commit with the planted change: 12 % more of everything in ``codec.Rows``.
PLANTED = 80
#: Of the benchmark with parameters: its name, and what it is measured for.
GRID, ROWS, CODECS = "codec.Rows.time_decode", ("1", "100", "1000"), ("bsatn", "json")
#: Where commits can be looked at.
COMMIT_URL = "https://example.org/commit/"
_BEGAN_S, _APART_S = 1_760_000_000, 40_000


@dataclass(frozen=True)
class Site:
    """A built site, and what is in it."""

    folder: Path
    commits: list[str]
    texts: tuple[str, ...]

    def page(self, prefix: str) -> str:
        """The one page whose path begins so."""
        (found,) = sorted(self.folder.glob(f"{prefix}*.html"))
        return found.relative_to(self.folder).as_posix()


def ordinary(folder: Path) -> Site:
    return _make(folder, lambda number, text: text, ())


def hostile(folder: Path) -> Site:
    """Every text that a project can choose is one of ``HOSTILE``, now and then."""
    return _make(folder, lambda number, text: HOSTILE[number % len(HOSTILE)], HOSTILE)


#: A number and the plain text → the text to use.
_Choice = Callable[[int, str], str]


def _make(folder: Path, text: _Choice, texts: tuple[str, ...]) -> Site:
    hashes = _commits(folder / "repo", text)
    _history(folder, hashes, text)
    _store(folder / "store", hashes, text)
    site.build(
        folder / "html",
        folder / "store",
        [folder / "results"],
        repository=folder / "repo",
        title=text(4, "an ordinary project"),
    )
    return Site(folder / "html", hashes, texts)


def _commits(repo: Path, text: _Choice) -> list[str]:
    """A branch with such messages, by git's own importer; its hashes, the oldest first."""
    subprocess.run(["git", "init", "-q", "-b", "main", str(repo)], check=True)
    stream = b""
    for at in range(COMMITS):
        said = text(at, f"Make part {at} a little quicker").replace("\u2028", " ").encode()
        who = f"A Developer <developer@example.org> {_BEGAN_S + at * _APART_S} +0000".encode()
        stream += b"commit refs/heads/main\nmark :%d\nauthor %s\ncommitter %s\n" % (
            at + 1,
            who,
            who,
        )
        stream += b"data %d\n%s\n" % (len(said), said)
        stream += b"from :%d\n" % at if at else b""
    subprocess.run(
        ["git", "-C", str(repo), "fast-import", "--quiet"], input=stream, check=True
    )  # fmt: skip
    listed = subprocess.run(
        ["git", "-C", str(repo), "rev-list", "--reverse", "main"],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    return listed.stdout.split()


# --- a history of asv ----------------------------------------------------------------------------


def _history(folder: Path, hashes: list[str], text: _Choice) -> None:
    """Two machines; a benchmark with six combinations of parameters, and several without."""
    names = {GRID: "seconds"}
    names |= {f"tables.Insert.track_{number}": "1/s" for number in range(4)}
    names |= {f"memory.Rows.peakmem_{number}": "bytes" for number in range(3)}
    if text(0, "") != "":
        names |= dict.fromkeys(HOSTILE, "seconds")
    (folder / "asv.conf.json").parent.mkdir(parents=True, exist_ok=True)
    (folder / "asv.conf.json").write_text(
        json.dumps({"version": 1, "project": text(3, "ordinary"), "repo": "repo",
                    "show_commit_url": COMMIT_URL})
    )  # fmt: skip
    results = folder / "results"
    results.mkdir()
    params = {name: [list(ROWS), [f"'{codec}'" for codec in CODECS]] if name == GRID else []
              for name in names}  # fmt: skip
    (results / "benchmarks.json").write_text(json.dumps({"version": 2} | {
        name: {"name": name, "unit": unit, "type": "track", "version": "1", "params": params[name],
               "param_names": ["rows", text(0, "codec")] if name == GRID else []}
        for name, unit in names.items()
    }))  # fmt: skip
    for number, machine in enumerate(("bench-1", "bench-2")):
        draw = np.random.default_rng(number + 1)
        place = results / machine
        place.mkdir()
        (place / "machine.json").write_text(json.dumps({"machine": machine, "version": 1}))
        for at, commit in enumerate(hashes):
            if at % 10 == 3 and number:
                continue  # the other machine measures fewer
            found = {name: _result(name, unit, at, draw, params[name])
                     for name, unit in names.items()}  # fmt: skip
            file = f"{commit[:8]}-virtualenv-py3.11.json"
            (place / file).write_text(json.dumps({
                "commit_hash": commit, "env_name": text(at // 1000, "virtualenv-py3.11"),
                "date": (_BEGAN_S + at * _APART_S) * 1000, "python": "3.11", "requirements": {},
                "params": {"machine": machine, "python": "3.11", "cpu": text(0, "a processor")},
                "env_vars": {}, "durations": {}, "version": 2,
                "result_columns": ["result", "params", "version", "started_at", "duration",
                                   "stats_ci_99_a", "stats_ci_99_b"],
                "results": found,
            }))  # fmt: skip


def _result(name: str, unit: str, at: int, draw: np.random.Generator, params: list[Any]) -> Any:
    count = len(ROWS) * len(CODECS) if name == GRID else 1
    level = {"seconds": 1e-3, "1/s": 5e4, "bytes": 6e7}[unit] * np.arange(1, count + 1)
    if name == GRID and at >= PLANTED:
        level = level * 1.12
    values = level * draw.normal(1, 0.01, count)
    if name == GRID and at == 30:
        values[0] *= 3  # a spike
    return [
        values.tolist(),
        params,
        "1",
        0,
        1.0,
        (values * 0.99).tolist(),
        (values * 1.01).tolist(),
    ]


# --- a store of ours -----------------------------------------------------------------------------


def _store(store: Path, hashes: list[str], text: _Choice) -> None:
    """Runs over connections, a comparison with another client, a VOID one, and a session."""
    kept = []
    for number, connections in enumerate((1, 10, 100, 1000)):
        level = (Level.VALID, Level.NOISY)[number % 2]
        kept.append(_run(number, f"calls with {connections}", connections, level, hashes[-1], text))
    kept.append(_run(5, "peers noop", 1, Level.VALID, hashes[-1], text, kind="peer"))
    kept.append(_run(6, "queries", 1, Level.VOID, hashes[-2], text))
    for run in kept:
        runs.save(run, store)
    rows = [
        sessions.TableRow(
            metric=text(number, f"no-op calls, {number}"), suite="throughput", params=f"({number})",
            place=f"({number})", target="embedded", protocol="v3", claim=191_984.0,
            claim_unit="1/s", value=run.metrics[0].value, unit="1/s",
            interval=run.metrics[0].interval, how=text(number, "embedded v3"), load="×16",
            verdict=run.verdict.level.value, reasons=run.verdict.reasons, in_process=False,
            run=run.id,
        )
        for number, run in enumerate(kept)
    ]  # fmt: skip
    sessions.save(
        sessions.Session(id="20261101-000000-run", form=sessions.FORM,
                         title=text(0, "harness run --quick"),
                         started_at="2026-11-01T00:00:00+00:00", rows=rows),
        store,
    )  # fmt: skip


def _run(
    number: int, name: str, connections: int, level: Level, commit: str, text: _Choice,
    kind: str = "noop",
) -> Run:  # fmt: skip
    draw = np.random.default_rng(number)
    latencies = draw.lognormal(12, 0.5, 20_000).astype(np.int64)
    times = [at / 20 for at in range(1, 60)]
    traces = {"rate": ("1/s", 5e4), "client CPU": ("cores", 0.7), "server CPU": ("cores", 0.9),
              "client memory": ("bytes", 6e7), "server memory": ("bytes", 7e7),
              "loop lag": ("ns", 3e5)}  # fmt: skip
    metrics = [
        Metric(name="rate", value=5e4 / (number + 1), unit="1/s", count=20_000,
               interval=(4.9e4 / (number + 1), 5.1e4 / (number + 1))),
        Metric(name="client_cpu", value=2e4 * (1 + connections / 500), unit="ns", better="lower",
               interval=(1.9e4 * (1 + connections / 500), 2.1e4 * (1 + connections / 500))),
        Metric(name="latency_p50", value=float(np.median(latencies)), unit="ns", better="lower"),
    ]  # fmt: skip
    if kind == "peer":
        metrics.append(Metric(name="cpu_ratio", value=0.31, unit="ratio", better="lower",
                              interval=(0.28, 0.34)))  # fmt: skip
    reasons = [] if level is Level.VALID else [text(number, "others used a core")]
    return Run(
        id=f"2026110{number + 1}-120000-run-{number}",
        form=FORM,
        scenario=Scenario(
            name=text(number, name),
            workload=Workload(kind=kind),
            load=LoadShape(connections=connections, in_flight=16),
        ),
        target=Target(kind="embedded", pid=7, version=text(number, "0.1.0"), uri="http://127.0.0.1:1"),
        environment=_replaced(commit, text),
        verdict=Verdict(level=level, reasons=reasons),
        started_at=f"2026-11-0{number + 1}T12:00:00+00:00",
        metrics=metrics,
        checks=[
            Check(name="rows", passed=True, found=text(number, "1,000 rows, as expected")),
            Check(name="generator", passed=level is not Level.VOID, found="busy 31 % of the time"),
        ],
        histograms={
            "latency": Histogram.of(latencies).to_dict(),
            "service": Histogram.of(latencies * 3 // 4).to_dict(),
        },
        traces=[
            Trace(name=x, unit=unit, times_s=times,
                  values=(middle * draw.normal(1, 0.1, len(times))).tolist())
            for x, (unit, middle) in traces.items()
        ],
        client=ResourceUse(wall_ns=10**9, cpu_ns=7 * 10**8, rss_bytes=6 * 10**7),
        server=ResourceUse(wall_ns=10**9, cpu_ns=9 * 10**8, rss_bytes=7 * 10**7),
        notes={"a note": text(number, "kept")},
        log_tail=[text(number, "INFO listening"), text(number + 1, "INFO stopped")],
    )  # fmt: skip


def _replaced(commit: str, text: _Choice) -> Environment:
    return structs.replace(
        environment(), git_commit=commit, git_dirty=False, cpu_model=text(0, "a processor")
    )


if __name__ == "__main__":
    for make in (ordinary, hostile):
        print(make(Path(sys.argv[1]) / make.__name__).folder)
