"""A profile as one page: stacks drawn as a flame graph, and the frames that matter as a table.

The page holds all that it needs, asks no host for anything, and opens from disk. Whatever a frame
is called stands in it as text: names go through ``html.escape`` or into JSON in which no ``<``
occurs, and the page's policy lets no script run but its own.
"""

from __future__ import annotations

import base64
import hashlib
import html
import json
import re
from collections.abc import Mapping, Sequence
from importlib import resources

from harness import units
from harness.stacks import Frame, Grown, Lines, Stack, Weights, frames, weight
from harness.store.profiles import BASE, HEAD, Profile

#: The most boxes in a page; the narrowest of more go together, a box for each place.
BOXES = 20_000
#: Rows of the tables.
ROWS = 40
#: Characters of a name.
_LONGEST = 600
#: What is left out stands under this name.
SMALLER = Frame(name="(smaller ones)")
_UNSEEN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff]")


def page(
    profile: Profile,
    sides: Mapping[str, Mapping[Stack, float]],
    lines: Lines,
    *,
    grown: Sequence[Grown] = (),
    seen: str = "",
) -> str:
    """The page of a profile.

    ``sides`` has its stacks; of a difference those of base and head, and ``grown`` its frames as
    ranked. ``seen`` says what its profiler sees.

    Equal input gives equal text.
    """
    both = [sides[BASE], sides[HEAD]] if profile.is_difference else list(sides.values())[:1]
    script, style = _static("flamegraph.js"), _static("flamegraph.css")
    policy = (
        f"default-src 'none'; img-src data:; style-src {_hash(style)}; script-src {_hash(script)}; "
        "base-uri 'none'; form-action 'none'"
    )
    title = _text(profile.title)
    return "\n".join(
        [
            "<!doctype html>",
            '<html lang="en">',
            "<head>",
            '<meta charset="utf-8">',
            f'<meta http-equiv="Content-Security-Policy" content="{_text(policy)}">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            '<meta name="color-scheme" content="light dark">',
            '<link rel="icon" href="data:,">',
            f"<title>{title}</title>",
            f"<style>{style}</style>",
            "</head>",
            "<body>",
            "<header>",
            f"<h1><bdi>{title}</bdi></h1>",
            f"<p>{_text(_sentence(profile))}</p>",
            "</header>",
            _tools(profile.is_difference),
            "<main>",
            '<div id="graph"></div>',
            '<p id="detail" role="status" aria-live="polite">'
            "Point at a box, or go through them with the arrow keys.</p>",
            "<noscript><p>Without scripts there is the table alone.</p></noscript>",
            _grown_table(profile, grown) if profile.is_difference else "",
            _table(profile, both),
            _about(profile, seen),
            "</main>",
            f'<script type="application/json" id="data">{data(profile, both, lines)}</script>',
            f"<script>{script}</script>",
            "</body>",
            "</html>",
            "",
        ]
    )


# --- the tree -------------------------------------------------------------------------------------


class _Node:
    """A box: a frame below the same callers, on each side."""

    __slots__ = ("below", "values")

    def __init__(self, sides: int) -> None:
        self.values = [0.0] * sides
        self.below: dict[Frame, _Node] = {}


def data(
    profile: Profile, sides: Sequence[Mapping[Stack, float]], lines: Lines, boxes: int = BOXES
) -> str:
    """What the script draws, as JSON that may stand within a page.

    ``boxes`` is a flat list of the tree from the top: depth, number of the frame, a weight for each
    side, and so on. ``frames`` has name, file and line of each number.
    """
    root = _Node(len(sides))
    for side, stacks in enumerate(sides):
        for stack, value in stacks.items():
            node = root
            node.values[side] += value
            for frame in stack:
                node = node.below.setdefault(frame, _Node(len(sides)))
                node.values[side] += value
    least = _least(root, boxes)
    numbers: dict[Frame, int] = {}
    flat: list[float] = []
    waiting: list[tuple[int, Frame, _Node]] = [(0, Frame(name="all"), root)]
    while waiting:
        depth, frame, node = waiting.pop()
        flat += [depth, numbers.setdefault(frame, len(numbers)), *map(_rounded, node.values)]
        left = _Node(len(sides))
        below = []
        for each, child in node.below.items():
            if max(child.values) > least:
                below.append((depth + 1, each, child))
            else:
                left.values = [a + b for a, b in zip(left.values, child.values, strict=True)]
        if any(left.values):
            below.append((depth + 1, SMALLER, left))
        # The script draws in this order; the stack turns it round.
        waiting += sorted(below, key=lambda entry: (entry[1].name, entry[1].file), reverse=True)
    known = [[_shown(x.name), _shown(x.file), lines.get(x, 0)] for x in numbers]
    told = {
        "unit": profile.unit,
        "per": profile.per_operation,
        "sides": len(sides),
        "labels": [(profile.base or "")[:10], (profile.commit or "")[:10]],
        "frames": known,
        "boxes": flat,
    }
    text = json.dumps(told, separators=(",", ":"), ensure_ascii=False)
    for sign in ("<", ">", "&", "\u2028", "\u2029"):
        text = text.replace(sign, f"\\u{ord(sign):04x}")
    return text


