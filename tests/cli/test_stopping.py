"""Whoever stops ``harness run`` gets what was finished, and nothing runs on or is left behind."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from harness.records import Level
from harness.store import runs
from tests.processes import running

#: Ctrl-C is ignored by children of a shell's background jobs, which tests may be.
PROGRAM = """
import signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)
from harness.cli import main
sys.exit(main(["run", "tables", "--quick", "--out", sys.argv[1]]))
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_results_survive_and_processes_do_not(number: signal.Signals, tmp_path: Path) -> None:
    command = [sys.executable, "-c", PROGRAM, str(tmp_path)]
    with running(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as harness:
        assert harness.stderr is not None
        for line in harness.stderr:
            if line.startswith("[ 2/"):
                break
        helpers = psutil.Process(harness.pid).children(recursive=True)
        folders = [
            Path(command[at + 1]).parent
            for command in (helper.cmdline() for helper in helpers)
            for at, word in enumerate(command)
            if word == "--data-dir"
        ]
        harness.send_signal(number)
        table, said = harness.communicate(timeout=60)
    assert harness.returncode == 130
    assert "stopped; the table has what was finished" in said
    assert "Traceback" not in said
    assert "insert, one row a call" in table
    assert "update" not in table
    (stored,) = runs.names(tmp_path)
    assert runs.find(stored, tmp_path).verdict.level in Level
    assert helpers
    assert not [helper for helper in helpers if _runs(helper)]
    assert folders
    assert not [folder for folder in folders if folder.exists()]


def _runs(process: psutil.Process) -> bool:
    """Whether it still does anything: what nobody has buried yet does not count."""
    try:
        return bool(process.is_running() and process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False
