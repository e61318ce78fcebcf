"""Real servers in the cache: installed with cargo, found, removed. Cargo is a script here."""

from __future__ import annotations

import os
import shutil
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import psutil
import pytest

from harness.errors import PlanError, TargetError
from harness.targets import install, servers
from harness.targets.install import install as build

#: Bounds liveness only.
PATIENCE_S = 30.0

#: Does what cargo does with the folder after --root.
GOOD = """
echo "    Updating crates.io index" >&2
echo "   Compiling serde v1.0.200" >&2
while [ "$1" != --root ]; do shift; done
mkdir -p "$2/bin"
printf '#!/bin/sh\\n' > "$2/bin/spacetimedb-standalone"
chmod 755 "$2/bin/spacetimedb-standalone"
"""
UNKNOWN = """
echo "    Updating crates.io index" >&2
echo 'error: could not find `spacetimedb-standalone` in registry `x` with version `=9.9.9`' >&2
exit 101
"""
BROKEN = """
for i in $(seq 40); do echo "   Compiling crate$i v0.1.$i" >&2; done
echo "error: linker \\`cc\\` not found" >&2
exit 101
"""
FULL = """
echo "error: failed to write file: No space left on device (os error 28)" >&2
exit 101
"""
#: Compiles for ever, in a child of its own as rustc is.
ENDLESS = """
echo $$ > "$HERE/cargo.pid"
echo "   Compiling serde v1.0.200" >&2
sleep 600
"""


class Place(NamedTuple):
    """An empty cache, and a folder for cargo that is first on PATH."""

    servers: Path
    bin: Path

    def cargo(self, script: str) -> None:
        path = self.bin / "cargo"
        path.write_text(f"#!/bin/sh\nHERE={self.bin}\necho x >> $HERE/calls\n{script}")
        path.chmod(path.stat().st_mode | stat.S_IXUSR)

    @property
    def calls(self) -> int:
        file = self.bin / "calls"
        return len(file.read_text().split()) if file.exists() else 0

    def left(self) -> list[str]:
        return sorted(path.name for path in self.servers.iterdir())


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("CARGO_HOME", str(tmp_path / "no-cargo"))
    programs = tmp_path / "bin"
    programs.mkdir()
    monkeypatch.setenv("PATH", f"{programs}{os.pathsep}{os.environ['PATH']}")
    return Place(tmp_path / "cache" / "spacetimedb-harness" / "servers", programs)


def test_an_install_says_what_cargo_says_and_leaves_the_server_alone(place: Place) -> None:
    place.cargo(GOOD)
    said: list[tuple[float, str]] = []
    ticks = iter(range(100))
    found, new = build("1.2.0", lambda s, text: said.append((s, text)), lambda: float(next(ticks)))
    assert new
    assert found.path == place.servers / "1.2.0" / "bin" / "spacetimedb-standalone"
    assert said == [(1.0, "Updating crates.io index"), (2.0, "Compiling serde v1.0.200")]
    assert place.left() == ["1.2.0"]
    assert servers.installed() == [found] == [servers.newest()]


def test_a_second_install_does_nothing(place: Place) -> None:
    place.cargo(GOOD)
    first, _ = build("1.2.0")
    assert build("1.2.0") == (first, False)
    assert place.calls == 1


@pytest.mark.parametrize(
    ("script", "version", "said"),
    [
        (UNKNOWN, "9.9.9", "there is no spacetimedb-standalone 9.9.9 to install"),
        (BROKEN, "1.2.0", "exit code 101); it said last:\n"),
        (BROKEN, "1.2.0", "\n  error: linker `cc` not found"),
        (FULL, "1.2.0", "the disk was full while server 1.2.0 was built"),
        ("true", "1.2.0", "server 1.2.0 was not installed: "),
        ('while [ "$1" != --root ]; do shift; done; mkdir -p "$2"', "1.2.0", "there is no program"),
    ],
)
def test_a_build_that_fails_says_why_and_leaves_nothing(
    place: Place, script: str, version: str, said: str
) -> None:
    place.cargo(script)
    with pytest.raises(TargetError) as caught:
        build(version)
    assert said in str(caught.value)
    assert str(caught.value).count("\n") <= 16
    assert not [name for name in place.left() if name.startswith(".")]
    assert servers.installed() == []


