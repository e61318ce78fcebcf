"""A quick measurement as a CI step: fails if a figure is VOID, and shows the table in the summary.

``python -m ci.smoke`` runs ``harness run --quick``. Where GitHub names a file for the job's summary
(``GITHUB_STEP_SUMMARY``), the same table is appended to it as Markdown. The exit code is that of
``harness run``: 0, or 3 if some row is VOID. Speed is not judged: a shared runner cannot.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path


def main() -> int:
    """Measure, print, summarise."""
    command = [sys.executable, "-m", "harness", "run", "--quick", "--markdown"]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
    print(done.stdout)
    summary = os.environ.get("GITHUB_STEP_SUMMARY")
    if summary and done.stdout:
        with Path(summary).open("a") as file:
            file.write(f"### Measured on this runner\n\n{done.stdout}\n")
    return done.returncode


if __name__ == "__main__":
    sys.exit(main())