def _least(root: _Node, boxes: int) -> float:
    """The weight above which there are no more boxes than that."""
    found: list[float] = []
    waiting = [root]
    while waiting:
        node = waiting.pop()
        found.append(max(node.values))
        waiting += node.below.values()
    if len(found) <= boxes:
        return 0.0
    found.sort(reverse=True)
    return found[boxes]


def _rounded(value: float) -> float:
    """Six digits: more would be for nobody."""
    short = float(f"{value:.6g}")
    return int(short) if short == int(short) else short


# --- texts ----------------------------------------------------------------------------------------


def _sentence(profile: Profile) -> str:
    weights = _amount(profile, profile.total)
    if profile.base is None:
        return f"{weights}; {_counted(profile.samples, profile.operations, profile)}."
    before = _amount(profile, profile.base_total)
    turns = f"{profile.pairs} turn{'s' * (profile.pairs != 1)} of each side"
    return (
        f"{before} before, {weights} after, over {turns}: "
        f"{_counted(profile.base_samples, profile.base_operations, profile)} before, "
        f"{_counted(profile.samples, profile.operations, profile)} after. "
        "Red boxes have grown by themselves, blue ones have shrunk."
    )


def _counted(samples: int, operations: int, profile: Profile) -> str:
    what = {"instructions": "instructions", "bytes": "allocations"}.get(profile.unit, "samples")
    if profile.profiler == "cprofile":
        what = "calls"
    return f"{samples:,} {what}" + (f" of {operations:,} operations" if operations else "")


def _amount(profile: Profile, value: float, *, sign: bool = False) -> str:
    shown = _value(profile, value)
    if sign and value > 0:
        shown = f"+{shown}"
    kind = {"ns": " CPU", "wall_ns": " of wall time"}.get(profile.unit, "")
    return f"{shown}{kind}{' an operation' if profile.per_operation and not sign else ''}"


def _value(profile: Profile, value: float) -> str:
    return units.show(value, "ns" if profile.unit == "wall_ns" else profile.unit)


def _signed(profile: Profile, value: float) -> str:
    return f"+{_value(profile, value)}" if value > 0 else _value(profile, value)


def _shown(text: str) -> str:
    """A name as it may stand in a page: not endless, and without what no page can hold."""
    text = _UNSEEN.sub("\N{REPLACEMENT CHARACTER}", text)
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"


def _text(text: str) -> str:
    return html.escape(_shown(text))


def _frame(frame: Frame) -> str:
    file = f' <span class="file"><bdi>{_text(frame.file)}</bdi></span>' if frame.file else ""
    return (
        f'<button type="button" class="find" data-find="{_text(frame.name)}">'
        f"<bdi>{_text(frame.name)}</bdi></button>{file}"
    )


# --- parts of the page ----------------------------------------------------------------------------


def _tools(difference: bool) -> str:
    views = ""
    if difference:
        choices = [("difference", "Difference"), ("base", "Before"), ("head", "After")]
        views = "".join(
            f'<label><input type="radio" name="view" value="{value}"'
            f"{' checked' if value == 'difference' else ''}> {label}</label>"
            for value, label in choices
        )
        views = f'<fieldset><legend class="hidden">What is drawn</legend>{views}</fieldset>'
    return (
        '<div class="tools" role="group" aria-label="Flame graph">'
        '<label>Search <input type="search" id="search" autocomplete="off" spellcheck="false" '
        'placeholder="function or file  ( / )"></label>'
        '<output id="found" for="search"></output>'
        f"{views}"
        '<label><input type="checkbox" id="callers"> Innermost first</label>'
        '<button type="button" id="out" disabled>Zoom out</button>'
        '<button type="button" id="theme">Light or dark</button>'
        "</div>"
    )


