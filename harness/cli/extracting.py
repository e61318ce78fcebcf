"""A Python module's definition, taken in a process of its own: its code is run to get it.

``python -m harness.cli.extracting MODULE [FOLDER…]`` prints the definition V10; the folders are
where packages are looked for first. With ``--project`` before it is the module of a project, below
one folder.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

from harness.errors import HarnessError, SchemaError

#: Seconds for the process: the import has its own, shorter limit, which says more.
LIMIT_S = 60.0


def definition_of(module: str, folders: Sequence[Path] = (), *, project: bool = False) -> Any:
    """The JSON of a module's definition.

    With ``project`` it is put together as ``harness build`` does for the project in the first
    folder. What the module prints goes to stderr. Raises ``SchemaError`` with what is wrong and
    where.
    """
    command = [sys.executable, "-m", "harness.cli.extracting"]
    command += [*(["--project"] if project else []), module, *map(str, folders)]
    try:
        done = subprocess.run(
            command, stdout=subprocess.PIPE, timeout=LIMIT_S, check=False, stdin=subprocess.DEVNULL
        )
    except subprocess.TimeoutExpired:
        raise SchemaError(f"{module} did not say what it declares in {LIMIT_S:g} s") from None
    try:
        answer = json.loads(done.stdout)
    except ValueError:
        raise SchemaError(
            f"{module} ended the process that imports it, with exit code {done.returncode}"
        ) from None
    if "problems" in answer:
        raise SchemaError(answer["problems"])
    return answer


def main(arguments: Sequence[str]) -> int:
    """Print the definition, or the problems, as one object."""
    from harness.cli import compiling
    from harness.module.loading import load_from
    from harness.wire import schema_json

    project = arguments[0] == "--project"
    module, *folders = arguments[project:]
    load = partial(load_from, Path(folders[0])) if project else None
    sys.path[:0] = folders
    # The module may write to the descriptor of stdout: it gets that of stderr in its place.
    import os

    with os.fdopen(os.dup(1), "w") as answers:
        os.dup2(2, 1)
        try:
            found: Any = {"V10": schema_json.to_v10(compiling.valid(module, load).definition())}
        except HarnessError as error:
            found = {"problems": str(error)}
        json.dump(found, answers)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
