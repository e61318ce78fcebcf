"""asv over thirty commits by the clock, and `harness changes` on what it stored."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

from harness.cli import main
from tests.scratch import HARNESS, Scratch

COMMITS, AT = 30, 18


def lent(folder: Path) -> Path:
    """A file that lends an environment what this one has installed."""
    path = folder / "lend.py"
    path.write_text(
        "import pathlib, sysconfig\n"
        "place = pathlib.Path(sysconfig.get_paths()['purelib'])\n"
        f"(place / 'lent.pth').write_text({sysconfig.get_paths()['purelib']!r})\n"
    )
    return path


def history(folder: Path, percent: float) -> tuple[Scratch, list[str]]:
    """Thirty commits; from one on encoding many rows costs so much more."""
    folder.mkdir()
    made = Scratch(folder)
    commits = []
    for at in range(COMMITS):
        # All have the same wrapper, so that only the share differs.
        made.slow_encoding(percent if at >= AT else 0.0001)
        commits.append(made.commit(f"commit {at}"))
    return made, commits


@pytest.mark.slow
@pytest.mark.parametrize("percent", [10, 5])
def test_the_clock_finds_the_commit_beside_a_yardstick(
    percent: float, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Minutes of real measuring, on a machine that may have other work: that is the point."""
    made, commits = history(tmp_path / "repository", percent)
    shutil.copytree(
        HARNESS.parent / "suites", tmp_path / "suites",
        ignore=lambda place, names: [
            name for name in names if name not in ("__init__.py", "common.py", "paced.py",
                                                   "yardstick.py")
        ],
    )  # fmt: skip
    config = {
        "version": 1, "project": "spacetimedb_harness", "repo": str(made.folder),
        "branches": ["main"], "benchmark_dir": str(tmp_path / "suites"),
        "environment_type": "virtualenv",
        "pythons": [f"{sys.version_info.major}.{sys.version_info.minor}"],
        "build_command": [
            "python -m pip wheel --no-deps --no-build-isolation"
            " --wheel-dir {build_cache_dir} {build_dir}"
        ],
        "install_command": ["in-dir={env_dir} python -m pip install --no-deps {wheel_file}",
                            f"in-dir={{env_dir}} python {lent(tmp_path)}"],
        "uninstall_command": ["return-code=any python -m pip uninstall -y {project}"],
        "env_dir": str(tmp_path / "env"), "results_dir": str(tmp_path / "results"),
        "html_dir": str(tmp_path / "html"),
    }  # fmt: skip
    path = tmp_path / "asv.conf.json"
    path.write_text(json.dumps(config))
    asv = [sys.executable, "-m", "asv"]
    subprocess.run([*asv, "machine", "--yes", "--config", str(path)], check=True,
                   capture_output=True)  # fmt: skip
    done = subprocess.run(
        [*asv, "run", "--config", str(path), "--bench", "paced", "--record-samples",
         "--show-stderr", "ALL"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (tmp_path / "results").is_dir(), done.stdout[-3000:] + done.stderr[-3000:]
    given = ["changes", str(tmp_path / "results"), "--json", "--no-cache",
             "--repository", str(made.folder)]  # fmt: skip
    assert main(given) == 0
    report = json.loads(capsys.readouterr().out)
    found = [one for one in report["events"] if ".track_encode" in one["benchmark"]]
    assert found, done.stdout[-3000:] + done.stderr[-3000:]
    for event in found:
        assert event["direction"] == "worse"
        assert abs(commits.index(event["commit_after"]) - AT) <= 2
        assert event["ratio"] == pytest.approx(1 + percent / 100, abs=0.03)
    others = [one for one in report["events"] if one not in found]
    assert not [one for one in others if "track_decode" in one["benchmark"]]
