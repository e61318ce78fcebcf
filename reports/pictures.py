"""Still pictures for a README, a talk or a pull request: SVG or PNG, the same bytes for equal data.

Each picture takes plain data that the pages draw as well, and returns bytes. matplotlib is imported
here and nowhere else.
"""

from __future__ import annotations

import io
import math
import warnings
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from harness.errors import StoreError
from harness.stats.histogram import Histogram
from harness.store.sessions import TableRow
from harness.units import show
from reports import quantities
from reports.gathering import Gathered, Line
from reports.judged import Happened

try:
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
except ImportError as error:
    raise StoreError(
        "matplotlib is not installed: pip install 'spacetimedb-harness[reports]'"
    ) from error

FORMATS = ("svg", "png")
#: Colours that are told apart by most eyes, also side by side in grey.
_INK, _FAINT, _MAIN, _WORSE, _BETTER = "#1f2328", "#8c959f", "#0b62c4", "#b3261e", "#1a7f37"
_STYLE: Any = {  # names of settings that matplotlib has as literals
    # Nothing of the moment or the machine goes into the bytes: element ids come from this salt.
    "svg.hashsalt": "spacetimedb-harness",
    # Texts stay texts, so that they can be found, read aloud, and need no font of this machine.
    "svg.fonttype": "none",
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans"],
    "font.size": 9,
    "axes.edgecolor": _FAINT,
    "axes.labelcolor": _INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "text.color": _INK,
    "xtick.color": _INK,
    "ytick.color": _INK,
    "figure.facecolor": "white",
}
#: Lines of a picture at the most; marks of servers.
_MOST = 40
_MARKS = (("o", _MAIN), ("D", _WORSE), ("s", _BETTER), ("^", _INK))


def form_of(name: str) -> str:
    """The format by a file's ending. Raises ``StoreError`` for another one."""
    form = name.rpartition(".")[2].lower()
    if form not in FORMATS:
        raise StoreError(f"a picture is a .svg or a .png file, not {name!r}")
    return form


def history(
    line: Line, gathered: Gathered, happened: Sequence[Happened], form: str = "svg"
) -> bytes:
    """One series over commits with its interval and the levels between its shifts."""
    unit, factor = quantities.known(line.head.unit)
    y = line.y * factor
    with _style():
        figure = Figure(figsize=(8, 3), layout="constrained")
        axes = figure.add_subplot()
        if line.low is not None and line.high is not None:
            axes.fill_between(
                line.x, line.low * factor, line.high * factor, color=_MAIN, alpha=0.18, linewidth=0
            )
        axes.plot(line.x, y, color=_MAIN, linewidth=0.9, marker="." if len(y) < 200 else None)
        for one in happened:
            event = one.event
            colour = _WORSE if event.direction.value == "worse" else _BETTER
            at = int(line.x[event.at])
            axes.axvline(at, color=colour, linewidth=1, linestyle="--")
            said = quantities.change(event.ratio, event.change, line.head.unit)
            mark = "▲" if event.after > event.before else "▼"
            axes.annotate(
                f"{mark} {said}\n{gathered.commits[at].hash[:8]}", (at, axes.get_ylim()[1]),
                xytext=(4, -2), textcoords="offset points", va="top", color=colour, fontsize=8,
            )  # fmt: skip
        axes.set_title(_clipped(line.head.name), loc="left", fontsize=10)
        axes.set_ylabel(f"{line.head.better.value} is better")
        axes.yaxis.set_major_formatter(lambda value, _: show(value, unit))
        if len(line.x):
            _date_ticks(axes, line.x, gathered)
        return _bytes(figure, form)


def _date_ticks(axes: Axes, x: np.ndarray, gathered: Gathered) -> None:
    """A handful of commits by their dates."""
    chosen = np.unique(np.linspace(int(x[0]), int(x[-1]), 6).astype(int)).tolist()
    from reports.gathering import spoken_time

    axes.set_xticks(chosen, [spoken_time(gathered.commits[at].date_ms)[:10] for at in chosen])