def test_without_cargo_the_next_step_is_named(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(place.bin))
    with pytest.raises(TargetError, match=r"needs cargo, .* install Rust \(https://rustup.rs\)"):
        build("1.2.0")


def test_a_full_disk_is_seen_before_anything_is_built(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    place.cargo(GOOD)
    usage = shutil._ntuple_diskusage(10**12, 10**12 - 10**9, 10**9)  # type: ignore[attr-defined]  # what disk_usage gives
    monkeypatch.setattr(install.shutil, "disk_usage", lambda path: usage)
    with pytest.raises(TargetError, match=r"needs 4 GB in .*, and 1\.0 GB are free"):
        build("1.2.0")
    assert place.calls == 0


@pytest.mark.parametrize(
    "version", ["", "latest", "1.2", "../../etc", "1.2.0/x", "v1.2.0", "-1.2.0"]
)
def test_what_is_no_version_is_refused(place: Place, version: str) -> None:
    for act in (build, servers.find, servers.remove):
        with pytest.raises(PlanError, match=r"written like 1\.2\.0"):
            act(version)


def test_versions_are_ordered_by_number() -> None:
    versions = ["1.12.0", "1.2.0", "2.0.0-rc1", "2.0.0", "1.2.10"]
    ordered = ["1.2.0", "1.2.10", "1.12.0", "2.0.0-rc1", "2.0.0"]
    assert sorted(versions, key=servers.order) == ordered


def test_what_is_no_server_is_not_listed(place: Place) -> None:
    place.cargo(GOOD)
    build("1.2.0")
    (place.servers / "1.3.0").mkdir()
    (place.servers / "notes").mkdir()
    (place.servers / ".building-1.4.0" / "bin").mkdir(parents=True)
    assert [found.version for found in servers.installed()] == ["1.2.0"]


def test_remove(place: Place) -> None:
    place.cargo(GOOD)
    build("1.2.0")
    servers.remove("1.2.0")
    assert place.left() == []
    with pytest.raises(TargetError, match=r"1\.2\.0 is not installed; installed: none"):
        servers.remove("1.2.0")


PROGRAM = """
import signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)
from harness.cli import main
sys.exit(main(["server", "install", "1.2.0"]))
"""


def _begin(place: Place) -> tuple[subprocess.Popen[str], psutil.Process]:
    """An install that is building, and its cargo."""
    place.cargo(ENDLESS)
    harness = subprocess.Popen(
        [sys.executable, "-c", PROGRAM], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert harness.stderr is not None
    assert harness.stderr.readline() == "[0:00] Compiling serde v1.0.200\n"
    return harness, psutil.Process(int((place.bin / "cargo.pid").read_text()))


def _until(true: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + PATIENCE_S
    while not true() and time.monotonic() < deadline:
        time.sleep(0.02)
    return true()


def _gone(process: psutil.Process) -> bool:
    try:
        return not process.is_running() or process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def test_two_at_once_are_told_apart_and_ctrl_c_leaves_nothing(place: Place) -> None:
    harness, cargo = _begin(place)
    with harness:
        with pytest.raises(TargetError, match="another harness is installing or removing"):
            build("1.2.0")
        with (
            pytest.raises(TargetError, match="another harness is installing or removing"),
            servers.locked(),
        ):
            pass
        helpers = [cargo, *cargo.children(recursive=True)]
        assert place.left() == [".building-1.2.0"]
        harness.send_signal(signal.SIGINT)
        out, said = harness.communicate(timeout=PATIENCE_S)
    assert (harness.returncode, out, said.strip()) == (130, "", "harness: stopped")
    assert place.left() == []
    assert all(map(_gone, helpers))


def test_kill_9_leaves_no_process_and_no_lock(place: Place) -> None:
    harness, cargo = _begin(place)
    with harness:
        helpers = [cargo, *cargo.children(recursive=True)]
        harness.kill()
        harness.communicate(timeout=PATIENCE_S)
    assert _until(lambda: all(map(_gone, helpers)))
    assert _until(lambda: place.left() == [])
    place.cargo(GOOD)
    assert build("1.2.0")[1]
