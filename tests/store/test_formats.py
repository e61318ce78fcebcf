"""Each tool's results are known by their content and read to one record, or refused in words."""

from __future__ import annotations

import copy
import gzip
import json
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.errors import StoreError
from harness.series import Series
from harness.store import formats
from tests.store import foreign


def read(path: Path, wanted: str = "auto") -> list[Series]:
    return [one for source in formats.find(path, wanted) for one in source.read()]


def told(series: list[Series]) -> list[tuple[Any, ...]]:
    return [
        (one.name, one.points[0].value, one.unit, one.better.value, len(one.points[0].samples))
        for one in series
    ]


@pytest.fixture
def write(tmp_path: Path) -> Any:
    def to_file(document: Any, name: str = "a.txt") -> Path:
        path = tmp_path / name
        path.write_text(document if isinstance(document, str) else json.dumps(document))
        return path

    return to_file


LOAD = "seconds=60, concurrency=64, accounts=100000, alpha=0.5"
TOLD: dict[tuple[str, str], list[tuple[Any, ...]]] = {
    ("pyperf", ""): [
        ("encode", 0.5, "seconds", "less", 3),
        ("rss", 4096.0, "bytes", "less", 1),
    ],
    ("pytest-benchmark", ""): [
        ("tests/test_a.py::test_x(n=10, how=b)", 2.0, "seconds", "less", 3),
        ("tests/test_a.py::test_y", 4.0, "seconds", "less", 0),
    ],
    ("hyperfine", ""): [
        ("sleep 0.1(delay=0.1)", 0.1, "seconds", "less", 3),
        ("sleep 0.1(delay=0.1, statistic=user CPU, mean)", 0.01, "seconds", "less", 0),
        ("sleep 0.1(delay=0.1, statistic=system CPU, mean)", 0.02, "seconds", "less", 0),
        ("sleep 0.1(delay=0.1, statistic=peak memory)", 2000.0, "bytes", "less", 2),
    ],
    ("google-benchmark", ""): [
        ("BM_Copy/8(statistic=real_time)", 3000.0, "ns", "less", 2),
        ("BM_Copy/8(statistic=cpu_time)", 2000.0, "ns", "less", 2),
        ("BM_Copy/8(statistic=bytes_per_second)", 2e6, "bytes/s", "more", 2),
        ("BM_Only(statistic=real_time)", 7.0, "ns", "less", 0),
        ("BM_Only(statistic=cpu_time)", 6.0, "ns", "less", 0),
        ("BM_Broken(statistic=real_time)", None, "ns", "less", 0),
        ("BM_Broken(statistic=cpu_time)", None, "ns", "less", 0),
    ],
    ("k6", "export"): [
        ("http_req_duration(statistic=avg)", 5.0, "ms", "less", 0),
        ("http_req_duration(statistic=med)", 4.0, "ms", "less", 0),
        ("http_req_duration(statistic=p(95))", 9.0, "ms", "less", 0),
        ("http_reqs(statistic=rate)", 12.5, "1/s", "more", 0),
        ("http_req_failed(statistic=value)", 0.01, "ratio", "less", 0),
        ("checks(statistic=value)", 0.9, "ratio", "more", 0),
        ("vus(statistic=value)", 3.0, "", "less", 0),
        ("vus(statistic=min)", 1.0, "", "less", 0),
        ("vus(statistic=max)", 3.0, "", "less", 0),
    ],
    ("k6", "summary"): [
        ("http_req_duration(statistic=med)", 4.0, "ms", "less", 0),
        ("data_sent(statistic=rate)", 10.0, "bytes/s", "more", 0),
        ("checks(statistic=rate)", 0.9, "ratio", "more", 0),
    ],
    ("k6", "listed"): [
        ("http_reqs(statistic=rate)", 12.5, "1/s", "more", 0),
        ("iteration_duration(statistic=med)", 4.0, "ms", "less", 0),
    ],
    ("keynote", ""): [
        (f"keynote.test-1(system=spacetimedb, {LOAD}, statistic={name})", value, unit, better, 0)
        for name, value, unit, better in (
            ("tps", 250000.5, "1/s", "more"),
            ("p50_ms", 1.5, "ms", "less"),
            ("p95_ms", 3.0, "ms", "less"),
            ("p99_ms", 9.0, "ms", "less"),
            ("collision_rate", 0.5, "ratio", "less"),
        )
    ],
    ("keynote", "sweep"): [
        (
            f"keynote.test-1(system=sqlite, concurrency=10, accounts=1000, alpha={alpha},"
            " statistic=tps)",
            tps, "1/s", "more", 0,
        )
        for alpha, tps in (("0", 10.0), ("1.5", 5.0))
    ],
    ("keynote", "demo"): [
        (
            "keynote.demo(system=convex, seconds=10, concurrency=50, accounts=1000, alpha=1.5,"
            " statistic=tps)",
            20.0, "1/s", "more", 0,
        )
    ],
}  # fmt: skip


