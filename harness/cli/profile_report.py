"""A profile as a table for people."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text

from harness.stacks import Frame, Grown, Stack, Weights, frames, weight
from harness.store.profiles import Profile
from harness.units import show

#: Rows of a table.
ROWS = 15
_STYLES = {"grown": "bold red", "shrunk": "green", "unsure": "", "same": ""}


def value(profile: Profile, number: float) -> str:
    """A weight with its unit."""
    return show(number, "ns" if profile.unit == "wall_ns" else profile.unit)


def heaviest(stacks: Mapping[Stack, float], rows: int = ROWS) -> list[tuple[Frame, Weights]]:
    """The frames that weigh most by themselves."""
    found = frames(stacks).items()
    return sorted(found, key=lambda item: (-item[1].own, str(item[0])))[:rows]


def render(profile: Profile, stacks: Mapping[Stack, float], console: Console) -> None:
    """Print where it goes."""
    per = " an operation" if profile.per_operation else ""
    console.print(Text(f"{profile.title}: {value(profile, profile.total)}{per}", style="bold"))
    drawn = _empty(("by itself", "share", "with its calls", "share", "function"))
    whole = weight(stacks) or 1.0
    for frame, weights in heaviest(stacks):
        drawn.add_row(
            value(profile, weights.own), f"{weights.own / whole:.1%}",
            value(profile, weights.total), f"{weights.total / whole:.1%}", Text(_plain(frame)),
        )  # fmt: skip
    console.print(drawn)


def render_difference(profile: Profile, grown: Sequence[Grown], console: Console) -> None:
    """Print what grew, as ranked, and what shrank."""
    console.print(Text(_headline(profile), style="bold"))
    drawn = _empty(("", "by itself", "95 % interval", "with its calls", "function"))
    shrunk = [row for row in grown if row.word == "shrunk"]
    others = [row for row in grown if row.word != "shrunk" and row.own]
    for row in [*others[: ROWS - min(5, len(shrunk))], *shrunk[-5:]]:
        drawn.add_row(
            row.word, signed(profile, row.own), _interval(profile, row),
            signed(profile, row.total), Text(_plain(row.frame)), style=_STYLES[row.word],
        )  # fmt: skip
    console.print(drawn)
    for note in profile.notes:
        console.print(Text(f"- {note}"))


def _headline(profile: Profile) -> str:
    per = " an operation" if profile.per_operation else ""
    before, after = profile.base_total, profile.total
    change = f", {after / before - 1:+.1%}" if before else ""
    return (
        f"{profile.title}: {value(profile, before)} before, {value(profile, after)} after"
        f"{per}{change}"
    )


def signed(profile: Profile, number: float) -> str:
    """A change, with its sign."""
    return f"+{value(profile, number)}" if number > 0 else value(profile, number)


def _interval(profile: Profile, row: Grown) -> str:
    if row.interval is None:
        return "unknown"
    low, high = row.interval
    return "counted" if low == high else f"{signed(profile, low)} to {signed(profile, high)}"


def _plain(frame: Frame) -> str:
    """A frame in one line that moves no terminal."""
    return "".join(sign if sign.isprintable() else "\N{REPLACEMENT CHARACTER}"
                   for sign in str(frame)[:200])  # fmt: skip


def _empty(heads: Sequence[str]) -> Table:
    drawn = Table(box=None, pad_edge=False)
    for head in heads:
        left = head in ("", "function")
        drawn.add_column(
            head, justify="left" if left else "right", overflow="fold", no_wrap=head != "function",
        )  # fmt: skip
    return drawn
