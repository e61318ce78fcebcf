"""The search in C finds what its twin in Python finds, and refuses what makes no sense."""

from __future__ import annotations

import math
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.stats import autoregression, kernel, models, splits, streaming
from harness.stats.autoregression import FLOOR, MOST, PRICE, SHORT, Fitted
from harness.stats.changepoints import Found, find
from harness.stats.models import LEVELS, Model
from tests.stats import noises

needs_c = pytest.mark.skipif(kernel.in_c is None, reason="the extension in C is not built")
#: By how much numbers may differ, relatively; sums are made in another order.
NEARLY = 1e-9


@contextmanager
def in_python() -> Iterator[None]:
    """No kernel meanwhile. A fixture would be one for all examples of a property."""
    built, kernel.in_c = kernel.in_c, None
    try:
        yield
    finally:
        kernel.in_c = built


def twins(function: Callable[..., Any], *given: Any) -> tuple[Any, Any]:
    """What it gives in C and in Python."""
    found = function(*given)
    with in_python():
        return found, function(*given)


def decisions(found: Found) -> tuple[Any, ...]:
    places = [(change.at, change.first, change.last) for change in found.changes]
    return places, found.spikes, found.slope is None, found.period


def numbers(found: Found) -> list[float]:
    made = [found.sd, found.rho, found.slope or 0.0]
    for change in found.changes:
        made += [change.before, change.after, change.error, change.evidence]
    return made


def same(one: Found, other: Found) -> bool:
    return decisions(one) == decisions(other) and numbers(one) == pytest.approx(
        numbers(other), rel=NEARLY, abs=1e-12
    )


def history(kind: str, count: int, seed: int) -> noises.Values:
    """Noise around 100, with up to three steps of up to 8 sd, perhaps a drift, perhaps rounded."""
    rng = np.random.default_rng(seed)
    values = 100 + noises.KINDS[kind](count, rng)
    for at in rng.integers(0, count, seed % 4):
        values[at:] += rng.uniform(-8, 8)
    if seed % 3 == 0:
        values += np.linspace(0, rng.uniform(-10, 10), count)
    return np.round(values) if seed % 5 == 4 else values


# --- the whole search ----------------------------------------------------------------------------


@needs_c
@pytest.mark.parametrize("kind", noises.KINDS)
def test_series_of_every_kind_are_judged_the_same(kind: str) -> None:
    for number, count in enumerate((6, 11, 12, 13, 30, 50, 80, 81, 127, 200, 333, 1000)):
        for seed in range(6 if count < 300 else 2):
            values = history(kind, count, 100 * number + seed)
            assert same(*twins(find, values)), (kind, count, seed)


@needs_c
@given(
    kind=st.sampled_from(list(noises.KINDS)), count=st.integers(1, 120), seed=st.integers(0, 10**6)
)
def test_any_history_is_judged_the_same(kind: str, count: int, seed: int) -> None:
    assert same(*twins(find, history(kind, count, seed)))


@needs_c
@pytest.mark.parametrize("size", [1e-7, 1e-3, 1.0])
def test_steps_without_noise_are_judged_the_same(size: float) -> None:
    """As those of instruction counts, where nothing but rounding is left."""
    values = np.full(90, 1e6)
    for at in (20, 40, 41, 60):
        values[at:] += 1e6 * size
    assert same(*twins(find, values))


@needs_c
def test_one_more_point_is_judged_the_same() -> None:
    values = history("AR(1), 0.3", 150, 7)
    found, kept = streaming.begin(values[:-1])
    with in_python():
        slowly, slowly_kept = streaming.begin(values[:-1])
    assert same(found, slowly)
    found, _ = streaming.go_on(values, kept, 1)
    with in_python():
        slowly, _ = streaming.go_on(values, slowly_kept, 1)
    assert same(found, slowly)


def test_a_difference_is_seen() -> None:
    """The negative control: what ``same`` compares would not be the same by chance."""
    values = np.r_[np.zeros(30), np.ones(30)] + 0.01 * noises.white(60, np.random.default_rng(3))
    found = find(values)
    (change,) = found.changes
    assert not same(found, find(values[1:]))
    for other in (change._replace(at=29), change._replace(evidence=change.evidence * (1 + 1e-8))):
        assert not same(found, found._replace(changes=[other]))


