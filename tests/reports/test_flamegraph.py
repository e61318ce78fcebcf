"""The page of a profile: whole, equal for equal input, and safe from what frames are called."""

from __future__ import annotations

import html
import json
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.stacks import Frame, Stacks, weight
from harness.stats.growth import grown
from harness.store.profiles import FORM, Profile
from reports import flamegraph

GOLDENS = Path(__file__).parent / "goldens"
MAIN = Frame(name="main", file="harness/run/worker.py")
ENCODE = Frame(name="Codec.encode", file="harness/wire/codec.py")
SEND = Frame(name="send", file="C")
ONE: Stacks = {(MAIN,): 100.0, (MAIN, ENCODE): 1_500.0, (MAIN, ENCODE, SEND): 400.0}
MORE: Stacks = {(MAIN,): 100.0, (MAIN, ENCODE): 3_000.0, (MAIN, SEND): 200.0}
HOSTILE = [
    "</script><script>alert(1)</script>", "<img src=x onerror=alert(1)>", "\"'><b>",
    "&lt;b&gt;", "\u202egnp.exe", "مرحبا", "🔥" * 40, "x" * 10_000, "a\x00b\x1b[31m", "<!--",
    "]]>", "\u2028", "${1}", "{{7*7}}", "\ud800", "javascript:alert(1)", "",
]  # fmt: skip


def profile(**more: object) -> Profile:
    facts: dict[str, object] = {
        "form": FORM, "id": "20250131-094500-x-0001", "benchmark": "throughput.Noop(v3)",
        "profiler": "sampler", "of": "client", "unit": "ns",
        "made_at": "2025-01-31T09:45:00+00:00", "commit": "b" * 40, "target": "embedded",
        "total": 2_000.0, "samples": 500, "operations": 100_000,
        "files": {"page": "flamegraph.html", "speedscope": "speedscope.json"},
    }  # fmt: skip
    return Profile(**(facts | more))  # type: ignore[arg-type]  # fields of a profile


def difference(**more: object) -> Profile:
    return profile(
        base="a" * 40, base_total=2_000.0, total=3_300.0, base_samples=400, pairs=4,
        base_operations=90_000, **more,
    )  # fmt: skip


def shown(base: Stacks = ONE, head: Stacks = MORE, **more: object) -> str:
    rows = grown([(base, head)] * 4)
    return flamegraph.page(
        difference(**more), {"base": base, "head": head}, {ENCODE: 12}, grown=rows, seen="CPU time"
    )


class Reader(HTMLParser):
    """What a browser would make of a page: tags, their attributes, texts outside of scripts."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str, str | None]] = []
        self.texts: list[str] = []
        self.inside = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [(tag, name, value) for name, value in attrs]
        self.inside = tag

    def handle_endtag(self, tag: str) -> None:
        self.inside = ""

    def handle_data(self, data: str) -> None:
        if self.inside not in ("script", "style"):
            self.texts.append(data)


def plain(page: str) -> str:
    """Without what is the same in all pages: the script, the style, their hashes."""
    page = re.sub(r"<style>.*?</style>", "<style>…</style>", page, flags=re.DOTALL)
    page = re.sub(r"<script>.*?</script>", "<script>…</script>", page, flags=re.DOTALL)
    return re.sub(r"sha256-[^&]*", "sha256-…", page)


@pytest.mark.parametrize("kind", ["one", "difference"])
def test_whole_pages_are_as_they_were(kind: str) -> None:
    """Look at them when they change: harness profile makes such, and a browser shows them."""
    if kind == "one":
        page = flamegraph.page(profile(), {"profile": ONE}, {ENCODE: 12}, seen="CPU time")
    else:
        page = shown()
    assert plain(page) == (GOLDENS / f"flamegraph-{kind}.html").read_text()


def test_equal_input_gives_equal_text() -> None:
    turned = dict(reversed(ONE.items()))
    assert shown(ONE) == shown(turned)


@pytest.mark.parametrize("name", HOSTILE)
def test_whatever_a_frame_is_called_stays_text(name: str) -> None:
    """The same tags and attributes' names as with a harmless name, wherever it stands."""
    frame = Frame(name=name, file=name)
    stacks: Stacks = {(MAIN, frame): 5.0, (MAIN, frame, frame): 3.0}
    more: Stacks = {(MAIN, frame): 50.0}
    harmless = Frame(name="harmless", file="harmless")
    page = shown(stacks, more, benchmark=name, notes=[name], profiler=name, target=name)
    same = shown(
        {(MAIN, harmless): 5.0, (MAIN, harmless, harmless): 3.0}, {(MAIN, harmless): 50.0},
        benchmark="harmless", notes=["harmless"], profiler="harmless", target="harmless",
    )  # fmt: skip
    read, wanted = Reader(page), Reader(same)
    if name:
        assert read.tags == wanted.tags
        assert [x[:2] for x in read.attributes] == [x[:2] for x in wanted.attributes]
    assert page.count("<script") == same.count("<script") == 2
    page.encode()  # it can be written
    known = json.loads(re.findall(r'id="data">(.*?)</script>', page, re.DOTALL)[0])
    drawn = {entry[0] for entry in known["frames"]}
    kept = (
        name[:500].replace("\x00", "\ufffd").replace("\x1b", "\ufffd").replace("\ud800", "\ufffd")
    )
    assert any(text.startswith(kept) for text in drawn)


