"""A comparison as a table for people, as Markdown, and as one sentence."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text

from harness.run.callgrind import Counted
from harness.run.compare_result import Comparison
from harness.stats.comparison import Judged, Word
from harness.units import change, show
from reports.markdown import table as markdown_table

HEADERS = ("benchmark", "figure", "base", "head", "change", "95 % interval", "verdict", "detects")
COUNT_HEADERS = ("counted", "figure", "base", "head", "change", "threshold", "verdict")
_STYLES = {Word.SLOWER: "bold red", Word.FASTER: "green", Word.SAME: "", Word.UNSURE: "yellow"}


def cells(row: Judged) -> tuple[str, ...]:
    """The texts of one row. ``detects`` is the least change that this machine tells apart."""
    low, high = row.interval or (float("nan"), float("nan"))
    return (
        row.benchmark,
        row.metric.replace("_", " "),
        show(row.base, row.unit),
        show(row.head, row.unit),
        change(row.ratio),
        f"{change(low)} to {change(high)}" if row.interval else "unknown",
        row.word.value,
        "—" if row.detectable is None else f"{row.detectable:.1%}",
    )


def render(comparison: Comparison, console: Console) -> None:
    """Print the table, and below it what has to be known of it."""
    base, head = comparison.sides
    title = f"{head} (head) compared with {base} (base): above 0 % is more"
    console.print(Text(title, style="bold"))
    drawn = Table(box=None, pad_edge=False)
    known = any(row.detectable is not None for row in comparison.rows)
    for name in HEADERS if known else HEADERS[:-1]:
        right = name in ("base", "head", "change", "detects")
        drawn.add_column(name, justify="right" if right else "left", overflow="fold")
    last = ""
    for row in comparison.rows:
        benchmark, *rest = cells(row)
        texts = ["" if benchmark == last else benchmark, *rest][: len(drawn.columns)]
        last = benchmark
        drawn.add_row(*(Text(text) for text in texts), style=_STYLES[row.word])
    console.print(drawn)
    if comparison.counts:
        _render_counts(comparison, console)
    for line in footnotes(comparison):
        console.print(Text(f"- {line}"))
    console.print(Text(sentence(comparison), style="bold"))


def _render_counts(comparison: Comparison, console: Console) -> None:
    drawn = Table(box=None, pad_edge=False)
    for name in COUNT_HEADERS:
        right = name in ("base", "head", "change")
        drawn.add_column(name, justify="right" if right else "left", overflow="fold")
    for row in comparison.counts:
        drawn.add_row(*(Text(text) for text in count_cells(row)), style=_STYLES[row.word])
    console.print(drawn)


def count_cells(row: Counted) -> tuple[str, ...]:
    """The texts of one row of counted instructions."""
    return (
        row.benchmark,
        f"instructions a {row.operation}",
        f"{row.base:,.1f}",
        f"{row.head:,.1f}",
        f"{row.ratio - 1:+.2%}",
        f"±{row.threshold:.1%} is the same",
        row.word.value,
    )


def as_markdown(comparison: Comparison) -> str:
    """The same as Markdown."""
    lines = [sentence(comparison), ""]
    lines.append(markdown_table(HEADERS, [cells(row) for row in comparison.rows]).rstrip())
    if comparison.counts:
        rows = [count_cells(row) for row in comparison.counts]
        lines += ["", markdown_table(COUNT_HEADERS, rows).rstrip()]
    notes = footnotes(comparison)
    return "\n".join([*lines, "", *(f"- {note}" for note in notes)]).rstrip() + "\n"


def sentence(comparison: Comparison) -> str:
    """What came out, in one line."""
    words = comparison.words
    counts = {word: words.count(word) for word in Word}
    order = (Word.SLOWER, Word.FASTER, Word.SAME, Word.UNSURE)
    told = ", ".join(f"{counts[word]} {word.value}" for word in order if counts[word])
    if comparison.slower:
        verdict = "slower"
    elif not comparison.told:
        verdict = "could not tell"
    else:
        verdict = "nothing slower"
    return f"{verdict}: {told or 'no figures'} of {len(words)} figures"


def footnotes(comparison: Comparison) -> list[str]:
    """How it was measured and judged, what was left out, and what the machine can tell."""
    rules = comparison.rules
    notes = [f"not comparable by itself: {text}" for text in comparison.differences]
    if comparison.taking is not None:
        notes.append(_taken(comparison))
    notes.append(
        f"same: the interval lies within ±{rules.margin:.1%}; of all that is called slower or "
        f"faster at most {rules.level:.0%} is false"
        + (" (for tests that depend in any way)" if rules.dependent else "")
    )
    notes += comparison.notes
    notes += [f"left out: {text}" for text in comparison.left_out]
    notes.append(_checked(comparison))
    return notes


def _taken(comparison: Comparison) -> str:
    taking = comparison.taking
    assert taking is not None
    about = taking.environment
    blocks = [row.blocks for row in comparison.rows]
    return (
        f"{_span(blocks)} blocks of 4 fresh processes in turns (ABBA by lot, seed "
        f"{taking.effort.seed}), {taking.seconds:.0f} s; {taking.server}, Python {about.python}, "
        f"{about.cpu_model} × {about.cpu_count}"
    )


def _span(numbers: Sequence[int]) -> str:
    if not numbers:
        return "no"
    low, high = min(numbers), max(numbers)
    return str(low) if low == high else f"{low} to {high}"


def _checked(comparison: Comparison) -> str:
    check = comparison.selfcheck
    if check is None:
        return (
            "what this machine can tell apart is not known: `harness selfcheck` measures it; until "
            "then an interval that excludes 0 is enough"
        )
    low, high = check.rate_interval
    return (
        f"self-check of {check.made_at[:10]}: {check.rate:.1%} false alarms ({low:.1%} to "
        f"{high:.1%}) in {check.comparisons} comparisons of equal code; `detects` is the least "
        "change found in 80 % of comparisons"
    )
