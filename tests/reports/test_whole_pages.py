"""Whole pages out of small models: the text of each kind, as it is written. Texts are hostile.

`python -m tests.reports.test_whole_pages` writes the goldens anew; look at what changed in them.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from reports import (
    benchmark,
    comparing,
    method,
    overview,
    peers_page,
    render,
    run_page,
    runs_page,
    scale,
    shown,
)

GOLDENS = Path(__file__).parent / "goldens"
BAD = "</script><b>&\"'"
ABOUT = {
    "title": BAD, "project": BAD, "subtitle": "performance history",
    "newest": "1a2b3c4d, 2026-11-27 16:00", "version": "0.1.0",
}  # fmt: skip
EVENT = shown.ShownEvent(
    id="e1", benchmark=BAD, href="b/x.html#event-e1", size="+5.2 %", interval="+4.6 … +5.9 %",
    direction="worse", kind="shift", state="open", checked="", commits="1a2b3c4d..5e6f7a8b",
    date="2026-11-20", subject=BAD, how_sure="p 1e-09", machine=BAD, because="",
    commit_href="https://example.org/5e6f7a8b", profiles=[],
)  # fmt: skip
DRIFT = shown.ShownEvent(
    id="e2", benchmark="tables.Insert", href="b/y.html#event-e2", size="−12.4 %", interval="",
    direction="better", kind="drift", state="acknowledged", checked="confirmed",
    commits="2026-11-27 16:00..5e6f7a8b", date="2026-11-20", subject="", how_sure="p 0.001",
    machine="bench", because=BAD, commit_href="", profiles=[{"href": "r/p.html", "title": BAD}],
)  # fmt: skip
TABLE = {
    "title": BAD, "headers": ["metric", "claim", "verdict"], "right": [1],
    "rows": [[BAD, "191,984/s", f"NOISY: {BAD}"], ["insert", "—", "VALID"]],
    "hrefs": ["r/run-1.html", ""], "levels": ["NOISY", "VALID"], "note": BAD,
}  # fmt: skip

#: Name of a golden -> template, page and the way to the site's top.
PAGES: dict[str, tuple[str, Any, str]] = {
    "index": (
        "index.html",
        overview.Page(
            title=BAD, summary=[{"label": "series", "value": "2"}], events=[EVENT, DRIFT],
            more_events=3, doubtful=1, commits=2, newest={"title": BAD, "tables": [TABLE]},
            suites=[overview.Suite(name=BAD, count=2, worse=1, better=0, state_text="1 worse")],
            first_rows=[
                overview.Row(
                    name=BAD, href="b/x.html", suite=BAD, unit="ns", machines=[0], targets=[0],
                    versions=[0], kind="time", latest="12.3 µs", change="+5.2 %",
                    direction="worse", state="open", spark=[0, None, 100], series=1,
                )
            ],
            data={"rows": [], "machines": [BAD]},
        ),
        "",
    ),
    "benchmark": (
        "benchmark.html",
        benchmark.Page(
            title=BAD, suite=BAD, unit_text="time", better_text="less is better", events=[EVENT],
            latest=[
                benchmark.Latest(
                    label=BAD, value="12.3 µs", interval="12.1 µs to 12.5 µs", date="2026-11-27",
                    commit="1a2b3c4d", run_href="../r/run-1.html", raw_href="../raw/x.json",
                )
            ],
            more_latest=1, note=BAD, data={"name": BAD},
        ),
        "../",
    ),
    "run": (
        "run.html",
        run_page.Page(
            title=BAD, id="run-1", level="NOISY", reasons=[BAD],
            facts=[{"title": "Environment", "rows": [{"name": BAD, "value": BAD}]}],
            figures=[{"name": "rate", "value": "50,000/s", "interval": "49,000/s to 51,000/s",
                      "count": "20,000", "href": "../b/x.html"}],
            checks=[{"name": "rows", "passed": True, "found": BAD},
                    {"name": "generator", "passed": False, "found": "1.4×"}],
            log=[BAD], raw_href="run-1.json", files=[{"href": "a.json", "title": BAD}],
            commit={"hash": "1a2b", "subject": BAD, "href": "https://example.org/1a2b"},
            data={"id": "run-1", "key": "r/run-1", "histograms": []},
        ),
        "../",
    ),
    "runs": (
        "runs.html",
        runs_page.Page(
            title="Runs", sessions=[{"id": "s", "title": BAD, "tables": [TABLE]}],
            runs=[{"id": "run-1", "href": "r/run-1.html", "scenario": BAD, "target": BAD,
                   "started": "2026-11-27 16:00", "verdict": "VOID", "reasons": BAD,
                   "headline": "—"}],
            more_runs=7,
        ),
        "",
    ),
    "scale": (
        "scale.html",
        scale.Page(
            title="Scale",
            charts=[{"title": BAD, "unit": "ns", "x_title": "rows", "note": BAD,
                     "rows": [{"label": BAD, "x": "1,000", "value": "12.3 µs",
                               "interval": "12.1 µs to 12.5 µs", "href": "r/run-1.html"}]}],
            data={"charts": []},
        ),
        "",
    ),
    "peers": (
        "peers.html",
        peers_page.Page(title="Peers", tables=[TABLE], notes=[BAD], data={"ratios": []}),
        "",
    ),
    "compare": ("compare.html", comparing.Page(title="Compare", data={"series": [BAD]}), ""),
    "method": (
        "method.html",
        method.Page(
            title="Method",
            html_sections=[
                {"id": "noise", "title": BAD, "paragraphs": [BAD], "items": [BAD],
                 "table": {"headers": ["machine", BAD], "rows": [[BAD, "±2 %"]]}}
            ],
        ),
        "",
    ),
}  # fmt: skip


def rendered(name: str) -> str:
    template, page, root = PAGES[name]
    navigation = [{"href": f"{root}index.html", "title": "Overview", "current": name == "index"}]
    html = render.html(template, page=page, root=root, nav=navigation, site=ABOUT)
    return html.decode()


@pytest.mark.parametrize("name", PAGES)
def test_whole_pages_are_as_they_were(name: str) -> None:
    assert rendered(name) == (GOLDENS / f"{name}.html").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", PAGES)
def test_no_text_becomes_markup(name: str) -> None:
    html = rendered(name)
    assert "<b>" not in html
    # No script but those of the site, and one block of data.
    scripts = html.split("<script")[1:]
    assert all(
        ' src="' in one.partition(">")[0] or 'type="application/json"' in one for one in scripts
    )
    assert len(scripts) == html.count("</script>")


@pytest.mark.parametrize("name", PAGES)
def test_nothing_is_loaded_from_elsewhere(name: str) -> None:
    html = rendered(name)
    for attribute in ('src="', 'rel="stylesheet" href="'):
        for part in html.split(attribute)[1:]:
            assert part.startswith(f"{PAGES[name][2]}static/")
    assert "default-src 'none'" in html
    assert " style=" not in html
    assert " onclick=" not in html


if __name__ == "__main__":
    GOLDENS.mkdir(exist_ok=True)
    for golden in PAGES:
        (GOLDENS / f"{golden}.html").write_text(rendered(golden), encoding="utf-8")
