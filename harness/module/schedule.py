"""When a row of a scheduled table is due: again and again, or once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from harness.wire import types as t
from harness.wire.values import Interval, Time, TimeDuration, Timestamp


class _ScheduleAt:
    """The type of a column that says when; ``Interval`` and ``Time`` are its values."""

    @staticmethod
    def interval(seconds: float) -> Interval:
        """Again and again, this far apart."""
        return Interval(TimeDuration.from_seconds(seconds))

    @staticmethod
    def time(when: Timestamp) -> Time:
        """Once, at this instant; at once if it has passed."""
        return Time(when)


if TYPE_CHECKING:

    class ScheduleAt(_ScheduleAt):
        """As above; to a type checker its values are of this type."""

        @staticmethod
        def interval(seconds: float) -> ScheduleAt: ...  # type: ignore[override]  # see above

        @staticmethod
        def time(when: Timestamp) -> ScheduleAt: ...  # type: ignore[override]  # see above

else:
    ScheduleAt = Annotated[_ScheduleAt, t.SCHEDULE_AT]
