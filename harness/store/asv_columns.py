"""airspeed velocity's results as columns of numbers that grow with each new file.

``harness.store.asv`` reads a history whole and gives points; this reads the files that are new, and
keeps arrays: a site of three million points is built in seconds, and one commit more costs its own
file. Both take a result for the same series: same names, parameters, environments and versions.
"""

from __future__ import annotations

import json
import math
import os
from array import array
from collections.abc import Callable, Iterator
from operator import itemgetter
from pathlib import Path
from typing import Any, TypeAlias

import msgspec

from harness.errors import StoreError
from harness.records import Record
from harness.store import asv

#: Machine and environment, benchmark, parameters, version of the benchmark.
Key: TypeAlias = tuple[str, str, str, tuple[str, ...], str]
#: The form of what is kept between two readings.
FORM = 1
#: When a file was changed, in nanoseconds, and its bytes.
Stamp: TypeAlias = tuple[int, int]


class _File(msgspec.Struct):
    """A file of results, as far as columns need it."""

    commit_hash: Any = None
    date: Any = None
    env_name: Any = None
    requirements: Any = None
    env_vars: Any = None
    params: Any = None
    python: Any = None
    result_columns: Any = None
    results: Any = None


class Column:
    """One series: for each point the number of its file, its value and the 99 % interval.

    NaN stands for what failed or was skipped, and where no interval was stored.
    """

    __slots__ = ("files", "highs", "lows", "values")

    def __init__(self) -> None:
        self.files = array("I")
        self.values, self.lows, self.highs = array("d"), array("f"), array("f")


class _Kept(Record, frozen=True, array_like=True):
    """A column with its key, as bytes."""

    key: Key
    files: bytes
    values: bytes
    lows: bytes
    highs: bytes


class Read(Record, frozen=True):
    """A file that was read: its path below the folder, and the commit that it is about."""

    path: str
    stamp: Stamp
    commit: str
    date_ms: int


class Columns:
    """All results of a folder, brought up to date by ``update``.

    ``files`` are those that were read, in the order of reading; columns name them by number.
    """

    def __init__(self) -> None:
        self.files: list[Read] = []
        self.columns: dict[Key, Column] = {}
        #: Of a machine and an environment: the last path by name, and what its file says of both.
        self.environments: dict[tuple[str, str], tuple[str, dict[str, str]]] = {}
        self.benchmarks: dict[str, Any] = {}
        self._decode = msgspec.json.Decoder(_File)
        self._known: dict[tuple[str, str, str], _Known] = {}

    def update(
        self,
        folder: Path,
        warn: Callable[[str], None] = lambda text: None,
        progress: asv.Progress = lambda done, all: None,
    ) -> bool:
        """Read what is new; whether anything is.

        A file that changed or went away makes all of them be read again, since its numbers are in
        many columns. Raises ``StoreError`` if the folder has no results of asv.
        """
        if not asv.is_results(folder):
            raise StoreError(
                f"{folder} has no results of asv: no benchmarks.json, and no machine.json a level"
                " below"
            )
        there = dict(_files(folder))
        before = {file.path: file.stamp for file in self.files}
        about = asv._benchmarks(folder, warn)
        changed = about != self.benchmarks
        self.benchmarks = about
        if any(there.get(path) != stamp for path, stamp in before.items()):
            self.files, self.columns, self.environments = [], {}, {}
            self._known, before, changed = {}, {}, True
        new = sorted(path for path in there if path not in before)
        for number, path in enumerate(new, start=1):
            self._add(folder, path, there[path], warn)
            progress(number, len(new))
        return changed or bool(new)

    def kept(self) -> bytes:
        """All of it, for ``restored``."""
        columns = [
            _Kept(
                key=key,
                files=column.files.tobytes(),
                values=column.values.tobytes(),
                lows=column.lows.tobytes(),
                highs=column.highs.tobytes(),
            )
            for key, column in self.columns.items()
        ]
        environments = [(*where, *said) for where, said in self.environments.items()]
        return msgspec.msgpack.encode((FORM, self.files, environments, self.benchmarks, columns))

    @classmethod
    def restored(cls, data: bytes) -> Columns:
        """What ``kept`` gave; without anything if it was kept by another version, or is damaged."""
        made = cls()
        form: Any = tuple[
            int, list[Read], list[tuple[str, str, str, dict[str, str]]], dict[str, Any], list[_Kept]
        ]
        try:
            number, files, environments, benchmarks, columns = msgspec.msgpack.decode(
                data, type=form
            )
        except (msgspec.DecodeError, UnicodeDecodeError):
            return made
        if number != FORM or not all(_whole(column, len(files)) for column in columns):
            return made
        made.files, made.benchmarks = files, benchmarks
        made.environments = {(a, b): (path, said) for a, b, path, said in environments}
        for one in columns:
            column = made.columns.setdefault(one.key, Column())
            column.files.frombytes(one.files)
            column.values.frombytes(one.values)
            column.lows.frombytes(one.lows)
            column.highs.frombytes(one.highs)
        return made

    def _add(self, folder: Path, path: str, stamp: Stamp, warn: Callable[[str], None]) -> None:
        found = self._load(folder / path, warn)
        commit = found.commit_hash if found is not None else None
        if found is None or not isinstance(commit, str) or not isinstance(found.results, dict):
            if found is not None:
                warn(f"{path} is no result of asv: it names no commit, or has no results")
            self.files.append(Read(path=path, stamp=stamp, commit="", date_ms=0))
            return
        date = found.date
        whole = isinstance(date, int | float) and math.isfinite(date)
        machine, _, name = path.rpartition("/")
        environment = str(found.env_name or Path(name).stem.partition("-")[2])
        last, _ = self.environments.get((machine, environment), ("", {}))
        if path >= last:
            said = asv._environment(msgspec.structs.asdict(found))
            self.environments[machine, environment] = path, said
        number = len(self.files)
        self.files.append(
            Read(path=path, stamp=stamp, commit=commit, date_ms=int(date) if whole else 0)
        )
        places = _places(found.result_columns)
        for benchmark, stored in found.results.items():
            where = machine, environment, benchmark
            known = self._known.get(where)
            if known is None or not known.add(number, stored, places):
                known = self._begin(path, where, stored, found.result_columns, warn)
                if known is not None:
                    known.add(number, stored, places)
                    self._known[where] = known

    def _begin(
        self, path: str, where: tuple[str, str, str], stored: Any, columns: Any,
        warn: Callable[[str], None],
    ) -> _Known | None:  # fmt: skip
        """The columns of a benchmark with these parameters and this version."""
        _, params, version = asv._stored(stored, columns)
        combinations = asv._combinations(params)
        if combinations is None:
            warn(f"{path}: {where[2]} has more than {asv.MOST_COMBINATIONS:,} combinations")
            return None
        found = [self.columns.setdefault((*where, one, version), Column()) for one in combinations]
        return _Known(params, version, found)

    def _load(self, path: Path, warn: Callable[[str], None]) -> _File | None:
        try:
            if path.stat().st_size > asv.MOST_BYTES:
                warn(f"{path} is left out: it has more than {asv.MOST_BYTES:,} bytes")
                return None
            data = path.read_bytes()
        except OSError as error:
            warn(f"{path} is left out: {error.strerror}")
            return None
        try:
            return self._decode.decode(data)
        except msgspec.DecodeError:
            pass  # NaN, with which asv marks what was skipped, is no JSON for strict readers
        try:
            loose = json.loads(data)
        except (ValueError, RecursionError) as error:
            warn(f"{path} is left out: it is no JSON ({str(error)[:80]})")
            return None
        if not isinstance(loose, dict):
            warn(f"{path} is left out: it holds no object")
            return None
        return _File(**{name: loose.get(name) for name in _File.__struct_fields__})


