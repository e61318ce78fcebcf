"""Callgrind's files as call graphs. Format: https://valgrind.org/docs/manual/cl-format.html."""

from __future__ import annotations

import os
import re
import tempfile
from pathlib import Path

from harness.errors import TargetError
from harness.run import callgrind, counted
from harness.stacks import Frame
from harness.stats.callgraph import Graph, less

_NAMED = re.compile(r"(c?(?:fn|fl|fi|fe|ob))=\((\d+)\)(?: (.*))?")
_PLAIN = re.compile(r"(c?(?:fn|fl|fi|fe|ob))=(.*)")
_COST = re.compile(r"(?:[+-]?(?:0x[0-9a-f]+|\d+)|\*) (\d+)")
#: Names of one kind share their numbers.
_TABLE = {"fn": "fn", "cfn": "fn", "ob": "ob", "cob": "ob"}
#: How valgrind names what has no symbol.
_NONE = "???"


def parse(path: Path) -> Graph:
    """The graph of one file. Raises ``TargetError`` if it is none of callgrind's."""
    reader = _Reader()
    try:
        with path.open(encoding="utf-8", errors="replace") as lines:
            for line in lines:
                reader.take(line.rstrip("\n"))
    except OSError as error:
        raise TargetError(f"callgrind left no file: {error.strerror}") from error
    if not reader.graph.own:
        raise TargetError(f"{path.name} has no functions: callgrind did not end well")
    return reader.graph


class _Reader:
    """Takes line after line; ``now`` is the function that costs are of."""

    def __init__(self) -> None:
        self.graph = Graph()
        self._names: dict[tuple[str, str], str] = {}
        self._now = {"fn": "", "ob": "", "cfn": "", "cob": ""}
        self._call = False

    def take(self, line: str) -> None:
        if named := _NAMED.fullmatch(line):
            self._name(named[1], self._known(named[1], named[2], named[3]))
        elif plain := _PLAIN.fullmatch(line):
            self._name(plain[1], plain[2])
        elif line.startswith("calls="):
            self._call = True
        elif cost := _COST.fullmatch(line):
            self._spend(int(cost[1]))

    def _known(self, kind: str, number: str, name: str | None) -> str:
        key = _TABLE.get(kind, "fl"), number
        if name is not None:
            self._names[key] = name
        return self._names.get(key, _NONE)

    def _name(self, kind: str, name: str) -> None:
        if kind in self._now:
            self._now[kind] = name
        if kind == "fn":  # a new function; what it calls lies in its own object unless told
            self._now["cob"] = ""

    def _spend(self, cost: int) -> None:
        caller = _frame(self._now["fn"], self._now["ob"])
        if self._call:
            place = self._now["cob"] or self._now["ob"]
            self.graph.call(caller, _frame(self._now["cfn"], place), cost)
            self._call, self._now["cob"] = False, ""
        else:
            self.graph.spend(caller, cost)


def _frame(name: str, place: str) -> Frame:
    """A function without the mark of recursion, in its shared object."""
    name = re.sub(r"'\d+$", "", name)
    if name.startswith("0x"):
        name = "(no symbol)"  # addresses differ from run to run
    return Frame(name=name or "(no symbol)", file=os.path.basename(place))


def instructions(python: str, benchmark: str, *, times: int | None = None) -> tuple[Graph, int]:
    """What acts cost, as a graph, and how many operations that were.

    Two runs that differ in the number of acts alone are subtracted. Raises what
    ``callgrind.count`` raises.
    """
    callgrind.version()
    bench = counted.BENCHES[benchmark]
    acts = bench.acts if times is None else times
    with tempfile.TemporaryDirectory() as folder:
        fewer, more = callgrind.runs(python, benchmark, acts, Path(folder), callgrind.TIMEOUT_S)
        graph = less(parse(more), parse(fewer))
    if graph.total <= 0:
        raise TargetError(f"{benchmark}: {2 * acts} acts took no more instructions than {acts}")
    return graph, acts * bench.operations
