"""The files of a new project, from the texts in ``texts/``."""

from __future__ import annotations

import re
from importlib import metadata, resources

from harness.project.names import Names

#: What pip knows us as.
DISTRIBUTION = "spacetimedb-harness"

#: File -> the text it is made from. The client's side is left out with ``--server-only``.
_BOTH = {
    "pyproject.toml": "pyproject.toml.in",
    "requirements.txt": "requirements.txt.in",
    ".gitignore": "gitignore.in",
    "src/{package}/main.py": "main.py.in",
}
_WITH_CLIENT = {
    "README.md": "README.md.in",
    "spacetime.json": "spacetime.json.in",
    "src/{package}/__init__.py": "__init__.py.in",
    "src/{package}/__main__.py": "__main__.py.in",
    "src/{package}/client.py": "client.py.in",
}
_SERVER_ONLY = {
    "README.md": "server_README.md.in",
    "spacetime.json": "server_spacetime.json.in",
    "src/{package}/__init__.py": "server_init.py.in",
}
_HOLE = re.compile(r"\{\{(\w+)\}\}")


def files(names: Names, *, server_only: bool = False) -> dict[str, str]:
    """Relative path, with slashes -> text. The same names give the same texts."""
    values = {
        "distribution": names.distribution,
        "package": names.package,
        "database": names.distribution,
        "requirement": requirement(),
        "client": f"python -m {names.package}.client".ljust(34),  # the width of the lines around it
        "description": "A chat module on SpacetimeDB" if server_only else "A chat on SpacetimeDB",
    }
    folder = resources.files("harness.project") / "texts"
    chosen = {**_BOTH, **(_SERVER_ONLY if server_only else _WITH_CLIENT)}
    return {
        path.format(package=names.package): _filled((folder / source).read_text("utf-8"), values)
        for path, source in sorted(chosen.items())
    }


def requirement() -> str:
    """What a project needs at run time: us, from the version that made it on."""
    return f"{DISTRIBUTION}>={metadata.version(DISTRIBUTION)}"


def _filled(text: str, values: dict[str, str]) -> str:
    return _HOLE.sub(lambda match: values[match[1]], text)