def test_no_page_asks_a_host_for_anything() -> None:
    read = Reader(shown())
    for tag, name, value in read.attributes:
        if name in ("src", "href", "action", "srcset", "poster"):
            assert value is not None
            assert "//" not in value, (tag, name, value)
    policy = next(value for _, name, value in read.attributes if name == "content" and value
                  and "default-src" in value)  # fmt: skip
    assert policy.startswith("default-src 'none'; img-src data:; style-src 'sha256-")
    # No other script or style could run: neither is allowed inline but by its hash.
    assert "unsafe" not in policy
    assert not [x for x in read.attributes if x[1] == "style" or x[1].startswith("on")]
    for word in ("url(", "@import", "fetch(", "XMLHttpRequest", "import(", "innerHTML", "eval("):
        assert word not in shown(), word


FRAMES = st.sampled_from([Frame(name=name) for name in "abcde"])
STACKS = st.dictionaries(
    st.lists(FRAMES, min_size=1, max_size=6).map(tuple), st.floats(1, 1e6), min_size=1, max_size=30
)


@given(STACKS, STACKS, st.integers(1, 40))
def test_few_boxes_lose_no_weight(base: Stacks, head: Stacks, boxes: int) -> None:
    """Boxes that are left out stand together in one; each side adds up, level by level."""
    told = json.loads(html.unescape(flamegraph.data(difference(), [base, head], {}, boxes)))
    flat, names = told["boxes"], told["frames"]
    rows = [flat[at : at + 4] for at in range(0, len(flat), 4)]
    smaller = sum(names[row[1]][0] == flamegraph.SMALLER.name for row in rows)
    assert len(rows) - smaller <= boxes
    assert rows[0][0] == 0
    for side, stacks in ((2, base), (3, head)):
        assert rows[0][side] == pytest.approx(weight(stacks), rel=1e-5)
        for at, row in enumerate(rows):
            below = 0.0
            for child in rows[at + 1 :]:
                if child[0] <= row[0]:
                    break
                if child[0] == row[0] + 1:
                    below += child[side]
            assert below <= row[side] * (1 + 1e-4) + 1e-6


def test_where_nothing_changed_the_page_says_so() -> None:
    text = " ".join(Reader(shown(ONE, ONE)).texts)
    assert "No function grew or shrank by itself." in text
    assert "What grew" not in text


def test_without_scripts_there_is_the_table() -> None:
    text = " ".join(Reader(shown()).texts)
    for words in ("What grew", "Where it goes, after", "Codec.encode", "+1.50 µs", "CPU time",
                  "2.00 µs CPU an operation before, 3.30 µs CPU an operation after"):  # fmt: skip
        assert words in text
