"""The measured window of a load: what is noticed in it, and the figures that come of it."""

from __future__ import annotations

import asyncio
import gc
import os
from types import TracebackType
from typing import Self

import numpy as np

from harness.load.driver import Load
from harness.measure.pauses import GcWatch, LoopLag
from harness.measure.processes import Meter, Others
from harness.measure.recorder import Recorder, Window
from harness.measure.traces import Sampler
from harness.records import Check, LoadShape, Metric, Trace
from harness.run.exchange import Finding
from harness.stats import consistency
from harness.stats.histogram import Histogram

#: No client of ours is faster than this many operations per second; room for samples is made for
#: so many.
_FASTEST_PER_S = 300_000
#: Fewer samples than this have no tail worth naming.
_TAIL_COUNT = 1_000
#: Parts of the window whose rate and latency are kept, each of so many samples on average.
_PARTS, _PART_COUNT = 40, 20


def capacity(shape: LoadShape) -> int:
    """How many samples a load can give at the most."""
    seconds = shape.warmup_s + shape.duration_s
    if shape.rate_per_s is not None:
        most = int(seconds * shape.rate_per_s) + 2
    else:
        most = int(seconds * _FASTEST_PER_S) + shape.connections * shape.in_flight
    return most if shape.operations is None else min(most, shape.operations)


class Watch:
    """Notices CPU time, memory, collections and loop lag between warm-up and end."""

    def __init__(self, server_pid: int | None, shape: LoadShape) -> None:
        loop = asyncio.get_running_loop()
        self.client, self.server = Meter(os.getpid()), Meter(server_pid)
        self.others = Others()
        self.gc, self.lag = GcWatch(), LoopLag(loop)
        self.sampler = Sampler(loop, server_pid, shape.duration_s, self.lag)
        self._stopped = False
        self._timers = [
            loop.call_later(shape.warmup_s, self._start),
            loop.call_later(shape.warmup_s + shape.duration_s, self.stop),
        ]

    def __enter__(self) -> Self:
        # What was made before the load (modules, filled tables) is not looked through again and
        # again by collections of what the load makes.
        gc.collect()
        gc.freeze()
        self.gc.__enter__()
        self.lag.__enter__()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        self.lag.__exit__()
        self.gc.__exit__()
        gc.unfreeze()
        for timer in self._timers:
            timer.cancel()
        self.sampler.stop()

    def _start(self) -> None:
        self.gc.clear()
        self.lag.clear()
        self.others.start()
        self.client.start()
        self.server.start()
        self.sampler.start()

    def stop(self) -> None:
        """The load is over, perhaps before its time."""
        if not self._stopped:
            self._stopped = True
            self.sampler.stop()
            self.server.stop()
            self.client.stop()
            self.others.stop(self.client.use, self.server.use)
            self.gc_pauses, self.lags = self.gc.summary(), self.lag.summary()


def finding(watch: Watch, load: Load, checks: list[Check], each: int = 1) -> Finding:
    """Figures, laws and histograms of a load; one operation moves ``each`` rows."""
    recorder, shape = load.recorder, load.shape
    samples = _window(load)
    count = len(samples.done)
    rate = count / samples.seconds if samples.seconds > 0 else 0.0
    service, latency = samples.service(), samples.latency()
    checks = [*_laws(recorder, shape, rate, service), *checks]
    rates = consistency.batch_rates(samples.done, samples.start_ns, samples.end_ns)
    limits = consistency.interval(rates)
    middle = consistency.interval(
        consistency.batch_medians(
            samples.done - samples.intended, samples.done, samples.start_ns, samples.end_ns
        )
    )
    metrics = [
        Metric(name="rate", value=rate * each, unit="1/s", count=count * each,
               interval=(limits[0] * each, limits[1] * each)),
        *_percentiles("latency", latency, middle),
    ]  # fmt: skip
    histograms = {"latency": latency.to_dict()}
    if shape.rate_per_s is not None:
        histograms |= {
            "service": service.to_dict(),
            "lateness": samples.lateness().to_dict(),
        }
        metrics += [*_percentiles("service", service), *_percentiles("late", samples.lateness())]
        metrics.append(_metric("offered", shape.rate_per_s, "1/s", count))
    metrics += _costs(watch, rate * each)
    return Finding(
        metrics=metrics,
        checks=checks,
        histograms=histograms,
        traces=[*drawn(samples, each), *watch.sampler.traces()],
        client=watch.client.use,
        server=watch.server.use,
        others_cores=watch.others.cores,
        gc=watch.gc_pauses,
        loop_lag=watch.lags,
        # The rate of an open loop is the plan's; what wanders there is the time that calls take.
        spread=consistency.spread(limits if shape.rate_per_s is None else middle),
        notes={"batch_rates_per_s": [round(x * each, 1) for x in rates.tolist()]},
    )


