"""The official npm clients, installed once into the user's cache, and their scenarios; and axe.

`python -m tests.e2e.npm` installs them ahead of the tests.
"""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.errors import TargetError
from harness.targets import npm

#: Versions of the package `spacetimedb`, and the protocols that each speaks.
VERSIONS = {"2.10.1": ("v3", "v2"), "1.12.0": ("v1",)}
#: Bounds liveness only.
SCRIPT_LIMIT_S = 180

#: The checker of accessibility that is put into pages.
AXE = "axe-core@4.14.1"

SCENARIOS = Path(__file__).resolve().parent / "scenarios.mjs"


@dataclass(frozen=True, slots=True)
class Client:
    """One installed version, told to speak one protocol."""

    version: str
    protocol: str
    folder: Path

    def run(self, scenario: str, uri: str, **options: Any) -> dict[str, Any]:
        """Run a scenario of scenarios.mjs and give what it reports: its JSON lines, merged.

        A scenario that throws, or does not end, fails with everything that it printed.
        """
        request = {
            "prefix": str(self.folder),
            "protocol": self.protocol,
            "scenario": scenario,
            "uri": uri,
            **options,
        }
        result = subprocess.run(
            ["node", str(SCENARIOS), json.dumps(request)],
            capture_output=True,
            text=True,
            timeout=SCRIPT_LIMIT_S,
            check=False,
            stdin=subprocess.DEVNULL,
        )
        said = f"{result.stdout}\n{result.stderr}"
        report: dict[str, Any] = {}
        for line in result.stdout.splitlines():
            if line.startswith("{"):
                report.update(json.loads(line))
        assert result.returncode == 0, said
        assert report.get("finished") == scenario, said
        return report


def axe() -> Path:
    """The script of axe-core, installed if need be. Raises ``TargetError`` saying what is missing.

    Nothing of it is run while it is installed.
    """
    folder = npm.cache_folder() / "npm" / AXE
    script = folder / "node_modules" / "axe-core" / "axe.min.js"
    if script.exists():
        return script
    npm.add(folder, AXE, options=["--ignore-scripts"])
    return script


def main() -> int:
    """Install all of it; the exit code is 1 if something is missing."""
    missing = 0
    try:
        print(f"{AXE}: {axe()}")
    except TargetError as error:
        print(f"{AXE}: {error}", file=sys.stderr)
        missing = 1
    for version in VERSIONS:
        try:
            print(f"spacetimedb {version}: {npm.install(version)}")
        except TargetError as error:
            print(f"spacetimedb {version}: {error}", file=sys.stderr)
            missing = 1
    return missing


if __name__ == "__main__":
    sys.exit(main())
