"""Stacks as other tools read them: what is written comes back, and names cannot break a line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.errors import StoreError
from harness.stacks import Frame, Stacks
from harness.store.stack_formats import collapsed, read_speedscope, speedscope

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
FRAMES = st.builds(lambda name, file: Frame(name=name, file=file), TEXTS, TEXTS)
STACKS = st.dictionaries(
    st.lists(FRAMES, min_size=1, max_size=4).map(tuple), st.floats(0, 1e9), max_size=6
)
MAIN, LEAF = Frame(name="main", file="m.py"), Frame(name="leaf")


def test_collapsed_lines() -> None:
    stacks: Stacks = {(MAIN, LEAF): 2.6, (MAIN,): 1.0, (LEAF,): 0.2}
    assert collapsed(stacks) == "main (m.py) 1\nmain (m.py);leaf 3\n"
    assert collapsed(stacks, 10) == "leaf 2\nmain (m.py) 10\nmain (m.py);leaf 26\n"


@given(STACKS)
def test_each_line_has_one_stack_whatever_the_names(stacks: Stacks) -> None:
    lines = collapsed(stacks, 1e3).split("\n")[:-1]
    assert len(lines) == sum(round(value * 1e3) > 0 for value in stacks.values())
    for line, (stack, value) in zip(
        lines,
        [x for x in sorted(stacks.items(), key=lambda item: [(f.name, f.file) for f in item[0]])
         if round(x[1] * 1e3)],
        strict=True,
    ):  # fmt: skip
        path, _, count = line.rpartition(" ")
        assert int(count) == round(value * 1e3)
        assert path.count(";") == len(stack) - 1


@given(STACKS)
def test_speedscope_comes_back(tmp_path_factory: pytest.TempPathFactory, stacks: Stacks) -> None:
    path = tmp_path_factory.mktemp("speedscope") / "s.json"
    lines = {frame: 7 for stack in stacks for frame in stack}
    path.write_bytes(speedscope("title", "ns", {"base": stacks, "head": {}}, lines))
    found, known = read_speedscope(path)
    assert found == {"base": stacks, "head": {}}
    assert known == lines


def test_speedscope_is_as_its_schema_says() -> None:
    found = json.loads(speedscope("t", "bytes", {"one": {(MAIN, LEAF): 4.0}}, {MAIN: 3}))
    assert found["$schema"] == "https://www.speedscope.app/file-format-schema.json"
    assert found["shared"]["frames"] == [
        {"name": "main", "file": "m.py", "line": 3}, {"name": "leaf"},
    ]  # fmt: skip
    assert found["profiles"] == [
        {"type": "sampled", "name": "one", "unit": "bytes", "startValue": 0, "endValue": 4.0,
         "samples": [[0, 1]], "weights": [4.0]}
    ]  # fmt: skip


@pytest.mark.parametrize(
    "text",
    [
        "", "{}", "[]",
        '{"shared":{"frames":[]},"profiles":[{"name":"x","samples":[[5]],"weights":[1]}]}',
        '{"shared":{"frames":[]},"profiles":[{"name":"x","samples":[[]],"weights":[]}]}',
    ],
)  # fmt: skip
def test_other_files_are_refused(text: str, tmp_path: Path) -> None:
    path = tmp_path / "s.json"
    path.write_text(text)
    with pytest.raises(StoreError, match="no sampled profile"):
        read_speedscope(path)
