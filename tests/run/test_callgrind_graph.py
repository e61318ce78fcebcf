"""Callgrind's files: functions, calls, objects, and numbers that stand for names."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import pytest

from harness.errors import TargetError
from harness.run import callgrind_graph
from harness.stacks import Frame, frames
from harness.stats.callgraph import unrolled

#: Written by hand after the format's description: compressed names, a call into another object, a
#: call within the same one, a function without a symbol, recursion, subposition compression.
FILE = """\
# callgrind format
version: 1
creator: callgrind-3.19.0
positions: line
events: Ir
summary: 1110

ob=(1) /usr/lib/libpython3.11.so.1.0
fl=(1) ???
fn=(1) main
0 10
cob=(2) /x/site-packages/harness/wire/_bsatn.so
cfi=(2) _bsatn.c
cfn=(2) encode
calls=2 40
0 900
cfn=(3) 0x00000000001ab2f0
calls=1 0
0 200

fn=(3)
0 200

ob=(2)
fl=(2)
fn=(2)
40 400
+3 100
cfn=(4) write'2
calls=5 60
* 400

fn=(4)
60 400
totals: 1110
"""


def test_a_whole_file(tmp_path: Path) -> None:
    path = tmp_path / "callgrind.out"
    path.write_text(FILE)
    graph = callgrind_graph.parse(path)
    main, none = (Frame(name=x, file="libpython3.11.so.1.0") for x in ("main", "(no symbol)"))
    encode, write = (Frame(name=x, file="_bsatn.so") for x in ("encode", "write"))
    assert graph.own == {main: 10, encode: 500, none: 200, write: 400}
    assert graph.calls == {main: {encode: 900, none: 200}, encode: {write: 400}}
    assert graph.total == 1110
    assert unrolled(graph) == {
        (main,): 10, (main, encode): 500, (main, none): 200, (main, encode, write): 400,
    }  # fmt: skip


@pytest.mark.parametrize("text", ["", "events: Ir\n", "nonsense\n"])
def test_other_files_are_refused(text: str, tmp_path: Path) -> None:
    (tmp_path / "f").write_text(text)
    with pytest.raises(TargetError, match="has no functions: callgrind did not end well"):
        callgrind_graph.parse(tmp_path / "f")
    with pytest.raises(TargetError, match="left no file"):
        callgrind_graph.parse(tmp_path / "missing")


@pytest.mark.skipif(shutil.which("valgrind") is None, reason="apt-get install valgrind")
def test_a_real_act_is_laid_to_the_functions_that_do_it() -> None:
    """Twice the acts less the acts: what is left is of the codec, by its own name in C."""
    graph, operations = callgrind_graph.instructions(
        sys.executable, "codec.encode(item, 1000)", times=2
    )
    assert operations == 2_000
    own = frames(unrolled(graph))
    ours = sum(each.own for frame, each in own.items() if frame.file.startswith("_bsatn"))
    assert ours > 0.5 * graph.total
    assert 100 < graph.total / operations < 20_000