def claims(rows: Sequence[TableRow], form: str = "svg") -> bytes:
    """What was claimed beside what was measured through servers, as multiples of the claim.

    A line is a claim, a mark on it a server. Comparisons with other clients are ``ratios``.

    Raises ``StoreError`` if no row answers a claim.
    """
    chosen = [x for x in rows if x.claim and x.value and not x.in_process and not _compares(x)]
    lines: dict[str, list[TableRow]] = {}
    for row in chosen:
        lines.setdefault(row.metric, []).append(row)
    if not lines:
        raise StoreError("no row of this session answers a claim; run `harness run` first")
    targets = list(dict.fromkeys(row.target for row in chosen))
    shown = list(lines.items())[:_MOST]
    with _style():
        figure = Figure(figsize=(8, 1.1 + 0.4 * len(shown)), layout="constrained")
        axes = figure.add_subplot()
        for place, (_, members) in enumerate(reversed(shown)):
            measured = [(row.value or math.nan) / (row.claim or math.nan) for row in members]
            axes.plot([1, *measured], [place] * (1 + len(members)), color=_FAINT, linewidth=1)
            for row, ratio in zip(members, measured, strict=True):
                mark, colour = _MARKS[targets.index(row.target) % len(_MARKS)]
                axes.plot([ratio], [place], mark, color=colour, markersize=6)
            said = ", ".join(
                show(row.value, row.unit) + ("" if row.verdict == "VALID" else f" {row.verdict}")
                for row in members
            )
            axes.text(
                1.02, place, said, transform=axes.get_yaxis_transform(), va="center", fontsize=8
            )
        axes.axvline(1, color=_INK, linewidth=1)
        axes.set_ylim(-0.7, len(shown) - 0.3)
        axes.set_yticks(
            range(len(shown)),
            [
                f"{_clipped(metric, 44)}: claimed {show(members[0].claim, members[0].claim_unit)}"
                for metric, members in reversed(shown)
            ],
        )
        _log(axes, 1.6)
        axes.set_xlabel("measured ÷ claimed")
        handles = [
            axes.plot([], [], _MARKS[at % len(_MARKS)][0], color=_MARKS[at % len(_MARKS)][1],
                      label=_clipped(target, 40))[0]
            for at, target in enumerate(targets)
        ]  # fmt: skip
        figure.legend(handles=handles, loc="outside upper left", ncols=4, frameon=False)
        return _bytes(figure, form)


def _compares(row: TableRow) -> bool:
    """Whether it is a figure beside another client's."""
    return row.suite.startswith("peers.")


def ratios(found: Sequence[dict[str, Any]], title: str = "", form: str = "svg") -> bytes:
    """Ratios with their intervals on a logarithmic axis, as ``peers_page`` gives them.

    Raises ``StoreError`` if there are none.
    """
    chosen = list(found)[:_MOST]
    if not chosen:
        raise StoreError("no comparison with another client is stored; run `harness run peers`")
    with _style():
        figure = Figure(figsize=(8, 0.8 + 0.34 * len(chosen)), layout="constrained")
        axes = figure.add_subplot()
        for place, one in enumerate(reversed(chosen)):
            value = one["value"]
            good = (value < 1) is (one["better"] == "lower")
            colour = _BETTER if good else _WORSE
            if one["lo"] is not None:
                axes.plot([one["lo"], one["hi"]], [place, place], color=colour, linewidth=2)
            axes.plot([value], [place], "o" if good else "s", color=colour, markersize=6)
            axes.annotate(
                f"{value:.2f}×", (max(value, one["hi"] or value), place), xytext=(7, 0),
                textcoords="offset points", va="center", fontsize=8,
            )  # fmt: skip
        axes.axvline(1, color=_INK, linewidth=1)
        axes.set_yticks(range(len(chosen)), [_clipped(x["name"]) for x in reversed(chosen)])
        _log(axes, 1.5)
        axes.set_xlabel("ours ÷ theirs (● better, ■ worse)")
        if title:
            axes.set_title(_clipped(title), loc="left", fontsize=10)
        return _bytes(figure, form)