def drawn(samples: Window, each: int = 1) -> list[Trace]:
    """Rate, and median and 99 % of latency, over the window in equal parts.

    A part in which nothing ended has a rate of 0 and no latency.
    """
    count = min(_PARTS, len(samples.done) // _PART_COUNT)
    if count < 2:
        return []
    edges = np.linspace(samples.start_ns, samples.end_ns, count + 1)
    part = np.clip(np.searchsorted(edges, samples.done, side="left") - 1, 0, count - 1)
    latency = samples.done - samples.intended
    times = [round(float(edge - samples.start_ns) / 1e9, 4) for edge in edges[1:]]
    counts = np.bincount(part, minlength=count)
    width_s = samples.seconds / count
    order = np.argsort(part, kind="stable")
    parts = np.split(latency[order], np.cumsum(counts)[:-1])
    made = [
        Trace(name="rate", unit="1/s", times_s=times,
              values=[round(float(n) * each / width_s, 1) for n in counts])
    ]  # fmt: skip
    filled = [at for at in range(count) if counts[at]]
    for name, percent in (("latency, median", 50.0), ("latency, 99 %", 99.0)):
        values = [float(np.percentile(parts[at], percent, method="inverted_cdf")) for at in filled]
        made.append(
            Trace(name=name, unit="ns", times_s=[times[at] for at in filled], values=values)
        )
    return made


def _window(load: Load) -> Window:
    recorder = load.recorder
    end = load.stop_ns
    if recorder.count and recorder.count == recorder.asked and load.left <= 0:
        # The workload ended first; after its last operation there was nothing to count.
        end = min(end, recorder.done[recorder.count - 1])
    return recorder.window(load.window_ns, max(end, load.window_ns + 1))


def _laws(recorder: Recorder, shape: LoadShape, rate: float, service: Histogram) -> list[Check]:
    succeeded, refused, timed_out = recorder.outcomes()
    checks = [
        consistency.all_succeeded(
            asked=recorder.asked, refused=refused, timed_out=timed_out, first=recorder.first_error
        ),
        consistency.adds_up(
            asked=recorder.asked, succeeded=succeeded, refused=refused, timed_out=timed_out
        ),
        consistency.ordered(service),
    ]
    if shape.rate_per_s is None and service.count:
        checks.append(
            consistency.little(
                rate_per_s=rate,
                mean_service_ns=service.mean,
                in_flight=shape.connections * shape.in_flight,
                count=service.count,
            )
        )
    return checks


def _percentiles(
    name: str, histogram: Histogram, middle: tuple[float, float] | None = None
) -> list[Metric]:
    """Percentiles, mean and maximum; ``middle`` is the interval of the median."""
    if not histogram.count:
        return []
    count = histogram.count
    median, *others = [50.0, 90.0, 99.0] + ([99.9] if count >= _TAIL_COUNT else [])
    figures: dict[str, float] = {
        f"{name}_p{percent:g}": histogram.percentile(percent) for percent in others
    }
    figures |= {f"{name}_mean": histogram.mean, f"{name}_max": histogram.max}
    first = Metric(
        name=f"{name}_p{median:g}", value=histogram.percentile(median), unit="ns",
        better="lower", interval=middle, count=count,
    )  # fmt: skip
    return [
        first,
        *(_metric(title, value, "ns", count, "lower") for title, value in figures.items()),
    ]


def _costs(watch: Watch, rate: float) -> list[Metric]:
    """CPU time for one operation: the figure that a noisy machine disturbs least."""
    made = []
    for side, meter in (("client", watch.client), ("server", watch.server)):
        if meter.use is not None:
            if rate:
                cost = meter.use.cores * 1e9 / rate
                made.append(_metric(f"{side}_cpu", cost, "ns", None, "lower"))
            made.append(_metric(f"{side}_rss", meter.use.rss_bytes, "bytes", None, "lower"))
    return made


def _metric(
    name: str, value: float, unit: str, count: int | None, better: str = "higher"
) -> Metric:
    return Metric(name=name, value=value, unit=unit, better=better, count=count)