# --- splits --------------------------------------------------------------------------------------

rough = st.lists(st.sampled_from([0.0, 1.0, 1.5, -2.0, 0.1, 1e-9]), max_size=300)
fine = st.lists(st.floats(-1e6, 1e6, width=32), max_size=150)


@needs_c
@given(st.one_of(rough, fine))
def test_splits_come_in_the_same_order_to_the_last(values: list[float]) -> None:
    """Many gains are equal in a rough series; the first is taken."""
    series = np.array(values)
    if values:
        found, slowly = twins(lambda: list(splits.path(series)))
        assert found == slowly
    assert len(set(twins(splits.best, series))) == 1


@needs_c
@pytest.mark.parametrize("count", [6, 7, 12, 100, 1023, 4097, 20_000])
def test_splits_of_long_series_are_the_same(count: int) -> None:
    values = noises.heavy(count, np.random.default_rng(count))
    found, slowly = twins(lambda: list(splits.path(values)))
    assert found == slowly
    assert len(found) > count // 12


@needs_c
def test_a_path_keeps_nothing_of_its_sums() -> None:
    assert kernel.in_c is not None
    sums = np.concatenate([[0.0], np.cumsum(noises.white(50, np.random.default_rng(1)))])
    wanted = list(kernel.in_c.Path(sums, 3, math.sqrt(2)))
    path = kernel.in_c.Path(sums, 3, math.sqrt(2))
    sums[:] = 0.0
    del sums
    assert list(path) == wanted
    assert list(path) == []


# --- models --------------------------------------------------------------------------------------


def wave(count: int, seed: int) -> Model:
    rng = np.random.default_rng(seed)
    kinds = [
        LEVELS,
        models.drift(count),
        models.over(count, False, False, rng.uniform(3, count / 3), 1),
        models.over(count, True, False, rng.uniform(6, max(7, count / 3)), 2),
    ]
    return kinds[seed % len(kinds)]


@needs_c
@given(seed=st.integers(0, 10_000), count=st.integers(20, 150), cuts=st.integers(0, 6))
def test_models_are_fitted_the_same(seed: int, count: int, cuts: int) -> None:
    rng = np.random.default_rng(seed)
    values, model = rng.standard_normal(count), wave(count, seed)
    changes = sorted({int(at) for at in rng.integers(1, count, cuts)})
    (rest, errors), (slow_rest, slow_errors) = twins(models.fit, values, changes, model)
    assert rest == pytest.approx(slow_rest, rel=NEARLY, abs=1e-9)
    assert errors == pytest.approx(slow_errors, rel=NEARLY, abs=1e-9)
    left, slowly = twins(models.left_over, values, changes, model, FLOOR)
    assert left == pytest.approx(slowly, rel=NEARLY)
    left, slowly = twins(autoregression.noise, errors, Fitted(2, 1))
    assert left == pytest.approx(slowly, rel=NEARLY)


@pytest.mark.parametrize("order", ["C", "F"])
@needs_c
def test_columns_may_lie_in_any_order(order: Any) -> None:
    count = 60
    model = models.over(count, True, False, 9.5, 2)
    assert model.columns is not None
    turned = model._replace(columns=np.array(model.columns, order=order)[::-1, ::-1][::-1])
    values = noises.white(count, np.random.default_rng(2))
    assert models.left_over(values, [20], turned, FLOOR) == pytest.approx(
        models.left_over(values, [20], model, FLOOR), rel=NEARLY
    )


@needs_c
@pytest.mark.parametrize(
    "columns",
    [np.zeros((40, 1)), np.ones((40, 2)), np.repeat(np.arange(40.0)[:, None], 2, axis=1)],
    ids=["nothing", "levels", "twice"],
)
def test_columns_that_depend_on_each_other_take_the_smallest_solution(
    columns: noises.Values,
) -> None:
    values, model = noises.white(40, np.random.default_rng(4)), Model(columns, 0.0)
    (rest, errors), (slow_rest, slow_errors) = twins(models.fit, values, [], model)
    assert (rest.tolist(), errors.tolist()) == (slow_rest.tolist(), slow_errors.tolist())
    left, slowly = twins(models.left_over, values, [], model, FLOOR)
    assert left == pytest.approx(slowly, rel=NEARLY)
    assert math.isfinite(left.log_variance)