class _Known:
    """The columns that a benchmark's numbers go to, as long as its parameters stay the same."""

    __slots__ = ("_columns", "_params", "_version")

    def __init__(self, params: Any, version: str, columns: list[Column]) -> None:
        self._params, self._version, self._columns = params, version, columns

    def add(self, file: int, stored: Any, places: _Places) -> bool:
        """One point for each combination; False if these numbers belong to another series."""
        result, params, version, lows, highs = places.parts(stored)
        if params != self._params or str(version or "") != self._version:
            return False
        columns = self._columns
        if type(result) is not list:
            result = [result] * len(columns)
        many = len(result)
        lows = lows if type(lows) is list and len(lows) >= many else [None] * many
        highs = highs if type(highs) is list and len(highs) >= many else [None] * many
        for column, value, low, high in zip(columns, result, lows, highs, strict=False):
            column.files.append(file)
            # Most are floats; what else JSON may hold is looked at by the slower way.
            column.values.append(value if type(value) is float else asv._number(value))
            column.lows.append(low if type(low) is float else asv._number(low))
            column.highs.append(high if type(high) is float else asv._number(high))
        return True


class _Places:
    """Where the parts of a stored result stand in its list."""

    def __init__(self, columns: Any) -> None:
        names = [str(name) for name in columns] if isinstance(columns, list) else []
        found = {name: at for at, name in enumerate(names)}
        wanted = ("result", "params", "version", "stats_ci_99_a", "stats_ci_99_b")
        self._places = [found.get(name) for name in wanted]
        whole = [place for place in self._places if place is not None]
        self._whole = itemgetter(*whole) if len(whole) == len(wanted) else None
        self._least = max(whole, default=0) + 1

    def parts(self, stored: Any) -> tuple[Any, Any, Any, Any, Any]:
        """Values, parameters, version and both ends of the interval, None for what is not there."""
        if type(stored) is list:
            if self._whole is not None and len(stored) >= self._least:
                return self._whole(stored)  # type: ignore[no-any-return]  # five places, five parts
            found = [
                stored[at] if at is not None and at < len(stored) else None for at in self._places
            ]
            return found[0], found[1], found[2], found[3], found[4]
        if type(stored) is dict:
            return stored.get("result"), stored.get("params"), stored.get("version"), None, None
        return stored, None, None, None, None


def _whole(kept: _Kept, files: int) -> bool:
    """Whether its arrays are of one length and name files that there are."""
    count = len(kept.files) // 4
    if (len(kept.values), len(kept.lows), len(kept.highs)) != (8 * count, 4 * count, 4 * count):
        return False
    return len(kept.files) == 4 * count and max(array("I", kept.files), default=-1) < files


_LAST: list[tuple[Any, _Places]] = []


def _places(columns: Any) -> _Places:
    """Files of one folder name their columns alike."""
    if not _LAST or _LAST[0][0] != columns:
        _LAST[:] = [(columns, _Places(columns))]
    return _LAST[0][1]


def _files(folder: Path) -> Iterator[tuple[str, Stamp]]:
    """All files of results by their path below the folder."""
    with os.scandir(folder) as machines:
        for machine in machines:
            if not machine.is_dir():
                continue
            with os.scandir(machine.path) as files:
                for file in files:
                    if file.name.endswith(".json") and file.name != "machine.json":
                        about = file.stat()
                        stamp = about.st_mtime_ns, about.st_size
                        yield f"{machine.name}/{file.name}", stamp