@pytest.mark.parametrize("which", foreign.DOCUMENTS, ids=lambda which: "-".join(which).rstrip("-"))
def test_a_document_is_known_by_its_content(which: tuple[str, str], write: Any) -> None:
    path = write(foreign.DOCUMENTS[which], "results.txt")
    assert [source.format for source in formats.find(path)] == [which[0]]
    assert told(read(path)) == TOLD[which]
    assert read(path, which[0]) == read(path)


def test_where_when_and_of_which_commit(write: Any) -> None:
    made, _ = read(write(foreign.PYTEST_BENCHMARK))
    assert (made.machine, made.environment) == ("box", {"cpu": "a CPU", "python": "3.11.7"})
    assert (made.points[0].commit, made.points[0].date_ms) == ("c" * 40, 1738313100000)
    encode, _ = read(write(foreign.PYPERF))
    assert (encode.machine, encode.environment) == ("box", {"cpu": "a CPU"})
    # pyperf writes local time without its zone: read as UTC, for want of better.
    assert encode.points[0].date_ms == 1738316700000
    copied = read(write(foreign.GOOGLE_BENCHMARK))[0]
    assert (copied.machine, copied.points[0].date_ms) == ("box", 1738313100000)


def test_gzipped(tmp_path: Path) -> None:
    path = tmp_path / "a.json.gz"
    path.write_bytes(gzip.compress(json.dumps(foreign.PYPERF).encode()))
    assert told(read(path)) == TOLD["pyperf", ""]


def test_a_stream_of_k6(tmp_path: Path) -> None:
    found = told(read(foreign.write_lines(tmp_path / "a", foreign.K6_STREAM)))
    assert found == [
        ("http_req_duration(statistic=avg)", 5.5, "ms", "less", 0),
        ("http_req_duration(statistic=med)", 5.5, "ms", "less", 10),
        ("http_req_duration(statistic=p(90))", pytest.approx(9.1), "ms", "less", 0),
        ("http_req_duration(statistic=p(95))", pytest.approx(9.55), "ms", "less", 0),
        ("http_req_duration(statistic=p(99))", pytest.approx(9.91), "ms", "less", 0),
        # Ten in the 0.9 seconds between the first and the last.
        ("http_reqs(statistic=rate)", pytest.approx(10 / 0.9), "1/s", "more", 0),
        ("checks(statistic=rate)", 0.9, "ratio", "more", 0),
        ("vus(statistic=value)", 3.0, "", "less", 0),
        ("vus(statistic=min)", 3.0, "", "less", 0),
        ("vus(statistic=max)", 3.0, "", "less", 0),
    ]


def test_a_stream_that_was_cut_off_is_read_to_its_last_whole_line(tmp_path: Path) -> None:
    path = foreign.write_lines(tmp_path / "a", foreign.K6_STREAM)
    whole = told(read(path))
    path.write_text(path.read_text() + '{"type": "Point", "met')
    assert told(read(path)) == whole
    path.write_text(path.read_text() + "\n")
    with pytest.raises(StoreError, match=r"line 45 of .* is no JSON"):
        read(path)


def test_criterion(tmp_path: Path) -> None:
    folder = foreign.write_criterion(tmp_path / "criterion")
    (made,) = read(folder)
    assert told([made]) == [("codec/encode(value=8)", 150.0, "ns", "less", 2)]
    point = made.points[0]
    assert (point.samples, point.low, point.high) == ((100.0, 200.0), 100.0, 200.0)
    (message,) = read(foreign.write_lines(tmp_path / "a", foreign.CARGO_CRITERION))
    assert (message.benchmark, message.points) == ("codec/encode", made.points)


def test_a_damaged_benchmark_of_criterion_is_told_and_left_out(tmp_path: Path) -> None:
    folder = foreign.write_criterion(tmp_path / "criterion")
    (folder / "x" / "new").mkdir(parents=True)
    (folder / "x" / "new" / "estimates.json").write_text('{"mean": 3')
    said: list[str] = []
    (source,) = formats.find(folder)
    assert len(list(source.read(said.append))) == 1
    assert len(said) == 1
    assert "x/new is left out" in said[0]


def test_a_folder_of_files(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text(json.dumps(foreign.HYPERFINE))
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "b.json").write_text(json.dumps(foreign.PYPERF))
    (tmp_path / "notes.md").write_text("no results")
    assert [source.format for source in formats.find(tmp_path)] == ["hyperfine", "pyperf"]