def _grown_table(profile: Profile, grown: Sequence[Grown]) -> str:
    rows = []
    for row in [row for row in grown if row.own][:ROWS]:
        interval = "—"
        if row.interval is not None and row.interval[0] != row.interval[1]:
            low, high = (_signed(profile, end) for end in row.interval)
            interval = f"{low} to {high}"
        rows.append(
            f'<tr><td class="{_text(row.word)}">{_text(row.word)}</td>'
            f"<td>{_text(_signed(profile, row.own))}</td><td>{_text(interval)}</td>"
            f"<td>{_text(_value(profile, row.base.own))}</td>"
            f"<td>{_text(_value(profile, row.head.own))}</td>"
            f"<td>{_text(_signed(profile, row.total))}</td><td>{_frame(row.frame)}</td></tr>"
        )
    if not rows:
        return "<p>No function grew or shrank by itself.</p>"
    heads = ("", "grew by itself", "95 % interval", "before", "after", "with what it calls",
             "function")  # fmt: skip
    return _drawn("grown", "What grew", heads, rows)


def _table(profile: Profile, sides: Sequence[Mapping[Stack, float]]) -> str:
    found, whole = frames(sides[-1]), weight(sides[-1])
    order = sorted(found.items(), key=lambda item: (-item[1].own, str(item[0])))[:ROWS]
    rows = [_row(profile, frame, weights, whole) for frame, weights in order]
    title = "Where it goes" + (", after" if profile.is_difference else "")
    heads = ("by itself", "share", "with what it calls", "share", "function")
    return _drawn("top", title, heads, rows)


def _row(profile: Profile, frame: Frame, weights: Weights, whole: float) -> str:
    def share(value: float) -> str:
        return f"{value / whole:.1%}" if whole else "—"

    return (
        f"<tr><td>{_text(_value(profile, weights.own))}</td><td>{share(weights.own)}</td>"
        f"<td>{_text(_value(profile, weights.total))}</td><td>{share(weights.total)}</td>"
        f"<td>{_frame(frame)}</td></tr>"
    )


def _drawn(name: str, title: str, heads: Sequence[str], rows: Sequence[str]) -> str:
    cells = "".join(f'<th scope="col">{_text(head)}</th>' for head in heads)
    return (
        f'<section aria-labelledby="{name}-title"><h2 id="{name}-title">{_text(title)}</h2>'
        f'<div class="wide" tabindex="0" role="region" aria-label="{_text(title)}">'
        f'<table id="{name}"><thead><tr>{cells}</tr></thead>'
        f"<tbody>{''.join(rows)}</tbody></table></div></section>"
    )


def _about(profile: Profile, seen: str) -> str:
    facts: list[tuple[str, str]] = [
        ("profiler", profile.profiler + (f": {seen}" if seen else "")),
        ("looked at", f"the {profile.of}"),
        ("made", profile.made_at),
    ]
    if profile.scenario is not None:
        load = profile.scenario.load
        facts.append(
            ("scenario", f"{profile.scenario.name}, {load.duration_s:g} s, seed "
                         f"{profile.scenario.workload.seed}")
        )  # fmt: skip
    if profile.target:
        facts.append(("target", profile.target))
    for name, commit in (("before", profile.base), ("commit", profile.commit)):
        if commit:
            dirty = ", with changes that are not committed" if profile.dirty else ""
            facts.append((name, commit + (dirty if name == "commit" else "")))
    if profile.environment is not None:
        where = profile.environment
        facts.append(("machine", f"{where.cpu_model}, {where.cpu_count} cores, {where.kernel}"))
        facts.append(("Python", where.python))
    if profile.run:
        facts.append(("run", profile.run))
    facts += [("note", note) for note in profile.notes]
    told = "".join(f"<dt>{_text(name)}</dt><dd><bdi>{_text(fact)}</bdi></dd>"
                   for name, fact in facts)  # fmt: skip
    links = "".join(
        f'<li><a href="{_text(name)}">{_text(name)}</a></li>'
        for kind, name in profile.files.items()
        if kind != "page"
    )
    return (
        '<section aria-labelledby="about-title"><h2 id="about-title">How it was made</h2>'
        f"<dl>{told}</dl>"
        "<p>A profiled run is slower than others; its figures are in no table.</p>"
        f"<ul>{links}</ul></section>"
    )


def _static(name: str) -> str:
    return resources.files("reports").joinpath("static", name).read_text(encoding="utf-8").strip()


def _hash(text: str) -> str:
    digest = hashlib.sha256(text.encode()).digest()
    return f"'sha256-{base64.b64encode(digest).decode()}'"