# --- what is refused -----------------------------------------------------------------------------

ROW = np.arange(10.0)
NOTHING = np.empty(0)


@pytest.mark.parametrize(
    ("values", "changes"),
    [
        (ROW, [0]),
        (ROW, [10]),
        (ROW, [-1]),
        (ROW, [5, 5]),
        (ROW, [5, 4]),
        (ROW, [3, 11]),
        (ROW, list(range(1, 12))),
        (NOTHING, []),
        (np.where(ROW == 4, np.nan, ROW), [2]),
        (np.where(ROW == 4, np.inf, ROW), [2]),
    ],
)
@pytest.mark.parametrize("pure", [False, True], ids=["built", "python"])
def test_changes_and_values_that_make_no_sense_are_refused(
    values: noises.Values, changes: list[int], pure: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if pure:
        monkeypatch.setattr(kernel, "in_c", None)
    with pytest.raises(ValueError, match=r"must|levels"):
        models.fit(values, changes, LEVELS)
    with pytest.raises(ValueError, match=r"must|levels"):
        models.left_over(values, changes, LEVELS, FLOOR)


@pytest.mark.parametrize("pure", [False, True], ids=["built", "python"])
def test_values_that_are_not_finite_are_refused(
    pure: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if pure:
        monkeypatch.setattr(kernel, "in_c", None)
    for wrong in (math.nan, math.inf, -math.inf):
        values = np.where(ROW == 4, wrong, ROW)
        with pytest.raises(ValueError, match="values must be finite"):
            find(values)
        with pytest.raises(ValueError, match="values must be finite"):
            autoregression.noise(values, Fitted(1))


@pytest.mark.parametrize("pure", [False, True], ids=["built", "python"])
def test_the_largest_numbers_are_judged(pure: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Their distance alone would be no number any more."""
    if pure:
        monkeypatch.setattr(kernel, "in_c", None)
    largest = np.finfo(np.float64).max
    (change,) = find(np.r_[np.full(30, largest), np.full(20, -largest)]).changes
    assert change.at == 30
    assert math.isfinite(change.after - change.before)


def raw(name: str, *given: object) -> Callable[[], object]:
    """A call of the extension itself."""
    return lambda: getattr(kernel.in_c, name)(*given)


LIMITS = (FLOOR, MOST, SHORT, PRICE)
COLUMN = ROW[:, None]
READ_ONLY = np.frombuffer(ROW.tobytes())
DECAY = math.sqrt(2)


@needs_c
@pytest.mark.parametrize(
    ("call", "error", "said"),
    [
        (raw("best", ROW), TypeError, "takes 2 arguments, got 1"),
        (raw("best", ROW, "3"), TypeError, "integer"),
        (raw("best", ROW, 0), ValueError, "1 point at least, not 0"),
        (raw("best", ROW, sys.maxsize), ValueError, "1 point at least"),
        (raw("best", ROW, 1 << 70), OverflowError, "too large"),
        (raw("best", ROW.tolist(), 3), TypeError, "bytes-like"),
        (raw("best", ROW.astype(">f8"), 3), TypeError, "float64 in one piece"),
        (raw("best", ROW.astype("f4"), 3), TypeError, "float64"),
        (raw("best", ROW[::2], 3), TypeError, "one piece"),
        (raw("best", ROW[::-1], 3), TypeError, "one piece"),
        (raw("best", COLUMN, 3), TypeError, "one piece"),
        (raw("best", NOTHING, 3), ValueError, "sums are 1 to"),
        (raw("best", np.cumsum(np.full(9, np.nan)), 3), ValueError, "finite"),
        (raw("Path", ROW, 3), TypeError, "3 arguments"),
        (raw("Path", ROW, 3, 1.0), ValueError, "factor"),
        (raw("Path", ROW, 3, math.nan), ValueError, "factor"),
        (raw("Path", ROW, 3, math.inf), ValueError, "factor"),
        (raw("Path", NOTHING, 3, DECAY), ValueError, "sums are 1 to"),
        (raw("noise", ROW, -1, 0, *LIMITS), ValueError, "-1 parameters"),
        (raw("noise", ROW, 1, -1, *LIMITS), ValueError, "-1 parameters"),
        (raw("noise", ROW, 1, 0, *LIMITS[:2], "24", PRICE), TypeError, "integer"),
        (raw("left_over", ROW, [], COLUMN, 2, *LIMITS), ValueError, "2 slopes in 1 columns"),
        (raw("noise", ROW, 1, 0, 0.0, 0.9, SHORT, PRICE), ValueError, "floor"),
        (raw("noise", ROW, 1, 0, math.nan, 0.9, SHORT, PRICE), ValueError, "floor"),
        (raw("noise", ROW, 1, 0, 1e-18, 1.0, SHORT, PRICE), ValueError, "passed on"),
        (raw("noise", ROW, 1, 0, "no", 1.0, SHORT, PRICE), TypeError, "real number"),
        (raw("noise", ROW * 1e200, 1, 0, *LIMITS), ValueError, "finite"),
        (raw("left_over", ROW, (3,), None, 0, *LIMITS), TypeError, "a list"),
        (raw("left_over", ROW, [3.0], None, 0, *LIMITS), TypeError, "integers"),
        (raw("left_over", ROW, [1 << 70], None, 0, *LIMITS), ValueError, "ascend"),
        (raw("left_over", ROW, [], ROW, 0, *LIMITS), TypeError, "two dimensions"),
        (raw("left_over", ROW, [], COLUMN[:9], 0, *LIMITS), ValueError, "10 values with 1 columns"),
        (raw("left_over", ROW, [], np.ones((10, 17)), 0, *LIMITS), ValueError, "17 columns"),
        (raw("left_over", ROW, [], np.full((10, 1), math.inf), 0, *LIMITS), ValueError, "finite"),
        (raw("fit", ROW, [], None, ROW.copy(), READ_ONLY), ValueError, "read-only|not writable"),
        (raw("fit", ROW, [], None, ROW.copy(), ROW[:9].copy()), ValueError, "room for 10 and 9"),
    ],
)
def test_the_extension_refuses(call: Callable[[], object], error: type, said: str) -> None:
    with pytest.raises(error, match=said):
        call()


@needs_c
def test_what_was_refused_is_let_go_and_nothing_written() -> None:
    assert kernel.in_c is not None
    values, columns = np.arange(10.0), np.arange(20.0).reshape(10, 2)
    rest, errors = np.full(10, 7.0), np.full(10, 7.0)
    everything: list[Any] = [values, columns, rest, errors]
    before = [sys.getrefcount(one) for one in everything]
    broken = values.copy()
    broken[3] = math.nan
    for changes in ([5, 5], [0], [99], ["x"], None):
        with pytest.raises((TypeError, ValueError)):
            kernel.in_c.fit(values, changes, columns, rest, errors)  # type: ignore[arg-type]  # on purpose
        with pytest.raises((TypeError, ValueError)):
            kernel.in_c.left_over(values, changes, columns, 0, *LIMITS)  # type: ignore[arg-type]  # on purpose
    with pytest.raises(ValueError, match="finite"):
        kernel.in_c.fit(broken, [], columns, rest, errors)
    assert kernel.in_c.fit(values, [], np.ones((10, 2)), rest, errors) is False
    assert [sys.getrefcount(one) for one in everything] == before
    assert rest.tolist() == errors.tolist() == [7.0] * 10


# --- which of both -------------------------------------------------------------------------------


BUILT = find_spec("harness.stats._search") is not None


@pytest.mark.parametrize(("wish", "is_python"), [("1", True), ("", not BUILT)])
def test_the_environment_chooses(wish: str, is_python: bool) -> None:
    asked = "from harness.stats import kernel; print(kernel.in_c is None)"
    done = subprocess.run(
        [sys.executable, "-c", asked],
        env=os.environ | {"HARNESS_PURE_PYTHON": wish},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == str(is_python)
