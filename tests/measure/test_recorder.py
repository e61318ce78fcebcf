"""Samples: cut at the window's edges, counted from the intended start."""

from __future__ import annotations

import pytest

from harness.measure.recorder import REFUSED, TIMED_OUT, Recorder


def test_the_window_takes_what_ended_in_it() -> None:
    recorder = Recorder(10)
    for done in (5, 10, 11, 20, 21):
        recorder.add(0, 1, done)
    window = recorder.window(10, 20)
    assert window.done.tolist() == [11, 20]
    assert window.seconds == 1e-8


def test_latency_counts_from_the_plan_and_service_from_the_send() -> None:
    recorder = Recorder(1)
    recorder.add(intended_ns=100, sent_ns=700, done_ns=1_000)
    window = recorder.window(0, 2_000)
    assert window.latency().max == 900
    assert window.service().max == 300
    assert window.lateness().max == 600


def test_failures_stay_in_the_histogram() -> None:
    recorder = Recorder(3)
    recorder.add(0, 0, 10)
    recorder.add(0, 0, 20, REFUSED)
    recorder.add(0, 0, 5_000, TIMED_OUT)
    assert recorder.outcomes() == (1, 1, 1)
    assert recorder.window(0, 10_000).latency().max == 5_000


def test_there_is_no_room_beyond_the_capacity() -> None:
    recorder = Recorder(1)
    recorder.add(0, 0, 1)
    with pytest.raises(IndexError):
        recorder.add(0, 0, 1)


def test_the_first_failure_is_remembered() -> None:
    recorder = Recorder(1)
    recorder.fail(ValueError("one"))
    recorder.fail(ValueError("two"))
    assert recorder.first_error == "one"
