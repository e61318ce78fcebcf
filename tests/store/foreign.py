"""Small results in the forms of other tools, written for these tests."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

PYPERF: dict[str, Any] = {
    "benchmarks": [
        {
            "metadata": {"name": "encode"},
            "runs": [
                # A calibration has warm-ups and no values.
                {"warmups": [[1, 0.5]], "metadata": {"date": "2025-01-31 09:45:00"}},
                {"values": [0.25, 0.5], "metadata": {}},
                {"values": [0.75], "metadata": {}},
            ],
        },
        {
            "metadata": {"name": "rss", "unit": "byte"},
            "runs": [{"values": [4096], "metadata": {}}],
        },
    ],
    "metadata": {"hostname": "box", "cpu_model_name": "a CPU", "unit": "second"},
    "version": "1.0",
}
PYTEST_BENCHMARK: dict[str, Any] = {
    "machine_info": {
        "node": "box",
        "python_version": "3.11.7",
        "cpu": {"brand_raw": "a CPU"},
    },
    "commit_info": {"id": "c" * 40, "time": "2025-01-31T09:45:00+01:00", "dirty": False},
    "benchmarks": [
        {
            "group": None,
            "fullname": "tests/test_a.py::test_x[10-b]",
            "params": {"n": 10, "how": "b"},
            "stats": {"min": 1.0, "median": 2.0, "mean": 3.0, "data": [1.0, 2.0, 6.0]},
        },
        {"fullname": "tests/test_a.py::test_y", "params": None, "stats": {"median": 4.0}},
    ],
    "datetime": "2025-02-01T00:00:00",
    "version": "5.3.1",
}
HYPERFINE: dict[str, Any] = {
    "results": [
        {
            "command": "sleep 0.1",
            "mean": 0.11,
            "stddev": None,
            "median": 0.1,
            "user": 0.01,
            "system": 0.02,
            "times": [0.1, 0.09, 0.14],
            "memory_usage_byte": [1000, 3000],
            "exit_codes": [0, 0, 0],
            "parameters": {"delay": "0.1"},
        }
    ]
}
GOOGLE_BENCHMARK: dict[str, Any] = {
    "context": {"date": "2025-01-31T09:45:00+01:00", "host_name": "box", "num_cpus": 8},
    "benchmarks": [
        {
            "name": "BM_Copy/8/repeats:2", "run_name": "BM_Copy/8", "run_type": "iteration",
            "repetition_index": 0, "iterations": 100, "real_time": 2.0, "cpu_time": 1.0,
            "time_unit": "us", "bytes_per_second": 1e6,
        },
        {
            "name": "BM_Copy/8/repeats:2", "run_name": "BM_Copy/8", "run_type": "iteration",
            "repetition_index": 1, "iterations": 100, "real_time": 4.0, "cpu_time": 3.0,
            "time_unit": "us", "bytes_per_second": 3e6,
        },
        {
            "name": "BM_Copy/8_mean", "run_name": "BM_Copy/8", "run_type": "aggregate",
            "aggregate_name": "mean", "real_time": 99.0, "cpu_time": 99.0, "time_unit": "us",
        },
        {
            "name": "BM_Only_mean", "run_name": "BM_Only", "run_type": "aggregate",
            "aggregate_name": "mean", "real_time": 9.0, "cpu_time": 8.0, "time_unit": "ns",
        },
        {
            "name": "BM_Only_median", "run_name": "BM_Only", "run_type": "aggregate",
            "aggregate_name": "median", "real_time": 7.0, "cpu_time": 6.0, "time_unit": "ns",
        },
        {
            "name": "BM_Broken", "run_name": "BM_Broken", "run_type": "iteration",
            "error_occurred": True, "error_message": "no file", "real_time": 0.0,
        },
    ],
}  # fmt: skip
K6_EXPORT: dict[str, Any] = {
    "root_group": {"name": "", "checks": {}},
    "metrics": {
        "http_req_duration": {
            "avg": 5.0, "med": 4.0, "p(95)": 9.0, "thresholds": {"p(95)<10": False},
        },
        "http_reqs": {"count": 100, "rate": 12.5},
        "http_req_failed": {"passes": 1, "fails": 99, "value": 0.01},
        "checks": {"passes": 9, "fails": 1, "value": 0.9},
        "vus": {"value": 3, "min": 1, "max": 3},
    },
}  # fmt: skip
K6_SUMMARY: dict[str, Any] = {
    "state": {"testRunDurationMs": 8000.0},
    "metrics": {
        "http_req_duration": {
            "type": "trend", "contains": "time", "values": {"med": 4.0, "count": 100},
        },
        "data_sent": {"type": "counter", "contains": "data", "values": {"count": 80, "rate": 10.0}},
        "checks": {"type": "rate", "contains": "default", "values": {"rate": 0.9, "passes": 9}},
    },
}  # fmt: skip
K6_LISTED: dict[str, Any] = {
    "version": "1.0.0",
    "metadata": {"generatedAt": "2025-01-31T08:45:00Z", "k6Version": "1.5.0"},
    "results": {
        "metrics": [
            {
                "name": "http_reqs", "type": "counter", "contains": "default",
                "values": {"count": 100, "rate": 12.5},
            },
            {
                "name": "iteration_duration", "type": "trend", "contains": "time",
                "values": {"med": 4.0, "count": 100},
            },
        ]
    },
}  # fmt: skip
KEYNOTE: dict[str, Any] = {
    "test": "test-1",
    "seconds": 60,
    "concurrency": 64,
    "accounts": 100000,
    "alpha": 0.5,
    "results": [
        {
            "system": "spacetimedb",
            "label": "a label",
            "seconds": 60,
            "concurrency": 64,
            "accounts": 100000,
            "alpha": 0.5,
            "res": {
                "tps": 250000.5, "samples": 15000000, "committed_txns": None,
                "p50_ms": 1.5, "p95_ms": 3.0, "p99_ms": 9.0,
                "collision_ops": 2, "collision_count": 1, "collision_rate": 0.5,
            },
        }
    ],
}  # fmt: skip
KEYNOTE_SWEEP: dict[str, Any] = {
    "test": "test-1",
    "accounts": 1000,
    "results": [
        {
            "system": "sqlite",
            "concurrency": 10,
            "res": [
                {"alpha": 0.0, "avgResult": {"tps": 10.0}},
                {"alpha": 1.5, "avgResult": {"tps": 5.0}},
            ],
        }
    ],
}
KEYNOTE_DEMO: dict[str, Any] = {
    "timestamp": "2025-01-31T08:45:00Z",
    "config": {"seconds": 10, "concurrency": 50, "alpha": 1.5, "accounts": 1000},
    "results": [{"system": "convex", "tps": 20}],
}

#: All documents, by the name of their format and of the variant.
DOCUMENTS: dict[tuple[str, str], Any] = {
    ("pyperf", ""): PYPERF,
    ("pytest-benchmark", ""): PYTEST_BENCHMARK,
    ("hyperfine", ""): HYPERFINE,
    ("google-benchmark", ""): GOOGLE_BENCHMARK,
    ("k6", "export"): K6_EXPORT,
    ("k6", "summary"): K6_SUMMARY,
    ("k6", "listed"): K6_LISTED,
    ("keynote", ""): KEYNOTE,
    ("keynote", "sweep"): KEYNOTE_SWEEP,
    ("keynote", "demo"): KEYNOTE_DEMO,
}

#: Ten requests, 1 ms to 10 ms, one each 100 ms, and a check that holds in nine of ten cases.
K6_STREAM: list[Any] = [
    {"type": "Metric", "metric": "http_req_duration",
     "data": {"name": "http_req_duration", "type": "trend", "contains": "time"}},
    {"type": "Metric", "metric": "http_reqs",
     "data": {"name": "http_reqs", "type": "counter", "contains": "default"}},
    {"type": "Metric", "metric": "checks",
     "data": {"name": "checks", "type": "rate", "contains": "default"}},
    {"type": "Metric", "metric": "vus",
     "data": {"name": "vus", "type": "gauge", "contains": "default"}},
    *(
        {"type": "Point", "metric": metric,
         "data": {"time": f"2025-01-31T08:45:{at // 10:02}.{at % 10}00Z", "value": value,
                  "tags": {"method": "GET"}}}
        for at in range(10)
        for metric, value in (
            ("http_req_duration", at + 1), ("http_reqs", 1), ("checks", at > 0), ("vus", 3),
        )
        if not isinstance(value, bool) or metric == "checks"
    ),
]  # fmt: skip
for _line in K6_STREAM:
    # JSON has numbers for what held and what did not.
    if _line["type"] == "Point":
        _line["data"]["value"] = float(_line["data"]["value"])

CARGO_CRITERION: list[Any] = [
    {
        "reason": "benchmark-complete",
        "id": "codec/encode",
        "iteration_count": [10, 20],
        "measured_values": [1000.0, 4000.0],
        "unit": "ns",
        "median": {"estimate": 150.0, "lower_bound": 100.0, "upper_bound": 200.0, "unit": "ns"},
    },
    {"reason": "group-complete", "group_name": "codec", "benchmarks": ["codec/encode"]},
]


def write_lines(path: Path, documents: list[Any]) -> Path:
    """One document a line."""
    path.write_text("".join(json.dumps(document) + "\n" for document in documents))
    return path


def write_criterion(folder: Path) -> Path:
    """``target/criterion`` with one benchmark, a base of it, and the report's folder."""
    estimate = {
        "confidence_interval": {
            "confidence_level": 0.95, "lower_bound": 100.0, "upper_bound": 200.0,
        },
        "point_estimate": 150.0,
        "standard_error": 1.0,
    }  # fmt: skip
    files = {
        "benchmark.json": {
            "group_id": "codec", "function_id": "encode", "value_str": "8", "throughput": None,
            "full_id": "codec/encode/8", "directory_name": "codec/encode/8",
        },
        "sample.json": {"sampling_mode": "Linear", "iters": [10.0, 20.0], "times": [1e3, 4e3]},
        "estimates.json": {"mean": estimate, "median": estimate, "slope": None},
    }  # fmt: skip
    for place in ("new", "base"):
        where = folder / "codec" / "encode" / "8" / place
        where.mkdir(parents=True)
        for name, content in files.items():
            (where / name).write_text(json.dumps(content))
    (folder / "report").mkdir()
    return folder