def percentiles(named: Sequence[tuple[str, Histogram]], title: str, form: str = "svg") -> bytes:
    """Whole histograms as percentile plots: the share that waited longer, logarithmic.

    Raises ``StoreError`` if there is none.
    """
    if not named:
        raise StoreError("this run has no histogram")
    with _style():
        figure = Figure(figsize=(8, 3.4), layout="constrained")
        axes = figure.add_subplot()
        deepest = 1.0
        for number, (name, histogram) in enumerate(named):
            shares = [10 ** (-step / 8) for step in range(0, 49)]
            known = [share for share in shares if share * histogram.count >= 2]
            values = [histogram.percentile(100 * (1 - share)) for share in known]
            axes.plot(
                [1 / share for share in known], values, label=name, linewidth=1.4,
                color=(_MAIN, _WORSE, _BETTER, _FAINT)[number % 4],
                linestyle=("-", "--", ":", "-.")[number % 4],
            )  # fmt: skip
            deepest = max([deepest, *(1 / share for share in known)])
        axes.set_xscale("log")
        axes.set_yscale("log")
        marks = [x for x in (1, 2, 10, 100, 1_000, 10_000, 100_000) if x <= deepest * 1.01]
        names = {1: "0", 2: "50 %", 10: "90 %", 100: "99 %", 1_000: "99.9 %", 10_000: "99.99 %",
                 100_000: "99.999 %"}  # fmt: skip
        axes.set_xticks(marks, [names[x] for x in marks])
        axes.minorticks_off()
        axes.yaxis.set_major_formatter(lambda value, _: show(value, "ns"))
        axes.set_title(_clipped(title), loc="left", fontsize=10)
        axes.legend(frameon=False)
        return _bytes(figure, form)


def growth(chart: dict[str, Any], form: str = "svg") -> bytes:
    """One chart of ``scale``: lines over rows or connections, both axes logarithmic."""
    with _style():
        figure = Figure(figsize=(8, 3.4), layout="constrained")
        axes = figure.add_subplot()
        for number, line in enumerate(chart["lines"][:8]):
            axes.plot(
                [point["x"] for point in line["points"]],
                [point["y"] for point in line["points"]],
                marker="os^vDPX*"[number % 8], label=_clipped(line["label"], 50), linewidth=1.2,
            )  # fmt: skip
        axes.set_xscale("log")
        axes.set_yscale("log")
        axes.set_xlabel(chart["x"])
        axes.xaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")
        axes.yaxis.set_major_formatter(lambda value, _: quantities.text(value, chart["unit"]))
        axes.set_title(_clipped(chart["title"]), loc="left", fontsize=10)
        axes.legend(frameon=False, fontsize=8)
        return _bytes(figure, form)


def _log(axes: Axes, room: float) -> None:
    """A logarithmic axis of ratios, with room for the words beside its ends."""
    axes.set_xscale("log")
    low, high = axes.get_xlim()
    axes.set_xlim(min(low, 1) / room**1.5, max(high, 1) * room)
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:g}×")
    axes.minorticks_off()


def _clipped(text: str, most: int = 90) -> str:
    """Text that takes one line; a dollar sign begins no formula."""
    text = " ".join(text.split()).replace("$", r"\$")
    return text if len(text) <= most else f"{text[: most - 1]}…"


def _style() -> Any:
    return matplotlib.rc_context(_STYLE)


def _bytes(figure: Figure, form: str) -> bytes:
    buffer = io.BytesIO()
    # No date, and no version of the library: equal data give equal bytes.
    metadata = {"Date": None, "Creator": None} if form == "svg" else {"Software": None}
    with warnings.catch_warnings():
        # A character that the font lacks is a box in a PNG, and the character itself in an SVG.
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")
        figure.savefig(buffer, format=form, dpi=144, metadata=metadata)
    return buffer.getvalue()


class Badge(NamedTuple):
    """Two words side by side: what it is about, and how it stands."""

    label: str
    message: str
    colour: str


def badge_of(open_worse: int, events: int) -> Badge:
    """How a history stands."""
    if open_worse:
        plural = "s" if open_worse > 1 else ""
        return Badge("performance", f"{open_worse:,} open regression{plural}", _WORSE)
    return Badge("performance", "steady" if not events else "no open regression", _BETTER)


def badge(about: Badge) -> bytes:
    """An SVG of 20 pixels' height. Widths are estimated, so that no font is asked."""
    from xml.sax.saxutils import escape

    left, right = (math.ceil(6.3 * len(text)) + 12 for text in (about.label, about.message))
    label, message = escape(about.label), escape(about.message)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{left + right}" height="20" role="img" '
        f'aria-label="{label}: {message}"><title>{label}: {message}</title>'
        f'<rect width="{left + right}" height="20" rx="3" fill="{about.colour}"/>'
        f'<path d="M3 0h{left - 3}v20H3a3 3 0 0 1-3-3V3a3 3 0 0 1 3-3z" fill="#444c56"/>'
        '<g fill="#fff" font-family="Verdana,DejaVu Sans,sans-serif" font-size="11" '
        'text-anchor="middle">'
        f'<text x="{left / 2:g}" y="14">{label}</text>'
        f'<text x="{left + right / 2:g}" y="14">{message}</text></g></svg>\n'
    ).encode()
