"""Is a suspect real? Both of its revisions are measured again, in turns, and judged for it alone.

A history says what was measured when; a machine that was slow that week is in it. Blocks of fresh
processes in turns have the machine's mood on both sides.
"""

from __future__ import annotations

from collections.abc import Sequence

from harness.records import Record
from harness.run.callgrind import Counted
from harness.run.compare_turns import Bench, Taken
from harness.stats.comparison import Judged, Measured
from harness.stats.comparison import Word as Verdict
from harness.store.confirmations import Word

#: A change of more than this need not be known more exactly to be believed, as a share.
_WIDEST = 0.02
#: Nothing smaller is looked for by the clock.
_FINEST = 0.002


class Suspect(Record, frozen=True):
    """A figure that may have changed between two revisions.

    ``series`` is what it is called by who suspects it, ``event`` the id of its event if there is
    one. ``benchmark`` is measured: by the clock if there is a ``bench``, else in instructions; an
    empty ``metric`` is its first cost. ``ratio`` is the suspected one, head over base, of a figure
    of which less is better; None suspects nothing in particular.
    """

    series: str
    benchmark: str
    metric: str
    base: str
    head: str
    bench: Bench | None = None
    event: str = ""
    ratio: float | None = None


class Answer(Record, frozen=True):
    """What was found. ``ratio`` and ``interval`` are None if nothing was measured."""

    word: Word
    suspect: Suspect
    metric: str
    ratio: float | None
    interval: tuple[float, float] | None
    why: str


def margin(suspects: Sequence[Suspect]) -> float:
    """Half of the smallest change that is suspected: within it, the suspicion is refuted.

    Whoever could not tell half of it from nothing would say nothing of it.
    """
    sizes = [abs(one.ratio - 1) / 2 for one in suspects if one.ratio is not None]
    return min(_WIDEST, max(_FINEST, min(sizes, default=_WIDEST)))


def asked(taken: Taken, suspects: Sequence[Suspect]) -> Taken:
    """What was measured of the suspected figures: nothing else is tested."""
    from msgspec import structs

    report: list[Measured] = []
    for suspect in suspects:
        known = {measured.metric for measured in report if measured.benchmark == suspect.benchmark}
        for measured in taken.report:
            if measured.benchmark != suspect.benchmark:
                continue
            if suspect.metric in ("", measured.metric):
                if measured.metric not in known:
                    report.append(measured)
                break
    return structs.replace(taken, report=report)


def answers(
    suspects: Sequence[Suspect],
    rows: Sequence[Judged],
    counts: Sequence[Counted],
    left_out: Sequence[str] = (),
) -> list[Answer]:
    """One answer for each suspect, by what a comparison says of the asked figures."""
    return [_answer(suspect, rows, counts, left_out) for suspect in suspects]


def _answer(
    suspect: Suspect, rows: Sequence[Judged], counts: Sequence[Counted], left_out: Sequence[str]
) -> Answer:
    if suspect.bench is None:
        for counted in counts:
            if counted.benchmark == suspect.benchmark:
                word = word_of(counted.word, suspect.ratio)
                why = f"counted; differences of {counted.threshold:.1%} come with lines that moved"
                return Answer(
                    word=word, suspect=suspect, metric="instructions", ratio=counted.ratio,
                    interval=None, why=why,
                )  # fmt: skip
    for row in rows:
        if row.benchmark == suspect.benchmark and suspect.metric in ("", row.metric):
            return Answer(
                word=word_of(row.word, suspect.ratio),
                suspect=suspect,
                metric=row.metric,
                ratio=row.ratio,
                interval=row.interval,
                why=row.why,
            )
    told = [text for text in left_out if text.startswith(suspect.benchmark)] or list(left_out)
    return Answer(
        word=Word.UNSURE,
        suspect=suspect,
        metric=suspect.metric,
        ratio=None,
        interval=None,
        why=told[0] if told else "it was not measured",
    )


def word_of(verdict: Verdict, suspected: float | None) -> Word:
    """What a verdict makes of a suspicion: a change the other way does not confirm it."""
    if verdict is Verdict.UNSURE:
        return Word.UNSURE
    if verdict is Verdict.SAME:
        return Word.REFUTED
    if suspected is None:
        return Word.CONFIRMED
    return Word.CONFIRMED if (verdict is Verdict.SLOWER) == (suspected > 1) else Word.REFUTED
