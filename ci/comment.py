"""The comment of a pull request: one sentence, what happened, and the rest folded."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ci.verdicts import EVENTS, FINE, SLOWER, Line, State, Verdict
from harness.run.compare_result import Comparison
from harness.units import change, show
from reports import markdown

#: By this a workflow finds its earlier comment, to renew it.
MARKER = "<!-- harness-gate -->"
#: GitHub takes 65,536 characters.
MOST = 60_000
_SIGNS = {SLOWER: "🔴", FINE: "🟢"}
_HEADERS = ("benchmark", "figure", "base", "this change", "change", "95 % interval", "verdict")
#: Zero-width: what follows no longer begins a mention, a reference or a link.
_BREAK = "\u200b"


def write(
    verdict: Verdict, first: Comparison, second: Comparison | None, links: Mapping[str, str]
) -> str:
    """The comment as Markdown; ``links`` are addresses by the words that are shown."""
    events = [line for state in EVENTS for line in verdict.lines if line.state is state]
    parts = [MARKER, f"{_SIGNS.get(verdict.code, '🟡')} **{sentence(verdict)}**", ""]
    if events:
        parts += [_table(events), *_remarks(events), ""]
    rest = [line for line in verdict.lines if line.state not in EVENTS]
    if rest:
        title = f"{len(rest)} figures without a change that could be told"
        parts += _folded(title, [_table(rest)])
    parts += _folded("How this was measured", _how(first, second))
    if links:
        told = " · ".join(f"[{plain(words)}]({_address(to)})" for words, to in links.items())
        parts += [told, ""]
    return _short("\n".join(parts).rstrip() + "\n")


def sentence(verdict: Verdict) -> str:
    """What came out, for somebody who reads no further."""
    names = {state: [x for x in verdict.lines if x.state is state] for state in State}
    slower, over, doubted = names[State.SLOWER], names[State.OVER], names[State.DOUBTED]
    if slower or over:
        told = []
        if slower:
            worst = max(slower, key=lambda line: abs(line.ratio - 1))
            told.append(
                f"Slower: {_count(slower)}, at worst {plain(worst.benchmark)} "
                f"{_figure(worst)} {change(worst.ratio)}"
            )
        if over:
            told.append(f"over the limit: {_count(over)}")
        return "; ".join(told)
    better = f"; faster: {_count(names[State.FASTER])}" if names[State.FASTER] else ""
    if verdict.code == FINE:
        within = f"; within budget: {_count(names[State.WITHIN])}" if names[State.WITHIN] else ""
        return f"Nothing became slower in {_count(verdict.lines)}{within}{better}"
    why = f"{_count(doubted)} looked slower once, not again" if doubted else (
        "too little time, or too much noise" if verdict.lines else "nothing was measured"
    )  # fmt: skip
    return f"Could not tell: {why}{better}"


def _count(lines: Sequence[Line]) -> str:
    return f"{len(lines)} figure{'s' * (len(lines) != 1)}"


def _figure(line: Line) -> str:
    return plain(line.metric.replace("_", " "))


def _table(lines: Sequence[Line]) -> str:
    detects = any(line.detectable is not None for line in lines)
    headers = (*_HEADERS, "can tell here") if detects else _HEADERS
    rows = [_cells(line)[: len(headers)] for line in lines]
    return markdown.table(headers, rows, right=(2, 3, 4)).rstrip()


def _cells(line: Line) -> tuple[str, ...]:
    unit = line.unit.split(" ")[0]
    low, high = line.interval or (0.0, 0.0)
    return (
        _broken(line.benchmark),
        _broken(line.metric.replace("_", " ")),
        show(line.base, unit) if unit != "instructions" else f"{line.base:,.0f}",
        show(line.head, unit) if unit != "instructions" else f"{line.head:,.0f}",
        change(line.ratio),
        f"{change(low)} to {change(high)}" if line.interval else "counted",
        line.state.value,
        "—" if line.detectable is None else f"{line.detectable:.1%}",
    )


def _remarks(events: Sequence[Line]) -> list[str]:
    found = []
    for line in events:
        name = f"{plain(line.benchmark)} {_figure(line)}"
        if line.budget is not None:
            limit = (
                f"at most {line.budget.limit:g}" if line.budget.limit is not None
                else f"at most {line.budget.slower_percent:g} % slower"
            )  # fmt: skip
            found.append(
                f"- {name}: budget of {plain(line.budget.owner)} ({line.budget.date}), {limit}: "
                f"{plain(line.budget.reason)}"
            )
        if line.remark:
            found.append(f"- {name}: {plain(line.remark)}")
        if line.state is State.DOUBTED:
            told = "not measured" if line.again is None else (
                f"{change(line.again.ratio)}, {line.again.word.value}"
            )  # fmt: skip
            found.append(f"- {name}: measured again with other turns: {told}")
    return ["", *found] if found else []


def _how(first: Comparison, second: Comparison | None) -> list[str]:
    lines = []
    taking = first.taking
    if taking is not None:
        about = taking.environment
        blocks = sorted({row.blocks for row in first.rows}) or [0]
        told = " to ".join(map(str, dict.fromkeys((blocks[0], blocks[-1]))))
        lines += [
            f"- {taking.commits[0][:12]} (base) and {taking.commits[1][:12]}, built here, "
            f"in {told} blocks of four fresh processes in turns, "
            f"{taking.seconds:.0f} s; {plain(taking.server)}",
            f"- {plain(about.cpu_model)} × {about.cpu_count}, {plain(about.platform)}, "
            f"Python {plain(about.python)}",
            f"- again, on your machine: `harness compare {taking.commits[0][:12]} "
            f"{taking.commits[1][:12]} --seed {taking.effort.seed}`",
        ]
    else:
        lines.append(f"- stored runs: {plain(first.base)} (base) and {plain(first.head)}")
    lines.append(
        f"- of all that is called slower or faster at most {first.rules.level:.0%} is false; "
        f"within ±{first.rules.margin:.1%} is the same"
    )
    if second is not None:
        lines.append("- what seemed slower was measured a second time, in other turns")
    if first.selfcheck is not None:
        check = first.selfcheck
        lines.append(
            f"- self-check of this machine on {plain(check.made_at[:10])}: {check.rate:.1%} false "
            f"alarms in {check.comparisons} comparisons of equal code"
        )
    lines += [f"- {plain(text)}" for text in (*first.differences, *first.notes)]
    lines += [f"- left out: {plain(text)}" for text in first.left_out]
    return lines


def _folded(title: str, lines: Sequence[str]) -> list[str]:
    return ["<details>", f"<summary>{title}</summary>", "", *lines, "", "</details>", ""]


def plain(text: str) -> str:
    """Text that shows as it is: no markup, no mention, no reference, no link, one line."""
    return markdown.escape(_broken(text))


def _broken(text: str) -> str:
    """The same, for cells, which are escaped by the table."""
    for begin in ("@", "#", "://", "www."):
        text = text.replace(begin, begin[0] + _BREAK + begin[1:])
    return text


def _address(to: str) -> str:
    """An address that cannot end its parenthesis; only http and https are linked."""
    if not to.startswith(("https://", "http://")) or any(x in to for x in " \n\t()<>\"'"):
        return "#"
    return to


def _short(text: str) -> str:
    if len(text) <= MOST:
        return text
    lines, size = [], 0
    for line in text.splitlines():
        size += len(line) + 1
        if size > MOST:
            break
        lines.append(line)
    closing = ["", "</details>"] if "\n".join(lines).count("<details>") > "\n".join(
        lines
    ).count("</details>") else []  # fmt: skip
    told = "The rest is longer than a comment may be; all of it is in the stored comparison."
    return "\n".join([*lines, *closing, "", told]) + "\n"
