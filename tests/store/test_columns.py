"""Arrays give back what a list of points would."""

from __future__ import annotations

import math

from hypothesis import given
from hypothesis import strategies as st

from harness.store.columns import NONE, Column

NUMBER = st.floats(allow_infinity=False, allow_nan=False)
END = NUMBER | st.just(math.nan)
POINT = st.tuples(
    st.integers(0, 9), NUMBER, st.just(NONE) | st.tuples(st.lists(NUMBER, max_size=3), END, END)
)


Points = list[tuple[int, float, tuple[list[float], float, float]]]


@given(st.lists(POINT, max_size=8))
def test_a_column_is_a_list_of_points(points: Points) -> None:
    column = Column()
    for place, value, details in points:
        column.add(place, value, details)
    assert list(column.places) == [place for place, _, _ in points]
    assert list(column.values) == [value for _, value, _ in points]
    for at, (_, _, (samples, low, high)) in enumerate(points):
        # repr, since NaN is not equal to itself.
        assert repr(column.details(at)) == repr((tuple(samples), low, high))