REFUSED = [
    ("{}", "of no known format: expected .*pyperf.*; found an empty object"),
    ('{"a": 1}', "found an object with 'a'"),
    ("[1, 2]", "found list where an object was expected"),
    ("3", "found int where an object was expected"),
    ("", "is no JSON"),
    ("not JSON", "is no JSON"),
    ("[" * 100_000, "nested too deeply"),
    ("1" * 5_000, "is no JSON"),
    ('{"benchmarks": [{"runs": 3}], "version": "1.0"}', r"Expected `array`, got `int`.*runs"),
    ('{"results": [{"command": 3}]}', r"Expected `str`, got `int`.*command"),
    ('{"results": [{"command": "a", "times": ["x"]}]}', r"Expected `float \| null`, got `str`"),
    ('{"metrics": {"a": {"values": {"med": "x"}}}}', r"Expected `float \| null`, got `str`"),
    ('{"results": [{"command": "a", "times": [1' + "0" * 400 + "]}]}", "out of range"),
]


@pytest.mark.parametrize(("text", "said"), REFUSED, ids=range(len(REFUSED)))
def test_what_is_none_of_them_is_refused_in_one_sentence(text: str, said: str, write: Any) -> None:
    path = write(text)
    with pytest.raises(StoreError, match=said) as error:
        read(path)
    assert str(path) in str(error.value)
    assert "\n" not in str(error.value)


def test_a_format_that_was_asked_for_says_what_it_wants(write: Any) -> None:
    with pytest.raises(StoreError, match=r"it is no file of pyperf .*missing.*`benchmarks`"):
        read(write(foreign.HYPERFINE), "pyperf")
    with pytest.raises(StoreError, match=r"no file of pyperf .*: found list"):
        read(write([]), "pyperf")


def test_nothing_to_import(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="is not there"):
        formats.find(tmp_path / "a")
    with pytest.raises(StoreError, match="has nothing to import: expected asv's results"):
        formats.find(tmp_path)
    with pytest.raises(StoreError, match="has nothing to import"):
        formats.find(tmp_path, "asv")


def test_sizes_are_bounded(tmp_path: Path, write: Any) -> None:
    path = write(foreign.PYPERF)
    size = path.stat().st_size
    assert formats.find(path, most=size)
    with pytest.raises(StoreError, match="--most-bytes raises the limit"):
        formats.find(path, most=size - 1)
    bomb = tmp_path / "a.json.gz"
    bomb.write_bytes(gzip.compress(b" " * 10_000_000))
    assert bomb.stat().st_size < 20_000
    with pytest.raises(StoreError, match="has more than 1,000,000 bytes"):
        formats.find(bomb, most=1_000_000)
    bomb.write_bytes(bomb.read_bytes()[:5000])
    with pytest.raises(StoreError, match="is damaged"):
        formats.find(bomb)
    stream = foreign.write_lines(tmp_path / "b", foreign.K6_STREAM)
    with pytest.raises(StoreError, match="--most-bytes raises the first limit"):
        read_bounded(stream, 1_000)


def read_bounded(path: Path, most: int) -> list[Series]:
    return [one for source in formats.find(path, most=most) for one in source.read()]


# --- hostile files --------------------------------------------------------------------------------

ANYTHING = st.recursive(
    st.none()
    | st.booleans()
    | st.floats()
    | st.text(max_size=5)
    | st.integers()
    | st.sampled_from([10**400, -1, 2**63, "\ud800"]),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=8,
)  # fmt: skip


@st.composite
def spoilt(draw: st.DrawFn) -> tuple[list[Any], bool]:
    """A tool's document or stream in which one place holds anything, is gone, or comes twice."""
    whole = draw(st.sampled_from([*([one] for one in foreign.DOCUMENTS.values()),
                                  foreign.K6_STREAM, foreign.CARGO_CRITERION]))  # fmt: skip
    made = copy.deepcopy(whole)
    at: Any = made
    for _ in range(draw(st.integers(1, 9))):
        keys = list(at) if isinstance(at, dict) else list(range(len(at)))
        if not keys:
            break
        key = draw(st.sampled_from(keys))
        if isinstance(at[key], dict | list) and draw(st.integers(0, 3)):
            at = at[key]
            continue
        if draw(st.booleans()):
            at[key] = draw(ANYTHING)
        else:
            del at[key]
        break
    return made, len(whole) > 1


@settings(max_examples=120)
@given(spoilt(), st.floats(0, 1))
def test_whatever_comes_in_is_read_or_refused(made: tuple[list[Any], bool], cut: float) -> None:
    documents, _ = made
    text = "\n".join(json.dumps(document) for document in documents)
    for data in (text, text[: int(len(text) * cut)], text.replace('{"', '{"benchmarks": 3, "', 1)):
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "a.json"
            path.write_text(data)
            for wanted in formats.NAMES:
                if wanted != "asv":
                    _read_or_refuse(path, wanted)
            _read_or_refuse(path, "auto")


def _read_or_refuse(path: Path, wanted: str) -> None:
    refused = ""
    try:
        for one in read(path, wanted):
            for point in one.points:
                assert point.value is None or abs(point.value) < float("inf")
    except StoreError as error:
        refused = str(error)
    assert "\n" not in refused


@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "a"
        path.write_bytes(data)
        _read_or_refuse(path, "auto")
